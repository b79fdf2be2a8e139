import Switchboard

/// Calls as tables: each decision as it stands in the log, and the records of each user.
enum CallView {
    private static let tables = """
        CREATE TABLE decisions (
            key TEXT NOT NULL, sequence INTEGER NOT NULL, time INTEGER NOT NULL, record BLOB NOT NULL,
            PRIMARY KEY (key, sequence));
        CREATE TABLE calls (
            key TEXT PRIMARY KEY, app TEXT NOT NULL, startedAt INTEGER NOT NULL, isOver INTEGER NOT NULL) WITHOUT ROWID;
        CREATE INDEX callsByApp ON calls (app, isOver, startedAt);
        CREATE TABLE members (user TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (user, key)) WITHOUT ROWID;
        CREATE TABLE logs (
            user TEXT NOT NULL, syncTime INTEGER NOT NULL, callId TEXT NOT NULL, entry BLOB NOT NULL,
            PRIMARY KEY (user, callId));
        CREATE UNIQUE INDEX logsByTime ON logs (user, syncTime);
        """

    /// Records of ended calls that have not come: the two topics are read side by side.
    private static let awaitedTables = """
        CREATE TABLE awaited (user TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (user, key)) WITHOUT ROWID;
        CREATE INDEX membersByCall ON members (key);
        """

    private static let ages = """
        CREATE INDEX decisionsByTime ON decisions (time);
        CREATE INDEX callsByStart ON calls (startedAt);
        CREATE INDEX awaitedByCall ON awaited (key);
        CREATE INDEX logsByAge ON logs (syncTime);
        """

    static let migrations = [tables, awaitedTables, ages]

    static func make(
        path: String, settings: LedgerSettings, log: Log, fail: @escaping @Sendable (String) -> Void,
        outdated: @escaping @Sendable (String) -> Void
    ) -> LogView<CallFact> {
        let records = LogView<CallFact>.Plain(
            topic: Topic.callRecords, retention: TopicRetention.callRecords,
            letting: .init(ageOut: ageOutLogs, clear: { database in try database.run("DELETE FROM logs") }),
            take: { database, time, user, value in try takeLog(value, of: user, at: time, into: database) })
        let filling = LogView<CallFact>.Filling(
            migrations: migrations, letting: .init(ageOut: ageOut, clear: clear),
            take: { database, record, bytes in try take(record, bytes, into: database) }, plain: records)
        return LogView(
            name: "calls-view", path: path, settings: settings, ledger: .calls, filling: filling, log: log, fail: fail,
            outdated: outdated)
    }

    static func take(
        _ record: LogRecord<CallFact>, _ bytes: [UInt8], into database: SQLiteDatabase
    ) throws {
        if record.kind == .snapshot { return try restore(record, bytes, into: database) }
        guard record.kind == .facts, !record.facts.isEmpty, let (app, id) = RecordKey.split(record.key) else { return }
        try database.run(
            """
            INSERT OR IGNORE INTO decisions
            VALUES (\(record.key), \(record.sequence), \(record.time.milliseconds), \(bytes))
            """)
        for fact in record.facts {
            switch fact {
            case .started(let started):
                try database.run(
                    "INSERT OR IGNORE INTO calls VALUES (\(record.key), \(app.text), \(record.time.milliseconds), \(false))"
                )
                for user in [started.caller] + started.callees.map(\.user) {
                    try database.run("INSERT OR IGNORE INTO members VALUES (\(RecordKey.of(app, user)), \(record.key))")
                }
            case .ended:
                try database.run("UPDATE calls SET isOver = \(true) WHERE key = \(record.key)")
                try database.run(
                    """
                    INSERT OR IGNORE INTO awaited SELECT user, key FROM members WHERE key = \(record.key)
                    AND NOT EXISTS (SELECT 1 FROM logs WHERE logs.user = members.user AND callId = \(id))
                    """)
            default: break
            }
        }
    }

