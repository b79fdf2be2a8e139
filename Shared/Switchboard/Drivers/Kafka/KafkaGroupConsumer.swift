internal import CRdkafka

/// A member of a group that shares the partitions of inboxes. What it may read the group says; from where, its owner,
/// who finds the offset in the log first: an assignment is answered with nothing, and partitions are added one by one.
///
/// Dynamic and cooperative-sticky: a member that joins or leaves stops only the partitions that move. A member that is
/// killed is missed after 6 s, one that hangs after 10. Made on a loop and used on it alone; close it before letting it go.
package final class KafkaGroupConsumer {
    /// The group gave us these partitions of a topic. Nothing of them comes before `add`.
    package var onAssigned: ((KafkaTopicID, [Int32]) -> Void)?
    /// The group takes these away; another member gets them when this has returned. `lost`: another may have them already.
    package var onRevoked: ((KafkaTopicID, [Int32], _ lost: Bool) -> Void)?

    package var onRecord: ((KafkaRecord) -> Void)? {
        get { consumption.onRecord }
        set { consumption.onRecord = newValue }
    }
    /// After the records of a drain, at most a thousand: the place to write what they led to, all at once.
    package var onTurnEnd: (() -> Void)? {
        get { consumption.onTurnEnd }
        set { consumption.onTurnEnd = newValue }
    }
    /// A partition cannot be read on, above all because its offset is gone.
    package var onFailure: ((KafkaTopicID, Int32, KafkaFailure) -> Void)? {
        get { consumption.onFailure }
        set { consumption.onFailure = newValue }
    }
    /// Brokers are away or refuse us; the same thing at most once a minute. The consumer goes on by itself.
    package var onTrouble: ((KafkaFailure) -> Void)? {
        get { consumption.client.onTrouble }
        set { consumption.client.onTrouble = newValue }
    }

    private let consumption: KafkaConsumption
    private let callbacks = KafkaCallbacks()
    /// Told when it has left.
    private var onLeft: [() -> Void] = []
    private var closeQueue: OpaquePointer?
    private var closePatience: LoopTimer?
    private var isLeaving = false
    /// The group has answered at least once.
    private var hasJoined = false

    /// How long the group is asked to let us go; then it will miss us by itself.
    private static let closeLimit: Duration = .seconds(5)
    /// How long a first join that is under way may take to end before the leave begins.
    private static let joinLimit: Duration = .milliseconds(1_500)

    private static let properties = [
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": "6000", "heartbeat.interval.ms": "250", "max.poll.interval.ms": "10000",
    ]

    /// Joins at once.
    /// - Parameter topics: existing ones.
    package init(settings: KafkaSettings, group: String, topics: [String], loop: EventLoop) throws(KafkaFailure) {
        var properties = Self.properties
        properties["group.id"] = group
        consumption = try KafkaConsumption(
            settings: settings, properties: properties, topics: topics, loop: loop, callbacks: callbacks,
            operation: "make a consumer"
        ) { configuration in
            rd_kafka_conf_set_rebalance_cb(configuration) { _, code, list, opaque in
                KafkaCallbacks.from(opaque).onRebalance?(code, list)
            }
        }
        callbacks.onRebalance = { [unowned self] code, list in rebalance(code, list) }
        consumption.onServe = { [unowned self] in serveClosing() }
        consumption.start()
        let ids = topics.indices.map { (KafkaTopicID($0), Int32(RD_KAFKA_PARTITION_UA), Int64(0)) }
        let failed = consumption.withList(ids) { rd_kafka_subscribe(consumption.client.handle, $0) }
        guard failed == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaFailure(failed, during: "join a group") }
    }

    deinit {
        callbacks.onRebalance = nil
        consumption.client.close()
    }

    package func topic(_ name: String) -> KafkaTopicID? { consumption.client.topicIDs[name] }

    /// Reads an assigned partition that is not being read, from `offset` on. No effect once it leaves the group.
    package func add(_ topic: KafkaTopicID, _ partition: Int32, at offset: Int64) {
        guard closeQueue == nil else { return }
        consumption.add(topic, partition, at: .offset(offset))
    }

    /// Nothing of the partition comes any more, though the group still assigns it: `add` may follow. No effect when it is
    /// not being read.
    package func remove(_ topic: KafkaTopicID, _ partition: Int32) { consumption.remove(topic, partition) }

    /// Nothing of the partition comes until `resume`, which goes on where it stopped, or until it is removed and added.
    package func pause(_ topic: KafkaTopicID, _ partition: Int32) { consumption.pause(topic, partition) }

    package func resume(_ topic: KafkaTopicID, _ partition: Int32) { consumption.resume(topic, partition) }

    /// No more records come, and none is lost by it; the group still assigns what it did. For who is about to `close`.
    package func stopGiving() { consumption.givesRecords = false }

    /// The offset after the last record given out; nil when the partition is not being read.
    package func position(_ topic: KafkaTopicID, _ partition: Int32) -> Int64? {
        consumption.position(topic, partition)
    }

    // MARK: the group's decisions

    /// Called while the client is polled, on the loop. It must be answered, or the group waits for us.
    private func rebalance(
        _ code: rd_kafka_resp_err_t, _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?
    ) {
        let handle = consumption.client.handle
        let partitions = named(list)
        if code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            answer(consumption.withList([]) { rd_kafka_incremental_assign(handle, $0) })
            for (topic, partitions) in partitions { onAssigned?(topic, partitions) }
            hasJoined = true
            if isLeaving, closeQueue == nil { consumption.client.loop.atEndOfTurn { self.beginClosing() } }
            return
        }
        let lost = rd_kafka_assignment_lost(handle) != 0
        // One answer for all: the first removal would be taken for it, and a consumer that closes goes on to its end
        // from there, where it drops the second one and who waits for it.
        consumption.holdsRemovals = true
        for (topic, partitions) in partitions { onRevoked?(topic, partitions, lost) }
        // Exactly those that were added: others are refused, and the group waits for ever.
        let known = consumption.forget(partitions.flatMap { topic, list in list.map { (topic, $0) } })
        guard closeQueue == nil || !hasClosed else { return }
        answer(
            consumption.withList(known.map { ($0, $1, Int64(0)) }) { rd_kafka_incremental_unassign(handle, $0) })
        if closeQueue == nil { consumption.removeHeld() }
    }

    private func named(
        _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?
    ) -> [(KafkaTopicID, [Int32])] {
        guard let list = list?.pointee else { return [] }
        var partitionsByTopic: [KafkaTopicID: [Int32]] = [:]
        for place in UnsafeBufferPointer(start: list.elems, count: Int(list.cnt)) {
            guard let topic = consumption.client.topicIDs[String(cString: place.topic)] else { continue }
            partitionsByTopic[topic, default: []].append(place.partition)
        }
        return partitionsByTopic.sorted { $0.key.index < $1.key.index }.map { ($0.key, $0.value.sorted()) }
    }

    private func answer(_ error: OpaquePointer?) {
        if let error { callbacks.trouble(KafkaFailure(taking: error, during: "answer a rebalance")) }
    }

    // MARK: leaving

    /// Leaves the group: `onRevoked` comes for what is still assigned, then the others get it. Twice is once.
    /// - Parameter done: on the loop, when it has left or the group did not answer for 5 s.
    package func close(_ done: (() -> Void)? = nil) {
        guard !consumption.client.isClosed else { return consumption.client.close(done) }
        if let done { onLeft.append(done) }
        guard !isLeaving else { return }
        isLeaving = true
        // librdkafka 2.0.2 ends the process where a member is destroyed between the two answers of its first join.
        guard !hasJoined else { return beginClosing() }
        closePatience = consumption.client.loop.schedule(after: Self.joinLimit) { [unowned self] in beginClosing() }
    }

    private func beginClosing() {
        guard closeQueue == nil, !consumption.client.isClosed else { return }
        let client = consumption.client
        let queue: OpaquePointer = rd_kafka_queue_new(client.handle)
        closeQueue = queue
        // From here on nothing but the answers changes what is assigned. And nothing is given out: records come by this
        // queue too, and one of them between two that were let go would be a gap to its owner.
        consumption.holdsRemovals = true
        consumption.givesRecords = false
        client.alsoWake(by: queue)
        if let error = rd_kafka_consumer_close_queue(client.handle, queue) {
            callbacks.trouble(KafkaFailure(taking: error, during: "leave a group"))
            return finishClosing()
        }
        closePatience = client.loop.schedule(after: Self.closeLimit) { [unowned self] in finishClosing() }
        client.wakeAgain()
    }

    private func serveClosing() {
        guard let closeQueue, !consumption.client.isClosed else { return }
        while let event = rd_kafka_queue_poll(closeQueue, 0) {
            if rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE {
                rebalance(rd_kafka_event_error(event), rd_kafka_event_topic_partition_list(event))
            }
            rd_kafka_event_destroy(event)
        }
        if hasClosed { finishClosing() }
    }

    private var hasClosed: Bool { rd_kafka_consumer_closed(consumption.client.handle) != 0 }

    private func finishClosing() {
        guard !consumption.client.isClosed else { return }
        closePatience = nil
        let left = exchange(&onLeft, with: [])
        consumption.client.close { for tell in left { tell() } }
    }
}
