import Support
@testable import Switchboard
import Testing

/// A mirror that can be emptied, as a flush empties Redis, and then tells the owners what they have lost.
private final class ForgetfulMirror: StateMirror {
    struct Place: Hashable {
        let ledger: LedgerName
        let partition: Int32
    }

    var onLost: ((LedgerName, Int32) -> Void)?
    /// What is shown; nothing of a partition that nobody has written afresh.
    private(set) var shown: [Place: [String: [UInt8]]] = [:]
    private(set) var timesAfresh: [Place: Int] = [:]

    func write(_ ledger: LedgerName, _ partition: Int32, marker: Int64, _ changes: [(key: String, value: [UInt8]?)]) {
        for (key, value) in changes { shown[Place(ledger: ledger, partition: partition)]?[key] = value }
    }

    func writeAfresh(_ ledger: LedgerName, _ partition: Int32, marker: Int64, _ all: [(key: String, value: [UInt8])]) {
        let place = Place(ledger: ledger, partition: partition)
        shown[place] = Dictionary(all.map { ($0.key, $0.value) }) { $1 }
        timesAfresh[place, default: 0] += 1
    }

    func letGo(_ ledger: LedgerName, _ partition: Int32) {}

    func look(_ ledger: LedgerName, at keys: [(partition: Int32, key: String)], _ done: @escaping ([[UInt8]?]) -> Void)
    {
        done(keys.map { shown[Place(ledger: ledger, partition: $0.partition)].map { _ in [] } })
    }

    func lose(_ ledger: LedgerName, _ partition: Int32) {
        shown[Place(ledger: ledger, partition: partition)] = nil
        onLost?(ledger, partition)
    }
}

/// A process that decides who is connected and who is inside.
private actor MirroringOwner {
    nonisolated let loop = EventLoop(name: "mirroring")
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private let settings: LedgerSettings
    private let mirror = ForgetfulMirror()
    private var world: LedgerWorld?
    private var owned = 0

    init(_ bootstrap: String) {
        settings = LedgerSettings(
            kafka: KafkaSettings(bootstrap: bootstrap, clientID: "mirroring"), group: freshTopic("owners"),
            partitions: 2
        )
        loop.start()
    }

    var ownsAll: Bool { owned == 4 }

    func start() throws {
        let world = try LedgerWorld(
            loop: loop, settings: settings, mirror: mirror, log: Log(service: "test", sink: { _ in }))
        let users = world.add(UsersBook())
        let rooms = world.add(RoomBook())
        users.onOwnership = { _, owns in self.owned += owns ? 1 : -1 }
        rooms.onOwnership = { _, owns in self.owned += owns ? 1 : -1 }
        self.world = world
        world.start()
    }

    func logIn(_ key: String) {
        var login = UserInput.Login()
        login.device = Device(id: DeviceID("phone"), connection: Connection(partition: 0, gateway: "g", number: 1))
        send(InboxRecord(UsersEntry.Input.user(.login(login))).encoded(), key, to: .users)
    }

    func join(_ key: String) {
        var join = RoomInput.Join()
        join.user = UserID("anna")
        join.device.id = DeviceID("phone")
        join.seat = 1
        let source = SourceMark(ledger: .users, partition: 0, offset: 1_000, index: 0)
        send(InboxRecord(RoomInput.join(join), source: source).encoded(), key, to: .rooms)
    }

    private func send(_ record: [UInt8], _ key: String, to ledger: LedgerName) {
        world?.send(record, key: key, to: ledger.inbox, settings.partition(of: key, in: ledger)) { _ in }
    }

    private func place(_ ledger: LedgerName, _ key: String) -> ForgetfulMirror.Place {
        .init(ledger: ledger, partition: settings.partition(of: key, in: ledger))
    }

    func shows(_ ledger: LedgerName, _ key: String) -> String? {
        mirror.shown[place(ledger, key)]?[key].map { String(decoding: $0, as: UTF8.self) }
    }

    func timesAfresh(_ ledger: LedgerName, _ key: String) -> Int { mirror.timesAfresh[place(ledger, key)] ?? 0 }
    func lose(_ ledger: LedgerName, _ key: String) { mirror.lose(ledger, settings.partition(of: key, in: ledger)) }

    func stop() async {
        await answered { done in
            if let world { world.stop { done.resume() } } else { done.resume() }
        }
        world = nil
    }
}

@Suite(.timeLimit(.minutes(1)))
struct LedgerMirrorTests {
    @Test(arguments: KafkaBroker.Kind.present)
    func `What the mirror has lost is written again by its owner, as it was`(kind: KafkaBroker.Kind) async throws {
        let broker = try await KafkaBroker(kind)
        let owner = MirroringOwner(broker.bootstrap)
        try await owner.start()
        try await until("all is owned") { await owner.ownsAll }
        let (user, room) = ("app/anna", "app/room")
        await owner.logIn(user)
        await owner.join(room)
        try await until("both are shown") {
            let (isConnected, isInside) = await (owner.shows(.users, user) != nil, owner.shows(.rooms, room) != nil)
            return isConnected && isInside
        }
        let (connected, inside) = await (owner.shows(.users, user), owner.shows(.rooms, room))
        #expect(connected?.contains("phone") == true)
        #expect(inside?.contains("anna") == true)

        let before = await owner.timesAfresh(.rooms, room)
        await owner.lose(.users, user)
        #expect(await owner.shows(.users, user) == connected)
        #expect(await owner.timesAfresh(.rooms, room) == before)
        await owner.lose(.rooms, room)
        #expect(await owner.shows(.rooms, room) == inside)
        await owner.stop()
    }
}
