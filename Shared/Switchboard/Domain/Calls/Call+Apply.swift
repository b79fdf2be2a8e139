extension Call {
    package mutating func apply(_ fact: CallFact, at now: Timestamp) {
        sequence += 1
        told = []
        switch fact {
        case .started(let started): begin(started, at: now)
        case .rung(let rung): ring(rung)
        case .ringing(let at): acknowledge(at, at: now)
        case .accepted(let accepted): accept(accepted, at: now)
        case .entered(let entered): enter(entered, at: now)
        case .connected: connect(at: now)
        case .declined(let at): settle(at.user, .declined, .declined, at: now)
        case .busied(let at): settle(at.user, .declined, .declined, at: now)
        case .missed(let who): settle(who.user, .missed, .missed, at: now)
        case .cancelled: break
        case .left(let left): settle(left.user, .ended, left.reason, at: now)
        case .lost(let at): lose(at, at: now)
        case .returned(let back): comeBack(back)
        case .synced(let back):
            if let asker = back.asker { waitForStart(asker) } else { handSnapshot(to: back) }
        case .mediaChanged(let change): update(media: change)
        case .rejoined(let rejoined): rejoin(rejoined)
        case .mediaReported(let report): note(report, at: now)
        case .startRefused(let refused):
            startRefused = refused
            let askers = takeStartAskers()
            if !askers.isEmpty { answerStart(.startRefused(askers, refused)) }
            // Its start is refused: for that device there never was a call that could end.
            let line = participants[0].lines[0]
            if askers.contains(where: { $0.connection == line.device.connection }) {
                finish(caller, line.device.id)
            }
        case .endedBeforeStart(let at):
            endedEarlyBy = at
            createdAt = now
            endTime = now
            phase = .over(.cancelled, cause: nil)
        case .ended(let ended): end(ended, at: now)
        }
    }

    // MARK: one fact each

    private mutating func begin(_ started: CallFact.Started, at now: Timestamp) {
        phase = .live
        callType = started.callType
        mediaType = started.mediaType
        caller = started.caller
        extra = started.extra
        appIdentifier = started.appIdentifier
        createdAt = now
        expiresAt = started.expiresAt
        callerDevices = started.callerDevices
        settings = started.settings
        startAsker = started.asker
        var me = Participant(user: caller, profile: started.profile, state: .calling, invitedAt: now)
        me.lines = [.init(device: started.device)]
        me.seated = started.device.id
        me.media.camera = mediaType == .video
        participants = [me]
        for callee in started.callees {
            var member = Participant(user: callee.user, profile: callee.profile, state: .invited, invitedAt: now)
            member.busy = callee.busy
            member.lines = callee.devices.map { .init(device: $0) }
            participants.append(member)
            for device in callee.devices { tell(callee.user, device.id, .received) }
        }
    }

    private mutating func ring(_ rung: CallFact.Rung) {
        update(rung.user) { member in
            if let profile = rung.profile { member.profile = profile }
            for device in rung.devices {
                if let i = member.lines.firstIndex(where: { $0.device.id == device.id }) {
                    // Over a new connection the first thing of a call sets what was last seen.
                    member.lines[i] = .init(device: device)
                } else {
                    member.add(.init(device: device))
                }
            }
        }
        for device in rung.devices { tell(rung.user, device.id, .received) }
    }

    private mutating func acknowledge(_ at: CallFact.At, at now: Timestamp) {
        let isFirst = participant(at.user)?.state == .invited
        update(at.user) { member in
            member.state = .ringing
            if member.ringingAt == nil { member.ringingAt = now }
            if let i = member.lines.firstIndex(where: { $0.device.id == at.device }) {
                member.lines[i].hasAcknowledged = true
            }
        }
        guard isFirst else { return }
        tellOthers(than: at.user, .userState(at.user, .ringing, reason: nil, device: nil))
    }

    private mutating func accept(_ accepted: CallFact.Accepted, at now: Timestamp) {
        update(accepted.user) { member in
            member.state = .connecting
            member.acceptedAt = now
            member.seated = accepted.device.id
            member.profile = accepted.profile
            member.media = MediaState(camera: accepted.camera, microphone: true)
            if member.line(accepted.device.id) == nil { member.add(.init(device: accepted.device)) }
        }
        let others = participant(accepted.user)?.lines.filter { $0.device.id != accepted.device.id } ?? []
        for line in others where !line.isOver {
            if let member = participant(accepted.user), let verdict = verdict(of: member, line.device.id) {
                tell(accepted.user, line.device.id, verdict)
            }
            finish(accepted.user, line.device.id)
        }
        handSnapshot(to: .init(user: accepted.user, device: accepted.device))
        tellOthers(than: accepted.user, .userState(accepted.user, .connecting, reason: nil, device: accepted.device.id))
    }

    private mutating func enter(_ entered: CallFact.Entered, at now: Timestamp) {
        session = entered.session
        update(entered.user) { member in
            member.joinID = entered.joinID
            member.joinedAt = now
        }
        guard entered.user == caller else { return }
        // Where the device has gone over to another connection, it has its snapshot there.
        let connection = participant(caller)?.line(entered.device)?.device.connection
        let askers = takeStartAskers().filter { $0.connection == connection }
        if !askers.isEmpty { tell(caller, entered.device, .startAnswered(askers)) }
    }

    private mutating func waitForStart(_ asker: Asker) {
        startAskedAgain.append(asker)
        // Whoever asks more often is shrugged at by the gateway, and asks again.
        if startAskedAgain.count > Self.startAskersMax { startAskedAgain.removeFirst() }
    }

    private static let startAskersMax = 4

    private mutating func takeStartAskers() -> [Asker] {
        let askers = (startAsker.map { [$0] } ?? []) + startAskedAgain
        startAsker = nil
        startAskedAgain = []
        return askers
    }

    private mutating func connect(at now: Timestamp) {
        startTime = now
        for i in participants.indices where participants[i].state.isInside { participants[i].state = .onCall }
        tellOthers(than: nil, .connected)
    }

    private mutating func settle(_ user: UserID, _ state: UserState, _ reason: EndReason, at now: Timestamp) {
        update(user) { member in
            member.state = state
            member.reason = reason
            member.leftAt = now
            member.lostAt = nil
        }
    }

    private mutating func lose(_ at: CallFact.At, at now: Timestamp) {
        let isInside = participant(at.user).map { $0.state.isInside && $0.seated == at.device } ?? false
        update(at.user) { member in
            if isInside { member.lostAt = now }
            if let i = member.lines.firstIndex(where: { $0.device.id == at.device }) {
                member.lines[i].device.connection = nil
            }
        }
        // Nobody waits for a device that only rings.
        guard isInside else { return }
        let joinID = participant(at.user)?.joinID
        tellOthers(than: at.user, .userConnection(at.user, online: false, joinID))
    }

    private mutating func comeBack(_ back: CallFact.Back) {
        if let member = participant(back.user), let line = member.line(back.device.id), line.isOver {
            return comeBackLate(back, member)
        }
        let wasLost = participant(back.user)?.online == false
        update(back.user) { member in
            member.lostAt = nil
            if let i = member.lines.firstIndex(where: { $0.device.id == back.device.id }) {
                member.lines[i] = .init(device: back.device, hasAcknowledged: member.lines[i].hasAcknowledged)
            }
        }
        tell(back.user, back.device.id, .snapshot)
        guard wasLost else { return }
        let joinID = participant(back.user)?.joinID
        tellOthers(than: back.user, .userConnection(back.user, online: true, joinID))
    }

    /// The call has ended for this device while it was away: the end is told again, where it can be heard.
    private mutating func comeBackLate(_ back: CallFact.Back, _ member: Participant) {
        update(back.user) { member in
            guard let i = member.lines.firstIndex(where: { $0.device.id == back.device.id }) else { return }
            member.lines[i] = .init(device: back.device, isOver: true)
        }
        if let verdict = verdict(of: member, back.device.id) { tell(back.user, back.device.id, verdict) }
    }

    /// The device is answered with a snapshot of this very sequence.
    ///
    /// A command may have been under way while its device went over to another connection, or may have overtaken the
    /// news of it: only the user's machine says which connection is the device's.
    private mutating func handSnapshot(to back: CallFact.Back) {
        let sequence = sequence
        update(back.user) { member in
            guard let i = member.lines.firstIndex(where: { $0.device.id == back.device.id }) else { return }
            if member.lines[i].device.connection == back.device.connection { member.lines[i].previous = sequence }
        }
    }

    private mutating func update(media change: CallFact.MediaNow) {
        update(change.user) { $0.media = change.media }
        tellOthers(than: change.user, alsoRinging: false, .media(change.user, change.media))
    }

    private mutating func rejoin(_ rejoined: CallFact.Rejoined) {
        update(rejoined.user) { $0.joinID = rejoined.joinID }
        let isOnline = participant(rejoined.user)?.online ?? true
        tellOthers(than: rejoined.user, .userConnection(rejoined.user, online: isOnline, rejoined.joinID))
    }

    private mutating func note(_ report: CallFact.Reported, at now: Timestamp) {
        update(report.user) { $0.mediaFailedAt = report.condition == .failed ? now : nil }
    }

    // MARK: the end

    private mutating func end(_ ended: CallFact.Ended, at now: Timestamp) {
        phase = .over(ended.reason, cause: ended.cause)
        if let user = ended.by, let device = ended.device { endedBy = .init(user: user, device: device) }
        endTime = now
        for i in participants.indices {
            let reason = participants[i].reason ?? endReason(of: participants[i], ended)
            participants[i].reason = reason
            if !participants[i].state.isOver {
                participants[i].state = closingState(of: participants[i], reason)
                participants[i].leftAt = now
            }
            participants[i].lostAt = nil
        }
        let askers = takeStartAskers()
        if !askers.isEmpty { answerStart(.startOver(askers)) }
        for member in participants {
            for line in member.lines where !line.isOver {
                if let verdict = verdict(of: member, line.device.id) { tell(member.user, line.device.id, verdict) }
                finish(member.user, line.device.id)
            }
        }
    }

    /// How the call ended for one user, where nothing was settled for that user alone before.
    private func endReason(of member: Participant, _ ended: CallFact.Ended) -> EndReason {
        if member.user == caller { return ended.reason }
        return member.state.isRinging ? .cancelled : ended.reason.seenByOthers
    }

    private func closingState(of member: Participant, _ reason: EndReason) -> UserState {
        switch reason {
        case .noAnswer: .noAnswer
        case .missed: .missed
        case .cancelled: .cancelled
        case .declined: .declined
        default: .ended
        }
    }

    /// How the call ended for one device; nil while it has not.
    ///
    /// Another device of the user that answered or declined learns which one did.
    private func verdict(of member: Participant, _ device: DeviceID) -> Told.Event? {
        if let seated = member.seated, seated != device {
            return .ended(.acceptedByOtherDevice, by: seated, hasLog: false)
        }
        guard let reason = member.reason ?? endReason else { return nil }
        if let endedBy, endedBy.user == member.user, member.state == .declined, endedBy.device != device {
            return .ended(.endedByOtherDevice, by: endedBy.device, hasLog: true)
        }
        return .ended(reason, by: nil, hasLog: true)
    }

    // MARK: telling

    /// An answer without a snapshot: it is no event, and the next event does not follow on it.
    private mutating func answerStart(_ answer: Told.Event) {
        guard let line = participants.first?.lines.first else { return }
        told.append(.init(caller, line.device.connection, answer, device: line.device.id, previous: line.previous))
    }

    private mutating func tell(_ user: UserID, _ device: DeviceID, _ event: Told.Event) {
        let sequence = sequence
        var previous = 0
        var connection: Connection?
        update(user) { member in
            guard let i = member.lines.firstIndex(where: { $0.device.id == device }) else { return }
            previous = member.lines[i].previous
            connection = member.lines[i].device.connection
            member.lines[i].previous = sequence
        }
        told.append(.init(user, connection, event, device: device, previous: previous))
    }

    /// Tells every device that is inside, or rings where that concerns it too, except those of `user`.
    private mutating func tellOthers(than user: UserID?, alsoRinging: Bool = true, _ event: Told.Event) {
        for member in participants where member.user != user {
            for line in member.lines where !line.isOver {
                let isInside = member.state.isInside && line.device.id == member.seated
                let isConcerned = isInside || alsoRinging && member.state.isRinging
                if isConcerned { tell(member.user, line.device.id, event) }
            }
        }
    }

    private mutating func finish(_ user: UserID, _ device: DeviceID) {
        update(user) { member in
            if let i = member.lines.firstIndex(where: { $0.device.id == device }) { member.lines[i].isOver = true }
        }
    }

    private mutating func update(_ user: UserID, _ change: (inout Participant) -> Void) {
        guard let i = participants.firstIndex(where: { $0.user == user }) else { return }
        change(&participants[i])
    }
}

/// One event that a fact owes to one device. At most one per device and fact.
package struct Told: Hashable, Sendable {
    package enum Event: Hashable, Sendable {
        case received
        case snapshot
        case connected
        case ended(EndReason, by: DeviceID?, hasLog: Bool)
        case userState(UserID, UserState, reason: EndReason?, device: DeviceID?)
        case userConnection(UserID, online: Bool, JoinID?)
        case media(UserID, MediaState)
        /// The answer to `call.start`, with a snapshot.
        case startAnswered([Asker])
        /// The call was over before its start could be answered; how, says the caller's own reason.
        case startOver([Asker])
        case startRefused([Asker], CallFact.StartRefused)
    }

    package var user: UserID
    package var device: DeviceID
    /// Nil: the device cannot be reached now, and hears of it by a snapshot when it returns.
    package var connection: Connection?
    package var event: Event
    /// The sequence of the event this device was sent before, for the same call.
    package var previous: Int

    package init(
        _ user: UserID, _ connection: Connection?, _ event: Event, device: DeviceID = DeviceID(), previous: Int
    ) {
        self.user = user
        self.device = device
        self.connection = connection
        self.event = event
        self.previous = previous
    }
}
