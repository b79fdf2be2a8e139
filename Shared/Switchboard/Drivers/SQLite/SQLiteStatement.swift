internal import CSQLite

/// One row of an answer, read column by column from the left: `Call(id: try row(), room: try row())`.
/// Valid inside the closure that gets it only.
package struct SQLiteRow: ~Copyable {
    fileprivate let statement: OpaquePointer
    fileprivate let text: String
    private var column: Int32 = 0

    fileprivate init(_ statement: OpaquePointer, _ text: String) {
        self.statement = statement
        self.text = text
    }

    /// The next column.
    /// - Throws: where it has a value of another kind, or null, or there is no further column.
    package mutating func callAsFunction<V: SQLBindable>(_: V.Type = V.self) throws(SQLiteFailure) -> V {
        let value = try next()
        guard let typed = V(sqlValue: value) else { throw mismatch("not a \(V.self): \(value)") }
        return typed
    }

    /// The next column, where null is nil.
    package mutating func callAsFunction<V: SQLBindable>(_: V?.Type = V?.self) throws(SQLiteFailure) -> V? {
        let value = try next()
        if value == .null { return nil }
        guard let typed = V(sqlValue: value) else { throw mismatch("not a \(V.self): \(value)") }
        return typed
    }

    private mutating func next() throws(SQLiteFailure) -> SQLValue {
        let i = column
        guard i < sqlite3_data_count(statement) else { throw mismatch("no such column") }
        column += 1
        switch sqlite3_column_type(statement, i) {
        case SQLITE_INTEGER: return .integer(sqlite3_column_int64(statement, i))
        case SQLITE_FLOAT: return .real(sqlite3_column_double(statement, i))
        case SQLITE_TEXT:
            let start = sqlite3_column_text(statement, i)
            let count = Int(sqlite3_column_bytes(statement, i))
            return .text(String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self))
        case SQLITE_BLOB:
            let start = sqlite3_column_blob(statement, i)
            let count = Int(sqlite3_column_bytes(statement, i))
            return .blob(Array(UnsafeRawBufferPointer(start: start, count: count)))
        default: return .null
        }
    }

    private func mismatch(_ cause: String) -> SQLiteFailure {
        SQLiteFailure(code: SQLITE_MISMATCH, cause: "column \(column): \(cause)", statement: text)
    }
}

/// A compiled statement, kept for the next time.
final class SQLiteStatement {
    private let handle: OpaquePointer
    private let database: OpaquePointer
    private let text: String
    /// Being stepped; one that asks for the same again from inside gets another statement.
    private(set) var isBusy = false

    init(_ text: String, on database: OpaquePointer) throws(SQLiteFailure) {
        var handle: OpaquePointer?
        var text = text
        var isWhole = true
        let code = text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { buffer in
                var rest: UnsafePointer<CChar>?
                let code = sqlite3_prepare_v3(
                    database, buffer.baseAddress, Int32(buffer.count), UInt32(SQLITE_PREPARE_PERSISTENT), &handle, &rest
                )
                if let rest, let start = buffer.baseAddress {
                    isWhole = buffer[(rest - start)...].allSatisfy { $0 == 0x20 || $0 == 0x0a || $0 == 0x3b }
                }
                return code
            }
        }
        guard code == SQLITE_OK else { throw failure(database, text) }
        guard let handle, isWhole else {
            sqlite3_finalize(handle)
            throw SQLiteFailure(code: SQLITE_MISUSE, cause: "not exactly one statement", statement: text)
        }
        self.handle = handle
        self.database = database
        self.text = text
    }

    deinit { sqlite3_finalize(handle) }

    /// Calls `body` with each row until it returns false.
    func step(
        _ values: [SQLValue], _ body: (inout SQLiteRow) throws -> Bool
    ) throws {
        isBusy = true
        defer {
            sqlite3_reset(handle)
            sqlite3_clear_bindings(handle)
            isBusy = false
        }
        try bind(values)
        while true {
            switch sqlite3_step(handle) {
            case SQLITE_ROW:
                var row = SQLiteRow(handle, text)
                guard try body(&row) else { return }
            case SQLITE_DONE: return
            default: throw failure(database, text)
            }
        }
    }

    private func bind(_ values: [SQLValue]) throws(SQLiteFailure) {
        guard sqlite3_bind_parameter_count(handle) == Int32(values.count) else {
            throw SQLiteFailure(code: SQLITE_RANGE, cause: "\(values.count) values for other places", statement: text)
        }
        for (i, value) in values.enumerated() {
            guard bind(value, Int32(i + 1)) == SQLITE_OK else { throw failure(database, text) }
        }
    }

    private func bind(_ value: SQLValue, _ place: Int32) -> Int32 {
        switch value {
        case .null: return sqlite3_bind_null(handle, place)
        case .integer(let number): return sqlite3_bind_int64(handle, place, number)
        case .real(let number): return sqlite3_bind_double(handle, place, number)
        case .text(var text):
            return text.withUTF8 { bytes in
                guard let start = bytes.baseAddress else { return sqlite3_bind_text(handle, place, "", 0, copied) }
                return start.withMemoryRebound(to: CChar.self, capacity: bytes.count) {
                    sqlite3_bind_text64(handle, place, $0, UInt64(bytes.count), copied, UInt8(SQLITE_UTF8))
                }
            }
        case .blob(let bytes):
            guard !bytes.isEmpty else { return sqlite3_bind_zeroblob(handle, place, 0) }
            return bytes.withUnsafeBytes {
                sqlite3_bind_blob64(handle, place, $0.baseAddress, UInt64($0.count), copied)
            }
        }
    }
}

/// SQLite's mark for "copy the bytes before you return", a macro that is not imported.
private let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

func failure(_ database: OpaquePointer?, _ statement: String) -> SQLiteFailure {
    SQLiteFailure(
        code: sqlite3_extended_errcode(database), cause: String(cString: sqlite3_errmsg(database)), statement: statement
    )
}
