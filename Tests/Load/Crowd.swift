import Switchboard

/// Does one thing for each of many users, so many at once.
final class Crowd {
    private let count: Int
    private let width: Int
    /// Calls what it is given once, with why it failed or nil.
    private let step: (Int, @escaping (String?) -> Void) -> Void
    private let done: ([String: Int]) -> Void
    private var begun = 0
    private var ended = 0
    private var failures: [String: Int] = [:]
    private var isGoing = false

    init(
        _ count: Int, width: Int, step: @escaping (Int, @escaping (String?) -> Void) -> Void,
        done: @escaping ([String: Int]) -> Void
    ) {
        self.count = count
        self.width = width
        self.step = step
        self.done = done
    }

    /// `done` is told once, with what failed how often.
    func start() {
        if count == 0 { return done([:]) }
        advance()
    }

    /// Steps that end at once do not pile up on the stack.
    private func advance() {
        guard !isGoing else { return }
        isGoing = true
        defer { isGoing = false }
        while begun < count, begun - ended < width {
            let index = begun
            begun += 1
            step(index) { [self] problem in
                if let problem { failures[problem, default: 0] += 1 }
                ended += 1
                if ended == count { done(failures) } else { advance() }
            }
        }
    }
}

/// Opens the connections of users, and says who they are.
final class Lines: WebSocketHandler {
    private let plan: LoadPlan
    private let loop: EventLoop
    private let language: any Language
    private var client: WebSocketClient?
    private var heartbeat: LoopTimer?
    private var turn = 0
    private var all: [UInt64: Line] = [:]
    /// Connections that ended without having been let go.
    private(set) var lost = 0

    private static let openWithin: Duration = .seconds(20)
    /// Connections that say nothing are heard of once in this time, a slice of them at each beat.
    private static let silenceMaxSeconds: UInt64 = 15
    private static let slices = 30

    init(plan: LoadPlan, loop: EventLoop, language: any Language) {
        self.plan = plan
        self.loop = loop
        self.language = language
        client = WebSocketClient(loop: loop, handler: self)
        heartbeat = loop.every(.milliseconds(Int64(Self.silenceMaxSeconds) * 1000 / Int64(Self.slices))) {
            [unowned self] in beat()
        }
    }

    func open(_ line: Line, _ done: @escaping (String?) -> Void) {
        line.greeted = done
        client?.connect(
            to: plan.host, port: plan.port, target: language.target, subprotocols: [language.subprotocol],
            within: Self.openWithin
        ) { [self] result in
            switch result {
            case .success(let connection):
                connection.context = line
                line.connection = connection
                all[connection.id] = line
                language.greet(line)
            case .failure(let failure): line.endGreeting(failure.description)
            }
        }
    }

    func letGo(_ line: Line) {
        line.isReady = false
        language.leave(line)
    }

    private func beat() {
        turn = (turn + 1) % Self.slices
        let now = monotonicNanoseconds()
        for (id, line) in all where Int(id) % Self.slices == turn && line.isReady {
            // Half a slice early, so that none waits for another round.
            if now - line.lastSentAt > (Self.silenceMaxSeconds - 1) * 1_000_000_000 { language.keepAlive(line) }
        }
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
        line.connection = nil
        if line.isReady { lost += 1 }
        line.isReady = false
        line.endGreeting("closed \(code ?? 0)")
    }
}
