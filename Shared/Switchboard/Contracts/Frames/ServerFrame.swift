/// What a client gets that asked nothing: `{"type","seq","prev","data"}`.
package struct EventFrame<Body: Message>: Message {
    package var type = ""
    /// The fact's number in the call's log; nil for events that are of no call.
    package var seq: Int?
    /// The number of the event this device was sent before, for the same call.
    package var prev: Int?
    package var data = Body()

    package init() {}
    package init(_ type: String, seq: Int? = nil, prev: Int? = nil, _ data: Body) {
        self.type = type
        self.seq = seq
        self.prev = prev
        self.data = data
    }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("type", &type)
        try c("seq", &seq)
        try c("prev", &prev)
        try c("data", &data)
    }
}

/// The answer to a request: `{"re","code","data"}`, and a message where the code is not 0.
package struct AnswerFrame<Body: Message>: Message {
    package var re = ""
    package var code = 0
    package var message: String?
    package var data = Body()

    package init() {}
    package init(re: String, _ data: Body) {
        self.re = re
        self.data = data
    }
    package init(re: String, code: Int, message: String, _ data: Body) {
        self.re = re
        self.code = code
        self.message = message
        self.data = data
    }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("re", &re)
        try c("code", &code)
        try c("message", &message)
        try c("data", &data)
    }
}

/// `{}`.
package struct NoData: Message, Hashable {
    package init() {}
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {}
}

/// What stands beside the code of a refusal.
package struct RefusalData: Message {
    package var field: String?
    package var callId: CallID?
    package var roomId: RoomID?
    package var deviceId: DeviceID?
    package var reason: Int?
    package var userIds: [UserID]?
    package var capacity: Int?
    package var count: Int?
    package var retryAfterMs: Int?

    package init() {}
    package init(_ refusal: Refusal) {
        field = refusal.field
        callId = refusal.call
        roomId = refusal.room
        deviceId = refusal.device
        reason = refusal.end?.code
        userIds = refusal.users.isEmpty ? nil : refusal.users
        capacity = refusal.capacity
        count = refusal.count
        switch refusal.reason {
        case .tryAgain: retryAfterMs = Self.tryAgainAfterMs
        case .tooFast: retryAfterMs = Self.tooFastAfterMs
        default: break
        }
    }

    package static let tryAgainAfterMs = 2_000
    package static let tooFastAfterMs = 1_000

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("field", &field)
        try c("callId", &callId)
        try c("roomId", &roomId)
        try c("deviceId", &deviceId)
        try c("reason", &reason)
        try c("userIds", &userIds)
        try c("capacity", &capacity)
        try c("count", &count)
        try c("retryAfterMs", &retryAfterMs)
    }
}

extension Opaque {
    package static func event(
        _ type: String, seq: Int? = nil, prev: Int? = nil, _ data: some Message
    ) -> Opaque {
        Opaque(EventFrame(type, seq: seq, prev: prev, data))
    }

    package static func answer(_ re: String, _ data: some Message = NoData()) -> Opaque {
        Opaque(AnswerFrame(re: re, data))
    }

    package static func refusal(_ re: String, _ refusal: Refusal) -> Opaque {
        let reason = refusal.reason
        return Opaque(AnswerFrame(re: re, code: reason.code, message: reason.message, RefusalData(refusal)))
    }
}
