/// The present, as a mirror for looking at fast: who is connected where and who is in which room. It decides nothing.
///
/// Each partition of a ledger has one writer, its owner, fenced by the offset of its marker. A reader that finds no
/// stamp knows nothing, and never takes that for "offline".
package protocol StateMirror: AnyObject {
    /// Called where a partition's mirror is missing or not what its owner wrote: the owner writes it afresh.
    var onLost: ((LedgerName, Int32) -> Void)? { get set }

    /// An empty value deletes. Values may not be empty otherwise.
    func write(_ ledger: LedgerName, _ partition: Int32, marker: Int64, _ changes: [(key: String, value: [UInt8]?)])

    /// Everything there is to see of a partition, instead of whatever is there; its stamp comes last.
    func writeAfresh(_ ledger: LedgerName, _ partition: Int32, marker: Int64, _ all: [(key: String, value: [UInt8])])

    /// The partition is another's now: it is no longer checked.
    func letGo(_ ledger: LedgerName, _ partition: Int32)

    /// What the mirror shows of the keys, in their order, within `MirrorLimit.look`: nil is "unknown", an empty value
    /// "nothing to see".
    func look(_ ledger: LedgerName, at keys: [(partition: Int32, key: String)], _ done: @escaping ([[UInt8]?]) -> Void)
}

package enum MirrorLimit {
    /// How long a decision waits for a look.
    package static let look: Duration = .milliseconds(20)
    /// How often an owner checks that its stamp stands.
    package static let check: Duration = .seconds(1)
    /// Fields written by one command when a partition is written afresh.
    package static let fieldsPerCommand = 500
}
