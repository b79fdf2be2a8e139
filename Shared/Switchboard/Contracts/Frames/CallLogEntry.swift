/// The record of one call for one user.
package struct CallLogEntry: Message {
    package var callId = CallID()
    package var sessionId: SessionID?
    package var callType = 0
    /// -1 placed, 0 group, 1 received.
    package var callDirection = 0
    package var mediaType = 0
    package var callerUserId = UserID()
    package var participants: [UserID] = []
    /// How the call as a whole ended, and how it did for this user.
    package var callState = 0
    package var currentUserState = 0
    package var creationTime = Timestamp()
    package var startTime: Timestamp?
    package var endTime = Timestamp()
    /// Talk time in whole seconds.
    package var duration = 0
    package var endReason = 0
    package var cause: String?
    package var missed = false
    package var final = true
    /// The broker's append time of the record; 0 until it is read from there.
    package var syncTime = Timestamp()

    package init() {}

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("callId", &callId)
        try c("sessionId", &sessionId)
        try c("callType", &callType)
        try c("callDirection", &callDirection)
        try c("mediaType", &mediaType)
        try c("callerUserId", &callerUserId)
        try c("participants", &participants)
        try c("callState", &callState)
        try c("currentUserState", &currentUserState)
        try c("creationTime", &creationTime)
        try c("startTime", &startTime)
        try c("endTime", &endTime)
        try c("duration", &duration)
        try c("endReason", &endReason)
        try c("cause", &cause)
        try c("missed", &missed)
        try c("final", &final)
        try c("syncTime", &syncTime)
    }
}

extension CallLogEntry {
    /// The record of a call for one of its users; of a call that is not over, as far as it has come.
    package init(of call: Call, for member: Participant) {
        self.init()
        callId = call.id
        sessionId = call.session
        callType = call.callType.code
        callDirection = call.callType == .multi ? 0 : member.user == call.caller ? -1 : 1
        mediaType = call.mediaType.code
        callerUserId = call.caller
        participants = call.participants.map(\.user)
        callState = (call.isLive ? call.isConnected ? UserState.onCall : .ringing : .ended).code
        currentUserState = member.state.code
        creationTime = call.createdAt
        startTime = call.startTime
        endTime = call.endTime ?? call.createdAt
        if let start = call.startTime, member.joinedAt != nil {
            duration = Int(max(.zero, (member.leftAt ?? endTime) - start).milliseconds / 1000)
        }
        endReason = member.reason?.code ?? (call.isLive ? 0 : EndReason.ended.code)
        cause = call.endCause?.rawValue
        let mayAnswer = member.state.isRinging
        missed = member.user != call.caller && member.acceptedAt == nil && member.state != .declined && !mayAnswer
        final = !call.isLive
    }
}
