import Foundation
import Support
import Switchboard
import Testing

/// A webhook sink that answers as it is told, and keeps what came and when.
actor ScriptedSink {
    struct Hit: Sendable {
        var id = ""
        var path = ""
        var subject = ""
        var type = ""
        var body = ""
        var at = ContinuousClock.now
        var isDelayed = false
        var timestamp = ""
        var signature = ""
        /// How often this event came before.
        var earlier = 0
    }

    enum Answer: Sendable {
        case status(Int, _ headers: [(String, String)] = [], bytes: Int = 0)
        case never
    }

    nonisolated let loop = EventLoop(name: "scripted sink")
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private let answer: @Sendable (Hit) -> Answer
    private var server: HTTPServer?
    private(set) var hits: [Hit] = []

    init(_ answer: @escaping @Sendable (Hit) -> Answer) {
        self.answer = answer
        loop.start()
    }

    func listen() throws -> Int {
        var unanswered: [HTTPResponder] = []
        let server = HTTPServer(loop: loop) { [unowned self] request, responder in
            switch assumeIsolated({ $0.take(request) }) {
            case .never: unanswered.append(responder)
            case .status(let status, let headers, let bytes):
                responder.respond(
                    HTTPResponse(status: status, headers: headers, body: [UInt8](repeating: 0x20, count: bytes)))
            }
        }
        self.server = server
        return try server.listen(on: "127.0.0.1", port: 0)
    }

    private func take(_ request: HTTPRequest) -> Answer {
        var hit = Hit()
        hit.id = request.header("webhook-id") ?? ""
        hit.path = request.path
        hit.body = String(decoding: request.body, as: UTF8.self)
        hit.isDelayed = request.header("webhook-delayed") != nil
        hit.timestamp = request.header("webhook-timestamp") ?? ""
        hit.signature = request.header("webhook-signature") ?? ""
        if let event = try? CallbackEvent(json: request.body) {
            (hit.subject, hit.type) = (event.subject, event.type.rawValue)
        }
        hit.earlier = hits.count { $0.id == hit.id }
        hits.append(hit)
        return answer(hit)
    }

    func close() {
        server?.close()
        server = nil
        loop.stop()
    }
}

/// Something that a test turns while the sink looks at it.
final class Toggle: Sendable {
    private let state: Locked<Bool>
    init(_ value: Bool) { state = Locked(value) }
    var value: Bool { state.withLock { $0 } }
    func set(_ value: Bool) { state.withLock { $0 = value } }
}

/// A broker with an application in it, dispatchers, and a sink.
final class DeliveryStage {
    let broker: KafkaBroker
    let scene: LogScene
    let sink: ScriptedSink
    let dispatcher: DispatcherProcess
    private let port: Int
    let environment: [String: String]

    init(
        _ settings: [String: String] = [:], allowsPrivate: Bool = true,
        _ answer: @escaping @Sendable (ScriptedSink.Hit) -> ScriptedSink.Answer
    ) async throws {
        broker = try await KafkaBroker(.embedded)
        scene = LogScene(broker.bootstrap)
        try await scene.makeTopics()
        try await scene.write(DispatcherLogs.application, to: .registry, 0)
        sink = ScriptedSink(answer)
        port = try await sink.listen()
        environment = settings.merging([
            "SWITCHBOARD_KAFKA": broker.bootstrap, "SWITCHBOARD_PARTITIONS": "\(LogScene.partitions)",
            "SWITCHBOARD_WEBHOOK_ALLOW_PRIVATE": allowsPrivate ? "1" : "0",
        ]) { $1 }
        dispatcher = try DispatcherProcess(environment)
        try dispatcher.start()
        try await eventually("it is ready") { await dispatcher.isReady }
    }

    struct Endpoint {
        let id: String
        let secret: String
    }

    func add(_ types: [String] = ["call.*"], path: String = "/hook", host: String = "127.0.0.1") async throws
        -> Endpoint
    {
        let list = types.map { "\"\($0)\"" }.joined(separator: ",")
        let added = try await dispatcher.asks(
            "POST", "/v1/callbacks/endpoints", body: #"{"url":"http://\#(host):\#(port)\#(path)","types":[\#(list)]}"#)
        try #require(added.status == 201, "\(added.body)")
        let read = try object(added.body)
        return Endpoint(id: try #require(read["id"] as? String), secret: try #require(read["secret"] as? String))
    }

    func object(_ json: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    }

    func isEnabled(_ endpoint: Endpoint) async throws -> Bool? {
        try object(try await dispatcher.asks("GET", "/v1/callbacks/endpoints/\(endpoint.id)").body)["enabled"] as? Bool
    }

    /// The first facts of one call; each has an event but the last of a ring.
    func write(_ call: Int, facts count: Int = 1, to partition: Int32 = 0) async throws {
        let key = RecordKey.of(DispatcherLogs.app, DispatcherLogs.call(call))
        let facts = DispatcherLogs.facts().prefix(count).map { (key: key, fact: $0) }
        written += 1
        try await scene.write(
            DispatcherLogs.records(facts, incarnation: "c\(written)"), to: .calls, partition)
    }

    private var written = 0

    func subject(_ call: Int) -> String { "calls/\(DispatcherLogs.call(call))" }

    func metric(_ name: String) async throws -> Int {
        let text = try await dispatcher.asks("GET", "/metrics").body
        let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") || $0.hasPrefix(name + "{") }
        return line.flatMap { Double($0.split(separator: " ").last ?? "") }.map { Int($0) } ?? 0
    }

    func close() async {
        dispatcher.kill()
        await sink.close()
        await scene.close()
    }
}

func eventually(
    _ what: String, within limit: Duration = .seconds(30), _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while !(try await condition()) {
        try #require(ContinuousClock.now < end, "never: \(what)")
        try await Task.sleep(for: .milliseconds(10))
    }
}
