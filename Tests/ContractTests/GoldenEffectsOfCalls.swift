import Switchboard

/// Calls from anna's phone to ben, whose tablet is online.
extension GoldenEffects {
    static let calls = [
        call("connected") { stage in
            stage.talk()
            stage.media { $0.camera = false }
            stage.ask(.mediaReset(stage.by(ben, tablet)), "media.reset", tablet)
            var report = CallInput.MediaReport()
            (report.by, report.condition) = (stage.by(ben, tablet), .failed)
            stage.ask(.mediaReport(report), "media.report", tablet)
            report.condition = .connected
            stage.ask(.mediaReport(report), "media.report", tablet)
            stage.ask(.sync(stage.by(anna, phone)), "call.sync", phone)
            stage.accept(tablet, command: "accept")
            stage.end(anna, phone)
            stage.end(ben, tablet)
        },
        call("lost") { stage in
            stage.talk()
            stage.tell(.deviceDown(.init(user: ben, device: tablet)))
            stage.tell(.deviceUp(.init(user: ben, device: tablet.over(13))))
            // Over another connection without having been away.
            stage.tell(.deviceUp(.init(user: anna, device: phone.over(11))))
            stage.tell(.deviceDown(.init(user: ben, device: tablet.over(13))))
            stage.wait(.seconds(61))
            // The end that it could not hear.
            stage.tell(.deviceUp(.init(user: ben, device: tablet.over(14))))
            stage.tell(.deviceUp(.init(user: anna, device: phone.over(12), shows: true)))
        },
        call("declined") { stage in
            stage.dial()
            stage.enter(anna, phone, "1")
            var further = CallInput.Devices()
            (further.user, further.devices, further.profile) = (ben, [laptop], Profile(name: "Ben"))
            stage.tell(.devices(further))
            stage.ring(tablet)
            stage.ring(laptop)
            stage.accept(anna: phone)
            stage.end(ben, laptop)
            stage.accept(tablet, command: "accept")
        },
        call("busy") { stage in
            stage.dial()
            stage.enter(anna, phone, "1")
            stage.end(ben, tablet, .busyWaiting)
        },
        call("missed") { stage in
            stage.dial()
            stage.enter(anna, phone, "1")
            stage.ring(tablet)
            stage.tell(.deviceDown(.init(user: ben, device: tablet)))
            stage.wait(.seconds(60))
            stage.tell(.deviceUp(.init(user: ben, device: tablet.over(13))))
        },
        call("cancelled") { stage in
            stage.dial()
            stage.enter(anna, phone, "1")
            stage.ring(tablet)
            stage.end(anna, phone)
        },
        call("moved") { stage in
            stage.talk()
            var moves = CallInput.Moves()
            (moves.user, moves.device, moves.reason) = (ben, tablet.id, .otherDeviceJoined)
            stage.tell(.moves(moves))
        },
        call("logged-out") { stage in
            stage.talk()
            stage.tell(.loggedOut(.init(user: anna, device: phone)))
        },
        call("callers-seat-refused") { stage in
            stage.dial()
            stage.refuseSeat(anna, phone)
            stage.dial("start")
            stage.dial("another start")
        },
        call("callees-seat-refused") { stage in
            stage.dial()
            stage.enter(anna, phone, "1")
            stage.accept(tablet)
            stage.refuseSeat(ben, tablet)
        },
        call("start-again") { stage in
            stage.dial("start")
            // While it waits, and over another connection.
            stage.dial("start")
            stage.tell(.deviceUp(.init(user: anna, device: phone.over(11))))
            stage.dial("start", over: 11)
            stage.enter(anna, phone, "1")
            // Once it is answered, and when the call is over.
            stage.dial("start", over: 11)
            stage.dial("another start", over: 11)
            stage.end(anna, phone.over(11))
            stage.dial("start", over: 12)
            stage.dial("another start", over: 12)
        },
        call("start-twice") { stage in
            stage.dial("start")
            stage.dial("start")
            stage.enter(anna, phone, "1")
        },
        call("early") { stage in
            stage.end(anna, phone)
            stage.dial()
            stage.end(anna, phone)
        },
        call("unknown") { stage in
            stage.accept(tablet)
            stage.ask(.sync(stage.by(ben, tablet)), "call.sync", tablet)
        },
    ]

