/// The requests of one connection that wait for a machine's answer, and until when.
///
/// An id may be used again once it is answered, so the deadline of an earlier request says nothing about a later one.
package struct PendingAnswers {
    private var deadlines: [String: ContinuousClock.Instant] = [:]

    package init() {}

    package var isEmpty: Bool { deadlines.isEmpty }

    package mutating func expect(_ request: String, until deadline: ContinuousClock.Instant) {
        deadlines[request] = deadline
    }

    /// - Returns: false where nobody waits: answered 50300 already, or never asked on this connection.
    package mutating func answer(_ request: String) -> Bool { deadlines.removeValue(forKey: request) != nil }

    /// The deadline of a request has passed.
    /// - Returns: whether it is this very request that still waits; then it waits no longer.
    package mutating func giveUp(_ request: String, at deadline: ContinuousClock.Instant) -> Bool {
        guard deadlines[request] == deadline else { return false }
        deadlines[request] = nil
        return true
    }
}
