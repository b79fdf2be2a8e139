import Foundation
import Support
import Switchboard
import Testing

/// A log that a newer program has written, met by an owner that runs: with a real group and a real log.
@Suite struct `An owner that meets a record above its level` {
    @Test(arguments: KafkaBroker.Kind.present)
    func `gives its partitions back, is out, and leaves them to another`(kind: KafkaBroker.Kind) async throws {
        let broker = try await KafkaBroker(kind)
        let owner = OwnerProcess(broker.bootstrap)
        try await owner.start()
        try await until("it owns all partitions") { await owner.owned == [0, 1] }
        let writer = KafkaScene(broker.bootstrap)
        try await writer.startProducer([LedgerName.users.log, LedgerName.users.inbox])
        try await until("the producer is ready") { await writer.isProducerReady }

        // As a newer program does that takes a partition over: the owner hears of it when it decides next.
        var marker = LogRecord<UsersEntry.Fact>()
        marker.kind = .marker
        marker.incarnation = "a newer program"
        marker.time = Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
        var later = LogRecord<UsersEntry.Fact>()
        later.kind = .facts
        later.level = RecordLevel.highest + 1
        later.incarnation = marker.incarnation
        try await writer.write([(0, marker.encoded()), (0, later.encoded())])
        var login = UserInput.Login()
        login.device = Device(id: DeviceID("phone"), connection: Connection(partition: 0, gateway: "g", number: 1))
        let key = try #require(
            (0..<100).map { "app/user-\($0)" }.first { PartitionHash.partition(of: $0.utf8, count: 2) == 0 })
        let input = InboxRecord(UsersEntry.Input.user(.login(login)), command: "user/phone/1")
        try await writer.write([(1, input.encoded())], key: key)

        try await until("it is out of the group") { await owner.isOut }
        try await until("it owns nothing") { await owner.owned.isEmpty }
        #expect(await owner.fatal == nil)
        let ends = try await writer.ends([KafkaPartition(LedgerName.users.log, 0)])

        let journal = KafkaJournal()
        let newer = KafkaMember("newer", broker.bootstrap, journal)
        try await newer.join(OwnerProcess.group, LedgerName.users.inbox)
        try await until("another has all of it") { await newer.owned == [0, 1] }
        #expect(await owner.isOut)
        // What the newer program has written is the last there is: nobody here has decided on top of it.
        let last = try await writer.ends([KafkaPartition(LedgerName.users.log, 0)])
        #expect(last == ends)
        await newer.leave()
        await owner.stop()
        await writer.close()
    }
}

/// The ledger of users as a service has it.
private actor OwnerProcess {
    static let group = "owners"
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private let settings: LedgerSettings
    private var world: LedgerWorld?
    private(set) var owned: Set<Int32> = []
    private(set) var isOut = false
    private(set) var fatal: String?

    init(_ bootstrap: String) {
        loop = EventLoop(name: "owner")
        settings = LedgerSettings(
            kafka: KafkaSettings(bootstrap: bootstrap, clientID: "owner"), group: Self.group, partitions: 2)
        loop.start()
    }

    func start() throws {
        let log = Log(service: "test", level: .error)
        let world = try LedgerWorld(loop: loop, settings: settings, mirror: NoStateMirror(loop: loop), log: log)
        self.world = world
        let ledger = world.add(UsersBook())
        ledger.onOwnership = { partition, owns in
            if owns { self.owned.insert(partition) } else { self.owned.remove(partition) }
        }
        world.onWithdrawn = { isOut in self.isOut = isOut }
        world.onFatal = { reason in self.fatal = reason }
        world.start()
    }

    func stop() async {
        await answered { continuation in
            guard let world else { return continuation.resume() }
            world.stop { continuation.resume() }
        }
    }
}

extension KafkaScene {
    /// By the number of the topic among the producer's; all into partition 0.
    fileprivate func write(_ values: [(topic: Int, bytes: [UInt8])], key: String = "") async throws {
        for value in values {
            try producer?.produce(
                topic: KafkaTopicID(value.topic), partition: 0, key: Array(key.utf8), value: value.bytes)
        }
        #expect(await flush(within: .seconds(10)))
    }
}
