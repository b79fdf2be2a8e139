import Switchboard

/// Sends webhooks, and reads and writes for the partitions whose events they carry. On its loop alone.
final class Webhooks {
    enum Outcome {
        case arrived
        /// 410: nobody there wants any more.
        case gone
        case failed(status: String, retryAfter: Duration?)
    }

    let book: EndpointBook
    let rules: DeliveryRules
    let health: EndpointHealth
    private let loop: EventLoop
    private let log: Log
    private let admin: KafkaAdmin
    private let client: HTTPClient
    private let producer: KafkaProducer
    private let events: KafkaReader
    private let again: KafkaReader
    private let states: KafkaReader
    private var partitions: [Int32: PartitionDelivery] = [:]
    private var loading: [Int32: Loading] = [:]
    private var keptBytes = 0
    private var ticks: LoopTimer?
    private var cursors: LoopTimer?
    private let arrived: Counter
    private let failed: Counter
    private let givenUp: Counter
    /// A partition's records cannot be read or written; it is to be begun again.
    var onFailure: ((_ partition: Int32, _ reason: String) -> Void)?
    var onEndpointsKnown: (() -> Void)?
    var onFatal: ((KafkaFailure) -> Void)? {
        get { producer.onFatal }
        set { producer.onFatal = newValue }
    }

    private struct Loading {
        var end: Int64
        var from: Int64
        var readFrom: Int64?
        var records: [(CallbackDelivery, Int64)] = []
    }

    private static let topic = KafkaTopicID(0)
    /// Bodies of events that are under way or next; more are read from the topic when their turn comes.
    private static let keptBytesMax = 64 << 20
    private static let tickInterval: Duration = .milliseconds(50)
    private static let cursorInterval: Duration = .seconds(1)
    /// Nobody reads what an endpoint says beyond its status.
    private static let answerBytesMax = 1 << 10
    private static let linger: Duration = .milliseconds(10)
    /// Behind the last records of a partition stands, in each, from where all that waits is to be read.
    private static let tailCount: Int64 = 500

    init(
        settings: LedgerSettings, loop: EventLoop, log: Log, metrics: Metrics, admin: KafkaAdmin,
        configuration: Configuration
    ) throws(KafkaFailure) {
        self.loop = loop
        self.log = log
        self.admin = admin
        rules = configuration.rules
        health = EndpointHealth(loop: loop)
        var http = HTTPClientSettings()
        http.totalWithin = rules.answerWithin
        http.answerBytesMax = Self.answerBytesMax
        if !configuration.allowsPrivate { http.allows = { PublicAddress.isPublic($0) } }
        client = HTTPClient(settings: http)
        producer = try KafkaProducer(
            settings: settings.kafka, loop: loop, lazy: Self.linger, topics: [Topic.callbackDeliveries])
        events = try KafkaReader(settings: settings.kafka, topics: [Topic.callbacks], loop: loop, lazy: true)
        again = try KafkaReader(settings: settings.kafka, topics: [Topic.callbacks], loop: loop)
        states = try KafkaReader(settings: settings.kafka, topics: [Topic.callbackDeliveries], loop: loop)
        book = try EndpointBook(settings: settings.kafka, loop: loop, producer: producer)
        arrived = metrics.counter("switchboard_webhooks_delivered_total", help: "Webhooks that were answered 2xx.")
        failed = metrics.counter("switchboard_webhook_failures_total", help: "Attempts that were not answered 2xx.")
        givenUp = metrics.counter("switchboard_webhooks_given_up_total", help: "Webhooks whose schedule has ended.")
        listen()
    }

