/// The way to the gateways of one partition.
final class DeliveryLane {
    /// Not with the producer yet.
    var waiting = Queue<DeliveryBatch>()
    var bytesWaiting = 0
    /// With the producer, which says of each what has become of it.
    private(set) var underWay: [DeliveryBatch] = []
    private(set) var bytesUnderWay = 0
    /// It took nothing for too long: what is for it is let go, until it does.
    var isTorn = false
    /// While it is torn: who has missed something …
    var missed: Set<Delivery.Place> = []
    /// … and the gateways that were to hear of their own death.
    var deaths: [String: Opaque] = [:]

    /// Of what is not acknowledged.
    var oldest: ContinuousClock.Instant? { underWay.first?.since ?? waiting.first?.since }

    func noteHandedOver(_ batch: DeliveryBatch) {
        batch.record = []
        underWay.append(batch)
        bytesUnderWay += batch.bytes
    }

    func noteReport(of batch: DeliveryBatch) {
        // The first, but where one was refused that another followed.
        guard let place = underWay.firstIndex(where: { $0 === batch }) else { return }
        underWay.remove(at: place)
        bytesUnderWay -= batch.bytes
    }
}

/// What travels in one record.
final class DeliveryBatch {
    /// Empty once the producer has it.
    var record: [UInt8]
    let bytes: Int
    let since: ContinuousClock.Instant
    private var deliveries: [Delivery]

    init(_ deliveries: [Delivery], since: ContinuousClock.Instant) {
        record = SpelledDeliveryRecord(deliveries.map(\.entry)).encoded()
        bytes = record.count
        self.since = since
        self.deliveries = deliveries
    }

    /// Those that are not settled. Whoever takes them settles them.
    func takeAll() -> [Delivery] { exchange(&deliveries, with: []) }
}

/// One entry on its way.
struct Delivery {
    /// A connection, within one partition.
    struct Place: Hashable {
        let gateway: String
        let number: UInt64
    }

    /// A `DeliveryEntry`.
    let entry: Opaque
    let place: Place
    /// It tells a gateway of its own death.
    let isDeath: Bool
    let done: (Bool) -> Void

    init(_ entry: DeliveryEntry, _ done: @escaping (Bool) -> Void) {
        self.entry = Opaque(entry)
        place = Place(gateway: entry.gateway, number: entry.number)
        isDeath = entry.note?.died == true
        self.done = done
    }

    /// One that was let go, once more.
    init(death entry: Opaque, of gateway: String) {
        self.entry = entry
        place = Place(gateway: gateway, number: 0)
        isDeath = true
        done = { _ in }
    }

    /// Tells a device to come back.
    init(closing place: Place) {
        var entry = DeliveryEntry()
        (entry.gateway, entry.number, entry.close) = (place.gateway, place.number, Int(CloseCode.goingAway))
        self.init(entry) { _ in }
    }
}
