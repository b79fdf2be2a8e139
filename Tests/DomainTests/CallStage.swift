import Switchboard

/// A call from anna to ben, driven by hand: each input is decided and its facts are folded at once.
struct CallStage {
    var call = Call(id: CallID("0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c11"))
    var now = Timestamp(milliseconds: 1_700_000_000_000)
    /// What the last input told, one line each.
    var told: [String] = []

    /// - Returns: the names of the facts, or `!` and the reason of the refusal, or `–` where nothing follows.
    @discardableResult
    mutating func send(_ input: CallInput) -> String {
        told = []
        let facts: [CallFact]
        do {
            facts = try call.handle(input, at: now)
        } catch {
            return "!\(error.reason)"
        }
        for fact in facts {
            call.apply(fact, at: now)
            told += call.told.map(\.line)
        }
        return facts.isEmpty ? "–" : facts.map(\.name.rawValue).joined(separator: " ")
    }

    /// Time passes, and the owner looks at it.
    @discardableResult
    mutating func wait(_ duration: Duration, silenceCounts: Bool = true) -> String {
        now = now + duration
        return send(.timer(silenceCounts: silenceCounts))
    }

    /// The refusal of an input, whole.
    func refusal(of input: CallInput) -> Refusal? {
        do {
            _ = try call.handle(input, at: now)
            return nil
        } catch { return error }
    }

    func state(of user: UserID) -> UserState? { call.participant(user)?.state }
    func reason(of user: UserID) -> EndReason? { call.participant(user)?.reason }
}

/// Where a call can be, each reached by its usual way.
enum CallMoment: String, CaseIterable {
    /// Nobody has started it.
    case unknown
    /// An end came before the start.
    case endedEarly
    /// Started; the room has not let the caller in yet.
    case dialing
    /// The caller is inside; no device of the callee has acknowledged.
    case invited
    case ringing
    /// Accepted by ben's phone, which is not inside yet.
    case connecting
    case onCall
    /// The caller hung up.
    case over

    var stage: CallStage {
        var stage = CallStage()
        for input in inputs { stage.send(input) }
        return stage
    }

    private var inputs: [CallInput] {
        switch self {
        case .unknown: []
        case .endedEarly: [.end(.anna)]
        case .dialing: [.start(.anna)]
        case .invited: Self.dialing.inputs + [.joined(.anna)]
        case .ringing: Self.invited.inputs + [.ringing(.ben)]
        case .connecting: Self.ringing.inputs + [.accept(.ben)]
        case .onCall: Self.connecting.inputs + [.joined(.ben)]
        case .over: Self.onCall.inputs + [.end(.anna)]
        }
    }
}

extension UserID {
    static let anna = UserID("anna")
    static let ben = UserID("ben")
    static let carl = UserID("carl")
}

extension Device {
    static let annaPhone = Device("annaPhone", 1)
    static let annaTablet = Device("annaTablet", 2)
    static let benPhone = Device("benPhone", 3)
    static let benTablet = Device("benTablet", 4)
    /// Ben's, and not rung by the start.
    static let benLaptop = Device("benLaptop", 5)
    static let carlPhone = Device("carlPhone", 6)

    init(_ id: String, _ connection: UInt64) {
        self.init(id: DeviceID(id), connection: .number(connection))
    }

    func over(_ connection: UInt64) -> Device { Device(id: id, connection: .number(connection), platform: platform) }
}

extension Connection {
    static func number(_ number: UInt64) -> Connection { Connection(partition: 0, gateway: "g1", number: number) }
}

extension CallInput.By {
    static let anna = Self(user: .anna, device: .annaPhone, asker: Asker(connection: .number(1), request: "7"))
    static let annaTablet = Self(user: .anna, device: .annaTablet)
    static let ben = Self(user: .ben, device: .benPhone)
    static let benTablet = Self(user: .ben, device: .benTablet)
    static let benLaptop = Self(user: .ben, device: .benLaptop)
    static let carl = Self(user: .carl, device: .carlPhone)

    func over(_ connection: UInt64) -> Self { Self(user: user, device: device.over(connection), asker: asker) }
}

extension CallInput.Start {
    static let anna = Self(by: .anna)

    /// Of ben, whose phone and tablet are online.
    init(by: CallInput.By) {
        self.init()
        self.by = by
        callees = [.ben]
        var ben = Presence()
        ben.devices = [.benPhone, .benTablet]
        var own = Presence()
        own.devices = [.annaPhone, .annaTablet]
        presences = [ben, own]
    }
}

extension CallInput.Accept {
    static let ben = Self(by: .ben)
    init(by: CallInput.By) {
        self.init()
        self.by = by
    }
}

extension CallInput.End {
    static let anna = Self(by: .anna)
    static let ben = Self(by: .ben)
    init(by: CallInput.By, _ reason: EndReason? = nil) {
        self.init()
        self.by = by
        self.reason = reason
    }
}

extension CallInput.Joined {
    static let anna = Self(.anna, .annaPhone, 1)
    static let ben = Self(.ben, .benPhone, 2)
    init(_ user: UserID, _ device: Device, _ join: Int) {
        self.init()
        self.user = user
        self.device = device.id
        joinID = JoinID("\(join)")
        session = SessionID("s1")
    }
}

extension CallInput.Media {
    init(by: CallInput.By, camera: Bool) {
        self.init()
        self.by = by
        self.camera = camera
    }
}

extension CallInput.MediaReport {
    init(by: CallInput.By, _ condition: CallInput.MediaCondition) {
        self.init()
        self.by = by
        self.condition = condition
    }
}

extension CallInput.Devices {
    init(_ user: UserID, _ devices: [Device]) {
        self.init()
        self.user = user
        self.devices = devices
    }
}

extension CallInput.Moves {
    init(_ user: UserID, _ device: Device, _ reason: EndReason) {
        self.init()
        self.user = user
        self.device = device.id
        self.reason = reason
    }
}

extension CallInput.SeatRefused {
    init(_ user: UserID, _ device: Device) {
        self.init()
        self.user = user
        self.device = device.id
        room = RoomID("lobby")
    }
}

extension Told {
    /// `device: event`, as one would say it.
    var line: String { "\(device): \(words)" }

    private var words: String {
        switch event {
        case .received: "received"
        case .snapshot: "snapshot"
        case .connected: "connected"
        case .ended(let reason, let by, let hasLog):
            "ended \(reason)" + (by.map { " by \($0)" } ?? "") + (hasLog ? "" : ", no log")
        case .userState(let user, let state, let reason, let device):
            "\(user) \(state)" + (reason.map { " \($0)" } ?? "") + (device.map { " on \($0)" } ?? "")
        case .userConnection(let user, let online, let join):
            "\(user) \(online ? "online" : "offline")" + (join.map { " as \($0)" } ?? "")
        case .media(let user, let media): "\(user) camera \(media.camera ? "on" : "off")"
        case .startAnswered: "start answered"
        case .startOver: "start over"
        case .startRefused(_, let refused): "start refused \(refused.reason)"
        }
    }
}
