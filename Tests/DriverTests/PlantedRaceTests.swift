#if THREAD_SANITIZER
    import Glibc
    import Switchboard
    import Synchronization
    import Testing

    /// Races that the thread sanitizer must report; where it is silent about one of them, its silence about all else says
    /// nothing. Deploy/Local/sanitize runs them alone.
    ///
    /// The two threads of each touch `count` in no order but the one that is named: what they wait for is relaxed, which
    /// orders nothing. They do it many times, because the Swift runtime has locks of its own, and what happens between two
    /// of its calls is all that these leave unordered.
    @Suite struct PlantedRaceTests {
        private static let times = 2000
        private static let each = 50

        /// What was sent to a loop comes after what its sender did before, and not after what it does next.
        @Test func senderGoesOnBesideTheLoop() {
            let shared = Shared()
            let loop = EventLoop(name: "planted")
            loop.start()
            loop.execute {
                shared.meet()
                for _ in 0..<Self.times { shared.add(Self.each) }
                shared.leave()
            }
            shared.meet()
            for _ in 0..<Self.times { shared.add(Self.each) }
            shared.leave()
            loop.stop()
        }

        /// A lock orders those who take that lock, and not those who take another.
        @Test func eachTakesALockOfItsOwn() {
            let shared = Shared()
            let loop = EventLoop(name: "planted")
            loop.start()
            loop.execute {
                shared.meet()
                for _ in 0..<Self.times { shared.one.withLock { _ in shared.add(Self.each) } }
                shared.leave()
            }
            shared.meet()
            for _ in 0..<Self.times { shared.other.withLock { _ in shared.add(Self.each) } }
            shared.leave()
            loop.stop()
        }
    }

    /// Waiting sleeps: the sanitizer remembers so much of what a thread did last, and turning round and round would push out
    /// the access that it has to tell of.
    private final class Shared: @unchecked Sendable {
        let one = Locked(0)
        let other = Locked(0)
        private var count = 0

        func add(_ times: Int) {
            for _ in 0..<times { count += 1 }
        }

        private let come = Atomic<Int>(0)
        private let gone = Atomic<Int>(0)

        /// Waits until both are there.
        func meet() {
            come.wrappingAdd(1, ordering: .relaxed)
            while come.load(ordering: .relaxed) < 2 { usleep(100) }
        }

        /// Waits until both have done what they do.
        func leave() {
            gone.wrappingAdd(1, ordering: .relaxed)
            while gone.load(ordering: .relaxed) < 2 { usleep(100) }
        }
    }
#endif