    private func listen() {
        // States that waited are lost, or are not: all are begun again from those that stand in the topic.
        producer.onRenewed = { [unowned self] failure in
            for partition in Array(partitions.keys) { fail(partition, failure.description) }
        }
        events.onRecord = { [unowned self] record in partitions[record.partition]?.take(record) }
        events.onTurnEnd = { [unowned self] in for delivery in partitions.values { delivery.endTurn() } }
        again.onRecord = { [unowned self] record in partitions[record.partition]?.takeAgain(record) }
        states.onRecord = { [unowned self] record in load(record) }
        states.onEnd = { [unowned self] _, partition in loaded(partition) }
        events.onEnd = { [unowned self] _, partition in
            partitions[partition]?.reach(events.position(Self.topic, partition))
        }
        whenGone(from: events) { [unowned self] partition in partitions[partition]?.readFromBeginning() }
        whenGone(from: again) { [unowned self] partition in partitions[partition]?.missFetched() }
        whenGone(from: states) { [unowned self] partition in loadFromBeginning(partition) }
        book.onComplete = { [unowned self] in
            onEndpointsKnown?()
            for partition in Array(partitions.keys) where loading[partition] == nil { partitions[partition]?.start() }
        }
        book.onChange = { [unowned self] endpoint in
            if endpoint.isGone { health.forget(endpoint.id) }
            guard book.isComplete else { return }
            for delivery in partitions.values { delivery.change(endpoint) }
        }
        ticks = loop.every(Self.tickInterval) { [unowned self] in
            let now = Timestamp(milliseconds: WallClock.milliseconds)
            for delivery in partitions.values { delivery.tick(at: now) }
        }
        cursors = loop.every(Self.cursorInterval) { [unowned self] in
            for delivery in partitions.values { delivery.writeCursors() }
        }
    }

    /// Retention may have passed where a reading was to begin.
    private func whenGone(from reader: KafkaReader, _ goOn: @escaping (Int32) -> Void) {
        reader.onFailure = { [unowned self] _, partition, failure in
            if failure.isOffsetOutOfRange { goOn(partition) } else { fail(partition, failure.description) }
        }
    }

    // MARK: partitions come and go

    func begin(_ partition: Int32) {
        guard partitions[partition] == nil else { return }
        let delivery = PartitionDelivery(partition, self)
        partitions[partition] = delivery
        loading[partition] = Loading(end: 0, from: 0)
        let place = KafkaPartition(Topic.callbackDeliveries, partition)
        admin.endOffsets(of: [place]) { [weak self, weak delivery] result in
            guard let self, let delivery, partitions[partition] === delivery else { return }
            guard case .success(let ends) = result, let end = ends[place] else {
                return fail(partition, "the end of the deliveries' log is not known")
            }
            guard end > 0 else { return finishLoading(partition) }
            let from = max(0, end - Self.tailCount)
            loading[partition] = Loading(end: end, from: from)
            states.add(Self.topic, partition, at: .offset(from))
        }
    }

    private func load(_ record: KafkaRecord) {
        guard loading[record.partition] != nil, record.key.starts(with: CallbackDelivery.keyPrefix.utf8),
            let delivery = try? CallbackDelivery(json: record.value)
        else { return }
        loading[record.partition]?.records.append((delivery, record.offset))
        loading[record.partition]?.readFrom = delivery.readFrom
    }

    /// The topic has let go of where it was to be read from; what it has is all that is needed still.
    private func loadFromBeginning(_ partition: Int32) {
        guard loading[partition] != nil else { return }
        loading[partition]?.from = 0
        loading[partition]?.records = []
        states.remove(Self.topic, partition)
        states.add(Self.topic, partition, at: .beginning)
    }

    private func loaded(_ partition: Int32) {
        guard var state = loading[partition] else { return }
        states.remove(Self.topic, partition)
        let needed = state.readFrom ?? 0
        if needed < state.from {
            state.from = needed
            state.records = []
            loading[partition] = state
            states.add(Self.topic, partition, at: needed == 0 ? .beginning : .offset(needed))
            return
        }
        for (record, place) in state.records { partitions[partition]?.load(record, at: place) }
        finishLoading(partition)
    }

    private func finishLoading(_ partition: Int32) {
        loading[partition] = nil
        if book.isComplete { partitions[partition]?.start() }
    }

    func stop(_ partition: Int32) {
        guard partitions.removeValue(forKey: partition) != nil else { return }
        loading[partition] = nil
        for reader in [events, again, states] { reader.remove(Self.topic, partition) }
    }

    func fail(_ partition: Int32, _ reason: String) {
        stop(partition)
        onFailure?(partition, reason)
    }

    // MARK: for a partition

    func read(_ partition: Int32, from start: KafkaStart) { events.add(Self.topic, partition, at: start) }
    func stopReading(_ partition: Int32) { events.remove(Self.topic, partition) }
    func fetch(_ partition: Int32, from offset: Int64) { again.add(Self.topic, partition, at: .offset(offset)) }
    func stopFetching(_ partition: Int32) { again.remove(Self.topic, partition) }

