import Switchboard

/// Turns the logs of the partitions that are ours into `switchboard.callbacks.v1`.
///
/// For each partition: the last record of the topic says how far it was rendered; the logs are read from the markers it
/// names, silently up to there, and rendered behind. Where retention has passed that, a record beside the topic says
/// it (`SavedProgress`), and where there is none, the logs are rendered from their beginning. Two dispatchers that render
/// the same for a moment, because one does not know yet that it lost the partition, write the same bytes under the same
/// ids. On its loop alone.
final class Renderer {
    /// Nothing more is rendered of a partition until it is begun again.
    var onFailure: ((_ partition: Int32, _ reason: String) -> Void)?
    /// A log has a record of a newer program: nothing behind it may be rendered here.
    var onNewer: ((_ reason: String) -> Void)?
    /// Those that are to be told of, in order, from the book of endpoints once it is complete.
    var disablings: () -> [EndpointBook.Disabling] = { [] }

    private let loop: EventLoop
    private let log: Log
    private let tail: KafkaReader
    private let admin: KafkaAdmin
    private let calls: LogFollower<CallFact>
    private let rooms: LogFollower<RoomFact>
    private let users: LogFollower<UsersEntry.Fact>
    private let producer: KafkaProducer
    private let progress: SavedProgress
    private let rendered: Counter
    private var partitions: [Int32: Rendering] = [:]
    private var isPaused = false
    private var resumption: LoopTimer?
    private var saving: LoopTimer?

    /// Records under way to the broker above which the logs are not read on.
    private static let waitingMax = 20_000
    private static let lookAgain: Duration = .milliseconds(20)
    /// Events wait this long for company.
    private static let linger: Duration = .milliseconds(20)
    private static let askAgain: Duration = .seconds(1)
    private static let saveInterval: Duration = .seconds(1)
    private static let topic = KafkaTopicID(0)
    private static let progressTopic = KafkaTopicID(1)

    init(settings: LedgerSettings, loop: EventLoop, log: Log, metrics: Metrics, admin: KafkaAdmin) throws(KafkaFailure)
    {
        self.loop = loop
        self.log = log
        self.admin = admin
        tail = try KafkaReader(settings: settings.kafka, topics: [Topic.callbacks], loop: loop)
        calls = try LogFollower(settings: settings.kafka, ledger: .calls, loop: loop, lazy: true, log: log)
        rooms = try LogFollower(settings: settings.kafka, ledger: .rooms, loop: loop, lazy: true, log: log)
        users = try LogFollower(settings: settings.kafka, ledger: .users, loop: loop, lazy: true, log: log)
        producer = try KafkaProducer(
            settings: settings.kafka, loop: loop, reports: false, lazy: Self.linger,
            topics: [Topic.callbacks, Topic.callbackDeliveries])
        progress = SavedProgress(settings: settings.kafka, loop: loop)
        rendered = metrics.counter("switchboard_callbacks_rendered_total", help: "Events written to the topic.")
        producer.onRenewed = { [unowned self] failure in beginAllAgain(because: failure) }
        tail.onRecord = { [unowned self] record in readTail(record) }
        tail.onFailure = { [unowned self] _, partition, failure in
            guard failure.isOffsetOutOfRange, let rendering = partitions[partition] else {
                return fail(partition, failure.description)
            }
            // The last event has gone, and none has come for as long as events are kept.
            tail.remove(Self.topic, partition)
            recall(rendering)
        }
        progress.onFailure = { [unowned self] partition, reason in fail(partition, reason) }
        calls.onRecord = { [unowned self] partition, offset, _, record, _ in
            render(partition, \.calls, offset, record.replayFrom) { $0.take(record, at: offset, isSilent: $1) }
        }
        rooms.onRecord = { [unowned self] partition, offset, _, record, _ in
            render(partition, \.rooms, offset, record.replayFrom) { $0.take(record, at: offset, isSilent: $1) }
        }
        users.onRecord = { [unowned self] partition, offset, _, record, _ in
            render(partition, \.users, offset, record.replayFrom) { $0.take(record, at: offset, isSilent: $1) }
        }
        calls.onLost = { [unowned self] partition in lost(partition, calls, .calls, \.calls) }
        rooms.onLost = { [unowned self] partition in lost(partition, rooms, .rooms, \.rooms) }
        users.onLost = { [unowned self] partition in lost(partition, users, .users, \.users) }
        calls.onFailure = { [unowned self] partition, reason in fail(partition, reason) }
        rooms.onFailure = { [unowned self] partition, reason in fail(partition, reason) }
        users.onFailure = { [unowned self] partition, reason in fail(partition, reason) }
        calls.onNewer = { [unowned self] partition, reason in meetNewer(partition, reason) }
        rooms.onNewer = { [unowned self] partition, reason in meetNewer(partition, reason) }
        users.onNewer = { [unowned self] partition, reason in meetNewer(partition, reason) }
        saving = loop.every(Self.saveInterval) { [unowned self] in save() }
    }

