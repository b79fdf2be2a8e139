import CallOrchestrator
import RoomAllocator
@testable import Switchboard

/// What must always be true, checked against a simple reading of the logs and against what people heard.
final class Audit {
    private(set) var faults: [String] = []
    private var performed: [SourceMark: Int] = [:]
    private var passed: [String: Set<SourceMark>] = [:]
    private var away: Set<DeviceID> = []
    private var receivedBy: [CallID: Set<DeviceID>] = [:]
    private var endings: [CallID: [DeviceID: Int]] = [:]
    private var overOn: Set<String> = []
    private var answers: [String: Set<Int>] = [:]
    private var insideBefore: [UserID: RoomID] = [:]
    private var connected: Set<CallID> = []

    private static let faultsMax = 12

    func check(_ holds: Bool, _ words: @autoclosure () -> String) {
        if !holds, faults.count < Self.faultsMax { faults.append(words()) }
    }

    // MARK: while it runs

    func appended(_ place: Broker.Place, _ offset: Int64, by host: String) {}
    func performs(_ source: SourceMark) { performed[source, default: 0] += 1 }
    func wasAway(_ device: DeviceID) { away.insert(device) }

    func passes(_ source: SourceMark, through gateway: String) {
        check(passed[gateway, default: []].insert(source).inserted, "an effect reached \(gateway) twice: \(source)")
    }

    func hears(
        _ type: String, _ call: CallID, on device: DeviceID, over connection: Connection, expiresAt: Timestamp?,
        at now: Timestamp
    ) {
        let there = "\(device) \(call)"
        switch type {
        case "call.received":
            check(expiresAt.map { now <= $0 + .seconds(1) } ?? true, "\(there) rings past its time")
            check(!overOn.contains(there), "\(there) rings after its end")
            receivedBy[call, default: []].insert(device)
        case "call.ended":
            endings[call, default: [:]][device, default: 0] += 1
            overOn.insert(there)
        case "call.log": break
        default: check(!overOn.contains(there), "\(there) hears \(type) after its end")
        }
    }

    func answers(_ command: String, _ type: String, _ code: Int) {
        guard type == "call.end" else { return }
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
        check(owner.isIdle, "\(kind) \(owner.partition) is not idle")
        for (key, entry) in owner.entries.sorted(by: { $0.key < $1.key }) {
            if let words = trouble(entry.state) { check(false, "\(kind) \(key): \(words)") }
        }
    }

    /// One fact as it is read back.
    struct Step<B: Book> {
        let key: String
        let fact: B.State.Fact
        let before: B.State
        let after: B.State
        let record: LogRecord<B.State.Fact>
        let number: Int
    }

    /// Folds each log afresh, and compares with what its owner believes.
    /// - Returns: everything that must have arrived somewhere.
    private func read<B: Book>(_ post: Post<B>, _ world: World, see: (Step<B>) -> Void) -> Set<World.Landing> {
        var expected: Set<World.Landing> = []
        for partition in 0..<Broker.partitions {
            let log = world.broker.records(B.ledger.log(partition))
            var rule = LogRule()
            var states: [String: B.State] = [:]
            var inboxOffset: Int64 = -1
            var counted: Set<Int64> = []
            var commands: [String: Int] = [:]
            var replies: [Reply: Int] = [:]
            var sources: Set<SourceMark> = []
            for (offset, stored) in log.enumerated() {
                guard let record = try? LogRecord<B.State.Fact>(json: stored.value) else { continue }
                guard rule.judge(record, at: Int64(offset)) == .counts else { continue }
                counted.insert(Int64(offset))
                let place = "\(B.ledger) \(partition) at \(offset)"
                check(record.inboxOffset >= inboxOffset, "\(place): out of the order of the inbox")
                inboxOffset = max(inboxOffset, record.inboxOffset)
                states = states.filter { $0.value.forgetAt.map { $0 > record.time } ?? true }
                if let reply = record.reply { replies[reply, default: 0] += 1 }
                if let source = record.source, !record.facts.isEmpty {
                    check(sources.insert(source).inserted, "\(place): the same effect was decided twice")
                }
                guard var state = states[record.key] ?? post.book.blank(for: record.key) else { continue }
                if !record.facts.isEmpty {
                    check(
                        record.sequence == state.sequence + 1,
                        "\(place): fact \(record.sequence) after \(state.sequence)")
                    if let command = record.command, B.ledger != .calls || !isAnswerOnly(record.facts) {
                        commands[command, default: 0] += 1
                        check(commands[command] == 1, "\(place): \(command) had its effect twice")
                    }
                }
                var effects = Effects()
                for fact in record.facts {
                    let before = state
                    state.apply(fact, at: record.time)
                    post.book.perform(fact, key: record.key, before: before, after: state, into: &effects)
                    see(
                        Step(
                            key: record.key, fact: fact, before: before, after: state, record: record,
                            number: stored.number))
                }
                if !record.facts.isEmpty { states[record.key] = state }
                if let reply = record.reply {
                    if let refusal = record.refusal {
                        post.book.refuse(reply, key: record.key, refusal, state: state, into: &effects)
                    } else {
                        post.book.answer(reply, key: record.key, facts: record.facts, state: state, into: &effects)
                    }
                }
                for (index, effect) in effects.all.enumerated() {
                    let source = SourceMark(
                        ledger: B.ledger, partition: partition, offset: Int64(offset), index: Int32(index))
                    expected.formUnion(world.landings(of: effect, source))
                }
            }
            for source in performed.keys where source.ledger == B.ledger && source.partition == partition {
                check(counted.contains(source.offset), "performed what does not count: \(source)")
            }
            checkInbox(post, partition, world, replies)
            compare(states, post.hosts[Int(partition)]?.owner, "\(B.ledger) \(partition)")
        }
        return expected
    }

