import Switchboard

/// One client's connection, from its upgrade until it is closed: who it is, and what its gateway knows of its calls.
final class Session {
    enum Stage {
        /// Waits for `connect`.
        case fresh
        /// Its token is good; the user's machine has been told.
        case connecting(request: String)
        case admitted
    }

    let connection: WebSocketConnection
    var stage = Stage.fresh
    /// How the user's machine was last told of it; nil before `connect`.
    var announced: Connection?
    var app = AppKey()
    var user = UserID()
    var device = DeviceID()
    var platform = Platform.web
    var profile = Profile()
    var appIdentifier: String?
    var issuedAt = Timestamp()
    var tokenExpiresAt: Timestamp?
    var wasToldOfExpiry = false
    /// The client has the records up to here, and is sent the newer ones once it is admitted.
    var logsSince: Timestamp?
    var lastHeard: ContinuousClock.Instant
    var rate = RateBucket()

    var waiting = PendingAnswers()
    /// Calls that ring here, and until when.
    var rings: [CallID: Timestamp] = [:]
    /// The room this device is inside, and who else is.
    var inside: RoomPeers?
    /// Signals that came before this gateway was told of their room.
    var early: [EarlySignal] = []
    var syncs: [String: SyncGathering] = [:]
    /// What came before the answer to `connect`, in its order.
    var held: [DeliveryEntry] = []

    init(connection: WebSocketConnection, now: ContinuousClock.Instant) {
        self.connection = connection
        lastHeard = now
    }

    var isAdmitted: Bool { if case .admitted = stage { true } else { false } }

    /// Something that it asked is not answered yet.
    var isWaiting: Bool {
        if case .connecting = stage { return true }
        return !waiting.isEmpty
    }

    var knownCalls: [CallID] {
        var calls = Array(rings.keys)
        if let inside, !calls.contains(CallID(inside.room.text)) { calls.append(CallID(inside.room.text)) }
        return calls
    }

    func takeHeld() -> [DeliveryEntry] {
        defer { held = [] }
        return held
    }

    func send(_ frame: Opaque) { connection.send(text: frame.bytes) }
}

struct EarlySignal {
    let note: SignalNote
    let frame: Opaque
    let until: Timestamp
}

/// Several calls asked for in one `call.sync`, answered in one.
final class SyncGathering {
    let request: String
    var missing: Int
    var answer = SyncAnswer()

    init(request: String, missing: Int) {
        self.request = request
        self.missing = missing
    }
}

/// A token bucket: `perSecond` on average, twice that at once.
struct RateBucket {
    static let framesPerSecond = 50.0
    /// Above four times the rate within a second the connection is closed.
    static let abuseFactor = 4.0

    private var tokens = RateBucket.framesPerSecond * 2
    private var last: ContinuousClock.Instant?
    private var second: ContinuousClock.Instant?
    private var inSecond = 0.0

    enum Verdict { case passes, tooFast, abuse }

    mutating func take(at now: ContinuousClock.Instant) -> Verdict {
        if let second, second.duration(to: now) < .seconds(1) {
            inSecond += 1
            if inSecond > Self.framesPerSecond * Self.abuseFactor { return .abuse }
        } else {
            second = now
            inSecond = 1
        }
        if let last {
            let passed = last.duration(to: now).components
            let seconds = Double(passed.seconds) + Double(passed.attoseconds) / 1e18
            tokens = min(Self.framesPerSecond * 2, tokens + seconds * Self.framesPerSecond)
        }
        last = now
        guard tokens >= 1 else { return .tooFast }
        tokens -= 1
        return .passes
    }
}
