/// A call as it stands in a snapshot: everything but `told`, which is for the last fact's effects alone.
extension Call: Message {
    package init() { self.init(id: CallID()) }

    private enum PhaseName: String { case unknown, live, over }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("callId", &id)
        try phase(&c)
        try c("sequence", &sequence)
        try c("callType", &callType)
        try c("mediaType", &mediaType)
        try c("caller", &caller)
        try c("extra", &extra)
        try c("appIdentifier", &appIdentifier)
        try c("sessionId", &session)
        try c("createdAt", &createdAt)
        try c("expiresAt", &expiresAt)
        try c("startTime", &startTime)
        try c("endTime", &endTime)
        try c("participants", &participants)
        try c("callerDevices", &callerDevices)
        try c("settings", &settings)
        try c("startAsker", &startAsker)
        try c("endedEarlyBy", &endedEarlyBy)
        try c("endedBy", &endedBy)
        try c("startRefused", &startRefused)
        try c("startAskedAgain", &startAskedAgain)
    }

    private mutating func phase(_ c: inout Coder) throws(CodingFailure) {
        var name = PhaseName.unknown
        var reason = endReason
        var cause = endCause
        switch phase {
        case .unknown: name = .unknown
        case .live: name = .live
        case .over: name = .over
        }
        try c("phase", &name)
        try c("endReason", &reason)
        try c("endCause", &cause)
        guard c.isReading else { return }
        switch name {
        case .unknown: phase = .unknown
        case .live: phase = .live
        case .over:
            guard let reason else { throw CodingFailure(.missing, path: "endReason") }
            phase = .over(reason, cause: cause)
        }
    }
}

extension Participant: Message {
    package init() { self.init(user: UserID(), state: .idle, invitedAt: Timestamp()) }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &user)
        try c("profile", &profile)
        try c("state", &state)
        try c("reason", &reason)
        try c("busy", &busy)
        try c("lines", &lines)
        try c("seated", &seated)
        try c("joinId", &joinID)
        try c("media", &media)
        try c("invitedAt", &invitedAt)
        try c("ringingAt", &ringingAt)
        try c("acceptedAt", &acceptedAt)
        try c("joinedAt", &joinedAt)
        try c("leftAt", &leftAt)
        try c("lostAt", &lostAt)
        try c("mediaFailedAt", &mediaFailedAt)
    }
}

extension Participant.Line: Message {
    package init() { self.init(device: Device()) }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("device", &device)
        try c("previous", &previous)
        try c("hasAcknowledged", &hasAcknowledged)
        try c("isOver", &isOver)
    }
}