    /// A record is upserted by its call; its time is the broker's, and unique for its user.
    private static func takeLog(
        _ value: [UInt8], of user: String, at time: Timestamp, into database: SQLiteDatabase
    ) throws {
        guard let entry = try? CallLogEntry(json: value) else { return }
        let newest = try database.first("SELECT max(syncTime) FROM logs WHERE user = \(user)") { row in
            try row(Int64?.self)
        }
        let syncTime = max(time.milliseconds, ((newest ?? nil) ?? 0) + 1)
        try database.run(
            """
            INSERT OR REPLACE INTO logs
            VALUES (\(user), \(syncTime), \(entry.callId.text), \(value))
            """)
        guard let (app, _) = RecordKey.split(user) else { return }
        try database.run("DELETE FROM awaited WHERE user = \(user) AND key = \(RecordKey.of(app, entry.callId))")
    }

    /// Of a call that began before the log does: its snapshot stands for what was decided before.
    private static func restore(
        _ record: LogRecord<CallFact>, _ bytes: [UInt8], into database: SQLiteDatabase
    ) throws {
        guard let (app, _) = RecordKey.split(record.key), let state = record.state,
            let call = try? Carried<Call>(json: state.bytes).state, call.isLive
        else { return }
        let isNew = try database.run(
            """
            INSERT OR IGNORE INTO calls
            VALUES (\(record.key), \(app.text), \(call.createdAt.milliseconds), \(false))
            """)
        guard isNew > 0 else { return }
        for member in call.participants {
            try database.run(
                "INSERT OR IGNORE INTO members VALUES (\(RecordKey.of(app, member.user)), \(record.key))")
        }
        try database.run(
            """
            INSERT OR REPLACE INTO decisions
            VALUES (\(record.key), \(record.sequence), \(record.time.milliseconds), \(bytes))
            """)
    }

    // MARK: letting go

    /// A call that is over goes by when it began, as a view loses it that is filled later; one that lasts stays, since a
    /// snapshot brings it there too.
    static func ageOut(_ database: SQLiteDatabase, before: Timestamp, limit: Int) throws -> Int {
        let calls = try database.all(
            "SELECT key FROM calls WHERE startedAt < \(before.milliseconds) AND isOver = \(true) LIMIT \(limit)"
        ) { row in try row(String.self) }
        for key in calls {
            for sql: SQL in [
                "DELETE FROM decisions WHERE key = \(key)", "DELETE FROM members WHERE key = \(key)",
                "DELETE FROM awaited WHERE key = \(key)", "DELETE FROM calls WHERE key = \(key)",
            ] { try database.run(sql) }
        }
        guard calls.count < limit else { return limit }
        // Of calls that never began.
        let decisions = try database.run(
            """
            DELETE FROM decisions WHERE rowid IN (
                SELECT rowid FROM decisions WHERE time < \(before.milliseconds)
                AND NOT EXISTS (SELECT 1 FROM calls WHERE calls.key = decisions.key) LIMIT \(limit))
            """)
        return max(calls.count, decisions)
    }

    static func ageOutLogs(_ database: SQLiteDatabase, before: Timestamp, limit: Int) throws -> Int {
        try database.run(
            """
            DELETE FROM logs WHERE rowid IN (
                SELECT rowid FROM logs WHERE syncTime < \(before.milliseconds) LIMIT \(limit))
            """)
    }

    private static func clear(_ database: SQLiteDatabase) throws {
        for table: SQL in [
            "DELETE FROM decisions", "DELETE FROM calls", "DELETE FROM members", "DELETE FROM awaited",
        ] { try database.run(table) }
    }

    // MARK: questions

    struct Story: Sendable {
        var call: Call
        var items: [CallTimeline.Item]
    }

