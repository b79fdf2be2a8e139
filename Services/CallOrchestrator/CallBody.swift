import Switchboard

/// A call as app servers see it: of no user in particular.
struct CallBody: Message {
    var callId = CallID()
    var sessionId: SessionID?
    var callType = 0
    var mediaType = 0
    var callerUserId = UserID()
    var state = ""
    var seq = 0
    var createdAt = Timestamp()
    var startTime: Timestamp?
    var expiresAt: Timestamp?
    var endTime: Timestamp?
    var endReason: Int?
    var cause: EndCause?
    var extra: String?
    var participants: [CallSnapshot.Member] = []

    init() {}

    init(_ call: Call) {
        callId = call.id
        sessionId = call.session
        callType = call.callType.code
        mediaType = call.mediaType.code
        callerUserId = call.caller
        state = call.isLive ? (call.isAnswered ? "ongoing" : "ringing") : "ended"
        seq = call.sequence
        createdAt = call.createdAt
        startTime = call.startTime
        expiresAt = call.isLive && !call.isAnswered ? call.expiresAt : nil
        endTime = call.endTime
        endReason = call.endReason?.code
        cause = call.endCause
        extra = call.extra
        participants = CallSnapshot(of: call, for: call.caller, device: DeviceID(), media: nil).participants
    }

    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        var roomId = callId.room
        try c("callId", &callId)
        try c("roomId", &roomId)
        try c("sessionId", &sessionId)
        try c("callType", &callType)
        try c("mediaType", &mediaType)
        try c("callerUserId", &callerUserId)
        try c("state", &state)
        try c("seq", &seq)
        try c("createdAt", &createdAt)
        try c("startTime", &startTime)
        try c("expiresAt", &expiresAt)
        try c("endTime", &endTime)
        try c("endReason", &endReason)
        try c("cause", &cause)
        try c("extra", &extra)
        try c("participants", &participants)
    }
}

struct CallPage: Message {
    var items: [CallBody] = []
    mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("items", &items) }
}
