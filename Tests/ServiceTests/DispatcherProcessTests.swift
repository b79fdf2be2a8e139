import Foundation
import FoundationNetworking
import Support
import Switchboard
import Testing

/// What the logs' owners would write, and what readers of the topic see.
actor LogScene {
    nonisolated let loop = EventLoop(name: "log scene")
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private let settings: LedgerSettings
    private var admin: KafkaAdmin?
    private var producer: KafkaProducer?
    private var reader: KafkaReader?
    private var deliveries: KafkaProducer?
    private var endpoints: KafkaReader?
    private var member: KafkaGroupConsumer?
    /// As a member of a group.
    private(set) var owned: Set<Int32> = []
    private(set) var acknowledged = 0
    /// Records of endpoints that were written again.
    private(set) var copies: [[UInt8]] = []
    /// Of endpoints, in the first partition: before where all has arrived.
    private(set) var cursors: [String: Int64] = [:]
    private(set) var events: [(id: String, partition: Int32, body: String)] = []

    static let partitions: Int32 = 2

    init(_ bootstrap: String) {
        settings = LedgerSettings(
            kafka: KafkaSettings(bootstrap: bootstrap, clientID: "test"), group: "none", partitions: Self.partitions)
        loop.start()
    }

    func makeTopics() async throws {
        let admin = try KafkaAdmin(settings: settings.kafka, loop: loop)
        self.admin = admin
        try await answered { done in
            admin.createTopics(settings.topics) { done.resume(returning: $0) }
        }.get()
        producer = try KafkaProducer(
            settings: settings.kafka, loop: loop, topics: LedgerName.allCases.map(\.log))
        let reader = try KafkaReader(settings: settings.kafka, topics: [Topic.callbacks], loop: loop)
        reader.onRecord = { record in
            let id = record.header(CallbackHeader.id).map { String(decoding: $0, as: UTF8.self) } ?? ""
            self.events.append((id, record.partition, String(decoding: record.value, as: UTF8.self)))
        }
        for partition in 0..<Self.partitions { reader.add(KafkaTopicID(0), partition, at: .beginning) }
        self.reader = reader
        deliveries = try KafkaProducer(settings: settings.kafka, loop: loop, topics: [Topic.callbackDeliveries])
        let endpoints = try KafkaReader(settings: settings.kafka, topics: [Topic.callbackDeliveries], loop: loop)
        endpoints.onRecord = { record in
            if record.key.starts(with: CallbackDelivery.keyPrefix.utf8),
                let state = try? CallbackDelivery(json: record.value), state.kind == .cursor
            {
                self.cursors[state.endpoint] = state.offset
            }
            guard let endpoint = try? CallbackEndpoint(json: record.value), endpoint.isAgain else { return }
            self.copies.append(Array(record.value))
        }
        endpoints.add(KafkaTopicID(0), 0, at: .beginning)
        self.endpoints = endpoints
    }

    /// A record of an endpoint, as it stands in another broker.
    func writeDelivery(_ value: [UInt8], key: String) throws {
        try deliveries?.produce(
            topic: KafkaTopicID(0), partition: 0, key: Array(key.utf8), value: value
        ) { _ in }
    }

    func write<Fact>(_ records: [LogRecord<Fact>], to ledger: LedgerName, _ partition: Int32) throws {
        for record in records {
            try producer?.produce(
                topic: ledger.log, partition: partition, key: Array(record.key.utf8), value: record.encoded()
            ) { _ in self.acknowledged += 1 }
        }
    }

    func join(_ group: String, of topic: String) throws {
        let member = try KafkaGroupConsumer(settings: settings.kafka, group: group, topics: [topic], loop: loop)
        member.onAssigned = { _, partitions in self.owned.formUnion(partitions) }
        member.onRevoked = { _, partitions, _ in self.owned.subtract(partitions) }
        self.member = member
    }

    /// Where a partition ends; -1 where the broker does not say.
    func end(of topic: String, _ partition: Int32) async throws -> Int64 {
        let place = KafkaPartition(topic, partition)
        guard let admin else { return -1 }
        let ends = await answered { done in
            admin.endOffsets(of: [place]) { done.resume(returning: $0) }
        }
        return (try? ends.get())?[place] ?? -1
    }

    func close() async {
        await answered { done in
            if let member { member.close { done.resume() } } else { done.resume() }
        }
        await answered { done in
            if let reader { reader.close { done.resume() } } else { done.resume() }
        }
        await answered { done in
            if let producer { producer.close { done.resume() } } else { done.resume() }
        }
        await answered { done in
            if let admin { admin.close { done.resume() } } else { done.resume() }
        }
        await withCheckedContinuation { done in
            if let endpoints { endpoints.close { done.resume() } } else { done.resume() }
        }
        await withCheckedContinuation { done in
            if let deliveries { deliveries.close { done.resume() } } else { done.resume() }
        }
        (reader, producer, admin, endpoints, deliveries, member) = (nil, nil, nil, nil, nil, nil)
    }
}

