/// How what a fact owes to a device becomes a frame.
extension CallBook {
    func tell(_ told: Told, of call: Call, into effects: inout Effects) {
        switch told.event {
        case .startRefused(let askers, let refused): return refuse(askers, refusal(of: refused), into: &effects)
        case .startOver(let askers): return refuse(askers, tooLate(call), into: &effects)
        case .startAnswered(let askers):
            let answer = startAnswer(call, told.device)
            for asker in askers {
                effects.frame(to: asker.connection, .answer(asker.request, answer), note: inside(call, told.user))
            }
            return
        case .received, .snapshot, .connected, .ended, .userState, .userConnection, .media: break
        }
        guard let connection = told.connection else { return }
        let (type, frame) = frame(of: told, in: call)
        effects.frame(to: connection, frame, note: note(for: told, type, of: call))
    }

    private func refuse(_ askers: [Asker], _ refusal: Refusal, into effects: inout Effects) {
        for asker in askers { effects.frame(to: asker.connection, .refusal(asker.request, refusal)) }
    }

    private func frame(of told: Told, in call: Call) -> (type: String, Opaque) {
        func event(_ type: String, _ data: some Message) -> (String, Opaque) {
            (type, .event(type, seq: call.sequence, prev: told.previous, data))
        }
        switch told.event {
        case .received:
            var data = CallReceived()
            data.snapshot = snapshot(of: call, for: told.user, told.device)
            data.snapshot.busy = call.participant(told.user)?.busy != nil
            data.snapshot.expiresAt = call.expiresAt
            data.inviter.userId = call.caller
            data.inviter.name = call.participant(call.caller)?.profile?.name ?? call.caller.text
            data.inviter.avatarUrl = call.participant(call.caller)?.profile?.avatarUrl
            return event("call.received", data)
        case .snapshot: return event("call.snapshot", snapshot(of: call, for: told.user, told.device))
        case .connected: return event("call.connected", snapshot(of: call, for: told.user, told.device))
        case .ended(let reason, let by, let hasLog):
            var data = CallEndedEvent()
            data.callId = call.id
            data.reason = reason.code
            data.cause = call.endCause?.rawValue
            data.byDeviceId = by
            if hasLog, let member = call.participant(told.user) { data.log = CallLogEntry(of: call, for: member) }
            return event("call.ended", data)
        case .userState(let user, let state, let reason, let device):
            var data = UserStateEvent()
            data.callId = call.id
            data.userId = user
            data.userState = state.code
            data.reason = reason?.code
            data.deviceId = device
            return event("call.user.state", data)
        case .userConnection(let user, let online, let joinID):
            var data = UserConnectionEvent()
            data.callId = call.id
            data.userId = user
            data.online = online
            data.joinId = joinID
            return event("call.user.connection", data)
        case .media(let user, let media):
            var data = MediaStateEvent()
            data.roomId = call.id.room
            data.userId = user
            data.media = media
            return event("media.state", data)
        case .startAnswered, .startOver, .startRefused:
            preconditionFailure("answers are told apart before")
        }
    }

    /// What the connection's gateway acts on by itself.
    private func note(for told: Told, _ type: String, of call: Call) -> DeliveryNote? {
        switch told.event {
        case .received:
            var note = DeliveryNote()
            note.ring = call.id
            note.expiresAt = call.expiresAt
            return note
        case .ended:
            var note = DeliveryNote()
            note.over = call.id
            return note
        case .snapshot, .connected, .userConnection: return inside(call, told.user)
        case .userState, .media, .startAnswered, .startOver, .startRefused: return nil
        }
    }

    /// A device that goes over to another connection was never away, and nobody hears of it; but the others' gateways
    /// must know where to send what is for it.
    func tellNewPlace(of back: CallFact.Back, in call: Call, into effects: inout Effects) {
        guard call.participant(back.user)?.seated == back.device.id else { return }
        for member in call.participants where member.user != back.user {
            guard let connection = member.seatedLine?.device.connection else { continue }
            if let note = inside(call, member.user) { effects.frame(to: connection, nil, note: note) }
        }
    }

    // MARK: parts

    func snapshot(of call: Call, for user: UserID, _ device: DeviceID, withMedia: Bool = false) -> CallSnapshot {
        let isInside = call.participant(user).map { $0.state.isInside && $0.seated == device } ?? false
        let access = withMedia || isInside ? media.access(for: user, at: call.createdAt) : nil
        return CallSnapshot(of: call, for: user, device: device, media: access)
    }

    func startAnswer(_ call: Call, _ device: DeviceID) -> StartAnswer {
        var answer = StartAnswer()
        answer.snapshot = snapshot(of: call, for: call.caller, device)
        answer.busyLineUserList = call.participants.compactMap { member in
            guard let busy = member.busy else { return nil }
            var entry = StartAnswer.Busy()
            entry.userId = member.user
            entry.userState = busy.code
            return entry
        }
        return answer
    }

    /// Who may signal to this user's device: known to its gateway from the moment it is told that both are inside.
    func inside(_ call: Call, _ user: UserID) -> DeliveryNote? {
        guard call.isLive, let me = call.participant(user), me.state.isInside, let joinID = me.joinID else {
            return nil
        }
        var peers = RoomPeers()
        peers.room = call.id.room
        peers.sequence = call.sequence
        peers.joinID = joinID
        peers.peers = call.participants.compactMap { member in
            guard member.user != user, member.state.isInside, let device = member.seated, let joinID = member.joinID
            else { return nil }
            var peer = RoomPeers.Peer()
            peer.user = member.user
            peer.device = device
            peer.joinID = joinID
            peer.connection = member.seatedLine?.device.connection
            return peer
        }
        var note = DeliveryNote()
        note.inside = peers
        return note
    }

    /// How the start of a call that is over was refused, in the end; nil where its device got in.
    func refusalOfStart(_ call: Call) -> Refusal? {
        guard !call.isLive else { return nil }
        if let refused = call.startRefused { return refusal(of: refused) }
        return call.participant(call.caller)?.joinedAt == nil ? tooLate(call) : nil
    }

    private func tooLate(_ call: Call) -> Refusal {
        var refusal = Refusal(.tooLate)
        refusal.end = call.endReason
        return refusal
    }

    private func refusal(of refused: CallFact.StartRefused) -> Refusal {
        var refusal = Refusal(refused.reason)
        refusal.room = refused.call == nil ? refused.room : nil
        refusal.call = refused.call
        refusal.device = refused.sitting
        return refusal
    }
}
