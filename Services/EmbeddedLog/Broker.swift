import Switchboard

/// The broker: topics, groups, producers and the connections of those who use them. All of it lives on one loop.
///
/// It replicates nothing, knows no transactions, no compaction and no users: one node, one machine, whoever may connect
/// may do all.
final class Broker {
    static let nodeID: Int32 = 1

    let loop: EventLoop
    let log: Log
    let spare: SpareRoom
    let syncer: Syncer
    let topics: Topics
    let producerIDs: ProducerIDs
    let offsets: OffsetStore
    let groups: Groups
    /// Where clients are told to connect.
    private(set) var advertised: (host: String, port: Int)
    private(set) var listener: TCPListener?
    let files: OpenFiles
    private var connections: [ObjectIdentifier: Connection] = [:]
    private var timers: [LoopTimer] = []
    /// Since they were last told in the log.
    private var refusedConnections = 0
    var fetches: [ObjectIdentifier: PendingFetch] = [:]
    var dueFetches: [PendingFetch] = []
    /// Until the rest of `dueFetches` has its turn.
    var nextTurn: LoopTimer?
    /// Partitions that `fetches` name.
    var partsWaiting = 0

    private static let housekeeping = Duration.seconds(1)
    private static let groupTick = Duration.milliseconds(50)

    /// Opens all that is in the data folder; takes no connection yet. Blocks while it reads.
    /// - Parameter disk: where calls may wait for the disk.
    init(
        _ configuration: Configuration, loop: EventLoop, disk: EventLoop, log: Log,
        onFailure: @escaping @Sendable (SystemFailure) -> Void
    ) throws(SystemFailure) {
        self.loop = loop
        self.log = log
        let data = configuration.data
        spare = try SpareRoom(folder: data, log: log)
        syncer = Syncer(
            policy: configuration.syncPolicy, loop: loop, disk: disk, spare: spare, log: log, onFailure: onFailure)
        files = OpenFiles(max: Folder.raiseDescriptorLimit() - Limits.connections - Limits.otherDescriptors)
        topics = try Topics(folder: data, syncer: syncer, files: files, log: log)
        producerIDs = try ProducerIDs(path: "\(data)/producer-ids", syncer: syncer)
        offsets = try OffsetStore(path: "\(data)/offsets", syncer: syncer, log: log)
        try offsets.forgetTopics { [topics] in topics.all[$0] != nil }
        groups = Groups()
        advertised = configuration.advertised
    }

    /// Unix milliseconds.
    var now: Int64 { WallClock.milliseconds }

    /// Milliseconds of a clock that nobody sets, for silences and sessions.
    var steadyNow: Int64 { (ContinuousClock.now - Self.began).milliseconds }
    private static let began = ContinuousClock.now

    // MARK: the door

    func listen(host: String, port: Int) throws(SystemFailure) {
        let listener = try TCPListener(loop: loop, host: host, port: port) { [unowned self] in accept($0) }
        self.listener = listener
        if advertised.port == 0 { advertised.port = listener.port }
        timers = [
            loop.every(Self.housekeeping) { [unowned self] in keepHouse() },
            loop.every(Self.groupTick) { [unowned self] in groups.expire(at: steadyNow) },
        ]
    }

    private func accept(_ tcp: TCPConnection) {
        guard connections.count < Limits.connections else {
            refusedConnections += 1
            return tcp.close()
        }
        let connection = Connection(tcp, broker: self)
        connections[ObjectIdentifier(connection)] = connection
    }

    func ended(_ connection: Connection) {
        // Let go at the end of the turn: its own code is still on the stack.
        loop.atEndOfTurn { [self] in connections[ObjectIdentifier(connection)] = nil }
    }

    /// Takes no more connections and ends those that are open.
    func close() {
        listener?.stop()
        timers = []
        for connection in connections.values { connection.close() }
    }

    // MARK: limits of all together

    func limitHeld(adding connection: Connection) {
        guard connection.heldBytes > Limits.heldBytesUncounted else { return }
        let all = connections.values.reduce(0) { $0 + $1.heldBytes }
        guard all > Limits.heldBytesOfAll else { return }
        log.warning("closed a connection: too many requests are under way", ["peer": connection.peer, "bytes": all])
        connection.close()
    }

    var unsentBytesLeft: Int {
        Limits.unsentBytesOfAll - connections.values.reduce(0) { $0 + $1.unsentBytes }
    }

    // MARK: housekeeping

    private func keepHouse() {
        let time = now
        if refusedConnections > 0 {
            let count = refusedConnections
            refusedConnections = 0
            log.warning("refused connections: too many are open", ["refused": count, "limit": Limits.connections])
        }
        closeStalled(at: steadyNow)
        if unsentBytesLeft > 0 { for connection in connections.values { connection.goOn() } }
        if let count = files.takeUnmade(at: steadyNow) {
            log.warning(
                "files grow on: no more may be open", ["unmade": count, "open": files.count, "limit": files.max])
        }
        for partition in topics.all.values.flatMap(\.partitions) { partition.dropOld(at: time) }
        offsets.expireIfDue(at: time) { groups.groups[$0]?.members.isEmpty == false }
        offsets.compactIfDue()
        spare.takeIfMissing(with: syncer)
    }

    /// - Parameter now: on the clock that nobody sets.
    func closeStalled(at now: Int64) {
        for connection in connections.values { connection.closeIfStalled(at: now) }
    }

    // MARK: requests

    func handle(_ exchange: Exchange) throws(WireFailure) {
        switch exchange.api {
        case .produce: try produce(exchange)
        case .fetch: try fetch(exchange)
        case .listOffsets: try listOffsets(exchange)
        case .metadata: try metadata(exchange)
        case .offsetCommit: try offsetCommit(exchange)
        case .offsetFetch: try offsetFetch(exchange)
        case .findCoordinator: try findCoordinator(exchange)
        case .joinGroup: try joinGroup(exchange)
        case .heartbeat: try heartbeat(exchange)
        case .leaveGroup: try leaveGroup(exchange)
        case .syncGroup: try syncGroup(exchange)
        case .describeGroups: try describeGroups(exchange)
        case .listGroups: try listGroups(exchange)
        case .apiVersions: try apiVersions(exchange)
        case .createTopics: try createTopics(exchange)
        case .deleteTopics: try deleteTopics(exchange)
        case .initProducerID: try initProducerID(exchange)
        case .describeConfigs: try describeConfigs(exchange)
        case .createPartitions: try createPartitions(exchange)
        case .deleteGroups: try deleteGroups(exchange)
        }
    }
}
