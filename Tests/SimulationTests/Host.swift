import Switchboard

/// One life of an owner of one partition, and the process around it: it may be paused, and wake as a zombie; it may die,
/// and what it had sent may still be appended.
final class Host<B: Book>: LedgerPorts {
    private let world: World
    private let clockwork: Clockwork
    let name: String
    let partition: Int32
    private(set) var owner: PartitionOwner<B>!
    private(set) var isDead = false
    private var isPaused = false
    private var pausedAt = Timestamp()
    private var mailbox: [() -> Void] = []
    private var readFrom: Int64?
    private var isReading = false
    /// What was sent and is not appended by then is lost with the process.
    private var lostAfter: Timestamp?
    /// Its producer has had a fatal error: what it had taken arrives, and nothing after it.
    private var isBroken = false
    var onEnd: (() -> Void)?
    /// Of its clock; one that is off must not decide.
    private let skew: Duration

    // For planted faults.
    private var shift: Int64 = 0
    private var markerOffset: Int64 = -1
    private var ordinals: Int64 = 0
    private var heldAppend: Append?
    private var heldEffect: (() -> Void)?
    private var appendsSeen = 0

    init(_ world: World, _ book: B, partition: Int32, name: String) {
        self.world = world
        clockwork = world.clockwork
        self.partition = partition
        self.name = name
        skew = world.strikes(onceIn: 12) ? .seconds(world.clockwork.dice.pick([-30, 30])) : .zero
        owner = PartitionOwner(partition: partition, book: book, ports: self, limits: world.limits)
        world.broker.onAppend(B.ledger.inbox(partition)) { [weak self] in self?.read() }
    }

    func start() {
        clockwork.note("\(name) marks")
        owner.start()
        tick(lastAt: clockwork.now)
    }

    private func tick(lastAt: Timestamp) {
        clockwork.after(.milliseconds(250)) { [weak self] in
            self?.turn { [weak self] in
                guard let self, !isDead, owner.phase != .over else { return }
                let late = clockwork.now - lastAt - .milliseconds(250)
                owner.tick(stalledFor: late > .milliseconds(250) ? late : .zero)
                tick(lastAt: clockwork.now)
            }
        }
    }

    /// Does it on the host's loop: not while it is paused, never when it is dead.
    private func turn(_ body: @escaping () -> Void) {
        if isDead { return }
        if isPaused { mailbox.append(body) } else { body() }
    }

    // MARK: faults

    func die() {
        guard !isDead else { return }
        clockwork.note("\(name) dies")
        isDead = true
        mailbox = []
        let lasts = clockwork.dice.pick([-1, 0, 1, 3, 300])
        lostAfter = clockwork.now + .milliseconds(lasts)
    }

    func pause(for length: Duration) {
        guard !isDead, !isPaused else { return }
        clockwork.note("\(name) is paused")
        isPaused = true
        clockwork.after(length) { [weak self] in self?.wake() }
    }

    private func wake() {
        guard !isDead else { return }
        clockwork.note("\(name) wakes")
        isPaused = false
        let missed = mailbox
        mailbox = []
        for body in missed { turn(body) }
    }

    // MARK: LedgerPorts

    var clock: Timestamp { clockwork.now + skew }
    func freshIncarnation() -> String { world.freshName("i") }

    func append(
        _ record: [UInt8], key: String, to partition: Int32, _ done: @escaping (LogAppend) -> Void
    ) -> Bool {
        if isDead || world.ends(self, writing: record) { return true }
        let place = B.ledger.log(partition)
        // Full: the owner tries again.
        if key != "marker", world.strikes(onceIn: 60) { return false }
        if isBroken || world.strikes(onceIn: 400) {
            isBroken = true
            later { done(.failed("the producer is broken")) }
            return true
        }
        clockwork.after(.zero) { [self] in world.mayCrash(self) }
        let next = Append(record: record, key: key, place: place, done: done)
        if world.planted == .appendOutOfInboxOrder { sendDisordered(next) } else { send(next) }
        return true
    }

    private func send(_ append: Append) { send(append.record, append.key, append.place, append.done) }

    private func send(_ record: [UInt8], _ key: String, _ place: Broker.Place, _ done: @escaping (LogAppend) -> Void) {
        let isMarker = key == "marker"
        let ordinal = ordinals
        if isMarker { ordinals = 0 } else { ordinals += 1 }
        let isDropped = world.planted == .dropOneInTheMiddle && !isMarker && ordinal % 9 == 8
        if isDropped { shift += 1 }
        let shift = isMarker ? 0 : self.shift
        if isMarker { self.shift = 0 }
        clockwork.send(along: "\(name)>\(place)", after: world.broker.wait) { [self] in
            guard !isLost else { return }
            if isDropped {
                let at = Int64(world.broker.records(place).count) + shift - 1
                return acknowledge(.acknowledged(offset: at, time: clockwork.now), done)
            }
            let (offset, time) = world.broker.append(record, key: key, to: place)
            if isMarker { markerOffset = offset }
            let shown = world.planted == .performOnForeignOffset && !isMarker ? markerOffset + 1 + ordinal : offset
            // Lost: whoever waits for it gives up some time.
            if !isMarker, world.strikes(onceIn: 400) { return }
            acknowledge(.acknowledged(offset: shown + shift, time: time), done)
        }
    }

