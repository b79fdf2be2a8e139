import Support
@testable import Switchboard
import Testing

/// Deliveries through a producer whose brokers are there or not, partition by partition.
private actor DeliveriesScene {
    nonisolated let loop = EventLoop(name: "deliveries")
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private var deliveries: Deliveries?
    private let limits: Deliveries.Limits
    private var now = ContinuousClock.now
    private var away: Set<Int32> = []
    private var held: [(partition: Int32, done: () -> Void)] = []
    /// What the producer was handed, as `partition: gateway number`, with ` closed` or ` died` behind it.
    private(set) var handed: [String] = []
    /// The frames that were acknowledged or let go, by their number.
    private(set) var done: [UInt64] = []
    private(set) var torn: [Int32] = []

    init(_ change: (inout Deliveries.Limits) -> Void = { _ in }) {
        var limits = Deliveries.Limits()
        change(&limits)
        self.limits = limits
        loop.start()
    }

    func open() {
        let deliveries = Deliveries(on: loop, limits: limits, now: { self.now })
        deliveries.open(
            { record, partition, done throws(KafkaFailure) in
                self.note(record, partition)
                let place = KafkaAcknowledgement(offset: 0, timestamp: Timestamp())
                self.held.append((partition, { done(.success(place)) }))
            }, lettingGo: { _, _, _ in false })
        deliveries.onTear = { partition, _ in self.torn.append(partition) }
        self.deliveries = deliveries
    }

    private func note(_ record: [UInt8], _ partition: Int32) {
        for entry in (try? DeliveryRecord(json: record))?.entries ?? [] {
            let died = entry.note?.died == true ? " died" : ""
            let close = entry.close.map { " closed \($0)" } ?? died
            handed.append("\(partition): \(entry.gateway) \(entry.number)\(close)")
        }
    }

    /// One frame in a turn of its own.
    func deliver(_ number: UInt64, to partition: Int32, bytes: Int = 10, died: Bool = false) async {
        let connection = Connection(partition: partition, gateway: "g\(partition)", number: number)
        let frame = Opaque.event("frame", CallIDData(CallID(String(repeating: "x", count: bytes))))
        var note = DeliveryNote()
        note.died = true
        let entry = DeliveryEntry(to: connection, frame: died ? nil : frame, note: died ? note : nil)
        deliveries?.deliver(entry, to: partition) { isDone in
            if isDone { self.done.append(number) }
        }
        await settle()
    }

    func goAway(_ partition: Int32) { away.insert(partition) }

    func comeBack(_ partition: Int32) async {
        away.remove(partition)
        await settle()
    }

    func wait(_ duration: Duration) async {
        now = now + duration
        deliveries?.tick()
        await settle()
    }

    /// Everything is acknowledged whose brokers are there, and what follows from it.
    private func settle() async {
        repeat {
            await answered { done in loop.atEndOfTurn { done.resume() } }
            let there = held.filter { !away.contains($0.partition) }
            held.removeAll { !away.contains($0.partition) }
            for record in there { record.done() }
        } while await isBusy()
    }

    private func isBusy() async -> Bool {
        await answered { done in loop.atEndOfTurn { done.resume() } }
        return held.contains { !away.contains($0.partition) }
    }

    deinit { loop.stop() }
}

@Suite(.timeLimit(.minutes(1))) struct `A partition of gateways that takes nothing` {
    @Test func `leaves the producer to the others, and goes on in its order`() async {
        let scene = DeliveriesScene { $0.recordsUnderWay = 2 }
        await scene.open()
        await scene.goAway(0)
        for number: UInt64 in 1...5 { await scene.deliver(number, to: 0) }
        await scene.deliver(6, to: 1)
        #expect(await scene.handed == ["0: g0 1", "0: g0 2", "1: g1 6"])
        #expect(await scene.done == [6])
        await scene.comeBack(0)
        #expect(await scene.done == [6, 1, 2, 3, 4, 5])
        #expect(await scene.torn.isEmpty)
    }

    @Test func `holds nobody up for more than a minute, and its devices come back when it does`() async {
        let scene = DeliveriesScene { $0.recordsUnderWay = 2 }
        await scene.open()
        await scene.goAway(0)
        for number: UInt64 in [1, 2, 3, 3] { await scene.deliver(number, to: 0) }
        await scene.deliver(0, to: 0, died: true)
        await scene.wait(.seconds(60))
        #expect(await scene.done.isEmpty)
        await scene.wait(.milliseconds(1))
        #expect(await scene.torn == [0])
        #expect(await scene.done == [1, 2, 3, 3, 0])
        // Of one that is torn each is let go at once.
        await scene.deliver(4, to: 0)
        #expect(await scene.done.last == 4)
        await scene.deliver(5, to: 1)
        #expect(await scene.done.last == 5)
        #expect(await scene.handed.count == 3)

        await scene.comeBack(0)
        let told = await scene.handed.dropFirst(3)
        #expect(told.first == "0: g0 0 died")
        #expect(told.dropFirst().sorted() == [1, 2, 3, 4].map { "0: g0 \($0) closed 4503" })
        await scene.deliver(7, to: 0)
        #expect(await scene.handed.last == "0: g0 7")
        #expect(await scene.done == [1, 2, 3, 3, 0, 4, 5, 7])
        #expect(await scene.torn == [0])
    }

    @Test func `is let go where its frames are too many, and no other`() async {
        let scene = DeliveriesScene {
            $0.recordsUnderWay = 1
            $0.bytesWaiting = 10_000
        }
        await scene.open()
        await scene.goAway(0)
        await scene.goAway(1)
        for number: UInt64 in 1...3 { await scene.deliver(number, to: 1, bytes: 1_000) }
        for number: UInt64 in 11...19 { await scene.deliver(number, to: 0, bytes: 1_000) }
        #expect(await scene.torn == [0])
        #expect(await scene.done == Array(11...19))
        await scene.comeBack(1)
        #expect(await scene.done.suffix(3) == [1, 2, 3])
    }
}
