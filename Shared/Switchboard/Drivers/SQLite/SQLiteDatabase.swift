internal import CSQLite

/// One connection to one SQLite file, used on one thread: the `WorkThread` of whoever owns it.
///
/// Write-ahead logged and synchronised at checkpoints: after a crash of the machine the last transactions may be gone,
/// but never halves of them. So the position in a log belongs in the same transaction as what was taken from it.
package final class SQLiteDatabase {
    private let handle: OpaquePointer
    private var statementsByText: [String: SQLiteStatement] = [:]
    private var transactionDepth = 0

    /// - Parameter path: created where it does not exist; `:memory:` for none.
    /// - Parameter busyTimeout: how long a statement waits for another connection before it fails with `mayPass`.
    package init(path: String, busyTimeout: Duration = .seconds(5)) throws(SQLiteFailure) {
        var handle: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        guard sqlite3_open_v2(path, &handle, flags, nil) == SQLITE_OK, let handle else {
            let cause = failure(handle, "opening \(path)")
            sqlite3_close_v2(handle)
            throw cause
        }
        self.handle = handle
        sqlite3_busy_timeout(handle, Int32(clamping: busyTimeout.milliseconds))
        for setting in settings { try execute("PRAGMA \(setting)") }
    }

    deinit {
        statementsByText = [:]
        sqlite3_close_v2(handle)
    }

    // MARK: statements

    // All of these throw `SQLiteFailure`, and what their closure throws.

    /// Runs a statement whose rows, if any, nobody wants.
    /// - Returns: how many rows it inserted, changed or deleted.
    @discardableResult
    package func run(_ sql: SQL) throws -> Int {
        let before = sqlite3_total_changes64(handle)
        try step(sql) { _ in true }
        return Int(sqlite3_total_changes64(handle) - before)
    }

    /// - Returns: what `body` makes of the first row; nil when there is none.
    package func first<T>(
        _ sql: SQL, _ body: (inout SQLiteRow) throws -> T
    ) throws -> T? {
        var found: T?
        try step(sql) { row in
            found = try body(&row)
            return false
        }
        return found
    }

    package func all<T>(
        _ sql: SQL, _ body: (inout SQLiteRow) throws -> T
    ) throws -> [T] {
        var found: [T] = []
        try step(sql) { row in
            found.append(try body(&row))
            return true
        }
        return found
    }

    /// The rowid of the last insert.
    package var lastInsertID: Int64 { sqlite3_last_insert_rowid(handle) }

    private func step(
        _ sql: SQL, _ body: (inout SQLiteRow) throws -> Bool
    ) throws {
        if let kept = statementsByText[sql.text], !kept.isBusy { return try kept.step(sql.values, body) }
        let statement = try SQLiteStatement(sql.text, on: handle)
        if statementsByText.count >= statementsKeptMax { statementsByText = statementsByText.filter { $1.isBusy } }
        statementsByText[sql.text] = statement
        try statement.step(sql.values, body)
    }

    /// Statements without values, several at once.
    private func execute(_ text: String) throws(SQLiteFailure) {
        guard sqlite3_exec(handle, text, nil, nil, nil) == SQLITE_OK else { throw failure(handle, text) }
    }

    // MARK: transactions

    /// All that `body` does is remembered together, or, when it throws, not at all. One inside another is a part of it
    /// that can fail alone. Takes the write lock at once, so that it does not fail midway for another writer.
    @discardableResult
    package func transaction<T, E: Error>(_ body: () throws(E) -> T) throws -> T {
        let depth = transactionDepth
        try execute(depth == 0 ? "BEGIN IMMEDIATE" : "SAVEPOINT part\(depth)")
        transactionDepth += 1
        defer { transactionDepth -= 1 }
        do {
            let result = try body()
            try execute(depth == 0 ? "COMMIT" : "RELEASE part\(depth)")
            return result
        } catch {
            // SQLite has rolled back by itself after some failures; then there is nothing left to undo.
            if sqlite3_get_autocommit(handle) == 0 {
                try? execute(depth == 0 ? "ROLLBACK" : "ROLLBACK TO part\(depth); RELEASE part\(depth)")
            }
            throw error
        }
    }

    // MARK: migrations

    /// Brings the tables to their newest shape, each step in a transaction of its own, once for the life of the file.
    /// - Parameter steps: the first makes version 1; only ever appended to. Each may hold several statements.
    /// - Throws: also when the file is newer than the steps: it belongs to a later release.
    package func migrate(_ steps: [String]) throws {
        let version = try first("PRAGMA user_version") { row in try row(Int.self) } ?? 0
        guard version <= steps.count else {
            throw SQLiteFailure(
                code: SQLITE_SCHEMA, cause: "the file has version \(version), known are \(steps.count)",
                statement: "PRAGMA user_version")
        }
        for (i, step) in steps.enumerated().dropFirst(version) {
            try transaction { () throws(SQLiteFailure) in
                try execute(step)
                try execute("PRAGMA user_version = \(i + 1)")
            }
        }
    }
}

/// Negative sizes of the cache are KiB: rows come with random keys, so that their pages are wanted again and again, and
/// what is not kept is read from the file each time. Checkpoints are counted in pages of the journal, 4 KiB each: a page
/// that is written often is copied once per checkpoint.
private let settings = [
    "journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "trusted_schema = OFF", "cache_size = -16384",
    "wal_autocheckpoint = 8000",
]

/// Compiled statements; beyond it all that are not in use are let go. Ours are a few dozen.
private let statementsKeptMax = 256