    private func acknowledge(_ result: LogAppend, _ done: @escaping (LogAppend) -> Void) {
        clockwork.send(along: "\(name)<ack") { [weak self] in
            self?.turn { [weak self] in
                done(result)
                guard let self else { return }
                world.mayCrash(self)
            }
        }
    }

    private var isLost: Bool { lostAfter.map { clockwork.now > $0 } ?? false }

    func perform(_ effect: Effects.Effect, source: SourceMark, _ done: @escaping (Bool) -> Void) {
        if isDead { return }
        world.audit.performs(source)
        if world.planted == .performOutOfOrder, heldEffect == nil, clockwork.dice.onceIn(8) {
            heldEffect = { [self] in land(effect, source, done) }
            return clockwork.after(.milliseconds(50)) { [self] in performHeld() }
        }
        // Its failure is told when others have gone.
        if world.planted == .effectsWithTimeout, clockwork.dice.onceIn(40) {
            return clockwork.after(.milliseconds(100)) { [weak self] in self?.turn { done(false) } }
        }
        land(effect, source, done)
        performHeld()
        clockwork.after(.zero) { [self] in world.mayCrash(self) }
    }

    private func performHeld() {
        guard !isDead else { return }
        exchange(&heldEffect, with: nil)?()
    }

    private func land(_ effect: Effects.Effect, _ source: SourceMark, _ done: @escaping (Bool) -> Void) {
        if isBroken || world.strikes(onceIn: 400) {
            isBroken = true
            return later { done(false) }
        }
        let effect = world.planted == .lookAgainWhenPerforming ? world.readdressed(effect) : effect
        var missing = 0
        let landings = world.landings(of: effect, source)
        missing = landings.count
        for landing in landings {
            clockwork.send(along: "\(name)>\(landing.place)", after: world.broker.wait) { [self] in
                guard !isLost else { return }
                world.broker.append(landing.value, key: landing.key, to: landing.place)
                clockwork.send(along: "\(name)<ack") { [weak self] in
                    self?.turn {
                        missing -= 1
                        if missing == 0 { done(true) }
                    }
                }
            }
        }
    }

    private func later(_ body: @escaping () -> Void) {
        clockwork.send(along: "\(name)<ack") { [weak self] in self?.turn(body) }
    }

    func look(at keys: [String], _ done: @escaping ([Presence?]) -> Void) {
        let isLate = world.hasFaults && clockwork.dice.onceIn(12)
        clockwork.after(isLate ? .milliseconds(20) : clockwork.travelTime()) { [weak self] in
            guard let self else { return }
            let seen = keys.map { isLate ? nil : self.world.mirror.presence(of: $0) }
            turn { done(seen) }
        }
    }

    func readLog(
        _ partition: Int32, from start: LogStart, upTo marker: Int64,
        each: @escaping (_ offset: Int64, _ record: UnsafeRawBufferPointer) -> Void, _ done: @escaping (Bool) -> Void
    ) {
        clockwork.after(clockwork.travelTime()) { [weak self] in
            self?.turn { [weak self] in
                guard let self else { return }
                if world.strikes(onceIn: 30) { return done(false) }
                let first =
                    switch start {
                    case .last(let count): max(0, marker - count)
                    case .offset(let offset): offset
                    case .beginning: Int64(0)
                    }
                if case .offset = start, first > 0 { world.audit.readingsFromSnapshots += 1 }
                let all = world.broker.records(B.ledger.log(partition))
                for offset in first..<max(first, marker) {
                    let value = all[Int(offset)].value
                    let read = world.planted == .foldSkipsUnknownFacts ? withoutUnknown(value) : value
                    read.withUnsafeBytes { each(offset, $0) }
                }
                done(true)
            }
        }
    }

    // MARK: planted faults

    private struct Append {
        let record: [UInt8]
        let key: String
        let place: Broker.Place
        let done: (LogAppend) -> Void
    }

