import Switchboard

/// Questions of clients that the view answers: any copy takes any of them.
final class Queries {
    private let reader: QueryReader
    private let world: LedgerWorld
    private let view: LogView<CallFact>
    private let log: Log

    /// For records that no request waits for: each try waits for the view as long as a request does.
    private static let tries = 5

    init(world: LedgerWorld, view: LogView<CallFact>, log: Log) throws(KafkaFailure) {
        self.world = world
        self.view = view
        self.log = log
        reader = try QueryReader(settings: world.settings.kafka, loop: world.loop, log: log) { [unowned world] in
            world.askEnds($0, $1)
        }
        reader.onRecord = { [unowned self] record in take(record) }
    }

    func close(_ done: @escaping () -> Void) { reader.close(done) }

    private func take(_ record: KafkaRecord) {
        guard let query = try? QueryRecord(json: record.value) else {
            return log.warning("a query cannot be read and is passed over", ["offset": record.offset])
        }
        answer(query, triesLeft: Self.tries)
    }

    private func answer(_ query: QueryRecord, triesLeft: Int) {
        let key = RecordKey.of(query.app, query.user)
        let settings = world.settings
        var places = (0..<settings.partitions).map { KafkaPartition(LedgerName.calls.log, $0) }
        places.append(KafkaPartition(Topic.callRecords, settings.partition(of: key, in: .users)))
        let bound = LoopBound(self, on: world.loop)
        world.askEnds(places) { [view, loop = world.loop] ends in
            guard let ends else {
                bound.value?.send(nil, for: query, triesLeft: triesLeft - 1)
                return
            }
            view.read(
                whenAt: ends, within: ViewDoor<CallFact>.patience,
                // The end of a call stands in the log before its records stand in their topic, and may be told sooner.
                and: { database in try CallView.awaitsRecords(of: key, in: database) == false },
                { database in try Self.frames(for: query, in: database) },
                { frames in
                    loop.execute { bound.value?.send(frames, for: query, triesLeft: triesLeft - 1) }
                })
        }
    }

    /// Read on the view's thread.
    private static func frames(for query: QueryRecord, in database: SQLiteDatabase) throws -> [Opaque] {
        let key = RecordKey.of(query.app, query.user)
        let request = query.reply.asker.request
        switch query.reply.type {
        case "call.ongoing": return [.answer(request, try CallView.ongoing(query.app, query.user, in: database))]
        case QueryRecord.newerLogs:
            return try CallView.logs(of: key, query.logs, in: database).logs.map { .event("call.log", $0) }
        default: return [.answer(request, try CallView.logs(of: key, query.logs, in: database))]
        }
    }

    /// - Parameter frames: nil where the view was not there in time, or the broker did not say what it must show. A
    ///   client that asked is told so, and asks again; for the records of one that has just connected this asks again.
    private func send(_ frames: [Opaque]?, for query: QueryRecord, triesLeft: Int) {
        let asker = query.reply.asker
        if let frames {
            for frame in frames { world.send(frame, to: asker.connection) }
        } else if query.reply.type != QueryRecord.newerLogs {
            world.send(.refusal(asker.request, Refusal(.tryAgain)), to: asker.connection)
        } else if triesLeft > 0 {
            answer(query, triesLeft: triesLeft)
        }
    }
}
