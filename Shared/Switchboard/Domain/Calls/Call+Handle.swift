extension Call {
    package func handle(_ input: CallInput, at now: Timestamp) throws(Refusal) -> [CallFact] {
        switch input {
        case .start(let start): try handle(start, at: now)
        case .ringing(let by): try ringing(by, at: now)
        case .accept(let accept): try handle(accept, at: now)
        case .end(let end): try handle(end, at: now)
        case .sync(let by): try sync(by)
        case .media(let media): try handle(media)
        case .mediaReset(let by): try reset(by)
        case .mediaReport(let report): try handle(report)
        case .deviceUp(let news): deviceUp(news, at: now)
        case .deviceDown(let news): deviceDown(news)
        case .devices(let devices): ringFurther(devices, at: now)
        case .loggedOut(let news): departure(of: news.user, news.device.id, because: .loggedOut)
        case .moves(let moves): departure(of: moves.user, moves.device, because: moves.reason)
        case .seatRefused(let refused): handle(refused)
        case .joined(let joined): handle(joined)
        case .timer(let silenceCounts): timeIsUp(at: now, silenceCounts: silenceCounts)
        }
    }

    // MARK: dialing

    private func handle(_ start: CallInput.Start, at now: Timestamp) throws(Refusal) -> [CallFact] {
        switch phase {
        case .live:
            guard caller == start.by.user, let me = participant(caller), me.line(start.by.device.id) != nil else {
                throw Refusal(.unknownCall)
            }
            // The same start again is the same call; its answer is a snapshot, once its device is inside.
            let waits = startAsker == nil ? nil : start.by.asker
            return [.synced(.init(user: start.by.user, device: start.by.device, asker: waits))]
        case .over(let reason, _):
            let isMine = caller == start.by.user || endedEarlyBy?.user == start.by.user
            guard isMine else { throw Refusal(.unknownCall) }
            var refusal = Refusal(.tooLate)
            refusal.end = reason
            throw refusal
        case .unknown:
            return [.started(try started(start, at: now))]
        }
    }

    private func started(_ start: CallInput.Start, at now: Timestamp) throws(Refusal) -> CallFact.Started {
        let callees = start.callees
        var seen: Set<UserID> = [start.by.user]
        let wrong = callees.filter { !$0.isWellFormed || !seen.insert($0).inserted }
        guard !callees.isEmpty, wrong.isEmpty else {
            var refusal = Refusal(.badCallees)
            refusal.users = wrong
            throw refusal
        }
        guard start.callType == .single else { throw Refusal(.malformed, field: "callType") }
        guard callees.count == 1 else { throw Refusal(.singleCallWithSeveral) }
        let ring = start.ringTimeout ?? start.settings.ringTimeout
        guard CallSettings.ringTimeoutRange.contains(ring) else { throw Refusal(.malformed, field: "ringTimeoutMs") }

        var fact = CallFact.Started()
        fact.caller = start.by.user
        fact.device = start.by.device
        fact.profile = start.profile
        fact.asker = start.by.asker
        fact.appIdentifier = start.appIdentifier
        fact.callType = start.callType
        fact.mediaType = start.mediaType
        fact.extra = start.extra
        fact.takeover = start.takeover
        fact.expiresAt = now + ring
        fact.settings = start.settings
        for (index, user) in callees.enumerated() {
            let presence = index < start.presences.count ? start.presences[index] : nil
            var callee = CallFact.Callee()
            callee.user = user
            callee.profile = presence?.profile
            callee.devices = Array((presence?.devices ?? []).prefix(Participant.linesMax))
            callee.busy = presence?.busy
            fact.callees.append(callee)
        }
        if let own = start.presences.dropFirst(callees.count).first {
            let others = own?.devices.filter { $0.id != start.by.device.id } ?? []
            fact.callerDevices = Array(others.prefix(Participant.linesMax))
        }
        return fact
    }

    // MARK: ringing and answering

    private func ringing(_ by: CallInput.By, at now: Timestamp) throws(Refusal) -> [CallFact] {
        let member = try member(by.user)
        guard isRinging(member, at: now) else { throw Refusal(.notInside) }
        if let line = member.line(by.device.id), line.hasAcknowledged { return [] }
        var facts: [CallFact] = []
        if member.line(by.device.id) == nil {
            guard member.linesFree > 0 else { return [] }
            facts.append(.rung(rung(by.user, [by.device])))
        }
        facts.append(.ringing(.init(user: by.user, device: by.device.id)))
        return facts
    }

    private func handle(_ accept: CallInput.Accept, at now: Timestamp) throws(Refusal) -> [CallFact] {
        let by = accept.by
        guard phase != .unknown, let member = participant(by.user), by.user != caller else {
            throw Refusal(.unknownCall)
        }
        if member.state.isInside, member.seated == by.device.id {
            return [.synced(.init(user: by.user, device: by.device))]
        }
        // The first accept in the log wins, and none after the ring time; what is over stays over.
        guard isRinging(member, at: now) else {
            var refusal = Refusal(.tooLate)
            refusal.end = member.reason
            refusal.asking = by.user
            throw refusal
        }
        var fact = CallFact.Accepted()
        fact.user = by.user
        fact.device = by.device
        fact.profile = accept.profile
        fact.camera = mediaType == .video && accept.mediaType != .audio
        return [.accepted(fact)]
    }

    private func handle(_ joined: CallInput.Joined) -> [CallFact] {
        guard isLive, let member = participant(joined.user), member.state.isInside,
            member.seated == joined.device, member.joinID == nil
        else { return [] }
        var fact = CallFact.Entered()
        fact.user = joined.user
        fact.device = joined.device
        fact.joinID = joined.joinID
        fact.session = joined.session
        let others = participants.filter { $0.user != joined.user }
        let allInside = others.allSatisfy { $0.joinID != nil && $0.state.isInside }
        return allInside ? [.entered(fact), .connected] : [.entered(fact)]
    }

    private func handle(_ refused: CallInput.SeatRefused) -> [CallFact] {
        guard isLive, let member = participant(refused.user), member.seated == refused.device,
            member.joinID == nil
        else { return [] }
        guard refused.user == caller else {
            return departure(of: refused.user, refused.device, because: .joinError, cause: .seatRefused)
        }
        var fact = CallFact.StartRefused()
        fact.reason = refused.reason
        fact.room = refused.room
        fact.sitting = refused.sitting
        fact.call = refused.call
        let reason: EndReason = isAnswered ? .joinError : .cancelled
        return [.startRefused(fact), .ended(.init(reason, by: caller, device: refused.device, cause: .seatRefused))]
    }

    // MARK: hanging up

    private func handle(_ end: CallInput.End, at now: Timestamp) throws(Refusal) -> [CallFact] {
        let by = end.by
        let at = CallFact.At(user: by.user, device: by.device.id)
        guard phase != .unknown else { return [.endedBeforeStart(at)] }
        guard isLive, let member = participant(by.user) else { throw Refusal(.notInside) }
        let busy = end.reason == .busyWaiting || end.reason == .busyRinging
        if isRinging(member, at: now) {
            let elsewhere: EndReason = member.busy == .busyRinging ? .busyRinging : .busyWaiting
            let reason = busy ? elsewhere : .declined
            let ended = CallFact.Ended(reason, by: by.user, device: by.device.id)
            return [busy ? .busied(at) : .declined(at), .ended(ended)]
        }
        guard member.state.isInside, member.seated == by.device.id else { throw Refusal(.notInside) }
        return departure(of: by.user, by.device.id, because: busy ? .ended : end.reason ?? .ended)
    }

    /// The device is inside and leaves, for whatever reason. Of two, that is the end; before any answer it is a cancel.
    private func departure(
        of user: UserID, _ device: DeviceID, because reason: EndReason, cause: EndCause? = nil
    ) -> [CallFact] {
        guard isLive, let member = participant(user), member.state.isInside, member.seated == device else { return [] }
        let seenByCaller = user == caller ? reason : reason.seenByOthers
        let at = CallFact.At(user: user, device: device)
        guard isAnswered else {
            let cancelled: EndReason = reason == .ended ? .cancelled : reason
            return [.cancelled(at), .ended(.init(cancelled, by: user, device: device, cause: cause))]
        }
        var left = CallFact.Left()
        left.user = user
        left.device = device
        left.reason = reason
        return [.left(left), .ended(.init(seenByCaller, by: user, device: device, cause: cause))]
    }

    // MARK: being inside

    private func sync(_ by: CallInput.By) throws(Refusal) -> [CallFact] {
        let member = try member(by.user)
        guard isLive, let line = member.line(by.device.id), !line.isOver else { return [] }
        return [.synced(.init(user: by.user, device: by.device))]
    }

    private func handle(_ wish: CallInput.Media) throws(Refusal) -> [CallFact] {
        let member = try inside(wish.by)
        var media = member.media
        if let camera = wish.camera { media.camera = camera }
        if let microphone = wish.microphone { media.microphone = microphone }
        if let screen = wish.screen { media.screen = screen }
        guard media != member.media else { return [] }
        guard mediaType == .video || !(media.camera || media.screen) else { throw Refusal(.notVideoCall) }
        var fact = CallFact.MediaNow()
        fact.user = wish.by.user
        fact.device = wish.by.device.id
        fact.media = media
        return [.mediaChanged(fact)]
    }

    private func reset(_ by: CallInput.By) throws(Refusal) -> [CallFact] {
        let member = try inside(by)
        guard let joinID = member.joinID else { throw Refusal(.notInside) }
        var fact = CallFact.Rejoined()
        fact.user = by.user
        fact.device = by.device.id
        let seat = joinID.text.split(separator: "-").first.map(String.init) ?? joinID.text
        fact.joinID = JoinID("\(seat)-\(sequence + 1)")
        return [.rejoined(fact)]
    }

    private func handle(_ report: CallInput.MediaReport) throws(Refusal) -> [CallFact] {
        let member = try inside(report.by)
        let hasFailed = report.condition == .failed
        guard report.condition != .disconnected, hasFailed != (member.mediaFailedAt != nil) else { return [] }
        var fact = CallFact.Reported()
        fact.user = report.by.user
        fact.device = report.by.device.id
        fact.condition = report.condition
        return [.mediaReported(fact)]
    }

    // MARK: coming and going

    private func deviceUp(_ news: CallInput.DeviceNews, at now: Timestamp) -> [CallFact] {
        guard phase != .unknown, let member = participant(news.user) else { return [] }
        let line = member.line(news.device.id)
        guard line == nil || line?.device.connection != news.device.connection else { return [] }
        if isRinging(member, at: now) {
            return line == nil && member.linesFree == 0 ? [] : [.rung(rung(news.user, [news.device]))]
        }
        // Where it is over for a device that could be reached, that device has heard it, unless it says otherwise: its
        // connection may have been dead without anybody's knowing.
        guard let line, !line.isOver || line.device.connection == nil || news.shows else { return [] }
        return [.returned(.init(user: news.user, device: news.device))]
    }

    private func deviceDown(_ news: CallInput.DeviceNews) -> [CallFact] {
        guard isLive, let line = participant(news.user)?.line(news.device.id), !line.isOver,
            line.device.connection == news.device.connection
        else { return [] }
        return [.lost(.init(user: news.user, device: news.device.id))]
    }

    private func ringFurther(_ news: CallInput.Devices, at now: Timestamp) -> [CallFact] {
        guard let member = participant(news.user) else { return [] }
        guard isRinging(member, at: now) else { return moved(member, news) }
        var free = member.linesFree
        let further = news.devices.filter { device in
            if let line = member.line(device.id) { return line.device.connection != device.connection }
            free -= 1
            return free >= 0
        }
        guard !further.isEmpty else { return [] }
        var fact = rung(news.user, further)
        fact.profile = news.profile
        return [.rung(fact)]
    }

    /// It was rung where it had just left, and has answered from its new connection before this news of it came.
    private func moved(_ member: Participant, _ news: CallInput.Devices) -> [CallFact] {
        guard isLive, member.state.isInside, let seated = member.seated, let line = member.line(seated),
            let device = news.devices.first(where: { $0.id == seated }), device.connection != line.device.connection
        else { return [] }
        return [.returned(.init(user: member.user, device: device))]
    }

    private func timeIsUp(at now: Timestamp, silenceCounts: Bool) -> [CallFact] {
        guard isLive else { return [] }
        let unanswered = participants.filter { $0.state.isRinging }
        if !unanswered.isEmpty, expiresAt <= now {
            return unanswered.map { .missed(.init(user: $0.user)) } + [.ended(.init(.noAnswer))]
        }
        if (startTime ?? createdAt) + settings.maxDuration <= now {
            return [.ended(.init(.ended, cause: .maxDuration))]
        }
        guard silenceCounts else { return [] }
        for member in participants {
            guard let device = member.seated, member.state.isInside else { continue }
            if let lost = member.lostAt, lost + lossGrace <= now {
                return departure(of: member.user, device, because: .connectionError)
            }
            if member.state == .connecting, let accepted = member.acceptedAt,
                accepted + settings.connectTimeout <= now
            {
                // The one that is missing leaves, not the one that waits for it.
                let missing = member.joinID == nil ? member : participants.first { $0.joinID == nil } ?? member
                return departure(
                    of: missing.user, missing.seated ?? device, because: .joinError, cause: .connectTimeout)
            }
            if let failed = member.mediaFailedAt, failed + settings.connectTimeout <= now {
                return departure(of: member.user, device, because: .publishError, cause: .media)
            }
        }
        return []
    }

    // MARK: who is it

    /// The ring time of a user is over at `expiresAt`, whether or not the timer has been decided by then.
    private func isRinging(_ member: Participant, at now: Timestamp) -> Bool {
        isLive && member.state.isRinging && now < expiresAt
    }

    private func member(_ user: UserID) throws(Refusal) -> Participant {
        guard phase != .unknown, let member = participant(user) else { throw Refusal(.unknownCall) }
        return member
    }

    private func inside(_ by: CallInput.By) throws(Refusal) -> Participant {
        guard let member = participant(by.user), isLive else { throw Refusal(.notInside) }
        guard member.state.isInside, member.seated == by.device.id else { throw Refusal(.notInside) }
        return member
    }

    private func rung(_ user: UserID, _ devices: [Device]) -> CallFact.Rung {
        var fact = CallFact.Rung()
        fact.user = user
        fact.devices = devices
        return fact
    }
}
