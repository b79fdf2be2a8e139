import Switchboard

/// Users and gateways, rooms, and applications.
extension GoldenEffects {
    static let all = calls + users + rooms + applications

    private static let users = [
        user("logins") { stage in
            stage.login(phone)
            stage.login(tablet)
            // Replaced by itself, by one that was long under way, and by the same socket in another life of its gateway.
            stage.login(phone.over(11))
            stage.login(phone.over(12)) { $0.takenAt = stage.clock + .seconds(-4) }
            stage.login(phone.over(13)) { $0.formerly = phone.over(12).connection }
            stage.logout(phone.over(13))
            stage.tell(.cutOff(stage.clock + .seconds(60)))
            stage.login(phone)
        },
        user("shows") { stage in
            stage.login(phone)
            stage.sit("0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c11", phone)
            stage.tell(.ring(ring(second, [])))
            stage.tell(.lost(gone(phone)))
            stage.tell(.ringOver(second))
            // Inside one; missed the end of another; shows a third besides, twice.
            stage.login(phone.over(11)) { $0.shows = [third, GoldenPeople.call, third] }
            stage.logout(phone.over(11))
        },
        user("silent") { stage in
            stage.login(phone)
            stage.sit("0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c11", phone)
            stage.tell(.ring(ring(second, [phone])))
            // It does not say what it shows; nor does the same socket in another life of its gateway.
            stage.login(phone.over(11)) { $0.shows = nil }
            stage.login(phone.over(12)) { ($0.shows, $0.formerly) = (nil, phone.over(11).connection) }
        },
        user("lost") { stage in
            stage.login(phone)
            stage.login(tablet)
            // Rung already, over this connection and over another; and not at all.
            stage.tell(.ring(ring(GoldenPeople.call, [phone])))
            stage.tell(.ring(ring(second, [phone.over(9), tablet])))
            stage.tell(.lost(gone(phone)))
            stage.wait(.seconds(121))
            stage.wait(.seconds(1_201))
        },
        user("seats") { stage in
            stage.login(phone)
            stage.login(tablet)
            stage.sit("0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c11", phone)
            stage.sit(second.text, tablet)
            stage.sit(second.text, tablet) { $0.putsOutFor = .otherDeviceJoined }
            // Takes the place of the one that waits, which has connected anew by the time it sits.
            stage.sit(third.text, phone) { ($0.leavesFor, $0.putsOutFor) = (.ended, .otherDeviceCalling) }
            stage.login(phone.over(11))
            stage.leave("0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c11", seat: 1)
            stage.unsit(third.text, phone, .declined)
            stage.leave(third.text, seat: 2)
            stage.logout(tablet)
        },
        user("seated-logout") { stage in
            stage.login(phone)
            stage.sit("0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c11", phone)
            stage.logout(phone)
        },
        user("pushed-out") { stage in
            stage.login(phone)
            stage.sit("0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c11", phone)
            stage.tell(.ring(ring(second, [phone])))
            for number in UInt64(21)...25 {
                var another = phone.over(number)
                another.id = DeviceID("phone-\(number)")
                stage.login(another)
            }
            stage.tell(.lost(gone(phone)))
        },
        user("gateway") { stage in
            stage.login(phone)
            stage.sit("0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c11", phone)
            stage.login(tablet, of: GoldenPeople.ben)
            stage.tell(.ring(ring(second, [tablet])), GoldenPeople.ben)
            for life in ["gw-3f", "5f0c"] {
                stage.send(.gateway(.beat(incarnation: life)), to: RecordKey.gateway("gateway-1"))
            }
            stage.send(.gatewayDied(incarnation: "gw-3f"), to: "", from: .users)
            stage.wait(.seconds(11))
            stage.send(.gateway(.beat(incarnation: "60aa")), to: RecordKey.gateway("gateway-1"))
            stage.send(.gateway(.goodbye(incarnation: "60aa")), to: RecordKey.gateway("gateway-1"))
        },
    ]

