import Glibc
import Switchboard

/// How long the takeover of all partitions takes, with so many live calls: their logs are written by owners, as services
/// write them, and read by the next; in memory, and over a broker where one is named.
final class ReplayLoad {
    struct Measurement: Message {
        var liveCalls = 0
        var partitions = 0
        var records = 0
        var recordsRead = 0
        var megabytes = 0
        /// In memory, on one core.
        var memoryMs = 0
        var microsecondsPerCall = 0.0
        /// From joining the group to the last partition owned.
        var brokerMs: Int?

        mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("liveCalls", &liveCalls)
            try c("partitions", &partitions)
            try c("records", &records)
            try c("recordsRead", &recordsRead)
            try c("megabytes", &megabytes)
            try c("memoryMs", &memoryMs)
            try c("microsecondsPerCall", &microsecondsPerCall)
            try c("brokerMs", &brokerMs)
        }
    }

    private static let app = AppKey("0a1b2c3d4e5f")
    private let loop: EventLoop
    private let calls: Int
    private let settings: LedgerSettings?
    private var measurement = Measurement()
    private var ports: [ReplayPorts] = []
    private var owners: [PartitionOwner<CallBook>] = []
    private var inboxEnds: [Int64]
    private var admin: KafkaAdmin?
    private var producer: KafkaProducer?
    private var world: LedgerWorld?
    private var owned: Set<Int32> = []
    private var begun = ContinuousClock.now

    private static let partitions: Int32 = 8

    /// - Parameter port: of a broker on this machine that has no topics yet.
    init(calls: Int, port: Int?, loop: EventLoop) {
        self.calls = calls
        self.loop = loop
        inboxEnds = Array(repeating: 0, count: Int(Self.partitions))
        settings = port.map { port in
            LedgerSettings(
                kafka: KafkaSettings(bootstrap: "127.0.0.1:\(port)", clientID: "replay"), group: "replay",
                partitions: Self.partitions)
        }
    }

    func run() {
        for partition in 0..<Self.partitions {
            let port = ReplayPorts()
            let owner = PartitionOwner(partition: partition, book: CallBook(media: MediaGrants(urls: [])), ports: port)
            owner.start()
            port.settle()
            ports.append(port)
            owners.append(owner)
        }
        for number in 0..<calls { dial(number) }
        measurement.partitions = Int(Self.partitions)
        measurement.liveCalls = owners.reduce(0) { $0 + $1.liveCount }
        measurement.records = ports.reduce(0) { $0 + $1.log.count }
        measurement.megabytes = ports.reduce(0) { $0 + $1.log.reduce(0) { $0 + $1.count } } / 1_000_000
        owners = []
        takeOverInMemory()
        guard let settings else { return finish() }
        fill(settings)
    }

    // MARK: the logs

    private func dial(_ number: Int) {
        let hex = String(number, radix: 16)
        let id = CallID("00000000-0000-4000-8000-" + String(repeating: "0", count: 12 - hex.count) + hex)
        let key = RecordKey.of(Self.app, id)
        let partition = PartitionHash.partition(of: key.utf8, count: Self.partitions)
        let caller = by(UserID("caller-\(number)"), "phone", number * 2)
        let callee = by(UserID("callee-\(number)"), "phone", number * 2 + 1)
        var start = CallInput.Start()
        start.by = caller
        start.by.asker = Asker(connection: caller.device.connection ?? Connection(), request: "1")
        start.profile = Profile(name: "Caller \(number)")
        start.callees = [callee.user]
        var presence = Presence()
        presence.devices = [callee.device]
        presence.profile = Profile(name: "Callee \(number)")
        start.presences = [presence, Presence()]
        var accept = CallInput.Accept()
        accept.by = callee
        for (index, input) in [
            .start(start), .joined(joined(caller, 1, number)), .ringing(callee), .accept(accept),
            .joined(joined(callee, 2, number)),
        ].enumerated() as EnumeratedSequence<[CallInput]> {
            put(input, key, partition, command: "\(caller.user)/phone/\(index)")
        }
    }

    private func by(_ user: UserID, _ device: String, _ number: Int) -> CallInput.By {
        let connection = Connection(
            partition: Int32(number % 8), gateway: "5f0c9c1e-7a49-4a4e-9f0e-2f1f0a6f5c11", number: UInt64(number))
        return CallInput.By(user: user, device: Device(id: DeviceID(device), connection: connection))
    }

    private func joined(_ by: CallInput.By, _ join: Int, _ number: Int) -> CallInput.Joined {
        var joined = CallInput.Joined()
        joined.user = by.user
        joined.device = by.device.id
        joined.joinID = JoinID("\(join)")
        joined.session = SessionID("users-3-\(number)-0")
        return joined
    }

    private func put(_ input: CallInput, _ key: String, _ partition: Int32, command: String) {
        let at = Int(partition)
        let offset = inboxEnds[at]
        inboxEnds[at] += 1
        let (port, owner) = (ports[at], owners[at])
        port.now = port.now + .milliseconds(offset % 4 == 0 ? 1 : 0)
        var record = InboxRecord(input, command: command)
        if case .joined = input { record.command = nil }
        Array(key.utf8).withUnsafeBytes { key in
            record.encoded().withUnsafeBytes { value in
                _ = owner.receive(offset: offset, time: port.now, key: key, value: value)
            }
        }
        owner.pump()
        port.settle()
    }

    // MARK: in memory

    private func takeOverInMemory() {
        let begun = ContinuousClock.now
        var live = 0
        for (partition, port) in ports.enumerated() {
            port.recordsRead = 0
            let owner = PartitionOwner(
                partition: Int32(partition), book: CallBook(media: MediaGrants(urls: [])), ports: port)
            owner.start()
            port.settle()
            live += owner.liveCount
            owners.append(owner)
        }
        let spent = begun.duration(to: .now)
        if live != measurement.liveCalls { Console.complain("\(live) live calls after the takeover") }
        measurement.recordsRead = ports.reduce(0) { $0 + $1.recordsRead }
        measurement.memoryMs = Int(spent.milliseconds)
        measurement.microsecondsPerCall = Double(spent.milliseconds * 1000) / Double(max(live, 1))
        owners = []
    }

    // MARK: over a broker

    private func fill(_ settings: LedgerSettings) {
        do {
            let admin = try KafkaAdmin(settings: settings.kafka, loop: loop)
            self.admin = admin
            admin.createTopics(settings.topics) { [self] result in
                if case .failure(let failure) = result { return give(up: failure.description) }
                write(settings)
            }
        } catch {
            give(up: error.description)
        }
    }

    private func write(_ settings: LedgerSettings) {
        do {
            let producer = try KafkaProducer(settings: settings.kafka, loop: loop, topics: [LedgerName.calls.log])
            self.producer = producer
            producer.onReady = { [unowned self] in writeOn(0, 0) }
        } catch {
            give(up: error.description)
        }
    }

    /// As much as the producer takes at once, then again.
    private func writeOn(_ partition: Int, _ offset: Int) {
        guard let producer else { return }
        var (partition, offset) = (partition, offset)
        while partition < ports.count {
            guard offset < ports[partition].log.count else {
                (partition, offset) = (partition + 1, 0)
                continue
            }
            do {
                try producer.produce(
                    topic: KafkaTopicID(0), partition: Int32(partition), key: [], value: ports[partition].log[offset])
                offset += 1
            } catch {
                guard error.isQueueFull else { return give(up: error.description) }
                timer = loop.schedule(after: .milliseconds(20)) { [unowned self, partition, offset] in
                    writeOn(partition, offset)
                }
                return
            }
        }
        producer.flush(within: .seconds(60)) { [self] _ in takeOver() }
    }
    private var timer: LoopTimer?

    private func takeOver() {
        guard let settings else { return }
        ports = []
        do {
            let log = Log(service: "replay", level: .warning)
            let world = try LedgerWorld(loop: loop, settings: settings, mirror: NoStateMirror(loop: loop), log: log)
            self.world = world
            let ledger = world.add(CallBook(media: MediaGrants(urls: [])))
            ledger.onOwnership = { [unowned self] partition, owns in
                guard owns else { return }
                owned.insert(partition)
                guard owned.count == Int(Self.partitions) else { return }
                measurement.brokerMs = Int(begun.duration(to: .now).milliseconds)
                finish()
            }
            world.onReady = { [unowned self] in begun = .now }
            world.onFatal = { [unowned self] reason in give(up: reason) }
            world.start()
        } catch {
            give(up: "\(error)")
        }
    }

    private func finish() {
        Console.report(measurement)
        exit(0)
    }

    private func give(up reason: String) {
        Console.complain(reason)
        exit(1)
    }
}
