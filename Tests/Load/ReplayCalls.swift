import Glibc
import Switchboard

/// Logs and inboxes of so many live calls, in memory: decided by owners as services decide them, so that they hold what
/// such logs hold, snapshots and renewals included.
final class ReplayCalls {
    private(set) var logs: [[[UInt8]]] = []
    private(set) var inboxes: [[InboxLine]]
    private(set) var liveCalls = 0

    /// One record of an inbox.
    struct InboxLine {
        let key: [UInt8]
        let value: [UInt8]
    }

    private static let app = AppKey("0a1b2c3d4e5f")
    /// All of it is decided within the last minute: what is remembered for two is remembered still.
    private static let age: Duration = .seconds(60)
    private let partitions: Int32
    private var ports: [ReplayPorts] = []
    private var owners: [PartitionOwner<CallBook>] = []

    init(calls: Int, partitions: Int32) {
        self.partitions = partitions
        inboxes = Array(repeating: [], count: Int(partitions))
        for partition in 0..<partitions {
            let port = ReplayPorts(now: Self.now + (.zero - Self.age))
            let owner = PartitionOwner(partition: partition, book: CallBook(media: MediaGrants(urls: [])), ports: port)
            owner.start()
            port.settle()
            ports.append(port)
            owners.append(owner)
        }
        for number in 0..<calls { dial(number) }
        liveCalls = owners.reduce(0) { $0 + $1.liveCount }
        logs = ports.map(\.log)
        owners = []
        ports = []
    }

    private static var now: Timestamp {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Timestamp(milliseconds: Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000)
    }

    // MARK: deciding

    private func dial(_ number: Int) {
        let hex = String(number, radix: 16)
        let id = CallID("00000000-0000-4000-8000-" + String(repeating: "0", count: 12 - hex.count) + hex)
        let key = RecordKey.of(Self.app, id)
        let partition = PartitionHash.partition(of: key.utf8, count: partitions)
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
        let offset = Int64(inboxes[at].count)
        let (port, owner) = (ports[at], owners[at])
        port.now = port.now + .milliseconds(offset % 4 == 0 ? 1 : 0)
        var record = InboxRecord(input, command: command)
        if case .joined = input { record.command = nil }
        let line = InboxLine(key: Array(key.utf8), value: record.encoded())
        inboxes[at].append(line)
        line.key.withUnsafeBytes { key in
            line.value.withUnsafeBytes { value in
                _ = owner.receive(offset: offset, time: port.now, key: key, value: value)
            }
        }
        owner.pump()
        port.settle()
    }
}
