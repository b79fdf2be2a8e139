import Switchboard

/// One user's place at the server under load: a connection, and for a while two where it moves to another gateway.
final class Line {
    let user: String
    /// A token or a password.
    let secret: String
    /// Which of the plan's servers it speaks to next, counted on without end.
    var place: Int
    /// What it speaks on.
    private(set) var connection: WebSocketConnection?
    /// Where it says who it is, and then speaks.
    var arriving: WebSocketConnection?
    /// How far the greeting has come; the language's own.
    var step = 0
    private(set) var isReady = false
    /// It has nothing to speak on, and will have again.
    var isReturning = false
    /// Attempts to come back since it was there last.
    var attempts = 0
    var departure: LoopTimer?
    weak var pair: Pair?
    var lastSentAt: UInt64 = 0
    /// When it came to its present connection, or asked there for its call.
    var askedAt: UInt64 = 0
    /// Told once: nil when the server knows the user, else why not.
    var greeted: ((String?) -> Void)?
    /// In the order of their first sending.
    private var unanswered: [Asked] = []

    /// A command without an answer, sent again word for word until it has one.
    private struct Asked {
        let id: String
        let text: [UInt8]
        var shrugs = 0
        /// In nanoseconds; nil while an answer is awaited.
        var againAt: UInt64?
    }

    /// Doubled with each shrug, up to the second.
    private static let shrugSeconds: ClosedRange<UInt64> = 2...60

    init(user: String, secret: String, place: Int) {
        self.user = user
        self.secret = secret
        self.place = place
    }

    /// Nothing keeps it from calling: what it says now is sent when it is back.
    var isThere: Bool { isReady || isReturning }

    func send(_ text: [UInt8]) {
        lastSentAt = monotonicNanoseconds()
        (isReady ? connection : arriving)?.send(text: text)
    }

    func endGreeting(_ problem: String?) {
        guard let told = greeted else { return }
        greeted = nil
        if problem == nil { arrive() } else { arriving = nil }
        told(problem)
    }

    private func arrive() {
        let old = connection
        connection = arriving
        arriving = nil
        isReady = true
        isReturning = false
        attempts = 0
        askedAt = monotonicNanoseconds()
        old?.close(code: 1000, reason: "moved")
        for asked in unanswered where asked.againAt == nil { send(asked.text) }
    }

    /// - Returns: whether it spoke on it.
    func lost(_ gone: WebSocketConnection) -> Bool {
        guard gone === connection else { return false }
        connection = nil
        defer { isReady = false }
        return isReady
    }

    func letGo() { isReady = false }

    // MARK: commands

    func command(_ id: String, _ text: [UInt8]) {
        unanswered.append(Asked(id: id, text: text))
        if isReady { send(text) }
    }

    /// - Returns: false where it was answered before.
    func heardAnswer(to id: String) -> Bool {
        guard let index = unanswered.firstIndex(where: { $0.id == id }) else { return false }
        unanswered.remove(at: index)
        return true
    }

    /// It may have happened or not: the same command is sent again after a while.
    func heardShrug(to id: String) {
        guard let index = unanswered.firstIndex(where: { $0.id == id }) else { return }
        let wait = min(Self.shrugSeconds.lowerBound << unanswered[index].shrugs, Self.shrugSeconds.upperBound)
        unanswered[index].shrugs += 1
        unanswered[index].againAt = monotonicNanoseconds() + wait * 1_000_000_000
    }

    func sendAgain(at now: UInt64) {
        guard isReady else { return }
        for index in unanswered.indices {
            guard let againAt = unanswered[index].againAt, againAt <= now else { continue }
            unanswered[index].againAt = nil
            send(unanswered[index].text)
        }
    }
}

/// Two users, of whom the first calls the second: one call at a time.
final class Pair {
    let caller: Line
    let callee: Line
    var call: CallUnderway?

    init(caller: Line, callee: Line) {
        self.caller = caller
        self.callee = callee
        caller.pair = self
        callee.pair = self
    }

    var isThere: Bool { caller.isThere && callee.isThere }
}

/// One call, from its start until both have heard its last word. Times in nanoseconds; 0: not yet.
final class CallUnderway {
    /// A lower-case UUID.
    let id: String
    let isMeasured: Bool
    var startedAt: UInt64 = 0
    var rangAt: UInt64 = 0
    var connectedAt: UInt64 = 0
    var isOverForCaller = false
    var isOverForCallee = false
    // What is told again to who comes back is taken once.
    var isTaken = false
    var isHungUp = false
    /// The caller's last description; nobody promises that it arrives.
    var describedAt: UInt64 = 0

    init(id: String, isMeasured: Bool) {
        self.id = id
        self.isMeasured = isMeasured
    }

    /// The line knows of it, and has not heard the end.
    func isShown(by line: Line, of pair: Pair?) -> Bool {
        line === pair?.caller ? !isOverForCaller : isTaken && !isOverForCallee
    }

    /// Its id, its two users, and what was heard last of it.
    func place(in pair: Pair) -> String {
        let heard =
            isOverForCaller
            ? "over for the caller"
            : isOverForCallee
                ? "over for the callee"
                : isHungUp ? "hung up" : connectedAt > 0 ? "connected" : rangAt > 0 ? "rang" : "started"
        return "\(id) \(pair.caller.user) \(pair.callee.user) \(heard)"
    }
}

/// How a server is spoken to: the same call in each language, six steps of which the last three follow by themselves.
protocol Language: AnyObject {
    var target: String { get }
    var subprotocol: String { get }
    /// Whether a user whose connection ends comes back and goes on; else the connection is lost.
    var comesBack: Bool { get }
    var listener: (any CallListener)? { get set }
    /// The server asks the user to go elsewhere within so many milliseconds.
    var onGoAway: ((Line, Int) -> Void)? { get set }

    /// Says who is there, on the connection that is `arriving`; ends with `line.endGreeting`.
    func greet(_ line: Line)
    func hear(_ text: UnsafeRawBufferPointer, on line: Line)
    func start(_ call: CallUnderway, of pair: Pair)
    func keepAlive(_ line: Line)
    /// Says again what may be lost on its way.
    func remind(_ line: Line, at now: UInt64)
    func leave(_ line: Line)
}

/// Hears of a call's steps as its parties do.
protocol CallListener: AnyObject {
    /// The caller hears that it rings, and later that it is connected. The second time changes nothing.
    func rang(_ pair: Pair)
    func connected(_ pair: Pair)
    func over(_ pair: Pair, for line: Line)
    func failed(_ pair: Pair?, _ problem: String)
    /// A command was answered with "try again".
    func shrugged()
}

/// What members tell each other of their media, as long as browsers make it.
enum SessionDescription {
    static let bytes = 950

    static let text: String = {
        let line = "a=candidate:1 1 udp 2122260223 192.0.2.17 61764 typ host\n"
        return String(String(repeating: line, count: bytes / line.utf8.count + 1).prefix(bytes))
    }()
}
