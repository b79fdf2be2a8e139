import Foundation
import Support
import Switchboard
import Testing

extension KafkaScene {
    private func answer<Value: Sendable>(
        _ ask: (KafkaAdmin, @escaping KafkaAdmin.Answer<Value>) -> Void
    ) async throws -> Value {
        let admin = try startedAdmin()
        return try await answered { continuation in
            ask(admin) { continuation.resume(returning: $0) }
        }.get()
    }

    func createTopics(_ topics: [KafkaTopicSpecification]) async throws {
        try await answer { $0.createTopics(topics, $1) }
    }
    func topics() async throws -> [String: Int32] { try await answer { $0.topics($1) } }
    func ping() async throws -> Duration { try await answer { $0.ping($1) } }
    func ends(_ partitions: [KafkaPartition]) async throws -> [KafkaPartition: Int64] {
        try await answer { $0.endOffsets(of: partitions, $1) }
    }
    func starts(_ partitions: [KafkaPartition]) async throws -> [KafkaPartition: Int64] {
        try await answer { $0.startOffsets(of: partitions, $1) }
    }
    func lag(_ group: String, _ partitions: [KafkaPartition]) async throws -> [KafkaPartition: Int64] {
        try await answer { $0.lag(of: group, in: partitions, $1) }
    }
}

/// Asks again while that may help: where a machine gives a broker no turn, its answer takes longer than the second that is
/// waited for it.
private func patiently<Value>(_ ask: () async throws -> Value) async throws -> Value {
    let deadline = ContinuousClock.now + .seconds(30)
    while true {
        do {
            return try await ask()
        } catch let failure as KafkaFailure where failure.mayPass && ContinuousClock.now < deadline {
            continue
        }
    }
}

