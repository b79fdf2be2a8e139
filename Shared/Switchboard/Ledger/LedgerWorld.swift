/// What the ledgers of one process share: a member of the owners' group, a reader of logs, two producers, and the
/// mirror. Few clients: what costs is waking their threads.
package final class LedgerWorld {
    package let loop: EventLoop
    package let settings: LedgerSettings
    let log: Log
    let mirror: any StateMirror
    let admin: KafkaAdmin
    var consumer: KafkaGroupConsumer?
    /// On its way out of the group.
    private var leaving: KafkaGroupConsumer?
    var reader: KafkaReader?
    private var producer: KafkaProducer?
    private var framesProducer: KafkaProducer?
    var ledgers: [ServedLedger] = []
    var readings: [ReadingKey: LogReading] = [:]
    /// Those that the group's consumer reads.
    var inboxes: [ReadingKey: InboxOpening] = [:]
    private let records: Outgoing
    private let frames: Deliveries
    /// Effects that were let go for their size.
    var oversized: Counter?
    /// Partitions of `gateway.deliveries` whose frames were let go.
    var tornDeliveries: Counter?
    private var tickTimer: LoopTimer?
    private var lastTick = ContinuousClock.now
    private var isStopping = false
    /// Nothing is written or read any more.
    private var isClosed = false
    var hasLeft = false
    var departure = Departure.none
    /// While a copy that is alone finishes what it has begun.
    var finishing: LoopTimer?
    /// Inboxes that are read on, by the reader of logs, for partitions that another is about to take.
    var readOn: Set<ReadingKey> = []

    package var onReady: (() -> Void)?
    package var onFatal: ((String) -> Void)?
    /// It has left the group because it must not decide, or is back in it.
    package var onWithdrawn: ((_ isOut: Bool) -> Void)?

    struct ReadingKey: Hashable {
        let topic: KafkaTopicID
        let partition: Int32
    }

    /// One owner's reading of its inbox; each is another, also from the same offset.
    final class InboxOpening {
        let offset: Int64
        init(at offset: Int64) { self.offset = offset }
    }

    /// One owner's reading of its log.
    struct LogReading {
        let marker: Int64
        var start: LogStart
        let each: (Int64, UnsafeRawBufferPointer) -> Void
        let done: (Bool) -> Void
    }

    /// How often deadlines are looked at and refused work is tried again.
    private static let tickInterval: Duration = .milliseconds(100)
    /// How long a process whose clock was off stays out of the group.
    static let comeBackAfter: Duration = .seconds(60)
    var clockVerdicts = ClockVerdicts()
    /// When both clocks are read together first.
    private let clockStart = ContinuousClock.now

    /// On the loop.
    package init(loop: EventLoop, settings: LedgerSettings, mirror: any StateMirror, log: Log) throws(KafkaFailure) {
        self.loop = loop
        self.settings = settings
        self.mirror = mirror
        self.log = log
        records = Outgoing(on: loop)
        frames = Deliveries(on: loop)
        admin = try KafkaAdmin(settings: settings.kafka, loop: loop)
        admin.onTrouble = { failure in log.warning("Kafka does not answer", ["failure": failure.description]) }
        mirror.onLost = { [unowned self] ledger, partition in
            for candidate in ledgers where candidate.name == ledger { candidate.mirrorAfresh(partition) }
        }
    }

    // Before `start`. One function for each book, because the engine is compiled for those that are named in its module.
    package func add(_ book: CallBook) -> Ledger<CallBook> { serve(Ledger(book: book, world: self)) }
    package func add(_ book: UsersBook) -> Ledger<UsersBook> { serve(Ledger(book: book, world: self)) }
    package func add(_ book: RoomBook) -> Ledger<RoomBook> { serve(Ledger(book: book, world: self)) }
    package func add(_ book: RegistryBook) -> Ledger<RegistryBook> { serve(Ledger(book: book, world: self)) }

    private func serve<B: Book>(_ ledger: Ledger<B>) -> Ledger<B> {
        ledgers.append(ServedLedger(ledger))
        return ledger
    }

    // MARK: starting and stopping

    /// Makes or checks the topics, waits until every producer can write at once, and joins the group.
    package func start() {
        guard !isStopping else { return }
        admin.createTopics(settings.topics) { [self] result in
            guard !isStopping else { return }
            switch result {
            case .success: openProducers()
            case .failure(let failure):
                guard failure.mayPass else { return fail(failure.description) }
                log.warning("the topics cannot be made yet", ["failure": failure.description])
                loop.execute { [bound = LoopBound(self, on: loop)] in bound.value?.retryStart() }
            }
        }
    }

    private func retryStart() {
        retryTimer = loop.schedule(after: .seconds(1)) { [unowned self] in start() }
    }
    private var retryTimer: LoopTimer?

    private func openProducers() {
        do {
            let inboxes = LedgerName.allCases.flatMap { [$0.inbox, $0.log] } + [Topic.callRecords]
            let main = try KafkaProducer(settings: settings.kafka, loop: loop, topics: inboxes)
            let frames = try KafkaProducer(settings: settings.kafka, loop: loop, topics: [Topic.deliveries])
            for producer in [main, frames] {
                producer.onFatal = { [unowned self] failure in fail(failure.description) }
                // Whose records or effects were under way ends by their failures, and is taken again.
                producer.onRenewed = { [unowned self] failure in
                    log.warning("Kafka's client gave up, and another goes on", ["failure": failure.description])
                }
                producer.onTrouble = { [unowned self] failure in
                    log.warning("Kafka does not take records", ["failure": failure.description])
                }
            }
            producer = main
            framesProducer = frames
            openDeliveries(through: frames)
            // The logs come first, so that a ledger's place is its log's.
            let topics = ledgers.map(\.name.log) + ledgers.map(\.name.inbox)
            reader = try KafkaReader(settings: settings.kafka, topics: topics, loop: loop)
            main.onReady = { [unowned self] in join() }
            frames.onReady = { [unowned self] in join() }
        } catch {
            fail(error.description)
        }
    }

    private func openDeliveries(through producer: KafkaProducer) {
        frames.open(
            { record, partition, done throws(KafkaFailure) in
                try producer.produce(
                    topic: Topic.deliveries, partition: partition, key: [], value: record, acknowledged: done)
            },
            lettingGo: { [unowned self] failure, bytes, partition in
                letGo(failure, bytes, to: Topic.deliveries, partition)
            })
        frames.onTear = { [unowned self] partition, entries in
            tornDeliveries?.add()
            log.error(
                "frames are let go: their partition takes none, and their devices are told to come back when it does",
                ["topic": Topic.deliveries, "partition": Int(partition), "frames": entries])
        }
    }

    private func join() {
        guard !isStopping, consumer == nil, let producer, producer.isReady, let framesProducer, framesProducer.isReady,
            let reader
        else { return }
        reader.onRecord = { [unowned self] record in read(record) }
        reader.onTurnEnd = { [unowned self] in if !readOn.isEmpty { for ledger in ledgers { ledger.turn() } } }
        reader.onFailure = { [unowned self] topic, partition, failure in
            if let ledger = ledger(ofInbox: topic) { return ledger.endOwner(partition, "the inbox cannot be read") }
            if failure.isOffsetOutOfRange, readFromBeginning(topic, partition) { return }
            readings.removeValue(forKey: ReadingKey(topic: topic, partition: partition))?.done(false)
            reader.remove(topic, partition)
            log.error("a log cannot be read", ["partition": Int(partition), "failure": failure.description])
        }
        guard joinGroup() else { return }
        lastTick = .now
        tickTimer = loop.every(Self.tickInterval) { [unowned self] in tick() }
        onReady?()
    }

    /// - Returns: false where that has failed for good.
    private func joinGroup() -> Bool {
        do {
            let consumer = try KafkaGroupConsumer(
                settings: settings.kafka, group: settings.group, topics: ledgers.map(\.name.inbox), loop: loop)
            consumer.onAssigned = { [unowned self] topic, partitions in
                guard !isStopping else { return }
                for partition in partitions { ledgers[topic.index].assigned(partition) }
            }
            consumer.onRevoked = { [unowned self] topic, partitions, lost in
                for partition in partitions { ledgers[topic.index].revoked(partition, lost) }
            }
            consumer.onRecord = { [unowned self] record in ledgers[record.topic.index].receive(record) }
            consumer.onTurnEnd = { [unowned self] in for ledger in ledgers { ledger.turn() } }
            consumer.onFailure = { [unowned self] topic, partition, failure in
                if failure.isOffsetOutOfRange { return findInboxStart(topic, partition) }
                log.error(
                    "an inbox cannot be read",
                    [
                        "ledger": ledgers[topic.index].name.rawValue, "partition": Int(partition),
                        "failure": failure.description,
                    ])
                ledgers[topic.index].endOwner(partition, "the inbox cannot be read")
            }
            consumer.onTrouble = { [unowned self] failure in
                log.warning("Kafka does not answer", ["failure": failure.description])
            }
            self.consumer = consumer
            return true
        } catch {
            fail(error.description)
            return false
        }
    }

    /// Leaves the group, so that others take what is here. Where the clock was off, it is tried again after a while; a
    /// log of a newer program stays so until this process is replaced.
    func withdraw(because inability: OwnerEnding.Inability) {
        guard !isStopping, let consumer else { return }
        self.consumer = nil
        leaving = consumer
        departure = .withdrawing
        clockVerdicts = ClockVerdicts()
        for ledger in ledgers { ledger.endHandovers() }
        tellWithdrawn(true)
        consumer.close { [self] in
            leaving = nil
            // The group may not have answered: who stays owner would be taken for one when it is joined again.
            for ledger in ledgers { ledger.loseAll() }
            if departure.isWithdrawing { departure = .none }
            guard inability == .clock, !isStopping else { return }
            retryTimer = loop.schedule(after: Self.comeBackAfter) { [unowned self] in
                guard !isStopping, joinGroup() else { return }
                tellWithdrawn(false)
            }
        }
    }

    /// Of the wall clock before the steady one; it changes when the wall clock is set.
    func clockLead(_ clock: Timestamp) -> Duration {
        .milliseconds(clock.milliseconds) - clockStart.duration(to: .now)
    }

    private func tellWithdrawn(_ isOut: Bool) {
        for ledger in ledgers { ledger.withdrew(isOut) }
        onWithdrawn?(isOut)
    }

    private func fail(_ reason: String) {
        log.error("the ledgers cannot work", ["reason": reason])
        onFatal?(reason)
    }

    /// Leaves the group, decides on until others have taken the partitions, and lets what is written be acknowledged.
    package func stop(_ done: @escaping () -> Void) {
        isStopping = true
        retryTimer = nil
        guard let consumer else { return flush(done) }
        // Who has everything has nobody to hand it to.
        let isAlone = ledgers.allSatisfy { $0.assignedCount() == Int(settings.partitions(of: $0.name)) }
        departure = isAlone ? .alone : .leaving { [self] in flush(done) }
        guard isAlone else {
            return consumer.close { [self] in
                hasLeft = true
                leaveWhenHandedOver()
            }
        }
        consumer.stopGiving()
        finish {
            consumer.close { [self] in
                hasLeft = true
                flush(done)
            }
        }
    }

    private func flush(_ done: @escaping () -> Void) {
        tickTimer = nil
        guard let producer, let framesProducer else { return close(done) }
        producer.flush(within: .seconds(2)) { _ in
            framesProducer.flush(within: .seconds(1)) { [self] _ in close(done) }
        }
    }

    private func close(_ done: () -> Void) {
        isClosed = true
        records.close()
        frames.close()
        producer?.close()
        framesProducer?.close()
        reader?.close()
        reader = nil
        admin.close()
        done()
    }

    // MARK: time

    private func tick() {
        let now = ContinuousClock.now
        let stall = lastTick.duration(to: now) - Self.tickInterval
        lastTick = now
        records.retry()
        frames.tick()
        for ledger in ledgers { ledger.tick(stall) }
    }

    // MARK: writing

    /// - Returns: false where the queue is full.
    func append(
        _ record: [UInt8], key: String, to topic: String, _ partition: Int32, _ done: @escaping (LogAppend) -> Void
    ) -> Bool {
        produce(record, key: key, to: topic, partition) { result in
            switch result {
            case .success(let place) where place.offset >= 0:
                done(.acknowledged(offset: place.offset, time: place.timestamp))
            case .success: done(.failed("the broker had the record already and does not say where"))
            case .failure(let failure): done(.failed(failure.description))
            }
        }
    }

    /// An effect into a topic. What the producer cannot take now is kept and tried again, in order.
    package func send(
        _ value: [UInt8], key: String, to topic: String, _ partition: Int32, _ done: @escaping (Bool) -> Void
    ) {
        records.send { [self] in
            produce(value, key: key, to: topic, partition) { [self] result in
                switch result {
                case .success: done(true)
                case .failure(let failure): done(letGo(failure, value.count, to: topic, partition))
                }
            }
        }
    }

    /// - Returns: false where the queue is full.
    private func produce(
        _ value: [UInt8], key: String, to topic: String, _ partition: Int32,
        _ done: @escaping KafkaProducer.Acknowledged
    ) -> Bool {
        guard let producer else { return false }
        guard !isClosed else {
            loop.atEndOfTurn { done(.failure(KafkaFailure(code: 0, operation: "produce", text: "the process ends"))) }
            return true
        }
        do {
            try producer.produce(topic: topic, partition: partition, key: Array(key.utf8), value: value) {
                [records] result in
                records.acknowledged()
                done(result)
            }
            return true
        } catch {
            if error.isQueueFull { return false }
            loop.atEndOfTurn { done(.failure(error)) }
            return true
        }
    }

    /// What no broker takes for its size ends no owner, since the next would meet it again, and the one after: it counts
    /// as performed, and somebody has to look. Doors see to it that there is no such thing.
    /// - Returns: false for any other failure.
    private func letGo(_ failure: KafkaFailure, _ bytes: Int, to topic: String, _ partition: Int32) -> Bool {
        guard failure.isTooLarge else { return false }
        oversized?.add()
        log.error(
            "an effect is too large for its topic and is let go",
            ["topic": topic, "partition": Int(partition), "bytes": bytes])
        return true
    }

    /// A frame that follows from no decision: the answer to a query. At most once.
    package func send(_ frame: Opaque, to connection: Connection) {
        deliver(DeliveryEntry(to: connection, frame: frame), to: connection.partition) { _ in }
    }

    /// Where partitions end, asked for after this call; nil where the broker does not say.
    package func askEnds(_ places: [KafkaPartition], _ done: @escaping ([KafkaPartition: Int64]?) -> Void) {
        admin.endOffsets(of: places) { result in
            if case .success(let ends) = result { done(ends) } else { done(nil) }
        }
    }

    /// Frames of one turn for one gateway partition travel in one record.
    func deliver(_ entry: DeliveryEntry, to partition: Int32, _ done: @escaping (Bool) -> Void) {
        guard (0..<settings.partitions).contains(partition) else {
            // No gateway can be there: as good as delivered to one that is gone. A failure would be met again at each takeover.
            log.warning("a frame is for a partition that is none", ["partition": Int(partition)])
            return loop.atEndOfTurn { done(true) }
        }
        frames.deliver(entry, to: partition, done)
    }
}
