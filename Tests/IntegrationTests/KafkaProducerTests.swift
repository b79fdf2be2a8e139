import Foundation
import Support
@testable import Switchboard
import Testing

@Suite(.serialized, .timeLimit(.minutes(3)))
struct KafkaProducerTests {
    @Test(arguments: KafkaBroker.Kind.present)
    func `Records are acknowledged in order, with their offsets and append times`(kind: KafkaBroker.Kind) async throws {
        let broker = try await KafkaBrokers.shared(kind)
        let scene = KafkaScene(broker.bootstrap)
        try await scene.startProducer([scene.makeTopic("acknowledged")])
        try await until("ready") { await scene.isProducerReady }
        let before = Int64(Date().timeIntervalSince1970 * 1000) - 2
        try await scene.produce(0..<500)
        #expect(await scene.flush(within: .seconds(10)))
        let after = Int64(Date().timeIntervalSince1970 * 1000) + 2
        let acknowledged = await scene.acknowledged
        #expect(acknowledged.map(\.number) == Array(0..<500))
        let places = try acknowledged.map { try $0.result.get() }
        #expect(places.map(\.offset) == (0..<500).map(Int64.init))
        #expect(places.allSatisfy { (before...after).contains($0.timestamp.milliseconds) })
        #expect(await scene.waiting == 0)
        await scene.close()
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `A topic that is not there is waited for and not made by asking`(kind: KafkaBroker.Kind) async throws {
        let broker = try await KafkaBrokers.shared(kind)
        let early = KafkaScene(broker.bootstrap)
        let other = KafkaScene(broker.bootstrap)
        let name = freshTopic("later")
        try await early.startProducer([name])
        try await other.startProducer([other.makeTopic("there")])
        // The brokers that make a topic when it is asked for have it at the latest when another's is known.
        try await until("the other is ready") { await other.isProducerReady }
        for _ in 0..<5 { _ = try await other.ping() }
        #expect(try await other.topics()[name] == nil)
        #expect(await !early.isProducerReady)
        try await other.createTopics([KafkaTopicSpecification(name, partitions: 2, replication: 1)])
        try await until("the early one is ready") { await early.isProducerReady }
        try await early.produce(0..<10, partition: 1)
        #expect(await early.flush(within: .seconds(10)))
        #expect(await early.acknowledged.map(\.number) == Array(0..<10))
        await early.close()
        await other.close()
    }

    @Test
    func `A full queue is refused as backpressure, and nothing of it is lost from the count`() async throws {
        let scene = KafkaScene("127.0.0.1:9", extra: ["queue.buffering.max.messages": "10"])
        try await scene.startProducer(["anything"])
        try await scene.produce(0..<10)
        await #expect(throws: KafkaFailure.queueFull) { try await scene.produce(10..<11) }
        #expect(await scene.waiting == 10)
        #expect(await scene.flush(within: .milliseconds(50)) == false)
        try await until("the broker that is away is told") { await !scene.troubles.isEmpty }
        #expect(await Set(scene.troubles.map(\.code)).count == scene.troubles.count)
        #expect(await !scene.isProducerReady)
        await scene.close()
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `A client that gives up fails what waits, in order, and another goes on`(kind: KafkaBroker.Kind) async throws {
        let broker = try await KafkaBroker(kind)
        let scene = KafkaScene(broker.bootstrap)
        let topic = try await scene.makeTopic("renewed")
        try await scene.startProducer([topic])
        try await until("ready") { await scene.isProducerReady }
        try await scene.produce(0..<10)
        #expect(await scene.flush(within: .seconds(10)))
        broker.hang()
        try await scene.produce(10..<200)
        await scene.breakProducer()
        try await until("it is told") { await scene.renewals.count == 1 }
        #expect(await scene.renewals[0].isFatal)
        let failed = await scene.acknowledged.dropFirst(10)
        #expect(failed.map(\.number) == Array(10..<200))
        #expect(failed.allSatisfy { (try? $0.result.get()) == nil })
        #expect(await scene.waiting == 0)
        #expect(await scene.isProducerReady)

        try await scene.produce(200..<400)
        broker.wake()
        #expect(await scene.flush(within: .seconds(30)))
        let places = try await scene.acknowledged.dropFirst(200).map { try $0.result.get().offset }
        #expect(places.count == 200 && places == places.sorted())
        #expect(await scene.failures.isEmpty)
        try await scene.startReader([topic])
        await scene.read(from: .beginning)
        try await until("all are read") { await scene.records.last?.value == "399" }
        let read = await scene.records.compactMap { Int($0.value) }
        // What waited when the first gave up is there or not, each at most once; nothing of it behind the second's.
        #expect(read == read.sorted() && Set(read).count == read.count)
        #expect(Array(read.prefix(10)) == Array(0..<10) && Array(read.suffix(200)) == Array(200..<400))
        await scene.close()
    }

    @Test
    func `A client that gives up again and again is not replaced for ever`() async throws {
        let broker = try await KafkaBrokers.shared(.embedded)
        let scene = KafkaScene(broker.bootstrap)
        try await scene.startProducer([scene.makeTopic("broken")])
        for life in 1...KafkaProducer.renewalsMax {
            try await until("it was let in") { await scene.isProducerLetIn }
            await scene.breakProducer()
            try await until("another goes on") { await scene.renewals.count == life }
        }
        #expect(await scene.failures.isEmpty)
        try await until("it was let in") { await scene.isProducerLetIn }
        await scene.breakProducer()
        try await until("it is said") { await scene.failures.count == 1 }
        #expect(await scene.failures[0].isFatal)
        #expect(await scene.renewals.count == KafkaProducer.renewalsMax)
        await scene.close()
    }

    @Test
    func `A client that was never let in is not replaced`() async throws {
        let scene = KafkaScene("127.0.0.1:9")
        try await scene.startProducer(["anything"])
        await scene.breakProducer()
        try await until("it is said") { await scene.failures.count == 1 }
        #expect(await scene.renewals.isEmpty)
        await scene.close()
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `A broker killed and started again loses nothing and doubles nothing`(kind: KafkaBroker.Kind) async throws {
        let broker = try await KafkaBroker(kind)
        let scene = KafkaScene(broker.bootstrap)
        let topic = try await scene.makeTopic("survivor")
        try await scene.startProducer([topic])
        try await until("ready") { await scene.isProducerReady }
        var produced = 0
        func produce(for duration: Duration) async throws {
            let end = ContinuousClock.now + duration
            while ContinuousClock.now < end {
                try await scene.produce(produced..<produced + 5)
                produced += 5
                try await Task.sleep(for: .milliseconds(5))
            }
        }
        for _ in 0..<2 {
            try await produce(for: .seconds(1))
            broker.kill()
            try await produce(for: .milliseconds(500))
            try await broker.start()
            try await produce(for: .seconds(1))
        }
        #expect(await scene.flush(within: .seconds(60)))
        #expect(await scene.acknowledged.map(\.number) == Array(0..<produced))
        #expect(await scene.failures.isEmpty)
        try await scene.startReader([topic])
        await scene.read(from: .beginning)
        try await until("all are read") { await scene.records.count >= produced }
        #expect(await scene.records.map(\.value) == (0..<produced).map(String.init))
        await scene.close()
    }
}
