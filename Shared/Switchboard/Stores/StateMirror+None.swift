/// The mirror of a process whose ledgers show nothing.
package final class NoStateMirror: StateMirror {
    package var onLost: ((LedgerName, Int32) -> Void)?
    private let loop: EventLoop

    package init(loop: EventLoop) { self.loop = loop }

    package func write(
        _ ledger: LedgerName, _ partition: Int32, marker: Int64, _ changes: [(key: String, value: [UInt8]?)]
    ) {}

    package func writeAfresh(
        _ ledger: LedgerName, _ partition: Int32, marker: Int64, _ all: [(key: String, value: [UInt8])]
    ) {}

    package func letGo(_ ledger: LedgerName, _ partition: Int32) {}

    package func look(
        _ ledger: LedgerName, at keys: [(partition: Int32, key: String)], _ done: @escaping ([[UInt8]?]) -> Void
    ) {
        loop.atEndOfTurn { done(keys.map { _ in nil }) }
    }
}
