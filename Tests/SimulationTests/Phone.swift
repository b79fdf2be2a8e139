import Switchboard

/// One device of somebody: connects, rings, answers, hangs up; asks again what was not answered, and for the call as it
/// is where it missed something.
final class Phone {
    private unowned let world: World
    private let clockwork: Clockwork
    let user: UserID
    let device: DeviceID
    private(set) var connection: Connection?
    private var gateway: Gateway?
    private var isAdmitted = false
    private var used: Set<Connection> = []
    /// When it connected last, and the time before.
    private var connectedAt: [Timestamp] = []
    private var asked: [String: Wish] = [:]
    /// Wishes that it will send again.
    private var waiting = 0
    private var requests = 0
    private var commands = 0
    /// The last event seen of each call on this connection.
    private var seen: [CallID: Int] = [:]
    private var ringing: Set<CallID> = []
    private var answered: Set<CallID> = []
    private var talking: Set<CallID> = []
    private var shown: Set<CallID> = []
    private var over: Set<CallID> = []

    private struct Wish {
        let command: String?
        let type: String
        let call: CallID
        let make: (CallInput.By) -> CallInput
        let triesLeft: Int

        var withOneTryLess: Wish {
            Wish(command: command, type: type, call: call, make: make, triesLeft: triesLeft - 1)
        }
    }

    private static let triesMax = 5
    private static let loginsTogether: Duration = .seconds(2)

    init(_ world: World, _ user: UserID, _ device: DeviceID) {
        self.world = world
        clockwork = world.clockwork
        self.user = user
        self.device = device
    }

    var isIdle: Bool { asked.isEmpty && waiting == 0 && ringing.isEmpty && connection != nil && isAdmitted }
    func hasUsed(_ connection: Connection) -> Bool { used.contains(connection) }

    // MARK: coming and going

    func connect() {
        guard connection == nil else { return }
        guard let gateway = world.liveGateway() else {
            return clockwork.after(.milliseconds(300)) { [self] in connect() }
        }
        let connection = gateway.open(self)
        self.gateway = gateway
        self.connection = connection
        used.insert(connection)
        connectedAt = connectedAt.suffix(1) + [clockwork.now]
        isAdmitted = false
        seen = [:]
        ringing = []
        clockwork.note("\(device) connects as \(connection.gateway)-\(connection.number), shows \(shows)")
        gateway.announce(self, connection, asker: Asker(connection: connection, request: "c"))
        let number = connection.number
        clockwork.after(.seconds(2)) { [self] in if isThere(number, gateway) { isAdmitted = true } }
    }

    /// The calls that it has heard of, and of no end.
    var shows: [CallID] { shown.subtracting(over).sorted { $0.text < $1.text } }

    private func isThere(_ number: UInt64, _ gateway: Gateway) -> Bool {
        self.gateway === gateway && connection?.number == number
    }

    func lose() {
        guard let connection, let gateway else { return }
        clockwork.note("\(device) loses its socket")
        away()
        gateway.close(connection.number)
    }

    /// Its socket is dead, and its gateway finds out much later.
    func leaveHalfOpen(for length: Duration) {
        guard let connection, let gateway else { return }
        clockwork.note("\(device) leaves its socket half open")
        away()
        clockwork.after(length) { gateway.close(connection.number) }
    }

    func gatewayDied(_ gateway: Gateway) { if self.gateway === gateway { away() } }

    func isReached(over connection: Connection, through gateway: Gateway) {
        guard isThere(connection.number, gateway) else { return }
        self.connection = connection
        used.insert(connection)
    }

    /// There is one phone of each device: what pushes it out of the socket that it uses is itself.
    func isClosed(_ code: Int, of number: UInt64, through gateway: Gateway) {
        guard isThere(number, gateway) else { return }
        // Nobody can tell the later of two logins that are on their way together.
        let isQuick = connectedAt.count > 1 && clockwork.now - connectedAt[0] < Self.loginsTogether
        world.audit.check(code == Int(CloseCode.goingAway) || isQuick, "\(device) is pushed out of its own socket")
        clockwork.note("\(device) is to come back")
        away()
    }

