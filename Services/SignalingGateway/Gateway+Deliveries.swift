import Switchboard

/// From a delivery to a frame, and the gateway's own clockwork.
extension Gateway {
    func deliver(_ record: UnsafeRawBufferPointer) {
        guard let record = try? DeliveryRecord(json: record) else {
            return log.warning("a delivery cannot be read and is passed over", ["bytes": record.count])
        }
        for entry in record.entries where isOneOfMine(entry.gateway) && isNew(entry.source) { deliver(entry) }
    }

    /// Each effect once, however often its owner performs it, and to whichever life of this process.
    private func isNew(_ source: SourceMark?) -> Bool {
        guard let source else { return true }
        let place = MarkPlace(ledger: source.ledger, partition: source.partition)
        if let highest = marks[place], source <= highest { return false }
        marks[place] = source
        return true
    }

    private func deliver(_ entry: DeliveryEntry) {
        if entry.note?.died == true {
            // That a life is over which this gateway has left by itself is no news.
            if entry.gateway == incarnation { hearOfOwnDeath() }
            return
        }
        guard let session = sessions[entry.number] else { return }
        if comesEarly(entry, session) { hold(entry, session) } else { hand(entry, to: session) }
    }

    private func hand(_ entry: DeliveryEntry, to session: Session) {
        if let signal = entry.signal {
            if let frame = entry.frame { take(frame, signal, for: session) }
            return
        }
        if let note = entry.note { heed(note, session) }
        if let frame = entry.frame { pass(frame, to: session, note: entry.note) }
        if entry.note?.inside != nil { takeEarlySignals(session) }
        if let close = entry.close {
            session.connection.close(code: UInt16(clamping: close), reason: "closed by its user's machine")
        }
    }

    // MARK: what overtakes the answer to `connect`

    /// Producers know nothing of each other: a call's snapshot may be here before the login that asked for it is
    /// answered, and a client heeds nothing before that.
    private func comesEarly(_ entry: DeliveryEntry, _ session: Session) -> Bool {
        guard case .connecting(let request) = session.stage, entry.close == nil else { return false }
        return entry.frame.flatMap(answered(by:)) != request
    }

    private func hold(_ entry: DeliveryEntry, _ session: Session) {
        guard session.held.count < GatewayLimits.heldMax else {
            // Signals come at most once.
            guard entry.signal == nil else { return }
            return session.connection.close(code: CloseCode.goingAway, reason: "try again")
        }
        session.held.append(entry)
    }

    /// What came early, in its order, now that `connect` is answered.
    func takeHeld(_ session: Session) {
        for entry in session.takeHeld() { hand(entry, to: session) }
    }

    // MARK: notes and frames

    private func heed(_ note: DeliveryNote, _ session: Session) {
        if let ring = note.ring, let expiresAt = note.expiresAt { session.rings[ring] = expiresAt }
        if let over = note.over {
            session.rings[over] = nil
            if session.inside?.room == over.room { session.inside = nil }
        }
        if let inside = note.inside {
            session.rings[CallID(inside.room.text)] = nil
            let isOlder = session.inside.map { $0.room == inside.room && $0.sequence > inside.sequence } ?? false
            if !isOlder { session.inside = inside }
        }
    }

    private func pass(_ frame: Opaque, to session: Session, note: DeliveryNote?) {
        var isAdmission = false
        if let request = answered(by: frame) {
            if case .connecting(request) = session.stage, note?.admitted == true {
                session.stage = .admitted
                isAdmission = true
            } else if let gathering = session.syncs[request] {
                return gather(frame, gathering, mark: request, session)
            } else if !session.waiting.answer(request), !isConnecting(session, request) {
                // Answered 50300 already, or never asked on this connection.
                return
            }
        } else if let ring = note?.ring, let expiresAt = session.rings[ring], expiresAt <= clock() {
            // Nobody rings past the end of its ring time, whatever was late.
            session.rings[ring] = nil
            return
        }
        counters.deliveries.add()
        session.send(frame)
        if isAdmission {
            takeHeld(session)
            askForNewerLogs(session)
            tellOfLeaving(session)
        }
    }