    /// Facts that answer the same command again.
    private func isAnswerOnly<Fact>(_ facts: [Fact]) -> Bool {
        facts.allSatisfy { fact in if case .synced? = fact as? CallFact { true } else { false } }
    }

    /// Every input that is to be answered has left its record.
    private func checkInbox<B: Book>(_ post: Post<B>, _ partition: Int32, _ world: World, _ replies: [Reply: Int]) {
        guard B.ledger == .calls else { return }
        var asked: [Reply: Int] = [:]
        var accepts: [String: Timestamp] = [:]
        for stored in world.broker.records(B.ledger.inbox(partition)) {
            guard let record = try? InboxRecord<B.State.Input>(json: stored.value) else { continue }
            if let reply = record.reply { asked[reply, default: 0] += 1 }
            if case .accept? = record.input as? CallInput, let sentAt = record.sentAt,
                stored.time - sentAt < .seconds(10)
            {
                accepts[stored.key] = min(accepts[stored.key] ?? stored.time, stored.time)
            }
        }
        firstAccepts.merge(accepts) { min($0, $1) }
        for (reply, count) in asked {
            check(
                replies[reply, default: 0] == count,
                "\(reply.type) \(reply.asker.request) left \(replies[reply, default: 0]) records")
        }
    }

    private var firstAccepts: [String: Timestamp] = [:]
    private var missedCalls: [(key: String, expiresAt: Timestamp)] = []

    private func compare<B: Book>(_ states: [String: B.State], _ owner: PartitionOwner<B>?, _ place: String) {
        guard let owner, owner.isOwning else { return }
        let last = owner.lastTime
        let live = owner.entries.filter { $0.value.state.forgetAt.map { $0 > last } ?? true }
        let folded = states.filter { $0.value.forgetAt.map { $0 > last } ?? true }
        check(Set(live.keys) == Set(folded.keys), "\(place): the owner knows other keys than its log")
        for (key, entry) in live {
            guard let state = folded[key] else { continue }
            check(isSame(entry.state, state), "\(place): the owner's \(key) is not its log's")
        }
    }

    private func isSame<S: Machine>(_ a: S, _ b: S) -> Bool {
        switch (a, b) {
        case (let a as Call, let b as Call): a == b
        case (let a as Room, let b as Room): a == b
        case (UsersEntry.user(let a) as UsersEntry, UsersEntry.user(let b) as UsersEntry): a == b
        case (UsersEntry.gateway(let a) as UsersEntry, UsersEntry.gateway(let b) as UsersEntry):
            a.incarnation == b.incarnation && a.sequence == b.sequence
        default: false
        }
    }

    // MARK: calls

    private func seeCall(_ step: Step<CallBook>) {
        check(step.before.endReason == nil, "\(step.key): \(step.fact) after the end")
        switch step.fact {
        case .accepted(let accepted):
            let member = step.before.participant(accepted.user)
            check(member?.seated == nil, "\(step.key): a second winner")
        case .connected: connected.insert(step.after.id)
        case .missed: missedCalls.append((step.key, step.before.expiresAt))
        default: break
        }
    }

