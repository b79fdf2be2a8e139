/// How an owner reaches the world. The real one speaks to Kafka and Redis on a loop; simulations keep all of it in
/// memory. Every callback comes exactly once, later, on the same loop, and never from within the call.
package protocol LedgerPorts: AnyObject {
    var clock: Timestamp { get }
    /// Unique among all incarnations ever.
    func freshIncarnation() -> String

    /// Appends to the log, in the order of the calls.
    /// - Returns: false where the queue is full: nothing was taken, and the owner tries again.
    func append(
        _ record: [UInt8], key: String, to partition: Int32, _ done: @escaping (LogAppend) -> Void
    ) -> Bool

    /// Performs one effect of the record at `offset`; `done(false)` where it can never be delivered.
    func perform(_ effect: Effects.Effect, source: SourceMark, _ done: @escaping (Bool) -> Void)

    /// What the mirror shows of these keys, in their order; nil where it does not say in time.
    func look(at keys: [String], _ done: @escaping ([Presence?]) -> Void)

    /// Reads the log from `start` up to and without `marker`; `done(false)` where that failed.
    func readLog(
        _ partition: Int32, from start: LogStart, upTo marker: Int64,
        each: @escaping (_ offset: Int64, _ record: UnsafeRawBufferPointer) -> Void, _ done: @escaping (Bool) -> Void)

    /// Lets the inbox flow, from `offset` or from its beginning.
    func openInbox(_ partition: Int32, at offset: Int64?)

    /// The end of the inbox, asked for after this call; nil where that failed.
    func askInboxEnd(_ partition: Int32, _ done: @escaping (InboxEnd?) -> Void)

    /// Writes what changed to the mirror, fenced by the marker; nil deletes.
    func mirror(_ partition: Int32, marker: Int64, _ changes: [(key: String, value: [UInt8]?)])
    /// Writes a partition afresh, and its stamp last.
    func mirrorAfresh(_ partition: Int32, marker: Int64, _ all: [(key: String, value: [UInt8])])

    /// The incarnation is over; its owner has let go of everything.
    func ended(_ partition: Int32, _ ending: OwnerEnding)

    /// For people.
    func tell(_ partition: Int32, _ news: OwnerNews)
}

package enum LogStart: Hashable, Sendable {
    /// This many records before the marker, or the beginning.
    case last(Int64)
    case offset(Int64)
    case beginning
}

package enum LogAppend: Hashable, Sendable {
    case acknowledged(offset: Int64, time: Timestamp)
    case failed(String)
}

/// Where an inbox ended at a moment of its broker's: what stands behind that was appended then, or later.
package struct InboxEnd: Sendable {
    package let offset: Int64
    package let time: Timestamp

    package init(offset: Int64, time: Timestamp) {
        self.offset = offset
        self.time = time
    }
}
