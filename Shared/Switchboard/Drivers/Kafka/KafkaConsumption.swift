internal import CRdkafka

/// What the group's consumer and the reader have in common: partitions added and removed one by one, and the drain.
final class KafkaConsumption {
    let client: KafkaClient
    var onRecord: ((KafkaRecord) -> Void)?
    var onTurnEnd: (() -> Void)?
    var onEnd: ((KafkaTopicID, Int32) -> Void)?
    var onFailure: ((KafkaTopicID, Int32, KafkaFailure) -> Void)?
    /// What else wants to be served when the client wakes the loop.
    var onServe: (() -> Void)?

    private let callbacks: KafkaCallbacks
    /// By topic and partition: the offset after the last record given out; nil when not added.
    private var positionsByTopic: [[Int64?]]
    /// Those that do not flow, whether added or not: the library goes on holding them back when they are removed.
    private var paused: Set<Place> = []
    /// Whether the drain looks for records; what else wants to be served is.
    var givesRecords = true
    /// Taken out of the books while `holdsRemovals`; the library still reads them.
    private var held: Set<Place> = []
    /// What is removed is only taken out of the books, until `forget` takes it or `removeHeld` is called.
    var holdsRemovals = false

    private struct Place: Hashable {
        let topic: KafkaTopicID
        let partition: Int32
    }

    /// Then sockets and timers have their turn.
    static let recordsPerTurnMax = 1000

    static let properties = [
        "enable.auto.commit": "false", "enable.auto.offset.store": "false", "auto.offset.reset": "error",
        "fetch.min.bytes": "1", "fetch.wait.max.ms": "100", "fetch.error.backoff.ms": "50",
        // Nobody writes transactions here; a stranger's open one shall not hold readers up.
        "isolation.level": "read_uncommitted",
    ]

    init(
        settings: KafkaSettings, properties: [String: String], topics: [String], loop: EventLoop,
        callbacks: KafkaCallbacks, operation: String, _ prepare: (OpaquePointer) -> Void = { _ in }
    ) throws(KafkaFailure) {
        let all = Self.properties.merging(properties) { _, later in later }
        let configuration = try settings.configuration(all, of: operation)
        prepare(configuration)
        client = try KafkaClient(
            RD_KAFKA_CONSUMER, configuration: configuration, topics: topics, loop: loop, callbacks: callbacks,
            operation: operation)
        self.callbacks = callbacks
        positionsByTopic = Array(repeating: [], count: topics.count)
        rd_kafka_poll_set_consumer(client.handle)
    }

    func start() {
        client.wake(by: [rd_kafka_queue_get_consumer(client.handle)]) { [unowned self] in drain() }
    }

    // MARK: partitions

    func isAdded(_ topic: KafkaTopicID, _ partition: Int32) -> Bool { position(topic, partition) != nil }

    func position(_ topic: KafkaTopicID, _ partition: Int32) -> Int64? {
        let positions = positionsByTopic[topic.index]
        return positions.indices.contains(Int(partition)) ? positions[Int(partition)] : nil
    }

    private func setPosition(_ topic: KafkaTopicID, _ partition: Int32, _ offset: Int64?) {
        let missing = Int(partition) + 1 - positionsByTopic[topic.index].count
        if missing > 0 { positionsByTopic[topic.index] += Array(repeating: nil, count: missing) }
        positionsByTopic[topic.index][Int(partition)] = offset
    }

    func add(_ topic: KafkaTopicID, _ partition: Int32, at start: KafkaStart) {
        precondition(!isAdded(topic, partition), "partition \(partition) was added already")
        precondition(
            !held.contains(Place(topic: topic, partition: partition)), "partition \(partition) is still to be removed")
        guard !client.isClosed else { return }
        setPosition(topic, partition, start.offset)
        let failure = withList([(topic, partition, start.offset)]) { rd_kafka_incremental_assign(client.handle, $0) }
        if let failure { tellLater(KafkaFailure(taking: failure, during: "add a partition"), topic, partition) }
        // It flows for whoever adds it, however the one before left it.
        if paused.contains(Place(topic: topic, partition: partition)) { resume(topic, partition) }
    }

    func remove(_ topic: KafkaTopicID, _ partition: Int32) {
        guard isAdded(topic, partition) else { return }
        setPosition(topic, partition, nil)
        if holdsRemovals {
            held.insert(Place(topic: topic, partition: partition))
        } else {
            unassign([(topic, partition, 0)])
        }
    }

