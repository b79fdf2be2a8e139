import Switchboard

/// One user, driven by hand.
struct UserStage {
    var user = User()
    var now = Timestamp(milliseconds: 1_700_000_000_000)
    var facts: [UserFact] = []

    /// - Returns: the names of the facts, or `!` and the reason of the refusal, or `–` where nothing follows.
    @discardableResult
    mutating func send(_ input: UserInput) -> String {
        do {
            facts = try user.handle(input, at: now)
        } catch {
            facts = []
            return "!\(error.reason)"
        }
        for fact in facts { user.apply(fact, at: now) }
        return facts.isEmpty ? "–" : facts.map(\.word).joined(separator: " ")
    }
}

/// Where a user can be. It has one seat, and at most one that waits for it.
enum UserMoment: String, CaseIterable {
    case unknown
    /// The phone is connected.
    case online
    /// A call rings.
    case rung
    /// The phone sits in room `a`, with seat 1.
    case seated
    /// The phone has been told to leave it.
    case leaving
    /// The phone leaves `a` and will then sit in `b`.
    case moving

    var stage: UserStage {
        var stage = UserStage()
        for input in inputs { stage.send(input) }
        return stage
    }

    private var inputs: [UserInput] {
        switch self {
        case .unknown: []
        case .online: [.login(.phone)]
        case .rung: Self.online.inputs + [.ring(.first)]
        case .seated: Self.online.inputs + [.sit(.init("a"))]
        case .leaving: Self.seated.inputs + [.unsit(.init("a"))]
        case .moving: Self.seated.inputs + [.sit(.init("b", takeover: true))]
        }
    }
}

extension Device {
    static let phone = Device("phone", 1)
    static let tablet = Device("tablet", 2)
}

extension UserInput.Login {
    static let phone = Self(.phone)

    init(_ device: Device, issuedAt: Int64 = 1_000) {
        self.init()
        self.device = device
        self.issuedAt = Timestamp(milliseconds: issuedAt)
        asker = Asker(connection: device.connection!, request: "1")
        profile = Profile(name: "Anna")
    }
}

extension UserInput.Gone {
    init(_ device: Device) { self.init(device: device.id, connection: device.connection!) }
}

extension UserInput.Ring {
    static let first = Self("0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c11")

    init(_ call: String) {
        self.init()
        self.call = CallID(call)
        peer = UserID("carl")
        expiresAt = Timestamp(milliseconds: 1_700_000_060_000)
    }
}

extension UserInput.Sit {
    init(_ room: String, _ device: Device = .phone, takeover: Bool = false) {
        self.init()
        self.room = RoomID(room)
        self.device = device
        leavesFor = takeover ? .ended : nil
        putsOutFor = takeover ? .otherDeviceJoined : nil
    }
}

extension UserInput.Unsit {
    init(_ room: String, _ device: Device = .phone) {
        self.init()
        self.room = RoomID(room)
        self.device = device.id
    }
}

extension UserInput.LeftRoom {
    init(_ room: String, seat: Int) {
        self.init()
        self.room = RoomID(room)
        self.seat = seat
    }
}

extension UserFact {
    var word: String {
        switch self {
        case .loggedIn: "loggedIn"
        case .wentOffline: "wentOffline"
        case .loggedOut: "loggedOut"
        case .ringAdded: "ringAdded"
        case .ringRemoved: "ringRemoved"
        case .seated: "seated"
        case .seatDenied: "seatDenied"
        case .moving: "moving"
        case .leaving: "leaving"
        case .freed: "freed"
        case .tokensCutOff: "tokensCutOff"
        case .absenceOver: "absenceOver"
        }
    }
}
