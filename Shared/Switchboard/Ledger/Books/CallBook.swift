/// What follows from the facts of calls: frames for devices, seats and rings for users, records for everybody's log.
package struct CallBook: Book {
    package typealias State = Call

    package static let ledger = LedgerName.calls
    let media: MediaGrants

    package init(media: MediaGrants) { self.media = media }

    package func blank(for key: String) -> Call? {
        RecordKey.split(key).map { Call(id: CallID($0.id)) }
    }

    // MARK: looking

    package func looks(of input: CallInput, key: String) -> [String] {
        guard case .start(let start) = input, let (app, _) = RecordKey.split(key) else { return [] }
        return (start.callees + [start.by.user]).map { RecordKey.of(app, $0) }
    }

    package func add(_ seen: [Presence?], to input: inout CallInput) {
        guard case .start(var start) = input else { return }
        start.presences = seen
        input = .start(start)
    }

    package func isRepeatable(_ input: CallInput) -> Bool {
        switch input {
        case .start, .accept, .sync: true
        case .ringing, .end, .media, .mediaReset, .mediaReport, .deviceUp, .deviceDown, .devices, .loggedOut, .moves,
            .seatRefused, .joined, .timer:
            false
        }
    }

    package func nameAsker(of input: CallInput, in reply: inout Reply) {
        let by: CallInput.By
        switch input {
        case .start(let start): by = start.by
        case .accept(let accept): by = accept.by
        case .sync(let asker): by = asker
        default: return
        }
        reply.user = by.user
        reply.device = by.device.id
    }

    // MARK: performing

    package func perform(
        _ fact: CallFact, key: String, before: Call, after call: Call, into effects: inout Effects
    ) {
        guard let (app, _) = RecordKey.split(key) else { return }
        for told in call.told { tell(told, of: call, into: &effects) }
        switch fact {
        case .started(let started):
            effects.append(.user(key: RecordKey.of(app, call.caller), .sit(callerSeat(started, call))))
            for callee in started.callees {
                var ring = UserInput.Ring()
                ring.call = call.id
                ring.peer = call.caller
                ring.expiresAt = call.expiresAt
                ring.rung = callee.devices
                effects.append(.user(key: RecordKey.of(app, callee.user), .ring(ring)))
            }
        case .accepted(let accepted):
            let user = RecordKey.of(app, accepted.user)
            // Seated before the ring is over, so that a login between the two is announced to the call.
            effects.append(.user(key: user, .sit(calleeSeat(accepted, call))))
            effects.append(.user(key: user, .ringOver(call.id)))
        case .ended: settle(call, app, into: &effects)
        case .returned(let back):
            if before.participant(back.user)?.online == true { tellNewPlace(of: back, in: call, into: &effects) }
        case .rung, .ringing, .entered, .connected, .declined, .busied, .missed, .cancelled, .left, .lost, .synced,
            .mediaChanged, .rejoined, .mediaReported, .startRefused, .endedBeforeStart:
            break
        }
    }

    package let countsFacts = true
    package func eventCount(of fact: CallFact, before: Call) -> Int { fact.eventCount(before: before) }

    private func callerSeat(_ started: CallFact.Started, _ call: Call) -> UserInput.Sit {
        var sit = UserInput.Sit()
        sit.room = call.id.room
        sit.device = started.device
        sit.mediaType = call.mediaType
        sit.leavesFor = started.takeover ? .abnormal : nil
        sit.putsOutFor = .otherDeviceCalling
        return sit
    }

    private func calleeSeat(_ accepted: CallFact.Accepted, _ call: Call) -> UserInput.Sit {
        var sit = UserInput.Sit()
        sit.room = call.id.room
        sit.device = accepted.device
        sit.mediaType = call.mediaType
        sit.leavesFor = .ended
        sit.putsOutFor = .otherDeviceJoined
        return sit
    }

    /// Everybody's seat and ring is given back, and everybody gets a record.
    private func settle(_ call: Call, _ app: AppKey, into effects: inout Effects) {
        for member in call.participants {
            let user = RecordKey.of(app, member.user)
            if let device = member.seated {
                var unsit = UserInput.Unsit()
                unsit.room = call.id.room
                unsit.device = device
                unsit.reason = member.reason ?? .ended
                effects.append(.user(key: user, .unsit(unsit)))
            }
            if member.user != call.caller, member.acceptedAt == nil {
                effects.append(.user(key: user, .ringOver(call.id)))
            }
            let entry = CallLogEntry(of: call, for: member)
            effects.append(.callRecord(key: user, entry.encoded()))
            let others = member.user == call.caller ? call.callerDevices : []
            for device in member.lines.map(\.device) + others {
                guard let connection = device.connection else { continue }
                effects.frame(to: connection, .event("call.log", entry))
            }
        }
    }

    // MARK: answering

    package func answer(
        _ reply: Reply, key: String, facts: [CallFact], state call: Call, into effects: inout Effects
    ) {
        let asker = reply.asker
        guard let (user, device) = who(asks: reply, facts, in: call) else {
            if call.endedEarlyBy != nil, reply.type == "call.end" {
                effects.frame(to: asker.connection, .refusal(asker.request, Refusal(.notInside)))
            } else if reply.type == "call.sync" {
                effects.frame(to: asker.connection, .answer(asker.request, SyncAnswer()))
            } else {
                effects.frame(to: asker.connection, .answer(asker.request))
            }
            return
        }
        switch reply.type {
        case "call.start":
            // A start is answered when its device is inside; asked again after that, with the call as it is.
            if case .started? = facts.first { return }
            if case .synced(let back)? = facts.first, back.asker != nil { return }
            guard let refusal = refusalOfStart(call) else {
                return effects.frame(to: asker.connection, .answer(asker.request, startAnswer(call, device)))
            }
            effects.frame(to: asker.connection, .refusal(asker.request, refusal))
        case "call.accept":
            let snapshot = snapshot(of: call, for: user, device, withMedia: true)
            effects.frame(to: asker.connection, .answer(asker.request, snapshot), note: inside(call, user))
        case "call.sync":
            var answer = SyncAnswer()
            answer.calls = [snapshot(of: call, for: user, device)]
            effects.frame(to: asker.connection, .answer(asker.request, answer), note: inside(call, user))
        case "media.reset":
            var answer = JoinAnswer()
            answer.joinId = call.participant(user)?.joinID ?? JoinID()
            effects.frame(to: asker.connection, .answer(asker.request, answer), note: inside(call, user))
        default:
            effects.frame(to: asker.connection, .answer(asker.request))
        }
    }

    package func refuse(
        _ reply: Reply, key: String, _ refusal: Refusal, state call: Call, into effects: inout Effects
    ) {
        let asker = reply.asker
        guard refusal.reason == .tooLate, reply.type == "call.accept", let user = refusal.asking else {
            return effects.frame(to: asker.connection, .refusal(asker.request, refusal))
        }
        var data = TooLateData()
        data.snapshot = CallSnapshot(of: call, for: user, device: DeviceID(), media: nil)
        data.reason = refusal.end?.code
        let answer = AnswerFrame(
            re: asker.request, code: refusal.reason.code, message: refusal.reason.message, data)
        effects.frame(to: asker.connection, Opaque(answer))
    }

    /// Whose connection it is that asks. What was decided may name who it is: a command sent again over a new
    /// connection can come before the news of that connection.
    private func who(asks reply: Reply, _ facts: [CallFact], in call: Call) -> (UserID, DeviceID)? {
        switch facts.first {
        case .synced(let back): return (back.user, back.device.id)
        case .accepted(let accepted): return (accepted.user, accepted.device.id)
        case .rejoined(let rejoined): return (rejoined.user, rejoined.device)
        default: break
        }
        if let user = reply.user, let device = reply.device { return (user, device) }
        for member in call.participants {
            for line in member.lines where line.device.connection == reply.asker.connection {
                return (member.user, line.device.id)
            }
        }
        return nil
    }
}
