import CallbackDispatcher
import Foundation
import Switchboard
import Testing

@Suite struct `The facts of a partition, as events` {
    private static func rendered(_ records: [LogRecord<CallFact>], silentBelow start: Int64 = -1) -> [Callback] {
        var fold = CallbackFold(partition: 3)
        return records.enumerated().flatMap { offset, record in
            fold.take(record, at: Int64(offset), isSilent: Int64(offset) < start)
        }
    }

    private static var whole: [LogRecord<CallFact>] {
        let key = RecordKey.of(DispatcherLogs.app, DispatcherLogs.call(1))
        return DispatcherLogs.records(DispatcherLogs.facts().map { (key, $0) }, incarnation: "i")
    }

    private static func told(_ callbacks: [Callback]) throws -> [String] {
        try callbacks.map { callback in
            let event = try CallbackEvent(json: callback.body)
            return "\(event.type.rawValue) \(event.sequence) \(event.previous)"
        }
    }

    @Test func `A whole call: each fact once, its number and the one before`() throws {
        #expect(
            try Self.told(Self.rendered(Self.whole)) == [
                "call.started 1 0", "call.member.joined 2 1", "call.ringing 3 2", "call.accepted 5 3",
                "call.member.joined 6 5", "call.connected 7 6", "call.ended 8 7", "call.log 9 8",
            ])
    }

    @Test func `An event has always the same bytes`() throws {
        let callbacks = Self.rendered(Self.whole)
        let started = try #require(callbacks.first)
        #expect(started.key == "AbC123/calls/00000000-0000-4000-8000-000000000001")
        #expect(
            String(decoding: started.body, as: UTF8.self)
                == #"{"specversion":"1.0","id":"AbC123-calls-3-2-0","source":"/apps/AbC123","type":"call.started","#
                + #""subject":"calls/00000000-0000-4000-8000-000000000001","time":"2023-11-14T22:13:20.000Z","#
                + #""datacontenttype":"application/json","sequence":"1","prevsequence":"0","#
                + #""data":{"callId":"00000000-0000-4000-8000-000000000001","#
                + #""roomId":"00000000-0000-4000-8000-000000000001","callType":0,"mediaType":1,"#
                + #""callerUserId":"anna","origin":"client","calleeIds":["ben"],"extra":"{\"topic\":\"ä\"}"}}"#)
        let again = Self.rendered(Self.whole, silentBelow: 6)
        #expect(again.map(\.body) == callbacks.suffix(again.count).map(\.body))
        #expect(again.count == 5)
    }

    @Test func `A dispatcher that begins at a snapshot renders what follows to the same bytes`() throws {
        let callbacks = Self.rendered(Self.whole)
        for count in 1..<DispatcherLogs.facts().count {
            var call = Call(id: DispatcherLogs.call(1))
            var announced: Int64 = 0
            var events = 0
            for record in Self.whole[2..<(2 + count)] {
                let isEvent = record.facts[0].eventCount(before: call) > 0
                call.apply(record.facts[0], at: record.time)
                if isEvent { (announced, events) = (Int64(call.sequence), events + 1) }
            }
            var snapshot = LogRecord<CallFact>()
            snapshot.kind = .snapshot
            snapshot.key = Self.whole[2].key
            snapshot.sequence = call.sequence
            snapshot.state = Opaque(Carried(call))
            snapshot.announced = announced
            var fold = CallbackFold(partition: 3)
            // Of the facts before it those that still stand in the log are passed over.
            var rest = fold.take(Self.whole[2 + count - 1], at: 0, isSilent: true)
            rest += fold.take(snapshot, at: 1, isSilent: true)
            for (offset, record) in Self.whole.enumerated().dropFirst(2 + count) {
                var record = record
                record.sequence = offset - 1
                rest += fold.take(record, at: Int64(offset))
            }
            #expect(rest.map(\.body) == callbacks.dropFirst(events).map(\.body))
        }
    }

    @Test func `A snapshot of a user says who is told when it goes`() throws {
        var login = UserFact.LoggedIn()
        login.device = DispatcherLogs.device("a1")
        login.clientIp = "192.0.2.1"
        var user = User()
        user.apply(.loggedIn(login), at: Timestamp(milliseconds: 5))
        var snapshot = LogRecord<UsersEntry.Fact>()
        snapshot.kind = .snapshot
        snapshot.key = "AbC123/anna"
        snapshot.state = Opaque(Carried(UsersEntry.user(user)))
        snapshot.announced = 17
        var fold = CallbackFold(partition: 3)
        #expect(fold.take(snapshot, at: 3).isEmpty)
        var record = LogRecord<UsersEntry.Fact>()
        record.key = "AbC123/anna"
        record.sequence = 2
        record.facts = [.user(.wentOffline(.init(device: DeviceID("a1"), connection: Connection())))]
        let callbacks = fold.take(record, at: 4)
        #expect(try Self.told(callbacks) == ["user.offline 65 17"])
        #expect(try CallbackEvent(json: try #require(callbacks.last).body).data.clientIp == "192.0.2.1")
    }

    @Test func `A room opens and closes with two events each, all in one order`() throws {
        var opened = RoomFact.Opened()
        opened.session = SessionID("s-1")
        var joined = RoomFact.Joined()
        joined.user = UserID("anna")
        joined.seat = 1
        var left = RoomFact.Left()
        left.user = UserID("anna")
        left.seat = 1
        let facts: [RoomFact] = [.opened(opened), .joined(joined), .left(left), .closed]
        var record = LogRecord<RoomFact>()
        record.key = "AbC123/r1"
        record.facts = facts
        var fold = CallbackFold(partition: 3)
        let first = try Self.told(fold.take(record, at: 2))
        #expect(
            first == [
                "room.created 33 0", "session.started 34 33", "room.joined 35 34", "room.left 36 35",
                "session.ended 37 36", "room.destroyed 38 37",
            ])
        #expect(fold.liveCount == 0)
        #expect(try Self.told(fold.take(record, at: 3)).first == "room.created 49 0")
    }

    @Test func `A user who goes offline is told with what was known at the login`() throws {
        var login = UserFact.LoggedIn()
        login.device = DispatcherLogs.device("a1")
        login.clientIp = "192.0.2.1"
        let gone = UserInput.Gone(device: DeviceID("a1"), connection: login.device.connection ?? Connection())
        var record = LogRecord<UsersEntry.Fact>()
        record.key = "AbC123/anna"
        record.facts = [.user(.loggedIn(login)), .user(.wentOffline(gone)), .user(.loggedOut(gone))]
        var fold = CallbackFold(partition: 3)
        let callbacks = fold.take(record, at: 0)
        #expect(try Self.told(callbacks) == ["user.online 1 0", "user.offline 2 1"])
        let event = try CallbackEvent(json: try #require(callbacks.last).body)
        #expect(event.data.clientIp == "192.0.2.1" && event.data.connectionId == "g-7")
    }

    /// Behind `CALLBACK_RECORDING`, for `python3 -m contract`.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["CALLBACK_RECORDING"] != nil))
    func `It can be recorded for the contract`() throws {
        let path = try #require(ProcessInfo.processInfo.environment["CALLBACK_RECORDING"])
        let lines = try Self.rendered(Self.whole).map { callback in
            let line = ["kind": "cloudevent", "text": String(decoding: callback.body, as: UTF8.self)]
            return String(decoding: try JSONEncoder().encode(line), as: UTF8.self)
        }
        try (lines.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
    }
}
