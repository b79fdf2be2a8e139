/// Carrying forward: live states are written whole now and then, so that the log need not be read from where they began.
extension PartitionOwner {
    // MARK: holding the log

    /// The marker from which on everything that lives, and everything whose effects are owed, stands in the log.
    var replayFrom: Int64 { holding.keys.min() ?? max(markerOffset, 0) }

    /// How old the oldest record is that an owner would have to read.
    package func replayAge(at now: Timestamp) -> Duration {
        guard let oldest = holding.min(by: { $0.key < $1.key }) else { return .zero }
        return max(.zero, now - oldest.value.time)
    }

    /// The state stands whole behind this marker, and nothing before it is needed for it.
    func hold(_ entry: Entry, _ key: String, since marker: Int64, at time: Timestamp) {
        release(entry)
        entry.since = marker
        entry.isHolding = true
        hold(from: marker, at: time)
        entry.agesSince = age
        aging.append(Aging(key: key, age: age, time: time))
    }

    func release(_ entry: Entry) {
        guard entry.isHolding else { return }
        entry.isHolding = false
        release(from: entry.since)
    }

    /// For a state, or for effects from when they are decided until they are performed.
    func hold(from marker: Int64, at time: Timestamp) { holding[marker, default: Holding(time: time)].count += 1 }

    func release(from marker: Int64) {
        guard let held = holding[marker] else { return }
        holding[marker] = held.count > 1 ? Holding(count: held.count - 1, time: held.time) : nil
    }

    // MARK: writing snapshots

    /// Writes the states whose turn it is, as long as the log takes them; bounded, between decisions.
    func carryForward(upTo count: Int) {
        guard limits.levelAllowed >= Record.Kind.snapshot.level else { return }
        buryIfDue()
        for _ in 0..<count {
            guard mayWrite, let key = nextToCarry() else { return }
            writeSnapshot(of: key)
        }
    }

    /// The log takes another record that nobody waits for.
    var mayWrite: Bool {
        phase == .owning && !isRenewing && unsent.isEmpty && inFlight.count < LedgerLimit.inFlightMax
            && ordinal < limits.recordsPerIncarnation
    }

    /// Ended machines are none: they become tombstones.
    private func nextToCarry() -> String? {
        let live = max(0, entries.count - forgetting.count)
        let recordsMax = max(limits.recordsWithoutSnapshot, limits.recordsPerLive * Int64(live))
        let now = max(ports.clock, lastTime)
        while let oldest = aging.first {
            guard let entry = entries[oldest.key], entry.agesSince == oldest.age, entry.isHolding,
                entry.state.forgetAt == nil
            else {
                _ = aging.popFirst()
                continue
            }
            let records = age - oldest.age
            let time = now - oldest.time
            let isDue =
                records >= recordsMax || records > 0 && time >= limits.timeWithoutSnapshot
                || time >= limits.timeWithoutSnapshotIdle
            guard isDue else { return nil }
            _ = aging.popFirst()
            return oldest.key
        }
        return nil
    }

    private func writeSnapshot(of key: String) {
        guard let entry = entries[key] else { return }
        var log = header(.snapshot)
        let known = commands.remembered(entry.commands, at: log.time)
        entry.commands = known.map(\.command)
        guard known.count <= LedgerLimit.commandsPerSnapshot else {
            entry.agesSince = age
            return aging.append(Aging(key: key, age: age, time: max(ports.clock, log.time)))
        }
        log.key = key
        log.sequence = entry.state.sequence
        log.state = Opaque(Carried(entry.state, unknown: entry.unknown))
        log.announced = entry.announced
        log.commands = known
        hold(entry, key, since: markerOffset, at: max(ports.clock, log.time))
        snapshots += 1
        remember(log, effects: Effects())
    }

    // MARK: reading snapshots

    /// - Returns: false where it cannot be read: nothing behind it may be folded.
    func restore(_ record: Record) -> Bool {
        guard let state = record.state, let carried = try? Carried<B.State>(json: state.bytes) else { return false }
        let entry = entries[record.key] ?? Entry(carried.state, since: replayMarker)
        entry.state = carried.state
        entry.unknown = carried.unknown
        entry.announced = record.announced
        for known in record.commands {
            commands.remember(known)
            entry.commands.append(known.command)
        }
        hold(entry, record.key, since: replayMarker, at: record.time)
        entries[record.key] = entry
        schedule(record.key, entry, at: record.time)
        return true
    }

    /// A command to a key is part of what a snapshot of it carries.
    func note(_ command: String, of key: String) {
        guard let entry = entries[key] else { return }
        entry.commands.append(command)
        guard entry.commands.count >= entry.commandsDue else { return }
        // Those that may not be repeated any more are let go; seldom, where there are many.
        entry.commands = commands.remembered(entry.commands, at: lastTime).map(\.command)
        entry.commandsDue = max(LedgerLimit.commandsNoted, 2 * entry.commands.count)
    }
}
