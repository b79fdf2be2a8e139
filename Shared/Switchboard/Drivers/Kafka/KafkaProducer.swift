internal import CRdkafka

/// Writes records to partitions of topics named once, in order, each exactly once per life of the producer: idempotent,
/// acknowledged by all replicas in sync, without a limit on the time that takes (a limit would leave gaps).
///
/// A life ends where the client gives up for good: it has lost count of what a broker has, as librdkafka 2.0.2 may when
/// one comes back. What waits is failed then, written or not, and a new life goes on behind it.
///
/// Made on a loop and used on it alone; close it before letting it go.
package final class KafkaProducer {
    /// Metadata of every topic and the producer id are there: the next record leaves at once.
    package private(set) var isReady = false
    /// Called once; at the next turn when it is ready already.
    package var onReady: (() -> Void)? {
        didSet { if isReady, onReady != nil { client.loop.atEndOfTurn { [weak self] in self?.tellReady() } } }
    }
    /// A new life has begun, and what waited in the one before is about to be failed, with this; where nothing is reported,
    /// nobody but this tells of it. The next record may be handed over at once.
    package var onRenewed: ((KafkaFailure) -> Void)?
    /// The client has given up for good, and a new one would too: it was never let in, or has given up too often.
    package var onFatal: ((KafkaFailure) -> Void)?
    /// A record failed that had no `acknowledged` to tell.
    package var onFailure: ((KafkaFailure) -> Void)?
    /// Brokers are away or refuse us; the same thing at most once a minute. The producer goes on by itself.
    package var onTrouble: ((KafkaFailure) -> Void)? {
        didSet { callbacks.onTrouble = onTrouble }
    }

    package typealias Acknowledged = (Result<KafkaAcknowledgement, KafkaFailure>) -> Void

    /// Of the present life.
    private(set) var client: KafkaClient
    private var callbacks: KafkaCallbacks
    private var mainQueue: OpaquePointer
    private let beginLife: () throws(KafkaFailure) -> (KafkaClient, KafkaCallbacks)
    private let reports: Bool
    private var slots = AcknowledgementSlots<Acknowledged>()
    private var unacknowledged = 0
    private var flushes: [Flush] = []
    private var hasMetadata = false
    private(set) var hasProducerID = false
    private var producerIDPatience: LoopTimer?
    private var isBroken = false
    /// When the last lives began, but the first.
    private var renewals: [ContinuousClock.Instant] = []

    /// Records that wait for their acknowledgement, at most; then `produce` throws `.queueFull`.
    package static let waitingMax = 100_000
    private static let waitingKilobytesMax = 262_144
    private static let reportsPerTurnMax = 10_000
    /// So many lives may end in that time; with more than that something else is wrong.
    static let renewalsMax = 5
    private static let renewalsWithin: Duration = .seconds(60)

    /// - Parameters:
    ///   - reports: true: `acknowledged` is called for each record. False: for nobody, only failures come, to `onFailure`
    ///     (12 % less CPU for output that needs no acknowledgement).
    ///   - lazy: how long a record may wait for company; nil sends at once. For what views write.
    ///   - topics: all that it will ever write to, existing ones.
    package init(
        settings: KafkaSettings, loop: EventLoop, reports: Bool = true, lazy: Duration? = nil, topics: [String]
    ) throws(KafkaFailure) {
        let beginLife = { () throws(KafkaFailure) -> (KafkaClient, KafkaCallbacks) in
            let configuration = try Self.configuration(settings, reports: reports, lazy: lazy)
            let callbacks = KafkaCallbacks()
            let client = try KafkaClient(
                RD_KAFKA_PRODUCER, configuration: configuration, topics: topics, loop: loop, callbacks: callbacks,
                operation: "make a producer")
            return (client, callbacks)
        }
        (client, callbacks) = try beginLife()
        self.beginLife = beginLife
        self.reports = reports
        mainQueue = rd_kafka_queue_get_main(client.handle)
        listen()
    }

    private static func configuration(
        _ settings: KafkaSettings, reports: Bool, lazy: Duration?
    ) throws(KafkaFailure) -> OpaquePointer {
        let configuration = try settings.configuration(
            [
                "acks": "all", "enable.idempotence": "true", "message.timeout.ms": "0",
                "linger.ms": "\(lazy?.milliseconds ?? 0)",
                "request.timeout.ms": "2000", "retry.backoff.ms": "50",
                "queue.buffering.max.messages":
                    "\(settings.extra["queue.buffering.max.messages"] ?? "\(waitingMax)")",
                "queue.buffering.max.kbytes": "\(waitingKilobytesMax)",
                "delivery.report.only.error": reports ? "false" : "true",
                // That a producer id was given is said in the log alone; see `readLog`.
                "debug": "eos", "log_level": "7", "log.queue": "true",
            ], of: "make a producer")
        rd_kafka_conf_set_events(
            configuration, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG)
        return configuration
    }

    private func listen() {
        rd_kafka_set_log_queue(client.handle, nil)
        client.wake(by: [mainQueue]) { [unowned self] in drain() }
        // Not weak: an object that has ever been held weakly is counted several times slower, and this one is for each record.
        client.awaitMetadata { [unowned self] in
            hasMetadata = true
            becomeReady()
            limitWaitForProducerID()
        }
    }

    deinit { client.close() }

    // MARK: writing

    package func topic(_ name: String) -> KafkaTopicID? { client.topicIDs[name] }

    /// Hands one record over; key and value are copied.
    /// - Parameters:
    ///   - partition: within the topic's number of them, computed by `PartitionHash`.
    ///   - acknowledged: called once, on the loop, in the order of the records of a partition.
    /// - Throws: `.queueFull`: try again when `waiting` has fallen. Others: the record can never be written.
    package func produce(
        topic: KafkaTopicID, partition: Int32, key: [UInt8], value: [UInt8],
        headers: [(StaticString, [UInt8])] = [], acknowledged: Acknowledged? = nil
    ) throws(KafkaFailure) {
        precondition(reports || acknowledged == nil, "a producer without reports acknowledges nothing")
        precondition(!client.isClosed, "produce after close")
        let list = headers.isEmpty ? nil : Self.list(headers)
        let slot = acknowledged.map { slots.insert($0) } ?? 0
        let failed = crdkafka_produce(
            client.handle, client.topics[topic.index], partition, key, key.count, value, value.count, list,
            UnsafeMutableRawPointer(bitPattern: slot))
        if failed == RD_KAFKA_RESP_ERR_NO_ERROR {
            unacknowledged += 1
            return
        }
        if let list { rd_kafka_headers_destroy(list) }
        if slot != 0 { _ = slots.remove(slot) }
        if failed == RD_KAFKA_RESP_ERR__QUEUE_FULL { throw .queueFull }
        throw failed == RD_KAFKA_RESP_ERR__FATAL ? fatalFailure() : KafkaFailure(failed, during: "produce")
    }

    package func produce(
        topic: String, partition: Int32, key: [UInt8], value: [UInt8], headers: [(StaticString, [UInt8])] = [],
        acknowledged: Acknowledged? = nil
    ) throws(KafkaFailure) {
        guard let id = client.topicIDs[topic] else { preconditionFailure("topic '\(topic)' was not named") }
        try produce(
            topic: id, partition: partition, key: key, value: value, headers: headers, acknowledged: acknowledged)
    }

    private static func list(_ headers: [(StaticString, [UInt8])]) -> OpaquePointer? {
        let list = rd_kafka_headers_new(headers.count)
        for (name, value) in headers {
            name.withUTF8Buffer { bytes in
                _ = bytes.withMemoryRebound(to: CChar.self) {
                    rd_kafka_header_add(list, $0.baseAddress, $0.count, value, value.count)
                }
            }
        }
        return list
    }

    // MARK: acknowledgements

    /// Records handed over and not yet acknowledged or failed.
    package var waiting: Int { reports ? unacknowledged : Int(rd_kafka_outq_len(client.handle)) }

    private func drain() {
        var reported = 0
        let life = client
        while !life.isClosed, let event = rd_kafka_queue_poll(mainQueue, 0) {
            switch rd_kafka_event_type(event) {
            case RD_KAFKA_EVENT_DR:
                while let message = rd_kafka_event_message_next(event) {
                    reported += 1
                    report(message.pointee, at: rd_kafka_message_timestamp(message, nil))
                }
            case RD_KAFKA_EVENT_ERROR: trouble(event)
            case RD_KAFKA_EVENT_LOG: readLog(event)
            default: break
            }
            rd_kafka_event_destroy(event)
            if reported >= Self.reportsPerTurnMax {
                client.wakeAgain()
                break
            }
        }
        if !flushes.isEmpty, !client.isClosed, waiting == 0 {
            for flush in exchange(&flushes, with: []) { flush.end(true) }
        }
    }

    private func report(_ message: rd_kafka_message_t, at milliseconds: Int64) {
        unacknowledged -= 1
        let slot = Int(bitPattern: message._private)
        let acknowledged = slot == 0 ? nil : slots.remove(slot)
        if message.err == RD_KAFKA_RESP_ERR_NO_ERROR {
            let place = KafkaAcknowledgement(
                offset: max(message.offset, -1), timestamp: Timestamp(milliseconds: milliseconds))
            acknowledged?(.success(place))
        } else {
            let failure = KafkaFailure(message.err, during: "produce", isFatal: isBroken)
            if let acknowledged { acknowledged(.failure(failure)) } else { onFailure?(failure) }
        }
    }

    private func trouble(_ event: OpaquePointer) {
        let code = rd_kafka_event_error(event)
        if code == RD_KAFKA_RESP_ERR__FATAL || rd_kafka_event_error_is_fatal(event) != 0 {
            giveUp(fatalFailure())
        } else {
            callbacks.trouble(code.rawValue, rd_kafka_event_error_string(event), client.handle)
        }
    }

    /// Ends this life, and begins the next where that may help.
    private func giveUp(_ failure: KafkaFailure) {
        guard !isBroken else { return }
        let now = ContinuousClock.now
        renewals.removeAll { $0.duration(to: now) > Self.renewalsWithin }
        guard hasProducerID, renewals.count < Self.renewalsMax, let (next, callbacks) = try? beginLife() else {
            isBroken = true
            onFatal?(failure)
            return
        }
        renewals.append(now)
        let waited = unacknowledged
        client.close()
        (client, self.callbacks) = (next, callbacks)
        callbacks.onTrouble = onTrouble
        mainQueue = rd_kafka_queue_get_main(next.handle)
        (hasMetadata, hasProducerID, producerIDPatience, unacknowledged) = (false, false, nil, 0)
        let lost = slots.removeAll()
        listen()
        onRenewed?(failure)
        for acknowledged in lost { acknowledged(.failure(failure)) }
        for flush in exchange(&flushes, with: []) { flush.end(waited == 0) }
    }

    private func fatalFailure() -> KafkaFailure {
        var text = [CChar](repeating: 0, count: 512)
        let code = rd_kafka_fatal_error(client.handle, &text, text.count)
        let said = text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        return KafkaFailure(code, during: "produce", text: said, isFatal: true)
    }

    // MARK: ready

    /// The library tells nobody that it was given a producer id, except its debug log ("… -> Assigned"). Once that is
    /// read the log is switched off.
    private func readLog(_ event: OpaquePointer) {
        guard !hasProducerID else { return }
        var facility: UnsafePointer<CChar>?
        var text: UnsafePointer<CChar>?
        var level: Int32 = 0
        guard rd_kafka_event_log(event, &facility, &text, &level) == 0, let facility, let text,
            String(cString: facility) == "IDEMPSTATE", String(cString: text).hasSuffix("-> Assigned")
        else { return }
        takeProducerIDAsGiven()
    }

    /// Should the library word its log differently, the first record of each life waits instead of the whole service.
    private func limitWaitForProducerID() {
        guard !hasProducerID else { return }
        producerIDPatience = client.loop.schedule(after: .seconds(5)) { [unowned self] in takeProducerIDAsGiven() }
    }

    private func takeProducerIDAsGiven() {
        producerIDPatience = nil
        hasProducerID = true
        rd_kafka_set_log_level(client.handle, 0)
        becomeReady()
    }

    private func becomeReady() {
        guard hasMetadata, hasProducerID, !isReady, !client.isClosed else { return }
        isReady = true
        tellReady()
    }

    private func tellReady() { exchange(&onReady, with: nil)?() }

    // MARK: ending

    /// - Parameter done: true when nothing waits any more, false when that took longer than `within`. On the loop.
    package func flush(within limit: Duration, _ done: @escaping (Bool) -> Void) {
        let flush = Flush(done)
        flush.deadline = client.loop.schedule(after: limit) { [weak self] in
            self?.flushes.removeAll { $0 === flush }
            flush.end(false)
        }
        flushes.append(flush)
        client.wakeAgain()
    }

    /// Ends the producer. What was not acknowledged may be written or not, and nobody is told: flush first. Twice is once.
    /// - Parameter done: on the loop, when its threads have ended.
    package func close(_ done: (() -> Void)? = nil) {
        if !client.isClosed { for flush in exchange(&flushes, with: []) { flush.end(waiting == 0) } }
        client.close(done)
    }
}

private final class Flush {
    var deadline: LoopTimer?
    private var done: ((Bool) -> Void)?

    init(_ done: @escaping (Bool) -> Void) { self.done = done }

    func end(_ isEmpty: Bool) {
        deadline = nil
        exchange(&done, with: nil)?(isEmpty)
    }
}

/// Closures waiting for their record's report. A record carries the number of its slot; 0 is none.
private struct AcknowledgementSlots<Body> {
    private var items: [(number: Int, body: Body)?] = [nil]
    private var free: [Int] = []
    private var inserted = 0

    mutating func insert(_ body: Body) -> Int {
        inserted += 1
        if let slot = free.popLast() {
            items[slot] = (inserted, body)
            return slot
        }
        items.append((inserted, body))
        return items.count - 1
    }

    mutating func remove(_ slot: Int) -> Body? {
        free.append(slot)
        return exchange(&items[slot], with: nil)?.body
    }

    /// In the order in which they came.
    mutating func removeAll() -> [Body] {
        let all = items.compactMap { $0 }.sorted { $0.number < $1.number }
        (items, free) = ([nil], [])
        return all.map(\.body)
    }
}
