import Glibc
import Switchboard

/// One process of a measurement of the log, through our own driver; `Deploy/Local/bench-log` starts them and reads the
/// lines they print. The C program beside it (`Tests/Broker/bare_client.c`) writes and reads the same records.
final class LogLoad {
    enum Kind: String {
        /// Makes the topics; the count is the number of copies.
        case topics
        /// Writes `count` records, `rate` a second, or as fast as it goes in batches where that is 0.
        case produce
        /// Reads `count` records from the beginning on.
        case consume
        /// Writes to an inbox, and reads the deliveries that come back from `relay`.
        case dial
        /// For each record of the inbox one to the log, and once that is acknowledged one to the deliveries.
        case relay
    }

    struct Plan {
        var kind: Kind
        var bootstrap: String
        var topic: String
        var rate: Int
        var count: Int

        var inbox: String { topic + ".inbox" }
        var log: String { topic + ".log" }
        var deliveries: String { topic + ".deliveries" }
    }

    private let plan: Plan
    private let loop: EventLoop
    private var producer: KafkaProducer?
    private var reader: KafkaReader?
    private var admin: KafkaAdmin?
    private var timer: LoopTimer?
    private var isWriterReady = false
    private var isReaderReady = false
    private var start: UInt64 = 0
    private var sent = 0
    private var record = [UInt8](repeating: 0x61, count: LogStamp.recordBytes)
    private var acknowledged = LogMeasured(what: "acknowledged")
    private var read = LogMeasured(what: "read")

    /// A full producer is filled again as soon as it has sent some.
    private static let waitingMax = 50_000
    private static let company = Duration.milliseconds(5)

    init(_ plan: Plan, loop: EventLoop) {
        self.plan = plan
        self.loop = loop
    }

    func begin() throws(KafkaFailure) {
        switch plan.kind {
        case .topics: try makeTopics()
        case .produce: try openProducer([plan.topic])
        case .consume: try openReader(plan.topic)
        case .dial:
            try openProducer([plan.inbox])
            try openReader(plan.deliveries)
        case .relay:
            try openProducer([plan.log, plan.deliveries])
            try openReader(plan.inbox)
        }
    }

    private var settings: KafkaSettings { KafkaSettings(bootstrap: plan.bootstrap, clientID: "load") }

    private func makeTopics() throws(KafkaFailure) {
        let admin = try KafkaAdmin(settings: settings, loop: loop)
        self.admin = admin
        let topics = [plan.topic, plan.inbox, plan.log, plan.deliveries].map {
            KafkaTopicSpecification(
                $0, partitions: 1, replication: Int32(plan.count),
                configs: ["message.timestamp.type": "LogAppendTime"])
        }
        admin.createTopics(topics) { result in
            if case .failure(let failure) = result { Self.giveUp(failure) }
            exit(0)
        }
    }

    private func openProducer(_ topics: [String]) throws(KafkaFailure) {
        let producer = try KafkaProducer(
            settings: settings, loop: loop, lazy: plan.rate == 0 ? Self.company : nil, topics: topics)
        self.producer = producer
        producer.onFatal = { Self.giveUp($0) }
        producer.onReady = { [self] in
            isWriterReady = true
            startIfReady()
        }
    }

    private func openReader(_ topic: String) throws(KafkaFailure) {
        let reader = try KafkaReader(settings: settings, topics: [topic], loop: loop)
        self.reader = reader
        reader.onFailure = { _, _, failure in Self.giveUp(failure) }
        reader.onRecord = { [self] in took($0) }
        reader.onEnd = { [self] _, _ in
            guard !isReaderReady else { return }
            isReaderReady = true
            startIfReady()
        }
        reader.onReady = { reader.add(KafkaTopicID(0), 0, at: .beginning) }
    }

    private func startIfReady() {
        guard producer == nil || isWriterReady, reader == nil || isReaderReady else { return }
        Console.announce("ready")
        guard plan.kind == .produce || plan.kind == .dial else { return }
        start = monotonicNanoseconds()
        timer = loop.every(.milliseconds(1)) { [self] in sendWhatIsDue() }
    }

    // MARK: writing

