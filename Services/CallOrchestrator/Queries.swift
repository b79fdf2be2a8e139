import Switchboard

/// Questions of clients that the view answers: any copy takes any of them.
final class Queries {
    private let consumer: KafkaGroupConsumer
    private let world: LedgerWorld
    private let view: LogView<CallFact>
    private let log: Log

    private static let group = "switchboard.queries.v1"

    init(world: LedgerWorld, view: LogView<CallFact>, log: Log) throws(KafkaFailure) {
        self.world = world
        self.view = view
        self.log = log
        consumer = try KafkaGroupConsumer(
            settings: world.settings.kafka, group: Self.group, topics: [Topic.queries], loop: world.loop)
        consumer.onAssigned = { [unowned self] topic, partitions in begin(topic, partitions) }
        consumer.onRecord = { [unowned self] record in take(record) }
        consumer.onFailure = { [log] _, partition, failure in
            log.warning("queries cannot be read", ["partition": Int(partition), "failure": failure.description])
        }
    }

    func close(_ done: @escaping () -> Void) { consumer.close(done) }

    /// From the end: whoever asked before has been answered, or asks again.
    private func begin(_ topic: KafkaTopicID, _ partitions: [Int32]) {
        let places = partitions.map { KafkaPartition(Topic.queries, $0) }
        world.askEnds(places) { [weak self] ends in
            guard let self, let ends else { return }
            for (place, end) in ends { consumer.add(topic, place.partition, at: end) }
        }
    }

    private func take(_ record: KafkaRecord) {
        guard let query = try? QueryRecord(json: record.value) else {
            return log.warning("a query cannot be read and is passed over", ["offset": record.offset])
        }
        let key = RecordKey.of(query.app, query.user)
        let settings = world.settings
        var places = (0..<settings.partitions).map { KafkaPartition(LedgerName.calls.log, $0) }
        places.append(KafkaPartition(Topic.callRecords, settings.partition(of: key, in: .users)))
        let asker = query.reply.asker
        let bound = LoopBound(world, on: world.loop)
        world.askEnds(places) { [view, loop = world.loop] ends in
            guard let ends else { return }
            view.read(
                whenAt: ends, within: ViewDoor<CallFact>.patience,
                // The end of a call stands in the log before its records stand in their topic, and may be told sooner.
                and: { database in try CallView.awaitsRecords(of: key, in: database) == false },
                { database in try CallView.logs(of: key, query.logs, in: database) },
                { answer in
                    let frame =
                        answer.map { Opaque.answer(asker.request, $0) } ?? .refusal(asker.request, Refusal(.tryAgain))
                    loop.execute { bound.value?.send(frame, to: asker.connection) }
                })
        }
    }
}
