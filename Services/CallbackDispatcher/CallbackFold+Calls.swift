package import Switchboard

extension CallbackFold {
    /// - Parameter isSilent: the events were rendered by another already; only what lives is remembered.
    package mutating func take(_ record: LogRecord<CallFact>, at offset: Int64, isSilent: Bool = false) -> [Callback] {
        if record.kind == .snapshot { carry(record) }
        guard isWhole(record, isKnown: calls[record.key] != nil),
            let (found, id) = place(.calls, "calls", record.key, offset, record.time)
        else {
            return []
        }
        var place = found
        var live = calls[record.key] ?? LiveCall(call: Call(id: CallID(id)))
        var callbacks: [Callback] = []
        for fact in record.facts {
            let before = live.call.participants.first { $0.user == fact.ringingUser }?.state
            live.call.apply(fact, at: record.time)
            guard let (type, data) = Self.event(of: fact, live.call, stateBefore: before) else { continue }
            callbacks.append(
                place.callback(
                    type, Int64(live.call.sequence), after: &live.previous, session: live.call.session, data))
            guard type == .callEnded else { continue }
            var log = data
            log.participants = live.call.participants.map { Self.line($0, of: live.call) }
            callbacks.append(
                place.callback(
                    .callLog, Int64(live.call.sequence) + 1, after: &live.previous, session: live.call.session, log))
        }
        calls[record.key] = live.call.isLive ? live : nil
        return isSilent ? [] : callbacks
    }

    /// A fact has one event or none; the end is followed by the call's record.
    private static func event(
        of fact: CallFact, _ call: Call, stateBefore: UserState?
    ) -> (CallbackType, CallbackData)? {
        var data = members(of: call)
        func about(_ user: UserID, _ device: DeviceID?, _ reason: EndReason? = nil) {
            data.userId = user
            data.deviceId = device
            data.reason = reason?.code
            data.name = call.participant(user)?.profile?.name
        }
        switch fact {
        case .started(let started):
            data.calleeIds = started.callees.map(\.user)
            return (.callStarted, data)
        case .ringing(let at):
            guard stateBefore == .invited else { return nil }
            about(at.user, at.device)
            return (.callRinging, data)
        case .accepted(let accepted):
            about(accepted.user, accepted.device.id)
            return (.callAccepted, data)
        case .entered(let entered):
            about(entered.user, entered.device)
            return (.callMemberJoined, data)
        case .connected:
            data.startTime = call.startTime
            return (.callConnected, data)
        case .declined(let at):
            about(at.user, at.device, .declined)
            return (.callDeclined, data)
        case .busied(let at):
            about(at.user, at.device, .busyWaiting)
            return (.callBusy, data)
        case .missed(let who):
            about(who.user, nil, .missed)
            return (.callMissed, data)
        case .cancelled(let at):
            about(at.user, at.device, .cancelled)
            return (.callCancelled, data)
        case .left(let left):
            about(left.user, left.device, left.reason)
            return (.callMemberLeft, data)
        case .ended(let ended):
            let endTime = call.endTime ?? call.createdAt
            data.reason = ended.reason.code
            data.cause = ended.cause?.rawValue
            data.startTime = call.startTime
            data.endTime = endTime
            data.durationMs = call.startTime.map { max(0, (endTime - $0).milliseconds) } ?? 0
            return (.callEnded, data)
        case .rung, .lost, .returned, .synced, .mediaChanged, .rejoined, .mediaReported: return nil
        // Nobody has heard of that call, or hears of it by its end.
        case .startRefused, .endedBeforeStart: return nil
        }
    }

    private static func members(of call: Call) -> CallbackData {
        var data = CallbackData()
        data.callId = call.id
        data.roomId = call.id.room
        data.sessionId = call.session
        data.callType = call.callType.code
        data.mediaType = call.mediaType.code
        data.callerUserId = call.caller
        data.origin = "client"
        data.appIdentifier = call.appIdentifier
        data.extra = call.extra
        return data
    }

    private static func line(_ member: Participant, of call: Call) -> CallbackData.Participant {
        var line = CallbackData.Participant()
        line.userId = member.user
        line.state = member.state.code
        line.endReason = member.reason?.code
        line.invitedAt = member.invitedAt
        line.ringingAt = member.ringingAt
        line.joinedAt = member.joinedAt
        line.leftAt = member.leftAt
        if let start = call.startTime, member.joinedAt != nil {
            let end = member.leftAt ?? call.endTime ?? start
            line.talkMs = max(0, (end - start).milliseconds)
        }
        return line
    }
}

extension CallFact {
    /// Whose first ring this may be.
    fileprivate var ringingUser: UserID? {
        if case .ringing(let at) = self { at.user } else { nil }
    }
}
