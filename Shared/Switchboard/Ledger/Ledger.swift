internal import Glibc

/// One ledger in a process: an owner for each partition that the group gave us.
package final class Ledger<B: Book>: LedgerPorts {
    package let name = B.ledger
    private let book: B
    unowned let world: LedgerWorld
    var owners: [Int32: PartitionOwner<B>] = [:]
    var assigned: Set<Int32> = []
    var paused: Set<Int32> = []
    var restarts: [Int32: LoopTimer] = [:]
    /// Partitions that were assigned and not begun a second time.
    private var fresh: Set<Int32> = []
    /// Partitions that are decided until another has taken them, with what ends that.
    var handovers: [Int32: LoopTimer] = [:]

    /// Told of every partition that the group gives us, before it is taken over.
    package var onAssignment: ((_ partition: Int32) -> Void)?
    /// Told of every partition that begins or stops being decided here.
    package var onOwnership: ((_ partition: Int32, _ owns: Bool) -> Void)?
    var live: Gauge?
    var decided: Counter?
    var carried: Counter?
    var failed: Counter?
    var lostInputs: Counter?
    var withdrawn: Gauge?
    var replayAge: Gauge?
    private var counted: [Int32: (decisions: Int, snapshots: Int)] = [:]
    private var alarmedAt = Timestamp()

    /// How long a partition rests after its owner failed, so that two do not write markers in turn.
    private static var restInMilliseconds: ClosedRange<Int> { 50...500 }
    private static var alarmAgain: Duration { .seconds(3_600) }

    init(book: B, world: LedgerWorld) {
        self.book = book
        self.world = world
    }

    package var ownedPartitions: [Int32] { owners.values.filter(\.isOwning).map(\.partition).sorted() }
    package var liveCount: Int { owners.values.reduce(0) { $0 + $1.liveCount } }

    private func count() {
        live?.set(liveCount)
        for owner in owners.values {
            let counted = counted[owner.partition] ?? (0, 0)
            decided?.add(owner.decisions - counted.decisions)
            carried?.add(owner.snapshots - counted.snapshots)
            self.counted[owner.partition] = (owner.decisions, owner.snapshots)
        }
        watchReplay()
    }

    /// What is needed must not grow as old as what the log lets go of.
    private func watchReplay() {
        guard let retention = world.settings.retention(of: name) else { return }
        let now = clock
        let oldest = owners.values.filter(\.isOwning).max { $0.replayAge(at: now) < $1.replayAge(at: now) }
        let age = oldest?.replayAge(at: now) ?? .zero
        replayAge?.set(Int(age.components.seconds))
        guard let oldest, age > retention / 2, now - alarmedAt > Self.alarmAgain else { return }
        alarmedAt = now
        world.log.error(
            "a log is held longer than half of what it keeps",
            [
                "ledger": name.rawValue, "partition": Int(oldest.partition), "seconds": age.components.seconds,
                "replayFrom": oldest.replayFrom,
            ])
    }

    private func take(_ partition: Int32) {
        guard assigned.contains(partition), owners[partition] == nil else { return }
        var limits = OwnerLimits()
        limits.levelAllowed = world.settings.recordLevel
        let owner = PartitionOwner(partition: partition, book: book, ports: self, limits: limits)
        owners[partition] = owner
        counted[partition] = nil
        owner.start()
    }

    // MARK: LedgerPorts

    package var clock: Timestamp {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Timestamp(milliseconds: Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000)
    }

    package func freshIncarnation() -> String { SecureRandom.uuid() }

    package func append(
        _ record: [UInt8], key: String, to partition: Int32, _ done: @escaping (LogAppend) -> Void
    ) -> Bool {
        world.append(record, key: key, to: name.log, partition, done)
    }

    package func perform(_ effect: Effects.Effect, source: SourceMark, _ done: @escaping (Bool) -> Void) {
        switch effect {
        case .frame(let connection, var entry):
            entry.source = source
            world.deliver(entry, to: connection.partition, done)
        case .call(let key, let input): send(InboxRecord(input, source: source), key, to: .calls, done)
        case .room(let key, let input): send(InboxRecord(input, source: source), key, to: .rooms, done)
        case .user(let key, let input):
            send(InboxRecord(UsersEntry.Input.user(input), source: source), key, to: .users, done)
        case .gatewayDied(let incarnation):
            let record = InboxRecord(UsersEntry.Input.gatewayDied(incarnation: incarnation), source: source).encoded()
            let count = world.settings.partitions
            let all = Countdown(2 * Int(count), done)
            for partition in 0..<count {
                world.send(record, key: RecordKey.gateway(incarnation), to: LedgerName.users.inbox, partition, all.one)
                // It reads one of the partitions, if it was only hung or unheard.
                world.deliver(deathNotice(incarnation, partition, source), to: partition, all.one)
            }
        case .callRecord(let key, let bytes):
            let partition = world.settings.partition(of: key, in: .users)
            world.send(bytes, key: key, to: Topic.callRecords, partition, done)
        }
    }

    private func deathNotice(_ incarnation: String, _ partition: Int32, _ source: SourceMark) -> DeliveryEntry {
        var note = DeliveryNote()
        note.died = true
        let gateway = Connection(partition: partition, gateway: incarnation, number: 0)
        var entry = DeliveryEntry(to: gateway, frame: nil, note: note)
        entry.source = source
        return entry
    }

    private func send<Input>(
        _ record: InboxRecord<Input>, _ key: String, to ledger: LedgerName, _ done: @escaping (Bool) -> Void
    ) {
        let partition = world.settings.partition(of: key, in: ledger)
        world.send(record.encoded(), key: key, to: ledger.inbox, partition, done)
    }

    package func look(at keys: [String], _ done: @escaping ([Presence?]) -> Void) {
        let places = keys.map { (world.settings.partition(of: $0, in: .users), $0) }
        world.mirror.look(.users, at: places) { values in
            done(
                values.map { value in
                    guard let value else { return nil }
                    return value.isEmpty ? Presence() : try? Presence(json: value)
                })
        }
    }

    package func readLog(
        _ partition: Int32, from start: LogStart, upTo marker: Int64,
        each: @escaping (Int64, UnsafeRawBufferPointer) -> Void, _ done: @escaping (Bool) -> Void
    ) {
        world.readLog(name.log, partition, from: start, upTo: marker, each: each, done)
    }

    package func openInbox(_ partition: Int32, at offset: Int64?) {
        world.clockVerdicts.agrees(place(partition), lead: world.clockLead(clock))
        world.openInbox(name.inbox, partition, at: offset)
        world.log.notice(
            "owns a partition",
            ["ledger": name.rawValue, "partition": Int(partition), "live": owners[partition]?.liveCount ?? 0])
        onOwnership?(partition, true)
    }

    func place(_ partition: Int32) -> ClockVerdicts.Place { ClockVerdicts.Place(name, partition) }

    /// - Returns: false where it is ours that is off.
    private func mayBeBrokersClock(_ partition: Int32, _ reason: String) -> Bool {
        let judgement = world.clockVerdicts.refuses(
            place(partition), lead: world.clockLead(clock),
            assigned: world.ledgers.reduce(0) { $0 + $1.assignedCount() })
        let words: LogData = ["ledger": name.rawValue, "partition": Int(partition), "reason": reason]
        switch judgement {
        case .refusesPartition:
            world.log.error("a partition's broker has another clock than the others: nobody here decides it", words)
        case .isUndecided:
            world.log.warning("a partition is not decided here until others say whose clock is off", words)
        case .isWrongItself: return false
        }
        return true
    }

    package func askInboxEnd(_ partition: Int32, _ done: @escaping (InboxEnd?) -> Void) {
        world.askEnd(name.inbox, partition, done)
    }

    package func mirror(_ partition: Int32, marker: Int64, _ changes: [(key: String, value: [UInt8]?)]) {
        world.mirror.write(name, partition, marker: marker, changes)
    }

    package func mirrorAfresh(_ partition: Int32, marker: Int64, _ all: [(key: String, value: [UInt8])]) {
        world.mirror.writeAfresh(name, partition, marker: marker, all)
    }

    package func ended(_ partition: Int32, _ ending: OwnerEnding) {
        let owner = owners.removeValue(forKey: partition)
        paused.remove(partition)
        let wasHandedOver = handovers.removeValue(forKey: partition) != nil
        world.stopReading(name.log, partition)
        world.closeInbox(name.inbox, partition)
        world.mirror.letGo(name, partition)
        onOwnership?(partition, false)
        guard assigned.contains(partition) else {
            if wasHandedOver { world.leaveWhenHandedOver() }
            return
        }
        if case .unable(.clock, let reason) = ending, mayBeBrokersClock(partition, reason) {
            restarts[partition] = world.loop.schedule(after: LedgerWorld.comeBackAfter) { [unowned self] in
                restarts[partition] = nil
                take(partition)
            }
            return
        }
        if case .unable(let inability, let reason) = ending {
            world.log.error(
                "a partition must not be decided here and is given back",
                ["ledger": name.rawValue, "partition": Int(partition), "reason": reason])
            return world.withdraw(because: inability)
        }
        var rest = Duration.milliseconds(Int.random(in: Self.restInMilliseconds))
        if fresh.remove(partition) != nil, owner?.hasAccepted == false {
            // The one before decided until it found our marker, perhaps behind it: now it has.
            rest = .zero
            world.log.info("a partition is marked again", ["ledger": name.rawValue, "partition": Int(partition)])
        } else {
            world.log.warning(
                "a partition is given up and taken again",
                ["ledger": name.rawValue, "partition": Int(partition), "reason": ending.description])
        }
        restarts[partition] = world.loop.schedule(after: rest) { [unowned self] in
            restarts[partition] = nil
            take(partition)
        }
    }
}

