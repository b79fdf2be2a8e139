import Switchboard

/// The table behind `UsersView`. Once made it is used on the view's own thread alone.
final class UsersTable: @unchecked Sendable {
    typealias Position = LogFollower<ApplicationFact>.Position

    struct Row: Sendable {
        var app: AppKey
        var user: UserID
        var profile: Profile
        var registeredAt: Timestamp
    }

    private let database: SQLiteDatabase

    private static let steps = [
        """
        CREATE TABLE users (
            appKey TEXT NOT NULL, userId TEXT NOT NULL, name TEXT NOT NULL, avatarUrl TEXT, registeredAt INTEGER NOT NULL,
            PRIMARY KEY (appKey, userId)) WITHOUT ROWID;
        CREATE TABLE positions (
            partition INTEGER PRIMARY KEY, nextOffset INTEGER NOT NULL, incarnation TEXT, nextOrdinal INTEGER NOT NULL,
            markerOffset INTEGER NOT NULL);
        """
    ]

    init(path: String) throws {
        database = try SQLiteDatabase(path: path)
        try database.migrate(Self.steps)
    }

    /// Where the log is to be gone on from.
    func positions() throws -> [Int32: Position] {
        let stored = try database.all(
            "SELECT partition, nextOffset, incarnation, nextOrdinal, markerOffset FROM positions"
        ) { row in
            let partition = Int32(clamping: try row(Int.self))
            let nextOffset = try row(Int64.self)
            let rule = LogRule(incarnation: try row(), nextOrdinal: try row(), markerOffset: try row())
            return (partition, Position(nextOffset: nextOffset, rule: rule))
        }
        return Dictionary(stored) { _, last in last }
    }

    /// Takes users in and remembers, in the same transaction, up to where. The moment of the first registration stays.
    func apply(_ rows: [Row], _ positions: [Int32: Position]) throws {
        try database.transaction { () throws in
            for row in rows {
                try database.run(
                    """
                    INSERT INTO users (appKey, userId, name, avatarUrl, registeredAt)
                    VALUES (\(row.app.text), \(row.user.text), \(row.profile.name), \(row.profile.avatarUrl),
                        \(row.registeredAt.milliseconds))
                    ON CONFLICT DO UPDATE SET name = excluded.name, avatarUrl = excluded.avatarUrl
                    """)
            }
            for (partition, position) in positions {
                try database.run(
                    """
                    INSERT OR REPLACE INTO positions (partition, nextOffset, incarnation, nextOrdinal, markerOffset)
                    VALUES (\(Int(partition)), \(position.nextOffset), \(position.rule.incarnation),
                        \(position.rule.nextOrdinal), \(position.rule.markerOffset))
                    """)
            }
        }
    }

    func profile(of app: AppKey, _ user: UserID) throws -> Profile? {
        try database.first("SELECT name, avatarUrl FROM users WHERE appKey = \(app.text) AND userId = \(user.text)") {
            row in Profile(name: try row(), avatarUrl: try row())
        }
    }

    /// Forgets everything: the log is another, and is read from its beginning.
    func clear() throws {
        try database.transaction { () throws in
            try database.run("DELETE FROM users")
            try database.run("DELETE FROM positions")
        }
    }
}
