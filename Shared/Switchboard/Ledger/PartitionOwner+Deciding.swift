/// Receive, look, handle, remember.
extension PartitionOwner {
    /// Takes one inbox record. What cannot be read is passed over, and said so by the host, which knows how to log.
    /// - Returns: false where the record could not be read.
    package func receive(
        offset: Int64, time: Timestamp, key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer
    ) -> Bool {
        guard phase == .owning, offset > receivedThrough else { return true }
        receivedThrough = offset
        let time = believable(time, of: offset)
        let item = Pending(offset: offset, time: time, key: String(decoding: key, as: UTF8.self))
        item.caution = caution(for: offset, at: time)
        if item.caution != nil {
            item.bytes = Array(value)
            item.isLookedUp = item.caution == .fail
            pending.append(item)
            return true
        }
        guard let record = try? InboxRecord<Input>(json: value) else { return false }
        pending.append(item)
        look(item, record)
        return true
    }

    /// An inbox record that asks nothing.
    package func passOver(_ offset: Int64) {
        guard phase == .owning else { return }
        receivedThrough = max(receivedThrough, offset)
    }

    /// A broker whose clock is ahead does not lead the partition's time away: there it would stay, in the log too, and what
    /// began to ring after that would be over at once.
    private func believable(_ time: Timestamp, of offset: Int64) -> Timestamp {
        let now = ports.clock
        guard time - now > LedgerLimit.clockSkewMax else { return time }
        if !hasToldOfClock { ports.tell(partition, .isAhead(offset, by: time - now)) }
        hasToldOfClock = true
        return now + LedgerLimit.clockSkewMax
    }

    func look(_ item: Pending, _ record: InboxRecord<Input>) {
        item.record = record
        let looks = book.looks(of: record.input, key: item.key)
        item.isLookedUp = looks.isEmpty
        guard !looks.isEmpty else { return }
        ports.look(at: looks) { [self] seen in
            book.add(seen, to: &item.record!.input)
            item.isLookedUp = true
            pump()
        }
    }

    /// Decides what can be decided, in the order of the inbox.
    package func pump() {
        guard phase == .owning, !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        flush()
        renewIfDue()
        while !isRenewing, unsent.isEmpty, inFlight.count < LedgerLimit.inFlightMax,
            ordinal < limits.recordsPerIncarnation, let item = pending.first, isReady(item)
        {
            _ = pending.popFirst()
            decide(item)
            guard phase == .owning else { return }
            carryForward(upTo: 1)
        }
        renewIfDue()
        fireIfRead()
    }

    private func decide(_ item: Pending) {
        if item.caution == .fail { return fail(item) }
        guard let record = item.record else { return }
        if let source = record.source {
            if let known = marks[SourcePartition(source)], source <= known {
                inboxOffset = item.offset
                return
            }
        }
        lastTime = max(lastTime, item.time)
        forget(at: lastTime)
        guard
            let parts = book.expand(
                record.input, over: { body in entries.forEach { body($0.key, $0.value.state) } })
        else {
            inboxOffset = item.offset
            take(record.source)
            return decide(record, key: item.key, at: item.time)
        }
        // Until the last part stands in the log the inbox record does not count as decided; parts decided twice are none.
        inboxOffset = item.offset - 1
        for (key, input) in parts { decide(InboxRecord(input), key: key, at: item.time) }
        inboxOffset = item.offset
        take(record.source)
    }

    private func decide(_ record: InboxRecord<Input>, key: String, at time: Timestamp) {
        guard var state = entries[key]?.state ?? book.blank(for: key) else { return }
        var input = record.input
        book.complete(&input, key: key, source: record.source)
        do throws(Refusal) {
            if let sentAt = record.sentAt, time - sentAt > LedgerLimit.commandAgeMax { throw Refusal(.tryAgain) }
            let outcome = record.command.flatMap { commands.outcome(of: $0, at: time) }
            if case .refused(let refusal)? = outcome { throw refusal }
            let facts = try handle(input, by: state, at: time, isKnown: outcome == .accepted)
            guard facts.isEmpty else { return rememberDecision(facts, record, key, at: time) }
            if outcome == nil {
                book.observe(input, by: &state, at: time)
                if let entry = entries[key] {
                    entry.state = state
                    schedule(key, entry, at: time, isHeard: true)
                }
            }
            guard record.reply != nil || record.command != nil else { return }
            var record = record
            if record.reply != nil { book.nameAsker(of: input, in: &record.reply!) }
            rememberDecision([], record, key, at: time)
        } catch {
            rememberRefusal(error, record, key, at: time)
        }
    }

    /// - Parameter isKnown: the command was accepted before.
    /// - Returns: none where it stays accepted, whatever has become of its subject, and nothing follows from it again.
    private func handle(
        _ input: Input, by state: B.State, at time: Timestamp, isKnown: Bool
    ) throws(Refusal) -> [B.State.Fact] {
        guard isKnown else { return try state.handle(input, at: time) }
        return book.isRepeatable(input) ? (try? state.handle(input, at: time)) ?? [] : []
    }

