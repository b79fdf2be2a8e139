/// Frames on their way to gateways. Those of one turn for one partition travel together, in their order, through a
/// producer of their own.
final class Deliveries {
    /// What cannot be delivered for its size: counted and said by whom it is handed to.
    /// - Returns: false for any other failure.
    typealias LettingGo = (_ failure: KafkaFailure, _ bytes: Int, _ partition: Int32) -> Bool

    private struct Delivery {
        /// A `DeliveryEntry`.
        let entry: Opaque
        let done: (Bool) -> Void
    }

    private let loop: EventLoop
    private let outgoing: Outgoing
    private var producer: KafkaProducer?
    private var letGo: LettingGo?
    private var turn: [Int32: [Delivery]] = [:]
    private var isTurnDue = false

    init(on loop: EventLoop) {
        self.loop = loop
        outgoing = Outgoing(on: loop)
    }

    func open(_ producer: KafkaProducer, lettingGo: @escaping LettingGo) {
        self.producer = producer
        letGo = lettingGo
    }

    func retry() { outgoing.retry() }

    /// Before the producer is closed.
    func close() { outgoing.close() }

    func deliver(_ entry: DeliveryEntry, to partition: Int32, _ done: @escaping (Bool) -> Void) {
        turn[partition, default: []].append(Delivery(entry: Opaque(entry), done: done))
        guard !isTurnDue else { return }
        isTurnDue = true
        loop.atEndOfTurn { [self] in endTurn() }
    }

    private func endTurn() {
        isTurnDue = false
        for (partition, all) in exchange(&turn, with: [:]) {
            var part: [Delivery] = []
            var bytes = 0
            for delivery in all {
                let more = delivery.entry.bytes.count + 1
                let isFull =
                    part.count >= LedgerSettings.entriesPerDelivery || bytes + more > LedgerSettings.bytesPerDelivery
                if isFull, !part.isEmpty {
                    send(exchange(&part, with: []), to: partition)
                    bytes = 0
                }
                part.append(delivery)
                bytes += more
            }
            send(part, to: partition)
        }
    }

    /// In order: a gateway that has taken a later entry passes over an earlier one.
    private func send(_ part: [Delivery], to partition: Int32) {
        let record = SpelledDeliveryRecord(part.map(\.entry)).encoded()
        outgoing.send { [self] in produce(record, of: part, to: partition) }
    }

    /// - Returns: false where the queue is full.
    private func produce(_ record: [UInt8], of part: [Delivery], to partition: Int32) -> Bool {
        guard let producer else { return false }
        do throws(KafkaFailure) {
            try producer.produce(topic: Topic.deliveries, partition: partition, key: [], value: record) {
                [self] result in
                outgoing.acknowledged()
                switch result {
                case .success: settle(part, true)
                case .failure(let failure): settle(part, letGo?(failure, record.count, partition) ?? false)
                }
            }
            return true
        } catch {
            if error.isQueueFull { return false }
            loop.atEndOfTurn { [self] in settle(part, letGo?(error, record.count, partition) ?? false) }
            return true
        }
    }

    private func settle(_ part: [Delivery], _ isDone: Bool) { for delivery in part { delivery.done(isDone) } }
}