@Suite("A dispatcher", .serialized)
struct DispatcherProcessTests {
    private static let callsPerPartition = 30
    private static let eventsPerCall = 8
    /// The end, and the record of it.
    private static let eventsOfAnEnd = 2

    @Test("Killed again and again before a sink that fails every second time, it loses nothing and keeps the order")
    func survivesKills() async throws {
        let broker = try await KafkaBroker(.embedded)
        let scene = LogScene(broker.bootstrap)
        try await scene.makeTopics()
        try await scene.write(DispatcherLogs.application, to: .registry, 0)
        let sink = WebhookSink()
        let sinkPort = try await sink.listen()
        let dispatcher = try DispatcherProcess([
            "SWITCHBOARD_KAFKA": broker.bootstrap, "SWITCHBOARD_PARTITIONS": "\(LogScene.partitions)",
            "SWITCHBOARD_WEBHOOK_ALLOW_PRIVATE": "1", "SWITCHBOARD_WEBHOOK_RETRY_FIRST": "50ms",
        ])
        try dispatcher.start()
        try await eventually("it is ready") { await dispatcher.isReady }
        let added = try await dispatcher.asks(
            "POST", "/v1/callbacks/endpoints",
            body: #"{"url":"http://127.0.0.1:\#(sinkPort)/hook","types":["call.*"]}"#)
        try #require(added.status == 201, "\(added.body)")
        let endpoint = try #require(
            try JSONSerialization.jsonObject(with: Data(added.body.utf8)) as? [String: Any])
        let secret = try #require(endpoint["secret"] as? String)

        for partition in 0..<LogScene.partitions {
            try await scene.write(Self.calls(partition), to: .calls, partition)
        }
        let wanted = Int(LogScene.partitions) * Self.callsPerPartition * Self.eventsPerCall
        for part in [20, 120, 300] {
            try await eventually("\(part) events arrived") { await sink.received.count > part }
            dispatcher.kill()
            try dispatcher.start()
        }
        try await eventually("all \(wanted) events are taken", within: .seconds(60)) {
            Set(await sink.received.filter(\.isAnswered).map(\.id)).count == wanted
        }
        let received = await sink.received
        let events = await scene.events
        try Self.expectSameBytes(received.map { ($0.id, $0.body) } + events.map { ($0.id, $0.body) })
        #expect(Set(events.map(\.id)) == Set(received.map(\.id)))
        try Self.expectOrder(received.map { ($0.id, $0.body) })
        try Self.expectOrder(events.map { ($0.id, $0.body) })
        try Self.expectSigned(received, secret)
        dispatcher.kill()
        await sink.close()
        await scene.close()
    }