    var isReady: Bool { producer.isReady && tail.isReady }
    var onReady: (() -> Void)? {
        get { producer.onReady }
        set { producer.onReady = newValue }
    }
    var onFatal: ((KafkaFailure) -> Void)? {
        get { producer.onFatal }
        set { producer.onFatal = newValue }
    }

    /// What waited is lost, or is not: all are begun again from what stands in the topic.
    private func beginAllAgain(because failure: KafkaFailure) {
        for partition in Array(partitions.keys) { fail(partition, failure.description) }
    }

    // MARK: partitions come and go

    func begin(_ partition: Int32) {
        guard partitions[partition] == nil else { return }
        let rendering = Rendering(partition)
        partitions[partition] = rendering
        askEnd(rendering)
    }

    func stop(_ partition: Int32) {
        guard partitions.removeValue(forKey: partition) != nil else { return }
        tail.remove(Self.topic, partition)
        progress.forget(partition)
        stopFollowing(partition)
    }

    private func stopFollowing(_ partition: Int32) {
        calls.stop(partition)
        rooms.stop(partition)
        users.stop(partition)
    }

    private func fail(_ partition: Int32, _ reason: String) {
        stop(partition)
        onFailure?(partition, reason)
    }

    private func meetNewer(_ partition: Int32, _ reason: String) {
        stop(partition)
        onNewer?(reason)
    }

    private func askEnd(_ rendering: Rendering) {
        let place = KafkaPartition(Topic.callbacks, rendering.partition)
        admin.endOffsets(of: [place]) { [weak self, weak rendering] result in
            guard let self, let rendering, partitions[rendering.partition] === rendering else { return }
            guard case .success(let ends) = result, let end = ends[place] else {
                rendering.retry = loop.schedule(after: Self.askAgain) { [unowned self, unowned rendering] in
                    askEnd(rendering)
                }
                return
            }
            if end == 0 { return follow(rendering) }
            tail.add(Self.topic, rendering.partition, at: .offset(end - 1))
        }
    }

    /// The last record; what another wrote meanwhile comes behind it, and is the later word.
    private func readTail(_ record: KafkaRecord) {
        guard let rendering = partitions[record.partition] else { return }
        tail.remove(Self.topic, record.partition)
        guard let header = record.header(CallbackHeader.progress), let progress = try? CallbackProgress(json: header)
        else {
            log.warning(
                "a record of callbacks is not ours and is passed over",
                ["partition": Int(record.partition), "offset": record.offset])
            if record.offset == 0 { return follow(rendering) }
            return tail.add(Self.topic, rendering.partition, at: .offset(record.offset - 1))
        }
        rendering.learn(progress)
        follow(rendering)
    }

    /// What the topic says is not enough: the logs are read from where it was saved beside it that they are rendered.
    /// Where nothing was, all that they have is rendered: nobody can have kept events that are older.
    private func recall(_ rendering: Rendering) {
        rendering.hasRecalled = true
        progress.recall(rendering.partition) { [unowned self, weak rendering] found in
            guard let rendering, partitions[rendering.partition] === rendering else { return }
            rendering.learn(found ?? CallbackProgress())
            follow(rendering)
        }
    }

    /// A log does not have the place any more from which it was to be read.
    private func lost<Fact>(
        _ partition: Int32, _ follower: LogFollower<Fact>, _ ledger: LedgerName,
        _ place: KeyPath<CallbackProgress, CallbackProgress.Place>
    ) {
        guard let rendering = partitions[partition] else { return }
        guard rendering.hasRecalled else {
            stopFollowing(partition)
            rendering.beginAnew()
            return recall(rendering)
        }
        let source = KafkaPartition(ledger.log, partition)
        admin.startOffsets(of: [source]) { [weak self, weak rendering] result in
            guard let self, let rendering, partitions[partition] === rendering else { return }
            guard case .success(let starts) = result, let start = starts[source] else {
                return fail(partition, "where \(ledger.log) begins is not known")
            }
            let known = rendering.start[keyPath: place]
            guard start > known.replayFrom else {
                return fail(partition, "\(ledger.log) ends before what was rendered of it")
            }
            if known.offset >= 0, start > known.offset + 1 {
                log.error(
                    "a log has let go of what was not rendered yet",
                    ["ledger": ledger.rawValue, "partition": Int(partition), "from": known.offset + 1, "to": start])
            }
            follower.stop(partition)
            follower.follow(partition)
            if isPaused { follower.pause(partition) }
        }
    }

