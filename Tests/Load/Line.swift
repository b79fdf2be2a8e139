import Switchboard

/// One user's connection to the server under load.
final class Line {
    let user: String
    /// A token or a password.
    let secret: String
    var connection: WebSocketConnection?
    /// How far the greeting has come; the language's own.
    var step = 0
    var isReady = false
    weak var pair: Pair?
    var lastSentAt: UInt64 = 0
    /// Told once: nil when the server knows the user, else why not.
    var greeted: ((String?) -> Void)?

    init(user: String, secret: String) {
        self.user = user
        self.secret = secret
    }

    func send(_ text: [UInt8]) {
        lastSentAt = monotonicNanoseconds()
        connection?.send(text: text)
    }

    func endGreeting(_ problem: String?) {
        isReady = problem == nil
        guard let told = greeted else { return }
        greeted = nil
        told(problem)
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

    init(id: String, isMeasured: Bool) {
        self.id = id
        self.isMeasured = isMeasured
    }
}

/// How a server is spoken to: the same call in each language, six steps of which the last three follow by themselves.
protocol Language: AnyObject {
    var target: String { get }
    var subprotocol: String { get }
    var listener: (any CallListener)? { get set }

    /// Says who is there; ends with `line.endGreeting`.
    func greet(_ line: Line)
    func hear(_ text: UnsafeRawBufferPointer, on line: Line)
    func start(_ call: CallUnderway, of pair: Pair)
    func keepAlive(_ line: Line)
    func leave(_ line: Line)
}

/// Hears of a call's steps as its parties do.
protocol CallListener: AnyObject {
    /// The caller hears that it rings, and later that it is connected.
    func rang(_ pair: Pair)
    func connected(_ pair: Pair)
    func over(_ pair: Pair, for line: Line)
    func failed(_ pair: Pair?, _ problem: String)
}

/// What members tell each other of their media, as long as browsers make it.
enum SessionDescription {
    static let bytes = 950

    static let text: String = {
        let line = "a=candidate:1 1 udp 2122260223 192.0.2.17 61764 typ host\n"
        return String(String(repeating: line, count: bytes / line.utf8.count + 1).prefix(bytes))
    }()
}