    private func sendWhatIsDue() {
        let elapsed = monotonicNanoseconds() - start
        let due = plan.rate == 0 ? plan.count : min(plan.count, Int(elapsed) / (1_000_000_000 / plan.rate))
        while sent < due, (producer?.waiting ?? 0) < Self.waitingMax {
            let now = monotonicNanoseconds()
            LogStamp(number: sent, time: now).write(to: &record)
            do {
                try producer?.produce(topic: KafkaTopicID(0), partition: 0, key: [], value: record) { [self] result in
                    if case .failure(let failure) = result { Self.giveUp(failure) }
                    acknowledged.note(sentAt: now, start: start)
                    finishIfDone()
                }
            } catch {
                Self.giveUp(error)
            }
            sent += 1
        }
    }

    private func put(_ record: [UInt8], to topic: Int, _ then: @escaping () -> Void) {
        do {
            try producer?.produce(topic: KafkaTopicID(topic), partition: 0, key: [], value: record) { result in
                if case .failure(let failure) = result { Self.giveUp(failure) }
                then()
            }
        } catch {
            Self.giveUp(error)
        }
    }

    // MARK: reading

    private func took(_ record: KafkaRecord) {
        guard let stamp = LogStamp(record.value) else { return }
        if read.count == 0 { start = max(start, stamp.time) }
        if stamp.number != read.count { read.outOfOrder += 1 }
        read.note(sentAt: stamp.time, start: start)
        if plan.kind == .relay {
            let bytes = Array(record.value)
            put(bytes, to: 0) { [self] in
                put(bytes, to: 1) { [self] in
                    acknowledged.note(sentAt: stamp.time, start: start)
                    finishIfDone()
                }
            }
        }
        finishIfDone()
    }

    private func finishIfDone() {
        let isWritten = producer == nil || acknowledged.count == plan.count
        let isRead = reader == nil || read.count == plan.count
        guard isWritten && isRead else { return }
        if producer != nil { acknowledged.report() }
        if reader != nil { read.report() }
        exit(0)
    }

    private static func giveUp(_ failure: KafkaFailure) {
        Console.complain("\(failure)")
        exit(1)
    }
}

/// What a record of 200 bytes says: the how many-th it is, from 0, and when it was handed to its producer.
struct LogStamp {
    static let recordBytes = 200
    let number: Int
    let time: UInt64

    init(number: Int, time: UInt64) {
        self.number = number
        self.time = time
    }

    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= 16 else { return nil }
        number = Int(truncatingIfNeeded: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self))
        time = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
    }

    func write(to record: inout [UInt8]) {
        record.withUnsafeMutableBytes {
            $0.storeBytes(of: UInt64(number), toByteOffset: 0, as: UInt64.self)
            $0.storeBytes(of: time, toByteOffset: 8, as: UInt64.self)
        }
    }
}

/// How long records took. The first tenth warms up and is not counted in the percentiles.
struct LogMeasured: Message {
    var what = ""
    var count = 0
    /// From the first record handed over to the last one that came.
    var milliseconds = 0
    var p50Microseconds = 0
    var p99Microseconds = 0
    /// Records that were not the next one: missing before it, or there twice.
    var outOfOrder = 0
    var cpuMicroseconds = 0
    private var microseconds: [UInt32] = []
    private var start: UInt64 = 0

    init() {}

    init(what: String) { self.what = what }

    mutating func note(sentAt time: UInt64, start: UInt64) {
        if count == 0 { self.start = start }
        count += 1
        microseconds.append(UInt32(clamping: (monotonicNanoseconds() - time) / 1000))
    }

    mutating func report() {
        milliseconds = Int((monotonicNanoseconds() - start) / 1_000_000)
        let sorted = microseconds.dropFirst(count / 10).sorted()
        if !sorted.isEmpty {
            p50Microseconds = Int(sorted[sorted.count / 2])
            p99Microseconds = Int(sorted[sorted.count * 99 / 100])
        }
        var used = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used)
        cpuMicroseconds = used.tv_sec * 1_000_000 + used.tv_nsec / 1000
        Console.report(self)
    }

    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("what", &what)
        try c("count", &count)
        try c("milliseconds", &milliseconds)
        try c("p50Microseconds", &p50Microseconds)
        try c("p99Microseconds", &p99Microseconds)
        try c("outOfOrder", &outOfOrder)
        try c("cpuMicroseconds", &cpuMicroseconds)
    }
}