    private func follow(_ rendering: Rendering) {
        rendering.isFollowing = true
        func begin<Fact>(_ follower: LogFollower<Fact>, _ place: CallbackProgress.Place) {
            let position =
                place.offset < 0
                ? nil : LogFollower<Fact>.Position(nextOffset: max(place.replayFrom, 0), rule: LogRule())
            follower.follow(rendering.partition, from: position)
        }
        begin(calls, rendering.start.calls)
        begin(rooms, rendering.start.rooms)
        begin(users, rendering.start.users)
        log.info("renders a partition", ["partition": Int(rendering.partition), "calls": rendering.start.calls.offset])
        if isPaused { pause(rendering.partition) }
        tellOfEndpoints()
    }

    /// Endpoints that the house disabled, of which no record of partition 0 tells yet.
    func tellOfEndpoints() {
        guard let rendering = partitions[EndpointBook.partition], rendering.isFollowing else { return }
        for disabling in disablings() where disabling.offset > rendering.now.endpoints?.offset ?? -1 {
            var place = CallbackProgress.Place()
            place.offset = disabling.offset
            place.index = 1
            rendering.now.endpoints = place
            write(
                CallbackFold.disabled(disabling.endpoint, at: disabling.offset), rendering,
                from: Topic.callbackDeliveries, place)
        }
    }

    // MARK: rendering

    private func render(
        _ partition: Int32, _ ledger: WritableKeyPath<CallbackProgress, CallbackProgress.Place>, _ offset: Int64,
        _ replayFrom: Int64, _ take: (inout CallbackFold, _ isSilent: Bool) -> [Callback]
    ) {
        guard let rendering = partitions[partition] else { return }
        let start = rendering.start[keyPath: ledger]
        let callbacks = take(&rendering.fold, offset < start.offset)
        guard offset >= start.offset else { return }
        var place = CallbackProgress.Place()
        place.offset = offset
        place.replayFrom = replayFrom
        let source = (ledger == \.calls ? LedgerName.calls : ledger == \.rooms ? .rooms : .users).log
        let skipped = offset == start.offset ? start.index : 0
        for (index, callback) in callbacks.enumerated() where index >= skipped {
            // Begun again: what comes behind one that could not be written must not be written either.
            guard partitions[partition] === rendering else { return }
            place.index = index + 1
            rendering.now[keyPath: ledger] = place
            write(callback, rendering, from: source, place)
        }
        place.index = callbacks.count
        rendering.now[keyPath: ledger] = place
        if producer.waiting > Self.waitingMax { pauseAll() }
    }

    private func write(
        _ callback: Callback, _ rendering: Rendering, from source: String, _ place: CallbackProgress.Place
    ) {
        do {
            try producer.produce(
                topic: Self.topic, partition: rendering.partition, key: Array(callback.key.utf8),
                value: callback.body,
                headers: [
                    (CallbackHeader.id, Array(callback.id.utf8)),
                    (CallbackHeader.type, Array(callback.type.rawValue.utf8)),
                    (CallbackHeader.topic, Array(source.utf8)),
                    (CallbackHeader.offset, Array("\(place.offset)".utf8)),
                    (CallbackHeader.index, Array("\(place.index - 1)".utf8)),
                    (CallbackHeader.progress, rendering.now.encoded()),
                ])
            rendering.saved = rendering.now
            rendered.add()
        } catch {
            // Begun again from what stands in the topic: nothing may be left out in between.
            fail(rendering.partition, error.description)
        }
    }

    // MARK: without an event

    /// Not while an event is under way: a progress that stands there, and an event before it that got lost, would leave
    /// that one out. Where events are always under way, they carry it.
    private func save() {
        guard producer.waiting == 0 else { return }
        for rendering in partitions.values where rendering.isFollowing && rendering.isAhead {
            let isTaken: Void? = try? producer.produce(
                topic: Self.progressTopic, partition: rendering.partition, key: Array(CallbackProgress.key.utf8),
                value: rendering.now.encoded())
            if isTaken != nil { rendering.saved = rendering.now }
        }
    }

    // MARK: not faster than the broker

    private func pauseAll() {
        guard !isPaused else { return }
        isPaused = true
        for partition in partitions.keys { pause(partition) }
        resumption = loop.every(Self.lookAgain) { [unowned self] in
            guard producer.waiting < Self.waitingMax / 2 else { return }
            resumption = nil
            isPaused = false
            for partition in partitions.keys {
                calls.resume(partition)
                rooms.resume(partition)
                users.resume(partition)
            }
        }
    }

    private func pause(_ partition: Int32) {
        calls.pause(partition)
        rooms.pause(partition)
        users.pause(partition)
    }

    func close(_ done: @escaping () -> Void) {
        for partition in Array(partitions.keys) { stop(partition) }
        saving = nil
        producer.flush(within: .seconds(2)) { [self] _ in
            tail.close()
            progress.close()
            calls.close()
            rooms.close()
            users.close()
            producer.close(done)
        }
    }
}
