import Switchboard

/// Sessions as tables: one row for each life of a room, one for each stay of a user in it.
enum SessionView {
    private static let tables = """
        CREATE TABLE sessions (
            app TEXT NOT NULL, id TEXT NOT NULL, room TEXT NOT NULL, kind TEXT NOT NULL,
            startedAt INTEGER NOT NULL, endedAt INTEGER, seq INTEGER NOT NULL, PRIMARY KEY (app, id)) WITHOUT ROWID;
        CREATE INDEX sessionsByRoom ON sessions (app, room, endedAt);
        CREATE TABLE stays (
            app TEXT NOT NULL, session TEXT NOT NULL, user TEXT NOT NULL, device TEXT NOT NULL, joinId TEXT NOT NULL,
            mediaType TEXT NOT NULL, joinedAt INTEGER NOT NULL, leftAt INTEGER, reason TEXT,
            PRIMARY KEY (app, session, joinId)) WITHOUT ROWID;
        """

    private static let ages = """
        CREATE INDEX sessionsByStart ON sessions (startedAt);
        CREATE INDEX staysByJoin ON stays (joinedAt);
        """

    static let migrations = [tables, ages]

    static func make(
        path: String, settings: LedgerSettings, log: Log, fail: @escaping @Sendable (String) -> Void,
        outdated: @escaping @Sendable (String) -> Void
    ) -> LogView<RoomFact> {
        let filling = LogView<RoomFact>.Filling(
            migrations: migrations,
            letting: .init(ageOut: ageOut, clear: clear),
            take: { database, record, _ in try take(record, into: database) })
        return LogView(
            name: "rooms-view", path: path, settings: settings, ledger: .rooms, filling: filling, log: log, fail: fail,
            outdated: outdated)
    }

    /// A session that is over and the stays in it go by when they began, as a view loses them that is filled later; one
    /// that lasts stays, since a snapshot brings it there too.
    static func ageOut(_ database: SQLiteDatabase, before: Timestamp, limit: Int) throws -> Int {
        let stays = try database.run(
            """
            DELETE FROM stays WHERE (app, session, joinId) IN (
                SELECT app, session, joinId FROM stays
                WHERE joinedAt < \(before.milliseconds) AND leftAt IS NOT NULL LIMIT \(limit))
            """)
        let sessions = try database.all(
            """
            SELECT app, id FROM sessions WHERE startedAt < \(before.milliseconds) AND endedAt IS NOT NULL LIMIT \(limit)
            """
        ) { row in (app: try row(String.self), id: try row(String.self)) }
        for session in sessions {
            try database.run("DELETE FROM stays WHERE app = \(session.app) AND session = \(session.id)")
            try database.run("DELETE FROM sessions WHERE app = \(session.app) AND id = \(session.id)")
        }
        return max(stays, sessions.count)
    }

    private static func clear(_ database: SQLiteDatabase) throws {
        try database.run("DELETE FROM sessions")
        try database.run("DELETE FROM stays")
    }

    /// Of a session that began before the log does.
    private static func restore(_ record: LogRecord<RoomFact>, into database: SQLiteDatabase) throws {
        guard let (app, name) = RecordKey.split(record.key), let state = record.state,
            let room = try? Carried<Room>(json: state.bytes).state, let session = room.session
        else { return }
        let isNew = try database.run(
            """
            INSERT OR IGNORE INTO sessions VALUES (\(app.text), \(session.text), \(name), \(room.kind.rawValue),
                \(room.openedAt.milliseconds), \(Int64?.none), \(record.sequence))
            """)
        guard isNew > 0 else { return }
        for member in room.members {
            try database.run(
                """
                INSERT OR IGNORE INTO stays VALUES (\(app.text), \(session.text), \(member.user.text),
                    \(member.device.text), \(member.joinID.text), \(member.mediaType.rawValue),
                    \(member.joinedAt.milliseconds), NULL, NULL)
                """)
        }
    }

