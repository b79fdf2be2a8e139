/// How much longer deadlines that conclude from silence run, because the owner could not listen.
///
/// A deadline is as much later as it ran while nobody listened, and by a margin, in which those that could not be heard
/// are heard again. One that began to run after that is not.
struct SilenceRule {
    /// When nobody listened, the latest last. They do not touch.
    private var stalls: [Stall] = []

    private struct Stall {
        var from: Timestamp
        var through: Timestamp

        var length: Duration { through - from }
    }

    /// Deadlines may lie this far ahead; a stall counts as long.
    private static let memory: Duration = .seconds(300)
    private static let margin: Duration = .seconds(5)
    /// What is not longer is none; and what is no further apart is one.
    static let stallMin: Duration = .seconds(1)

    /// - Parameter length: none where it is not more than `stallMin`.
    mutating func stalled(for length: Duration, endingAt end: Timestamp) {
        guard length > Self.stallMin else { return }
        note(Stall(from: end + (.zero - length), through: end))
    }

    /// Whoever is asked again and again and does not answer was away from the first question on, however soon each failed.
    mutating func askedInVain(from asked: Timestamp, to end: Timestamp) { note(Stall(from: asked, through: end)) }

    /// What was noticed twice, and what comes again at once, is one stall.
    private mutating func note(_ stall: Stall) {
        var stall = stall
        while let last = stalls.last, stall.from <= last.through + Self.stallMin {
            stall.from = min(stall.from, last.from)
            stall.through = max(stall.through, last.through)
            stalls.removeLast()
        }
        stalls.removeAll { $0.length <= Self.stallMin || stall.through - $0.through > Self.memory }
        stalls.append(stall)
    }

    /// How much later than its time a deadline is due, as it looks at `now`.
    /// - Parameter since: from when on it waits for what it has not heard, or earlier.
    func extended(since: Timestamp, at now: Timestamp) -> Duration {
        var extra = Duration.zero
        for stall in stalls where stall.length > Self.stallMin && now - stall.through <= Self.memory {
            if since <= stall.through { extra += stall.through - max(stall.from, since) + Self.margin }
        }
        return extra
    }
}
