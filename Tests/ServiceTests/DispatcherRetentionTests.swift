import Foundation
import Support
import Switchboard
import Testing

@testable import EmbeddedLog

/// Retention has passed what a dispatcher would read when it starts: it goes on with what there is.
@Suite("A dispatcher whose topics have let go of what it stood at", .serialized, .timeLimit(.minutes(5)))
struct DispatcherRetentionTests {
    private static let partition: Int32 = 1

    /// An endpoint, and one call that it was told of.
    private func stage() async throws -> DeliveryStage {
        let stage = try await DeliveryStage { _ in .status(200) }
        _ = try await stage.add()
        try await told(1, by: stage)
        return stage
    }

    private func told(_ call: Int, by stage: DeliveryStage) async throws {
        let before = try await stage.scene.end(of: Topic.callbackDeliveries, Self.partition)
        try await stage.write(call, to: Self.partition)
        try await eventually("the endpoint hears of call \(call): \(stage.dispatcher.said.suffix(2000))") {
            await stage.sink.hits.contains { $0.subject == stage.subject(call) }
        }
        try await eventually("how far it has come is written") {
            try await stage.scene.end(of: Topic.callbackDeliveries, Self.partition) > before
        }
    }

    private func expectNothingBegunAgain(_ stage: DeliveryStage) {
        #expect(!stage.dispatcher.said.contains("begun again"), "\(stage.dispatcher.said.suffix(2000))")
    }

    @Test("Goes on where what it wrote of deliveries has gone")
    func deliveriesGone() async throws {
        let stage = try await stage()
        try await stage.letGo([Topic.callbackDeliveries], Self.partition)
        try await told(2, by: stage)
        expectNothingBegunAgain(stage)
        #expect(!stage.dispatcher.said.contains(Self.errorMark))
        await stage.close()
    }

    @Test("Goes on where its partition has had no event for so long")
    func eventsGone() async throws {
        let stage = try await stage()
        try await stage.letGo([Topic.callbacks], Self.partition)
        try await told(2, by: stage)
        expectNothingBegunAgain(stage)
        #expect(!stage.dispatcher.said.contains(Self.errorMark))
        try await expectSameBytes(stage)
        await stage.close()
    }

    @Test("Goes on where the logs have gone on without an event")
    func logGone() async throws {
        let stage = try await stage()
        try await stage.letGo([LedgerName.calls.log], Self.partition)
        try await told(2, by: stage)
        expectNothingBegunAgain(stage)
        #expect(!stage.dispatcher.said.contains(Self.errorMark))
        #expect(await stage.sink.hits.count { $0.subject == stage.subject(1) } == 1)
        await stage.close()
    }

    @Test("Goes on where both its events and how far they had come have gone")
    func bothGone() async throws {
        let stage = try await stage()
        try await stage.letGo([Topic.callbacks, Topic.callbackDeliveries], Self.partition)
        try await told(2, by: stage)
        expectNothingBegunAgain(stage)
        #expect(!stage.dispatcher.said.contains(Self.errorMark))
        try await expectSameBytes(stage)
        await stage.close()
    }

    @Test("Knows how far a log was read that went on without an event, though the last event has gone too")
    func quiet() async throws {
        let stage = try await stage()
        let before = try await stage.scene.end(of: Topic.callbackDeliveries, Self.partition)
        let end = try await stage.scene.end(of: LedgerName.calls.log, Self.partition)
        try await stage.scene.write(
            DispatcherLogs.records([(key: String, fact: CallFact)](), incarnation: "quiet", from: end), to: .calls,
            Self.partition)
        try await eventually("it is written how far the log was read") {
            try await stage.scene.end(of: Topic.callbackDeliveries, Self.partition) > before
        }
        try await stage.letGo([LedgerName.calls.log, Topic.callbacks], Self.partition)
        try await told(2, by: stage)
        expectNothingBegunAgain(stage)
        #expect(!stage.dispatcher.said.contains(Self.errorMark), "\(stage.dispatcher.said.suffix(2000))")
        #expect(await stage.sink.hits.count { $0.subject == stage.subject(1) } == 1)
        #expect(await stage.scene.events.count == 2)
        await stage.close()
    }

