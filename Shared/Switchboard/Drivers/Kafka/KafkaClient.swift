internal import CRdkafka
internal import Dispatch
internal import Glibc

/// One client of librdkafka on a loop: its handle, its topics, and how its queues wake the loop. The producer and the
/// consumers each own one.
///
/// The queues write to an eventfd when they become non-empty. It is watched for its edges and never read, so whoever is
/// woken drains until nothing is left. A quiet topic wakes nobody, but a consumer that is not polled for ten seconds is
/// put out of its group: hence a tick each second.
final class KafkaClient {
    let handle: OpaquePointer
    let loop: EventLoop
    let topicIDs: [String: KafkaTopicID]
    /// In the order in which they were named.
    private(set) var topics: [OpaquePointer] = []
    private(set) var isClosed = false
    /// What went wrong with brokers or the group, not with a record: the same code at most once in `troubleSilence`.
    var onTrouble: ((KafkaFailure) -> Void)? {
        get { callbacks.onTrouble }
        set { callbacks.onTrouble = newValue }
    }
    /// Calls that block run here, in order; the last one destroys the handle.
    let blocking = DispatchQueue(label: "kafka.blocking")

    private let callbacks: KafkaCallbacks
    private let wakeFD: Int32
    private var queues: [OpaquePointer] = []
    private var watch: LoopWatch?
    private var tick: LoopTimer?
    private var onClosed: [() -> Void] = []
    private var hasEnded = false
    /// Held by what asks for metadata.
    var metadataRetry: LoopTimer?

    private static let tickInterval: Duration = .seconds(1)

    /// - Parameter configuration: from `KafkaSettings.configuration`; taken over, or freed on failure.
    init(
        _ type: rd_kafka_type_t, configuration: OpaquePointer, topics names: [String], loop: EventLoop,
        callbacks: KafkaCallbacks, operation: String
    ) throws(KafkaFailure) {
        loop.checkIsolated()
        self.loop = loop
        self.callbacks = callbacks
        topicIDs = Dictionary(
            names.enumerated().map { ($1, KafkaTopicID($0)) }, uniquingKeysWith: { first, _ in first })
        precondition(topicIDs.count == names.count, "a topic is named twice")
        rd_kafka_conf_set_opaque(configuration, Unmanaged.passUnretained(callbacks).toOpaque())
        rd_kafka_conf_set_error_cb(configuration) { handle, code, reason, opaque in
            KafkaCallbacks.from(opaque).trouble(code, reason, handle)
        }
        var text = [CChar](repeating: 0, count: 512)
        guard let handle = rd_kafka_new(type, configuration, &text, text.count) else {
            rd_kafka_conf_destroy(configuration)
            let said = text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
            throw KafkaFailure(RD_KAFKA_RESP_ERR__INVALID_ARG, during: operation, text: said)
        }
        self.handle = handle
        wakeFD = crdkafka_wake_descriptor()
        precondition(wakeFD >= 0, "no eventfd left")
        for (index, name) in names.enumerated() {
            let configuration = rd_kafka_default_topic_conf_dup(handle)
            // A message names its topic by a handle; what is stored in that handle is the topic's place, plus one.
            rd_kafka_topic_conf_set_opaque(configuration, UnsafeMutableRawPointer(bitPattern: index + 1))
            guard let topic = rd_kafka_topic_new(handle, name, configuration) else {
                let failure = KafkaFailure(rd_kafka_last_error(), during: operation, text: "topic '\(name)' is refused")
                close()
                throw failure
            }
            topics.append(topic)
        }
    }

    deinit { precondition(isClosed, "a Kafka client was let go without being closed") }

    /// Lets `queues` (owned from here on) wake the loop, which then calls `serve`, and so does the tick.
    func wake(by queues: [OpaquePointer], _ serve: @escaping () -> Void) {
        self.queues = queues
        watch = loop.watch(wakeFD, for: .read, edge: true, serve)
        tick = loop.every(Self.tickInterval, serve)
        for queue in queues { enable(queue) }
        // What was queued before wakes nobody.
        wakeAgain()
    }

    func alsoWake(by queue: OpaquePointer) {
        queues.append(queue)
        enable(queue)
    }

    /// Calls `serve` again when sockets and timers have had their turn.
    func wakeAgain() { crdkafka_wake(wakeFD) }

    private func enable(_ queue: OpaquePointer) {
        var one: UInt64 = 1
        rd_kafka_queue_io_event_enable(queue, wakeFD, &one, MemoryLayout<UInt64>.size)
    }

    func topicID(of topic: OpaquePointer) -> KafkaTopicID? {
        let place = Int(bitPattern: rd_kafka_topic_opaque(topic))
        return place > 0 ? KafkaTopicID(place - 1) : nil
    }

    /// Frees everything, the handle on a thread of its own since that waits for librdkafka's threads. Once; later calls
    /// only wait for the end of it.
    /// - Parameter done: on the loop.
    func close(_ done: (() -> Void)? = nil) {
        if let done { if hasEnded { loop.atEndOfTurn(done) } else { onClosed.append(done) } }
        guard !isClosed else { return }
        isClosed = true
        watch = nil
        tick = nil
        metadataRetry = nil
        // Not in the middle of a drain: the record in hand must be gone before its client is.
        loop.atEndOfTurn { self.destroy() }
    }

    private func destroy() {
        for queue in queues {
            rd_kafka_queue_io_event_enable(queue, -1, nil, 0)
            rd_kafka_queue_destroy(queue)
        }
        for topic in topics { rd_kafka_topic_destroy(topic) }
        let remains = Remains(handle: handle, callbacks: callbacks, wakeFD: wakeFD)
        let me = LoopBound(self, on: loop)
        blocking.async { [loop] in
            remains.destroy()
            loop.execute {
                guard let client = me.value else { return }
                me.value = nil
                client.hasEnded = true
                for body in exchange(&client.onClosed, with: []) { body() }
            }
        }
    }
}

/// What is left of a closed client, on its way to the thread that destroys it.
private struct Remains: @unchecked Sendable {
    let handle: OpaquePointer
    let callbacks: KafkaCallbacks
    let wakeFD: Int32

    func destroy() {
        rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
        close(wakeFD)
    }
}

/// What librdkafka calls while it is polled, hence on the loop.
final class KafkaCallbacks {
    var onTrouble: ((KafkaFailure) -> Void)?
    var onRebalance: ((rd_kafka_resp_err_t, UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?) -> Void)?

    private var lastTold: [Int32: ContinuousClock.Instant] = [:]

    /// A broker that is away makes an error of each attempt to reach it. It is told once in this time.
    private static let troubleSilence: Duration = .seconds(60)

    static func from(_ opaque: UnsafeMutableRawPointer?) -> KafkaCallbacks {
        Unmanaged<KafkaCallbacks>.fromOpaque(opaque!).takeUnretainedValue()
    }

    func trouble(_ code: Int32, _ reason: UnsafePointer<CChar>?, _ handle: OpaquePointer?) {
        let text = reason.map { String(cString: $0) }
        trouble(KafkaFailure(rd_kafka_resp_err_t(code), during: "reach Kafka", text: text))
    }

    func trouble(_ failure: KafkaFailure) {
        let now = ContinuousClock.now
        if let last = lastTold[failure.code], now - last < Self.troubleSilence { return }
        lastTold[failure.code] = now
        onTrouble?(failure)
    }
}
