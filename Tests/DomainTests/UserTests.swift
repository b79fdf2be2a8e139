import Switchboard
import Testing

/// Every input at every moment of a user. An outcome names the facts, or the refusal behind `!`; `–` is nothing.
@Suite struct `At every moment a user` {
    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var input: UserInput
        var outcomes: [String]

        init(_ name: String, _ input: UserInput, _ outcomes: String) {
            testDescription = name
            self.input = input
            self.outcomes = outcomes.split(separator: ",").map { $0.trimmingPrefix { $0 == " " } }.map(String.init)
        }
    }

    @Test(arguments: rows)
    func `decides`(_ row: Row) {
        #expect(row.outcomes.count == UserMoment.allCases.count)
        for (moment, outcome) in zip(UserMoment.allCases, row.outcomes) {
            var stage = moment.stage
            #expect(stage.send(row.input) == outcome, "\(moment)")
        }
    }

    // The columns: unknown, online, rung, seated, leaving, moving.

    static let rows = [
        Row(
            "login of the phone, once more over the same connection", .login(.phone),
            "loggedIn, –, –, –, –, –"),
        Row(
            "login of the phone over another connection", .login(.init(.phone.over(9))),
            "loggedIn, loggedIn, loggedIn, loggedIn, loggedIn, loggedIn"),
        Row(
            "login of the tablet", .login(.init(.tablet)),
            "loggedIn, loggedIn, loggedIn, loggedIn, loggedIn, loggedIn"),
        Row(
            "the phone's connection is lost", .lost(.init(.phone)),
            "–, wentOffline, wentOffline, wentOffline, wentOffline, wentOffline"),
        Row("another connection of the phone is lost", .lost(.init(.phone.over(9))), "–, –, –, –, –, –"),
        Row(
            "logout of the phone", .logout(.init(.phone)),
            "–, loggedOut, loggedOut, loggedOut, loggedOut, loggedOut"),
        Row("logout over another connection", .logout(.init(.phone.over(9))), "–, –, –, –, –, –"),
        Row(
            "a call rings", .ring(.first),
            "ringAdded, ringAdded, –, ringAdded, ringAdded, ringAdded"),
        Row("the call rings no longer", .ringOver(UserInput.Ring.first.call), "–, –, ringRemoved, –, –, –"),
        Row(
            "sit in the same room", .sit(.init("a")),
            "seated, seated, seated, –, moving, seatDenied"),
        Row(
            "sit in another room", .sit(.init("b")),
            "seated, seated, seated, seatDenied, moving, –"),
        Row(
            "sit in another room, taking over", .sit(.init("b", takeover: true)),
            "seated, seated, seated, moving, moving, –"),
        Row(
            "sit in a third room", .sit(.init("c")),
            "seated, seated, seated, seatDenied, moving, seatDenied"),
        Row(
            "sit in a third room, taking over", .sit(.init("c", takeover: true)),
            "seated, seated, seated, moving, moving, seatDenied moving"),
        Row(
            "sit in the same room with the tablet", .sit(.init("a", .tablet)),
            "seated, seated, seated, seatDenied, moving, seatDenied"),
        Row(
            "leave the room", .unsit(.init("a")),
            "–, –, –, leaving, –, –"),
        Row(
            "leave the room that is waited for", .unsit(.init("b")),
            "–, –, –, –, –, leaving"),
        Row(
            "leave the room with the tablet", .unsit(.init("a", .tablet)),
            "–, –, –, –, –, –"),
        Row(
            "the room says that the seat is free", .left(.init("a", seat: 1)),
            "–, –, –, freed, freed, freed seated"),
        Row(
            "a room says that an earlier seat is free", .left(.init("a", seat: 0)),
            "–, –, –, –, –, –"),
        Row(
            "a later seat is said to be free", .left(.init("b", seat: 2)),
            "–, –, –, –, –, –"),
        Row(
            "tokens are cut off", .cutOff(Timestamp(milliseconds: 5_000)),
            "tokensCutOff, tokensCutOff, tokensCutOff, tokensCutOff, tokensCutOff, tokensCutOff"),
        Row("a moment passes", .timer, "–, –, –, –, –, –"),
    ]
}

@Suite struct `A user` {
    @Test func `has one seat, and the next only after the room has given the present one back`() {
        var stage = UserMoment.moving.stage
        #expect(stage.user.seat?.number == 1 && stage.user.seat?.phase == .leaving)
        #expect(stage.send(.left(.init("a", seat: 1))) == "freed seated")
        #expect(stage.user.seat?.number == 2 && stage.user.seat?.room == RoomID("b"))
        #expect(stage.user.next == nil)
        #expect(stage.send(.left(.init("a", seat: 1))) == "–")
    }

