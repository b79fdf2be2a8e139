import Switchboard
import Testing

@testable import CallOrchestrator
@testable import RoomAllocator

/// A log of ten days, seven of which are kept: who has read all of it shows the same as who reads what there is.
@Suite struct `A view that is as old as its log and more` {
    @Test func `shows the calls that one shows which is filled now`() throws {
        let old = try SQLiteDatabase(path: ":memory:")
        let refilled = try SQLiteDatabase(path: ":memory:")
        for database in [old, refilled] { try database.migrate(CallView.migrations) }
        for record in ViewAges.calls {
            try CallView.take(record, record.encoded(), into: old)
            guard record.time >= ViewAges.cutoff else { continue }
            try CallView.take(record, record.encoded(), into: refilled)
        }
        for database in [old, refilled] {
            while try CallView.ageOut(database, before: ViewAges.cutoff, limit: 2) >= 2 {}
        }
        for sql: SQL in [
            "SELECT key || ' ' || startedAt || ' ' || isOver FROM calls ORDER BY key",
            "SELECT user || ' ' || key FROM members ORDER BY user, key", "SELECT user || ' ' || key FROM awaited",
        ] {
            let rows = try old.all(sql) { row in try row(String.self) }
            #expect(try refilled.all(sql) { row in try row(String.self) } == rows)
            #expect(!rows.isEmpty)
        }
        // Of the call that lasts, what was decided before its snapshot stays where it was seen.
        let kept = try old.all("SELECT key FROM calls ORDER BY key") { row in try row(String.self) }
        #expect(kept == [ViewAges.lasting, ViewAges.young].map(ViewAges.key).sorted())
        for key in kept {
            let story = try #require(try CallView.story(of: key, in: old))
            #expect(try CallView.story(of: key, in: refilled)?.call.participants == story.call.participants)
            #expect(!story.call.participants.isEmpty)
        }
        let ended = try #require(try CallView.story(of: ViewAges.key(ViewAges.young), in: refilled))
        #expect(ended.items.count == 4)
        let strays = try refilled.all(
            "SELECT key FROM decisions WHERE key NOT IN (SELECT key FROM calls)"
        ) { row in try row(String.self) }
        for key in strays { #expect(try CallView.story(of: key, in: refilled) == nil) }
    }

    @Test func `shows the sessions that one shows which is filled now`() throws {
        let old = try SQLiteDatabase(path: ":memory:")
        let refilled = try SQLiteDatabase(path: ":memory:")
        for database in [old, refilled] { try database.migrate(SessionView.migrations) }
        for record in ViewAges.rooms {
            try SessionView.take(record, into: old)
            if record.time >= ViewAges.cutoff { try SessionView.take(record, into: refilled) }
        }
        for database in [old, refilled] {
            while try SessionView.ageOut(database, before: ViewAges.cutoff, limit: 1) >= 1 {}
        }
        for sql: SQL in [
            "SELECT id || room || startedAt || ifnull(endedAt, '') FROM sessions ORDER BY id",
            "SELECT session || user || joinedAt || ifnull(leftAt, '') FROM stays ORDER BY session, user",
        ] {
            let rows = try old.all(sql) { row in try row(String.self) }
            #expect(try refilled.all(sql) { row in try row(String.self) } == rows)
            #expect(rows.count == 2)
        }
    }

    @Test func `lets go of a user's records that their topic has let go of`() throws {
        let database = try SQLiteDatabase(path: ":memory:")
        try database.migrate(CallView.migrations)
        for (number, age) in [1, 2, 3, 4].enumerated() {
            let time = ViewAges.cutoff.milliseconds - Int64(age) * 10 + 25
            try database.run("INSERT INTO logs VALUES ('u', \(time), \("\(number)"), \([UInt8]()))")
        }
        while try CallView.ageOutLogs(database, before: ViewAges.cutoff, limit: 1) >= 1 {}
        #expect(try database.all("SELECT callId FROM logs") { row in try row(String.self) } == ["0", "1"])
    }
}

private enum ViewAges {
    static let day: Int64 = 86_400_000
    static let now: Int64 = 1_700_000_000_000
    /// Seven days ago.
    static let cutoff = Timestamp(milliseconds: now - 7 * day)
    private static let app = AppKey("app")

