import Switchboard

/// The parts of this service, and how they come up: producer and directory, then its deliveries read back, then the door.
final class GatewayService {
    private let host: ServiceHost
    private let settings: LedgerSettings
    private let admin: KafkaAdmin
    private let turn: TurnSettings
    private let connectionsMax: Int
    private let goAway: Duration
    private var producer: KafkaProducer?
    private var deliveries: KafkaReader?
    private var directory: Directory?
    private var gateway: Gateway?
    private var probe: String?
    private var hearsDeliveries = false
    private var knowsTokens = false
    private var isOutdated = false
    private var retry: LoopTimer?

    /// Gateways are in no group of owners.
    private static let group = "switchboard.signaling-gateway.v1"
    private static let retryAfter: Duration = .seconds(1)

    init(_ host: ServiceHost, _ configuration: Configuration) throws {
        self.host = host
        turn = configuration.turn
        connectionsMax = configuration.connectionsMax
        goAway = configuration.goAway
        settings = LedgerSettings(
            kafka: host.settings.kafka, group: Self.group, partitions: host.settings.partitions,
            replication: host.settings.replication)
        admin = try KafkaAdmin(settings: settings.kafka, loop: host.loop)
        for condition in ["topics", "directory", "deliveries", "clock"] { host.health.set(condition, false) }
        host.webSocketCode = CloseCode.goingAway
        host.beforeDoorCloses(within: Gateway.leavesWithin(goAway)) { [unowned self] done in
            if let gateway { gateway.leave(within: goAway, done) } else { done() }
        }
        host.onStop("kafka") { [self] done in
            directory?.close()
            deliveries?.close()
            admin.close()
            guard let producer else { return done() }
            producer.flush(within: .seconds(2)) { _ in
                producer.close()
                done()
            }
        }
        makeTopics()
    }

    private func makeTopics() {
        admin.createTopics(settings.topics) { [self] result in
            switch result {
            case .success: connect()
            case .failure(let failure):
                guard failure.mayPass else { return host.fail(failure.description) }
                host.log.warning("the topics cannot be made yet", ["failure": failure.description])
                retry = host.loop.schedule(after: Self.retryAfter) { [unowned self] in makeTopics() }
            }
        }
    }

    private func connect() {
        do {
            let producer = try KafkaProducer(settings: settings.kafka, loop: host.loop, topics: Outbox.topics)
            producer.onFatal = { [unowned self] failure in host.fail(failure.description) }
            producer.onRenewed = { [unowned self] failure in
                host.log.warning("Kafka's client gave up, and another goes on", ["failure": failure.description])
            }
            producer.onTrouble = { [unowned self] failure in
                host.log.warning("Kafka does not take records", ["failure": failure.description])
            }
            let directory = try Directory(settings: settings, loop: host.loop, log: host.log)
            directory.onComplete = { [unowned self] in
                host.health.set("directory", true)
                knowsTokens = true
                openDoor()
            }
            directory.onFailure = { [unowned self] reason in host.fail(reason) }
            directory.onNewer = { [unowned self] reason in
                isOutdated = true
                gateway?.isOutdated = true
                host.isOutdated(reason)
            }
            self.producer = producer
            self.directory = directory
            producer.onReady = { [unowned self] in
                host.health.set("topics", true)
                begin(producer, directory)
            }
        } catch {
            host.fail("\(error)")
        }
    }

    private func begin(_ producer: KafkaProducer, _ directory: Directory) {
        let name = host.settings.instance
        let partition = PartitionHash.partition(of: name.utf8, count: settings.partitions)
        let gateway = Gateway(
            loop: host.loop, name: name, directory: directory, media: turn.grants, settings: settings,
            partition: partition, outbox: Outbox(producer: producer, settings: settings),
            counters: GatewayCounters(metrics: host.metrics), log: host.log,
            clock: { Timestamp(milliseconds: WallClock.milliseconds) })
        gateway.isOutdated = isOutdated
        self.gateway = gateway
        // The end is asked for before the first connection: nothing that is for one of ours is passed over.
        admin.endOffsets(of: [KafkaPartition(Topic.deliveries, partition)]) { [self] result in
            guard case .success(let ends) = result, let end = ends.values.first else {
                retry = host.loop.schedule(after: Self.retryAfter) { [unowned self] in begin(producer, directory) }
                return
            }
            read(partition, from: end, gateway)
        }
    }

    private func read(_ partition: Int32, from offset: Int64, _ gateway: Gateway) {
        do {
            let reader = try KafkaReader(settings: settings.kafka, topics: [Topic.deliveries], loop: host.loop)
            reader.onRecord = { [unowned self] record in
                if probe != nil { lookForProbe(in: record.value) }
                gateway.deliver(record.value)
            }
            reader.onFailure = { [unowned self] _, _, failure in host.fail("deliveries: \(failure)") }
            reader.add(KafkaTopicID(0), partition, at: .offset(offset))
            deliveries = reader
            sendProbe(partition, gateway)
        } catch {
            host.fail("\(error)")
        }
    }

    /// Ready when a record of its own has come back: what owners send will come too.
    private func sendProbe(_ partition: Int32, _ gateway: Gateway) {
        let text = SecureRandom.uuid()
        probe = text
        var entry = DeliveryEntry()
        entry.gateway = "probe-\(text)"
        let again = { [unowned self] in
            retry = host.loop.schedule(after: Self.retryAfter) { [unowned self] in sendProbe(partition, gateway) }
        }
        if !gateway.outbox.deliver(entry, to: partition, done: { isThere in if !isThere { again() } }) { again() }
    }

    private func lookForProbe(in value: UnsafeRawBufferPointer) {
        guard let probe, let gateway, let record = try? DeliveryRecord(json: value),
            record.entries.contains(where: { $0.gateway == "probe-\(probe)" })
        else { return }
        self.probe = nil
        hearsDeliveries = true
        gateway.onClock = { [unowned self] agrees in host.health.set("clock", agrees) }
        gateway.start()
        host.health.set("deliveries", true)
        openDoor()
    }

    /// Opens once deliveries come and every token that was ever issued can be told from a false one: whoever connected
    /// sooner would be refused for good. Until then all are answered 503, by which the front door takes another gateway.
    private func openDoor() {
        guard hearsDeliveries, knowsTokens, let gateway else { return }
        host.onRequest = { request, responder in responder.respond(ServerAPI.unknownPath(request)) }
        var limits = WebSocketLimits()
        limits.messageBytesMax = ClientRequest.bytesMax
        limits.tooLargeCode = CloseCode.tooLarge
        limits.slowReaderCode = CloseCode.tooSlow
        limits.connectionsMax = connectionsMax
        host.server.acceptUpgrade(path: "/ws", limits: limits, handler: gateway)
    }
}
