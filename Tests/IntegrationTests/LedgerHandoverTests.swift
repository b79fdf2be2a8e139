import Support
@testable import Switchboard
import Testing

/// A process that decides calls, and what the log of its calls has.
actor CallsOwner {
    nonisolated let loop = EventLoop(name: "owner")
    nonisolated let settings: LedgerSettings
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private var world: LedgerWorld?
    private var calls: Ledger<CallBook>?
    private var producer: KafkaProducer?
    private var reader: KafkaReader?
    /// In the log, by partition.
    private var decisions: [Int32: Int] = [:]
    private var sent = 0
    /// Its log, as it is written.
    nonisolated let said = Said()

    init(_ bootstrap: String, extra: [String: String] = [:]) {
        settings = LedgerSettings(
            kafka: KafkaSettings(bootstrap: bootstrap, clientID: "owner", extra: extra), group: freshTopic("owners"),
            partitions: 4)
        loop.start()
    }

    var owned: [Int32] { calls?.ownedPartitions ?? [] }
    var isReady: Bool { producer?.isReady ?? false }
    func count(_ partition: Int32) -> Int { decisions[partition, default: 0] }
    var decided: Int { decisions.values.reduce(0, +) }
    /// Answers that were sent to gateways.
    private(set) var answers = 0

    func start() throws {
        let world = try LedgerWorld(
            loop: loop, settings: settings, mirror: NoStateMirror(loop: loop),
            log: Log(service: "test", sink: { [said] line in said.write(line) })
        )
        calls = world.add(CallBook(media: MediaGrants(urls: [])))
        self.world = world
        world.onReady = { self.watch() }
        world.start()
    }

    private func watch() {
        do {
            let names = [LedgerName.calls.inbox, LedgerName.calls.log]
            producer = try KafkaProducer(settings: settings.kafka, loop: loop, topics: names)
            let topics = [LedgerName.calls.log, Topic.deliveries]
            let reader = try KafkaReader(settings: settings.kafka, topics: topics, loop: loop)
            reader.add(KafkaTopicID(1), 0, at: .beginning)
            reader.onRecord = { record in
                guard record.topic == KafkaTopicID(0) else {
                    self.answers += (try? DeliveryRecord(json: record.value))?.entries.count ?? 0
                    return
                }
                guard let decision = try? LogRecord<CallFact>(json: record.value), decision.kind == .refusal else {
                    return
                }
                self.decisions[record.partition, default: 0] += 1
            }
            for partition in 0..<settings.partitions { reader.add(KafkaTopicID(0), partition, at: .beginning) }
            self.reader = reader
        } catch {
            Issue.record(error)
        }
    }

    /// An input that is refused, which stands in the log.
    /// - Parameter replies: whether its refusal is told to a gateway.
    func ask(_ partition: Int32, replies: Bool = false) throws {
        sent += 1
        var by = CallInput.By()
        by.user = UserID("anna")
        let asker = Asker(connection: Connection(partition: 0, gateway: "g", number: 1), request: "\(sent)")
        let reply = replies ? Reply(asker: asker, type: "call.ringing") : nil
        let record = InboxRecord(CallInput.ringing(by), command: "c\(sent)", reply: reply)
        try producer?.produce(
            topic: LedgerName.calls.inbox, partition: partition,
            key: Array(RecordKey.of(AppKey("app"), CallID("00000000-0000-4000-8000-000000000001")).utf8),
            value: record.encoded()
        ) { _ in }
    }

    /// The inbox begins further on than was asked for; before that is answered another owner has opened it.
    func openAgainBeforeStartIsFound(_ partition: Int32) async {
        guard let world, let topic = world.consumer?.topic(LedgerName.calls.inbox) else { return }
        world.findInboxStart(topic, partition)
        world.closeInbox(LedgerName.calls.inbox, partition)
        world.openInbox(LedgerName.calls.inbox, partition, at: 0)
        // Answers come in the order of the questions.
        await answered { (done: Answering<Void>) in
            world.askEnds([KafkaPartition(LedgerName.calls.inbox, partition)]) { _ in done.resume() }
        }
    }

    /// Where the inbox ends, as deadlines ask for it.
    func inboxEnd(_ partition: Int32) async -> InboxEnd? {
        await answered { (done: Answering<InboxEnd?>) in
            guard let world else { return done.resume(returning: nil) }
            world.askEnd(LedgerName.calls.inbox, partition) { done.resume(returning: $0) }
        }
    }

    /// As another owner begins.
    func mark(_ partition: Int32) throws {
        var marker = LogRecord<CallFact>()
        marker.kind = .marker
        marker.incarnation = "another"
        try producer?.produce(
            topic: LedgerName.calls.log, partition: partition, key: [], value: marker.encoded()
        ) { _ in }
    }

    /// As an owner writes into its log.
    func write() async -> LogAppend {
        await answered { (done: Answering<LogAppend>) in
            guard let world, world.append([], key: "", to: LedgerName.calls.log, 0, { done.resume(returning: $0) })
            else { return done.resume(returning: .failed("it was not taken")) }
        }
    }

    func stop() async {
        await answered { done in
            if let world { world.stop { done.resume() } } else { done.resume() }
        }
    }

    func close() async {
        await answered { done in
            if let reader { reader.close { done.resume() } } else { done.resume() }
        }
        await answered { done in
            if let producer { producer.close { done.resume() } } else { done.resume() }
        }
        world = nil
    }

    deinit { loop.stop() }
}

