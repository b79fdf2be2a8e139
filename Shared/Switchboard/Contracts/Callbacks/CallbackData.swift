/// The `data` of every event; which members it has follows from the type.
package struct CallbackData: Message {
    package var callId: CallID?
    package var roomId: RoomID?
    package var sessionId: SessionID?
    package var kind: RoomKind?
    package var callType: Int?
    package var mediaType: Int?
    package var callerUserId: UserID?
    package var origin: String?
    package var calleeIds: [UserID]?
    package var userId: UserID?
    package var deviceId: DeviceID?
    package var platform: Platform?
    package var name: String?
    package var reason: Int?
    package var cause: String?
    package var startTime: Timestamp?
    package var endTime: Timestamp?
    package var durationMs: Int64?
    package var participants: [Participant]?
    package var appIdentifier: String?
    package var clientIp: String?
    package var connectionId: String?
    package var extra: String?
    package var endpointId: String?

    package init() {}

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("callId", &callId)
        try c("roomId", &roomId)
        try c("sessionId", &sessionId)
        try c("kind", &kind)
        try c("callType", &callType)
        try c("mediaType", &mediaType)
        try c("callerUserId", &callerUserId)
        try c("origin", &origin)
        try c("calleeIds", &calleeIds)
        try c("userId", &userId)
        try c("deviceId", &deviceId)
        try c("platform", &platform)
        try c("name", &name)
        try c("reason", &reason)
        try c("cause", &cause)
        try c("startTime", &startTime)
        try c("endTime", &endTime)
        try c("durationMs", &durationMs)
        try c("participants", &participants)
        try c("appIdentifier", &appIdentifier)
        try c("clientIp", &clientIp)
        try c("connectionId", &connectionId)
        try c("extra", &extra)
        try c("endpointId", &endpointId)
    }

    /// One line of a call's final record.
    package struct Participant: Message {
        package var userId = UserID()
        package var state = 0
        package var endReason: Int?
        package var invitedAt: Timestamp?
        package var ringingAt: Timestamp?
        package var joinedAt: Timestamp?
        package var leftAt: Timestamp?
        package var talkMs: Int64 = 0

        package init() {}

        package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("userId", &userId)
            try c("state", &state)
            try c("endReason", &endReason)
            try c("invitedAt", &invitedAt)
            try c("ringingAt", &ringingAt)
            try c("joinedAt", &joinedAt)
            try c("leftAt", &leftAt)
            try c("talkMs", &talkMs)
        }
    }
}