    /// Removes what was held back and not forgotten since.
    func removeHeld() {
        holdsRemovals = false
        let places = exchange(&held, with: [])
        if !places.isEmpty { unassign(places.map { ($0.topic, $0.partition, 0) }) }
    }

    private func unassign(_ partitions: [(topic: KafkaTopicID, partition: Int32, offset: Int64)]) {
        guard !client.isClosed else { return }
        let failure = withList(partitions) { rd_kafka_incremental_unassign(client.handle, $0) }
        if let failure { callbacks.trouble(KafkaFailure(taking: failure, during: "remove a partition")) }
    }

    /// Takes the partitions out of the books and returns those that the library reads.
    func forget(_ partitions: [(KafkaTopicID, Int32)]) -> [(KafkaTopicID, Int32)] {
        partitions.filter { topic, partition in
            let isHeld = held.remove(Place(topic: topic, partition: partition)) != nil
            guard isAdded(topic, partition) else { return isHeld }
            setPosition(topic, partition, nil)
            return true
        }
    }

    func pause(_ topic: KafkaTopicID, _ partition: Int32) {
        guard isAdded(topic, partition), !client.isClosed else { return }
        paused.insert(Place(topic: topic, partition: partition))
        _ = withList([(topic, partition, 0)]) { rd_kafka_pause_partitions(client.handle, $0) }
    }

    func resume(_ topic: KafkaTopicID, _ partition: Int32) {
        guard isAdded(topic, partition), !client.isClosed else { return }
        paused.remove(Place(topic: topic, partition: partition))
        _ = withList([(topic, partition, 0)]) { rd_kafka_resume_partitions(client.handle, $0) }
    }

    func withList<Result>(
        _ partitions: [(topic: KafkaTopicID, partition: Int32, offset: Int64)],
        _ body: (UnsafeMutablePointer<rd_kafka_topic_partition_list_t>) -> Result
    ) -> Result {
        guard let list = rd_kafka_topic_partition_list_new(Int32(partitions.count)) else {
            preconditionFailure("librdkafka has no memory left")
        }
        defer { rd_kafka_topic_partition_list_destroy(list) }
        for (topic, partition, offset) in partitions {
            let name = rd_kafka_topic_name(client.topics[topic.index])
            rd_kafka_topic_partition_list_add(list, name, partition).pointee.offset = offset
        }
        return body(list)
    }

    // MARK: records

    private func drain() {
        onServe?()
        var records = 0
        while givesRecords, !client.isClosed, let message = rd_kafka_consumer_poll(client.handle, 0) {
            if give(message.pointee, message) { records += 1 }
            rd_kafka_message_destroy(message)
            if records == Self.recordsPerTurnMax {
                client.wakeAgain()
                break
            }
        }
        if records > 0 { onTurnEnd?() }
    }

    /// - Returns: whether it was a record, and given out.
    private func give(_ message: rd_kafka_message_t, _ pointer: UnsafePointer<rd_kafka_message_t>) -> Bool {
        guard let handle = message.rkt, let topic = client.topicID(of: handle) else {
            if message.err != RD_KAFKA_RESP_ERR_NO_ERROR { generalTrouble(pointer) }
            return false
        }
        // What was fetched before a partition was removed, or added again further on, is not for its owner.
        guard let position = position(topic, message.partition) else { return false }
        switch message.err {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
            guard message.offset >= position else { return false }
            positionsByTopic[topic.index][Int(message.partition)] = message.offset + 1
            onRecord?(KafkaRecord(pointer, topic: topic))
            return true
        case RD_KAFKA_RESP_ERR__PARTITION_EOF:
            if position < 0 { positionsByTopic[topic.index][Int(message.partition)] = message.offset }
            onEnd?(topic, message.partition)
        default:
            let text = rd_kafka_message_errstr(pointer).map { String(cString: $0) }
            onFailure?(topic, message.partition, KafkaFailure(message.err, during: "read", text: text))
        }
        return false
    }

    private func generalTrouble(_ message: UnsafePointer<rd_kafka_message_t>) {
        let text = rd_kafka_message_errstr(message).map { String(cString: $0) }
        callbacks.trouble(KafkaFailure(message.pointee.err, during: "read", text: text))
    }

    private func tellLater(_ failure: KafkaFailure, _ topic: KafkaTopicID, _ partition: Int32) {
        client.loop.atEndOfTurn { [weak self] in
            guard let self, isAdded(topic, partition) else { return }
            onFailure?(topic, partition, failure)
        }
    }
}
