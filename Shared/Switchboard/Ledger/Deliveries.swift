/// Frames on their way to gateways. Those of one turn for one partition travel together, in their order, through a
/// producer of their own.
///
/// A partition that takes none stops nobody. Only so much of it is with the producer, which has room for the others'; the
/// rest waits here. Where that is too much, or too old for any client to wait for it, the partition is torn: its frames
/// count as delivered and are let go, until it takes something again. Then the connections that have missed frames are
/// closed with 4503, behind what they got before: the devices come back, and hear how everything stands.
final class Deliveries {
    /// - Throws: `.queueFull`, or a failure that will be the same again.
    typealias Produce = (
        _ record: [UInt8], _ partition: Int32, _ done: @escaping (Result<KafkaAcknowledgement, KafkaFailure>) -> Void
    ) throws(KafkaFailure) -> Void
    /// What cannot be delivered for its size: counted and said by whom it is handed to.
    /// - Returns: false for any other failure.
    typealias LettingGo = (_ failure: KafkaFailure, _ bytes: Int, _ partition: Int32) -> Bool

    struct Limits {
        /// Of one partition, with the producer. A broker takes this many times a second.
        var recordsUnderWay = 1_000
        var bytesUnderWay = 2 << 20
        /// Of all partitions, beside it; then the one with the most is torn.
        var bytesWaiting = 64 << 20
        /// The broker may need this long to find another leader; clients have long since been told to try again.
        var waitMax: Duration = .seconds(60)
        /// Of a torn partition, to be closed; further ones find out by themselves, at their next event.
        var missedMax = 500_000
    }

    private let loop: EventLoop
    private let limits: Limits
    private let now: () -> ContinuousClock.Instant
    private var produce: Produce?
    private var letGo: LettingGo?
    /// A partition takes nothing and was torn.
    var onTear: ((_ partition: Int32, _ entries: Int) -> Void)?
    private var lanes: [Int32: DeliveryLane] = [:]
    private var bytesWaiting = 0
    private var turn: [Int32: [Delivery]] = [:]
    private var isTurnDue = false
    private var isPumpDue = false
    private var isClosed = false

    init(
        on loop: EventLoop, limits: Limits = Limits(), now: @escaping () -> ContinuousClock.Instant = { .now }
    ) {
        self.loop = loop
        self.limits = limits
        self.now = now
    }

    func open(_ produce: @escaping Produce, lettingGo: @escaping LettingGo) {
        self.produce = produce
        letGo = lettingGo
    }

    /// Before the producer is closed: what waits is performed by the next owner.
    func close() {
        isClosed = true
        lanes = [:]
    }

    /// - Parameter done: once the frame is there, or let go; false ends whoever performs it. Never from within the call.
    func deliver(_ entry: DeliveryEntry, to partition: Int32, _ done: @escaping (Bool) -> Void) {
        guard !isClosed else { return }
        turn[partition, default: []].append(Delivery(entry, done))
        guard !isTurnDue else { return }
        isTurnDue = true
        loop.atEndOfTurn { [self] in endTurn() }
    }

    /// Ten times a second.
    func tick() {
        let latest = now() - limits.waitMax
        for (partition, lane) in lanes where !lane.isTorn {
            if let since = lane.oldest, since < latest { tear(lane, partition) }
        }
        // Nothing of it is with the producer that could tell that it takes something again.
        for (partition, lane) in lanes where lane.isTorn && lane.underWay.isEmpty { mend(lane, partition) }
        pump()
    }

    private func lane(_ partition: Int32) -> DeliveryLane {
        if let lane = lanes[partition] { return lane }
        let lane = DeliveryLane()
        lanes[partition] = lane
        return lane
    }

    // MARK: from frames to records

    private func endTurn() {
        isTurnDue = false
        for (partition, all) in exchange(&turn, with: [:]) { take(all, lane(partition), partition) }
        while bytesWaiting > limits.bytesWaiting,
            let most = lanes.max(by: { $0.value.bytesWaiting < $1.value.bytesWaiting })
        {
            tear(most.value, most.key)
        }
    }

