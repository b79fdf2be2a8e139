import Switchboard

/// A call from anna to ben and both their users, with the news between the machines on its way until it is delivered.
///
/// The room lets everybody in at once. What a device is told over a connection is heard only where the test lets it be.
struct ReturnStage {
    private static let app = AppKey("app")
    private static let key = RecordKey.of(app, CallStage().call.id)

    private(set) var call = CallStage().call
    private(set) var users: [UserID: User] = [.anna: User(), .ben: User()]
    private(set) var now = CallStage().now
    /// `connection device: event`, and `connection closed`, in their order.
    private(set) var told: [String] = []
    private var onTheWay: [Effects.Effect] = []
    private let callBook = CallBook(media: MediaGrants(urls: []))
    private let usersBook = UsersBook()

    /// Both are connected, and ben's devices ring.
    static func ringing(on devices: Device...) -> ReturnStage {
        var stage = ReturnStage()
        stage.connect(.anna, .annaPhone)
        for device in devices { stage.connect(.ben, device) }
        var start = CallInput.Start(by: .anna)
        start.presences[0]?.devices = devices
        start.presences[1]?.devices = [.annaPhone]
        stage.send(.start(start))
        stage.deliver()
        stage.told = []
        return stage
    }

    // MARK: devices

    mutating func connect(
        _ user: UserID, _ device: Device, showing calls: [CallID]? = [], formerly: Connection? = nil,
        underWayFor delay: Duration = .zero
    ) {
        var login = UserInput.Login(device)
        login.shows = calls
        login.formerly = formerly
        login.takenAt = now + (.zero - delay)
        send(.login(login), to: user)
    }

    mutating func lose(_ user: UserID, _ device: Device) { send(.lost(.init(device)), to: user) }

    // MARK: the machines

    mutating func send(_ input: UserInput, to user: UserID) {
        let before = users[user]!
        for fact in (try? before.handle(input, at: now)) ?? [] {
            let before = users[user]!
            users[user]!.apply(fact, at: now)
            perform(fact, of: user, before)
        }
    }

    private mutating func perform(_ fact: UserFact, of user: UserID, _ before: User) {
        var effects = Effects()
        usersBook.perform(
            .user(fact), key: RecordKey.of(Self.app, user), before: .user(before), after: .user(users[user]!),
            into: &effects)
        onTheWay += effects.all
        for case .frame(let connection, let entry) in effects.all where entry.close != nil {
            told.append("\(connection.number) closed\(entry.close == 4503 ? ", to come back" : "")")
        }
    }

    mutating func send(_ input: CallInput) {
        for fact in (try? call.handle(input, at: now)) ?? [] {
            let before = call
            call.apply(fact, at: now)
            for event in call.told {
                guard let connection = event.connection else { continue }
                told.append("\(connection.number) \(event.line)")
            }
            var effects = Effects()
            callBook.perform(fact, key: Self.key, before: before, after: call, into: &effects)
            onTheWay += effects.all
        }
    }

    /// Everything that is on its way arrives, and what follows from it.
    mutating func deliver() {
        while !onTheWay.isEmpty { arrive(onTheWay.removeFirst()) }
    }

    private mutating func arrive(_ effect: Effects.Effect) {
        switch effect {
        case .call(let key, let input): if key == Self.key { send(input) }
        case .user(let key, let input): if let (_, id) = RecordKey.split(key) { send(input, to: UserID(id)) }
        case .room(_, .join(let join)):
            var joined = CallInput.Joined(join.user, join.device, join.seat)
            joined.joinID = JoinID("\(join.seat)")
            send(.joined(joined))
        case .room(let key, .leave(let leave)):
            send(.left(.init(RecordKey.split(key)?.id ?? "", seat: leave.seat)), to: leave.user)
        case .room, .frame, .callRecord, .gatewayDied: break
        }
    }

    // MARK: time

    /// Time passes, and owners look at it; a call that is remembered no longer is a blank one.
    mutating func wait(_ duration: Duration) {
        now = now + duration
        send(.timer(silenceCounts: true))
        for user in users.keys { send(.timer, to: user) }
        if let forgetAt = call.forgetAt, forgetAt <= now { call = CallStage().call }
        deliver()
    }

    /// What was told since this was last asked.
    mutating func news() -> [String] {
        deliver()
        defer { told = [] }
        return told
    }
}
