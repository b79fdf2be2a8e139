import Switchboard

/// A call under random commands and news. What a user's machine says of a device comes in its order, and maybe twice;
/// commands come over any connection that the device ever had, at any moment.
struct CallWorld {
    private var dice: Dice
    private var users: [UserID: [Device]] = [
        .anna: [.annaPhone, .annaTablet], .ben: [.benPhone, .benTablet, .benLaptop], .carl: [.carlPhone],
    ]
    /// Every connection that a device had, the present one last.
    private var connections: [DeviceID: [UInt64]] = [:]
    private var connectionsMade: UInt64 = 100
    private var joins = 0
    private var lastNews: CallInput?

    init(seed: UInt64) {
        dice = Dice(seed: seed)
        for device in users.values.joined() { connections[device.id] = [device.connection!.number] }
    }

    /// How much time passes before the next input.
    mutating func pause() -> Duration {
        .milliseconds(dice.pick([0, 1, 20, 300, 2_000, 7_000, dice.onceIn(4) ? 40_000 : 0]))
    }

    mutating func input(for call: Call, at now: Timestamp) -> CallInput {
        if call.phase == .unknown, !dice.onceIn(4) { return .start(start()) }
        if call.startAsker != nil, dice.onceIn(5) { return .start(start()) }
        // Most of the time what must come for the call to go on.
        if dice.onceIn(3), let joined = joined(call) {
            let isRefused = dice.onceIn(8)
            return isRefused
                ? .seatRefused(.init(joined.user, Device(id: joined.device, connection: nil))) : .joined(joined)
        }
        switch Int.random(in: 0..<22, using: &dice) {
        case 0: return .start(start())
        case 1, 2, 3: return .ringing(by())
        case 4, 5, 6: return .accept(accept())
        case 7: return dice.onceIn(3) ? .end(.init(by: by(), dice.pick([nil, .busyWaiting, .joinError]))) : .sync(by())
        case 8, 9: return .sync(by())
        case 10: return .media(.init(by: by(), camera: dice.onceIn(2)))
        case 11: return .mediaReset(by())
        case 12: return .mediaReport(.init(by: by(), dice.pick(CallInput.MediaCondition.allCases)))
        case 13, 14, 15: return news(reconnect())
        case 16: return news(.deviceDown(present(dice.pick([.anna, .ben]))))
        case 17: return lastNews ?? .timer(silenceCounts: true)
        case 18: return news(.devices(.init(.ben, (users[.ben] ?? []).map(present))))
        case 19: return dice.onceIn(4) ? .loggedOut(present(dice.pick([.anna, .ben]))) : .sync(by())
        case 20:
            let news = present(dice.pick([.anna, .ben]))
            return dice.onceIn(4)
                ? .moves(.init(news.user, news.device, dice.pick([.ended, .otherLogin])))
                : .timer(silenceCounts: false)
        default:
            let news = present(dice.pick([.anna, .ben]))
            return dice.onceIn(6)
                ? .seatRefused(.init(news.user, news.device)) : .timer(silenceCounts: dice.onceIn(2))
        }
    }

    // MARK: commands

    private mutating func start() -> CallInput.Start {
        let who = dice.pick([UserID.anna, .anna, .anna, .anna, .carl])
        var start = CallInput.Start(by: by(who))
        start.by.asker = dice.onceIn(5) ? nil : Asker(connection: start.by.device.connection!, request: "7")
        start.mediaType = dice.pick(MediaType.allCases)
        let ben = dice.pick([0, 1, 2, 3])
        start.presences[0]?.devices = (users[.ben] ?? []).prefix(ben).map(present)
        if dice.onceIn(5) { start.presences = [nil, nil] }
        if dice.onceIn(5) { start.settings.maxDuration = .seconds(60) }
        return start
    }

    private mutating func accept() -> CallInput.Accept {
        var accept = CallInput.Accept(by: by(dice.onceIn(8) ? .anna : .ben))
        accept.mediaType = dice.pick([nil, .audio])
        return accept
    }

    /// A device of somebody, over one of its connections.
    private mutating func by(_ user: UserID? = nil) -> CallInput.By {
        let user = user ?? dice.pick([.anna, .ben, .ben, .carl])
        let device = dice.pick(users[user] ?? [])
        let known = connections[device.id] ?? []
        return .init(user: user, device: device.over(dice.onceIn(4) ? dice.pick(known) : known.last!))
    }

    // MARK: news

    private mutating func joined(_ call: Call) -> CallInput.Joined? {
        let waiting = call.participants.filter { $0.state.isInside && $0.joinID == nil }
        guard !waiting.isEmpty else { return nil }
        let member = dice.pick(waiting)
        joins += 1
        var joined = CallInput.Joined(member.user, Device(), joins)
        joined.device = member.seated ?? DeviceID()
        return joined
    }

    private func present(_ device: Device) -> Device { device.over(connections[device.id]?.last ?? 0) }

    private mutating func present(_ user: UserID) -> CallInput.DeviceNews {
        .init(user: user, device: present(dice.pick(users[user] ?? [])))
    }

    private mutating func reconnect() -> CallInput {
        let user = dice.pick([UserID.anna, .ben])
        let device = dice.pick(users[user] ?? [])
        connectionsMade += 1
        connections[device.id]?.append(connectionsMade)
        return .deviceUp(.init(user: user, device: present(device)))
    }

    private mutating func news(_ input: CallInput) -> CallInput {
        lastNews = input
        return input
    }
}
