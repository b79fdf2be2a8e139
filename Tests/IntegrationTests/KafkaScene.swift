import Foundation
import Support
@testable import Switchboard
import Testing

/// Kafka clients on a loop of their own, as a service has them, and what they saw.
actor KafkaScene {
    struct Seen: Equatable, Sendable {
        var topic = 0
        var partition: Int32 = 0
        var offset: Int64
        var value: String
    }

    nonisolated let loop: EventLoop
    nonisolated let settings: KafkaSettings
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    var acknowledged: [(number: Int, result: Result<KafkaAcknowledgement, KafkaFailure>)] = []
    var records: [Seen] = []
    var failures: [KafkaFailure] = []
    var troubles: [KafkaFailure] = []
    var renewals: [KafkaFailure] = []
    var ends = 0
    var turnEnds = 0
    var recordsInTurnMax = 0
    private var recordsInTurn = 0
    private(set) var producer: KafkaProducer?
    private(set) var reader: KafkaReader?
    private var admin: KafkaAdmin?

    init(_ bootstrap: String, security: KafkaSecurity = KafkaSecurity(), extra: [String: String] = [:]) {
        loop = EventLoop(name: "kafka test")
        settings = KafkaSettings(bootstrap: bootstrap, clientID: "test", security: security, extra: extra)
        loop.start()
    }

    // MARK: producing

    func startProducer(_ topics: [String], reports: Bool = true) throws {
        let producer = try KafkaProducer(settings: settings, loop: loop, reports: reports, topics: topics)
        producer.onTrouble = { self.troubles.append($0) }
        producer.onFatal = { self.failures.append($0) }
        producer.onFailure = { self.failures.append($0) }
        producer.onRenewed = { self.renewals.append($0) }
        self.producer = producer
    }

    /// Its present client has a producer id.
    var isProducerLetIn: Bool { producer?.hasProducerID ?? false }
    var isProducerReady: Bool { producer?.isReady ?? false }
    var waiting: Int { producer?.waiting ?? 0 }

    func produce(_ numbers: Range<Int>, partition: Int32 = 0, size: Int = 0) throws {
        for number in numbers {
            try producer?.produce(
                topic: KafkaTopicID(0), partition: partition, key: Array("key".utf8),
                value: Array("\(number)".utf8) + Array(repeating: 32, count: size),
                headers: [("number", Array("\(number)".utf8)), ("empty", [])]
            ) { self.acknowledged.append((number, $0)) }
        }
    }

    func flush(within limit: Duration) async -> Bool {
        await answered { continuation in
            producer?.flush(within: limit) { continuation.resume(returning: $0) }
        }
    }

    // MARK: reading

    func startReader(_ topics: [String], lazy: Bool = false) throws {
        let reader = try KafkaReader(settings: settings, topics: topics, loop: loop, lazy: lazy)
        reader.onRecord = { self.see($0) }
        reader.onTurnEnd = { self.endTurn() }
        reader.onEnd = { _, _ in self.ends += 1 }
        reader.onFailure = { self.failures.append($2) }
        reader.onTrouble = { self.troubles.append($0) }
        self.reader = reader
    }

    var isReaderReady: Bool { reader?.isReady ?? false }

    func see(_ record: KafkaRecord) {
        let value = String(decoding: record.value, as: UTF8.self).trimmingCharacters(in: .whitespaces)
        records.append(
            Seen(topic: record.topic.index, partition: record.partition, offset: record.offset, value: value))
        recordsInTurn += 1
        recordsInTurnMax = max(recordsInTurnMax, recordsInTurn)
        if record.header("number").map({ String(decoding: $0, as: UTF8.self) }) != value {
            failures.append(
                KafkaFailure.unexpected("header 'number' of \(value)"))
        }
        if record.header("empty")?.count != 0 || record.header("absent") != nil {
            failures.append(KafkaFailure.unexpected("headers of \(value)"))
        }
        if String(decoding: record.key, as: UTF8.self) != "key" {
            failures.append(KafkaFailure.unexpected("key of \(value)"))
        }
    }

    private func endTurn() {
        turnEnds += 1
        recordsInTurn = 0
    }

    func read(from start: KafkaStart, partition: Int32 = 0) { reader?.add(KafkaTopicID(0), partition, at: start) }
    func stopReading(partition: Int32 = 0) { reader?.remove(KafkaTopicID(0), partition) }
    func pause() { reader?.pause(KafkaTopicID(0), 0) }
    func resume() { reader?.resume(KafkaTopicID(0), 0) }
    func position(_ partition: Int32 = 0) -> Int64? { reader?.position(KafkaTopicID(0), partition) }
    func forgetRecords() { records = [] }

    // MARK: ending

    func startedAdmin() throws -> KafkaAdmin {
        if let admin { return admin }
        let admin = try KafkaAdmin(settings: settings, loop: loop)
        self.admin = admin
        return admin
    }

    func close() async {
        await answered { continuation in
            guard let admin else { return continuation.resume() }
            admin.close { continuation.resume() }
        }
        admin = nil
        await answered { continuation in
            guard let producer else { return continuation.resume() }
            producer.close { continuation.resume() }
        }
        await answered { continuation in
            guard let reader else { return continuation.resume() }
            reader.close { continuation.resume() }
        }
        producer = nil
        reader = nil
    }

    /// A test that threw has closed nothing, and the others are still to run.
    isolated deinit {
        let (admin, producer, reader, loop) = (admin, producer, reader, loop)
        Self.closeAll([admin?.close, producer?.close, reader?.close].compactMap(\.self)[...]) { loop.stop() }
    }

    private static func closeAll(_ closings: ArraySlice<(@escaping () -> Void) -> Void>, _ done: @escaping () -> Void) {
        guard let close = closings.first else { return done() }
        close { closeAll(closings.dropFirst(), done) }
    }
}

extension KafkaFailure {
    static func unexpected(_ what: String) -> KafkaFailure {
        KafkaFailure(code: 0, operation: "test", text: "unexpected \(what)")
    }
}

/// The brokers of this test run, one of each kind, started when the first test asks.
enum KafkaBrokers {
    private static let embedded = Task { try await KafkaBroker(.embedded) }
    private static let apache = Task { try await KafkaBroker(.apache) }

    static func shared(_ kind: KafkaBroker.Kind) async throws -> KafkaBroker {
        try await (kind == .embedded ? embedded : apache).value
    }
}

/// Waits until `condition` is true; says what is missing when it does not become so.
func until(
    _ what: String, within limit: Duration = .seconds(30), _ condition: () async throws -> Bool,
    at location: SourceLocation = #_sourceLocation
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else {
            Issue.record("not within \(limit): \(what)", sourceLocation: location)
            throw CancellationError()
        }
        try await Task.sleep(for: .milliseconds(10))
    }
}

extension KafkaScene {
    /// A topic of its own for a test, as our topics are.
    func makeTopic(_ name: String, partitions: Int32 = 1) async throws -> String {
        let topic = freshTopic(name)
        let configs = ["message.timestamp.type": "LogAppendTime"]
        try await createTopics([KafkaTopicSpecification(topic, partitions: partitions, configs: configs)])
        return topic
    }
}

/// A topic name that no other test has.
func freshTopic(_ name: String) -> String { "\(name).\(UInt32.random(in: 0 ... .max))" }