    /// Over before the log begins; over since, but begun before; begun before and live; begun since and over.
    static let (old, long, lasting, young) = (1, 2, 3, 4)

    static func key(_ number: Int) -> String {
        let hex = String(number, radix: 16)
        let id = "00000000-0000-4000-8000-" + String(repeating: "0", count: 12 - hex.count) + hex
        return RecordKey.of(app, CallID(id))
    }

    static var calls: [LogRecord<CallFact>] {
        var tape = Tape<Call>(blank: { Call(id: CallID(RecordKey.split($0)?.id ?? "")) })
        func by(_ user: String) -> CallFact.At { .init(user: UserID(user), device: DeviceID("phone")) }
        func start(_ number: Int, day: Double) {
            var started = CallFact.Started()
            started.caller = UserID("caller-\(number)")
            started.device = Device(id: DeviceID("phone"), connection: nil)
            var callee = CallFact.Callee()
            callee.user = UserID("callee-\(number)")
            started.callees = [callee]
            tape.decide(.started(started), key(number), day: day)
        }
        func ring(_ number: Int, day: Double) { tape.decide(.ringing(by("callee-\(number)")), key(number), day: day) }
        func end(_ number: Int, day: Double) {
            tape.decide(.ended(.init(.ended, by: UserID("caller-\(number)"), device: nil)), key(number), day: day)
        }
        start(old, day: -9)
        start(lasting, day: -8.5)
        end(old, day: -8)
        ring(lasting, day: -7.9)
        start(long, day: -7.5)
        ring(long, day: -6.9)
        ring(lasting, day: -6.8)
        tape.snapshot(key(lasting), day: -6)
        end(long, day: -5)
        start(young, day: -4)
        ring(young, day: -3.5)
        ring(young, day: -3)
        ring(lasting, day: -2.5)
        end(young, day: -2)
        return tape.records
    }

    static var rooms: [LogRecord<RoomFact>] {
        var tape = Tape<Room>(blank: { _ in Room() })
        func open(_ room: String, day: Double) {
            var opened = RoomFact.Opened()
            opened.session = SessionID("session of \(room)")
            tape.decide(.opened(opened), "app/\(room)", day: day)
        }
        func join(_ room: String, _ user: String, day: Double) {
            var joined = RoomFact.Joined()
            joined.user = UserID(user)
            joined.joinID = JoinID(user)
            tape.decide(.joined(joined), "app/\(room)", day: day)
        }
        func leave(_ room: String, _ user: String, day: Double) {
            var left = RoomFact.Left()
            left.user = UserID(user)
            left.joinID = JoinID(user)
            tape.decide(.left(left), "app/\(room)", day: day)
        }
        open("over", day: -9)
        join("over", "a", day: -9)
        open("lasting", day: -8.5)
        join("lasting", "gone", day: -8.5)
        join("lasting", "stays", day: -8)
        leave("over", "a", day: -6.9)
        tape.decide(.closed, "app/over", day: -6.9)
        leave("lasting", "gone", day: -6.5)
        tape.snapshot("app/lasting", day: -6)
        open("young", day: -3)
        join("young", "b", day: -3)
        leave("young", "b", day: -2)
        tape.decide(.closed, "app/young", day: -2)
        return tape.records
    }

    /// A log as an owner writes it: one fact a record, and snapshots.
    struct Tape<State: Machine & Message> where State.Fact: Message {
        let blank: (String) -> State
        var records: [LogRecord<State.Fact>] = []
        var states: [String: State] = [:]

        init(blank: @escaping (String) -> State) { self.blank = blank }

        mutating func decide(_ fact: State.Fact, _ key: String, day: Double) {
            var state = states[key] ?? blank(key)
            var record = header(key, day)
            record.sequence = state.sequence + 1
            record.facts = [fact]
            state.apply(fact, at: record.time)
            states[key] = state
            records.append(record)
        }

        mutating func snapshot(_ key: String, day: Double) {
            guard let state = states[key] else { return }
            var record = header(key, day)
            record.kind = .snapshot
            record.sequence = state.sequence
            record.state = Opaque(Carried(state))
            records.append(record)
        }

        private func header(_ key: String, _ day: Double) -> LogRecord<State.Fact> {
            var record = LogRecord<State.Fact>()
            record.key = key
            record.time = Timestamp(milliseconds: now + Int64(day * Double(ViewAges.day)))
            return record
        }
    }
}
