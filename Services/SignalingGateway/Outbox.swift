import Switchboard

/// The gateway's one producer: commands and news into inboxes, signals to other gateways.
///
/// What Kafka cannot take now is refused at the door: the client is told to try again.
final class Outbox {
    private let producer: KafkaProducer
    private let settings: LedgerSettings

    init(producer: KafkaProducer, settings: LedgerSettings) {
        self.producer = producer
        self.settings = settings
    }

    static var topics: [String] {
        [LedgerName.calls.inbox, LedgerName.rooms.inbox, LedgerName.users.inbox, Topic.queries, Topic.deliveries]
    }

    /// - Parameter done: told once, where the record was taken: whether it stands in the inbox.
    /// - Returns: false where the queue is full; nothing was taken.
    @discardableResult
    func send<Input>(
        _ record: InboxRecord<Input>, key: String, to ledger: LedgerName, done: ((_ isThere: Bool) -> Void)? = nil
    ) -> Bool {
        produce(record.encoded(), key: key, to: ledger.inbox, settings.partition(of: key, in: ledger), done)
    }

    @discardableResult
    func ask(_ query: QueryRecord) -> Bool {
        let key = RecordKey.of(query.app, query.user)
        return produce(query.encoded(), key: key, to: Topic.queries, settings.partition(of: key, in: .users), nil)
    }

    @discardableResult
    func deliver(
        _ entry: DeliveryEntry, to partition: Int32, done: ((_ isThere: Bool) -> Void)? = nil
    ) -> Bool {
        produce(DeliveryRecord([entry]).encoded(), key: "", to: Topic.deliveries, partition, done)
    }

    private func produce(
        _ value: [UInt8], key: String, to topic: String, _ partition: Int32, _ done: ((_ isThere: Bool) -> Void)?
    ) -> Bool {
        do throws(KafkaFailure) {
            try producer.produce(topic: topic, partition: partition, key: Array(key.utf8), value: value) { result in
                if case .success = result { done?(true) } else { done?(false) }
            }
            return true
        } catch {
            return false
        }
    }
}