    @Test("Says what was lost of a log that it had not read")
    func lostFacts() async throws {
        let stage = try await stage()
        stage.dispatcher.kill()
        let end = try await stage.scene.end(of: LedgerName.calls.log, Self.partition)
        try await stage.write(2, to: Self.partition)
        try await eventually("it is in the log") {
            try await stage.scene.end(of: LedgerName.calls.log, Self.partition) == end + 3
        }
        try await stage.letGo([LedgerName.calls.log], Self.partition)
        try await told(3, by: stage)
        expectNothingBegunAgain(stage)
        #expect(stage.dispatcher.said.contains("a log has let go of what was not rendered yet"))
        #expect(await stage.sink.hits.allSatisfy { $0.subject != stage.subject(2) })
        await stage.close()
    }

    @Test("Gives up what waits for an endpoint and is not in the topic any more")
    func lostEvents() async throws {
        let isDown = Toggle(true)
        let stage = try await DeliveryStage([
            "SWITCHBOARD_WEBHOOK_RETRIES": "3s,3s", "SWITCHBOARD_WEBHOOK_HELD_MAX": "1",
        ]) { _ in .status(isDown.value ? 500 : 200) }
        _ = try await stage.add()
        try await stage.write(1, to: Self.partition)
        try await eventually("it fails") { await !stage.sink.hits.isEmpty }
        try await eventually("that is written down") {
            try await stage.scene.end(of: Topic.callbackDeliveries, Self.partition) > 1
        }
        try await stage.write(2, to: Self.partition)
        try await eventually("it is rendered") { await stage.scene.events.count == 2 }
        stage.dispatcher.kill()
        isDown.set(false)
        try await stage.letGo([Topic.callbacks], Self.partition)
        try await eventually("what failed is given up: \(stage.dispatcher.said.suffix(2000))") {
            try await stage.metric("switchboard_webhooks_given_up_total") == 1
        }
        try await told(3, by: stage)
        expectNothingBegunAgain(stage)
        #expect(stage.dispatcher.said.contains("events have gone before an endpoint had them"))
        await stage.close()
    }

    private static let errorMark = "\"level\":\"error\""

    private func expectSameBytes(_ stage: DeliveryStage) async throws {
        var known: [String: String] = [:]
        for event in await stage.scene.events {
            #expect(known[event.id, default: event.body] == event.body, "\(event.id) has other bytes")
            known[event.id] = event.body
        }
    }
}

extension DeliveryStage {
    /// As if retention had passed all that these partitions have: the dispatcher and the broker end, and start again.
    func letGo(_ topics: [String], _ partition: Int32) async throws {
        dispatcher.kill()
        broker.kill()
        for topic in topics { try broker.drop(topic, partition) }
        try await broker.start()
        try dispatcher.start()
        try await eventually("it is ready again: \(dispatcher.said.suffix(2000))") { await dispatcher.isReady }
    }

}

extension KafkaBroker {
    /// An embedded-log that is not running lets go of every record of a partition, as retention would.
    func drop(_ topic: String, _ partition: Int32) throws {
        let folder = "\(folder)/data/partitions/\(topic)-\(partition)"
        let loop = EventLoop(name: "retention")
        let disk = EventLoop(name: "retention-disk")
        disk.start()
        defer { disk.stop() }
        let log = Log(service: "test", level: .error, sink: { _ in })
        let syncer = Syncer(policy: .never, loop: loop, disk: disk, log: log, onFailure: { _ in })
        let partition = try PartitionLog(
            topic: "t", number: 0, folder: folder, settings: try TopicSettings(["retention.ms": "1"]), syncer: syncer,
            files: OpenFiles(max: .max), log: log)
        loop.runUntilDone { done in
            partition.dropOld(at: .max / 2)
            partition.syncer.flush(done)
        }
        #expect(partition.startOffset == partition.endOffset && partition.endOffset > 0)
    }
}
