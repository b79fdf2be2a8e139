/// From a marker to the first decision: the log alone says where to go on.
extension PartitionOwner {
    /// Appends the marker; everything follows from its acknowledgement.
    package func start() {
        appendMarker(incarnation) { [self] offset, time in
            markerOffset = offset
            markedAt = time
            fence = offset
            phase = .reading
            guessStart()
        }
    }

    private func appendMarker(
        _ incarnation: String, renews: Bool = false, _ done: @escaping (Int64, Timestamp) -> Void
    ) {
        var marker = Record()
        marker.kind = .marker
        marker.renews = renews
        marker.incarnation = incarnation
        marker.inboxOffset = inboxOffset
        marker.time = max(ports.clock, lastTime)
        marker.performedThrough = performedThrough
        marker.replayFrom = replayFrom
        let sent = ports.clock
        let taken = ports.append(marker.encoded(), key: "marker", to: partition) { [self] result in
            guard phase != .over else { return }
            switch result {
            case .acknowledged(let offset, let time):
                // Appended between being sent and now, if the clocks agree.
                let skew = max(sent - time, time - ports.clock)
                guard skew <= LedgerLimit.clockSkewMax else {
                    return end(.unable(.clock, "the clock is \(skew.milliseconds) ms off the log's"))
                }
                done(offset, time)
            case .failed(let reason): end(because: "the marker could not be written: \(reason)")
            }
        }
        if !taken { end(because: "the producer is full") }
    }

    /// Where a reading begins, and what is known of effects there.
    private struct Beginning {
        var replayFrom: Int64
        var performedThrough: Int64

        /// Reading from here also reads whatever a reading from `other` would, and performs what it would.
        func covers(_ other: Beginning) -> Bool {
            replayFrom <= other.replayFrom && performedThrough <= other.performedThrough
        }
    }

    /// Asks the last few records from where on the log is needed, and reads from there. Whether they count is not known
    /// before that: the reading itself shows it, and is done again where it began too late. So nothing is read twice but
    /// in the rarest case.
    private func guessStart() {
        var scout = LogRule()
        var guess: Beginning?
        ports.readLog(
            partition, from: .last(LedgerLimit.recordsAsked), upTo: markerOffset,
            each: { offset, bytes in
                guard let heading = try? LogHeading(beginning: bytes) else { return }
                let verdict = scout.judge(heading, at: offset)
                // Before the first marker here, whoever writes may be the ruling one.
                guard verdict == .counts || verdict == .skipped && scout.incarnation == nil else { return }
                guess = Beginning(replayFrom: heading.replayFrom, performedThrough: heading.performedThrough)
            },
            { [self] succeeded in
                guard phase == .reading else { return }
                guard succeeded else { return end(because: "the log could not be read") }
                guard let guess else { return findStart(last: limits.recordsPerIncarnation + 2_000) }
                replay(from: .offset(guess.replayFrom), guess, isGuess: true)
            })
    }

    /// Reads back to the last record that counts, which names where its incarnation's memory begins.
    private func findStart(last count: Int64) {
        var scout = LogRule()
        var newest: Beginning?
        var isFirst = true
        var reachedStart = false
        var failure: OwnerEnding?
        ports.readLog(
            partition, from: .last(count), upTo: markerOffset,
            each: { offset, bytes in
                if isFirst { reachedStart = offset == 0 }
                isFirst = false
                guard let heading = try? LogHeading(beginning: bytes) else { return }
                switch scout.judge(heading, at: offset) {
                case .counts:
                    newest = Beginning(replayFrom: heading.replayFrom, performedThrough: heading.performedThrough)
                case .levelTooHigh: failure = .unable(.level, "the log was written by a newer program")
                case .marker, .skipped: break
                }
            },
            { [self] succeeded in
                guard phase == .reading else { return }
                if let failure { return end(failure) }
                guard succeeded else { return end(because: "the log could not be read") }
                if let newest { return replay(from: .offset(newest.replayFrom), newest) }
                if isFirst || reachedStart || count > markerOffset {
                    return replay(from: .beginning, Beginning(replayFrom: 0, performedThrough: -1))
                }
                findStart(last: count * 4)
            })
    }

