internal import CRdkafka
internal import Dispatch

/// The librdkafka that this process has loaded.
package enum KafkaLibrary {
    /// SCRAM as RFC 5802 has it. Before 2.6.1 the client's nonce is sent twice, which Apache Kafka refuses since 3.8.1.
    package static var speaksSCRAM: Bool { rd_kafka_version() >= 0x0206_01ff }
}

/// One partition of a topic, by name.
package struct KafkaPartition: Hashable, Sendable {
    package var topic: String
    package var partition: Int32

    package init(_ topic: String, _ partition: Int32) {
        self.topic = topic
        self.partition = partition
    }
}

/// A topic as a service needs it.
package struct KafkaTopicSpecification: Hashable, Sendable {
    package var name: String
    package var partitions: Int32
    /// Copies of each partition; nil leaves that to the broker, and any number will do.
    package var replication: Int32?
    /// By Kafka's names, such as `retention.ms`.
    package var configs: [String: String]

    package init(_ name: String, partitions: Int32, replication: Int32? = nil, configs: [String: String] = [:]) {
        self.name = name
        self.partitions = partitions
        self.replication = replication
        self.configs = configs
    }
}

/// Asks brokers what no record tells: where partitions end, which topics there are, whether anybody answers.
///
/// All of it blocks inside librdkafka, so it runs on threads of its own (one for offsets, one for the rest) and every
/// answer comes back on the loop. Made on a loop and used on it alone; close it before letting it go.
package final class KafkaAdmin {
    package typealias Answer<Value> = (Result<Value, KafkaFailure>) -> Void

    /// Brokers are away or refuse us; the same thing at most once a minute.
    package var onTrouble: ((KafkaFailure) -> Void)? {
        get { client.onTrouble }
        set { client.onTrouble = newValue }
    }

    private let client: KafkaClient
    private let calls: KafkaAdminCalls
    private let offsetsQueue = DispatchQueue(label: "kafka.offsets")
    private var waiting: [OffsetsCall] = []
    private var isRoundRunning = false
    private var isClosing = false

    private struct OffsetsCall {
        let partitions: [KafkaPartition]
        let edge: KafkaStart
        let answer: Answer<[KafkaPartition: Int64]>
    }

    package init(settings: KafkaSettings, loop: EventLoop) throws(KafkaFailure) {
        let configuration = try settings.configuration([:], of: "make an admin client")
        client = try KafkaClient(
            RD_KAFKA_PRODUCER, configuration: configuration, topics: [], loop: loop, callbacks: KafkaCallbacks(),
            operation: "make an admin client")
        let handle = client.handle
        calls = KafkaAdminCalls(handle: handle, settings: settings)
        client.wake(by: [rd_kafka_queue_get_main(handle)]) { rd_kafka_poll(handle, 0) }
    }

    deinit { precondition(isClosing, "an admin client was let go without being closed") }

    // MARK: offsets

    /// Where the partitions end: the offset that the next record will get. Asked of the brokers after this call, so every
    /// record acknowledged before it is counted. Calls that come while a round of asking runs share the next one.
    /// - Parameter answer: all of them, or a failure: after a second, or two when a round was running.
    package func endOffsets(of partitions: [KafkaPartition], _ answer: @escaping Answer<[KafkaPartition: Int64]>) {
        ask(OffsetsCall(partitions: partitions, edge: .end, answer: answer))
    }

    /// The offset of the oldest record of each partition, or its end when it is empty. Asked as `endOffsets` is.
    package func startOffsets(of partitions: [KafkaPartition], _ answer: @escaping Answer<[KafkaPartition: Int64]>) {
        ask(OffsetsCall(partitions: partitions, edge: .beginning, answer: answer))
    }

    private func ask(_ call: OffsetsCall) {
        guard !isClosing else {
            return call.answer(.failure(KafkaFailure(RD_KAFKA_RESP_ERR__DESTROY, during: "ask for offsets")))
        }
        waiting.append(call)
        if waiting.count == 1, !isRoundRunning { client.loop.atEndOfTurn { [weak self] in self?.startRound() } }
    }

    private func startRound() {
        guard !isRoundRunning, !waiting.isEmpty else { return }
        isRoundRunning = true
        let round = exchange(&waiting, with: [])
        let ends = Set(round.filter { $0.edge == .end }.flatMap(\.partitions))
        let starts = Set(round.filter { $0.edge == .beginning }.flatMap(\.partitions))
        let mine = LoopBound((admin: self, round: round), on: client.loop)
        offsetsQueue.async { [calls, loop = client.loop] in
            let ends = calls.offsets(of: ends, at: .end)
            let starts = calls.offsets(of: starts, at: .beginning)
            loop.execute {
                guard let (admin, round) = mine.value else { return }
                mine.value = nil
                admin.endRound(round, ends: ends, starts: starts)
            }
        }
    }

    private typealias Offsets = [KafkaPartition: Result<Int64, KafkaFailure>]

    private func endRound(_ round: [OffsetsCall], ends: Offsets, starts: Offsets) {
        isRoundRunning = false
        for call in round {
            let found = call.edge == .end ? ends : starts
            call.answer(
                Result { () throws(KafkaFailure) in
                    var offsets: [KafkaPartition: Int64] = [:]
                    for partition in call.partitions { offsets[partition] = try found[partition]?.get() }
                    return offsets
                })
        }
        startRound()
    }

    // MARK: topics

    /// Creates what is missing and checks what exists: the number of partitions, of copies, and the configs named. They
    /// all have leaders when it succeeds. Several services may do this at once.
    /// - Parameter answer: a failure that may not pass names each difference.
    package func createTopics(_ specifications: [KafkaTopicSpecification], _ answer: @escaping Answer<Void>) {
        errand(answer) { (calls) throws(KafkaFailure) in try calls.create(specifications) }
    }

    /// The number of partitions of each topic there is.
    package func topics(_ answer: @escaping Answer<[String: Int32]>) {
        errand(answer) { (calls) throws(KafkaFailure) in
            try calls.topics(during: "list topics").mapValues { Int32($0.partitions) }
        }
    }

    /// How long a broker takes to answer; a failure when none does within three seconds.
    package func ping(_ answer: @escaping Answer<Duration>) {
        errand(answer) { (calls) throws(KafkaFailure) in try calls.ping() }
    }

    /// How many records of each partition a group has not committed yet. For groups that commit to the broker, as a
    /// customer's do; partitions without a commit are left out.
    package func lag(
        of group: String, in partitions: [KafkaPartition], _ answer: @escaping Answer<[KafkaPartition: Int64]>
    ) {
        errand(answer) { (calls) throws(KafkaFailure) in try calls.lag(of: group, in: partitions) }
    }

    private func errand<Value: Sendable>(
        _ answer: @escaping Answer<Value>,
        _ body: @escaping @Sendable (KafkaAdminCalls) throws(KafkaFailure) -> Value
    ) {
        guard !isClosing else { return answer(.failure(KafkaFailure(RD_KAFKA_RESP_ERR__DESTROY, during: "ask Kafka"))) }
        let answer = LoopBound(answer, on: client.loop)
        client.blocking.async { [calls, loop = client.loop] in
            let result = Result { () throws(KafkaFailure) in try body(calls) }
            loop.execute {
                let body = answer.value
                answer.value = nil
                body?(result)
            }
        }
    }

    /// What was asked before is still answered. Twice is once.
    /// - Parameter done: on the loop, when its threads have ended.
    package func close(_ done: (() -> Void)? = nil) {
        guard !isClosing else { return client.close(done) }
        isClosing = true
        startRound()
        let mine = LoopBound((client: client, done: done), on: client.loop)
        offsetsQueue.async { [loop = client.loop] in
            loop.execute {
                mine.value?.client.close(mine.value?.done)
                mine.value = nil
            }
        }
    }
}
