import Switchboard

/// The parts of this service, and how they come up: the ledgers of users and rooms, then the view and its door.
final class Allocator {
    private let host: ServiceHost
    private var settings: LedgerSettings
    private let redis: RedisClient
    private let world: LedgerWorld
    private let nonces: RedisNonces
    private let hasView: Bool
    private var directory: Directory?
    private var view: LogView<RoomFact>?

    /// The owners' group, for ever.
    private static let group = "switchboard.room-allocator.v1"

    init(_ host: ServiceHost, _ configuration: Configuration) throws {
        self.host = host
        hasView = configuration.hasView
        settings = LedgerSettings(
            kafka: host.settings.kafka, group: Self.group, partitions: host.settings.partitions,
            replication: host.settings.replication)
        settings.recordLevel = host.settings.recordLevel
        redis = host.connectToRedis()
        nonces = RedisNonces(redis: redis, memory: ServerAPI.nonceMemory)
        world = try LedgerWorld(
            loop: host.loop, settings: settings, mirror: RedisStateMirror(redis: redis, loop: host.loop), log: host.log)
        LedgerMetrics.count(world.add(UsersBook()), partitions: settings.partitions, in: host.metrics)
        LedgerMetrics.count(world.add(RoomBook()), partitions: settings.partitions, in: host.metrics)
        for condition in ["ledger", "directory"] { host.health.set(condition, false) }
        world.onReady = { [unowned self] in ledgerIsReady() }
        world.onWithdrawn = { isOut in host.health.set("ledger", !isOut) }
        world.onFatal = { [unowned self] reason in self.host.fail(reason) }
        host.onStop("ledger") { [self] done in world.stop(done) }
        host.onStop("views") { [self] done in
            directory?.close()
            redis.close()
            guard let view else { return done() }
            let finish = LoopBound(done, on: host.loop)
            view.close { [loop = host.loop] in loop.execute { finish.value?() } }
        }
        world.start()
    }

    private func ledgerIsReady() {
        host.health.set("ledger", true)
        do {
            let directory = try Directory(settings: settings, loop: host.loop, log: host.log)
            directory.onComplete = { [unowned self] in directoryIsComplete() }
            directory.onFailure = { [unowned self] reason in host.fail(reason) }
            directory.onNewer = { [unowned self] reason in host.isOutdated(reason, closesDoor: true) }
            self.directory = directory
            guard hasView else { return }
            let bound = LoopBound(host, on: host.loop)
            let view = SessionView.make(
                path: "\(host.settings.data)/sessions.sqlite", settings: settings, log: host.log,
                fail: { [loop = host.loop] reason in loop.execute { bound.value?.fail(reason) } },
                outdated: { [loop = host.loop] reason in loop.execute { bound.value?.isOutdated(reason) } })
            self.view = view
        } catch {
            host.fail("\(error)")
        }
    }

    /// Sooner the door would not know who calls, and refuse a good signature.
    private func directoryIsComplete() {
        host.health.set("directory", true)
        guard let directory, let view else { return }
        let api = ServerAPI(
            metrics: host.metrics, secret: { directory.entry(AppKey($0))?.secret },
            takeNonce: { [nonces] app, nonce, done in nonces.take(AppKey(app), nonce, done) })
        let door = RoomDoor(api: api, world: world, view: view, loop: host.loop)
        host.onRequest = { request, responder in door.answer(request, responder) }
    }
}
