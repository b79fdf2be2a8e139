import Switchboard

/// The topics, as arrays; the broker's clock is the simulation's.
final class Broker {
    struct Place: Hashable, CustomStringConvertible {
        let topic: String
        let partition: Int32
        var description: String { "\(topic.replacing("switchboard.", with: ""))/\(partition)" }
    }

    struct Record {
        let key: String
        let value: [UInt8]
        let time: Timestamp
        /// Counts over all topics, so that records of several can be put in order.
        let number: Int
    }

    static let partitions: Int32 = 2

    private(set) var topics: [Place: [Record]] = [:]
    private var appended = 0
    private let clockwork: Clockwork
    private var readers: [Place: [() -> Void]] = [:]
    /// While it stalls nothing is appended; what was sent waits.
    private(set) var stalledUntil = Timestamp()

    init(clockwork: Clockwork) { self.clockwork = clockwork }

    func records(_ place: Place) -> [Record] { topics[place] ?? [] }

    @discardableResult
    func append(_ value: [UInt8], key: String, to place: Place) -> (offset: Int64, time: Timestamp) {
        let last = topics[place]?.last?.time ?? clockwork.now
        let time = max(last, clockwork.now)
        appended += 1
        topics[place, default: []].append(Record(key: key, value: value, time: time, number: appended))
        for reader in readers[place] ?? [] { reader() }
        return (Int64(topics[place]!.count - 1), time)
    }

    /// Told of every append, at once.
    func onAppend(_ place: Place, _ reader: @escaping () -> Void) { readers[place, default: []].append(reader) }

    func stall(for length: Duration) { stalledUntil = max(stalledUntil, clockwork.now + length) }

    /// How long a record that is sent now waits for the broker.
    var wait: Duration { max(.zero, stalledUntil - clockwork.now) + clockwork.travelTime() }

    static func partition(of key: String) -> Int32 { PartitionHash.partition(of: key.utf8, count: partitions) }
}

extension LedgerName {
    func inbox(_ partition: Int32) -> Broker.Place { .init(topic: inbox, partition: partition) }
    func log(_ partition: Int32) -> Broker.Place { .init(topic: log, partition: partition) }
}
