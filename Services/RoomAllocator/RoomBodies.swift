import Switchboard

/// One life of a room: what troubleshooting starts from.
struct SessionBody: Message {
    struct Stay: Message {
        var userId = UserID()
        var joinId = JoinID()
        var joinedAt = Timestamp()
        var leftAt: Timestamp?
        var reason: Int?
        mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("userId", &userId)
            try c("joinId", &joinId)
            try c("joinedAt", &joinedAt)
            try c("leftAt", &leftAt)
            try c("reason", &reason)
        }
    }

    var sessionId = SessionID()
    var roomId = RoomID()
    var kind = RoomKind.call
    var callId: CallID?
    var startedAt = Timestamp()
    var endedAt: Timestamp?
    var participants: [Stay] = []

    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        var media = Opaque(NoData())
        try c("sessionId", &sessionId)
        try c("roomId", &roomId)
        try c("kind", &kind)
        try c("callId", &callId)
        try c("startedAt", &startedAt)
        try c("endedAt", &endedAt)
        try c("participants", &participants)
        try c("media", &media)
    }
}

/// A room that is open now.
struct RoomBody: Message {
    struct Member: Message {
        var userId = UserID()
        var deviceId = DeviceID()
        var joinId = JoinID()
        var mediaType = 0
        var joinedAt = Timestamp()
        mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("userId", &userId)
            try c("deviceId", &deviceId)
            try c("joinId", &joinId)
            try c("mediaType", &mediaType)
            try c("joinedAt", &joinedAt)
        }
    }

    var roomId = RoomID()
    var sessionId = SessionID()
    var kind = RoomKind.call
    var seq = 0
    var createdAt = Timestamp()
    var participants: [Member] = []

    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("roomId", &roomId)
        try c("sessionId", &sessionId)
        try c("kind", &kind)
        try c("seq", &seq)
        try c("createdAt", &createdAt)
        try c("participants", &participants)
    }
}

struct RoomPage: Message {
    var items: [RoomBody] = []
    mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("items", &items) }
}
