/// Applications are told by their log alone: nothing follows from their facts, and nobody waits on a connection.
package struct RegistryBook: Book {
    package typealias State = Application

    package static let ledger = LedgerName.registry

    package init() {}

    package func blank(for key: String) -> Application? { key.isEmpty ? nil : Application() }

    package func perform(
        _ fact: ApplicationFact, key: String, before: Application, after state: Application, into effects: inout Effects
    ) {}

    package func answer(
        _ reply: Reply, key: String, facts: [ApplicationFact], state: Application, into effects: inout Effects
    ) {}

    package func refuse(
        _ reply: Reply, key: String, _ refusal: Refusal, state: Application, into effects: inout Effects
    ) {}
}
