import Switchboard

/// When a webhook that was not answered is tried again.
struct RetrySchedule {
    /// What lies between an attempt and the next, in seconds; with a fifth more or less, so that many that failed
    /// together do not come back together.
    private static let steps: [Double] = [5, 30, 300, 1800, 7200, 18_000, 36_000, 86_400]
    private static let spread = 0.8...1.2
    private static let firstStep: Duration = .seconds(5)
    /// However long a server asks us to stay away.
    private static let retryAfterMax: Duration = .seconds(86_400)
    /// An event waits so long for the one of its subject before it.
    static let orderHeld: Duration = .seconds(300)

    private let scale: Double

    /// - Parameter first: the first step, by which all are scaled.
    init(first: Duration) { scale = Double(first.milliseconds) / Double(Self.firstStep.milliseconds) }

    /// - Parameters:
    ///   - attempt: how many have failed; 1 is the first.
    ///   - asked: what the server's `Retry-After` said.
    /// - Returns: nil: that was the last.
    func delay(afterAttempt attempt: Int, asked: Duration?) -> Duration? {
        guard attempt <= Self.steps.count else { return nil }
        let seconds = Self.steps[attempt - 1] * scale * Double.random(in: Self.spread)
        let own = Duration.milliseconds(Int64(seconds * 1000))
        guard let asked else { return own }
        return max(own, min(asked, Self.retryAfterMax))
    }
}
