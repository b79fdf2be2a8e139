@testable import Switchboard

/// Whole calls under a seed: brokers, owners, mirror, gateways and people, in memory and on one thread.
final class World {
    let clockwork: Clockwork
    let broker: Broker
    let mirror = Mirror()
    let audit = Audit()
    let planted: PlantedFault?
    let hasFaults: Bool
    /// Where a faulty owner goes on, who believes what was handed out and not what was decided.
    var committed: [Broker.Place: Int64] = [:]
    private(set) var calls: Post<CallBook>!
    private(set) var users: Post<UsersBook>!
    private(set) var rooms: Post<RoomBook>!
    private(set) var gateways: [Gateway] = []
    private(set) var phones: [Phone] = []
    private(set) var plans: [CallPlan] = []
    private var namesGiven = 0
    private var crashesLeft = 0
    private var faultsEndAt = Timestamp()
    /// The command of an input that ends whoever decides it.
    private(set) var poison: String?
    private(set) var poisoned = 0

    static let app = AppKey("app")
    private static let faultsEnd: Duration = .seconds(18)
    private static let settledWithin: Duration = .seconds(240)

    /// So small that whatever lives longer than a moment is carried forward, over several incarnations.
    let limits: OwnerLimits

    init(seed: UInt64, hasFaults: Bool, planted: PlantedFault? = nil) {
        clockwork = Clockwork(seed: seed)
        broker = Broker(clockwork: clockwork)
        self.hasFaults = hasFaults
        var limits = OwnerLimits()
        if !clockwork.dice.onceIn(4) {
            limits.recordsPerIncarnation = clockwork.dice.pick([5, 12, 40])
            limits.incarnationMax = clockwork.dice.pick([.seconds(3), .seconds(60)])
            limits.recordsWithoutSnapshot = clockwork.dice.pick([1, 4, 15])
            limits.recordsPerLive = clockwork.dice.pick([0, 2])
            limits.timeWithoutSnapshot = clockwork.dice.pick([.seconds(2), .seconds(60)])
        }
        self.limits = limits
        self.planted = planted
        calls = Post(self, CallBook(media: MediaGrants(urls: ["turn:t"])))
        users = Post(self, UsersBook())
        rooms = Post(self, RoomBook())
        gateways = [Gateway(self, "g0", 0), Gateway(self, "g1", 1)]
        for user in 0..<4 {
            for device in 0..<(clockwork.dice.onceIn(2) ? 1 : 2) {
                phones.append(Phone(self, UserID("u\(user)"), DeviceID("u\(user)d\(device)")))
            }
        }
    }

    func freshName(_ kind: String) -> String {
        namesGiven += 1
        return "\(kind)\(namesGiven)"
    }

    // MARK: the run

    /// - Returns: what was wrong.
    func run() -> [String] {
        let begin = clockwork.now
        faultsEndAt = begin + Self.faultsEnd
        crashesLeft = clockwork.dice.pick([0, 1, 2, 3])
        calls.begin()
        users.begin()
        rooms.begin()
        for gateway in gateways { gateway.begin() }
        for phone in phones {
            clockwork.after(.milliseconds(Int.random(in: 0...600, using: &clockwork.dice))) { phone.connect() }
        }
        makePlans()
        if hasFaults { plantTrouble() }
        clockwork.run(until: begin + Self.faultsEnd)
        while !isSettled, clockwork.now < begin + Self.settledWithin {
            clockwork.run(until: clockwork.now + .seconds(2))
        }
        clockwork.run(until: clockwork.now + .seconds(3))
        // Owners write by themselves now and then: between two such records.
        while !audit.isSettled(self), clockwork.now < begin + Self.settledWithin + .seconds(10) {
            clockwork.run(until: clockwork.now + .milliseconds(20))
        }
        audit.finish(self)
        return audit.faults
    }

    private var isSettled: Bool {
        clockwork.now > lastPlanAt && phones.allSatisfy(\.isIdle) && gateways.allSatisfy(\.isReachable)
            && audit.isSettled(self)
    }

    private var lastPlanAt: Timestamp { (plans.map(\.at).max() ?? clockwork.now) + .seconds(1) }

    private func makePlans() {
        // Without faults nobody is in two calls, so that each call that both want must connect.
        let pairs = hasFaults ? [] : [(0, 1), (2, 3), (0, 3)]
        let count = Int.random(in: 1...3, using: &clockwork.dice)
        for index in 0..<count {
            var pair = (clockwork.dice.pick([0, 1, 2, 3]), clockwork.dice.pick([0, 1, 2, 3]))
            if pair.0 == pair.1 { pair.1 = (pair.0 + 1) % 4 }
            if index < pairs.count { pair = pairs[index] }
            // The third comes when the first two are over.
            let start = hasFaults ? Int.random(in: 1_500...9_000, using: &clockwork.dice) : index == 2 ? 60_000 : 2_000
            let id = CallID("00000000-0000-4000-8000-00000000000\(index)")
            var plan = CallPlan(id, caller: phone(of: pair.0), callee: UserID("u\(pair.1)"), &clockwork.dice)
            if planted == .fireBeforeBacklog { plan.answer = .acceptLate }
            plan.at = clockwork.now + .milliseconds(start)
            plans.append(plan)
            clockwork.after(.milliseconds(start)) { [plan] in plan.caller.dial(plan) }
        }
    }

