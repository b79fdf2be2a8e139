internal import CSQLite

/// What SQLite could not do.
package struct SQLiteFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// SQLite's extended result code.
    package var code: Int32
    /// SQLite's own words.
    package var cause: String
    /// The statement, with places instead of values.
    package var statement: String

    /// A row that must be unique, exist elsewhere, or not be null.
    package var isConstraint: Bool { code & 0xff == SQLITE_CONSTRAINT }
    /// Another connection holds what is needed; the same may succeed later.
    package var mayPass: Bool { [SQLITE_BUSY, SQLITE_LOCKED].contains(code & 0xff) }

    package var description: String { "SQLite \(code), \(cause), in: \(statement)" }
}
