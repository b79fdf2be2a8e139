import Foundation
import Support
import Switchboard
import Testing

/// A view whose log has gone on without it, further than the log reaches back.
@Suite struct `A view` {
    @Test func `that stands before the log's beginning is filled again with what the log has`() async throws {
        let broker = try await KafkaBroker(.embedded)
        let scene = KafkaScene(broker.bootstrap)
        // As a log is, but that it keeps little.
        let configs = [
            "message.timestamp.type": "LogAppendTime", "retention.bytes": "4096", "segment.bytes": "1024",
        ]
        try await scene.createTopics(
            [LedgerName.calls.log, "plain"].map { KafkaTopicSpecification($0, partitions: 1, configs: configs) })
        let path = broker.folder + "/view.sqlite"
        let place = KafkaPartition(LedgerName.calls.log, 0)
        let plainPlace = KafkaPartition("plain", 0)

        var writer = ViewWriter(bootstrap: broker.bootstrap)
        try await writer.write(["a", "b", "c"])
        let first = ViewScene(path, broker.bootstrap)
        try await until("the view shows what was written") { try await first.keys() == ["a", "b", "c"] }
        try await until("and what the plain topic has") { try await first.plainKeys() == ["a", "b", "c"] }
        await first.close()

        // It is away until the log has let go of where it stood.
        try await until("the log has let go of the first records") {
            try await writer.write(["d"])
            let starts = try await scene.starts([place, plainPlace])
            return starts.values.allSatisfy { $0 > 8 } && starts.count == 2
        }
        try await writer.write(["e", "f"])
        let again = ViewScene(path, broker.bootstrap)
        try await until("the view stands at the end again") { try await again.keys().last == "f" }
        try await until("the plain topic too") { try await again.plainKeys().last == "f" }
        #expect(try await again.keys().contains("a") == false)
        #expect(try await again.plainKeys().contains("a") == false)
        #expect(again.failures == [])

        // What was never away shows the same as what was filled again.
        try await writer.write(["g"])
        let fresh = ViewScene(path + ".fresh", broker.bootstrap)
        try await until("another view is there") { try await fresh.keys().last == "g" }
        try await until("the view goes on") { try await again.keys().last == "g" }
        let all = try await again.keys()
        #expect(try await Array(all.suffix(fresh.keys().count)) == fresh.keys())
        await again.close()
        await fresh.close()
        await scene.close()
    }

    @Test func `that is closed amid an incarnation knows afterwards which records count`() async throws {
        let broker = try await KafkaBroker(.embedded)
        let scene = KafkaScene(broker.bootstrap)
        try await scene.createTopics(
            [LedgerName.calls.log, "plain"].map { name in
                KafkaTopicSpecification(
                    name, partitions: 1, configs: ["message.timestamp.type": "LogAppendTime"])
            })
        let path = broker.folder + "/view.sqlite"
        var writer = ViewWriter(bootstrap: broker.bootstrap)
        try await writer.write(["a", "b"])
        try await writer.writeInVain("lost")
        let first = ViewScene(path, broker.bootstrap)
        try await until("the view shows what counts") { try await first.keys() == ["a", "b"] }
        await first.close()

        try await writer.writeInVain("lost too")
        try await writer.write(["c", "d"], goesOn: true)
        let again = ViewScene(path, broker.bootstrap)
        try await until("the view goes on") { try await again.keys() == ["a", "b", "c", "d"] }
        #expect(again.failures == [])
        await again.close()
        await scene.close()
    }

    @Test func `that meets a record of a newer program shows what stands before it, and goes no further`() async throws
    {
        let broker = try await KafkaBroker(.embedded)
        let scene = KafkaScene(broker.bootstrap)
        try await scene.createTopics(
            [LedgerName.calls.log, "plain"].map { name in
                KafkaTopicSpecification(
                    name, partitions: 1, configs: ["message.timestamp.type": "LogAppendTime"])
            })
        let path = broker.folder + "/view.sqlite"
        var writer = ViewWriter(bootstrap: broker.bootstrap)
        try await writer.write(["a", "b"])
        try await writer.writeAsNewer("c")
        try await writer.write(["d"])
        // The second reads from where the first stood: what it shows is there once.
        for _ in 0..<2 {
            let view = ViewScene(path, broker.bootstrap)
            try await until("it tells") { view.newer.count == 1 }
            #expect(view.newer.first?.hasSuffix("offset 3 was written by a newer program") == true, "\(view.newer)")
            try await until("it shows what stands before") { try await view.keys() == ["a", "b"] }
            // One of this level stands behind it, and is not taken.
            let behind = [KafkaPartition(LedgerName.calls.log, 0): Int64(4)]
            #expect(await view.keys(at: behind, within: .milliseconds(300)) == nil)
            #expect(view.failures == [])
            await view.close()
        }
        await scene.close()
    }

    @Test func `that is new is at the end of topics that have let go of everything`() async throws {
        let broker = try await KafkaBroker(.embedded)
        let scene = KafkaScene(broker.bootstrap)
        let configs = ["message.timestamp.type": "LogAppendTime", "retention.ms": "1"]
        try await scene.createTopics(
            [LedgerName.calls.log, "plain"].map { KafkaTopicSpecification($0, partitions: 1, configs: configs) })
        let places = [KafkaPartition(LedgerName.calls.log, 0), KafkaPartition("plain", 0)]
        var writer = ViewWriter(bootstrap: broker.bootstrap)
        try await writer.write(["a", "b"])
        let ends = [places[0]: Int64(3), places[1]: 2]
        try await until("nothing is left") { try await scene.starts(places) == ends }

        let view = ViewScene(broker.folder + "/view.sqlite", broker.bootstrap)
        #expect(await view.keys(at: ends) == [])
        // A question that came before it had begun is answered as well as one that comes when it has nothing to read.
        #expect(await view.keys(at: ends) == [])
        try await writer.write(["c"])
        try await until("it shows what comes") { try await view.keys() == ["c"] }
        try await until("from the plain topic too") { try await view.plainKeys() == ["c"] }
        #expect(view.failures == [])
        await view.close()
        await scene.close()
    }
}