    static func take(_ record: LogRecord<RoomFact>, into database: SQLiteDatabase) throws {
        if record.kind == .snapshot { return try restore(record, into: database) }
        guard record.kind == .facts, let (app, room) = RecordKey.split(record.key) else { return }
        let time = record.time.milliseconds
        for (index, fact) in record.facts.enumerated() {
            let sequence = record.sequence + index
            switch fact {
            case .opened(let opened):
                try database.run(
                    """
                    INSERT OR IGNORE INTO sessions VALUES
                    (\(app.text), \(opened.session.text), \(room), \(opened.kind.rawValue), \(time), \(Int64?.none), \(sequence))
                    """)
            case .joined(let joined):
                try database.run(
                    """
                    INSERT OR IGNORE INTO stays
                    SELECT \(app.text), id, \(joined.user.text), \(joined.device.text), \(joined.joinID.text),
                        \(joined.mediaType.rawValue), \(time), NULL, NULL
                    FROM sessions WHERE app = \(app.text) AND room = \(room) AND endedAt IS NULL
                    """)
            case .left(let left):
                try database.run(
                    """
                    UPDATE stays SET leftAt = \(time), reason = \(left.reason.rawValue)
                    WHERE app = \(app.text) AND joinId = \(left.joinID.text) AND leftAt IS NULL AND session IN
                        (SELECT id FROM sessions WHERE app = \(app.text) AND room = \(room) AND endedAt IS NULL)
                    """)
            case .closed:
                try database.run(
                    "UPDATE sessions SET endedAt = \(time) WHERE app = \(app.text) AND room = \(room) AND endedAt IS NULL"
                )
            case .refused: break
            }
            try database.run(
                "UPDATE sessions SET seq = \(sequence) WHERE app = \(app.text) AND room = \(room) AND endedAt IS NULL")
        }
    }

    // MARK: questions

    static func session(_ app: AppKey, _ id: String, in database: SQLiteDatabase) throws -> SessionBody? {
        let found = try database.first(
            "SELECT id, room, kind, startedAt, endedAt FROM sessions WHERE app = \(app.text) AND id = \(id)"
        ) { row in
            var body = SessionBody()
            body.sessionId = SessionID(try row())
            body.roomId = RoomID(try row())
            body.kind = RoomKind(rawValue: try row()) ?? .call
            body.startedAt = Timestamp(milliseconds: try row())
            body.endedAt = try row(Int64?.self).map { Timestamp(milliseconds: $0) }
            return body
        }
        guard var found else { return nil }
        if found.kind == .call { found.callId = CallID(found.roomId.text) }
        found.participants = try database.all(
            """
            SELECT user, joinId, joinedAt, leftAt, reason FROM stays
            WHERE app = \(app.text) AND session = \(id) ORDER BY joinedAt, joinId
            """
        ) { row in
            var stay = SessionBody.Stay()
            stay.userId = UserID(try row())
            stay.joinId = JoinID(try row())
            stay.joinedAt = Timestamp(milliseconds: try row())
            stay.leftAt = try row(Int64?.self).map { Timestamp(milliseconds: $0) }
            stay.reason = try row(String?.self).flatMap { EndReason(rawValue: $0)?.code }
            return stay
        }
        return found
    }

    /// The rooms that are open now; of one name, or all.
    static func rooms(_ app: AppKey, _ room: String?, in database: SQLiteDatabase) throws -> [RoomBody] {
        let open = try database.all(
            """
            SELECT id, room, kind, startedAt, seq FROM sessions
            WHERE app = \(app.text) AND endedAt IS NULL AND (\(room) IS NULL OR room = \(room))
            ORDER BY startedAt DESC LIMIT \(RoomDoor.pageMax)
            """
        ) { row in
            var body = RoomBody()
            body.sessionId = SessionID(try row())
            body.roomId = RoomID(try row())
            body.kind = RoomKind(rawValue: try row()) ?? .call
            body.createdAt = Timestamp(milliseconds: try row())
            body.seq = try row()
            return body
        }
        return try open.map { body in
            var body = body
            body.participants = try database.all(
                """
                SELECT user, device, joinId, mediaType, joinedAt FROM stays
                WHERE app = \(app.text) AND session = \(body.sessionId.text) AND leftAt IS NULL ORDER BY joinedAt
                """
            ) { row in
                var member = RoomBody.Member()
                member.userId = UserID(try row())
                member.deviceId = DeviceID(try row())
                member.joinId = JoinID(try row())
                member.mediaType = (MediaType(rawValue: try row()) ?? .audio).code
                member.joinedAt = Timestamp(milliseconds: try row())
                return member
            }
            return body
        }
    }
}
