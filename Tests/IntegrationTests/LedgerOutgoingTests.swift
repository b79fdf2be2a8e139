import Support
@testable import Switchboard
import Testing

/// A process whose producers take few records at once, and what of its effects was acknowledged.
actor NarrowWorld {
    nonisolated let loop = EventLoop(name: "narrow")
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private let bootstrap: String
    private var world: LedgerWorld?
    private(set) var isReady = false
    private(set) var framesDone = 0
    /// How many frames were acknowledged when the first input was.
    private(set) var framesBeforeInput: Int?
    private(set) var inputs: [Int] = []

    static let recordsAtOnce = 4

    init(_ bootstrap: String) {
        self.bootstrap = bootstrap
        loop.start()
    }

    func start() throws {
        let kafka = KafkaSettings(
            bootstrap: bootstrap, clientID: "narrow",
            extra: ["queue.buffering.max.messages": "\(Self.recordsAtOnce)"])
        let settings = LedgerSettings(kafka: kafka, group: freshTopic("owners"), partitions: 1)
        let world = try LedgerWorld(
            loop: loop, settings: settings, mirror: NoStateMirror(loop: loop), log: Log(service: "test", sink: { _ in })
        )
        let calls = world.add(CallBook(media: MediaGrants(urls: [])))
        calls.onOwnership = { _, owns in self.isReady = owns }
        self.world = world
        world.start()
    }

    /// So many records of frames in one turn, and at its end, behind them, inputs for an inbox.
    func send(recordsOfFrames count: Int, thenInputs inputs: Int) {
        for number in 0..<count * LedgerSettings.entriesPerDelivery {
            let connection = Connection(partition: 0, gateway: "g1", number: UInt64(number))
            world?.deliver(DeliveryEntry(to: connection, frame: nil, note: nil), to: 0) { isThere in
                if isThere { self.framesDone += 1 }
            }
        }
        loop.atEndOfTurn {
            for number in 0..<inputs {
                self.world?.send([], key: "key", to: LedgerName.users.inbox, 0) { isThere in
                    guard isThere else { return }
                    self.framesBeforeInput = self.framesBeforeInput ?? self.framesDone
                    self.inputs.append(number)
                }
            }
        }
    }

    /// One frame of each size, in one turn.
    /// - Returns: which were acknowledged, in their order.
    func deliver(framesOfBytes sizes: [Int]) async -> [Bool] {
        await answered { (done: Answering<[Bool]>) in
            var outcomes: [Int: Bool] = [:]
            for (number, size) in sizes.enumerated() {
                let connection = Connection(partition: 0, gateway: "g1", number: UInt64(number))
                let frame = Opaque.event("large", CallIDData(CallID(String(repeating: "x", count: size))))
                world?.deliver(DeliveryEntry(to: connection, frame: frame), to: 0) { isThere in
                    outcomes[number] = isThere
                    if outcomes.count == sizes.count { done.resume(returning: sizes.indices.map { outcomes[$0]! }) }
                }
            }
        }
    }

    func send(inputOfBytes size: Int) async -> Bool {
        await answered { (done: Answering<Bool>) in
            let value = [UInt8](repeating: UInt8(ascii: " "), count: size)
            world?.send(value, key: "key", to: LedgerName.users.inbox, 0) { done.resume(returning: $0) }
        }
    }

    func stop() async {
        await answered { done in
            if let world { world.stop { done.resume() } } else { done.resume() }
        }
        world = nil
    }

    deinit { loop.stop() }
}

@Suite(.timeLimit(.minutes(1)))
struct LedgerOutgoingTests {
    @Test(arguments: KafkaBroker.Kind.present)
    func `An effect into an inbox does not wait for frames that their full queue did not take`(
        kind: KafkaBroker.Kind
    ) async throws {
        let broker = try await KafkaBroker(kind)
        let world = NarrowWorld(broker.bootstrap)
        try await world.start()
        try await until("its partition is owned") { await world.isReady }
        let (records, inputs) = (20 * NarrowWorld.recordsAtOnce, 3 * NarrowWorld.recordsAtOnce)
        await world.send(recordsOfFrames: records, thenInputs: inputs)
        let frames = records * LedgerSettings.entriesPerDelivery
        try await until("all is acknowledged") {
            let (framesDone, inputsDone) = await (world.framesDone, world.inputs.count)
            return framesDone == frames && inputsDone == inputs
        }
        #expect(try #require(await world.framesBeforeInput) < frames / 2)
        #expect(await world.inputs == Array(0..<inputs))
        await world.stop()
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `Frames of one turn that no one record could hold are all delivered`(kind: KafkaBroker.Kind) async throws {
        let broker = try await KafkaBroker(kind)
        let world = NarrowWorld(broker.bootstrap)
        try await world.start()
        try await until("its partition is owned") { await world.isReady }
        let outcomes = await world.deliver(framesOfBytes: Array(repeating: 25_000, count: 41) + [400_000, 10, 10])
        #expect(outcomes == Array(repeating: true, count: 44))
        await world.stop()
    }

    @Test func `What no topic takes for its size is let go, and ends nobody`() async throws {
        let broker = try await KafkaBroker(.embedded)
        let world = NarrowWorld(broker.bootstrap)
        try await world.start()
        try await until("its partition is owned") { await world.isReady }
        #expect(await world.deliver(framesOfBytes: [10, 1_100_000, 10]) == [true, true, true])
        #expect(await world.send(inputOfBytes: 1_100_000))
        #expect(await world.send(inputOfBytes: 10))
        await world.stop()
    }

    @Test func `What was not taken goes in its order once something is acknowledged, and not after the end`() async {
        let loop = EventLoop(name: "outgoing")
        loop.start()
        let taken: [Int] = await withCheckedContinuation { done in
            loop.execute {
                let outgoing = Outgoing(on: loop)
                let producer = NarrowProducer()
                for number in 1...5 { outgoing.send { producer.take(number) } }
                producer.room = 2
                outgoing.acknowledged()
                outgoing.send { producer.take(6) }
                loop.atEndOfTurn {
                    outgoing.close()
                    producer.room = 10
                    outgoing.retry()
                    outgoing.send { producer.take(7) }
                    done.resume(returning: producer.taken)
                }
            }
        }
        #expect(taken == [1, 2, 3])
        loop.stop()
    }
}

private final class NarrowProducer {
    var room = 1
    private(set) var taken: [Int] = []

    func take(_ number: Int) -> Bool {
        guard room > 0 else { return false }
        room -= 1
        taken.append(number)
        return true
    }
}
