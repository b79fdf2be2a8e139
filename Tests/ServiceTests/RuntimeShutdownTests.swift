import Support
import Switchboard
import Testing

@Suite("Stopping")
struct RuntimeShutdownTests {
    @Test("Stop steps run in order, one after the other, and then the loop ends")
    func order() async throws {
        let seen = Seen()
        let (loop, shutdown) = process(seen)
        shutdown.step("doors") { done in
            seen.add("doors close")
            seen.keep(
                loop.schedule(after: .milliseconds(20)) {
                    seen.add("doors closed")
                    done()
                    done()
                })
        }
        shutdown.step("loops") { done in
            seen.add("loops finish")
            done()
        }
        shutdown.begin()
        shutdown.begin()
        try await runs(loop, seen)
        #expect(seen.all == ["doors close", "doors closed", "loops finish"])
        #expect(seen.health.report == "not ready\nstopping\n")
    }

    @Test("A step that never ends is passed over")
    func slowStep() async throws {
        let seen = Seen()
        let (loop, shutdown) = process(seen)
        shutdown.step("stuck", within: .milliseconds(30)) { _ in seen.add("stuck") }
        shutdown.step("after") { done in
            seen.add("after")
            done()
        }
        shutdown.begin()
        try await runs(loop, seen)
        #expect(seen.all == ["stuck", "after"])
        #expect(seen.log.contains("a stop step took too long"))
    }

    @Test("The watchdog names a loop that stopped turning, and none that turns or has not begun")
    func watchdog() async throws {
        let held = EventLoop(name: "held")
        let free = EventLoop(name: "free")
        let watchdog = Watchdog()
        watchdog.watch(held)
        watchdog.watch(free)
        watchdog.watch(EventLoop(name: "not begun"))
        free.start()
        held.start()
        #expect(watchdog.tick() == nil)
        await turns(held)
        let seen = Seen()
        held.execute { while !seen.all.contains("open") {} }
        var named: String?
        for _ in 0...Watchdog.silenceMax {
            named = watchdog.tick()
            // The free loop answers before the next tick.
            await turns(free)
        }
        #expect(named == "held")
        seen.add("open")
        await turns(held)
        #expect(watchdog.tick() == nil)
        held.stop()
        free.stop()
    }

    private func process(_ seen: Seen) -> (EventLoop, Shutdown) {
        let loop = EventLoop(name: "test")
        let log = Log(service: "test", sink: { line in seen.write(line) })
        return (loop, Shutdown(loop: loop, log: log, health: seen.health))
    }

    /// Runs the loop and waits until it was told to end.
    private func runs(_ loop: EventLoop, _ seen: Seen) async throws {
        loop.start()
        let limit = ContinuousClock.now + .seconds(10)
        while !seen.log.contains("stopped") {
            try #require(ContinuousClock.now < limit, "the stop steps did not end: \(seen.all)")
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    private func turns(_ loop: EventLoop) async {
        await answered { (continuation: Answering<Void>) in
            loop.execute { continuation.resume() }
        }
    }
}

/// What happened, for a test to read.
private final class Seen: @unchecked Sendable {
    let health = Health()
    private let events = Locked<[String]>([])
    private let lines = Locked("")
    private var timer: LoopTimer?

    func add(_ event: String) { events.withLock { $0.append(event) } }
    func write(_ line: [UInt8]) { lines.withLock { $0 += String(decoding: line, as: UTF8.self) } }
    func keep(_ timer: LoopTimer) { self.timer = timer }
    var all: [String] { events.withLock { $0 } }
    var log: String { lines.withLock { $0 } }
}
