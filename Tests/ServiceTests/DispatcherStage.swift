import Foundation
import FoundationNetworking
import Support
import Switchboard
import Testing

/// Logs as their owners write them, made by hand.
enum DispatcherLogs {
    static let app = AppKey("AbC123")
    static let secret = "the secret"

    static func call(_ number: Int) -> CallID {
        let hex = String(number, radix: 16)
        return CallID("00000000-0000-4000-8000-" + String(repeating: "0", count: 12 - hex.count) + hex)
    }

    static func device(_ name: String) -> Device {
        Device(id: DeviceID(name), connection: Connection(partition: 0, gateway: "g", number: 7))
    }

    /// One fact per record: dialed, rung, answered, talked, hung up.
    static func facts(caller: String = "anna", callee: String = "ben") -> [CallFact] {
        var started = CallFact.Started()
        started.caller = UserID(caller)
        started.device = device("a1")
        started.profile = Profile(name: "Anna")
        started.expiresAt = Timestamp(milliseconds: 1_700_000_060_000)
        started.extra = "{\"topic\":\"\u{e4}\"}"
        var invited = CallFact.Callee()
        invited.user = UserID(callee)
        invited.devices = [device("b1"), device("b2")]
        started.callees = [invited]
        var accepted = CallFact.Accepted()
        accepted.user = UserID(callee)
        accepted.device = device("b1")
        accepted.profile = Profile(name: "Ben")
        func entered(_ user: String, _ device: String) -> CallFact {
            var fact = CallFact.Entered()
            fact.user = UserID(user)
            fact.device = DeviceID(device)
            fact.joinID = JoinID("1")
            fact.session = SessionID("s-1")
            return .entered(fact)
        }
        return [
            .started(started), entered(caller, "a1"),
            .ringing(.init(user: UserID(callee), device: DeviceID("b1"))),
            .ringing(.init(user: UserID(callee), device: DeviceID("b2"))),
            .accepted(accepted), entered(callee, "b1"), .connected,
            .ended(.init(.ended, by: UserID(caller), device: DeviceID("a1"))),
        ]
    }

    static func records<Fact>(
        _ facts: [(key: String, fact: Fact)], incarnation: String, from offset: Int64 = 0
    ) -> [LogRecord<Fact>] {
        var marker = LogRecord<Fact>()
        marker.kind = .marker
        marker.incarnation = incarnation
        marker.replayFrom = offset
        var opening = marker
        opening.kind = .opening
        let rest = facts.enumerated().map { index, item in
            var record = LogRecord<Fact>()
            record.incarnation = incarnation
            record.ordinal = Int64(index) + 1
            record.replayFrom = offset
            record.time = Timestamp(milliseconds: 1_700_000_000_000 + Int64(index) * 250)
            record.key = item.key
            record.facts = [item.fact]
            return record
        }
        return [marker, opening] + rest
    }

    static var application: [LogRecord<ApplicationFact>] {
        var create = ApplicationInput.Create()
        create.development.appKey = app
        create.development.appSecret = secret
        create.production.appKey = AppKey("Other")
        create.production.appSecret = "another"
        return records([("first", ApplicationFact.created(create))], incarnation: "r")
    }
}

/// A real dispatcher, which can be killed and started again.
final class DispatcherProcess {
    let folder: URL
    private let environment: [String: String]
    private var process: Process?

    init(_ environment: [String: String]) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "dispatcher-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        self.environment = environment.merging(sanitizerOptions) { $1 }.merging([
            "SWITCHBOARD_LISTEN": "127.0.0.1:0", "SWITCHBOARD_DATA": folder.path,
            "SWITCHBOARD_REDIS": "redis://127.0.0.1:1",
        ]) { $1 }
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(at: folder)
    }

    func start() throws {
        let process = Process()
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        process.executableURL = URL(filePath: tests).deletingLastPathComponent().appending(path: "callback-dispatcher")
        process.environment = environment
        let output = folder.appending(path: "output")
        if !FileManager.default.fileExists(atPath: output.path) { try Data().write(to: output) }
        let writing = try FileHandle(forWritingTo: output)
        writing.seekToEndOfFile()
        process.standardOutput = writing
        process.standardError = writing
        try process.run()
        self.process = process
    }

    func kill() {
        guard let process else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        self.process = nil
    }

    var said: String { (try? String(contentsOf: folder.appending(path: "output"), encoding: .utf8)) ?? "" }

    var port: Int? {
        (try? String(contentsOf: folder.appending(path: "port"), encoding: .utf8)).flatMap {
            Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
        }
    }

    var isReady: Bool {
        get async {
            guard port != nil, let answer = try? await asks("GET", "/readyz") else { return false }
            return answer.status == 200
        }
    }

    func asks(_ method: String, _ path: String, body: String = "") async throws -> (status: Int, body: String) {
        let time = "\(Int(Date().timeIntervalSince1970 * 1000))"
        let nonce = "\(UInt32.random(in: 0 ... .max))"
        var request = URLRequest(url: try #require(URL(string: "http://127.0.0.1:\(port ?? 0)\(path)")))
        request.httpMethod = method
        request.setValue(DispatcherLogs.app.text, forHTTPHeaderField: "App-Key")
        request.setValue(nonce, forHTTPHeaderField: "Nonce")
        request.setValue(time, forHTTPHeaderField: "Timestamp")
        let signature = Digest.sha1Hex(DispatcherLogs.secret + nonce + time)
        request.setValue(signature, forHTTPHeaderField: "Signature")
        if !body.isEmpty { request.httpBody = Data(body.utf8) }
        let (data, answer) = try await URLSession.shared.data(for: request)
        return ((answer as? HTTPURLResponse)?.statusCode ?? 0, String(decoding: data, as: UTF8.self))
    }
}

/// Receives webhooks, keeps what came, and answers every second request with 500.
actor WebhookSink {
    struct Received: Sendable {
        var id: String
        var body: String
        var headers: [String: String]
        var isAnswered: Bool
    }

    nonisolated let loop = EventLoop(name: "sink")
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private var server: HTTPServer?
    private(set) var received: [Received] = []
    private var count = 0
    private var failuresByID: [String: Int] = [:]

    /// Of one event so many attempts fail at most: the third step of the schedule is too long for a test.
    private static let failuresMax = 2

    init() { loop.start() }

    func listen() throws -> Int {
        let server = HTTPServer(loop: loop) { [unowned self] request, responder in
            let answer = assumeIsolated { $0.take(request) }
            responder.respond(HTTPResponse(status: answer))
        }
        self.server = server
        return try server.listen(on: "127.0.0.1", port: 0)
    }

    private func take(_ request: HTTPRequest) -> Int {
        count += 1
        let id = request.header("webhook-id") ?? ""
        let fails = count % 2 == 0 && failuresByID[id, default: 0] < Self.failuresMax
        if fails { failuresByID[id, default: 0] += 1 }
        let answer = fails ? 500 : 200
        received.append(
            Received(
                id: id, body: String(decoding: request.body, as: UTF8.self),
                headers: Dictionary(request.headers.map { ($0.name, $0.value) }) { first, _ in first },
                isAnswered: answer == 200))
        return answer
    }

    func close() {
        server?.close()
        server = nil
        loop.stop()
    }
}