    func mayKeep(_ bytes: Int) -> Bool {
        guard keptBytes + bytes <= Self.keptBytesMax else { return false }
        keptBytes += bytes
        return true
    }

    func letGo(_ bytes: Int) { keptBytes -= bytes }

    func write(_ record: CallbackDelivery, _ partition: Int32, _ done: @escaping (Int64) -> Void) {
        do {
            try producer.produce(
                topic: Self.topic, partition: partition,
                key: Array("\(CallbackDelivery.keyPrefix)\(record.endpoint)".utf8), value: record.encoded()
            ) { result in
                if case .success(let place) = result, place.offset >= 0 { done(place.offset) }
            }
        } catch {
            log.warning("a delivery's state cannot be written", ["failure": error.description])
        }
    }

    func send(
        _ endpoint: CallbackEndpoint, id: String, body: [UInt8], isDelayed: Bool,
        _ done: @escaping (Outcome) -> Void
    ) {
        let now = Timestamp(milliseconds: WallClock.milliseconds)
        let headers = WebhookSignature.headers(
            id: id, seconds: now.milliseconds / 1000, body: body, secrets: endpoint.secrets(at: now))
        let about =
            [("content-type", "application/cloudevents+json")] + (isDelayed ? [("webhook-delayed", "true")] : [])
        let request = HTTPClientRequest(method: "POST", url: endpoint.url, headers: about + headers, body: body)
        let bound = LoopBound(done, on: loop)
        client.send(request, on: loop) { [arrived, failed] result in
            let outcome = Self.outcome(of: result)
            if case .arrived = outcome { arrived.add() } else { failed.add() }
            bound.value?(outcome)
        }
    }

    private static func outcome(of result: Result<HTTPClientResponse, HTTPClientFailure>) -> Outcome {
        switch result {
        case .failure(let failure): return .failed(status: failure.kind.rawValue, retryAfter: nil)
        case .success(let answer):
            if (200...299).contains(answer.status) { return .arrived }
            if answer.status == 410 { return .gone }
            let now = Timestamp(milliseconds: WallClock.milliseconds)
            let asked = answer.header("retry-after").flatMap { RetryAfter.wait($0, at: now) }
            return .failed(status: "\(answer.status)", retryAfter: asked)
        }
    }

    /// What fails next is not asked for so long; what is asked for one event holds for the whole endpoint.
    func pause(_ endpoint: CallbackEndpoint, for length: Duration, at now: Timestamp) {
        health.pause(endpoint.id, for: length, at: now) { [unowned self] in
            for delivery in partitions.values { delivery.resume(endpoint.id) }
        }
    }

    func disable(_ endpoint: CallbackEndpoint, because reason: CallbackEndpoint.DisabledBecause) {
        guard var now = book.endpoint(endpoint.id), now.enabled else { return }
        health.forget(endpoint.id)
        now.enabled = false
        now.disabledBecause = reason
        now.disabledAt = Timestamp(milliseconds: WallClock.milliseconds)
        log.warning("an endpoint is disabled", ["endpoint": endpoint.id, "cause": reason.rawValue])
        book.write(now) { [weak self] isFirst in
            guard let self, !isFirst, let known = book.endpoint(now.id) else { return }
            for delivery in partitions.values { delivery.change(known) }
        }
    }

    /// Events that are not in the topic any more, and some of them perhaps for this endpoint.
    func noteLost(_ endpoint: CallbackEndpoint, _ partition: Int32, from offset: Int64, to start: Int64) {
        log.error(
            "events have gone before an endpoint had them",
            ["endpoint": endpoint.id, "partition": Int(partition), "from": offset, "to": start])
    }

    func noteGivenUp(_ endpoint: CallbackEndpoint, _ status: String) {
        givenUp.add()
        log.warning("a webhook is given up", ["endpoint": endpoint.id, "status": status])
    }

    func close(_ done: @escaping () -> Void) {
        for delivery in partitions.values { delivery.writeCursors() }
        client.close()
        (ticks, cursors) = (nil, nil)
        partitions = [:]
        producer.flush(within: .seconds(2)) { [self] _ in
            book.close()
            for reader in [events, again, states] { reader.close() }
            producer.close(done)
        }
    }
}