    private func phone(of user: Int) -> Phone { clockwork.dice.pick(phones.filter { $0.user == UserID("u\(user)") }) }

    func plan(for call: CallID) -> CallPlan? { plans.first { $0.id == call } }

    // MARK: trouble

    private func plantTrouble() {
        if planted == nil, clockwork.dice.onceIn(4) { return plantPoison() }
        if planted == .flushBetweenTwoJoins || planted == .flushUnnoticed {
            clockwork.after(.milliseconds(6_000)) { [self] in trouble(5) }
        }
        if planted == .deafToFormerLives || planted == .announceAsNewcomer {
            clockwork.after(.milliseconds(3_000)) { [self] in
                for gateway in gateways { gateway.cutOff(for: .seconds(10)) }
            }
        }
        if planted == .forgetWhatIsShown {
            for moment in [3_000, 5_000, 7_000] { clockwork.after(.milliseconds(moment)) { [self] in trouble(9) } }
        }
        for _ in 0..<Int.random(in: 1...5, using: &clockwork.dice) {
            let at = Duration.milliseconds(Int.random(in: 500...17_000, using: &clockwork.dice))
            let kind = Int.random(in: 0..<14, using: &clockwork.dice)
            clockwork.after(at) { [self] in trouble(kind) }
        }
    }

    /// The only trouble then: an owner that ends for another reason while it tries an input is taken for that input's work.
    private func plantPoison() {
        poison = "nobody/d/poison"
        crashesLeft = 0
        let key = RecordKey.of(Self.app, clockwork.dice.pick(plans).id)
        clockwork.after(.milliseconds(Int.random(in: 0...12_000, using: &clockwork.dice))) { [self] in
            clockwork.note("an input that ends its owners")
            var end = CallInput.End()
            end.by.user = UserID("nobody")
            broker.append(
                InboxRecord(CallInput.end(end), command: poison).encoded(), key: key,
                to: LedgerName.calls.inbox(Broker.partition(of: key)))
        }
    }

    /// Before it has written what it decided.
    func ends<B: Book>(_ host: Host<B>, writing record: [UInt8]) -> Bool {
        guard let poison, let log = try? LogRecord<B.State.Fact>(json: record), log.command == poison,
            log.refusal?.reason != .malformed
        else { return false }
        poisoned += 1
        for post in [calls, users, rooms] as [any AnyPost] { _ = post.crash(host) }
        return true
    }

    private func trouble(_ kind: Int) {
        let posts: [any AnyPost] = [calls, users, rooms]
        let partition = Int(clockwork.dice.next() % UInt64(Broker.partitions))
        let pause = Duration.milliseconds(Int.random(in: 200...6_000, using: &clockwork.dice))
        switch kind {
        case 0, 1: clockwork.dice.pick([calls, users, rooms] as [any AnyPost]).crash(partition)
        case 2, 3: clockwork.dice.pick(posts).pause(partition, for: pause)
        case 4: clockwork.dice.pick(posts).handOver(partition)
        case 5:
            clockwork.note("the mirror is flushed")
            mirror.flush()
            if planted == .flushBetweenTwoJoins { forgetSeats() }
            guard planted != .flushUnnoticed else { break }
            clockwork.after(.milliseconds(900)) { [self] in
                for post in [calls, users, rooms] as [any AnyPost] { post.mirrorAfresh() }
            }
        case 6: clockwork.dice.pick(gateways).die()
        case 7:
            clockwork.note("the broker stalls")
            broker.stall(for: .milliseconds(Int.random(in: 200...5_000, using: &clockwork.dice)))
        case 8: clockwork.dice.pick(gateways).cutOff(for: pause + pause + .seconds(2))
        case 9, 10:
            let length = Duration.milliseconds(Int.random(in: 0...31_000, using: &clockwork.dice))
            clockwork.dice.pick(phones).leaveHalfOpen(for: length)
        default: clockwork.dice.pick(phones).lose()
        }
    }

    /// Whether something goes wrong here, once in so many times.
    func strikes(onceIn times: Int) -> Bool {
        hasFaults && clockwork.now < faultsEndAt && clockwork.dice.onceIn(times)
    }

    /// At any step, until enough have.
    func mayCrash<B: Book>(_ host: Host<B>) {
        guard crashesLeft > 0, strikes(onceIn: 60) else { return }
        for post in [calls, users, rooms] as [any AnyPost] where post.crash(host) { crashesLeft -= 1 }
    }

