import Support
import Switchboard
import Testing

/// A member of a group as an owner uses it: it finds its own offset for each partition that it is given.
actor KafkaMember {
    nonisolated let loop: EventLoop
    nonisolated let settings: KafkaSettings
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    let name: String
    /// What all members of a test saw, in its order.
    nonisolated let journal: KafkaJournal
    private var consumer: KafkaGroupConsumer?
    private(set) var owned: Set<Int32> = []
    private(set) var failures: [KafkaFailure] = []
    /// As an owner does who has nobody to hand over to: it lets go of each partition by itself.
    nonisolated let removesEach: Bool
    /// Also to be seen while its loop stands still.
    nonisolated let hasLeft = Locked(false)

    init(
        _ name: String, _ bootstrap: String, _ journal: KafkaJournal, extra: [String: String] = [:],
        removesEach: Bool = false
    ) {
        self.name = name
        self.removesEach = removesEach
        self.journal = journal
        loop = EventLoop(name: name)
        settings = KafkaSettings(bootstrap: bootstrap, clientID: name, extra: extra)
        loop.start()
    }

    func join(_ group: String, _ topic: String) throws {
        let consumer = try KafkaGroupConsumer(settings: settings, group: group, topics: [topic], loop: loop)
        consumer.onAssigned = { self.assigned($1) }
        consumer.onRevoked = { self.revoked($1, lost: $2) }
        consumer.onRecord = { record in
            self.journal.add(.read(self.name, record.partition, record.offset))
        }
        consumer.onFailure = { self.failures.append($2) }
        consumer.onTrouble = { self.failures.append($0) }
        self.consumer = consumer
    }

    private func assigned(_ partitions: [Int32]) {
        journal.add(.assigned(name, partitions))
        owned.formUnion(partitions)
        // A takeover takes a while: the offset is found after the assignment was answered.
        timers.append(
            loop.schedule(after: .milliseconds(50)) {
                for partition in partitions where self.owned.contains(partition) {
                    self.consumer?.add(KafkaTopicID(0), partition, at: self.journal.next(partition))
                }
            })
    }

    private var timers: [LoopTimer] = []

    private func revoked(_ partitions: [Int32], lost: Bool) {
        journal.add(.revoked(name, partitions))
        owned.subtract(partitions)
        guard removesEach else { return }
        for partition in partitions { consumer?.remove(KafkaTopicID(0), partition) }
    }

    func addAgain(_ partition: Int32, at offset: Int64) {
        consumer?.remove(KafkaTopicID(0), partition)
        consumer?.add(KafkaTopicID(0), partition, at: offset)
    }

    func pause(_ partition: Int32) { consumer?.pause(KafkaTopicID(0), partition) }

    func position(_ partition: Int32) -> Int64? { consumer?.position(KafkaTopicID(0), partition) }

    /// How many of its partitions are being read.
    var reading: Int { owned.count { position($0) != nil } }

    func beginLeave() {
        consumer?.close {
            self.hasLeft.withLock { $0 = true }
            self.consumer = nil
        }
    }

    func leave() async {
        await answered { continuation in
            guard let consumer else { return continuation.resume() }
            consumer.close { continuation.resume() }
        }
        journal.add(.left(name))
        consumer = nil
    }

    deinit { loop.stop() }
}

/// What happened to the members of a group, in order.
final class KafkaJournal: Sendable {
    enum Entry: Equatable, Sendable {
        case assigned(String, [Int32])
        case revoked(String, [Int32])
        case read(String, Int32, Int64)
        case left(String)
    }

    private let stored = Locked<[Entry]>([])

    var entries: [Entry] { stored.withLock { $0 } }

    func add(_ entry: Entry) { stored.withLock { $0.append(entry) } }

    /// The offset after the last that anybody read.
    func next(_ partition: Int32) -> Int64 { (offsets(partition).last ?? -1) + 1 }

    func offsets(_ partition: Int32) -> [Int64] {
        entries.compactMap { entry in
            if case .read(_, partition, let offset) = entry { return offset }
            return nil
        }
    }

    func count(by name: String) -> Int {
        entries.count { entry in
            if case .read(name, _, _) = entry { return true }
            return false
        }
    }
}

@Suite(.serialized, .timeLimit(.minutes(2)))
struct KafkaGroupTests {
    private let partitions: Int32 = 4

