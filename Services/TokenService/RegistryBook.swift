import Switchboard

/// Applications are told by their log alone: nothing follows from their facts, and nobody waits on a connection.
struct RegistryBook: Book {
    typealias State = Application

    static let ledger = LedgerName.registry

    func blank(for key: String) -> Application? { key.isEmpty ? nil : Application() }

    func perform(
        _ fact: ApplicationFact, key: String, before: Application, after state: Application, into effects: inout Effects
    ) {}

    func answer(
        _ reply: Reply, key: String, facts: [ApplicationFact], state: Application, into effects: inout Effects
    ) {}

    func refuse(_ reply: Reply, key: String, _ refusal: Refusal, state: Application, into effects: inout Effects) {}
}