extension Ledger {
    package func tell(_ partition: Int32, _ news: OwnerNews) {
        switch news {
        case .tries(let offset):
            world.log.warning(
                "an input is tried alone: owners have ended before it was decided",
                ["ledger": name.rawValue, "partition": Int(partition), "offset": offset])
        case .fails(let offset):
            failed?.add()
            world.log.error(
                "an input has ended those who decided it, and is logged as failed",
                ["ledger": name.rawValue, "partition": Int(partition), "offset": offset])
        case .cannotRead(let offset):
            world.log.warning(
                "a record of the log cannot be read, and counts for nothing",
                ["ledger": name.rawValue, "partition": Int(partition), "offset": offset])
        case .isAhead(let offset, let lead):
            world.log.error(
                "an inbox's broker has a clock that is ahead of this one",
                [
                    "ledger": name.rawValue, "partition": Int(partition), "offset": offset,
                    "milliseconds": lead.milliseconds,
                ])
        }
    }
}

/// A ledger of whatever kind, as its world serves it.
///
/// Closures, not an existential: they are made where the book is known, so that what they call is compiled for this book.
/// Through a protocol the whole engine would run generic, and ask at run time for the types that it works on.
struct ServedLedger {
    let name: LedgerName
    let assigned: (Int32) -> Void
    let revoked: (Int32, _ lost: Bool) -> Void
    let loseAll: () -> Void
    /// Nothing that was received waits to be decided, written or performed.
    let isIdle: () -> Bool
    let assignedCount: () -> Int
    let isHandingOver: () -> Bool
    let endHandovers: () -> Void
    let endOwner: (Int32, _ reason: String) -> Void
    let receive: (KafkaRecord) -> Void
    let turn: () -> Void
    let tick: (_ stall: Duration) -> Void
    let mirrorAfresh: (Int32) -> Void
    let lostInputs: (Int32, _ first: Int64, _ end: Int64) -> Void
    let withdrew: (_ isOut: Bool) -> Void

