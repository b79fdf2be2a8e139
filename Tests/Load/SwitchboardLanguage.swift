import Switchboard

/// The frames of docs/protocol, with a `cmd` on all that changes something, as an SDK sends them.
final class SwitchboardLanguage: Language {
    let target = "/ws"
    let subprotocol = "switchboard.v1"
    weak var listener: (any CallListener)?
    private var requestsSent = 0

    private static let ringingState = 102
    private static let description: Opaque = Opaque(Description())

    // The id of a request begins with what it was for.
    private enum Ask {
        static let connect = "connect"
        static let start = "start"
        static let ringing = "ringing"
        static let accept = "accept"
        static let signal = "signal"
        static let end = "end"
        static let rest = "rest"
    }

    func greet(_ line: Line) {
        var wish = ConnectRequest()
        wish.token = line.secret
        wish.deviceId = DeviceID("device-\(line.user)")
        ask("connect", Ask.connect, wish, line)
    }

    func start(_ call: CallUnderway, of pair: Pair) {
        var wish = CallStartRequest()
        wish.callId = CallID(call.id)
        wish.calleeIds = [UserID(pair.callee.user)]
        wish.mediaType = 1
        command("call.start", Ask.start, wish, pair.caller)
    }

    func keepAlive(_ line: Line) { ask("ping", Ask.rest, NoData(), line) }

    func leave(_ line: Line) { ask("logout", Ask.rest, NoData(), line) }

    // MARK: hearing

    func hear(_ text: UnsafeRawBufferPointer, on line: Line) {
        let heard: Heard
        do throws(CodingFailure) {
            heard = try Heard(json: text)
        } catch {
            return listener?.failed(line.pair, "unreadable") ?? ()
        }
        if let request = heard.re { answered(request, heard, line) } else { told(heard, line) }
    }

    private func answered(_ request: String, _ heard: Heard, _ line: Line) {
        let purpose = request.prefix { $0 != "-" }
        if purpose == Ask.connect { return line.endGreeting(heard.code == 0 ? nil : "refused \(heard.code ?? -1)") }
        if heard.code != 0, purpose != Ask.rest {
            listener?.failed(line.pair, "\(purpose) \(heard.code ?? -1)")
        } else if purpose == Ask.ringing, let call = line.pair?.call {
            askAboutCall("call.accept", Ask.accept, call, line)
        }
    }

    private func told(_ heard: Heard, _ line: Line) {
        guard let pair = line.pair, let call = pair.call, let data = heard.data,
            (data.callId ?? data.roomId) == call.id
        else { return }
        let isCaller = line === pair.caller
        switch heard.type {
        case "call.received": askAboutCall("call.ringing", Ask.ringing, call, line)
        case "call.user.state" where isCaller && data.userState == Self.ringingState: listener?.rang(pair)
        case "call.connected" where isCaller:
            listener?.connected(pair)
            var wish = SignalRequest()
            wish.roomId = RoomID(call.id)
            wish.to = UserID(pair.callee.user)
            wish.payload = Self.description
            ask("signal", Ask.signal, wish, line)
        case "signal": askAboutCall("call.end", Ask.end, call, line)
        case "call.ended": listener?.over(pair, for: line)
        default: return
        }
    }

    // MARK: asking

    private func askAboutCall(_ type: String, _ id: String, _ call: CallUnderway, _ line: Line) {
        var wish = CallRequest()
        wish.callId = CallID(call.id)
        command(type, id, wish, line)
    }

    private func command(_ type: String, _ purpose: String, _ data: some Message, _ line: Line) {
        ask(type, purpose, data, line, changes: true)
    }

    private func ask(
        _ type: String, _ purpose: String, _ data: some Message, _ line: Line, changes: Bool = false
    ) {
        requestsSent += 1
        var request = ClientRequest()
        request.id = "\(purpose)-\(requestsSent)"
        request.cmd = changes ? request.id : nil
        request.type = type
        request.data = Opaque(data)
        line.send(request.encoded())
    }
}

/// As much of a frame as the load goes by.
private struct Heard: Message {
    struct Body: Message {
        var callId: String?
        var roomId: String?
        var userState: Int?

        mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("callId", &callId)
            try c("roomId", &roomId)
            try c("userState", &userState)
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

private struct Description: Message {
    var type = "offer"
    var sdp = SessionDescription.text

    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("type", &type)
        try c("sdp", &sdp)
    }
}
