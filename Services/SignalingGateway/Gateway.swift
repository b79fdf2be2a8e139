import Switchboard

/// The loop of a gateway: its connections, what they ask, and what they are told.
///
/// It decides nothing. A request becomes an inbox record, a delivery becomes a frame; signals go from member to member.
final class Gateway {
    let loop: EventLoop
    let name: String
    let directory: Directory
    let media: MediaGrants
    let log: Log
    let settings: LedgerSettings
    let partition: Int32
    let clock: () -> Timestamp
    let outbox: Outbox

    /// Names this life; connections are known by it and their number.
    private(set) var incarnation = SecureRandom.uuid()
    /// The lives of this process before, the latest last. What is still sent to one of them is for the same sockets.
    private var formerLives: [String] = []
    var sessions: [UInt64: Session] = [:]
    /// The highest effect taken from each source partition.
    var marks: [MarkPlace: SourceMark] = [:]
    var unanswered = Queue<Unanswered>()
    var admissions = Queue<Unanswered>()
    var losses = Losses()
    var clockCheck: ClockCheck
    /// The registry has a record of a newer program: who comes now may hold a token that is good, and is not known to be.
    var isOutdated = false
    /// Told whether the clock agrees with the brokers': when that is known first, and when it changes.
    var onClock: ((Bool) -> Void)?
    var lastBeat: ContinuousClock.Instant?
    var tickTimer: LoopTimer?
    var beatTimer: LoopTimer?
    /// Set from when the process was told to end.
    var leaving: Leaving?
    var leaveTimer: LoopTimer?
    var syncsBegun = 0
    let counters: GatewayCounters

    struct Unanswered {
        let number: UInt64
        let request: String
        let deadline: ContinuousClock.Instant
    }

    struct MarkPlace: Hashable {
        let ledger: LedgerName
        let partition: Int32
    }

    init(
        loop: EventLoop, name: String, directory: Directory, media: MediaGrants, settings: LedgerSettings,
        partition: Int32, outbox: Outbox, counters: GatewayCounters, log: Log, clock: @escaping () -> Timestamp
    ) {
        self.loop = loop
        self.name = name
        self.directory = directory
        self.media = media
        self.settings = settings
        self.partition = partition
        self.outbox = outbox
        self.counters = counters
        self.log = log
        self.clock = clock
        clockCheck = ClockCheck(partitions: settings.partitions)
    }

    /// Begins to beat: from here on its connections are known to live.
    func start() {
        beat()
        beatTimer = loop.every(GatewayLimits.beatInterval) { [unowned self] in beat() }
        tickTimer = loop.every(GatewayLimits.tick) { [unowned self] in tick() }
    }

    func address(of number: UInt64) -> Connection {
        Connection(partition: partition, gateway: incarnation, number: number)
    }

    /// Whether that is this process, in its present life or one before. A socket has the same number in all of them.
    func isOneOfMine(_ life: String) -> Bool { life == incarnation || formerLives.contains(life) }

    // MARK: life

    private func beat() {
        let now = ContinuousClock.now
        if let lastBeat, lastBeat.duration(to: now) > GatewayLimits.beatGapMax { beginNewLife() }
        checkClock()
        let record = InboxRecord(UsersEntry.Input.gateway(.beat(incarnation: incarnation)))
        let sent = clock()
        outbox.beat(record, of: name) { [weak self] partition, appended in
            self?.lastBeat = .now
            guard let appended else { return }
            self?.heard(appended, in: partition, sent: sent)
            self?.askForTheTime()
        }
        if lastBeat == nil { lastBeat = now }
    }

    /// Others may have concluded that this gateway died. Whatever they were told of its old life may be forgotten; the
    /// connections are announced anew. Who has not heard of it yet goes on sending to the old life, and is heard.
    private func beginNewLife() {
        formerLives.append(incarnation)
        if formerLives.count > GatewayLimits.formerLivesMax { formerLives.removeFirst() }
        incarnation = SecureRandom.uuid()
        lastBeat = nil
        log.warning("was silent for long and begins a new life", ["connections": sessions.count])
        for session in sessions.values where session.announced != nil && !announce(session, asker: nil) {
            // The old life ends for it, and nobody would know of it in the new one.
            session.connection.close(code: CloseCode.serverError, reason: "try again")
        }
    }

    /// The users' owners concluded from silence that it died.
    func hearOfOwnDeath() {
        if let leaving, leaving.hasSaidGoodbye { return }
        beginNewLife()
        beat()
    }
}

/// What a gateway counts.
struct GatewayCounters {
    let connections: Gauge
    let frames: Counter
    let refused: Counter
    let deliveries: Counter
    let shrugs: Counter
    let withdrawn: Gauge

    init(metrics: Metrics) {
        connections = metrics.gauge("switchboard_gateway_connections", help: "Open WebSockets")
        frames = metrics.counter("switchboard_gateway_frames_total", help: "Frames received from clients")
        refused = metrics.counter("switchboard_gateway_refused_total", help: "Requests refused at the door")
        deliveries = metrics.counter("switchboard_gateway_deliveries_total", help: "Frames sent to clients")
        shrugs = metrics.counter("switchboard_gateway_unanswered_total", help: "Requests answered 50300")
        withdrawn = metrics.gauge(
            "switchboard_gateway_withdrawn", help: "1 while nobody is served: the clock is off the brokers'")
    }
}