    fileprivate static let (anna, ben) = (GoldenPeople.anna, GoldenPeople.ben)
    fileprivate static let (phone, tablet) = (GoldenPeople.phone, GoldenPeople.tablet)
    fileprivate static let laptop = GoldenPeople.device("laptop", 4, .web)
    fileprivate static let desktop = GoldenPeople.device("desktop", 2, .desktop)

    private static func call(
        _ name: String, _ live: @escaping @Sendable (GoldenStage<CallBook>) -> Void
    ) -> GoldenEffects {
        // Relays are told apart by user and moment, as real ones, and sign with no secret.
        GoldenEffects(
            "call-\(name)",
            { CallBook(media: MediaGrants(urls: ["turn:turn.example:3478"]) { "signed \($0)" }) }, live)
    }
}

extension GoldenStage<CallBook> {
    private typealias Cast = GoldenEffects
    private var key: String { RecordKey.of(GoldenPeople.app, GoldenPeople.call) }

    func by(_ user: UserID, _ device: Device) -> CallInput.By {
        CallInput.By(user: user, device: device)
    }

    func tell(_ news: CallInput) { send(news, to: key) }

    func ask(_ input: CallInput, _ type: String, _ device: Device, command: String? = nil) {
        send(input, to: key, command: command, reply: reply(type, device.connection))
    }

    /// Ben's tablet rings; both have another device that does not call.
    func dial(_ command: String? = nil, over connection: UInt64 = 1) {
        var (caller, callee) = (Presence(), Presence())
        caller.devices = [Cast.phone, Cast.desktop]
        (callee.devices, callee.profile) = ([Cast.tablet], Profile(name: "Ben"))
        presences[RecordKey.of(GoldenPeople.app, Cast.anna)] = caller
        presences[RecordKey.of(GoldenPeople.app, Cast.ben)] = callee
        let device = Cast.phone.over(connection)
        let reply = reply("call.start", device.connection)
        var start = CallInput.Start()
        start.by = CallInput.By(user: Cast.anna, device: device, asker: reply.asker)
        start.profile = GoldenPeople.profile
        (start.appIdentifier, start.extra, start.callees) = ("app.id", #"{"topic":"ä"}"#, [Cast.ben])
        send(.start(start), to: key, command: command, reply: reply)
    }

    func ring(_ device: Device) { ask(.ringing(by(Cast.ben, device)), "call.ringing", device) }

    func accept(_ device: Device, command: String? = nil) {
        var accept = CallInput.Accept()
        (accept.by, accept.profile) = (by(Cast.ben, device), Profile(name: "Ben"))
        ask(.accept(accept), "call.accept", device, command: command)
    }

    /// Nobody accepts a call of its own.
    func accept(anna device: Device) {
        var accept = CallInput.Accept()
        accept.by = by(Cast.anna, device)
        ask(.accept(accept), "call.accept", device)
    }

    func end(_ user: UserID, _ device: Device, _ reason: EndReason? = nil) {
        var end = CallInput.End()
        (end.by, end.reason) = (by(user, device), reason)
        ask(.end(end), "call.end", device)
    }

    func media(_ change: (inout CallInput.Media) -> Void) {
        var media = CallInput.Media()
        media.by = by(Cast.ben, Cast.tablet)
        change(&media)
        ask(.media(media), "media.state", Cast.tablet)
    }

    func enter(_ user: UserID, _ device: Device, _ join: String) {
        var joined = CallInput.Joined()
        (joined.user, joined.device, joined.joinID) = (user, device.id, JoinID(join))
        joined.session = SessionID("users-3-7-0")
        send(.joined(joined), to: key, from: .rooms)
    }

    func refuseSeat(_ user: UserID, _ device: Device) {
        var refused = CallInput.SeatRefused()
        (refused.user, refused.device, refused.room) = (user, device.id, RoomID("lobby"))
        refused.sitting = DeviceID("watch")
        send(.seatRefused(refused), to: key, from: .users)
    }

    /// Both are inside.
    func talk() {
        dial()
        enter(Cast.anna, Cast.phone, "1")
        ring(Cast.tablet)
        accept(Cast.tablet, command: "accept")
        enter(Cast.ben, Cast.tablet, "4")
    }
}