    /// Two decisions change their places in the log; all else is as the owner expects it.
    private func sendDisordered(_ second: Append) {
        guard let first = exchange(&heldAppend, with: nil) else {
            appendsSeen += 1
            guard appendsSeen % 7 == 5, isDecision(second) else { return send(second) }
            heldAppend = second
            return clockwork.after(.milliseconds(50)) { [self] in
                guard !isDead, let alone = exchange(&heldAppend, with: nil) else { return }
                send(alone)
            }
        }
        guard isDecision(second), var early = try? LogRecord<B.State.Fact>(json: second.record),
            var late = try? LogRecord<B.State.Fact>(json: first.record)
        else {
            send(first)
            return send(second)
        }
        (early.ordinal, late.ordinal) = (late.ordinal, early.ordinal)
        send(early.encoded(), first.key, first.place, first.done)
        send(late.encoded(), second.key, second.place, second.done)
    }

    private func isDecision(_ append: Append) -> Bool {
        guard let record = try? LogRecord<B.State.Fact>(json: append.record) else { return false }
        return record.kind == .facts || record.kind == .refusal
    }

    /// An older program, which has not heard of some facts, and thinks that it can do without.
    private func withoutUnknown(_ value: [UInt8]) -> [UInt8] {
        guard var record = try? LogRecord<B.State.Fact>(json: value) else { return value }
        record.facts.removeAll { fact in
            switch fact {
            case let fact as CallFact: fact.name == .entered
            case UsersEntry.Fact.user(.leaving) as UsersEntry.Fact: true
            default: false
            }
        }
        return record.encoded()
    }

    func openInbox(_ partition: Int32, at offset: Int64?) {
        clockwork.note("\(name) owns from \(offset ?? 0)")
        readFrom = offset ?? 0
        if world.planted == .acknowledgeFirst { readFrom = world.committed[B.ledger.inbox(partition)] ?? 0 }
        if world.planted == .replayIntoMirror { world.mirror.replay(B.ledger, partition, world.clockwork) }
        read()
    }

    /// Takes all that is there, in one turn.
    private func read() {
        guard readFrom != nil, !isReading, !isDead else { return }
        isReading = true
        clockwork.after(clockwork.travelTime(longOnceIn: 12)) { [weak self] in
            self?.turn { [weak self] in self?.receive() }
        }
    }

    private func receive() {
        isReading = false
        guard var next = readFrom else { return }
        let place = B.ledger.inbox(partition)
        let all = world.broker.records(place)
        while next < all.count {
            let record = all[Int(next)]
            if world.planted == .refuseWithoutRecord, B.ledger == .calls, next % 5 == 4,
                world.refuseAtOnce(record)
            {
                next += 1
                continue
            }
            record.key.withContiguousBytes { key in
                record.value.withUnsafeBytes { value in
                    _ = owner.receive(offset: next, time: record.time, key: key, value: value)
                }
            }
            next += 1
        }
        readFrom = next
        world.committed[place] = max(world.committed[place] ?? 0, next)
        owner.pump()
        world.mayCrash(self)
    }

    func askInboxEnd(_ partition: Int32, _ done: @escaping (InboxEnd?) -> Void) {
        if world.planted == .fireBeforeBacklog { return later { [self] in done(InboxEnd(offset: 0, time: clock)) } }
        if world.strikes(onceIn: 20) { return later { done(nil) } }
        clockwork.after(world.broker.wait) { [weak self] in
            guard let self else { return }
            let end = InboxEnd(
                offset: Int64(world.broker.records(B.ledger.inbox(partition)).count), time: clockwork.now)
            clockwork.after(clockwork.travelTime()) { [weak self] in self?.turn { done(end) } }
        }
    }

    func mirror(_ partition: Int32, marker: Int64, _ changes: [(key: String, value: [UInt8]?)]) {
        clockwork.send(along: "\(name)>mirror") { [self] in
            guard !isLost else { return }
            world.mirror.write(B.ledger, partition, marker, changes)
        }
    }

    func mirrorAfresh(_ partition: Int32, marker: Int64, _ all: [(key: String, value: [UInt8])]) {
        clockwork.send(along: "\(name)>mirror") { [self] in
            guard !isLost else { return }
            world.mirror.writeAfresh(B.ledger, partition, marker, all)
        }
    }

    func tell(_ partition: Int32, _ news: OwnerNews) { clockwork.note("\(name) \(news)") }

    func ended(_ partition: Int32, _ ending: OwnerEnding) {
        clockwork.note("\(name) ends: \(ending)")
        if skew != .zero, case .unable(.clock, _) = ending {
        } else if skew != .zero, owner.decisions > 0 {
            world.audit.check(false, "\(name) has decided with a clock that is off")
        }
        readFrom = nil
        onEnd?()
    }
}

extension String {
    func withContiguousBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        let bytes = Array(utf8)
        return bytes.withUnsafeBytes(body)
    }
}
