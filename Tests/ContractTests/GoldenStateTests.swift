import Foundation
import Switchboard
import Testing

/// The bytes of states, as snapshots carry them. The last line of a golden file is what this program writes; those
/// before it were written by programs before, and are read for as long as logs may have them: a line is never changed,
/// only added.
///
/// `GOLDEN=write swift test --filter 'A golden state'` adds a line where a state is spelled in another way than before,
/// on purpose: a member may be added at the top level of a state, and must be optional to read.
@Suite struct `A golden state` {
    @Test(arguments: GoldenState.all)
    func `is what a snapshot holds today`(_ state: GoldenState) throws {
        var lines = (try? state.lines()) ?? []
        let today = state.today()
        if ProcessInfo.processInfo.environment["GOLDEN"] == "write", lines.last != today {
            lines.append(today)
            try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: state.file)
        }
        #expect(lines.last == today)
    }

    @Test(arguments: GoldenState.all)
    func `is read, and written as the same bytes`(_ state: GoldenState) throws {
        let lines = try state.lines()
        #expect(try state.again(#require(lines.last)) == lines.last)
        // Of older programs: members that they did not know are not there.
        for line in lines { #expect(try state.again(state.again(line)) == state.again(line)) }
    }

    @Test(arguments: GoldenState.all)
    func `keeps what a newer program has put there byte for byte`(_ state: GoldenState) throws {
        let line = String(try #require(state.lines().last).dropLast())
        let later = line + #","la\u0074er":{"a":[1, null,"é"]},"latest": 7}"#
        #expect(try state.again(later) == later)
    }

    @Test func `is there for every kind of machine`() {
        #expect(Set(GoldenState.all.map(\.ledger)) == Set(LedgerName.allCases))
    }
}

/// One state with as many of its members as a short life can have.
struct GoldenState: Sendable, CustomTestStringConvertible {
    var name: String
    var ledger: LedgerName
    var today: @Sendable () -> String
    /// Reads a carried state and writes it.
    var again: @Sendable (String) throws -> String

    var testDescription: String { name }
    var file: URL {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden/State-\(name).jsonl")
    }

    func lines() throws -> [String] {
        try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    private init<State: Machine & Message>(
        _ name: String, _ ledger: LedgerName, _ blank: State, _ facts: [State.Fact]
    ) where State.Fact: Message {
        self.name = name
        self.ledger = ledger
        again = { text in String(decoding: try Carried<State>(json: Array(text.utf8)).encoded(), as: UTF8.self) }
        let bytes = Self.carried(blank, facts)
        today = { bytes }
    }

    private static func carried<State: Machine & Message>(_ blank: State, _ facts: [State.Fact]) -> String {
        var state = blank
        for (second, fact) in facts.enumerated() {
            state.apply(fact, at: GoldenPeople.began + .seconds(second))
        }
        return String(decoding: Carried(state).encoded(), as: UTF8.self)
    }

    static let all = [
        GoldenState("call-live", .calls, Call(id: GoldenPeople.call), GoldenLives.liveCall),
        GoldenState("call-over", .calls, Call(id: GoldenPeople.call), GoldenLives.overCall),
        GoldenState("call-early", .calls, Call(id: GoldenPeople.call), GoldenLives.earlyCall),
        GoldenState("user", .users, UsersEntry.user(User()), GoldenLives.user),
        GoldenState("gateway", .users, UsersEntry.gateway(GatewayLife()), GoldenLives.gateway),
        GoldenState("room", .rooms, Room(), GoldenLives.room),
        GoldenState("application", .registry, Application(), GoldenLives.application),
    ]
}

/// Short lives, fact by fact.
private enum GoldenLives {
    private static let (anna, ben) = (GoldenPeople.anna, GoldenPeople.ben)
    private static let (phone, tablet) = (GoldenPeople.phone, GoldenPeople.tablet)

    static var liveCall: [CallFact] {
        var started = CallFact.Started()
        started.caller = anna
        started.device = phone
        started.profile = GoldenPeople.profile
        started.expiresAt = Timestamp(milliseconds: 1_700_000_060_000)
        started.extra = "{\"topic\":\"ä\"}"
        started.appIdentifier = "app.id"
        var callee = CallFact.Callee()
        callee.user = ben
        callee.devices = [tablet]
        callee.profile = Profile(name: "Ben")
        started.callees = [callee]
        var accepted = CallFact.Accepted()
        accepted.user = ben
        accepted.device = tablet
        accepted.camera = true
        var media = CallFact.MediaNow()
        (media.user, media.device) = (ben, tablet.id)
        media.media.microphone = false
        var failed = CallFact.Reported()
        (failed.user, failed.device, failed.condition) = (anna, phone.id, .failed)
        return [
            .started(started), entered(anna, phone.id, "1"), .ringing(.init(user: ben, device: tablet.id)),
            .accepted(accepted), entered(ben, tablet.id, "4"), .connected, .mediaChanged(media),
            .lost(.init(user: ben, device: tablet.id)), .mediaReported(failed),
        ]
    }

    static var overCall: [CallFact] { liveCall + [.ended(.init(.ended, by: anna, device: phone.id))] }
    static var earlyCall: [CallFact] { [.endedBeforeStart(.init(user: anna, device: phone.id))] }

    private static func entered(_ user: UserID, _ device: DeviceID, _ join: String) -> CallFact {
        var entered = CallFact.Entered()
        (entered.user, entered.device, entered.joinID) = (user, device, JoinID(join))
        entered.session = SessionID("users-3-7-0")
        return .entered(entered)
    }

    static var gateway: [UsersEntry.Fact] {
        [
            .gateway(.born(incarnation: "5f0c")), .gateway(.died(incarnation: "5f0c")),
            .gateway(.born(incarnation: "60aa")),
        ]
    }

    static var room: [RoomFact] {
        var opened = RoomFact.Opened()
        opened.session = SessionID("users-3-7-0")
        var joined = RoomFact.Joined()
        (joined.user, joined.device, joined.seat, joined.joinID) = (anna, phone.id, 1, JoinID("1"))
        var second = joined
        (second.user, second.device, second.seat, second.joinID) = (ben, tablet.id, 4, JoinID("2"))
        var left = RoomFact.Left()
        (left.user, left.device, left.seat, left.joinID) = (anna, phone.id, 1, JoinID("1"))
        return [.opened(opened), .joined(joined), .joined(second), .left(left)]
    }

    static var application: [ApplicationFact] {
        var registered = ApplicationInput.Registered()
        (registered.app, registered.user, registered.profile) = (AppKey("dev"), anna, Profile(name: "Anna"))
        return [.created(GoldenPeople.application), .userRegistered(registered)]
    }

    static var user: [UsersEntry.Fact] {
        let lines = [
            #"{"fact":"loggedIn","device":{"deviceId":"phone-1","connection":{"partition":17,"gateway":"gw-3f","number":2},"#
                + #""platform":"ios"},"profile":{"name":"Anna Özil","avatarUrl":"https://a.example/1.png"},"#
                + #""appIdentifier":"com.example.app","clientIp":"192.0.2.7"}"#,
            #"{"fact":"ringAdded","callId":"0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c11","peer":"ben@work","#
                + #""expiresAt":1700000060000,"rung":[{"deviceId":"tablet_2","#
                + #""connection":{"partition":17,"gateway":"gw-3f","number":3},"platform":"android"}]}"#,
            #"{"fact":"seated","sit":{"roomId":"lobby","kind":"call","device":{"deviceId":"phone-1","#
                + #""connection":{"partition":17,"gateway":"gw-3f","number":2},"platform":"ios"},"#
                + #""mediaType":"video"},"seat":5}"#,
            #"{"fact":"tokensCutOff","moment":1699999999000}"#,
        ]
        return lines.compactMap { line in (try? UserFact(json: Array(line.utf8))).map(UsersEntry.Fact.user) }
    }
}
