/// Follows a ledger's log, partition by partition, and gives out the records that count: how views, directories and the
/// dispatcher read it.
///
/// On one loop. A position is the rule's state with the offset, so that a stored one can be gone on from.
package final class LogFollower<Fact: Message> {
    package struct Position: Hashable, Sendable {
        package var nextOffset: Int64
        package var rule: LogRule
        package init(nextOffset: Int64, rule: LogRule) {
            self.nextOffset = nextOffset
            self.rule = rule
        }
    }

    package typealias Record = LogRecord<Fact>

    /// A record that counts; not called for markers. The bytes are those of the log, and there for the call alone.
    package var onRecord:
        ((_ partition: Int32, _ offset: Int64, _ time: Timestamp, Record, UnsafeRawBufferPointer) -> Void)?
    /// After the records of a turn.
    package var onTurnEnd: (() -> Void)?
    /// The end of a partition was reached; called again whenever it is reached again.
    package var onEnd: ((_ partition: Int32) -> Void)?
    /// The log does not have the position any more, or not yet: called in place of `onFailure` where it is set. Stop the
    /// partition, and follow it again from elsewhere.
    package var onLost: ((_ partition: Int32) -> Void)?
    /// A record was written by a newer program, and nothing behind it may be taken: the partition's position stays before
    /// it, and nothing more comes.
    package var onNewer: ((_ partition: Int32, _ reason: String) -> Void)?
    /// The log lost what is needed: nothing more comes of the partition.
    package var onFailure: ((_ partition: Int32, _ reason: String) -> Void)?

    private let log: Log
    private let ledger: LedgerName
    private let reader: KafkaReader
    private let topic: KafkaTopicID
    private var positions: [Int32: Position] = [:]

    package init(
        settings: KafkaSettings, ledger: LedgerName, loop: EventLoop, lazy: Bool, log: Log
    ) throws(KafkaFailure) {
        self.log = log
        self.ledger = ledger
        reader = try KafkaReader(settings: settings, topics: [ledger.log], loop: loop, lazy: lazy)
        topic = reader.topic(ledger.log) ?? KafkaTopicID(0)
        reader.onRecord = { [unowned self] record in take(record) }
        reader.onTurnEnd = { [unowned self] in onTurnEnd?() }
        reader.onEnd = { [unowned self] _, partition in
            // Nothing need stand before the end: a log may have let go of all that it had.
            if let end = reader.position(topic, partition), end > positions[partition]?.nextOffset ?? .max {
                positions[partition]?.nextOffset = end
            }
            onEnd?(partition)
        }
        reader.onFailure = { [unowned self] _, partition, failure in
            if failure.isOffsetOutOfRange, let onLost { return onLost(partition) }
            fail(partition, failure.description)
        }
    }

    /// Begins at the log's beginning, or behind a stored position.
    package func follow(_ partition: Int32, from position: Position? = nil) {
        guard positions[partition] == nil else { return }
        positions[partition] = position ?? Position(nextOffset: 0, rule: LogRule())
        reader.add(topic, partition, at: position.map { .offset($0.nextOffset) } ?? .beginning)
    }

    package func stop(_ partition: Int32) {
        guard positions.removeValue(forKey: partition) != nil else { return }
        reader.remove(topic, partition)
    }

    package func position(_ partition: Int32) -> Position? { positions[partition] }
    package var followed: [Int32] { positions.keys.sorted() }

    package func pause(_ partition: Int32) { reader.pause(topic, partition) }
    package func resume(_ partition: Int32) { reader.resume(topic, partition) }

    package func close(_ done: (() -> Void)? = nil) { reader.close(done) }

    // Followers are made in the services' modules, where the compiler does not see these bodies.
    @specialized(where Fact == CallFact)
    @specialized(where Fact == RoomFact)
    @specialized(where Fact == UsersEntry.Fact)
    private func take(_ record: KafkaRecord) {
        guard var position = positions[record.partition] else { return }
        position.nextOffset = record.offset + 1
        defer { if positions[record.partition] != nil { positions[record.partition] = position } }
        guard let decoded = try? Record(json: record.value) else {
            // None of an owner's: owners pass it over too, and it takes nobody's ordinal.
            return log.warning(
                "a log record cannot be read and is passed over",
                ["ledger": ledger.rawValue, "partition": Int(record.partition), "offset": record.offset])
        }
        switch position.rule.judge(decoded, at: record.offset) {
        case .counts:
            positions[record.partition] = position
            onRecord?(record.partition, record.offset, record.timestamp, decoded, record.value)
        case .marker, .skipped: break
        case .levelTooHigh:
            position.nextOffset = record.offset
            reader.remove(topic, record.partition)
            let place = "\(ledger.log) \(record.partition), offset \(record.offset)"
            onNewer?(record.partition, "\(place) was written by a newer program")
        }
    }

    private func fail(_ partition: Int32, _ reason: String) {
        stop(partition)
        onFailure?(partition, reason)
    }
}
