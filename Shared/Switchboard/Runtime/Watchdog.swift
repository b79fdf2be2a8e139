internal import Synchronization

/// Notices a loop that no longer turns.
///
/// It counts its own ticks rather than reading a clock: a process that was stopped and continued, or a machine that
/// slept, has missed no tick, and is not ended for it.
package final class Watchdog: Sendable {
    /// In ticks of a second.
    package static let silenceMax = 5

    private final class Watched: Sendable {
        let loop: EventLoop
        /// Ticks since the loop was asked to turn and did not answer.
        let silence = Atomic<Int>(0)
        let isAsked = Atomic<Bool>(false)
        let hasTurned = Atomic<Bool>(false)
        init(_ loop: EventLoop) { self.loop = loop }
    }

    private let watched = Locked<[Watched]>([])

    package init() {}

    package func watch(_ loop: EventLoop) {
        watched.withLock { $0.append(Watched(loop)) }
    }

    /// Call once a second. A loop counts from its first answer on: one that does not run yet is not hung.
    /// - Returns: the name of a loop that has not turned for `silenceMax` ticks.
    package func tick() -> String? {
        for entry in watched.withLock({ $0 }) {
            if entry.isAsked.exchange(true, ordering: .relaxed) {
                guard entry.hasTurned.load(ordering: .relaxed) else { continue }
                if entry.silence.wrappingAdd(1, ordering: .relaxed).newValue >= Self.silenceMax {
                    return entry.loop.name
                }
                continue
            }
            entry.loop.execute {
                entry.hasTurned.store(true, ordering: .relaxed)
                entry.silence.store(0, ordering: .relaxed)
                entry.isAsked.store(false, ordering: .relaxed)
            }
        }
        return nil
    }
}
