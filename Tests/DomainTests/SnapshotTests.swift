@testable import Switchboard
import Testing

@Suite struct `A snapshot` {
    @Test func `of a call is the call, whatever its history`() {
        var witness = SnapshotWitness<Call>()
        for seed in UInt64(1)...60 {
            var world = CallWorld(seed: seed)
            var dice = Dice(seed: seed)
            var call = Call(id: CallID(dice.pick(["one", "two"])))
            var now = CallMoment.unknown.stage.now
            for _ in 0..<60 {
                now = now + world.pause()
                for fact in (try? call.handle(world.input(for: call, at: now), at: now)) ?? [] {
                    call.apply(CallHistory.varied(fact, &dice), at: now)
                    witness.see(call, without: ["told"]) { call in
                        var call = call
                        call.told = []
                        return call
                    }
                }
            }
            #expect(witness.faults.isEmpty, "seed \(seed)")
            if !witness.faults.isEmpty { return }
        }
        #expect(witness.unmoved == [])
    }

    @Test func `of a user is the user, whatever its history`() {
        var witness = SnapshotWitness<User>()
        for seed in UInt64(1)...80 {
            var dice = Dice(seed: seed)
            var user = User()
            for number in UInt64(1)...40 {
                let now = Timestamp(milliseconds: 1_700_000_000_000 + Int64(number) * 700)
                let input = UserHistory.input(number, of: user, &dice)
                for fact in (try? user.handle(input, at: now)) ?? [] {
                    user.apply(fact, at: now)
                    witness.see(user)
                }
            }
            #expect(witness.faults.isEmpty, "seed \(seed)")
            if !witness.faults.isEmpty { return }
        }
        #expect(witness.unmoved == [])
    }

    @Test func `of a room is the room, whatever its history`() {
        var witness = SnapshotWitness<Room>()
        for seed in UInt64(1)...30 {
            var dice = Dice(seed: seed)
            var room = Room()
            for number in 1...60 {
                let now = Timestamp(milliseconds: Int64(number))
                for fact in (try? room.handle(RoomHistory.input(number, &dice), at: now)) ?? [] {
                    room.apply(fact, at: now)
                    witness.see(room)
                }
            }
            #expect(witness.faults.isEmpty, "seed \(seed)")
            if !witness.faults.isEmpty { return }
        }
        #expect(witness.unmoved == [])
    }

    @Test func `of a gateway and of an application is the same again`() {
        var gateways = SnapshotWitness<UsersEntry>()
        var life = GatewayLife()
        let now = Timestamp(milliseconds: 7)
        for fact in [GatewayLife.Fact.born(incarnation: "a"), .died(incarnation: "a"), .born(incarnation: "b")] {
            life.apply(fact, at: now)
            gateways.see(.gateway(life))
        }
        #expect(gateways.faults == [])
        var applications = SnapshotWitness<Application>()
        var application = Application()
        var create = ApplicationInput.Create()
        create.development.appKey = AppKey("dev")
        application.apply(.created(create), at: now)
        applications.see(application)
        for name in ["anna", "ben"] {
            var registered = ApplicationInput.Registered()
            (registered.app, registered.user) = (AppKey("dev"), UserID(name))
            application.apply(.userRegistered(registered), at: now)
            applications.see(application)
        }
        #expect(applications.faults == [])
    }
}

/// What the random calls do not vary by themselves.
private enum CallHistory {
    static func varied(_ fact: CallFact, _ dice: inout Dice) -> CallFact {
        guard case .started(var started) = fact else { return fact }
        if dice.onceIn(8) { return .endedBeforeStart(.init(user: .anna, device: DeviceID("a"))) }
        started.extra = dice.pick([nil, "{}"])
        started.appIdentifier = dice.pick([nil, "app.id"])
        started.callType = dice.pick(CallType.allCases)
        for i in started.callees.indices { started.callees[i].busy = dice.pick([nil, .busyWaiting]) }
        return .started(started)
    }
}

/// Whatever can come to one user.
private enum UserHistory {
    static func input(_ number: UInt64, of user: User, _ dice: inout Dice) -> UserInput {
        let device = dice.pick([Device.phone, .tablet]).over(number)
        switch Int.random(in: 0..<12, using: &dice) {
        case 0, 1, 2: return .login(login(device, &dice))
        case 3: return .lost(gone(of: user, device, &dice))
        case 4: return .logout(gone(of: user, device, &dice))
        case 5: return .ring(ring(&dice))
        case 6: return user.rings.first.map { .ringOver($0.call) } ?? .timer
        case 7, 8: return .sit(sit(device, &dice))
        case 9: return .unsit(.init(user.seat?.room.text ?? "a", dice.pick([.phone, .tablet])))
        case 10: return .left(.init(user.seat?.room.text ?? "a", seat: user.seat?.number ?? 1))
        default: return dice.onceIn(9) ? .cutOff(Timestamp(milliseconds: Int64(number))) : .timer
        }
    }

    private static func login(_ device: Device, _ dice: inout Dice) -> UserInput.Login {
        var login = UserInput.Login(device)
        login.device.platform = dice.pick(Platform.allCases)
        login.profile = Profile(name: dice.pick(["Anna", "A"]), avatarUrl: dice.pick([nil, "https://a/"]))
        login.appIdentifier = dice.pick([nil, "app.id"])
        login.clientIp = dice.pick([nil, "10.0.0.1"])
        return login
    }

    private static func gone(of user: User, _ device: Device, _ dice: inout Dice) -> UserInput.Gone {
        .init(user.devices.isEmpty ? device : dice.pick(user.devices).device)
    }

    private static func ring(_ dice: inout Dice) -> UserInput.Ring {
        var ring = UserInput.Ring(dice.pick(["one", "two"]))
        ring.peer = UserID(dice.pick(["carl", "dora"]))
        ring.expiresAt = Timestamp(milliseconds: 1_700_000_000_000 + Int64.random(in: 0...60_000, using: &dice))
        ring.rung = dice.onceIn(2) ? [.phone] : [.tablet]
        ring.rung[0].platform = dice.pick(Platform.allCases)
        return ring
    }

    private static func sit(_ device: Device, _ dice: inout Dice) -> UserInput.Sit {
        var sit = UserInput.Sit(dice.pick(["a", "b"]), device, takeover: dice.onceIn(2))
        sit.device.platform = dice.pick(Platform.allCases)
        sit.kind = dice.pick(RoomKind.allCases)
        sit.mediaType = dice.pick(MediaType.allCases)
        sit.putsOutFor = dice.pick([nil, .otherDeviceJoined, .otherDeviceCalling])
        return sit
    }
}

/// Whatever can come to one room.
private enum RoomHistory {
    static func input(_ number: Int, _ dice: inout Dice) -> RoomInput {
        let user = UserID(dice.pick(["anna", "ben", "carl"]))
        if dice.onceIn(2) {
            var leave = RoomInput.Leave()
            (leave.user, leave.seat) = (user, dice.pick([1, 2]))
            return .leave(leave)
        }
        var join = RoomInput.Join()
        join.user = user
        join.device = dice.pick([Device.phone, .tablet])
        join.seat = dice.pick([1, 2])
        join.kind = dice.pick(RoomKind.allCases)
        join.mediaType = dice.pick(MediaType.allCases)
        join.session = SessionID("s\(number)")
        return .join(join)
    }
}
