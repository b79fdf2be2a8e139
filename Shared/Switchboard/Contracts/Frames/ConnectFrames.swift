package struct ConnectAnswer: Message {
    package var userId = UserID()
    package var connectionId = ""
    package var gatewayId = ""
    package var serverTime = Timestamp()
    package var pingIntervalMs: Int64 = 0
    package var lossGraceMs: Int64 = 0
    package var callIds: [CallID] = []
    package var roomIds: [RoomID] = []
    /// Snapshots come as events behind this answer.
    package var calls: [Opaque] = []
    package var rooms: [Opaque] = []

    package init() {}

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &userId)
        try c("connectionId", &connectionId)
        try c("gatewayId", &gatewayId)
        try c("serverTime", &serverTime)
        try c("pingIntervalMs", &pingIntervalMs)
        try c("lossGraceMs", &lossGraceMs)
        try c("callIds", &callIds)
        try c("roomIds", &roomIds)
        try c("calls", &calls)
        try c("rooms", &rooms)
    }
}