    private func rememberDecision(
        _ facts: [B.State.Fact], _ record: InboxRecord<Input>, _ key: String, at time: Timestamp
    ) {
        var effects = Effects()
        var log = header(.facts)
        log.time = max(lastTime, time)
        log.key = key
        log.command = record.command
        log.reply = record.reply
        log.source = record.source
        log.sequence = (entries[key]?.state.sequence ?? 0) + 1
        log.facts = facts
        let since = fold(facts, key: key, log.time, at: markerOffset + 1 + ordinal, since: markerOffset, into: &effects)
        remember(record.command, .accepted, of: key, at: log.time)
        let state = entries[key]?.state ?? book.blank(for: key)
        if let reply = record.reply, let state {
            book.answer(reply, key: key, facts: facts, state: state, into: &effects)
        }
        var mirror: (String, [UInt8]?)?
        if book.isMirrored, !facts.isEmpty, let state { mirror = (key, book.mirror(state, key: key)) }
        remember(log, effects: effects, since: since, mirror: mirror)
    }

    /// - Parameter always: also where nobody is answered.
    func rememberRefusal(
        _ refusal: Refusal, _ record: InboxRecord<Input>, _ key: String, at time: Timestamp, always: Bool = false
    ) {
        guard always || record.reply != nil || record.command != nil else { return }
        var effects = Effects()
        var log = header(.refusal)
        log.time = max(lastTime, time)
        log.key = key
        log.command = record.command
        log.reply = record.reply
        log.source = record.source
        log.refusal = refusal
        age += 1
        remember(record.command, .refused(refusal), of: key, at: log.time)
        if let reply = record.reply, let state = entries[key]?.state ?? book.blank(for: key) {
            book.refuse(reply, key: key, refusal, state: state, into: &effects)
        }
        remember(log, effects: effects, since: entries[key]?.readFrom, mirror: nil)
    }

    /// A timer is decided like an input, between two of the inbox.
    func decideTimer(_ key: String, at now: Timestamp, silenceCounts: Bool) {
        lastTime = max(lastTime, now)
        forget(at: lastTime)
        guard entries[key] != nil else { return }
        decide(InboxRecord(B.State.timer(silenceCounts: silenceCounts)), key: key, at: now)
    }

    // MARK: folding

    /// The same for what is decided now and what is read back.
    /// - Parameter isOwed: what follows from the facts has to be performed, or may have to.
    /// - Returns: the marker from which on the state before can be known.
    @discardableResult
    func fold(
        _ facts: [B.State.Fact], key: String, _ time: Timestamp, at offset: Int64, since marker: Int64,
        into effects: inout Effects, isOwed: Bool = true
    ) -> Int64? {
        age += 1
        guard !facts.isEmpty else { return entries[key]?.readFrom }
        guard let entry = entries[key] ?? begin(key, since: marker, at: time) else { return nil }
        var events = 0
        for fact in facts {
            let count = book.eventCount(of: fact, before: entry.state)
            events += count
            if isOwed {
                let before = entry.state
                entry.state.apply(fact, at: time)
                book.perform(fact, key: key, before: before, after: entry.state, into: &effects)
            } else {
                // In place: nobody else holds what is changed.
                entry.state.apply(fact, at: time)
            }
            guard count > 0 else { continue }
            entry.announced =
                book.countsFacts ? Int64(entry.state.sequence) : CallbackEvent.sequence(at: offset, events - 1)
        }
        schedule(key, entry, at: time)
        holdAgain(entry, since: marker, at: time)
        if let forget = entry.state.forgetAt {
            forgetting.append((key, forget))
            releasing.append(Release(key: key, at: min(forget, time + LedgerLimit.endedHeld), age: age))
        }
        return entry.since
    }

    /// A key of which nothing was known; nil for one that cannot be.
    private func begin(_ key: String, since marker: Int64, at time: Timestamp) -> Entry? {
        guard let state = book.blank(for: key) else { return nil }
        let entry = Entry(state, since: marker)
        entries[key] = entry
        hold(entry, key, since: marker, at: time)
        return entry
    }

    func take(_ source: SourceMark?) {
        guard let source else { return }
        marks[SourcePartition(source)] = source
    }

    func remember(_ command: String?, _ outcome: CommandMemory.Outcome, of key: String, at time: Timestamp) {
        guard let command else { return }
        // "Try again" is no answer: the repeat gets the real one.
        if case .refused(let refusal) = outcome, refusal.reason == .tryAgain { return }
        commands.remember(command, outcome, at: time)
        note(command, of: key)
    }

    // MARK: remembering

    func header(_ kind: Record.Kind) -> Record {
        var record = Record()
        record.kind = kind
        record.incarnation = incarnation
        record.inboxOffset = inboxOffset
        record.time = lastTime
        record.performedThrough = performedThrough
        record.replayFrom = replayFrom
        return record
    }

    /// Gives the record its ordinal and sends it to the log, in order.
    /// - Parameter since: the marker from which on the log must be read to know the effects again.
    func remember(_ record: Record, effects: Effects, since: Int64? = nil, mirror: (String, [UInt8]?)? = nil) {
        var record = record
        record.ordinal = ordinal
        decisions += 1
        let since = min(since ?? markerOffset, markerOffset)
        if !effects.isEmpty { hold(from: since, at: record.time) }
        inFlight.append(
            InFlight(ordinal: ordinal, effects: effects, since: since, mirror: mirror, sentAt: ports.clock))
        ordinal += 1
        unsent.append((record.encoded(), record.key))
        flush()
    }

    private func flush() {
        while let next = unsent.first {
            let expected = nextToSend
            let taken = ports.append(next.record, key: next.key, to: partition) { [self] result in
                acknowledged(expected, result)
            }
            guard taken else { return }
            _ = unsent.popFirst()
        }
    }

    private var nextToSend: Int64 { ordinal - Int64(unsent.count) }
}
