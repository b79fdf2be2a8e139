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

    private static let errorMark = "\"level\":\"error\""
}

extension DeliveryStage {
    /// As if retention had passed all that these partitions have: the dispatcher and the broker end, and start again.
    func letGo(_ topics: [String], _ partition: Int32) async throws {
        dispatcher.kill()
        broker.kill()
        for topic in topics { try Self.drop("\(broker.folder)/data/partitions/\(topic)-\(partition)") }
        try await broker.start()
        try dispatcher.start()
        try await eventually("it is ready again: \(dispatcher.said.suffix(2000))") { await dispatcher.isReady }
    }

    private static func drop(_ folder: String) throws {
        let loop = EventLoop(name: "retention")
        let disk = EventLoop(name: "retention-disk")
        disk.start()
        defer { disk.stop() }
        let log = Log(service: "test", level: .error, sink: { _ in })
        let syncer = Syncer(policy: .never, loop: loop, disk: disk, log: log, onFailure: { _ in })
        let partition = try PartitionLog(
            topic: "t", number: 0, folder: folder, settings: try TopicSettings(["retention.ms": "1"]), syncer: syncer,
            log: log)
        loop.runUntilDone { done in
            partition.dropOld(at: .max / 2)
            partition.syncer.flush(done)
        }
        #expect(partition.startOffset == partition.endOffset && partition.endOffset > 0)
    }
}
