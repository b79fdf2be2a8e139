import Switchboard

/// When a webhook that was not answered is tried again.
package struct RetrySchedule {
    /// What lies between an attempt and the next.
    package static let waitsDefault: [Duration] = [
        .seconds(5), .seconds(30), .seconds(300), .seconds(1800), .seconds(7200), .seconds(18_000), .seconds(36_000),
        .seconds(86_400),
    ]
    /// A fifth more or less, so that many that failed together do not come back together.
    private static let spread = 0.8...1.2
    /// However long a server asks us to stay away.
    static let retryAfterMax: Duration = .seconds(86_400)

    private let waitsMilliseconds: [Double]

    /// - Parameter first: the first wait, by which all are scaled; nil leaves them.
    package init(waits: [Duration], first: Duration?) {
        let own = waits.first.map { Double($0.milliseconds) } ?? 1
        let scale = first.map { Double($0.milliseconds) / own } ?? 1
        waitsMilliseconds = waits.map { Double($0.milliseconds) * scale }
    }

    /// - Parameters:
    ///   - attempt: how many have failed; 1 is the first.
    ///   - asked: what the server's `Retry-After` said.
    /// - Returns: nil: that was the last.
    package func delay(afterAttempt attempt: Int, asked: Duration?) -> Duration? {
        guard attempt <= waitsMilliseconds.count else { return nil }
        let own = Duration.milliseconds(Int64(waitsMilliseconds[attempt - 1] * Double.random(in: Self.spread)))
        guard let asked else { return own }
        return max(own, min(asked, Self.retryAfterMax))
    }
}