    @Test("Of three at once, one killed and one added on the way, nothing is lost and the order stays")
    func severalShare() async throws {
        let broker = try await KafkaBroker(.embedded)
        let scene = LogScene(broker.bootstrap)
        try await scene.makeTopics()
        try await scene.write(DispatcherLogs.application, to: .registry, 0)
        let sink = WebhookSink()
        let sinkPort = try await sink.listen()
        let copies = try (1...3).map { number in
            try DispatcherProcess([
                "SWITCHBOARD_KAFKA": broker.bootstrap, "SWITCHBOARD_PARTITIONS": "\(LogScene.partitions)",
                "SWITCHBOARD_INSTANCE": "callback-dispatcher-\(number)",
                "SWITCHBOARD_WEBHOOK_ALLOW_PRIVATE": "1", "SWITCHBOARD_WEBHOOK_RETRY_FIRST": "50ms",
            ])
        }
        for copy in copies.dropLast() { try copy.start() }
        for copy in copies.dropLast() { try await eventually("it is ready") { await copy.isReady } }
        let added = try await copies[0].asks(
            "POST", "/v1/callbacks/endpoints",
            body: #"{"url":"http://127.0.0.1:\#(sinkPort)/hook","types":["call.*"]}"#)
        try #require(added.status == 201, "\(added.body)")
        for partition in 0..<LogScene.partitions {
            try await scene.write(Self.calls(partition), to: .calls, partition)
        }
        let wanted = Int(LogScene.partitions) * Self.callsPerPartition * Self.eventsPerCall
        try await eventually("some arrived") { await sink.received.count > 40 }
        // Its partition is pending, and goes to one that is there or to one that comes.
        copies[0].kill()
        try copies[2].start()
        try await eventually("all \(wanted) events are taken", within: .seconds(90)) {
            Set(await sink.received.filter(\.isAnswered).map(\.id)).count == wanted
        }
        let received = await sink.received
        let events = await scene.events
        try Self.expectSameBytes(received.map { ($0.id, $0.body) } + events.map { ($0.id, $0.body) })
        #expect(Set(events.map(\.id)) == Set(received.map(\.id)))
        try Self.expectOrder(received.map { ($0.id, $0.body) })
        try Self.expectOrder(events.map { ($0.id, $0.body) })
        for copy in copies { copy.kill() }
        await sink.close()
        await scene.close()
    }

    @Test("Where a log has a record of a newer program it tells what stands before, leaves the group, and is not ready")
    func leavesToNewer() async throws {
        let broker = try await KafkaBroker(.embedded)
        let scene = LogScene(broker.bootstrap)
        try await scene.makeTopics()
        try await scene.write(DispatcherLogs.application, to: .registry, 0)
        let dispatcher = try DispatcherProcess([
            "SWITCHBOARD_KAFKA": broker.bootstrap, "SWITCHBOARD_PARTITIONS": "\(LogScene.partitions)",
        ])
        try dispatcher.start()
        try await eventually("it is ready") { await dispatcher.isReady }
        // All but that the last ten calls end, by the newer program or behind it.
        let calls = Self.calls(1)
        var later = calls[calls.count - 10]
        later.level = RecordLevel.highest + 1
        try await scene.write(calls.dropLast(10), to: .calls, 1)
        let before = Self.callsPerPartition * Self.eventsPerCall - 10 * Self.eventsOfAnEnd
        try await eventually("what stands before is told") { await scene.events.count == before }
        try await scene.write([later] + calls.suffix(9), to: .calls, 1)
        try await eventually("it is not ready") { await !dispatcher.isReady }
        let state = try await dispatcher.asks("GET", "/readyz")
        #expect(state.status == 503 && state.body.contains("level"), "\(state.body)")
        #expect(dispatcher.said.contains("was written by a newer program"))
        try await scene.join("switchboard.callback-dispatcher.v1", of: Topic.callbackDeliveries)
        try await eventually("another has all of it") { await scene.owned == [0, 1] }
        #expect(try await dispatcher.asks("GET", "/v1/callbacks/endpoints").status == 200)
        #expect(!dispatcher.said.contains("begun again"))
        #expect(await scene.events.count == before)
        dispatcher.kill()
        await scene.close()
    }

    @Test("It refuses addresses inside its own network, and shows a secret once")
    func guardsAddresses() async throws {
        let broker = try await KafkaBroker(.embedded)
        let scene = LogScene(broker.bootstrap)
        try await scene.makeTopics()
        try await scene.write(DispatcherLogs.application, to: .registry, 0)
        let dispatcher = try DispatcherProcess([
            "SWITCHBOARD_KAFKA": broker.bootstrap, "SWITCHBOARD_PARTITIONS": "\(LogScene.partitions)",
        ])
        try dispatcher.start()
        try await eventually("it is ready") { await dispatcher.isReady }
        for host in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "localhost", "intranet", "user@example.org"] {
            let answer = try await dispatcher.asks(
                "POST", "/v1/callbacks/endpoints", body: #"{"url":"http://\#(host)/","types":["*"]}"#)
            #expect(answer.status == 400, "\(host): \(answer.body)")
        }
        let added = try await dispatcher.asks(
            "POST", "/v1/callbacks/endpoints", body: #"{"url":"https://example.org/hook","types":["room.joined"]}"#)
        #expect(added.status == 201 && added.body.contains("whsec_"))
        let shown = try await dispatcher.asks("GET", "/v1/callbacks/endpoints")
        #expect(shown.status == 200 && shown.body.contains("example.org") && !shown.body.contains("whsec_"))
        let id = try #require(
            (try JSONSerialization.jsonObject(with: Data(added.body.utf8)) as? [String: Any])?["id"] as? String)
        #expect(try await dispatcher.asks("DELETE", "/v1/callbacks/endpoints/\(id)").status == 204)
        #expect(try await dispatcher.asks("GET", "/v1/callbacks/endpoints/\(id)").status == 404)
        dispatcher.kill()
        await scene.close()
    }

    // MARK: what must hold

    private static func calls(_ partition: Int32) -> [LogRecord<CallFact>] {
        var items: [(key: String, fact: CallFact)] = []
        // Side by side, ten at a time, as they are in life.
        for first in stride(from: 0, to: callsPerPartition, by: 10) {
            for fact in DispatcherLogs.facts() {
                for number in first..<first + 10 {
                    let call = DispatcherLogs.call(Int(partition) * 1000 + number + 1)
                    items.append((RecordKey.of(DispatcherLogs.app, call), fact))
                }
            }
        }
        return DispatcherLogs.records(items, incarnation: "c\(partition)")
    }

    private static func expectSameBytes(_ events: [(id: String, body: String)]) throws {
        var known: [String: String] = [:]
        for event in events {
            #expect(known[event.id, default: event.body] == event.body, "\(event.id) has other bytes")
            known[event.id] = event.body
        }
    }

    /// The first arrivals of each subject are in its order, each following on the one before.
    private static func expectOrder(_ events: [(id: String, body: String)]) throws {
        var seen: Set<String> = []
        var last: [String: Int64] = [:]
        for event in events where seen.insert(event.id).inserted {
            let read = try CallbackEvent(json: Array(event.body.utf8))
            #expect(read.previous == last[read.subject, default: 0], "\(event.id) of \(read.subject)")
            last[read.subject] = read.sequence
        }
    }

    private static func expectSigned(_ received: [WebhookSink.Received], _ secret: String) throws {
        let key = try #require(Base64.decode(secret.dropFirst("whsec_".count)))
        for webhook in received.prefix(50) {
            let time = webhook.headers["webhook-timestamp"] ?? ""
            let signed = Array("\(webhook.id).\(time).\(webhook.body)".utf8)
            #expect(webhook.headers["webhook-signature"] == "v1,\(Base64.encode(Digest.hmacSHA256(signed, key: key)))")
            #expect(webhook.headers["content-type"] == "application/cloudevents+json")
        }
    }
}