    /// A call folded from its decisions; nil where there is none, and where the log did not have the first of them.
    static func story(of key: String, in database: SQLiteDatabase) throws -> Story? {
        guard let (_, id) = RecordKey.split(key) else { return nil }
        let records = try database.all(
            "SELECT record FROM decisions WHERE key = \(key) ORDER BY sequence"
        ) { row in try row([UInt8].self) }
        var story = Story(call: Call(id: CallID(id)), items: [])
        for bytes in records {
            let record = try LogRecord<CallFact>(json: bytes)
            if record.kind == .snapshot, let state = record.state {
                story = Story(call: try Carried<Call>(json: state.bytes).state, items: [])
            } else if story.call.sequence == 0, record.sequence != 1 {
                continue
            }
            for fact in record.facts {
                // That a device which was away has been told the end happens to the device, not to the call.
                let wasOver = story.call.endTime != nil
                story.call.apply(fact, at: record.time)
                if !wasOver {
                    story.items.append(CallTimeline.item(fact, of: story.call, at: record.time))
                }
            }
        }
        return story.call.phase == .unknown ? nil : story
    }

    static func keys(of app: AppKey, user: String?, isOver: Bool?, in database: SQLiteDatabase) throws -> [String] {
        let over = isOver.map { $0 ? 1 : 0 }
        if let user {
            return try database.all(
                """
                SELECT calls.key FROM members JOIN calls ON calls.key = members.key
                WHERE members.user = \("\(app.text)/\(user)") AND (\(over) IS NULL OR isOver = \(over))
                ORDER BY startedAt DESC LIMIT \(CallDoor.pageMax)
                """
            ) { row in try row(String.self) }
        }
        return try database.all(
            """
            SELECT key FROM calls WHERE app = \(app.text) AND (\(over) IS NULL OR isOver = \(over))
            ORDER BY startedAt DESC LIMIT \(CallDoor.pageMax)
            """
        ) { row in try row(String.self) }
    }

    /// The calls of a user that are not over, the newest first; at most as many as a page holds.
    static func ongoing(_ app: AppKey, _ user: UserID, in database: SQLiteDatabase) throws -> OngoingAnswer {
        var answer = OngoingAnswer()
        for key in try keys(of: app, user: user.text, isOver: false, in: database) {
            guard let call = try story(of: key, in: database)?.call, let member = call.participant(user) else {
                continue
            }
            answer.logs.append(CallLogEntry(of: call, for: member))
        }
        return answer
    }

    /// Whether a call of this user has ended whose record has not come yet.
    static func awaitsRecords(of user: String, in database: SQLiteDatabase) throws -> Bool {
        try database.first("SELECT 1 FROM awaited WHERE user = \(user) LIMIT 1") { row in try row(Int64.self) } != nil
    }

    /// A page of a user's records; bounds are exclusive.
    static func logs(of user: String, _ wish: CallLogsRequest, in database: SQLiteDatabase) throws -> CallLogsAnswer {
        let descending = wish.order == 1
        let isOpen = wish.startTime == nil || wish.startTime == Timestamp(milliseconds: -1)
        let start = isOpen ? (descending ? Int64.max : -1) : (wish.startTime?.milliseconds ?? 0)
        let read = { (row: inout SQLiteRow) throws in
            let syncTime = Timestamp(milliseconds: try row())
            var entry = try CallLogEntry(json: try row([UInt8].self))
            entry.syncTime = syncTime
            return entry
        }
        var found =
            descending
            ? try database.all(
                """
                SELECT syncTime, entry FROM logs WHERE user = \(user) AND syncTime < \(start)
                ORDER BY syncTime DESC LIMIT \(wish.count + 1)
                """, read)
            : try database.all(
                """
                SELECT syncTime, entry FROM logs WHERE user = \(user) AND syncTime > \(start)
                ORDER BY syncTime LIMIT \(wish.count + 1)
                """, read)
        var answer = CallLogsAnswer()
        answer.hasMore = found.count > wish.count
        found = Array(found.prefix(wish.count))
        answer.syncTime = found.last?.syncTime ?? Timestamp(milliseconds: max(0, isOpen ? 0 : start))
        answer.logs = found
        return answer
    }
}