    @Test func `that leaves the room it waits for stays nowhere`() {
        var stage = UserMoment.moving.stage
        stage.send(.unsit(.init("b")))
        #expect(stage.user.seat?.room == RoomID("a") && stage.user.next == nil)
        #expect(stage.send(.left(.init("a", seat: 1))) == "freed")
        #expect(stage.user.seat == nil)
    }

    @Test func `that wants back into the room it is leaving sits there anew`() {
        var stage = UserMoment.leaving.stage
        stage.send(.sit(.init("a")))
        #expect(stage.send(.left(.init("a", seat: 1))) == "freed seated")
        #expect(stage.user.seat?.number == 2 && stage.user.seat?.room == RoomID("a"))
    }

    @Test func `says who sits where, when a seat is denied`() {
        var stage = UserMoment.seated.stage
        stage.send(.sit(.init("b", .tablet)))
        guard case .seatDenied(let denied) = stage.facts.first else {
            Issue.record("not denied")
            return
        }
        #expect(denied.room == RoomID("a") && denied.device == Device.phone.id && denied.isCall)
        #expect(denied.sit.room == RoomID("b") && denied.sit.device == .tablet)
    }

    @Test func `tells the one that waits when another takes its place`() {
        var stage = UserMoment.moving.stage
        #expect(stage.send(.sit(.init("c", .tablet, takeover: true))) == "seatDenied moving")
        guard case .seatDenied(let denied) = stage.facts.first else { return }
        #expect(denied.sit.room == RoomID("b") && denied.room == RoomID("c") && denied.device == Device.tablet.id)
        #expect(stage.user.next?.room == RoomID("c"))
    }

    @Test func `names the connection that a new login of the same device replaces`() {
        var stage = UserMoment.online.stage
        stage.send(.login(.init(.phone.over(9))))
        guard case .loggedIn(let login) = stage.facts.first else {
            Issue.record("not logged in")
            return
        }
        #expect(login.replaces == .number(1))
        #expect(stage.user.devices.map(\.device) == [.phone.over(9)])
    }

    @Test func `stays online when the connection is lost that was replaced`() {
        var stage = UserMoment.online.stage
        stage.send(.login(.init(.phone.over(9))))
        #expect(stage.send(.lost(.init(.phone))) == "–")
        #expect(stage.send(.logout(.init(.phone))) == "–")
        #expect(stage.user.devices.count == 1)
    }

    @Test func `keeps its seat while its device is away`() {
        var stage = UserMoment.seated.stage
        stage.send(.lost(.init(.phone)))
        #expect(stage.user.seat?.device == Device.phone.id)
        #expect(stage.user.forgetAt == nil)
    }

    @Test func `opens no connection with a token from before the cut-off`() {
        var stage = UserStage()
        #expect(stage.send(.cutOff(Timestamp(milliseconds: 5_000))) == "tokensCutOff")
        #expect(stage.send(.login(.init(.phone, issuedAt: 4_999))) == "!tokenInvalid")
        #expect(stage.send(.login(.init(.phone, issuedAt: 5_000))) == "loggedIn")
        #expect(stage.send(.cutOff(Timestamp(milliseconds: 4_000))) == "–")
        #expect(stage.send(.cutOff(Timestamp(milliseconds: 5_000))) == "–")
        #expect(stage.send(.login(.init(.tablet, issuedAt: 4_500))) == "!tokenInvalid")
    }

    @Test func `is busy while it rings or sits`() {
        #expect(UserMoment.online.stage.user.busy == nil)
        #expect(UserMoment.rung.stage.user.busy == .busyRinging)
        #expect(UserMoment.seated.stage.user.busy == .busyWaiting)
        #expect(UserMoment.leaving.stage.user.busy == .busyWaiting)
    }

    @Test func `remembers the calls of a device that is away, until it is back`() {
        var stage = UserMoment.rung.stage
        stage.send(.login(.init(.tablet)))
        stage.send(.lost(.init(.phone)))
        stage.send(.ringOver(UserInput.Ring.first.call))
        stage.send(.logout(.init(.tablet)))
        #expect(stage.user.absences.map(\.device) == [Device.phone.id])
        #expect(stage.user.absences.first?.calls == [UserInput.Ring.first.call])
        #expect(stage.user.forgetAt == nil)
        stage.send(.login(.init(.phone.over(9))))
        #expect(stage.user.absences.isEmpty)
        stage.send(.lost(.init(.phone.over(9))))
        #expect(stage.user.absences.isEmpty, "it was in no call this time")
        #expect(stage.user.forgetAt == stage.now)
    }

    @Test func `remembers the call that a device sat in when it was lost`() {
        var stage = UserMoment.seated.stage
        stage.send(.login(.init(.tablet)))
        stage.send(.lost(.init(.phone)))
        stage.send(.lost(.init(.tablet)))
        #expect(stage.user.absences.map(\.calls) == [[CallID("a")]], "the tablet was in no call")
    }