@Suite(.serialized, .timeLimit(.minutes(2)))
struct KafkaAdminTests {
    private func scene(_ kind: KafkaBroker.Kind) async throws -> KafkaScene {
        KafkaScene(try await KafkaBrokers.shared(kind).bootstrap)
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `Topics are created once, and what differs is refused by name`(kind: KafkaBroker.Kind) async throws {
        let scene = try await scene(kind)
        let name = freshTopic("made")
        let configs = ["message.timestamp.type": "LogAppendTime", "retention.ms": "604800000"]
        let wanted = KafkaTopicSpecification(name, partitions: 3, replication: 1, configs: configs)
        let other = KafkaTopicSpecification(freshTopic("made"), partitions: 1)
        try await scene.createTopics([wanted])
        try await scene.createTopics([wanted, other])
        #expect(try await scene.topics()[name] == 3)
        #expect(try await scene.topics()[other.name] == 1)

        var different = wanted
        different.partitions = 4
        different.configs["retention.ms"] = "1000"
        let failure = await #expect(throws: KafkaFailure.self) { try await scene.createTopics([other, different]) }
        #expect(failure?.mayPass == false)
        #expect(failure?.text.contains("\(name) has 3 partitions, not 4") == true)
        #expect(failure?.text.contains("\(name) has retention.ms 604800000, not 1000") == true)
        #expect(failure?.text.contains(other.name) == false)
        await scene.close()
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `The log's topics are made as it needs them, and refused where a copy may be lost`(
        kind: KafkaBroker.Kind
    ) async throws {
        let scene = try await scene(kind)
        var wanted = try #require(
            LedgerSettings(kafka: KafkaSettings(bootstrap: "nowhere:1"), group: "g", partitions: 2).topics.first)
        wanted.name = freshTopic("log")
        try await scene.createTopics([wanted])
        try await scene.createTopics([wanted])
        if kind == .apache {
            var careless = wanted
            careless.name = freshTopic("log")
            careless.configs["unclean.leader.election.enable"] = "true"
            careless.configs["min.insync.replicas"] = nil
            try await scene.createTopics([careless])
            careless.configs = wanted.configs
            careless.configs["min.insync.replicas"] = "2"
            let failure = await #expect(throws: KafkaFailure.self) { try await scene.createTopics([careless]) }
            #expect(failure?.text.contains("has unclean.leader.election.enable true, not false") == true)
            #expect(failure?.text.contains("has min.insync.replicas 1, not 2") == true)
        }
        await scene.close()
    }

    @Test(arguments: [(1, "1"), (2, "1"), (3, "2"), (5, "2")] as [(Int32, String)])
    func `Two copies of three must have a record`(replication: Int32, inSync: String) {
        let settings = LedgerSettings(
            kafka: KafkaSettings(bootstrap: "nowhere:1"), group: "g", partitions: 2, replication: replication)
        #expect(settings.topics.allSatisfy { $0.configs["min.insync.replicas"] == inSync })
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `Ends count every record acknowledged before they were asked for`(kind: KafkaBroker.Kind) async throws {
        let scene = try await scene(kind)
        let topic = freshTopic("ends")
        try await scene.createTopics([KafkaTopicSpecification(topic, partitions: 2)])
        let places = [KafkaPartition(topic, 0), KafkaPartition(topic, 1)]
        #expect(try await scene.ends(places) == [places[0]: 0, places[1]: 0])
        try await scene.startProducer([topic])
        for round in 1...20 {
            try await scene.produce(round * 10..<round * 10 + 10)
            #expect(await scene.flush(within: .seconds(10)))
            let ends = try await patiently { try await scene.ends(places) }
            #expect(ends == [places[0]: Int64(round * 10), places[1]: 0])
        }
        #expect(try await scene.starts(places) == [places[0]: 0, places[1]: 0])
        await scene.close()
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `Many who ask at once are all answered`(kind: KafkaBroker.Kind) async throws {
        let scene = try await scene(kind)
        let topic = freshTopic("many")
        try await scene.createTopics([KafkaTopicSpecification(topic, partitions: 32)])
        let all = (0..<32).map { KafkaPartition(topic, $0) }
        try await withThrowingTaskGroup(of: Int.self) { group in
            for asker in 0..<200 {
                let places = [all[asker % 32], all[(asker + 1) % 32]]
                group.addTask { try await patiently { try await scene.ends(places).count } }
            }
            for try await count in group { #expect(count == 2) }
        }
        await #expect(throws: KafkaFailure.self) { try await scene.ends([KafkaPartition(freshTopic("none"), 0)]) }
        await scene.close()
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `A broker that answers is pinged, one that is away is a failure that may pass`(
        kind: KafkaBroker.Kind
    ) async throws {
        let scene = try await scene(kind)
        #expect(try await scene.ping() < .seconds(3))
        await scene.close()
        let lonely = KafkaScene("127.0.0.1:9")
        let failure = await #expect(throws: KafkaFailure.self) { try await lonely.ping() }
        #expect(failure?.mayPass == true)
        let asked = ContinuousClock.now
        let offsets = await #expect(throws: KafkaFailure.self) { try await lonely.ends([KafkaPartition("any", 0)]) }
        #expect(offsets?.mayPass == true)
        #expect(ContinuousClock.now - asked < .seconds(3))
        await lonely.close()
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `A group lags by what it has not committed, one that never did has nothing to tell`(
        kind: KafkaBroker.Kind
    ) async throws {
        let scene = try await scene(kind)
        let topic = freshTopic("lag")
        let place = KafkaPartition(topic, 0)
        try await scene.createTopics([KafkaTopicSpecification(topic, partitions: 1)])
        #expect(try await scene.lag(topic, [place]).isEmpty)
        try await scene.startProducer([topic])
        try await scene.produce(0..<50)
        #expect(await scene.flush(within: .seconds(10)))
        try await run(
            "/usr/bin/kcat", "-b", scene.settings.bootstrap, "-G", topic, "-c", "20", "-q",
            "-X", "auto.offset.reset=earliest", topic)
        try await scene.produce(50..<60)
        #expect(await scene.flush(within: .seconds(10)))
        let lag = try #require(try await scene.lag(topic, [place])[place])
        // The reader commits the 20 it printed, or what it had fetched by then.
        #expect((10...40).contains(lag))
        await scene.close()
    }

    private func run(_ program: String, _ arguments: String...) async throws {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        try await until("\(program) has ended") { !process.isRunning }
        #expect(process.terminationStatus == 0)
    }
}