    private func isConnecting(_ session: Session, _ request: String) -> Bool {
        if case .connecting(request) = session.stage { true } else { false }
    }

    /// The request that a frame answers; our coder writes `re` first.
    private func answered(by frame: Opaque) -> String? {
        let start = Array("{\"re\":\"".utf8)
        guard frame.bytes.starts(with: start) else { return nil }
        let rest = frame.bytes.dropFirst(start.count)
        guard let end = rest.firstIndex(of: UInt8(ascii: "\"")) else { return nil }
        if rest[..<end].contains(UInt8(ascii: "\\")) {
            return (try? AnswerFrame<NoData>(json: frame.bytes))?.re
        }
        return String(decoding: rest[..<end], as: UTF8.self)
    }

    private func gather(_ frame: Opaque, _ gathering: SyncGathering, mark: String, _ session: Session) {
        if let part = try? AnswerFrame<SyncAnswer>(json: frame.bytes), part.code == 0 {
            gathering.answer.calls += part.data.calls
        }
        gathering.missing -= 1
        guard gathering.missing == 0 else { return }
        session.syncs[mark] = nil
        _ = session.waiting.answer(mark)
        guard session.waiting.answer(gathering.request) else { return }
        session.send(.answer(gathering.request, gathering.answer))
    }

    // MARK: time

    func tick() {
        let now = ContinuousClock.now
        let time = clock()
        shrug(at: now)
        tellLosses()
        for session in sessions.values { look(after: session, at: now, time) }
    }

    /// Those that nobody has been told of, as many as Kafka takes now.
    func tellLosses() {
        losses.tell { loss in
            let record = InboxRecord(UsersEntry.Input.user(.lost(loss.gone)))
            return outbox.send(record, key: loss.user, to: .users) { [weak self] isThere in
                self?.losses.settle(loss, isThere)
            }
        }
    }

    /// No answer in time: it may still happen, and the same command again has one effect.
    private func shrug(at now: ContinuousClock.Instant) {
        while let first = unanswered.first, first.deadline <= now {
            _ = unanswered.popFirst()
            guard let session = sessions[first.number],
                session.waiting.giveUp(first.request, at: first.deadline)
            else { continue }
            if session.syncs.removeValue(forKey: first.request) != nil { continue }
            counters.shrugs.add()
            session.send(.refusal(first.request, Refusal(.tryAgain)))
        }
        while let first = admissions.first, first.deadline <= now {
            _ = admissions.popFirst()
            guard let session = sessions[first.number], case .connecting(first.request) = session.stage else {
                continue
            }
            admitByToken(session, request: first.request)
        }
    }

    private func look(after session: Session, at now: ContinuousClock.Instant, _ time: Timestamp) {
        let silence = session.lastHeard.duration(to: now)
        if case .fresh = session.stage {
            if silence > GatewayLimits.connectWithin {
                session.connection.close(code: CloseCode.noConnectInTime, reason: "no connect in time")
            }
            return
        }
        if silence > GatewayLimits.silenceMax {
            return session.connection.close(code: CloseCode.goingAway, reason: "silent")
        }
        for (call, expiresAt) in session.rings where expiresAt <= time {
            session.rings[call] = nil
            session.send(.event("call.expired", CallIDData(call)))
        }
        guard session.isAdmitted, let expiresAt = session.tokenExpiresAt else { return }
        if expiresAt <= time + GatewayLimits.tokenWarning, !session.wasToldOfExpiry {
            session.wasToldOfExpiry = true
            session.send(.event("token.expiring", ExpiresAtData(expiresAt)))
        }
        if expiresAt <= time, session.inside == nil {
            session.connection.close(code: CloseCode.token, reason: "token expired")
        }
    }
}