    /// - Parameter isGuess: whether it begins early enough is seen when all is read.
    private func replay(from start: LogStart, _ beginning: Beginning, isGuess: Bool = false) {
        exhume(before: beginning.replayFrom) { [self] in fold(from: start, beginning, isGuess: isGuess) }
    }

    private func fold(from start: LogStart, _ beginning: Beginning, isGuess: Bool) {
        var again: [OwedEffects] = []
        var newest: Beginning?
        var failure: OwnerEnding?
        performedThrough = beginning.performedThrough
        ports.readLog(
            partition, from: start, upTo: markerOffset,
            each: { [self] offset, bytes in
                guard phase == .reading else { return }
                guard failure == nil else { return }
                guard let record = try? Record(json: bytes) else {
                    skippedRecords += 1
                    if !hasToldOfForeign { ports.tell(partition, .cannotRead(offset)) }
                    hasToldOfForeign = true
                    return
                }
                switch rule.judge(record, at: offset) {
                case .counts:
                    newest = Beginning(replayFrom: record.replayFrom, performedThrough: record.performedThrough)
                    let isOwed = offset > beginning.performedThrough
                    guard let (effects, since) = fold(record, at: offset, isOwed: isOwed) else {
                        failure = .unable(.level, "a state at \(offset) cannot be read")
                        return
                    }
                    if !effects.isEmpty { again.append((offset, since, effects)) }
                case .marker:
                    replayMarker = offset
                    suspicion.sawMarker(at: record.time, renews: record.renews)
                case .skipped: skippedRecords += 1
                case .levelTooHigh: failure = .unable(.level, "the log was written by a newer program")
                }
            },
            { [self] succeeded in
                guard phase == .reading else { return }
                if let failure { return end(failure) }
                guard succeeded else { return end(because: "the log could not be read") }
                if isGuess, newest.map(beginning.covers) != true {
                    forgetAll()
                    return findStart(last: limits.recordsPerIncarnation + 2_000)
                }
                performedThrough = newest?.performedThrough ?? performedThrough
                own(performing: again.filter { $0.offset > performedThrough })
            })
    }

    /// As before anything was read.
    private func forgetAll() {
        rule = LogRule()
        entries = [:]
        marks = [:]
        commands = CommandMemory()
        inboxOffset = -1
        lastTime = Timestamp()
        suspicion = Suspicion()
        replayMarker = 0
        performedThrough = -1
        due = DeadlineQueue()
        forgetting = Queue()
        releasing = Queue()
        departing = Queue()
        departingAge = 0
        graves = []
        holding = [:]
        aging = Queue()
        age = 0
    }

    private typealias OwedEffects = (offset: Int64, since: Int64, effects: Effects)

    private func own(performing again: [OwedEffects]) {
        phase = .owning
        suspicion.begin()
        let now = max(ports.clock, lastTime)
        // Since when nobody listened is not known where nobody wrote: some of the time that the log was quiet.
        if lastTime != Timestamp() {
            silence.stalled(for: min(now - lastTime, LedgerLimit.unheardMax), endingAt: now)
        }
        for (key, entry) in entries {
            book.begin(&entry.state, hearingFrom: now)
            schedule(key, entry, at: now, isHeard: true)
        }
        receivedThrough = inboxOffset
        // First, so that the opening says what must still be read for them.
        for (offset, since, effects) in again {
            hold(from: since, at: lastTime)
            perform(effects, at: offset, since: since)
        }
        beginIncarnation(barren: suspicion.barren)
        mirrorAfresh()
        ports.openInbox(partition, at: inboxOffset < 0 ? nil : inboxOffset + 1)
    }

    /// Everything there is to see of this partition, for a mirror that has lost it.
    package func mirrorAfresh() {
        guard book.isMirrored, phase == .owning else { return }
        let all = entries.compactMap { key, entry in book.mirror(entry.state, key: key).map { (key, $0) } }
        ports.mirrorAfresh(partition, marker: fence, all)
    }