    @Test func `gives up a device that stays away`() {
        var stage = UserMoment.seated.stage
        stage.send(.lost(.init(.phone)))
        stage.send(.unsit(.init("a")))
        stage.send(.left(.init("a", seat: 1)))
        let due = stage.user.deadlines.plain
        #expect(due == stage.now + .seconds(1_200))
        stage.now = due!
        #expect(stage.send(.timer) == "absenceOver")
        #expect(stage.user.forgetAt == due)
    }

    @Test func `waits for no more than sixteen devices`() {
        var stage = UserMoment.rung.stage
        for number in 10..<30 {
            let device = Device("device\(number)", UInt64(number))
            stage.send(.login(.init(device)))
            stage.send(.lost(.init(device)))
        }
        #expect(stage.user.absences.map(\.device) == (14..<30).map { DeviceID("device\($0)") })
    }

    @Test func `holds five devices of one platform, and pushes the oldest out for another`() {
        var stage = UserMoment.online.stage
        for number in 2...5 { stage.send(.login(.init(Device("web\(number)", UInt64(number))))) }
        #expect(stage.user.devices.count == 5)
        #expect(stage.send(.login(.init(Device("web6", 6)))) == "loggedOut loggedIn")
        #expect(stage.user.devices.map(\.device.id.text) == ["web2", "web3", "web4", "web5", "web6"])
        guard case .loggedOut(let gone) = stage.facts.first else { return }
        #expect(gone.connection == .number(1))
        // One that connects anew is none more, and the newest.
        #expect(stage.send(.login(.init(Device("web2", 7)))) == "loggedIn")
        #expect(stage.send(.login(.init(Device("web8", 8)))) == "loggedOut loggedIn")
        #expect(stage.user.devices.map(\.device.id.text) == ["web4", "web5", "web6", "web2", "web8"])
        #expect(stage.send(.lost(.init(.phone))) == "–")
    }

    @Test func `counts the devices of each platform and each application apart, and all of them together`() {
        var stage = UserMoment.unknown.stage
        var number: UInt64 = 0
        func logIn(_ platform: Platform, _ application: String?) -> String {
            number += 1
            var login = UserInput.Login(Device("device\(number)", number))
            login.device.platform = platform
            login.appIdentifier = application
            return stage.send(.login(login))
        }
        for application in [nil, "one"] {
            for platform in Platform.allCases {
                for _ in 1...5 { #expect(logIn(platform, application) == "loggedIn") }
                #expect(logIn(platform, application) == "loggedOut loggedIn")
            }
        }
        #expect(stage.user.devices.count == 50)
        #expect(logIn(.web, "another") == "loggedOut loggedIn")
        #expect(stage.user.devices.count == 50)
        #expect(stage.user.devices.first?.device.id.text == "device3")
    }

    @Test func `with more devices than it may have now pushes a few out at each login`() {
        var stage = UserMoment.unknown.stage
        for number in 1...40 {
            var login = UserFact.LoggedIn()
            login.device = Device("web\(number)", UInt64(number))
            stage.user.apply(.loggedIn(login), at: stage.now)
        }
        for (number, left) in zip(UInt64(41)..., [33, 26, 19, 12, 5, 5]) {
            stage.send(.login(.init(Device("web\(number)", number))))
            #expect(stage.user.devices.count == left)
        }
    }

    @Test func `notes no more than twenty rings, and none of whom they rang`() {
        var stage = UserMoment.online.stage
        for number in 1...21 {
            var ring = UserInput.Ring("call\(number)")
            ring.rung = [.phone]
            #expect(stage.send(.ring(ring)) == (number <= 20 ? "ringAdded" : "–"))
        }
        #expect(stage.user.rings.count == 20)
        #expect(stage.user.rings.allSatisfy { $0.rung.isEmpty })
    }

    @Test func `lets a ring go whose end was never heard`() {
        var stage = UserMoment.rung.stage
        let due = stage.user.deadlines.plain
        #expect(due == UserInput.Ring.first.expiresAt + .seconds(60))
        stage.now = due! + .milliseconds(-1)
        #expect(stage.send(.timer) == "–")
        stage.now = due!
        #expect(stage.send(.timer) == "ringRemoved")
        #expect(stage.user.deadlines == Deadlines())
    }

    @Test func `is carried only while something is to be remembered of it`() {
        for moment in UserMoment.allCases {
            #expect((moment.stage.user.forgetAt == nil) == (moment != .unknown), "\(moment)")
        }
        var stage = UserMoment.online.stage
        stage.send(.logout(.init(.phone)))
        #expect(stage.user.forgetAt == stage.now)
    }
}
