import Support
import Switchboard
import Testing

@testable import CallOrchestrator

/// Two readers of questions on one loop, and a broker that says where partitions end when the test lets it.
private actor QueryScene {
    nonisolated let loop = EventLoop(name: "queries")
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private let settings: LedgerSettings
    private var admin: KafkaAdmin?
    private var producer: KafkaProducer?
    private var readers: [QueryReader?] = []
    private var held: [([KafkaPartition: Int64]?) -> Void] = []
    private var heldPlaces: [[KafkaPartition]] = []
    private(set) var read: [Int32: Int] = [:]
    private(set) var asked = 0
    private(set) var givenToOther = 0
    private var failuresLeft = 0
    private var holds = false

    static let partitions: Int32 = 4

    init(_ bootstrap: String) {
        settings = LedgerSettings(
            kafka: KafkaSettings(bootstrap: bootstrap, clientID: "test"), group: "none", partitions: Self.partitions)
        loop.start()
    }

    func prepare() async throws {
        let admin = try KafkaAdmin(settings: settings.kafka, loop: loop)
        self.admin = admin
        try await answered { done in
            admin.createTopics(settings.topics) { done.resume(returning: $0) }
        }.get()
        producer = try KafkaProducer(settings: settings.kafka, loop: loop, topics: [Topic.queries])
    }

    var isProducerReady: Bool { producer?.isReady ?? false }
    var heldPartitions: [[Int32]] { heldPlaces.map { $0.map(\.partition).sorted() } }

    /// The next so many questions about ends are not answered.
    func fail(_ count: Int) { failuresLeft = count }

    func hold() { holds = true }

    /// Answers what was held, the oldest first, and holds nothing more.
    func letGo() async throws {
        holds = false
        let (answers, places) = (held, heldPlaces)
        (held, heldPlaces) = ([], [])
        let ends = try await ends(places.flatMap { $0 })
        for (answer, places) in zip(answers, places) {
            answer(ends.filter { places.contains($0.key) })
        }
    }

    private func ends(_ places: [KafkaPartition]) async throws -> [KafkaPartition: Int64] {
        let admin = try #require(admin)
        return try await answered { done in
            admin.endOffsets(of: places) { done.resume(returning: $0) }
        }.get()
    }

    private func ask(_ places: [KafkaPartition], _ done: @escaping ([KafkaPartition: Int64]?) -> Void) {
        asked += 1
        if failuresLeft > 0 {
            failuresLeft -= 1
            return loop.atEndOfTurn { done(nil) }
        }
        guard !holds else {
            held.append(done)
            heldPlaces.append(places)
            return
        }
        admin?.endOffsets(of: places) { result in
            if case .success(let ends) = result { done(ends) } else { done(nil) }
        }
    }

    /// - Parameter isObserved: its questions about ends are those that fail or are held; the other reads nothing.
    func join(isObserved: Bool) throws {
        let log = Log(service: "test", level: .error, sink: { _ in })
        let reader = try QueryReader(settings: settings.kafka, loop: loop, log: log) { places, done in
            if isObserved {
                self.ask(places, done)
            } else {
                self.givenToOther += places.count
                done([:])
            }
        }
        reader.onRecord = { record in
            self.read[record.partition, default: 0] += 1
        }
        readers.append(reader)
    }

    func leave(_ index: Int) async {
        await answered { done in
            guard let reader = readers[index] else { return done.resume() }
            reader.close { done.resume() }
        }
        readers[index] = nil
    }

    func write() throws {
        for partition in 0..<Self.partitions {
            try producer?.produce(topic: KafkaTopicID(0), partition: partition, key: [], value: [1]) { _ in }
        }
    }

    func close() async {
        for index in readers.indices { await leave(index) }
        await answered { done in
            if let producer { producer.close { done.resume() } } else { done.resume() }
        }
        await answered { done in
            if let admin { admin.close { done.resume() } } else { done.resume() }
        }
        (producer, admin) = (nil, nil)
    }
}

@Suite("Questions", .serialized, .timeLimit(.minutes(2)))
struct QueryReaderTests {
    private func ready(_ broker: KafkaBroker) async throws -> QueryScene {
        let scene = QueryScene(broker.bootstrap)
        try await scene.prepare()
        try await eventually("the producer is ready") { await scene.isProducerReady }
        return scene
    }

    private func expectAllRead(_ scene: QueryScene) async throws {
        try await eventually("each partition is read", within: .seconds(15)) {
            try await scene.write()
            return await scene.read.count == Int(QueryScene.partitions)
        }
    }

    @Test("Are read although nobody said at first where their partitions end")
    func asksAgain() async throws {
        let broker = try await KafkaBroker(.embedded)
        let scene = try await ready(broker)
        await scene.fail(2)
        try await scene.join(isObserved: true)
        try await eventually("it was asked") { await scene.asked > 0 }
        try await expectAllRead(scene)
        await scene.close()
    }

    @Test("Of a partition that went and came back while its end was asked for are read once")
    func comesBack() async throws {
        let broker = try await KafkaBroker(.embedded)
        let scene = try await ready(broker)
        await scene.hold()
        try await scene.join(isObserved: true)
        try await eventually("it is asked for all") { await scene.heldPartitions == [[0, 1, 2, 3]] }
        try await scene.join(isObserved: false)
        try await eventually("the other has some") { await scene.givenToOther == 2 }
        await scene.leave(1)
        try await eventually("it is asked for what came back") { await scene.heldPartitions.joined().count == 6 }
        try await scene.letGo()
        try await expectAllRead(scene)
        await scene.close()
    }
}
