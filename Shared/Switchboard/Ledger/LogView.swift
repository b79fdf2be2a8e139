/// A view: SQLite tables filled from a ledger's log, the position in the same transaction. Delete the file and it is
/// filled again.
///
/// It lives on a loop and thread of its own, reads lazily, and takes a turn's records in one transaction.
package final class LogView<Fact: Message>: @unchecked Sendable {
    package typealias Record = LogRecord<Fact>

    /// What fills the tables; called on the view's thread, within a transaction.
    package struct Filling: Sendable {
        /// Appended to, never changed: see `SQLiteDatabase.migrate`.
        package var migrations: [String]
        package var take: @Sendable (SQLiteDatabase, Record, _ asInLog: [UInt8]) throws -> Void
        /// How what came from the log goes again.
        package var letting: Letting
        /// A topic beside the log whose records are taken as they are.
        package var plain: Plain?

        package init(
            migrations: [String], letting: Letting,
            take: @escaping @Sendable (SQLiteDatabase, Record, [UInt8]) throws -> Void, plain: Plain? = nil
        ) {
            self.migrations = migrations
            self.letting = letting
            self.take = take
            self.plain = plain
        }
    }

    package struct Plain: Sendable {
        package var topic: String
        /// How long the topic keeps its records.
        package var retention: Duration
        package var letting: Letting
        package var take: @Sendable (SQLiteDatabase, Timestamp, _ key: String, [UInt8]) throws -> Void

        package init(
            topic: String, retention: Duration, letting: Letting,
            take: @escaping @Sendable (SQLiteDatabase, Timestamp, String, [UInt8]) throws -> Void
        ) {
            self.topic = topic
            self.retention = retention
            self.letting = letting
            self.take = take
        }
    }

    /// How tables let go of what came from one topic; within a transaction too.
    package struct Letting: Sendable {
        /// Deletes rows that a view which is filled now would not have, since the topic has let go of what made them: at
        /// most `limit` of each table. Returns how many it found of the table with the most.
        package var ageOut: @Sendable (SQLiteDatabase, _ before: Timestamp, _ limit: Int) throws -> Int
        /// Deletes all of them.
        package var clear: @Sendable (SQLiteDatabase) throws -> Void

        package init(
            ageOut: @escaping @Sendable (SQLiteDatabase, Timestamp, Int) throws -> Int,
            clear: @escaping @Sendable (SQLiteDatabase) throws -> Void
        ) {
            self.ageOut = ageOut
            self.clear = clear
        }
    }

    let loop: EventLoop
    let name: String
    let settings: LedgerSettings
    let ledger: LedgerName
    let filling: Filling
    private let path: String
    let log: Log
    let fail: @Sendable (String) -> Void
    private let outdated: @Sendable (String) -> Void

    // On the view's loop alone.
    var database: SQLiteDatabase?
    var follower: LogFollower<Fact>?
    /// As they stand in the tables.
    var stored: [Int32: LogFollower<Fact>.Position] = [:]
    var plainReader: KafkaReader?
    var plainNext: [Int32: Int64] = [:]
    var batch: [(record: Record, bytes: [UInt8])] = []
    var plainBatch: [(partition: Int32, offset: Int64, time: Timestamp, key: String, value: [UInt8])] = []
    private var waiting: [Waiting] = []
    private var patience: LoopTimer?
    var aging: LoopTimer?

    private struct Waiting {
        let ends: [KafkaPartition: Int64]
        let deadline: ContinuousClock.Instant
        let isComplete: (SQLiteDatabase) -> Bool
        let then: (SQLiteDatabase?) -> Void
    }

    private static var positionTables: String {
        """
        CREATE TABLE positions (
            topic TEXT NOT NULL, partition INTEGER NOT NULL, nextOffset INTEGER NOT NULL,
            incarnation TEXT, nextOrdinal INTEGER NOT NULL, markerOffset INTEGER NOT NULL,
            PRIMARY KEY (topic, partition)) WITHOUT ROWID;
        """
    }

    /// - Parameters:
    ///   - fail: called once, from the view's thread, when the view cannot go on.
    ///   - outdated: called from there for each partition that has a record of a newer program. The view shows what stands
    ///     before that, and no question about what may stand behind it is answered.
    package init(
        name: String, path: String, settings: LedgerSettings, ledger: LedgerName, filling: Filling, log: Log,
        fail: @escaping @Sendable (String) -> Void, outdated: @escaping @Sendable (String) -> Void
    ) {
        loop = EventLoop(name: name)
        self.name = name
        self.path = path
        self.settings = settings
        self.ledger = ledger
        self.filling = filling
        self.log = log
        self.fail = fail
        self.outdated = outdated
        loop.start()
        loop.execute { self.begin() }
    }

    package func close(_ done: @escaping @Sendable () -> Void) {
        loop.execute { [self] in
            patience = nil
            aging = nil
            let finish = { [self] in
                database = nil
                loop.stop()
                done()
            }
            guard let follower else { return finish() }
            follower.close { [self] in
                if let plainReader { plainReader.close(finish) } else { finish() }
            }
        }
    }

    // MARK: reading

    /// Runs `body` on the view's thread once the view shows everything before `ends`.
    /// - Parameters:
    ///   - isComplete: what must hold besides, for as long as there is time: what follows from the log may still be on
    ///     its way into the other topic. Without it after that.
    ///   - done: on the view's thread; nil where it was not there in time, or the tables could not be read.
    package func read<T: Sendable>(
        whenAt ends: [KafkaPartition: Int64], within limit: Duration,
        and isComplete: @escaping @Sendable (SQLiteDatabase) throws -> Bool = { _ in true },
        _ body: @escaping @Sendable (SQLiteDatabase) throws -> T, _ done: @escaping @Sendable (T?) -> Void
    ) {
        loop.execute { [self] in
            let waiter = Waiting(
                ends: ends, deadline: .now + limit,
                // A question that cannot be asked is not waited for: the body meets the same trouble.
                isComplete: { (try? isComplete($0)) ?? true },
                then: { database in done(database.flatMap { try? body($0) }) })
            waiting.append(waiter)
            serveWaiting()
        }
    }

    private func isAt(_ ends: [KafkaPartition: Int64]) -> Bool {
        ends.allSatisfy { place, end in
            let next =
                place.topic == ledger.log ? follower?.position(place.partition)?.nextOffset : plainNext[place.partition]
            return (next ?? 0) >= end
        }
    }

    private func serveWaiting(at now: ContinuousClock.Instant = .now) {
        guard !waiting.isEmpty else { return }
        var rest: [Waiting] = []
        for waiter in waiting {
            let isThere = isAt(waiter.ends)
            if isThere, waiter.deadline <= now || database.map(waiter.isComplete) ?? true {
                waiter.then(database)
            } else if waiter.deadline <= now {
                waiter.then(nil)
            } else {
                rest.append(waiter)
            }
        }
        waiting = rest
    }

    // MARK: filling

    private func begin() {
        do {
            let database = try SQLiteDatabase(path: path)
            try database.migrate([Self.positionTables] + filling.migrations)
            self.database = database
            try follow(database)
            patience = loop.every(.milliseconds(100)) { [unowned self] in serveWaiting() }
            ageOut()
        } catch {
            fail("\(name): \(error)")
        }
    }

    private func follow(_ database: SQLiteDatabase) throws {
        let follower = try LogFollower<Fact>(settings: settings.kafka, ledger: ledger, loop: loop, lazy: true, log: log)
        follower.onRecord = { [unowned self] _, _, _, record, bytes in
            batch.append((record, Array(bytes)))
        }
        follower.onTurnEnd = { [unowned self] in store() }
        follower.onEnd = { [unowned self] _ in if batch.isEmpty { serveWaiting() } }
        follower.onLost = { [unowned self] partition in refill(because: partition) }
        follower.onNewer = { [unowned self] _, reason in outdated("\(name): \(reason)") }
        follower.onFailure = { [unowned self] partition, reason in fail("\(name), partition \(partition): \(reason)") }
        self.follower = follower
        for partition in 0..<settings.partitions(of: ledger) {
            let position = try storedPosition(database, ledger.log, partition)
            stored[partition] = position
            follower.follow(partition, from: position)
        }
        guard let topic = filling.plain?.topic else { return }
        let reader = try KafkaReader(settings: settings.kafka, topics: [topic], loop: loop, lazy: true)
        reader.onRecord = { [unowned self] record in
            plainBatch.append(
                (
                    record.partition, record.offset, record.timestamp, String(decoding: record.key, as: UTF8.self),
                    Array(record.value)
                ))
        }
        reader.onTurnEnd = { [unowned self] in store() }
        reader.onEnd = { [unowned self] topic, partition in
            // Nothing need stand before the end, where the topic has let go of all that it had.
            guard let end = reader.position(topic, partition), end > plainNext[partition] ?? .max,
                !plainBatch.contains(where: { $0.partition == partition })
            else { return }
            plainNext[partition] = end
            serveWaiting()
        }
        reader.onFailure = { [unowned self] _, partition, failure in
            if failure.isOffsetOutOfRange { refillPlain(because: partition) } else { fail("\(name): \(failure)") }
        }
        plainReader = reader
        for partition in 0..<settings.partitions {
            let stored = try storedPosition(database, topic, partition)
            plainNext[partition] = stored?.nextOffset ?? 0
            reader.add(KafkaTopicID(0), partition, at: stored.map { .offset($0.nextOffset) } ?? .beginning)
        }
    }

    private func storedPosition(
        _ database: SQLiteDatabase, _ topic: String, _ partition: Int32
    ) throws -> LogFollower<Fact>.Position? {
        try database.first(
            """
            SELECT nextOffset, incarnation, nextOrdinal, markerOffset FROM positions
            WHERE topic = \(topic) AND partition = \(Int(partition))
            """
        ) { row in
            let next: Int64 = try row()
            let incarnation: String? = try row()
            let ordinal: Int64 = try row()
            let marker: Int64 = try row()
            return LogFollower<Fact>.Position(
                nextOffset: next,
                rule: LogRule(incarnation: incarnation, nextOrdinal: ordinal, markerOffset: marker))
        }
    }

    private func store() {
        guard let database else { return }
        let records = exchange(&batch, with: [])
        let plain = exchange(&plainBatch, with: [])
        do {
            try database.transaction {
                for item in records { try filling.take(database, item.record, item.bytes) }
                for item in plain { try filling.plain?.take(database, item.time, item.key, item.value) }
                for partition in follower?.followed ?? [] {
                    guard let position = follower?.position(partition), position != stored[partition] else { continue }
                    try store(position, ledger.log, partition, in: database)
                    stored[partition] = position
                }
                for item in plain { plainNext[item.partition] = item.offset + 1 }
                guard let topic = filling.plain?.topic else { return }
                for partition in Set(plain.map(\.partition)) {
                    let next = plainNext[partition] ?? 0
                    try store(.init(nextOffset: next, rule: LogRule()), topic, partition, in: database)
                }
            }
            serveWaiting()
        } catch {
            fail("\(name): \(error)")
        }
    }

    private func store(
        _ position: LogFollower<Fact>.Position, _ topic: String, _ partition: Int32, in database: SQLiteDatabase
    ) throws {
        let rule = position.rule
        try database.run(
            """
            INSERT INTO positions VALUES (\(topic), \(Int(partition)), \(position.nextOffset), \(rule.incarnation),
                \(rule.nextOrdinal), \(rule.markerOffset))
            ON CONFLICT DO UPDATE SET nextOffset = excluded.nextOffset, incarnation = excluded.incarnation,
                nextOrdinal = excluded.nextOrdinal, markerOffset = excluded.markerOffset
            """)
    }
}
