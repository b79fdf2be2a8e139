import Glibc
import Switchboard

/// How long one process needs to take over all partitions of calls, over a broker: their logs and inboxes are written as
/// services write them, and a process that joins the owners' group takes them all.
final class ReplayLoad {
    struct Measurement: Message {
        var what = "takeover"
        var liveCalls = 0
        var partitions = 0
        /// In the logs, and their size.
        var records = 0
        var megabytes = 0
        /// From the group's assignment to the last partition owned.
        var milliseconds = 0
        /// From asking to join to the assignment.
        var joinMilliseconds = 0
        /// Of this process, with all its threads, from the assignment to the last partition owned.
        var cpuMilliseconds = 0
        var cpuMicrosecondsPerCall = 0.0
        /// The longest that the loop was away from its timers meanwhile.
        var stallMilliseconds = 0

        mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("what", &what)
            try c("liveCalls", &liveCalls)
            try c("partitions", &partitions)
            try c("records", &records)
            try c("megabytes", &megabytes)
            try c("milliseconds", &milliseconds)
            try c("joinMilliseconds", &joinMilliseconds)
            try c("cpuMilliseconds", &cpuMilliseconds)
            try c("cpuMicrosecondsPerCall", &cpuMicrosecondsPerCall)
            try c("stallMilliseconds", &stallMilliseconds)
        }
    }

    private let loop: EventLoop
    private let settings: LedgerSettings
    private var logs: [[[UInt8]]] = []
    private var inboxes: [[ReplayCalls.InboxLine]] = []
    private var measurement = Measurement()
    private var admin: KafkaAdmin?
    private var producer: KafkaProducer?
    private var world: LedgerWorld?
    private var timer: LoopTimer?
    private var owned: Set<Int32> = []

    // The moments of a takeover.
    private var joined = ContinuousClock.now
    private var assigned: (at: ContinuousClock.Instant, cpu: Duration)?
    private var lastBeat = ContinuousClock.now

    private static let beat: Duration = .milliseconds(10)

    /// - Parameter port: of a broker on this machine that has no topics yet.
    init(calls: Int, port: Int, partitions: Int, loop: EventLoop) {
        self.loop = loop
        settings = LedgerSettings(
            kafka: KafkaSettings(bootstrap: "127.0.0.1:\(port)", clientID: "replay"), group: "replay",
            partitions: Int32(partitions))
        measurement.partitions = partitions
        measurement.liveCalls = calls
    }

    func run() {
        let calls = ReplayCalls(calls: measurement.liveCalls, partitions: Int32(measurement.partitions))
        guard calls.liveCalls == measurement.liveCalls else { return give(up: "\(calls.liveCalls) calls live") }
        logs = calls.logs
        inboxes = calls.inboxes
        measurement.records = logs.reduce(0) { $0 + $1.count }
        measurement.megabytes = logs.reduce(0) { $0 + $1.reduce(0) { $0 + $1.count } } / 1_000_000
        makeTopics()
    }

    // MARK: filling the broker

    private func makeTopics() {
        do {
            let admin = try KafkaAdmin(settings: settings.kafka, loop: loop)
            self.admin = admin
            admin.createTopics(settings.topics) { [self] result in
                if case .failure(let failure) = result { return give(up: failure.description) }
                openProducer()
            }
        } catch {
            give(up: error.description)
        }
    }

    private func openProducer() {
        do {
            let topics = [LedgerName.calls.log, LedgerName.calls.inbox]
            let producer = try KafkaProducer(settings: settings.kafka, loop: loop, topics: topics)
            self.producer = producer
            producer.onReady = { [unowned self] in write(partition: 0, logOffset: 0, inboxOffset: 0) }
        } catch {
            give(up: error.description)
        }
    }

    /// As much as the producer takes at once, then again.
    private func write(partition: Int, logOffset: Int, inboxOffset: Int) {
        guard let producer else { return }
        var (partition, logOffset, inboxOffset) = (partition, logOffset, inboxOffset)
        do throws(KafkaFailure) {
            while partition < logs.count {
                while logOffset < logs[partition].count {
                    try producer.produce(
                        topic: KafkaTopicID(0), partition: Int32(partition), key: [], value: logs[partition][logOffset])
                    logOffset += 1
                }
                while inboxOffset < inboxes[partition].count {
                    let line = inboxes[partition][inboxOffset]
                    try producer.produce(
                        topic: KafkaTopicID(1), partition: Int32(partition), key: line.key, value: line.value)
                    inboxOffset += 1
                }
                (partition, logOffset, inboxOffset) = (partition + 1, 0, 0)
            }
        } catch {
            guard error.isQueueFull else { return give(up: error.description) }
            timer = loop.schedule(after: .milliseconds(20)) { [unowned self, partition, logOffset, inboxOffset] in
                write(partition: partition, logOffset: logOffset, inboxOffset: inboxOffset)
            }
            return
        }
        producer.flush(within: .seconds(60)) { [self] isWritten in
            guard isWritten else { return give(up: "the broker did not take the logs") }
            (logs, inboxes) = ([], [])
            takeOver()
        }
    }

    // MARK: taking over

    private func takeOver() {
        do {
            let log = Log(service: "replay", level: .warning)
            let world = try LedgerWorld(loop: loop, settings: settings, mirror: NoStateMirror(loop: loop), log: log)
            self.world = world
            let ledger = world.add(CallBook(media: MediaGrants(urls: [])))
            ledger.onAssignment = { [unowned self] _ in beginMeasuring() }
            ledger.onOwnership = { [unowned self] partition, owns in
                guard owns else { return give(up: "partition \(partition) was given up") }
                owned.insert(partition)
                if owned.count == measurement.partitions { finish(live: ledger.liveCount) }
            }
            world.onReady = { [unowned self] in joined = .now }
            world.onFatal = { [unowned self] reason in give(up: reason) }
            world.start()
        } catch {
            give(up: "\(error)")
        }
    }

    private func beginMeasuring() {
        guard assigned == nil else { return }
        assigned = (.now, Self.cpu)
        lastBeat = .now
        timer = loop.every(Self.beat) { [unowned self] in listen() }
    }

    private func listen() {
        let away = lastBeat.duration(to: .now) - Self.beat
        measurement.stallMilliseconds = max(measurement.stallMilliseconds, Int(away.milliseconds))
        lastBeat = .now
    }

    private func finish(live: Int) {
        guard let assigned else { return }
        guard live == measurement.liveCalls else { return give(up: "\(live) live calls after the takeover") }
        let cpu = Self.cpu - assigned.cpu
        measurement.milliseconds = Int(assigned.at.duration(to: .now).milliseconds)
        measurement.joinMilliseconds = Int(joined.duration(to: assigned.at).milliseconds)
        measurement.cpuMilliseconds = Int(cpu.milliseconds)
        measurement.cpuMicrosecondsPerCall = Double(cpu.milliseconds * 1000) / Double(max(live, 1))
        Console.report(measurement)
        exit(0)
    }

    /// User and system time of all threads.
    private static var cpu: Duration {
        var use = rusage()
        getrusage(Int32(RUSAGE_SELF.rawValue), &use)
        return .seconds(use.ru_utime.tv_sec + use.ru_stime.tv_sec)
            + .microseconds(use.ru_utime.tv_usec + use.ru_stime.tv_usec)
    }

    private func give(up reason: String) {
        Console.complain(reason)
        exit(1)
    }
}
