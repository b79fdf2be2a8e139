import Switchboard

/// How each endpoint has answered of late, over all partitions of this dispatcher. On its loop alone.
final class EndpointHealth {
    /// Since when nothing was answered with 2xx.
    private var failingSince: [String: Timestamp] = [:]
    private var failedAt: [String: Timestamp] = [:]
    private var arrivedAt: [String: Timestamp] = [:]
    /// Endpoints that asked to be left alone, until their timer.
    private var pauses: [String: (until: Timestamp, timer: LoopTimer)] = [:]
    private let loop: EventLoop

    /// Where nothing was tried for so long, it is not known that it failed all the time: more than the longest wait of
    /// the schedule.
    private static let silenceMax: Duration = .seconds(2 * 86_400)

    init(loop: EventLoop) { self.loop = loop }

    func arrived(_ id: String, at now: Timestamp) {
        failingSince[id] = nil
        arrivedAt[id] = now
    }

    /// - Returns: since when it fails.
    func failed(_ id: String, at now: Timestamp) -> Timestamp {
        let wasSilent = failedAt[id].map { $0 + Self.silenceMax < now } ?? true
        let since = wasSilent ? now : failingSince[id] ?? now
        failingSince[id] = since
        failedAt[id] = now
        return since
    }

    func since(_ id: String) -> Timestamp? { failingSince[id] }

    /// What another wrote of it; the later one counts, since something may have arrived elsewhere in between.
    func restore(_ id: String, since: Timestamp, at now: Timestamp) {
        if failedAt[id] == nil { failedAt[id] = now }
        if let arrived = arrivedAt[id], arrived >= since { return }
        failingSince[id] = max(failingSince[id] ?? since, since)
    }

    func forget(_ id: String) {
        failingSince[id] = nil
        failedAt[id] = nil
        arrivedAt[id] = nil
        pauses[id] = nil
    }

    // MARK: left alone

    func isPaused(_ id: String) -> Bool { pauses[id] != nil }

    /// - Parameter done: when it may be sent to again.
    func pause(_ id: String, for length: Duration, at now: Timestamp, _ done: @escaping () -> Void) {
        let length = min(length, RetrySchedule.retryAfterMax)
        let until = now + length
        if let known = pauses[id], known.until >= until { return }
        let timer = loop.schedule(after: length) { [unowned self] in
            pauses[id] = nil
            done()
        }
        pauses[id] = (until, timer)
    }
}