    private func topic(_ kind: KafkaBroker.Kind) async throws -> (KafkaScene, String) {
        let scene = KafkaScene(try await KafkaBrokers.shared(kind).bootstrap)
        let topic = try await scene.makeTopic("group", partitions: partitions)
        try await scene.startProducer([topic])
        try await until("ready") { await scene.isProducerReady }
        return (scene, topic)
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `From one member to two and back, each record is read once, and never by two owners`(
        kind: KafkaBroker.Kind
    ) async throws {
        let (scene, topic) = try await topic(kind)
        let journal = KafkaJournal()
        let anna = KafkaMember("anna", scene.settings.bootstrap, journal)
        let bert = KafkaMember("bert", scene.settings.bootstrap, journal)
        var produced = 0
        func produce() async throws {
            for partition in 0..<partitions { try await scene.produce(produced..<produced + 2, partition: partition) }
            produced += 2
        }
        func produce(until what: String, _ condition: () async -> Bool) async throws {
            try await until(what) {
                try await produce()
                return await condition()
            }
        }
        try await anna.join(topic, topic)
        try await produce(until: "anna owns all") { await anna.owned.count == 4 }
        try await bert.join(topic, topic)
        try await produce(until: "two each") { await [anna.owned.count, bert.owned.count] == [2, 2] }
        try await produce(until: "bert reads") { journal.count(by: "bert") > 50 }
        await bert.leave()
        try await produce(until: "anna owns all again") { await anna.owned.count == 4 }
        let total = produced
        try await until("all are read") { (0..<partitions).allSatisfy { journal.next($0) == Int64(total) } }
        for partition in 0..<partitions {
            #expect(journal.offsets(partition) == (0..<Int64(produced)).map { $0 })
        }
        expectOneOwnerAtATime(journal)
        #expect(await anna.failures.isEmpty)
        #expect(await bert.failures.isEmpty)
        await anna.leave()
        await scene.close()
    }

    private func expectOneOwnerAtATime(_ journal: KafkaJournal) {
        var owners: [Int32: String] = [:]
        for entry in journal.entries {
            switch entry {
            case .assigned(let name, let partitions):
                for partition in partitions {
                    #expect(owners[partition] == nil, "\(partition) given to \(name)")
                    owners[partition] = name
                }
            case .revoked(let name, let partitions):
                for partition in partitions {
                    #expect(owners[partition] == name)
                    owners[partition] = nil
                }
            case .read(let name, let partition, _):
                #expect(owners[partition] == name)
            case .left(let name):
                #expect(!owners.values.contains(name))
            }
        }
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `Removed and added again while the group still assigns it, a partition is read from there`(
        kind: KafkaBroker.Kind
    ) async throws {
        let (scene, topic) = try await topic(kind)
        let journal = KafkaJournal()
        let anna = KafkaMember("anna", scene.settings.bootstrap, journal)
        try await anna.join(topic, topic)
        try await scene.produce(0..<100)
        try await until("all are read") { journal.next(0) == 100 }
        await anna.addAgain(0, at: 90)
        try await until("ten more") { journal.offsets(0).count == 110 }
        #expect(journal.offsets(0) == (0..<100).map { $0 } + (90..<100).map { $0 })
        #expect(await anna.position(0) == 100)
        #expect(await anna.failures.isEmpty)
        await anna.leave()
        #expect(journal.entries.last == .left("anna"))
        await scene.close()
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `What was paused flows when it is added again, by its owner or by the group`(
        kind: KafkaBroker.Kind
    ) async throws {
        let (scene, topic) = try await topic(kind)
        let journal = KafkaJournal()
        let anna = KafkaMember("anna", scene.settings.bootstrap, journal)
        let bert = KafkaMember("bert", scene.settings.bootstrap, journal)
        try await anna.join(topic, topic)
        for partition in 0..<partitions { try await scene.produce(0..<10, partition: partition) }
        try await until("all are read") { (0..<partitions).allSatisfy { journal.next($0) == 10 } }
        for partition in 0..<partitions { await anna.pause(partition) }
        try await bert.join(topic, topic)
        try await until("two each") { await [anna.owned.count, bert.owned.count] == [2, 2] }
        let moved = await bert.owned
        await bert.leave()
        try await until("anna owns all again") { await anna.owned.count == 4 }
        for partition in Set(0..<partitions).subtracting(moved) { await anna.addAgain(partition, at: 10) }
        for partition in 0..<partitions { try await scene.produce(10..<20, partition: partition) }
        try await until("all are read on") { (0..<partitions).allSatisfy { journal.next($0) == 20 } }
        for partition in 0..<partitions { #expect(journal.offsets(partition) == (0..<20).map { $0 }) }
        #expect(await anna.failures.isEmpty)
        await anna.leave()
        await scene.close()
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `Who owns everything leaves, letting go of each partition by itself`(kind: KafkaBroker.Kind) async throws {
        let (scene, topic) = try await topic(kind)
        for round in 0..<10 {
            let members = (0..<4).map { number in
                KafkaMember("\(round).\(number)", scene.settings.bootstrap, KafkaJournal(), removesEach: true)
            }
            for member in members { try await member.join("\(topic).\(member.name)", topic) }
            for member in members {
                try await until("\(member.name) reads all") { await member.reading == Int(partitions) }
            }
            for member in members { await member.beginLeave() }
            for member in members {
                try await until("\(member.name) has left") { member.hasLeft.withLock(\.self) }
                #expect(await member.failures.isEmpty)
            }
        }
        await scene.close()
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `A quiet topic evicts nobody`(kind: KafkaBroker.Kind) async throws {
        let (scene, topic) = try await topic(kind)
        let journal = KafkaJournal()
        let anna = KafkaMember("anna", scene.settings.bootstrap, journal, extra: ["max.poll.interval.ms": "6000"])
        try await anna.join(topic, topic)
        try await until("anna owns all") { await anna.owned.count == 4 }
        let quietEnd = ContinuousClock.now + .seconds(8)
        try await until("the quiet is over") { ContinuousClock.now > quietEnd }
        #expect(journal.entries == [.assigned("anna", [0, 1, 2, 3])])
        #expect(await anna.failures.isEmpty)
        await anna.leave()
        await scene.close()
    }
}