    init<B: Book>(_ ledger: Ledger<B>) {
        name = ledger.name
        assigned = { ledger.assigned($0) }
        revoked = { ledger.revoked($0, lost: $1) }
        loseAll = { ledger.loseAll() }
        isIdle = { ledger.owners.values.allSatisfy { !$0.isOwning || $0.isIdle } }
        assignedCount = { ledger.assigned.count }
        isHandingOver = { ledger.isHandingOver }
        endHandovers = { ledger.endHandovers() }
        endOwner = { ledger.endOwner($0, because: $1) }
        receive = { ledger.receive($0) }
        turn = { ledger.turn() }
        tick = { ledger.tick(stalledFor: $0) }
        mirrorAfresh = { ledger.mirrorAfresh($0) }
        lostInputs = { ledger.lostInputs($0, from: $1, to: $2) }
        withdrew = { ledger.withdrew($0) }
    }
}

extension Ledger {
    func assigned(_ partition: Int32) {
        // It comes back before anybody has taken it.
        if handovers[partition] != nil { owners[partition]?.end(because: "the group gave it back") }
        assigned.insert(partition)
        fresh.insert(partition)
        onAssignment?(partition)
        take(partition)
    }

    func endOwner(_ partition: Int32, because reason: String) { owners[partition]?.end(because: reason) }

    func receive(_ record: KafkaRecord) {
        guard let owner = owners[record.partition] else { return }
        if LedgerWorld.isProbe(record) { return owner.passOver(record.offset) }
        let isReadable = owner.receive(
            offset: record.offset, time: record.timestamp, key: record.key, value: record.value)
        if !isReadable {
            world.log.warning(
                "an inbox record cannot be read and is passed over",
                ["ledger": name.rawValue, "partition": Int(record.partition), "offset": record.offset])
        }
    }

    /// After the records of a turn.
    func turn() {
        for owner in owners.values {
            owner.pump()
            regulate(owner)
        }
    }

    private func regulate(_ owner: PartitionOwner<B>) {
        let partition = owner.partition
        let isFlowing = !paused.contains(partition)
        let flows = owner.takesMore(whileFlowing: isFlowing)
        guard flows != isFlowing else { return }
        if flows { paused.remove(partition) } else { paused.insert(partition) }
        world.setInbox(name.inbox, partition, flows: flows)
    }

    func tick(stalledFor stall: Duration) {
        for owner in owners.values {
            owner.tick(stalledFor: stall)
            regulate(owner)
        }
        count()
    }

    func mirrorAfresh(_ partition: Int32) { owners[partition]?.mirrorAfresh() }

    func withdrew(_ isOut: Bool) { withdrawn?.set(isOut ? 1 : 0) }

    func lostInputs(_ partition: Int32, from first: Int64, to end: Int64) {
        lostInputs?.add(Int(end - first))
        world.log.error(
            "an inbox has let go of inputs before they were decided",
            ["ledger": name.rawValue, "partition": Int(partition), "from": first, "to": end])
    }
}

/// Calls back when all of several have.
private final class Countdown {
    private var missing: Int
    private var succeeded = true
    private let done: (Bool) -> Void

    init(_ count: Int, _ done: @escaping (Bool) -> Void) {
        missing = count
        self.done = done
    }

    func one(_ success: Bool) {
        succeeded = succeeded && success
        missing -= 1
        if missing == 0 { done(succeeded) }
    }
}
