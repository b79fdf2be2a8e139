/// A question of a client that a view answers, on `queries`.
package struct QueryRecord: Message {
    /// The type of the reply to a question that no request asked: the records that a client misses, as events.
    package static let newerLogs = "connect"

    package var app = AppKey()
    package var user = UserID()
    package var reply = Reply()
    package var askedAt = Timestamp()
    package var logs = CallLogsRequest()

    package init() {}

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("appKey", &app)
        try c("userId", &user)
        try c("reply", &reply)
        try c("askedAt", &askedAt)
        try c("logs", &logs)
    }
}

/// The answer to `call.ongoing`.
package struct OngoingAnswer: Message {
    package var logs: [CallLogEntry] = []
    package init() {}
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("logs", &logs) }
}

/// The answer to `call.logs`.
package struct CallLogsAnswer: Message {
    package var hasMore = false
    package var logs: [CallLogEntry] = []
    package var syncTime = Timestamp()
    package init() {}
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("hasMore", &hasMore)
        try c("logs", &logs)
        try c("syncTime", &syncTime)
    }
}