    private static let rooms = [
        GoldenEffects("room", { RoomBook() }) { stage in
            let key = RecordKey.of(GoldenPeople.app, GoldenPeople.call.room)
            var anna = RoomInput.Join()
            (anna.user, anna.device, anna.seat) = (GoldenPeople.anna, phone, 1)
            var ben = RoomInput.Join()
            (ben.user, ben.device, ben.seat) = (GoldenPeople.ben, tablet, 4)
            stage.send(.join(anna), to: key, from: .users)
            ben.kind = .live
            stage.send(.join(ben), to: key, from: .users)
            ben.kind = .call
            stage.send(.join(ben), to: key, from: .users)
            for join in [anna, ben] {
                var leave = RoomInput.Leave()
                (leave.user, leave.seat, leave.reason) = (join.user, join.seat, .connectionError)
                stage.send(.leave(leave), to: key, from: .users)
            }
        }
    ]

    private static let applications = [
        GoldenEffects("application", { RegistryBook() }) { stage in
            let key = "application-1"
            stage.send(.create(GoldenPeople.application), to: key, command: "create")
            var registered = ApplicationInput.Registered()
            (registered.app, registered.user, registered.profile) = (
                AppKey("dev"), GoldenPeople.anna, GoldenPeople.profile
            )
            stage.send(.register(registered), to: key, command: "register")
            registered.app = AppKey("unknown")
            stage.send(.register(registered), to: key, command: "another")
        }
    ]

    private static let (phone, tablet) = (GoldenPeople.phone, GoldenPeople.tablet)
    private static let second = CallID("1c9f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c12")
    private static let third = CallID("2daf2b0e-8a49-4a4e-9f0e-2f1f0a6f5c13")

    private static func user(
        _ name: String, _ live: @escaping @Sendable (GoldenStage<UsersBook>) -> Void
    ) -> GoldenEffects { GoldenEffects("user-\(name)", { UsersBook() }, live) }

    private static func gone(_ device: Device) -> UserInput.Gone {
        UserInput.Gone(device: device.id, connection: device.connection ?? Connection())
    }

    private static func ring(_ call: CallID, _ rung: [Device]) -> UserInput.Ring {
        var ring = UserInput.Ring()
        (ring.call, ring.peer, ring.rung) = (call, UserID("carl"), rung)
        ring.expiresAt = GoldenPeople.began + .seconds(60)
        return ring
    }
}

extension GoldenStage<UsersBook> {
    func tell(_ input: UserInput, _ user: UserID = GoldenPeople.anna) {
        send(.user(input), to: RecordKey.of(GoldenPeople.app, user))
    }

    func login(
        _ device: Device, of user: UserID = GoldenPeople.anna, _ change: (inout UserInput.Login) -> Void = { _ in }
    ) {
        let reply = reply("connect", device.connection)
        var login = UserInput.Login()
        (login.device, login.profile) = (device, GoldenPeople.profile)
        (login.asker, login.issuedAt, login.takenAt) = (reply.asker, GoldenPeople.began, clock)
        (login.appIdentifier, login.clientIp, login.shows) = ("app.id", "192.0.2.7", [])
        change(&login)
        send(.user(.login(login)), to: RecordKey.of(GoldenPeople.app, user), reply: reply)
    }

    func logout(_ device: Device) {
        let connection = device.connection ?? Connection()
        let asker = reply("logout", connection).asker
        tell(.logout(.init(device: device.id, connection: connection, asker: asker)))
    }

    func sit(_ room: String, _ device: Device, _ change: (inout UserInput.Sit) -> Void = { _ in }) {
        var sit = UserInput.Sit()
        (sit.room, sit.device) = (RoomID(room), device)
        change(&sit)
        tell(.sit(sit))
    }

    func unsit(_ room: String, _ device: Device, _ reason: EndReason) {
        var unsit = UserInput.Unsit()
        (unsit.room, unsit.device, unsit.reason) = (RoomID(room), device.id, reason)
        tell(.unsit(unsit))
    }

    func leave(_ room: String, seat: Int) {
        var left = UserInput.LeftRoom()
        (left.room, left.seat) = (RoomID(room), seat)
        tell(.left(left))
    }
}
