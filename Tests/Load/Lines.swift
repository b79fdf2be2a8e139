import Switchboard

/// Opens the connections of users, says who they are, and brings back those whose server goes or breaks.
final class Lines: WebSocketHandler {
    private let plan: LoadPlan
    private let loop: EventLoop
    private let language: any Language
    private var client: WebSocketClient?
    private var heartbeat: LoopTimer?
    private var turn = 0
    private var all: [UInt64: Line] = [:]
    /// Connections that ended without having been let go, and whose users did not come back.
    private(set) var lost = 0
    /// Users that went on over another connection: asked to by the server, or since theirs had ended.
    private(set) var moved = 0
    private(set) var returned = 0

    private static let openWithin: Duration = .seconds(20)
    /// Connections that say nothing are heard of once in this time, a slice of them at each beat.
    private static let silenceMaxSeconds: UInt64 = 15
    private static let slices = 30
    /// After the n-th attempt a random part of this, times two to the n.
    private static let returnsAfter: Duration = .milliseconds(500)
    private static let returnsAfterMax: Duration = .seconds(10)

    init(plan: LoadPlan, loop: EventLoop, language: any Language) {
        self.plan = plan
        self.loop = loop
        self.language = language
        client = WebSocketClient(loop: loop, handler: self)
        heartbeat = loop.every(.milliseconds(Int64(Self.silenceMaxSeconds) * 1000 / Int64(Self.slices))) {
            [unowned self] in beat()
        }
        language.onGoAway = { [unowned self] line, within in leave(line, within: .milliseconds(within)) }
    }

    func open(_ line: Line, _ done: @escaping (String?) -> Void) {
        line.greeted = done
        let server = plan.servers[line.place % plan.servers.count]
        client?.connect(
            to: server.host, port: server.port, target: language.target, subprotocols: [language.subprotocol],
            within: Self.openWithin
        ) { [self] result in
            switch result {
            case .success(let connection):
                connection.context = line
                line.arriving = connection
                all[connection.id] = line
                language.greet(line)
            case .failure(let failure): line.endGreeting(failure.description)
            }
        }
    }

    func letGo(_ line: Line) {
        language.leave(line)
        line.letGo()
    }

    private func beat() {
        turn = (turn + 1) % Self.slices
        let now = monotonicNanoseconds()
        for (id, line) in all where line.isReady {
            language.remind(line, at: now)
            // Half a slice early, so that none waits for another round.
            let isSilent = line.lastSentAt + (Self.silenceMaxSeconds - 1) * 1_000_000_000 < now
            if isSilent, Int(id) % Self.slices == turn { language.keepAlive(line) }
        }
    }

    // MARK: moving

    /// Goes elsewhere after a random part of the time; what it has stays open until it is there.
    private func leave(_ line: Line, within limit: Duration) {
        guard line.isReady, line.arriving == nil, line.greeted == nil else { return }
        line.departure = loop.schedule(after: Self.randomPart(of: limit)) { [unowned self] in
            guard line.isReady else { return }
            goOn(line) { [self] in moved += 1 }
        }
    }

    private func comeBack(_ line: Line) {
        let ceiling = min(Self.returnsAfter * (1 << min(line.attempts, 10)), Self.returnsAfterMax)
        line.attempts += 1
        line.isReturning = true
        line.departure = loop.schedule(after: Self.randomPart(of: ceiling)) { [unowned self] in
            goOn(line) { [self] in returned += 1 }
        }
    }

    private func goOn(_ line: Line, _ arrived: @escaping () -> Void) {
        line.departure = nil
        line.place += 1
        open(line) { [self] problem in if problem == nil { arrived() } else { comeBack(line) } }
    }

    private static func randomPart(of limit: Duration) -> Duration {
        .milliseconds(Int64.random(in: 0...max(0, limit.milliseconds)))
    }

    // MARK: WebSocketHandler

    func opened(_ connection: WebSocketConnection) {}

    func received(_ connection: WebSocketConnection, text: UnsafeRawBufferPointer) {
        guard let line = connection.context as? Line else { return }
        language.hear(text, on: line)
    }

    func receivedBinary(_ connection: WebSocketConnection) {}

    func closed(_ connection: WebSocketConnection, code: UInt16?) {
        guard let line = all.removeValue(forKey: connection.id) else { return }
        if connection === line.arriving {
            line.endGreeting("closed \(code ?? 0)")
        } else if line.lost(connection) {
            guard language.comesBack else { return lost += 1 }
            // Unless it is on its way already.
            if line.greeted == nil { comeBack(line) } else { line.isReturning = true }
        }
    }
}
