import Switchboard

/// The parts of this service, and how they come up: topics, then what the registry's log says, then the first
/// application where there is none, then the door.
final class TokenOffice {
    private let host: ServiceHost
    private let configuration: Configuration
    private let key: SigningKey
    private let keyID: String
    private let source: TokenSource
    private var settings: LedgerSettings
    private let redis: RedisClient
    private let nonces: RedisNonces
    private let world: LedgerWorld
    private var directory: Directory?
    private var view: UsersView?
    private var firstApplicationTimer: LoopTimer?

    /// The owners' group, for ever.
    private static let group = "switchboard.token-service.v1"
    /// How often the first application is asked for until it is there.
    private static let askAgain: Duration = .seconds(2)

    private enum Condition {
        static let topics = "topics"
        static let ledger = "ledger"
        static let application = "application"
        static let users = "users"
    }

    init(_ host: ServiceHost, _ configuration: Configuration) throws {
        self.host = host
        self.configuration = configuration
        for condition in [Condition.topics, Condition.application, Condition.users] {
            host.health.set(condition, false)
        }
        let path = configuration.signingKey
        key = try OwnFiles.signingKey(at: path.isEmpty ? "\(host.settings.data)/signing-key.pem" : path)
        keyID = try TokenSource.keyID(of: key)
        source = try TokenSource(key: key, keyID: keyID, lifetime: configuration.tokenLifetime)
        settings = LedgerSettings(
            kafka: host.settings.kafka, group: Self.group, partitions: host.settings.partitions,
            replication: host.settings.replication)
        settings.recordLevel = host.settings.recordLevel
        redis = host.connectToRedis()
        nonces = RedisNonces(redis: redis, memory: ServerAPI.nonceMemory)
        world = try LedgerWorld(
            loop: host.loop, settings: settings, mirror: NoStateMirror(loop: host.loop), log: host.log)
        LedgerMetrics.count(world.add(RegistryBook()), partitions: settings.registryPartitions, in: host.metrics)
        world.onReady = { [unowned self] in topicsAreReady() }
        world.onWithdrawn = { isOut in host.health.set(Condition.ledger, !isOut) }
        world.onFatal = { [unowned self] reason in self.host.fail(reason) }
        nonces.onShared = { isShared in
            if isShared {
                host.log.notice("nonces are shared between copies again")
            } else {
                host.log.warning("Redis does not answer: nonces are remembered by this copy alone")
            }
        }
        host.onStop("ledger") { [self] done in world.stop(done) }
        host.onStop("views") { [self] done in
            directory?.close()
            redis.close()
            if let view { view.close(done) } else { done() }
        }
        world.start()
    }

    private func topicsAreReady() {
        host.health.set(Condition.topics, true)
        do {
            let directory = try Directory(settings: settings, loop: host.loop, log: host.log)
            directory.onFact = { [unowned self] application, fact in see(fact, of: application) }
            directory.onFailure = { [unowned self] reason in host.fail(reason) }
            directory.onNewer = { [unowned self] reason in host.isOutdated(reason, closesDoor: true) }
            self.directory = directory
            let view = try UsersView(
                settings: settings, path: "\(host.settings.data)/users.sqlite", loop: host.loop, log: host.log)
            view.onComplete = { [unowned self] in host.health.set(Condition.users, true) }
            view.onFailure = { [unowned self] reason in host.fail(reason) }
            view.onNewer = { [unowned self] reason in host.isOutdated(reason, closesDoor: true) }
            self.view = view
            // Sooner it would not know who calls, and refuse a good signature.
            directory.onComplete = { [unowned self, unowned directory] in
                openDoor(directory, view)
                completeApplication()
            }
        } catch {
            host.fail("\(error)")
        }
    }

    private func openDoor(_ directory: Directory, _ view: UsersView) {
        let api = ServerAPI(
            metrics: host.metrics, adminToken: configuration.adminToken,
            secret: { directory.entry(AppKey($0))?.secret },
            takeNonce: { [nonces] app, nonce, done in nonces.take(AppKey(app), nonce, done) })
        let issuer = TokenIssuer(
            world: world, directory: directory, view: view, source: source, instance: host.settings.instance,
            log: host.log, metrics: host.metrics)
        let door = TokenDoor(api: api, issuer: issuer, world: world)
        let demo =
            configuration.isDemo
            ? DemoDoor(issuer: issuer, directory: directory, redis: redis, settings: settings) : nil
        host.onRequest = { request, responder in
            if let demo, demo.answer(request, responder) { return }
            door.answer(request, responder)
        }
    }

    // MARK: the first application

    private func completeApplication() {
        if directory?.entries.isEmpty == false { return applicationIsThere() }
        do {
            let create = try FirstApplication.create(signedBy: key, named: keyID)
            askForApplication(create)
            firstApplicationTimer = host.loop.every(Self.askAgain) { [unowned self] in askForApplication(create) }
        } catch {
            host.fail("\(error)")
        }
    }

    private func askForApplication(_ create: ApplicationInput.Create) {
        let id = FirstApplication.applicationID
        let record = InboxRecord(ApplicationInput.create(create), command: FirstApplication.command)
        world.send(
            record.encoded(), key: id, to: LedgerName.registry.inbox, settings.partition(of: id, in: .registry)
        ) { _ in }
    }

    private func see(_ fact: ApplicationFact, of application: String) {
        guard case .created(let created) = fact, application == FirstApplication.applicationID else { return }
        do {
            try FirstApplication.write(created, into: host.settings.data)
        } catch {
            host.fail("\(error)")
        }
        if firstApplicationTimer != nil { applicationIsThere() }
    }

    private func applicationIsThere() {
        firstApplicationTimer = nil
        guard let directory, source.isAccepted(by: directory) else {
            return host.fail("the signing key is not the one that the registry names")
        }
        host.health.set(Condition.application, true)
    }
}
