@testable import Switchboard

/// What must always be true, checked against a simple reading of the logs and against what people heard.
final class Audit {
    private(set) var faults: [String] = []
    var performed: [SourceMark: Int] = [:]
    private var passed: [String: Set<SourceMark>] = [:]
    /// Who rang for a call, or was inside.
    var shownBy: [CallID: Set<DeviceID>] = [:]
    var endings: [CallID: [DeviceID: Int]] = [:]
    private var overOn: Set<String> = []
    private var answers: [String: Set<Int>] = [:]
    var connected: Set<CallID> = []

    /// The first accept in each call's inbox that is young enough to count.
    var firstAccepts: [String: Timestamp] = [:]
    /// Seen in the logs.
    var snapshots = 0
    /// Where the inputs stand that were logged as failed. Their commands may not have been looked into.
    var failed: [(inbox: Broker.Place, offset: Int)] = []
    /// Owners that began in the middle of the log.
    var readingsFromSnapshots = 0
    var missedCalls: [(key: String, expiresAt: Timestamp)] = []
    private static let faultsMax = 12

    func check(_ holds: Bool, _ words: @autoclosure () -> String) {
        if !holds, faults.count < Self.faultsMax { faults.append(words()) }
    }

    // MARK: while it runs

    func performs(_ source: SourceMark) { performed[source, default: 0] += 1 }

    func passes(_ source: SourceMark, through gateway: String) {
        check(passed[gateway, default: []].insert(source).inserted, "an effect reached \(gateway) twice: \(source)")
    }

    func hears(
        _ type: String, _ call: CallID, on device: DeviceID, expiresAt: Timestamp?, at now: Timestamp
    ) {
        let there = "\(device) \(call)"
        switch type {
        case "call.received":
            check(expiresAt.map { now <= $0 + .seconds(1) } ?? true, "\(there) rings past its time")
            check(!overOn.contains(there), "\(there) rings after its end")
            shownBy[call, default: []].insert(device)
        case "call.ended":
            endings[call, default: [:]][device, default: 0] += 1
            overOn.insert(there)
        case "call.log": break
        default:
            check(!overOn.contains(there), "\(there) hears \(type) after its end")
            if type == "call.connected" || type == "call.snapshot" { shownBy[call, default: []].insert(device) }
        }
    }

    func answers(_ command: String, _ code: Int) {
        answers[command, default: []].insert(code)
        check(answers[command]!.count == 1, "\(command) is answered \(answers[command]!)")
    }

    // MARK: in the end

    func isSettled(_ world: World) -> Bool {
        isSettled(world.calls) { call in !call.isLive }
            && isSettled(world.rooms) { room in room.session == nil }
            && isSettled(world.users) { entry in
                guard case .user(let user) = entry else { return true }
                return user.seat == nil && user.next == nil && user.rings.isEmpty
            }
    }

    private func isSettled<B: Book>(_ post: Post<B>, _ isOver: (B.State) -> Bool) -> Bool {
        post.hosts.allSatisfy { host in
            guard let owner = host?.owner, owner.isOwning, owner.isIdle else { return false }
            return owner.entries.values.allSatisfy { isOver($0.state) }
        }
    }

    func finish(_ world: World) {
        if !isSettled(world) { nameTheUnsettled(world) }
        var expected: Set<World.Landing> = []
        expected.formUnion(read(world.calls, world, see: seeCall))
        expected.formUnion(read(world.users, world, see: { _ in }))
        var moves: [(number: Int, move: RoomMove)] = []
        expected.formUnion(read(world.rooms, world, see: { step in moves += self.moves(step) }))
        checkRooms(moves.sorted { $0.number < $1.number }.map(\.move))
        checkArrivals(expected, world)
        checkMirror(world)
        let commands = failed.map { place, offset in
            (try? InboxEnvelope(json: world.broker.records(place)[offset].value))?.command
        }
        check(commands == (world.poison.map { [$0] } ?? []), "logged as failed: \(commands)")
        check(world.poison == nil || world.poisoned <= 10, "one input has ended \(world.poisoned) owners")
        checkPeople(world)
    }

    private func nameTheUnsettled(_ world: World) {
        for host in world.calls.hosts + [] { note(host?.owner, "calls") { $0.isLive ? "live" : nil } }
        for host in world.rooms.hosts { note(host?.owner, "rooms") { $0.session == nil ? nil : "open" } }
        for host in world.users.hosts {
            note(host?.owner, "users") { entry in
                guard case .user(let user) = entry else { return nil }
                if let seat = user.seat { return "seat \(seat)" }
                return user.next == nil && user.rings.isEmpty ? nil : "waits or rings"
            }
        }
        check(false, "not settled")
    }

    private func note<B: Book>(_ owner: PartitionOwner<B>?, _ kind: String, _ trouble: (B.State) -> String?) {
        guard let owner, owner.isOwning else { return check(false, "nobody owns a partition of \(kind)") }
        let underWay = "\(owner.pending.count) \(owner.unsent.count) \(owner.inFlight.count) \(owner.performing.count)"
        check(owner.isIdle, "\(kind) \(owner.partition) is not idle: \(underWay)")
        for (key, entry) in owner.entries.sorted(by: { $0.key < $1.key }) {
            if let words = trouble(entry.state) { check(false, "\(kind) \(key): \(words)") }
        }
    }

    func seeCall(_ step: Step<CallBook>) {
        if step.before.endReason != nil {
            // A device that was away is told the end it missed, and nothing else happens.
            guard case .returned = step.fact else { return check(false, "\(step.key): \(step.fact) after the end") }
        }
        switch step.fact {
        case .accepted(let accepted):
            let member = step.before.participant(accepted.user)
            check(member?.seated == nil, "\(step.key): a second winner")
        case .connected: connected.insert(step.after.id)
        case .missed: missedCalls.append((step.key, step.before.expiresAt))
        default: break
        }
    }

    func checkPeople(_ world: World) {
        for (key, expiresAt) in missedCalls {
            guard let first = firstAccepts[key] else { continue }
            check(first >= expiresAt, "\(key): the timer has beaten an accept that came \(expiresAt - first) before it")
        }
        for (call, devices) in endings {
            for (device, count) in devices { check(count == 1, "\(device) heard \(count) ends of \(call)") }
        }
        for (call, devices) in shownBy {
            for device in devices {
                check(endings[call]?[device] == 1, "\(device) shows \(call) and never heard its end")
            }
        }
        guard !world.hasFaults else { return }
        for plan in world.plans where plan.mustConnect {
            check(connected.contains(plan.id), "\(plan.id) did not connect, which both wanted")
        }
    }
}
