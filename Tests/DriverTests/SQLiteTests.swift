import Foundation
import Switchboard
import Testing

/// A folder that goes with the test.
private final class Folder {
    let url = FileManager.default.temporaryDirectory.appending(path: "sqlite-\(UUID().uuidString)")
    init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: url) }
    var file: String { url.appending(path: "view.db").path() }
}

private enum Kind: String, SQLBindable { case audio, video }

private struct Stop: Error {}

@Suite struct `A SQLite database` {
    private let folder: Folder
    private let db: SQLiteDatabase

    init() throws {
        folder = try Folder()
        db = try SQLiteDatabase(path: folder.file)
        try db.migrate([
            "CREATE TABLE calls (id TEXT PRIMARY KEY, room TEXT, n INTEGER NOT NULL, x REAL, b BLOB) STRICT"
        ])
    }

    private func ids() throws -> [String] { try db.all("SELECT id FROM calls ORDER BY id") { row in try row() } }

    @Test func `keeps what was bound, whatever it looks like`() throws {
        let odd = "'); DROP TABLE calls; -- \u{0} ü"
        let none: String? = nil
        #expect(
            try db.run("INSERT INTO calls VALUES (\(odd), \(none), \(Int64.min), \(0.5), \([0, 255] as [UInt8]))") == 1)
        let row = try db.first("SELECT room, n, x, b FROM calls WHERE id = \(odd)") { row in
            (try row(String?.self), try row(Int64.self), try row(Double.self), try row([UInt8].self))
        }
        let (room, n, x, b) = try #require(row)
        #expect(room == nil && n == .min && x == 0.5 && b == [0, 255])
        try db.run("INSERT INTO calls VALUES (\(""), \("r"), \(true), \(Optional(2.0)), \([] as [UInt8]))")
        let empty = try db.first("SELECT id, n, x, b FROM calls WHERE room = \("r")") { row in
            (try row(String.self), try row(Bool.self), try row(Double?.self), try row([UInt8].self))
        }
        let (id, flag, number, bytes) = try #require(empty)
        #expect(id == "" && flag && number == 2 && bytes == [])
    }

    @Test func `finds first, all and none`() throws {
        for id in ["b", "a", "c"] { try db.run("INSERT INTO calls (id, n) VALUES (\(id), \(1))") }
        #expect(try ids() == ["a", "b", "c"])
        #expect(
            try db.first("SELECT id FROM calls WHERE id > \("a") ORDER BY id") { row in try row(String.self) } == "b")
        #expect(try db.first("SELECT id FROM calls WHERE id = \("z")") { row in try row(String.self) } == nil)
        let two = try db.all("SELECT id FROM calls WHERE id IN \(any: ["a", "c", "x"]) ORDER BY id \(words: "DESC")") {
            row in try row(String.self)
        }
        #expect(two == ["c", "a"])
        #expect(try db.run("UPDATE calls SET n = 2 WHERE id <> \("a")") == 2)
        #expect(try db.run("DELETE FROM calls WHERE id IN \(any: [] as [String])") == 0)
        #expect(try db.run("SELECT 1") == 0)
    }

    @Test func `reads an enumeration by its word`() throws {
        try db.run("INSERT INTO calls (id, room, n) VALUES (\("a"), \(Kind.video), 1), (\("b"), \("smoke"), 1)")
        #expect(try db.first("SELECT room FROM calls WHERE id = 'a'") { row in try row(Kind.self) } == .video)
        #expect(throws: SQLiteFailure.self) {
            try db.first("SELECT room FROM calls WHERE id = 'b'") { row in try row(Kind.self) }
        }
    }

    @Test func `asks the same statement again while its rows are read`() throws {
        for id in ["a", "b"] { try db.run("INSERT INTO calls (id, n) VALUES (\(id), 1)") }
        let pairs = try db.all("SELECT id FROM calls ORDER BY id") { row in
            let mine: String = try row()
            let all: [String] = try db.all("SELECT id FROM calls ORDER BY id") { row in try row() }
            return mine + all.joined()
        }
        #expect(pairs == ["aab", "bab"])
    }

    @Test func `says what went wrong, and where`() throws {
        try db.run("INSERT INTO calls (id, n) VALUES ('a', 1)")
        let double = #expect(throws: SQLiteFailure.self) { try db.run("INSERT INTO calls (id, n) VALUES (\("a"), 2)") }
        #expect(double?.isConstraint == true && double?.statement == "INSERT INTO calls (id, n) VALUES (?, 2)")
        for wrong: SQL in ["SELEKT 1", "", "SELECT 1; SELECT 2", "SELECT ?", "SELECT * FROM nowhere"] {
            #expect(throws: SQLiteFailure.self) { try db.run(wrong) }
        }
        #expect(throws: SQLiteFailure.self) {
            try db.first("SELECT 1") { row in (try row(Int.self), try row(Int.self)) }
        }
        #expect(throws: SQLiteFailure.self) { try db.first("SELECT NULL") { row in try row(Int.self) } }
        #expect(throws: SQLiteFailure.self) { try db.first("SELECT 'x'") { row in try row(Int.self) } }
        #expect(throws: SQLiteFailure.self) { try SQLiteDatabase(path: folder.url.path()) }
        #expect(try db.run("SELECT 1;\n") == 0)
        // After a failure the same statement is good again.
        try db.run("INSERT INTO calls (id, n) VALUES (\("b"), 2)")
        #expect(try ids() == ["a", "b"])
    }

    @Test func `remembers a transaction whole or not at all`() throws {
        #expect(throws: Stop.self) {
            try db.transaction {
                try db.run("INSERT INTO calls (id, n) VALUES ('a', 1)")
                throw Stop()
            }
        }
        #expect(try ids() == [])
        let count = try db.transaction {
            try db.run("INSERT INTO calls (id, n) VALUES ('b', 1)")
            #expect(throws: Stop.self) {
                try db.transaction {
                    try db.run("INSERT INTO calls (id, n) VALUES ('c', 1)")
                    throw Stop()
                }
            }
            try db.transaction { try db.run("INSERT INTO calls (id, n) VALUES ('d', 1)") }
            return try ids().count
        }
        #expect(count == 2)
        #expect(try ids() == ["b", "d"])
        #expect(throws: SQLiteFailure.self) {
            try db.transaction {
                try db.run("INSERT OR ROLLBACK INTO calls (id, n) VALUES ('b', 1)")
            }
        }
        try db.transaction { try db.run("INSERT INTO calls (id, n) VALUES ('e', 1)") }
        #expect(try ids() == ["b", "d", "e"])
    }

    @Test func `is seen by another connection after the commit only`() throws {
        let other = try SQLiteDatabase(path: folder.file, busyTimeout: .milliseconds(50))
        func seen() throws -> Int? { try other.first("SELECT count(*) FROM calls") { row in try row(Int.self) } }
        try db.transaction {
            try db.run("INSERT INTO calls (id, n) VALUES ('a', 1)")
            #expect(try seen() == 0)
            let busy = #expect(throws: SQLiteFailure.self) {
                try other.run("INSERT INTO calls (id, n) VALUES ('x', 1)")
            }
            #expect(busy?.mayPass == true)
        }
        #expect(try seen() == 1)
    }

    @Test func `is migrated step by step, once`() throws {
        try db.run("INSERT INTO calls (id, n) VALUES ('a', 1)")
        let first = "CREATE TABLE calls (id TEXT PRIMARY KEY, room TEXT, n INTEGER NOT NULL, x REAL, b BLOB) STRICT"
        let second = "ALTER TABLE calls ADD COLUMN later TEXT; CREATE INDEX calls_by_room ON calls (room)"
        #expect(throws: SQLiteFailure.self) {
            try db.migrate([first, second, "CREATE TABLE third (id TEXT); CREATE TABLE calls (id TEXT)"])
        }
        // The second step stands, of the third nothing.
        #expect(try db.first("PRAGMA user_version") { row in try row(Int.self) } == 2)
        #expect(throws: SQLiteFailure.self) { try db.run("SELECT * FROM third") }
        let again = try SQLiteDatabase(path: folder.file)
        try again.migrate([first, second])
        #expect(try again.first("SELECT id, later FROM calls") { row in try row(String.self) } == "a")
        #expect(throws: SQLiteFailure.self) { try again.migrate([first]) }
    }

    @Test func `keeps more different statements than it remembers`() throws {
        for n in 0..<600 {
            let list = Array(repeating: n, count: n % 300 + 1)
            #expect(try db.first("SELECT \(n) IN \(any: list)") { row in try row(Bool.self) } == true)
        }
    }
}

@Suite struct `A work thread` {
    private actor Owner {
        let thread: WorkThread
        var log: [Int] = []
        nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
        init(_ thread: WorkThread) { self.thread = thread }
        func add(_ n: Int) -> Bool {
            log.append(n)
            return thread.isCurrent
        }
    }

    @Test func `runs what it is sent in order, and all of it before it ends`() {
        let thread = WorkThread(name: "test-work")
        let log = Log()
        for n in 0..<10_000 { thread.execute { log.add(n) } }
        thread.stop()
        #expect(log.all == Array(0..<10_000))
        thread.stop()
    }

    @Test func `is the executor of an actor`() async {
        let thread = WorkThread(name: "test-work")
        let owner = Owner(thread)
        for n in 0..<100 { #expect(await owner.add(n)) }
        #expect(await owner.log == Array(0..<100))
        #expect(!thread.isCurrent)
        thread.execute { owner.assumeIsolated { $0.log = [] } }
        #expect(await owner.log == [])
        thread.stop()
    }
}

private final class Log: Sendable {
    private let entries = Locked<[Int]>([])
    func add(_ n: Int) { entries.withLock { $0.append(n) } }
    var all: [Int] { entries.withLock { $0 } }
}
