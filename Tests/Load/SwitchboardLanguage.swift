import Switchboard

/// The frames of docs/protocol, with a `cmd` on all that changes something, as an SDK sends them. Who comes back goes on
/// from what the snapshots say.
final class SwitchboardLanguage: Language {
    let target = "/ws"
    let subprotocol = "switchboard.v1"
    let comesBack = true
    weak var listener: (any CallListener)?
    var onGoAway: ((Line, Int) -> Void)?
    private var requestsSent = 0

    private static let ringingState = 102
    /// Ringing, or already further.
    private static let reachedStates = [ringingState, 200, 300]
    private static let tryAgain = 50300
    /// A description may be lost where the other is between two connections: said again after this, in nanoseconds.
    private static let describesAgainAfter: UInt64 = 1_500_000_000
    /// A call of which nothing is said on a new connection is asked for, in nanoseconds after coming there.
    private static let asksAfter: UInt64 = 5_000_000_000
    private static let noSuchCall = 80008
    /// From here on a user is out of the call.
    private static let endedState = 1000
    private static let description: Opaque = Opaque(Description())

    // The id of a request begins with what it was for.
    private enum Ask {
        static let connect = "connect"
        static let start = "start"
        static let ringing = "ringing"
        static let accept = "accept"
        static let signal = "signal"
        static let end = "end"
        static let sync = "sync"
        static let rest = "rest"
    }

    func greet(_ line: Line) {
        var wish = ConnectRequest()
        wish.token = line.secret
        wish.deviceId = DeviceID("device-\(line.user)")
        if let call = line.pair?.call, call.isShown(by: line, of: line.pair) { wish.callIds = [CallID(call.id)] }
        line.arriving?.send(text: request("connect", Ask.connect, wish).encoded())
    }

    func start(_ call: CallUnderway, of pair: Pair) {
        var wish = CallStartRequest()
        wish.callId = CallID(call.id)
        wish.calleeIds = [UserID(pair.callee.user)]
        wish.mediaType = 1
        command("call.start", Ask.start, wish, pair.caller)
    }

    func keepAlive(_ line: Line) { line.send(request("ping", Ask.rest, NoData()).encoded()) }

    func remind(_ line: Line, at now: UInt64) {
        line.sendAgain(at: now)
        guard let pair = line.pair, let call = pair.call, call.isShown(by: line, of: pair) else { return }
        if line.askedAt > call.startedAt, now > line.askedAt + Self.asksAfter {
            line.askedAt = now
            var wish = CallRequest()
            wish.callId = CallID(call.id)
            line.send(request("call.sync", Ask.sync, wish).encoded())
        }
        if line === pair.caller, call.describedAt > 0, now > call.describedAt + Self.describesAgainAfter {
            describe(call, pair)
        }
    }

    func leave(_ line: Line) { line.send(request("logout", Ask.rest, NoData()).encoded()) }

    // MARK: hearing

    func hear(_ text: UnsafeRawBufferPointer, on line: Line) {
        let heard: Heard
        do throws(CodingFailure) {
            heard = try Heard(json: text)
        } catch {
            return listener?.failed(line.pair, "unreadable") ?? ()
        }
        if let request = heard.re { answered(request, heard, text, line) } else { told(heard, text, line) }
    }

    private func answered(_ request: String, _ heard: Heard, _ text: UnsafeRawBufferPointer, _ line: Line) {
        let purpose = request.prefix { $0 != "-" }
        switch purpose {
        case Ask.connect:
            line.endGreeting(heard.code == 0 ? nil : "refused \(heard.code ?? -1)")
            if line.pair?.call != nil { takeSnapshots(in: text, line) }
        case Ask.sync: learn(heard.code ?? -1, text, line)
        // That it did not arrive is no failure: it is said again.
        case Ask.signal, Ask.rest: return
        default:
            guard heard.code != Self.tryAgain else {
                listener?.shrugged()
                return line.heardShrug(to: request)
            }
            guard line.heardAnswer(to: request) else { return }
            if heard.code != 0 {
                listener?.failed(line.pair, "\(purpose) \(heard.code ?? -1)")
            } else if purpose == Ask.ringing, let call = line.pair?.call {
                askAboutCall("call.accept", Ask.accept, call, line)
            }
        }
    }