    private func away() {
        connection = nil
        gateway = nil
        ringing = []
        let again = clockwork.dice.pick([100, 100, 1_000, 3_000, 9_000])
        clockwork.after(.milliseconds(again)) { [self] in connect() }
    }

    // MARK: wishes

    func dial(_ plan: CallPlan) {
        var start = CallInput.Start()
        start.profile = Profile(name: user.text)
        start.callees = [plan.callee]
        start.takeover = plan.takeover
        start.settings = CallPlan.settings
        ask("call.start", plan.id, isCommand: true) { [start] by in
            var start = start
            start.by = by
            return .start(start)
        }
        if let cancelAfter = plan.cancelAfter { clockwork.after(cancelAfter) { [self] in hangUp(plan.id) } }
    }

    private func hangUp(_ call: CallID) {
        guard !over.contains(call) else { return }
        ask("call.end", call, isCommand: true) { by in
            var end = CallInput.End()
            end.by = by
            return .end(end)
        }
    }

    private func answer(_ call: CallID, _ plan: CallPlan) {
        guard answered.insert(call).inserted else { return }
        switch plan.answer {
        case .nothing: break
        case .decline: clockwork.after(plan.answerAfter) { [self] in if ringing.contains(call) { hangUp(call) } }
        case .accept, .acceptTwice, .acceptLate:
            let isFirst = world.phones.first { $0.user == user } === self
            guard isFirst || plan.answer == .acceptTwice else { return }
            // At the last moment: it is on its way while the ring time ends.
            let latest = plan.at + CallPlan.settings.ringTimeout - clockwork.now
            let jitter = Duration.milliseconds(Int.random(in: -30...15, using: &clockwork.dice))
            clockwork.after(plan.answer == .acceptLate ? max(.zero, latest + jitter) : plan.answerAfter) { [self] in
                guard ringing.contains(call) else { return }
                ask("call.accept", call, isCommand: true) { by in
                    var accept = CallInput.Accept()
                    accept.by = by
                    accept.profile = Profile(name: by.user.text)
                    return .accept(accept)
                }
            }
        }
    }

    private func talk(_ call: CallID) {
        guard let plan = world.plan(for: call), talking.insert(call).inserted else { return }
        ask("media.state", call, isCommand: false) { by in
            var media = CallInput.Media()
            media.by = by
            media.camera = false
            return .media(media)
        }
        if plan.calleeHangsUp == (user == plan.callee) { clockwork.after(plan.talk) { [self] in hangUp(call) } }
    }

    private func ask(_ type: String, _ call: CallID, isCommand: Bool, _ make: @escaping (CallInput.By) -> CallInput) {
        var command: String?
        if isCommand {
            commands += 1
            command = "\(user)/\(device)/\(commands)"
        }
        send(Wish(command: command, type: type, call: call, make: make, triesLeft: Self.triesMax))
    }

    private func send(_ wish: Wish) {
        guard let gateway, let connection, isAdmitted else {
            return again(wish, after: .seconds(1))
        }
        requests += 1
        let request = "\(device)-\(requests)"
        asked[request] = wish
        let asker = Asker(connection: connection, request: request)
        let by = CallInput.By(user: user, device: Device(id: device, connection: connection), asker: asker)
        clockwork.note("\(device) \(wish.type) \(wish.call.text.suffix(1)) as \(request)")
        gateway.send(
            InboxRecord(
                wish.make(by), command: wish.command, reply: Reply(asker: asker, type: wish.type),
                sentAt: clockwork.now), RecordKey.of(World.app, wish.call), to: .calls)
        clockwork.after(.milliseconds(4_500)) { [self] in repeatWish(request) }
    }

    private func repeatWish(_ request: String) {
        guard let wish = asked.removeValue(forKey: request) else { return }
        again(wish, after: .seconds(2))
    }

