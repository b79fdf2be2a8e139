import Glibc
import Switchboard

/// The client half of the driver measurements: one kind each, against a server process whose price is taken from /proc.
final class DriverLoad: WebSocketHandler {
    enum Kind: String {
        /// 64 WebSockets with one frame of 300 bytes each under way.
        case echo
        /// 10 000 WebSockets that say nothing.
        case idle
        /// 64 posts of 1 KB at once.
        case posts
        /// 64 callers, each with one GET of Redis under way.
        case redis
    }

    private let kind: Kind
    private let port: Int
    private let loop: EventLoop
    private let processes: [LoadPlan.Process]
    private var sockets: WebSocketClient?
    private var http: HTTPClient?
    private var redis: RedisClient?
    private var crowd: Crowd?
    private var timer: LoopTimer?
    private var count = 0
    private var failures: [String: Int] = [:]

    private static let width = 64
    private static let idleCount = 10_000
    /// Loopback has some 28 000 ports per address.
    private static let addresses = 8
    private static let warmUp: Duration = .seconds(1)
    private static let seconds = 4
    private static let frame = [UInt8](repeating: 0x61, count: 300)
    private static let body = [UInt8](repeating: 0x61, count: 1024)

    init(_ kind: Kind, port: Int, pid: Int, loop: EventLoop) {
        self.kind = kind
        self.port = port
        self.loop = loop
        var server = LoadPlan.Process()
        server.name = "server"
        server.pids = [pid]
        processes = [server]
    }

    func start() {
        switch kind {
        case .echo:
            sockets = WebSocketClient(loop: loop, handler: self)
            openSockets(Self.width) { [self] _ in measure() }
        case .idle: idle()
        case .posts:
            http = HTTPClient()
            for _ in 0..<Self.width { post() }
            measure()
        case .redis:
            guard let settings = try? RedisSettings(url: "redis://127.0.0.1:\(port)", name: "load") else { return }
            let client = RedisClient(loop: loop, settings: settings)
            redis = client
            client.onConnected = { [self] in
                for _ in 0..<Self.width { get() }
                measure()
            }
        }
    }

    // MARK: what goes on and on

    private func post() {
        let request = HTTPClientRequest(method: "POST", url: "http://127.0.0.1:\(port)/hook", body: Self.body)
        let me = LoopBound(self, on: loop)
        http?.send(request, on: loop) { result in
            if case .failure(let failure) = result { me.value?.failures[failure.kind.rawValue, default: 0] += 1 }
            me.value?.count += 1
            me.value?.post()
        }
    }

    private func get() {
        redis?.send(["GET", "load"]) { [self] result in
            if case .failure(let failure) = result { failures["\(failure)", default: 0] += 1 }
            count += 1
            get()
        }
    }

    func received(_ connection: WebSocketConnection, text: UnsafeRawBufferPointer) {
        count += 1
        connection.send(text: text)
    }

    func opened(_ connection: WebSocketConnection) { if kind == .echo { connection.send(text: Self.frame) } }
    func receivedBinary(_ connection: WebSocketConnection) {}
    func closed(_ connection: WebSocketConnection, code: UInt16?) { failures["closed", default: 0] += 1 }

    private func openSockets(_ wanted: Int, _ done: @escaping ([String: Int]) -> Void) {
        let crowd = Crowd(wanted, width: 32) { [self] index, end in
            sockets?.connect(
                to: "127.0.0.1", port: port, target: "/ws", from: "127.0.0.\(2 + index % Self.addresses)"
            ) { result in
                if case .failure(let failure) = result { end(failure.description) } else { end(nil) }
            }
        } done: {
            done($0)
        }
        self.crowd = crowd
        crowd.start()
    }

    // MARK: measuring

    private func measure() {
        timer = loop.schedule(after: Self.warmUp) { [self] in
            let before = ProcessCosts(processes)
            let (start, countBefore) = (monotonicNanoseconds(), count)
            timer = loop.schedule(after: .seconds(Self.seconds)) { [self] in
                report(count - countBefore, since: start, before)
            }
        }
    }

    private func idle() {
        sockets = WebSocketClient(loop: loop, handler: self)
        // What the first connections make the server allocate is no connection's own.
        openSockets(Self.width) { [self] _ in
            let before = ProcessCosts(processes)
            let start = monotonicNanoseconds()
            openSockets(Self.idleCount) { [self] problems in
                failures.merge(problems) { $0 + $1 }
                report(Self.idleCount, since: start, before)
            }
        }
    }

    private func report(_ count: Int, since start: UInt64, _ before: ProcessCosts) {
        var measured = CrowdMeasured()
        measured.what = kind.rawValue
        measured.count = count
        measured.milliseconds = Int((monotonicNanoseconds() - start) / 1_000_000)
        measured.failures = failures
        measured.costs = before.costs(until: ProcessCosts(processes))
        Console.report(measured)
        exit(0)
    }
}