    private func told(_ heard: Heard, _ text: UnsafeRawBufferPointer, _ line: Line) {
        if heard.type == "goaway" { return onGoAway?(line, heard.data?.reconnectInMs ?? 0) ?? () }
        guard let pair = line.pair, let call = pair.call, let data = heard.data,
            (data.callId ?? data.roomId) == call.id
        else { return }
        let isCaller = line === pair.caller
        switch heard.type {
        case "call.received" where !call.isTaken:
            call.isTaken = true
            askAboutCall("call.ringing", Ask.ringing, call, line)
        case "call.user.state" where isCaller && data.userState == Self.ringingState: listener?.rang(pair)
        case "call.connected", "call.snapshot": takeSnapshots(in: text, line)
        case "signal" where !isCaller && !call.isHungUp:
            call.isHungUp = true
            askAboutCall("call.end", Ask.end, call, line)
        case "call.ended": listener?.over(pair, for: line)
        default: return
        }
    }

    private func learn(_ code: Int, _ text: UnsafeRawBufferPointer, _ line: Line) {
        guard let pair = line.pair, let call = pair.call else { return }
        if code == Self.noSuchCall { return listener?.over(pair, for: line) ?? () }
        guard code == 0, let calls = (try? Shown(json: text))?.data?.calls else { return }
        for snapshot in calls where snapshot.callId == call.id {
            take(snapshot, line)
            if let state = snapshot.state, state >= Self.endedState { listener?.over(pair, for: line) }
        }
    }

    private func takeSnapshots(in text: UnsafeRawBufferPointer, _ line: Line) {
        guard let data = (try? Shown(json: text))?.data else { return listener?.failed(line.pair, "unreadable") ?? () }
        take(data, line)
        for snapshot in data.calls ?? [] { take(snapshot, line) }
    }

    /// What a call's caller learns from how it stands.
    private func take(_ snapshot: Shown.Body, _ line: Line) {
        guard let pair = line.pair, line === pair.caller, let call = pair.call, snapshot.callId == call.id else {
            return
        }
        let callee = snapshot.participants?.first { $0.userId == pair.callee.user }
        if let state = callee?.userState, Self.reachedStates.contains(state) { listener?.rang(pair) }
        guard snapshot.startTime != nil, call.describedAt == 0 else { return }
        listener?.connected(pair)
        describe(call, pair)
    }

    // MARK: asking

    private func describe(_ call: CallUnderway, _ pair: Pair) {
        call.describedAt = monotonicNanoseconds()
        var wish = SignalRequest()
        wish.roomId = RoomID(call.id)
        wish.to = UserID(pair.callee.user)
        wish.payload = Self.description
        pair.caller.send(request("signal", Ask.signal, wish).encoded())
    }

    private func askAboutCall(_ type: String, _ id: String, _ call: CallUnderway, _ line: Line) {
        var wish = CallRequest()
        wish.callId = CallID(call.id)
        command(type, id, wish, line)
    }

    /// Has an effect, and the same one however often it is sent.
    private func command(_ type: String, _ purpose: String, _ data: some Message, _ line: Line) {
        var request = request(type, purpose, data)
        request.cmd = request.id
        line.command(request.id, request.encoded())
    }

    private func request(_ type: String, _ purpose: String, _ data: some Message) -> ClientRequest {
        requestsSent += 1
        var request = ClientRequest()
        request.id = "\(purpose)-\(requestsSent)"
        request.type = type
        request.data = Opaque(data)
        return request
    }
}

/// As much of a frame as the load goes by.
private struct Heard: Message {
    struct Body: Message {
        var callId: String?
        var roomId: String?
        var userState: Int?
        var reconnectInMs: Int?

        mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("callId", &callId)
            try c("roomId", &roomId)
            try c("userState", &userState)
            try c("reconnectInMs", &reconnectInMs)
        }
    }

    var re: String?
    var code: Int?
    var type: String?
    var data: Body?

    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("re", &re)
        try c("code", &code)
        try c("type", &type)
        try c("data", &data)
    }
}

/// A frame with a snapshot of a call, or several.
private struct Shown: Message {
    struct Participant: Message {
        var userId = ""
        var userState = 0

        mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("userId", &userId)
            try c("userState", &userState)
        }
    }

    struct Body: Message {
        var callId: String?
        /// Of this user.
        var state: Int?
        var startTime: Timestamp?
        var participants: [Participant]?
        var calls: [Body]?

        mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("callId", &callId)
            try c("state", &state)
            try c("startTime", &startTime)
            try c("participants", &participants)
            try c("calls", &calls)
        }
    }

    var data: Body?

    mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("data", &data) }
}

private struct Description: Message {
    var type = "offer"
    var sdp = SessionDescription.text

    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("type", &type)
        try c("sdp", &sdp)
    }
}
