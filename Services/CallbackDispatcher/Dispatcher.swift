import Switchboard

/// The parts of this service, and how they come up: topics, then what writes, then the group, which says which
/// partitions are ours.
///
/// The group is that of `callbacks.deliveries`, the topic that an owner alone writes for its partition; it is read by
/// position, never by the group's offsets.
final class Dispatcher {
    private let host: ServiceHost
    private let configuration: Configuration
    private let settings: LedgerSettings
    private let admin: KafkaAdmin
    private let renderer: Renderer
    private let webhooks: Webhooks
    private let redis: RedisClient
    private let nonces: RedisNonces
    private var directory: Directory?
    private var consumer: KafkaGroupConsumer?
    private var leaving: KafkaGroupConsumer?
    private var assigned: Set<Int32> = []
    private var retry: LoopTimer?
    private var restarts: [Int32: LoopTimer] = [:]
    /// Since when a partition is begun again, time after time, and the last time.
    private var rows: [Int32: (since: ContinuousClock.Instant, last: ContinuousClock.Instant)] = [:]
    private var again: LoopTimer?

    /// The owners' group, for ever.
    private static let group = "switchboard.callback-dispatcher.v1"
    private static let retryAfter: Duration = .seconds(1)
    /// What begins again later than this is no more of the same.
    private static let rowGap: Duration = .seconds(10)
    /// Beyond this someone must act: no broker is away so long and answers in between.
    private static let rowMax: Duration = .seconds(30)
    private static let looksPerAge = 4

    private enum Condition {
        static let topics = "topics"
        static let group = "group"
        static let endpoints = "endpoints"
        static let applications = "applications"
    }

    init(_ host: ServiceHost, _ configuration: Configuration) throws {
        self.host = host
        self.configuration = configuration
        for condition in [Condition.topics, Condition.group, Condition.endpoints, Condition.applications] {
            host.health.set(condition, false)
        }
        settings = LedgerSettings(
            kafka: host.settings.kafka, group: Self.group, partitions: host.settings.partitions,
            replication: host.settings.replication)
        admin = try KafkaAdmin(settings: settings.kafka, loop: host.loop)
        renderer = try Renderer(
            settings: settings, loop: host.loop, log: host.log, metrics: host.metrics, admin: admin)
        webhooks = try Webhooks(
            settings: settings, loop: host.loop, log: host.log, metrics: host.metrics, admin: admin,
            configuration: configuration)
        redis = host.connectToRedis()
        nonces = RedisNonces(redis: redis, memory: ServerAPI.nonceMemory)
        webhooks.onFailure = { [unowned self] partition, reason in restart(partition, because: reason) }
        webhooks.book.onFailure = { reason in host.fail(reason) }
        webhooks.onFatal = { failure in host.fail(failure.description) }
        renderer.onFatal = { failure in host.fail(failure.description) }
        renderer.onFailure = { [unowned self] partition, reason in restart(partition, because: reason) }
        renderer.onNewer = { [unowned self] reason in withdraw(because: reason) }
        host.onStop("group") { [self] done in
            if let member = consumer ?? leaving { member.close(done) } else { done() }
        }
        host.onStop("webhooks") { [self] done in webhooks.close(done) }
        host.onStop("callbacks") { [self] done in
            directory?.close()
            redis.close()
            renderer.close(done)
        }
        renderer.disablings = { [webhooks] in webhooks.book.isComplete ? webhooks.book.disablings : [] }
        webhooks.book.onDisabling = { [renderer] in renderer.tellOfEndpoints() }
        webhooks.onEndpointsKnown = { [unowned self] in
            host.health.set(Condition.endpoints, true)
            renderer.tellOfEndpoints()
            let age = configuration.endpointsAgainAfter
            again = host.loop.every(age / Self.looksPerAge) { [unowned self] in
                if assigned.contains(EndpointBook.partition) { webhooks.book.writeAgain(olderThan: age) }
            }
        }
        start()
    }

    private func start() {
        admin.createTopics(settings.topics) { [self] result in
            switch result {
            case .success:
                host.health.set(Condition.topics, true)
                webhooks.book.start()
                readApplications()
                renderer.onReady = { [unowned self] in join() }
            case .failure(let failure):
                guard failure.mayPass else { return host.fail(failure.description) }
                host.log.warning("the topics cannot be made yet", ["failure": failure.description])
                retry = host.loop.schedule(after: Self.retryAfter) { [unowned self] in start() }
            }
        }
    }

    private func readApplications() {
        do {
            let directory = try Directory(settings: settings, loop: host.loop, log: host.log)
            directory.onComplete = { [unowned self, unowned directory] in
                host.health.set(Condition.applications, true)
                openDoor(directory)
            }
            directory.onFailure = { [host] reason in host.fail(reason) }
            directory.onNewer = { [host] reason in host.isOutdated(reason, closesDoor: true) }
            self.directory = directory
        } catch {
            host.fail("\(error)")
        }
    }

    /// Sooner it would not know who calls, and refuse a good signature.
    private func openDoor(_ directory: Directory) {
        let api = ServerAPI(
            metrics: host.metrics, secret: { directory.entry(AppKey($0))?.secret },
            takeNonce: { [nonces] app, nonce, done in nonces.take(AppKey(app), nonce, done) })
        let door = EndpointDoor(
            api: api, webhooks: webhooks, admin: admin, settings: settings,
            allowsPrivate: configuration.allowsPrivate)
        host.onRequest = { request, responder in door.answer(request, responder) }
    }

    private func join() {
        do {
            let consumer = try KafkaGroupConsumer(
                settings: settings.kafka, group: settings.group, topics: [Topic.callbackDeliveries], loop: host.loop)
            consumer.onAssigned = { [unowned self] _, partitions in
                // On the way out nothing is begun.
                guard self.consumer != nil else { return }
                for partition in partitions {
                    assigned.insert(partition)
                    renderer.begin(partition)
                    webhooks.begin(partition)
                }
                host.health.set(Condition.group, true)
            }
            consumer.onRevoked = { [unowned self] _, partitions, _ in partitions.forEach(letGo) }
            consumer.onTrouble = { [host] failure in
                host.log.warning("Kafka does not answer", ["failure": failure.description])
            }
            self.consumer = consumer
        } catch {
            host.fail(error.description)
        }
    }

    private func letGo(of partition: Int32) {
        assigned.remove(partition)
        restarts[partition] = nil
        rows[partition] = nil
        renderer.stop(partition)
        webhooks.stop(partition)
    }

    /// Leaves the group for good: a copy of the newer program can render what this one cannot, and all else as well.
    private func withdraw(because reason: String) {
        guard let consumer else { return }
        self.consumer = nil
        host.isOutdated(reason)
        for partition in assigned { letGo(of: partition) }
        leaving = consumer
        consumer.close { [unowned self] in leaving = nil }
    }

    private func restart(_ partition: Int32, because reason: String) {
        let now = ContinuousClock.now
        var row = rows[partition] ?? (since: now, last: now)
        if now - row.last > Self.rowGap { row.since = now }
        row.last = now
        rows[partition] = row
        let words: LogData = ["partition": Int(partition), "cause": reason]
        if now - row.since < Self.rowMax {
            host.log.warning("a partition is begun again", words)
        } else {
            host.log.error("a partition is begun again and again", words)
        }
        restarts[partition] = host.loop.schedule(after: Self.retryAfter) { [unowned self] in
            restarts[partition] = nil
            guard assigned.contains(partition) else { return }
            renderer.begin(partition)
            webhooks.begin(partition)
        }
    }
}