    private func take(_ all: [Delivery], _ lane: DeliveryLane, _ partition: Int32) {
        guard !lane.isTorn else { return miss(all, lane) }
        var part: [Delivery] = []
        var bytes = 0
        for delivery in all {
            let more = delivery.entry.bytes.count + 1
            let isFull =
                part.count >= LedgerSettings.entriesPerDelivery || bytes + more > LedgerSettings.bytesPerDelivery
            if isFull, !part.isEmpty {
                wait(exchange(&part, with: []), lane)
                bytes = 0
            }
            part.append(delivery)
            bytes += more
        }
        wait(part, lane)
        pump(lane, partition)
    }

    private func wait(_ part: [Delivery], _ lane: DeliveryLane) {
        guard !part.isEmpty else { return }
        let batch = DeliveryBatch(part, since: now())
        lane.waiting.append(batch)
        lane.bytesWaiting += batch.bytes
        bytesWaiting += batch.bytes
    }

    // MARK: from records to the producer

    private func pump() { for (partition, lane) in lanes { pump(lane, partition) } }

    /// In order: a gateway that has taken a later entry passes over an earlier one.
    private func pump(_ lane: DeliveryLane, _ partition: Int32) {
        while let batch = lane.waiting.first, lane.underWay.count < limits.recordsUnderWay,
            lane.bytesUnderWay < limits.bytesUnderWay, send(batch, lane, partition)
        {
            _ = lane.waiting.popFirst()
            lane.bytesWaiting -= batch.bytes
            bytesWaiting -= batch.bytes
        }
    }

    /// - Returns: false where the queue is full.
    private func send(_ batch: DeliveryBatch, _ lane: DeliveryLane, _ partition: Int32) -> Bool {
        guard let produce else { return false }
        do throws(KafkaFailure) {
            try produce(batch.record, partition) { [self] result in
                lane.noteReport(of: batch)
                settle(batch, result, partition)
                if lane.isTorn, !isClosed { mend(lane, partition) }
                pumpAtEndOfTurn()
            }
            lane.noteHandedOver(batch)
            return true
        } catch {
            if error.isQueueFull { return false }
            loop.atEndOfTurn { [self] in settle(batch, .failure(error), partition) }
            return true
        }
    }

    private func settle(
        _ batch: DeliveryBatch, _ result: Result<KafkaAcknowledgement, KafkaFailure>, _ partition: Int32
    ) {
        var isDone = true
        if case .failure(let failure) = result { isDone = letGo?(failure, batch.bytes, partition) ?? false }
        for delivery in batch.takeAll() { delivery.done(isDone) }
    }

    /// The producer counts a turn's records as waiting until the last of them is reported.
    private func pumpAtEndOfTurn() {
        guard !isPumpDue else { return }
        isPumpDue = true
        loop.atEndOfTurn { [self] in
            isPumpDue = false
            pump()
        }
    }

    // MARK: what is let go

    private func tear(_ lane: DeliveryLane, _ partition: Int32) {
        lane.isTorn = true
        var batches = lane.underWay
        while let batch = lane.waiting.popFirst() { batches.append(batch) }
        bytesWaiting -= lane.bytesWaiting
        lane.bytesWaiting = 0
        let deliveries = batches.flatMap { $0.takeAll() }
        miss(deliveries, lane)
        onTear?(partition, deliveries.count)
    }

    private func miss(_ deliveries: [Delivery], _ lane: DeliveryLane) {
        for delivery in deliveries {
            if delivery.isDeath {
                lane.deaths[delivery.place.gateway] = delivery.entry
            } else if lane.missed.count < limits.missedMax {
                lane.missed.insert(delivery.place)
            }
            delivery.done(true)
        }
    }

    /// It takes something again: whoever missed frames comes back, and a gateway that others take for dead hears of it.
    private func mend(_ lane: DeliveryLane, _ partition: Int32) {
        lane.isTorn = false
        let deaths = exchange(&lane.deaths, with: [:]).map { Delivery(death: $0.value, of: $0.key) }
        let closings = exchange(&lane.missed, with: []).map { Delivery(closing: $0) }
        take(deaths + closings, lane, partition)
    }
}