    private func again(_ wish: Wish, after wait: Duration) {
        guard wish.command != nil, wish.triesLeft > 0 else { return }
        waiting += 1
        clockwork.after(wait) { [self] in
            waiting -= 1
            send(wish.withOneTryLess)
        }
    }

    // MARK: hearing

    func expire(_ call: CallID) { ringing.remove(call) }

    func hear(_ frame: Opaque, over number: UInt64, through gateway: Gateway) {
        guard isThere(number, gateway), let frame = try? HeardFrame(json: frame.bytes) else { return }
        if let request = frame.re { return hear(answer: frame, to: request) }
        guard let type = frame.type, let call = frame.data.callId ?? frame.data.roomId.map({ CallID($0.text) }) else {
            return
        }
        clockwork.note("\(device) hears \(type) \(call.text.suffix(1)) \(frame.seq ?? 0) \(frame.data.reason ?? 0)")
        world.audit.hears(type, call, on: device, expiresAt: frame.data.expiresAt, at: clockwork.now)
        guard let sequence = frame.seq else { return }
        let last = seen[call]
        if let last, sequence <= last { return }
        let isSnapshot = type == "call.snapshot" || type == "call.received" || type == "call.connected"
        if let last, frame.prev != last, !isSnapshot { sync(call) }
        seen[call] = sequence
        if isSnapshot { shown.insert(call) }
        switch type {
        case "call.received":
            ringing.insert(call)
            ask("call.ringing", call, isCommand: false) { .ringing($0) }
            if let plan = world.plan(for: call) { answer(call, plan) }
        case "call.connected": talk(call)
        case "call.ended":
            ringing.remove(call)
            over.insert(call)
        case "call.snapshot": if frame.data.state == UserState.onCall.code { talk(call) }
        default: break
        }
    }

    /// As a client does whose answer was lost on the way; the call may be over by then.
    private func askOnceMore(_ wish: Wish) {
        guard Int.random(in: 0..<6, using: &clockwork.dice) == 0 else { return }
        again(wish, after: .milliseconds(clockwork.dice.pick([100, 1_000, 5_000, 30_000])))
    }

    private func sync(_ call: CallID) { ask("call.sync", call, isCommand: false) { .sync($0) } }

    private func hear(answer: HeardFrame, to request: String) {
        if request == "c" {
            isAdmitted = true
            return
        }
        guard let wish = asked[request] else { return }
        clockwork.note("\(device) is answered \(request): \(answer.code ?? -1)")
        if answer.code == Refusal.Reason.tryAgain.code { return repeatWish(request) }
        asked[request] = nil
        if let command = wish.command {
            world.audit.answers(command, answer.code ?? 0)
            askOnceMore(wish)
        }
        if wish.type == "call.accept" || wish.type == "call.sync" { ringing.remove(wish.call) }
        if let sequence = answer.data.seq ?? answer.data.calls?.first?.seq {
            seen[wish.call] = max(seen[wish.call] ?? 0, sequence)
        }
    }
}

/// As much of a frame as a phone looks at.
struct HeardFrame: Message {
    struct Body: Message {
        var callId: CallID?
        var roomId: RoomID?
        var state: Int?
        var seq: Int?
        var reason: Int?
        var expiresAt: Timestamp?
        var calls: [Part]?

        mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("callId", &callId)
            try c("roomId", &roomId)
            try c("state", &state)
            try c("seq", &seq)
            try c("reason", &reason)
            try c("expiresAt", &expiresAt)
            try c("calls", &calls)
        }
    }

    struct Part: Message {
        var seq: Int?
        mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("seq", &seq) }
    }

    var type: String?
    var seq: Int?
    var prev: Int?
    var re: String?
    var code: Int?
    var data = Body()

    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("type", &type)
        try c("seq", &seq)
        try c("prev", &prev)
        try c("re", &re)
        try c("code", &code)
        try c("data", &data)
    }
}
