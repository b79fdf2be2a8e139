/// What the engine has to know of a kind of machine beyond the machine: its ledger, what a decision looks at, and what
/// follows from a fact. Everything here is a pure function, so that an owner that takes over performs the same again.
package protocol Book<State> {
    associatedtype State: Machine & Message where State.Input: Message, State.Fact: Message

    static var ledger: LedgerName { get }

    /// The state of a key of which nothing is known; nil for a key that cannot be.
    func blank(for key: String) -> State?

    /// Completes an input by where it was caused, for instance with a SessionID.
    func complete(_ input: inout State.Input, key: String, source: SourceMark?)

    /// Whose presence the decision looks at; empty for most inputs.
    func looks(of input: State.Input, key: String) -> [String]
    /// Adds what was seen, in the order of the looks; nil is "unknown".
    func add(_ seen: [Presence?], to input: inout State.Input)

    /// An input for a whole partition, as inputs for the keys it touches; nil for an ordinary one.
    func expand(_ input: State.Input, over states: (_ body: (String, State) -> Void) -> Void) -> [(
        String, State.Input
    )]?

    /// Takes note of an input that left no fact, in what is not folded.
    func observe(_ input: State.Input, by state: inout State, at now: Timestamp)

    /// An owner begins to hear at `now`: what is known by listening alone, and not folded, begins here.
    func begin(_ state: inout State, hearingFrom now: Timestamp)

    /// A command that was accepted is handed to the machine when it comes again, which answers by what is now; else the
    /// answer is without facts, and so it is where the machine would not accept it any more.
    func isRepeatable(_ input: State.Input) -> Bool
    /// Names who asks in the reply, for an answer without facts.
    func nameAsker(of input: State.Input, in reply: inout Reply)

    /// What follows from one fact; `state` has just applied it.
    func perform(_ fact: State.Fact, key: String, before: State, after state: State, into effects: inout Effects)

    /// How many public events the fact is.
    func eventCount(of fact: State.Fact, before: State) -> Int
    /// Whether the numbers of its events count the facts of their subject, or else places in the log.
    var countsFacts: Bool { get }

    /// The answer to an input that was accepted; nil where it comes later, from a fact.
    func answer(_ reply: Reply, key: String, facts: [State.Fact], state: State, into effects: inout Effects)

    /// The answer to a refused input.
    func refuse(_ reply: Reply, key: String, _ refusal: Refusal, state: State, into effects: inout Effects)

    /// The value that mirrors this state in Redis; nil where there is nothing to see.
    func mirror(_ state: State, key: String) -> [UInt8]?
    var isMirrored: Bool { get }
}

extension Book {
    package func complete(_ input: inout State.Input, key: String, source: SourceMark?) {}
    package func looks(of input: State.Input, key: String) -> [String] { [] }
    package func add(_ seen: [Presence?], to input: inout State.Input) {}
    package func expand(
        _ input: State.Input, over states: (_ body: (String, State) -> Void) -> Void
    ) -> [(String, State.Input)]? { nil }
    package func observe(_ input: State.Input, by state: inout State, at now: Timestamp) {}
    package func begin(_ state: inout State, hearingFrom now: Timestamp) {}
    package func isRepeatable(_ input: State.Input) -> Bool { false }
    package func nameAsker(of input: State.Input, in reply: inout Reply) {}
    package func mirror(_ state: State, key: String) -> [UInt8]? { nil }
    package var isMirrored: Bool { false }
    package func eventCount(of fact: State.Fact, before: State) -> Int { 0 }
    package var countsFacts: Bool { false }
}

/// What follows from a decision: performed once it is accepted, in this order, each at its place.
package struct Effects: Sendable {
    package enum Effect: Sendable {
        /// For one connection.
        case frame(Connection, DeliveryEntry)
        case call(key: String, CallInput)
        case user(key: String, UserInput)
        case room(key: String, RoomInput)
        /// For every partition of `users.inbox`.
        case gatewayDied(incarnation: String)
        /// One record per user and call.
        case callRecord(key: String, [UInt8])

        var isFrame: Bool { if case .frame = self { true } else { false } }
    }

    package private(set) var all: [Effect] = []

    package init() {}

    package var isEmpty: Bool { all.isEmpty }

    package mutating func append(_ effect: Effect) { all.append(effect) }

    package mutating func frame(
        to connection: Connection, _ frame: Opaque?, note: DeliveryNote? = nil, close: Int? = nil
    ) {
        all.append(.frame(connection, DeliveryEntry(to: connection, frame: frame, note: note, close: close)))
    }
}
