/// Reads partitions assigned by hand, each from where its owner says: logs, views, a gateway's deliveries.
///
/// Made on a loop and used on it alone; close it before letting it go. Records of a partition come in order; those of
/// several are interleaved.
package final class KafkaReader {
    package var onRecord: ((KafkaRecord) -> Void)? {
        get { consumption.onRecord }
        set { consumption.onRecord = newValue }
    }
    /// After the records of a drain, at most a thousand: the place to write what they led to, all at once.
    package var onTurnEnd: (() -> Void)? {
        get { consumption.onTurnEnd }
        set { consumption.onTurnEnd = newValue }
    }
    /// The last record there is has been given out (for now); `position` is the partition's end. Not for each record of a
    /// busy partition, but at least once after each `add`.
    package var onEnd: ((KafkaTopicID, Int32) -> Void)? {
        get { consumption.onEnd }
        set { consumption.onEnd = newValue }
    }
    /// A partition cannot be read on, above all because its offset is gone: remove it and add it elsewhere, or give up.
    package var onFailure: ((KafkaTopicID, Int32, KafkaFailure) -> Void)? {
        get { consumption.onFailure }
        set { consumption.onFailure = newValue }
    }
    /// Brokers are away or refuse us; the same thing at most once a minute. The reader goes on by itself.
    package var onTrouble: ((KafkaFailure) -> Void)? {
        get { consumption.client.onTrouble }
        set { consumption.client.onTrouble = newValue }
    }
    /// Metadata of every topic is there: a partition added from now on is read at once.
    package private(set) var isReady = false
    /// Called once; at the next turn when it is ready already.
    package var onReady: (() -> Void)? {
        didSet {
            if isReady, onReady != nil { consumption.client.loop.atEndOfTurn { [weak self] in self?.tellReady() } }
        }
    }

    private let consumption: KafkaConsumption

    /// What a lazy reader waits for, and how long: many records in one go cost far less than each alone.
    private static let lazyProperties = ["fetch.min.bytes": "262144", "fetch.wait.max.ms": "50"]

    /// - Parameters:
    ///   - topics: all that it will ever read.
    ///   - lazy: records may come up to 50 ms late, in bigger turns.
    package init(settings: KafkaSettings, topics: [String], loop: EventLoop, lazy: Bool = false) throws(KafkaFailure) {
        var properties = lazy ? Self.lazyProperties : [:]
        properties["enable.partition.eof"] = "true"
        // Without a group there is no queue; nobody joins this one.
        properties["group.id"] = "\(settings.clientID).reader"
        consumption = try KafkaConsumption(
            settings: settings, properties: properties, topics: topics, loop: loop, callbacks: KafkaCallbacks(),
            operation: "make a reader")
        consumption.start()
        consumption.client.awaitMetadata { [weak self] in
            self?.isReady = true
            self?.tellReady()
        }
    }

    deinit { consumption.client.close() }

    private func tellReady() { exchange(&onReady, with: nil)?() }

    package func topic(_ name: String) -> KafkaTopicID? { consumption.client.topicIDs[name] }

    /// Reads a partition that is not being read, from `start` on.
    package func add(_ topic: KafkaTopicID, _ partition: Int32, at start: KafkaStart) {
        consumption.add(topic, partition, at: start)
    }

    /// Nothing of the partition comes any more, not even what was fetched already. No effect when it is not being read.
    package func remove(_ topic: KafkaTopicID, _ partition: Int32) { consumption.remove(topic, partition) }

    /// Nothing of the partition comes until `resume`, which goes on where it stopped, or until it is removed and added.
    package func pause(_ topic: KafkaTopicID, _ partition: Int32) { consumption.pause(topic, partition) }

    package func resume(_ topic: KafkaTopicID, _ partition: Int32) { consumption.resume(topic, partition) }

    /// The offset after the last record given out; nil when the partition is not being read, or when it began at its
    /// beginning or end and nothing has come yet.
    package func position(_ topic: KafkaTopicID, _ partition: Int32) -> Int64? {
        consumption.position(topic, partition).flatMap { $0 < 0 ? nil : $0 }
    }

    /// - Parameter done: on the loop, when its threads have ended.
    package func close(_ done: (() -> Void)? = nil) { consumption.client.close(done) }
}
