/// From a marker to the first decision: the log alone says where to go on.
extension PartitionOwner {
    /// Appends the marker; everything follows from its acknowledgement.
    package func start() {
        appendMarker(incarnation) { [self] offset, time in
            let skew = abs((ports.clock - time).milliseconds)
            guard skew <= LedgerLimit.clockSkewMax.milliseconds else {
                return end(because: "the clock is \(skew) ms off the log's")
            }
            markerOffset = offset
            fence = offset
            phase = .reading
            findStart(last: recordsMax + 2_000)
        }
    }

    private func appendMarker(_ incarnation: String, _ done: @escaping (Int64, Timestamp) -> Void) {
        var marker = Record()
        marker.kind = .marker
        marker.incarnation = incarnation
        marker.inboxOffset = inboxOffset
        marker.time = max(ports.clock, lastTime)
        marker.performedThrough = performedThrough
        marker.replayFrom = replayFrom
        let taken = ports.append(marker.encoded(), key: "marker", to: partition) { [self] result in
            guard phase != .over else { return }
            switch result {
            case .acknowledged(let offset, let time): done(offset, time)
            case .failed(let reason): end(because: "the marker could not be written: \(reason)")
            }
        }
        if !taken { end(because: "the producer is full") }
    }

    /// Reads back to the last record that counts, which names where its incarnation's memory begins.
    private func findStart(last count: Int64) {
        var scout = LogRule()
        var newest: (replayFrom: Int64, performedThrough: Int64)?
        var isFirst = true
        var reachedStart = false
        var failure: String?
        ports.readLog(
            partition, from: .last(count), upTo: markerOffset,
            each: { offset, bytes in
                if isFirst { reachedStart = offset == 0 }
                isFirst = false
                guard let record = try? Record(json: bytes) else { return }
                switch scout.judge(record, at: offset) {
                case .counts: newest = (record.replayFrom, record.performedThrough)
                case .levelTooHigh: failure = "the log was written by a newer program"
                case .marker, .skipped: break
                }
            },
            { [self] succeeded in
                guard phase == .reading else { return }
                if let failure { return end(because: failure) }
                guard succeeded else { return end(because: "the log could not be read") }
                if let newest { return replay(from: .offset(newest.replayFrom), newest.performedThrough) }
                if isFirst || reachedStart || count > markerOffset { return replay(from: .beginning, -1) }
                findStart(last: count * 4)
            })
    }

    private func replay(from start: LogStart, _ performed: Int64) {
        var again: [OwedEffects] = []
        var failure: String?
        performedThrough = performed
        ports.readLog(
            partition, from: start, upTo: markerOffset,
            each: { [self] offset, bytes in
                guard phase == .reading else { return }
                guard let record = try? Record(json: bytes) else {
                    skippedRecords += 1
                    return
                }
                switch rule.judge(record, at: offset) {
                case .counts:
                    let effects = fold(record)
                    if offset > performed, !effects.isEmpty { again.append((offset, replayMarker, effects)) }
                case .marker: replayMarker = offset
                case .skipped: skippedRecords += 1
                case .levelTooHigh: failure = "the log was written by a newer program"
                }
            },
            { [self] succeeded in
                guard phase == .reading else { return }
                if let failure { return end(because: failure) }
                guard succeeded else { return end(because: "the log could not be read") }
                own(performing: again)
            })
    }

    private typealias OwedEffects = (offset: Int64, since: Int64, effects: Effects)

    private func own(performing again: [OwedEffects]) {
        phase = .owning
        let now = max(ports.clock, lastTime)
        if lastTime != Timestamp() { silence.stalled(for: min(now - lastTime, .seconds(20)), endingAt: now) }
        silence.began(at: now)
        for key in Array(entries.keys) {
            guard var state = entries[key]?.state else { continue }
            book.begin(&state, hearingFrom: now)
            entries[key]?.state = state
            schedule(key)
        }
        receivedThrough = inboxOffset
        // First, so that the opening says what must still be read for them.
        for (offset, since, effects) in again { perform(effects, at: offset, since: since) }
        beginIncarnation()
        mirrorAfresh()
        ports.openInbox(partition, at: inboxOffset < 0 ? nil : inboxOffset + 1)
    }

    /// Everything there is to see of this partition, for a mirror that has lost it.
    package func mirrorAfresh() {
        guard book.isMirrored, phase == .owning else { return }
        let all = entries.compactMap { key, entry in book.mirror(entry.state, key: key).map { (key, $0) } }
        ports.mirrorAfresh(partition, marker: fence, all)
    }

    /// Folds a record that counts, and says what followed from it.
    private func fold(_ record: Record) -> Effects {
        var effects = Effects()
        lastTime = max(lastTime, record.time)
        inboxOffset = max(inboxOffset, record.inboxOffset)
        // At the same moment as when it was decided: before it.
        forget(at: lastTime)
        switch record.kind {
        case .marker: break
        case .opening:
            for mark in record.marks { marks[SourcePartition(mark)] = mark }
        case .facts:
            fold(record.facts, key: record.key, at: record.time, since: replayMarker, into: &effects)
            take(record.source)
            remember(record.command, .accepted, at: record.time)
            if let reply = record.reply, let entry = entries[record.key] {
                book.answer(reply, key: record.key, facts: record.facts, state: entry.state, into: &effects)
            }
        case .refusal:
            take(record.source)
            guard let refusal = record.refusal else { break }
            remember(record.command, .refused(refusal), at: record.time)
            if let reply = record.reply, let state = entries[record.key]?.state ?? book.blank(for: record.key) {
                book.refuse(reply, key: record.key, refusal, state: state, into: &effects)
            }
        }
        return effects
    }

    // MARK: beginning and renewing

    /// The first record of an incarnation says what the partition as a whole remembers.
    func beginIncarnation() {
        ordinal = 0
        acceptedThrough = markerOffset
        var opening = header(.opening)
        opening.marks = Array(marks.values)
        remember(opening, effects: Effects(), mirror: nil)
    }

    /// Takes over from itself, so that no reader has to go far back for a marker. Nothing is decided meanwhile.
    func renewIfDue() {
        guard ordinal >= recordsMax, !isRenewing, unsent.isEmpty, inFlight.isEmpty else {
            return
        }
        isRenewing = true
        let expected = markerOffset + 1 + ordinal
        let next = ports.freshIncarnation()
        appendMarker(next) { [self] offset, _ in
            guard offset == expected else { return end(because: "another owner has written") }
            incarnation = next
            markerOffset = offset
            isRenewing = false
            beginIncarnation()
            pump()
        }
    }
}