    /// Folds a record that counts. What follows from it is worked out where it may not have been performed.
    /// - Returns: what followed from it, and from which marker on that can be known again; nil where it cannot be folded.
    private func fold(_ record: Record, at offset: Int64, isOwed: Bool) -> (effects: Effects, since: Int64)? {
        var effects = Effects()
        var since: Int64?
        lastTime = max(lastTime, record.time)
        inboxOffset = max(inboxOffset, record.inboxOffset)
        // At the same moment as when it was decided: before it.
        forget(at: lastTime)
        switch record.kind {
        case .marker: break
        case .trying: suspicion.sawTrial(of: record.trying)
        case .opening:
            for mark in record.marks { marks[SourcePartition(mark)] = mark }
            suspicion.sawOpening(barren: record.barren, tried: record.trying, tries: record.tries)
        case .snapshot:
            guard restore(record) else { return nil }
        case .tombstones:
            guard fold(tombstones: record.tombstones, at: offset, now: lastTime) else { return nil }
        case .facts:
            suspicion.sawDecision(of: record.inboxOffset)
            if isWhole(record) {
                since = fold(
                    record.facts, key: record.key, record.time, at: offset, since: replayMarker,
                    into: &effects, isOwed: isOwed)
            } else {
                age += 1
            }
            take(record.source)
            remember(record.command, .accepted, of: record.key, at: record.time)
            if isOwed, let reply = record.reply, let entry = entries[record.key] {
                book.answer(reply, key: record.key, facts: record.facts, state: entry.state, into: &effects)
            }
        case .refusal:
            suspicion.sawDecision(of: record.inboxOffset)
            age += 1
            since = entries[record.key]?.readFrom
            take(record.source)
            guard let refusal = record.refusal else { break }
            remember(record.command, .refused(refusal), of: record.key, at: record.time)
            if isOwed, let reply = record.reply, let state = entries[record.key]?.state ?? book.blank(for: record.key) {
                book.refuse(reply, key: record.key, refusal, state: state, into: &effects)
            }
        }
        return (effects, since ?? replayMarker)
    }

    /// Whether what came just before the facts is known. Else the reading began in the middle of their key's life, and the
    /// snapshot or the tombstone for which it began there comes further on.
    private func isWhole(_ record: Record) -> Bool {
        if record.facts.isEmpty || record.sequence == 1 { return true }
        return entries[record.key].map { $0.state.sequence + 1 == record.sequence } ?? false
    }

    // MARK: being overtaken

    /// A record of its log, as it came there: the marker of another ends this owner before it writes behind it.
    func see(_ record: UnsafeRawBufferPointer) {
        guard phase == .owning, !isRenewing, let heading = try? LogHeading(beginning: record),
            heading.isMarker, heading.incarnation != incarnation
        else { return }
        end(because: "another owner has begun")
    }

    // MARK: beginning and renewing

    /// The first record of an incarnation says what the partition as a whole remembers.
    /// - Parameter barren: owners before it that decided nothing.
    func beginIncarnation(barren: Int = 0) {
        ordinal = 0
        acceptedThrough = markerOffset
        var opening = header(.opening)
        opening.marks = Array(marks.values)
        opening.graves = graves.filter { $0.until > lastTime }
        opening.barren = barren
        opening.trying = suspicion.tried ?? -1
        opening.tries = suspicion.tries
        remember(opening, effects: Effects())
    }

    /// Takes over from itself, so that no reader has to go far back for a marker. Nothing is decided meanwhile.
    func renewIfDue() {
        guard !isRenewing, unsent.isEmpty, inFlight.isEmpty else { return }
        let isOld = ports.clock - markedAt >= limits.incarnationMax
        guard ordinal >= limits.recordsPerIncarnation || isOld else { return }
        isRenewing = true
        let expected = markerOffset + 1 + ordinal
        let next = ports.freshIncarnation()
        appendMarker(next, renews: true) { [self] offset, time in
            guard offset == expected else { return end(because: "another owner has written") }
            incarnation = next
            markerOffset = offset
            markedAt = time
            isRenewing = false
            beginIncarnation()
            pump()
        }
    }
}