/// Writes decisions with a key and nothing else, and the key into a topic beside the log.
private struct ViewWriter {
    let scene: KafkaScene
    private var incarnation = ""
    private var ordinal: Int64 = 0

    init(bootstrap: String) { scene = KafkaScene(bootstrap) }

    /// - Parameter goesOn: as the incarnation before; else behind a marker, so that a reader that begins in the middle
    ///   meets one.
    mutating func write(_ keys: [String], goesOn: Bool = false) async throws {
        if incarnation.isEmpty {
            try await scene.startProducer([LedgerName.calls.log, "plain"])
            try await until("the producer is ready") { await scene.isProducerReady }
        }
        var values: [[UInt8]] = []
        if !goesOn {
            incarnation = UUID().uuidString
            ordinal = 0
            var marker = LogRecord<CallFact>()
            marker.kind = .marker
            marker.incarnation = incarnation
            values.append(marker.encoded())
        }
        for key in keys {
            values.append(Self.record(key, incarnation, ordinal))
            ordinal += 1
        }
        try await scene.write(values, keys)
    }

    /// What counts for nobody: a record of another incarnation, and one behind a gap.
    func writeInVain(_ key: String) async throws {
        try await scene.write([Self.record(key, "another", ordinal), Self.record(key, incarnation, ordinal + 5)], [])
    }

    func writeAsNewer(_ key: String) async throws {
        var record = try LogRecord<CallFact>(json: Self.record(key, incarnation, ordinal))
        record.level = RecordLevel.highest + 1
        try await scene.write([record.encoded()], [])
    }

    private static func record(_ key: String, _ incarnation: String, _ ordinal: Int64) -> [UInt8] {
        var record = LogRecord<CallFact>()
        record.incarnation = incarnation
        record.ordinal = ordinal
        record.key = key
        record.sequence = 1
        return record.encoded()
    }
}

extension KafkaScene {
    fileprivate func write(_ values: [[UInt8]], _ keys: [String]) async throws {
        for value in values { try producer?.produce(topic: KafkaTopicID(0), partition: 0, key: [], value: value) }
        for key in keys {
            let value = Array(repeating: UInt8(32), count: 300)
            try producer?.produce(topic: KafkaTopicID(1), partition: 0, key: Array(key.utf8), value: value)
        }
        #expect(await flush(within: .seconds(10)))
    }
}

private final class Failures: Sendable {
    let all = Locked<[String]>([])
    let newer = Locked<[String]>([])
}

/// A view with the keys of decisions in it, in the order of the log.
private final class ViewScene: Sendable {
    private let told = Failures()
    private let view: LogView<CallFact>

    init(_ path: String, _ bootstrap: String) {
        let filling = LogView<CallFact>.Filling(
            migrations: ["CREATE TABLE seen (key TEXT NOT NULL); CREATE TABLE plain (key TEXT NOT NULL);"],
            letting: .init(
                ageOut: { _, _, _ in 0 }, clear: { database in try database.run("DELETE FROM seen") }),
            take: { database, record, _ in try database.run("INSERT INTO seen VALUES (\(record.key))") },
            plain: .init(
                topic: "plain", retention: .seconds(60),
                letting: .init(
                    ageOut: { _, _, _ in 0 }, clear: { database in try database.run("DELETE FROM plain") }),
                take: { database, _, key, _ in try database.run("INSERT INTO plain VALUES (\(key))") }))
        let settings = LedgerSettings(
            kafka: KafkaSettings(bootstrap: bootstrap, clientID: "view"), group: "view", partitions: 1)
        let told = told
        view = LogView(
            name: "a view", path: path, settings: settings, ledger: .calls, filling: filling,
            log: Log(service: "test", level: .error), fail: { reason in told.all.withLock { $0.append(reason) } },
            outdated: { reason in told.newer.withLock { $0.append(reason) } })
    }

    var failures: [String] { told.all.withLock { $0 } }
    var newer: [String] { told.newer.withLock { $0 } }

    func keys() async throws -> [String] { await keys("SELECT key FROM seen ORDER BY rowid") ?? [] }
    func plainKeys() async throws -> [String] { await keys("SELECT key FROM plain ORDER BY rowid") ?? [] }

    /// Nil where the view did not come so far.
    func keys(at ends: [KafkaPartition: Int64], within limit: Duration = .seconds(10)) async -> [String]? {
        await keys("SELECT key FROM seen ORDER BY rowid", at: ends, within: limit)
    }

    private func keys(
        _ sql: SQL, at ends: [KafkaPartition: Int64] = [:], within limit: Duration = .seconds(10)
    ) async -> [String]? {
        await answered { continuation in
            view.read(
                whenAt: ends, within: limit,
                { database in try database.all(sql) { row in try row(String.self) } },
                { continuation.resume(returning: $0) })
        }
    }

    func close() async {
        await answered { continuation in view.close { continuation.resume() } }
    }
}