    /// A gateway that is not dead.
    func liveGateway() -> Gateway? {
        let live = gateways.filter { !$0.isDead }
        return live.isEmpty ? nil : clockwork.dice.pick(live)
    }

    // MARK: effects

    struct Landing: Hashable {
        let place: Broker.Place
        let key: String
        let value: [UInt8]
    }

    /// What an effect is on its way, and where it arrives.
    func landings(of effect: Effects.Effect, _ source: SourceMark) -> [Landing] {
        func inbox(_ ledger: LedgerName, _ key: String, _ value: [UInt8]) -> Landing {
            Landing(place: ledger.inbox(Broker.partition(of: key)), key: key, value: value)
        }
        switch effect {
        case .frame(let connection, var entry):
            entry.source = source
            let place = Broker.Place(topic: Topic.deliveries, partition: connection.partition)
            return [Landing(place: place, key: "", value: DeliveryRecord([entry]).encoded())]
        case .call(let key, let input): return [inbox(.calls, key, InboxRecord(input, source: source).encoded())]
        case .room(let key, let input): return [inbox(.rooms, key, InboxRecord(input, source: source).encoded())]
        case .user(let key, let input):
            return [inbox(.users, key, InboxRecord(UsersEntry.Input.user(input), source: source).encoded())]
        case .gatewayDied(let incarnation):
            let input = UsersEntry.Input.gatewayDied(incarnation: incarnation)
            let value = InboxRecord(input, source: source).encoded()
            return (0..<Broker.partitions).map {
                Landing(place: LedgerName.users.inbox($0), key: RecordKey.gateway(incarnation), value: value)
            }
        case .callRecord(let key, let bytes):
            let place = Broker.Place(topic: Topic.callRecords, partition: Broker.partition(of: key))
            return [Landing(place: place, key: key, value: bytes)]
        }
    }

    // MARK: planted faults

    /// The device's present connection instead of the one that the fact names.
    func readdressed(_ effect: Effects.Effect) -> Effects.Effect {
        guard case .frame(let connection, var entry) = effect,
            let phone = phones.first(where: { $0.hasUsed(connection) }), let now = phone.connection
        else { return effect }
        entry.gateway = now.gateway
        entry.number = now.number
        return .frame(now, entry)
    }

    /// As though who sits where stood in the mirror alone.
    private func forgetSeats() {
        for entry in users.hosts.compactMap({ $0?.owner.entries.values }).joined() {
            guard case .user(var user) = entry.state else { continue }
            user.seat = nil
            entry.state = .user(user)
        }
    }

    /// Answers a command without deciding it.
    func refuseAtOnce(_ record: Broker.Record) -> Bool {
        guard let inbox = try? InboxRecord<CallInput>(json: record.value), let reply = inbox.reply else { return false }
        let entry = DeliveryEntry(
            to: reply.asker.connection, frame: .refusal(reply.asker.request, Refusal(.notInside)))
        let place = Broker.Place(topic: Topic.deliveries, partition: reply.asker.connection.partition)
        broker.append(DeliveryRecord([entry]).encoded(), key: "", to: place)
        return true
    }
}

/// What two people mean to do.
struct CallPlan {
    enum Answer { case accept, acceptTwice, acceptLate, decline, nothing }

    let id: CallID
    let caller: Phone
    let callee: UserID
    var at = Timestamp()
    var answer: Answer
    var answerAfter: Duration
    /// The caller gives up before any answer.
    var cancelAfter: Duration?
    var talk: Duration
    var calleeHangsUp: Bool
    var takeover: Bool

    init(_ id: CallID, caller: Phone, callee: UserID, _ dice: inout Dice) {
        self.id = id
        self.caller = caller
        self.callee = callee
        answer = dice.pick([.accept, .accept, .accept, .acceptTwice, .acceptLate, .acceptLate, .decline, .nothing])
        answerAfter = .milliseconds(Int.random(in: 0...2_500, using: &dice))
        cancelAfter = dice.onceIn(6) ? .milliseconds(Int.random(in: 0...3_000, using: &dice)) : nil
        talk = .milliseconds(Int.random(in: 0...6_000, using: &dice))
        calleeHangsUp = dice.onceIn(2)
        takeover = dice.onceIn(2)
    }

    var mustConnect: Bool { (answer == .accept || answer == .acceptTwice) && cancelAfter == nil }

    static var settings: CallSettings {
        var settings = CallSettings()
        settings.ringTimeout = .seconds(5)
        settings.ringLossGrace = .seconds(2)
        settings.connectTimeout = .seconds(6)
        settings.lossGrace = .seconds(5)
        settings.maxDuration = .seconds(40)
        // Longer than commands are remembered: phones repeat them all that time.
        settings.tombstone = .seconds(130)
        return settings
    }
}
