/// What decides: a value without clock, dice or input and output.
///
/// `handle` proposes facts and changes nothing; `apply` folds one fact into the state. The same facts in the same
/// order always give the same state, so that an owner that takes over continues exactly where the last one stopped.
package protocol Machine: Sendable {
    associatedtype Input: Sendable
    associatedtype Fact: Sendable

    /// Decides one input. `now` is the append time of its inbox record, or the deadline's own time for a timer.
    /// - Returns: the facts that follow, in order; none where the input changes nothing and is only answered.
    /// - Throws: the refusal that the asker is answered with; the state is then unchanged.
    func handle(_ input: Input, at now: Timestamp) throws(Refusal) -> [Fact]

    /// Folds one fact. `now` is the time of the record it stands in; the sequence grows by one with each fact.
    mutating func apply(_ fact: Fact, at now: Timestamp)

    /// The input that says "a deadline has passed".
    static var timer: Input { get }

    /// The next moment at which `timer` must be handled, if any.
    var deadline: Timestamp? { get }

    /// Whether the next deadline concludes from silence, and so must not run while the owner could not listen.
    var deadlineIsSilence: Bool { get }

    /// The number of the last fact applied; 0 before the first.
    var sequence: Int { get }

    /// Nothing is left to remember: the owner may drop it, and a new one starts from nothing.
    var isForgettable: Bool { get }
}
