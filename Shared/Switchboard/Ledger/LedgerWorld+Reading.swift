/// Logs for owners that take over, and inboxes for those that decide.
extension LedgerWorld {
    // MARK: reading logs

    func readLog(
        _ topic: String, _ partition: Int32, from start: LogStart, upTo marker: Int64,
        each: @escaping (Int64, UnsafeRawBufferPointer) -> Void, _ done: @escaping (Bool) -> Void
    ) {
        guard let reader, let id = reader.topic(topic) else { return loop.atEndOfTurn { done(false) } }
        let key = ReadingKey(topic: id, partition: partition)
        stopReading(topic, partition)
        readings[key] = LogReading(marker: marker, start: start, each: each, done: done)
        switch start {
        case .beginning: reader.add(id, partition, at: .beginning)
        case .offset(let offset): reader.add(id, partition, at: .offset(offset))
        case .last(let count):
            reader.add(id, partition, at: marker > count ? .offset(marker - count) : .beginning)
        }
    }

    /// The log has let go of where the reading was to begin: it begins with what there is.
    /// - Returns: false where it does already.
    func readFromBeginning(_ topic: KafkaTopicID, _ partition: Int32) -> Bool {
        let key = ReadingKey(topic: topic, partition: partition)
        guard let reader, var reading = readings[key], reading.start != .beginning else { return false }
        if case .offset(let offset) = reading.start {
            log.error(
                "a log has lost what its owner needs",
                ["ledger": ledgers[topic.index].name.rawValue, "partition": Int(partition), "replayFrom": offset])
        }
        reading.start = .beginning
        readings[key] = reading
        reader.remove(topic, partition)
        reader.add(topic, partition, at: .beginning)
        return true
    }

    func stopReading(_ topic: String, _ partition: Int32) {
        guard let reader, let id = reader.topic(topic) else { return }
        if readings.removeValue(forKey: ReadingKey(topic: id, partition: partition)) != nil {
            reader.remove(id, partition)
        }
    }

    func read(_ record: KafkaRecord) {
        if let ledger = ledger(ofInbox: record.topic) { return ledger.receive(record) }
        let key = ReadingKey(topic: record.topic, partition: record.partition)
        guard let reading = readings[key] else { return }
        if record.offset < reading.marker { return reading.each(record.offset, record.value) }
        readings[key] = nil
        reader?.remove(record.topic, record.partition)
        reading.done(true)
    }

    // MARK: inboxes

    func openInbox(_ topic: String, _ partition: Int32, at offset: Int64?) {
        guard let consumer, let id = consumer.topic(topic) else { return }
        let opening = InboxOpening(at: offset ?? 0)
        inboxes[ReadingKey(topic: id, partition: partition)] = opening
        consumer.add(id, partition, at: opening.offset)
    }

    /// The inbox does not have what its owner asked for. What it has let go of is lost: somebody must know, and what came
    /// after it is decided. An inbox that ends before it is not the one that was decided about.
    func findInboxStart(_ topic: KafkaTopicID, _ partition: Int32) {
        let ledger = ledgers[topic.index]
        let place = KafkaPartition(ledger.name.inbox, partition)
        let key = ReadingKey(topic: topic, partition: partition)
        consumer?.remove(topic, partition)
        guard let opening = inboxes[key] else { return }
        admin.startOffsets(of: [place]) { [self] result in
            // Another owner may have opened it meanwhile, or nobody reads it here any more.
            guard inboxes[key] === opening else { return }
            let wanted = opening.offset
            guard case .success(let starts) = result, let start = starts[place], start > wanted, let consumer else {
                log.error(
                    "an inbox does not reach as far as it was decided",
                    ["ledger": ledger.name.rawValue, "partition": Int(partition), "offset": wanted])
                return ledger.endOwner(partition, "the inbox cannot be read")
            }
            ledger.lostInputs(partition, wanted, start)
            consumer.add(topic, partition, at: start)
        }
    }

    func closeInbox(_ topic: String, _ partition: Int32) {
        stopReadingOn(topic, partition)
        guard let consumer, let id = consumer.topic(topic) else { return }
        inboxes[ReadingKey(topic: id, partition: partition)] = nil
        consumer.remove(id, partition)
    }

    func setInbox(_ topic: String, _ partition: Int32, flows: Bool) {
        if setReadingOn(topic, partition, flows: flows) { return }
        guard let consumer, let id = consumer.topic(topic) else { return }
        if flows { consumer.resume(id, partition) } else { consumer.pause(id, partition) }
    }

    /// Where an inbox ends: behind every record that its broker had taken when this was asked. `done` comes once, with nil
    /// where that is not known within `probeLimit`.
    ///
    /// A broker that is asked for it says less than it has taken: how far the copies have come; and with one copy, too, a
    /// record that has its time already may not count yet. So a record of our own goes there, and all that is older stands
    /// before it.
    func askEnd(_ topic: String, _ partition: Int32, _ done: @escaping (InboxEnd?) -> Void) {
        let answer = Once(done)
        let isTaken = append([], key: InboxProbe.key, to: topic, partition) { result in
            guard case .acknowledged(let offset, let time) = result else { return answer.give(nil) }
            answer.give(InboxEnd(offset: offset + 1, time: time))
        }
        guard isTaken else { return loop.atEndOfTurn { answer.give(nil) } }
        answer.timer = loop.schedule(after: Self.probeLimit) { answer.give(nil) }
    }

    /// A record of an inbox that asks nothing.
    static func isProbe(_ record: KafkaRecord) -> Bool {
        record.value.isEmpty && record.key.elementsEqual(InboxProbe.key.utf8)
    }

    private static let probeLimit: Duration = .seconds(2)

    private final class Once {
        var timer: LoopTimer?
        private var done: ((InboxEnd?) -> Void)?

        init(_ done: @escaping (InboxEnd?) -> Void) { self.done = done }

        func give(_ end: InboxEnd?) {
            timer = nil
            exchange(&done, with: nil)?(end)
        }
    }
}
