import Support
import Switchboard
import Testing

/// What an owner must say aloud, by a real one: room-allocator, which decides users.
@Suite("An owner", .serialized, .timeLimit(.minutes(4)))
struct OwnerAlarmTests {
    @Test("Whose inbox has let go of inputs counts them, says so, and decides what came after")
    func lostInputs() async throws {
        let scene = try await AllocatorScene.open()
        try await scene.start()
        try await scene.logIn(["a", "b", "c"])
        try await eventually("three are decided") { try await scene.figure("switchboard_ledger_live") == 3 }
        #expect(try await scene.figure("switchboard_ledger_lost_inputs_total") == 0)
        scene.allocator.kill()
        try await scene.logIn(["d", "e"])
        scene.stage.broker.kill()
        try scene.stage.broker.drop(LedgerName.users.inbox, 0)
        try await scene.stage.broker.start()

        try await scene.start()
        try await eventually("what was lost is counted") {
            try await scene.figure("switchboard_ledger_lost_inputs_total") >= 2
        }
        #expect(scene.allocator.said.contains("an inbox has let go of inputs before they were decided"))
        try await scene.logIn(["f"])
        try await eventually("what came after is decided") { try await scene.figure("switchboard_ledger_live") == 4 }
        await scene.close()
    }

    @Test("Whose log is needed from further back than half of what it keeps says so")
    func replay() async throws {
        let scene = try await AllocatorScene.open()
        // Users' logs are kept for seven days.
        try scene.turnClocks(by: -4 * 86_400)
        try await scene.start()
        try await scene.logIn(["a"])
        try await eventually("it is decided") { try await scene.figure("switchboard_ledger_live") == 1 }
        try scene.turnClocks(by: 0)
        try await eventually("it says so") {
            scene.allocator.said.contains("a log is held longer than half of what it keeps")
        }
        await scene.close()
    }

    @Test("Whose clock was off is out of its group, and comes back a minute later with a clock that agrees")
    func clock() async throws {
        let scene = try await AllocatorScene.open()
        try await scene.start()
        scene.allocator.kill()
        try scene.turnOwnersClock(by: 30)
        try scene.allocator.launch()
        try await eventually("it is out") { try await scene.figure("switchboard_ledger_withdrawn") == 1 }
        #expect(try await scene.get("/readyz").status == 503)
        #expect(try await scene.figure("switchboard_ledger_owned", of: 0) == 0)
        try scene.turnOwnersClock(by: 0)
        try await eventually("it is back", within: .seconds(90)) {
            try await scene.figure("switchboard_ledger_owned", of: 0) == 1
        }
        #expect(try await scene.get("/readyz").status == 200)
        #expect(try await scene.figure("switchboard_ledger_withdrawn") == 0)
        try await scene.logIn(["a"])
        try await eventually("it decides") { try await scene.figure("switchboard_ledger_live") == 1 }
        await scene.close()
    }
}

/// A room-allocator, and what gateways would write to it, all into one partition of users.
private actor AllocatorScene {
    nonisolated let loop = EventLoop(name: "allocator scene")
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    nonisolated let stage: ServiceStage
    nonisolated let allocator: ServiceProcess
    private nonisolated let ownersClock: TurnedClock
    private nonisolated let brokersClock: TurnedClock
    private let settings: LedgerSettings
    private var producer: KafkaProducer?
    private var written = 0

    static func open() async throws -> AllocatorScene {
        let clock = try TurnedClock()
        let stage = try await ServiceStage(partitions: 1, brokerWith: clock.environment)
        return try AllocatorScene(stage, brokersClock: clock)
    }

    private init(_ stage: ServiceStage, brokersClock: TurnedClock) throws {
        self.stage = stage
        self.brokersClock = brokersClock
        ownersClock = try TurnedClock()
        allocator = try stage.service("room-allocator", ownersClock.environment)
        settings = LedgerSettings(
            kafka: KafkaSettings(bootstrap: stage.broker.bootstrap, clientID: "scene"), group: "none", partitions: 1)
        loop.start()
    }

    nonisolated func start() async throws {
        try await allocator.start()
        try await openProducer()
        try await eventually("the producer is ready") { await isProducerReady }
    }

    private func openProducer() throws {
        guard producer == nil else { return }
        producer = try KafkaProducer(settings: settings.kafka, loop: loop, topics: [LedgerName.users.inbox])
    }

    private var isProducerReady: Bool { producer?.isReady == true }

    nonisolated func logIn(_ users: [String]) async throws {
        let before = await written
        try await write(users)
        try await eventually("they stand in the inbox") { await written == before + users.count }
    }

    private func write(_ users: [String]) throws {
        for user in users {
            var login = UserInput.Login()
            login.device = Device(
                id: DeviceID("phone"), connection: Connection(partition: 0, gateway: "g", number: UInt64(written) + 1))
            let record = InboxRecord(UsersEntry.Input.user(.login(login)), command: "\(user)/phone/1")
            try producer?.produce(
                topic: KafkaTopicID(0), partition: 0, key: Array("app/\(user)".utf8), value: record.encoded()
            ) { result in
                if case .success = result { self.written += 1 }
            }
        }
    }

    nonisolated func turnClocks(by seconds: Int64) throws {
        try brokersClock.turn(by: seconds)
        try ownersClock.turn(by: seconds)
    }

    nonisolated func turnOwnersClock(by seconds: Int64) throws { try ownersClock.turn(by: seconds) }

    nonisolated func get(_ path: String) async throws -> TestHTTP.Answer {
        try await TestHTTP.send("GET", "http://127.0.0.1:\(allocator.port)\(path)")
    }

    /// Of the ledger of users in `/metrics`; -1 where it is not there, or nobody answers.
    nonisolated func figure(_ name: String, of partition: Int? = nil) async throws -> Int {
        guard let answer = try? await get("/metrics") else { return -1 }
        let labels = "ledger=\"users\"" + (partition.map { ",partition=\"\($0)\"" } ?? "")
        let line = answer.text.split(separator: "\n").first { $0.hasPrefix("\(name){\(labels)} ") }
        return line.flatMap { $0.split(separator: " ").last }.flatMap { Double($0) }.map { Int($0) } ?? -1
    }

    func close() async {
        allocator.kill()
        await answered { done in
            if let producer { producer.close { done.resume() } } else { done.resume() }
        }
        producer = nil
        loop.stop()
    }
}
