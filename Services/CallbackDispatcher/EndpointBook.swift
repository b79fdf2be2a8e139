import Switchboard

/// The webhook endpoints of all applications, from partition 0 of `switchboard.callbacks.deliveries.v1`.
///
/// Every dispatcher has them all; the highest version of each counts. The owner of partition 0 writes them again each
/// day, so that retention never takes one away. On its loop alone.
final class EndpointBook {
    private(set) var isComplete = false
    var onComplete: (() -> Void)?
    /// Told of each that is new or has changed; also of one that is gone.
    var onChange: ((CallbackEndpoint) -> Void)?
    var onFailure: ((String) -> Void)?

    private let reader: KafkaReader
    private let producer: KafkaProducer
    private var endpointsByID: [String: CallbackEndpoint] = [:]
    private var waiting: [String: [(version: Int, done: () -> Void)]] = [:]

    private static let partition: Int32 = 0

    init(settings: KafkaSettings, loop: EventLoop, producer: KafkaProducer) throws(KafkaFailure) {
        self.producer = producer
        reader = try KafkaReader(settings: settings, topics: [Topic.callbackDeliveries], loop: loop)
        reader.onRecord = { [unowned self] record in take(record) }
        reader.onEnd = { [unowned self] _, _ in
            guard !isComplete else { return }
            isComplete = true
            onComplete?()
        }
        reader.onFailure = { [unowned self] _, _, failure in onFailure?(failure.description) }
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
        if let known = endpointsByID[endpoint.id], known.version >= endpoint.version { return }
        endpointsByID[endpoint.id] = endpoint.isGone ? nil : endpoint
        onChange?(endpoint)
        guard let waiters = waiting.removeValue(forKey: endpoint.id) else { return }
        for waiter in waiters where waiter.version <= endpoint.version { waiter.done() }
    }

    /// - Parameter done: when this very dispatcher knows of it.
    func write(_ endpoint: CallbackEndpoint, _ done: (() -> Void)? = nil) {
        if let done { waiting[endpoint.id, default: []].append((endpoint.version, done)) }
        do {
            try producer.produce(
                topic: KafkaTopicID(0), partition: Self.partition, key: Array(endpoint.key.utf8),
                value: endpoint.encoded()
            ) { _ in }
        } catch {
            onFailure?(error.description)
        }
    }

    func writeAllAgain() { for endpoint in endpointsByID.values { write(endpoint) } }

    func close() { reader.close() }
}
