/// Who is inside a room, as the mirror shows it.
package struct RoomMembers: Message {
    package struct Member: Message {
        package var userId = UserID()
        package var deviceId = DeviceID()
        package var joinId = JoinID()
        package var joinedAt = Timestamp()
        package init() {}
        package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("userId", &userId)
            try c("deviceId", &deviceId)
            try c("joinId", &joinId)
            try c("joinedAt", &joinedAt)
        }
    }

    package var sessionId = SessionID()
    package var kind = RoomKind.call
    package var members: [Member] = []

    package init() {}
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("sessionId", &sessionId)
        try c("kind", &kind)
        try c("members", &members)
    }
}
