/// What decides: a value without clock, dice or input and output.
///
/// `handle` proposes facts and changes nothing; `apply` folds one fact into the state. The same facts in the same
/// order always give the same state, so that an owner that takes over continues exactly where the last one stopped.
package protocol Machine: Sendable {
    associatedtype Input: Sendable
    associatedtype Fact: Sendable

    /// Decides one input. `now` is the append time of its inbox record, or the owner's time for a timer.
    /// - Returns: the facts that follow, in order; none where the input changes nothing and is only answered.
    /// - Throws: the refusal that the asker is answered with; the state is then unchanged.
    func handle(_ input: Input, at now: Timestamp) throws(Refusal) -> [Fact]

    /// Folds one fact. `now` is the time of the record it stands in; the sequence grows by one with each fact.
    mutating func apply(_ fact: Fact, at now: Timestamp)

    /// The input that says "a deadline has passed". `silenceCounts` is false while the owner could not listen for long
    /// enough to conclude anything from silence.
    static func timer(silenceCounts: Bool) -> Input

    var deadlines: Deadlines { get }

    /// The number of the last fact applied; 0 before the first.
    var sequence: Int { get }

    /// From this moment nothing is left to remember: the owner drops it, and a new one starts from nothing.
    var forgetAt: Timestamp? { get }
}

/// The next moments at which a machine must be asked again.
package struct Deadlines: Hashable, Sendable {
    /// Due whatever the owner has been through.
    package var plain: Timestamp?
    /// Concludes from silence: runs longer where the owner could not listen.
    package var silence: Timestamp?

    package init(plain: Timestamp? = nil, silence: Timestamp? = nil) {
        self.plain = plain
        self.silence = silence
    }

    package mutating func plain(at time: Timestamp) { plain = plain.map { min($0, time) } ?? time }
    package mutating func silence(at time: Timestamp) { silence = silence.map { min($0, time) } ?? time }
}