/// The lines of a log.
final class Said: Sendable {
    private let lines = Locked("")
    func write(_ line: [UInt8]) { lines.withLock { $0 += String(decoding: line, as: UTF8.self) } }
    var text: String { lines.withLock { $0 } }
}

/// The other member of the group is in no hurry: it is given partitions, and begins none before a test says so.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct LedgerHandoverTests {
    private struct Shared {
        let broker: KafkaBroker
        let owner: CallsOwner
        let other: KafkaMember
        let given: Int32
    }

    private func alone(_ broker: KafkaBroker, extra: [String: String] = [:]) async throws -> CallsOwner {
        let owner = CallsOwner(broker.bootstrap, extra: extra)
        try await owner.start()
        try await until("all are owned") { await owner.owned.count == 4 }
        try await until("it can ask") { await owner.isReady }
        return owner
    }

    private func shared(_ kind: KafkaBroker.Kind) async throws -> Shared {
        let broker = try await KafkaBroker(kind)
        let owner = try await alone(broker)
        let other = KafkaMember("other", broker.bootstrap, KafkaJournal())
        try await other.join(owner.settings.group, LedgerName.calls.inbox)
        try await until("two are given to the other") { await other.owned.count == 2 }
        return Shared(broker: broker, owner: owner, other: other, given: try #require(await other.owned.min()))
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `A partition that the group gave to another is decided until that one has begun`(
        kind: KafkaBroker.Kind
    ) async throws {
        let scene = try await shared(kind)
        let (owner, other, given) = (scene.owner, scene.other, scene.given)
        for number in 1...3 {
            try await owner.ask(given)
            try await until("input \(number) is decided") { await owner.count(given) == number }
        }
        #expect(await owner.owned.count == 4)
        try await owner.mark(given)
        try await until("it is let go of") { await owner.owned.contains(given) == false }
        await owner.stop()
        await other.leave()
        await owner.close()
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `An owner that leaves decides until another has begun, and waits for that so long and no longer`(
        kind: KafkaBroker.Kind
    ) async throws {
        let scene = try await shared(kind)
        let (owner, other) = (scene.owner, scene.other)
        let kept = try #require(Set(await owner.owned).subtracting(await other.owned).min())
        async let stopped: Void = owner.stop()
        try await until("all are given to the other") { await other.owned.count == 4 }
        try await owner.ask(kept)
        try await until("it is decided") { await owner.count(kept) == 1 }
        await stopped
        #expect(await owner.owned.isEmpty)
        await other.leave()
        await owner.close()
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `A partition is given to another while records are on their way into its log`(
        kind: KafkaBroker.Kind
    ) async throws {
        let broker = try await KafkaBroker(kind)
        defer { broker.kill() }
        // What is written stands in the log so much later.
        let owner = try await alone(broker, extra: ["linger.ms": "300"])
        let other = KafkaMember("other", broker.bootstrap, KafkaJournal())
        try await other.join(owner.settings.group, LedgerName.calls.inbox)
        try await until("two are given to the other") {
            for partition in 0..<owner.settings.partitions { try await owner.ask(partition) }
            return await other.owned.count == 2
        }
        let given = try #require(await other.owned.min())
        let before = await owner.count(given)
        try await until("it is decided on") { await owner.count(given) > before }
        #expect(await owner.owned.count == 4)
        try await owner.mark(given)
        try await until("it is let go of") { await owner.owned.contains(given) == false }
        #expect(!owner.said.text.contains("a log has lost"), "\(owner.said.text)")
        await owner.stop()
        await other.leave()
        await owner.close()
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `A late answer about an inbox does not concern who has opened it since`(
        kind: KafkaBroker.Kind
    ) async throws {
        let broker = try await KafkaBroker(kind)
        defer { broker.kill() }
        let owner = try await alone(broker)
        await owner.openAgainBeforeStartIsFound(0)
        #expect(await owner.owned.count == 4)
        #expect(!owner.said.text.contains("does not reach"))
        try await owner.ask(0)
        try await until("it is decided") { await owner.count(0) == 1 }
        await owner.stop()
        await owner.close()
    }
}