    private func checkPeople(_ world: World) {
        for (key, expiresAt) in missedCalls {
            guard let first = firstAccepts[key] else { continue }
            check(first >= expiresAt, "\(key): the timer has beaten an accept that came \(expiresAt - first) before it")
        }
        for (call, devices) in endings {
            for (device, count) in devices { check(count == 1, "\(device) heard \(count) ends of \(call)") }
        }
        for (call, devices) in receivedBy {
            for device in devices where !away.contains(device) {
                check(endings[call]?[device] == 1, "\(device) rang for \(call) and never heard its end")
            }
        }
        guard !world.hasFaults else { return }
        for plan in world.plans where plan.mustConnect {
            check(connected.contains(plan.id), "\(plan.id) did not connect, which both wanted")
        }
    }

    // MARK: rooms

    enum RoomMove {
        case opened(String)
        case joined(String, UserID, Int)
        case left(String, UserID, Int)
        case closed(String)
    }

    private func moves(_ step: Step<RoomBook>) -> [(number: Int, move: RoomMove)] {
        switch step.fact {
        case .opened: [(step.number, .opened(step.key))]
        case .joined(let joined): [(step.number, .joined(step.key, joined.user, joined.seat))]
        case .left(let left): [(step.number, .left(step.key, left.user, left.seat))]
        case .closed: [(step.number, .closed(step.key))]
        case .refused: []
        }
    }

    /// Over all rooms, in the order in which it was written.
    private func checkRooms(_ moves: [RoomMove]) {
        var open: Set<String> = []
        var inside: [UserID: String] = [:]
        for move in moves {
            switch move {
            case .opened(let room): check(open.insert(room).inserted, "\(room) has two sessions")
            case .closed(let room):
                check(open.remove(room) != nil, "\(room) closes twice")
                check(!inside.values.contains { $0.hasPrefix("\(room)#") }, "\(room) closes with somebody inside")
            case .joined(let room, let user, let seat):
                check(open.contains(room), "\(user) is inside \(room), which is not open")
                check(inside[user] == nil, "\(user) is inside \(room) and \(inside[user] ?? "")")
                inside[user] = "\(room)#\(seat)"
            case .left(let room, let user, let seat):
                check(inside[user] == "\(room)#\(seat)", "\(user) leaves \(room), where it is not")
                inside[user] = nil
            }
        }
        check(inside.isEmpty, "somebody is still inside: \(inside)")
    }

    // MARK: effects and the mirror

    /// Everything that a record owes has arrived, in an order in which its receiver takes it, and nothing else has.
    private func checkArrivals(_ expected: Set<World.Landing>, _ world: World) {
        var taken: Set<World.Landing> = []
        for (place, records) in world.broker.topics {
            var marks: [SourcePartition: SourceMark] = [:]
            for record in records {
                guard let source = source(of: record, in: place) else { continue }
                let part = SourcePartition(source)
                if let mark = marks[part], source <= mark { continue }
                marks[part] = source
                let landing = World.Landing(place: place, key: record.key, value: record.value)
                check(expected.contains(landing), "\(place): \(source) arrived as no record says it")
                taken.insert(landing)
            }
        }
        for landing in expected where landing.place.topic != Topic.callRecords && !taken.contains(landing) {
            check(
                false,
                "\(landing.place): an effect never arrived: \(String(decoding: landing.value, as: UTF8.self).prefix(160))"
            )
            return
        }
    }

    private func source(of record: Broker.Record, in place: Broker.Place) -> SourceMark? {
        switch place.topic {
        case LedgerName.calls.inbox: (try? InboxRecord<CallInput>(json: record.value))?.source
        case LedgerName.rooms.inbox: (try? InboxRecord<RoomInput>(json: record.value))?.source
        case LedgerName.users.inbox: (try? InboxRecord<UsersEntry.Input>(json: record.value))?.source
        case Topic.deliveries: (try? DeliveryRecord(json: record.value))?.entries.first?.source
        default: nil
        }
    }

    private func checkMirror(_ world: World) {
        for partition in world.users.hosts.indices {
            guard let owner = world.users.hosts[partition]?.owner, owner.isOwning,
                world.mirror.isStamped(.users, Int32(partition))
            else { continue }
            for (key, entry) in owner.entries {
                let shown = world.mirror.values["users:\(key)"]
                check(shown == world.users.book.mirror(entry.state, key: key), "the mirror shows another \(key)")
            }
        }
    }
}
