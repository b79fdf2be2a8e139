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
        let partition = settings.partition(of: key, in: ledger)
        return produce(record.encoded(), key: key, to: ledger.inbox, partition, Self.isThere(done))
    }

    /// - Parameter done: told where the beat stands in an inbox, and since when by the clock of its broker (nil where that
    ///   did not say); else never.
    func beat(
        _ record: InboxRecord<UsersEntry.Input>, of gateway: String,
        done: @escaping (_ partition: Int32, _ appended: Timestamp?) -> Void
    ) {
        let key = RecordKey.gateway(gateway)
        let partition = settings.partition(of: key, in: .users)
        _ = produce(record.encoded(), key: key, to: LedgerName.users.inbox, partition) { place in
            if let place { done(partition, place.time) }
        }
    }

    /// Asks an inbox of users for the time by a record that asks nothing else.
    /// - Parameter done: told once, where the record was taken.
    func probe(_ partition: Int32, done: @escaping (_ appended: Timestamp?) -> Void) -> Bool {
        produce([], key: InboxProbe.key, to: LedgerName.users.inbox, partition) { place in done(place?.time) }
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
        produce(DeliveryRecord([entry]).encoded(), key: "", to: Topic.deliveries, partition, Self.isThere(done))
    }

    private static func isThere(_ done: ((Bool) -> Void)?) -> ((KafkaAcknowledgement?) -> Void)? {
        done.map { done in { done($0 != nil) } }
    }

    private func produce(
        _ value: [UInt8], key: String, to topic: String, _ partition: Int32,
        _ done: ((KafkaAcknowledgement?) -> Void)?
    ) -> Bool {
        do throws(KafkaFailure) {
            try producer.produce(topic: topic, partition: partition, key: Array(key.utf8), value: value) { result in
                if case .success(let place) = result { done?(place) } else { done?(nil) }
            }
            return true
        } catch {
            return false
        }
    }
}

extension KafkaAcknowledgement {
    /// When the broker appended it; nil where that knew the record already, and said no more.
    fileprivate var time: Timestamp? { offset < 0 ? nil : timestamp }
}
