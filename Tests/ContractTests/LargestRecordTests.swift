@testable import Switchboard
import Testing

/// Nothing is produced that a broker could refuse for its size: what doors let in adds up to less than 256 KiB in every
/// record, and brokers take a megabyte.
@Suite struct `The largest` {
    private static let recordBytesMax = 262_144

    /// As long as a door takes it, and in JSON twice as long.
    private static func quotes(_ count: Int) -> String { String(repeating: "\"", count: count) }
    private static func letters(_ count: Int) -> String { String(repeating: "x", count: count) }
    private static let now = Timestamp(milliseconds: 1_700_000_000_000)
    /// As much as a token holds.
    private static let profile = Profile(name: quotes(256), avatarUrl: quotes(1_000))

    private static func device(_ number: Int) -> Device {
        let name = "\(number)-" + letters(64 - "\(number)-".count)
        let connection = Connection(partition: 255, gateway: SecureRandom.uuid(), number: .max)
        return Device(id: DeviceID(name), connection: connection, platform: .desktop)
    }

    private static func devices(_ count: Int) -> [Device] { (0..<count).map(device) }

    private static var asker: Asker { Asker(connection: device(0).connection!, request: quotes(64)) }

    private static var call: Call {
        var call = Call(id: CallID(SecureRandom.uuid()))
        var started = CallFact.Started()
        (started.caller, started.device, started.profile) = (UserID(letters(64)), device(0), profile)
        (started.asker, started.appIdentifier, started.extra) = (asker, quotes(64), quotes(4_096))
        started.callerDevices = devices(User.devicesMax)
        var callee = CallFact.Callee()
        (callee.user, callee.profile) = (UserID("ben"), profile)
        callee.devices = devices(Participant.linesMax)
        started.callees = [callee]
        call.apply(.started(started), at: now)
        for _ in 0..<10 { call.apply(.synced(.init(user: call.caller, device: device(0), asker: asker)), at: now) }
        return call
    }

    private static var user: User {
        var user = User()
        let devices = devices(User.devicesMax)
        for number in 0..<100 {
            var ring = UserInput.Ring()
            (ring.call, ring.peer, ring.rung) = (CallID(SecureRandom.uuid()), UserID(letters(64)), devices)
            for fact in (try? user.handle(.ring(ring), at: now)) ?? [] { user.apply(fact, at: now) }
            var gone = UserInput.Gone()
            gone.device = device(number).id
            user.apply(.wentOffline(gone), at: now)
        }
        for device in devices {
            var login = UserFact.LoggedIn()
            (login.device, login.profile, login.appIdentifier) = (device, profile, quotes(64))
            login.clientIp = letters(45)
            user.apply(.loggedIn(login), at: now)
        }
        return user
    }

    private static func snapshot<Fact>(of state: Opaque, _: Fact.Type) -> LogRecord<Fact> {
        var record = LogRecord<Fact>()
        record.kind = .snapshot
        record.key = RecordKey.of(AppKey(letters(64)), UserID(letters(64)))
        record.state = state
        record.commands = (0..<LedgerLimit.commandsPerSnapshot).map { _ in
            let command = [letters(64), letters(64), letters(64), quotes(64)].joined(separator: "/")
            var refusal = Refusal(.insideAnotherCall, field: "calleeIds")
            refusal.call = CallID(SecureRandom.uuid())
            return RememberedCommand(command, refusal, at: now)
        }
        return record
    }

    @Test func `user and call fit into their snapshots, with the commands to them`() {
        let user = Opaque(Carried(UsersEntry.user(Self.user)))
        #expect(Self.snapshot(of: user, UsersEntry.Fact.self).encoded().count <= Self.recordBytesMax)
        let call = Opaque(Carried(Self.call))
        #expect(Self.snapshot(of: call, CallFact.self).encoded().count <= Self.recordBytesMax)
    }

    @Test func `call fits behind tombstones that fill their record`() {
        let state = Opaque(Carried(Self.call))
        #expect(LedgerLimit.tombstoneBytes + state.bytes.count + 1_000 <= Self.recordBytesMax)
    }

    @Test func `frame fits behind others that fill their record`() {
        let call = Self.call
        var data = CallReceived()
        data.snapshot = CallSnapshot(of: call, for: call.caller, device: Self.device(0).id, media: nil)
        (data.inviter.name, data.inviter.avatarUrl) = (Self.profile.name, Self.profile.avatarUrl)
        let entry = DeliveryEntry(to: Self.device(0).connection!, frame: .event("call.received", data))
        #expect(LedgerSettings.bytesPerDelivery + entry.encoded().count <= Self.recordBytesMax)
    }
}
