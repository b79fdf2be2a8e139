/// Tombstones: what has ended is remembered for a while, by the next owners too, though the log is not read from where it
/// lived. It is written once, many in a record, when it would let go of the log; where such records stand is carried from
/// opening to opening, and who takes over reads those alone.
extension PartitionOwner {
    // MARK: writing

    /// An ended machine need not hold the log any longer than until its tombstone stands there.
    func depart(_ key: String, _ entry: Entry, at now: Timestamp) {
        guard entry.isHolding, !entry.isDeparting else { return }
        guard limits.levelAllowed >= Record.Kind.tombstones.level, let until = entry.state.forgetAt, until > now else {
            return release(entry)
        }
        if departing.isEmpty { departingAge = age }
        entry.isDeparting = true
        departing.append(key)
    }

    /// Writes those that have gathered, once they are worth a record or have waited for long.
    func buryIfDue() {
        guard !departing.isEmpty, mayWrite else { return }
        let isOld = age - departingAge >= limits.recordsWithoutSnapshot / 4
        guard departing.count >= limits.tombstonesPerRecord || isOld else { return }
        var log = header(.tombstones)
        var buried: [Entry] = []
        var until = Timestamp()
        var size = 0
        while buried.count < limits.tombstonesPerRecord, size < LedgerLimit.tombstoneBytes,
            let key = departing.popFirst()
        {
            guard let entry = entries[key], entry.isDeparting else { continue }
            entry.isDeparting = false
            guard let end = entry.state.forgetAt else { continue }
            guard end > log.time else {
                release(entry)
                continue
            }
            var tombstone = Tombstone()
            tombstone.key = key
            tombstone.state = Opaque(Carried(entry.state, unknown: entry.unknown))
            tombstone.announced = entry.announced
            log.tombstones.append(tombstone)
            size += tombstone.state.bytes.count
            until = max(until, end)
            buried.append(entry)
        }
        departingAge = age
        guard !buried.isEmpty else { return }
        for entry in buried { bury(entry) }
        dig(Grave(at: markerOffset + 1 + ordinal, until: until), at: log.time)
        snapshots += 1
        remember(log, effects: Effects())
    }

    private func bury(_ entry: Entry) {
        entry.isDeparting = false
        entry.isBuried = true
        release(entry)
    }

    private func dig(_ grave: Grave, at now: Timestamp) {
        graves.append(grave)
        graves.removeAll { $0.until <= now }
        if graves.count > limits.gravesMax { graves.removeFirst(graves.count - limits.gravesMax) }
    }

    /// A fact about what has ended, whose tombstone does not know it: the log is held for it again.
    func holdAgain(_ entry: Entry, since marker: Int64, at time: Timestamp) {
        guard !entry.isHolding, entry.state.forgetAt != nil else { return }
        entry.isBuried = false
        entry.since = marker
        entry.isHolding = true
        hold(from: marker, at: time)
    }

    // MARK: reading

    /// Folds tombstones that are met in the log: what is known already is let go of, as by who wrote them. What is known by
    /// an earlier tombstone alone may lack what was told of it before the reading began.
    /// - Returns: false where one cannot be read.
    func fold(tombstones: [Tombstone], at offset: Int64, now: Timestamp) -> Bool {
        var until = Timestamp()
        for tombstone in tombstones {
            if let entry = entries[tombstone.key], !entry.isBuried {
                bury(entry)
                until = max(until, entry.state.forgetAt ?? until)
            } else {
                guard let end = restore(tombstone, now: now) else { return false }
                until = max(until, end)
            }
        }
        dig(Grave(at: offset, until: until), at: now)
        return true
    }

    /// - Returns: until when it is remembered; nil where it cannot be read.
    private func restore(_ tombstone: Tombstone, now: Timestamp) -> Timestamp? {
        guard let carried = try? Carried<B.State>(json: tombstone.state.bytes) else { return nil }
        guard let end = carried.state.forgetAt, end > now else { return carried.state.forgetAt ?? now }
        let entry = Entry(carried.state, since: replayMarker)
        entry.isBuried = true
        entry.unknown = carried.unknown
        entry.announced = tombstone.announced
        entries[tombstone.key] = entry
        forgetting.append((tombstone.key, end))
        return end
    }

    /// Remembers what ended before the reading begins, at a marker: the opening behind it says where that stands.
    func exhume(before start: Int64, _ done: @escaping () -> Void) {
        guard start > 0 else { return done() }
        var scout = LogRule()
        var known: [Grave] = []
        ports.readLog(
            partition, from: .offset(start), upTo: min(start + LedgerLimit.openingWithin, markerOffset),
            each: { offset, bytes in
                guard let record = try? Record(json: bytes), scout.judge(record, at: offset) == .counts,
                    record.kind == .opening
                else { return }
                known = record.graves
            },
            { [self] succeeded in
                guard phase == .reading else { return }
                guard succeeded else { return end(because: "the log could not be read") }
                let now = ports.clock
                exhume(known.filter { $0.until > now && $0.offset < start }[...], done)
            })
    }

    /// One after the other, the oldest first.
    private func exhume(_ rest: ArraySlice<Grave>, _ done: @escaping () -> Void) {
        guard let grave = rest.first else { return done() }
        var failure: OwnerEnding?
        ports.readLog(
            partition, from: .offset(grave.offset), upTo: grave.offset + 1,
            each: { [self] offset, bytes in
                guard phase == .reading, let record = try? Record(json: bytes), record.kind == .tombstones else {
                    return
                }
                for tombstone in record.tombstones where restore(tombstone, now: ports.clock) == nil {
                    failure = .unable(.level, "a tombstone at \(offset) cannot be read")
                }
                graves.append(grave)
            },
            { [self] succeeded in
                guard phase == .reading else { return }
                if let failure { return end(failure) }
                guard succeeded else { return end(because: "the log could not be read") }
                exhume(rest.dropFirst(), done)
            })
    }
}
