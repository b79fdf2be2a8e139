import Switchboard

/// The webhook endpoints of all applications, from partition 0 of `switchboard.callbacks.deliveries.v1`.
///
/// Every dispatcher has them all; the highest version of each counts, and of two with the same version the first. The
/// owner of partition 0 writes again those whose records have grown old, so that retention never takes one away. On its
/// loop alone.
final class EndpointBook {
    private(set) var isComplete = false
    var onComplete: (() -> Void)?
    /// Told of each that is new or has changed; also of one that is gone.
    var onChange: ((CallbackEndpoint) -> Void)?
    var onFailure: ((String) -> Void)?
    /// The house has disabled one, and it stands in `disablings`.
    var onDisabling: (() -> Void)?

    /// A record by which the house disabled an endpoint.
    struct Disabling {
        let offset: Int64
        let endpoint: CallbackEndpoint
    }

    /// The newest, in their order.
    private(set) var disablings: [Disabling] = []
    private static let disablingsMax = 1_000

    private let reader: KafkaReader
    private let producer: KafkaProducer
    private var endpointsByID: [String: CallbackEndpoint] = [:]
    /// Also of those that are gone: an older record that stands behind must not bring one back.
    private var versionsByID: [String: Int] = [:]
    private var writtenAt: [String: Timestamp] = [:]
    private var waiting: [String: (_ isFirst: Bool) -> Void] = [:]

    static let partition: Int32 = 0

    init(settings: KafkaSettings, loop: EventLoop, producer: KafkaProducer) throws(KafkaFailure) {
        self.producer = producer
        reader = try KafkaReader(settings: settings, topics: [Topic.callbackDeliveries], loop: loop)
        reader.onRecord = { [unowned self] record in take(record) }
        reader.onEnd = { [unowned self] _, _ in
            guard !isComplete else { return }
            isComplete = true
            onComplete?()
        }
        reader.onFailure = { [unowned self] topic, partition, failure in
            guard failure.isOffsetOutOfRange else {
                onFailure?(failure.description)
                return
            }
            // Retention took the beginning away while it was being read.
            reader.remove(topic, partition)
            start()
        }
    }

    /// Once the topics are there.
    func start() { reader.add(KafkaTopicID(0), Self.partition, at: .beginning) }

    var all: [CallbackEndpoint] { Array(endpointsByID.values) }
    func endpoint(_ id: String) -> CallbackEndpoint? { endpointsByID[id] }

    func endpoints(of app: AppKey) -> [CallbackEndpoint] {
        endpointsByID.values.filter { $0.app == app }.sorted { $0.id < $1.id }
    }

    private func take(_ record: KafkaRecord) {
        guard record.key.starts(with: CallbackEndpoint.keyPrefix.utf8),
            let endpoint = try? CallbackEndpoint(json: record.value)
        else { return }
        let waiter = endpoint.writing.flatMap { waiting.removeValue(forKey: $0) }
        if let known = versionsByID[endpoint.id], known >= endpoint.version {
            if known == endpoint.version, !endpoint.isGone { writtenAt[endpoint.id] = record.timestamp }
            waiter?(false)
            return
        }
        versionsByID[endpoint.id] = endpoint.version
        endpointsByID[endpoint.id] = endpoint.isGone ? nil : endpoint
        writtenAt[endpoint.id] = endpoint.isGone ? nil : record.timestamp
        onChange?(endpoint)
        if endpoint.disabledBecause != nil, !endpoint.isAgain {
            disablings.append(Disabling(offset: record.offset, endpoint: endpoint))
            if disablings.count > Self.disablingsMax { disablings.removeFirst(Self.disablingsMax / 2) }
            onDisabling?()
        }
        waiter?(true)
    }

    /// Writes what is to come after the version that is known here.
    /// - Parameter done: when this very dispatcher knows of it; false: another's came first, or it could not be written.
    func write(_ endpoint: CallbackEndpoint, _ done: ((_ isFirst: Bool) -> Void)? = nil) {
        var next = endpoint
        if let known = endpointsByID[endpoint.id] {
            next.version = known.version + 1
            if known.disabledBecause != nil { next.toldBefore = known.version }
        }
        // A reason belongs to the version that disabled it; later ones must not tell of it again.
        if next.disabledBecause == endpointsByID[endpoint.id]?.disabledBecause {
            (next.disabledBecause, next.disabledAt) = (nil, nil)
        }
        next.isAgain = false
        let writing = SecureRandom.uuid()
        next.writing = writing
        if let done { waiting[writing] = done }
        produce(next) { [unowned self] in waiting.removeValue(forKey: writing)?(false) }
    }

    /// The same once more, so that its record is young.
    func writeAgain(olderThan age: Duration) {
        let now = Timestamp(milliseconds: WallClock.milliseconds)
        for endpoint in endpointsByID.values where (writtenAt[endpoint.id] ?? Timestamp()) + age <= now {
            var copy = endpoint
            copy.isAgain = true
            copy.writing = nil
            writtenAt[endpoint.id] = now
            produce(copy) {}
        }
    }

    private func produce(_ endpoint: CallbackEndpoint, orElse failed: @escaping () -> Void) {
        do {
            try producer.produce(
                topic: KafkaTopicID(0), partition: Self.partition, key: Array(endpoint.key.utf8),
                value: endpoint.encoded()
            ) { result in
                if case .failure = result { failed() }
            }
        } catch {
            failed()
            onFailure?(error.description)
        }
    }

    func close() { reader.close() }
}
