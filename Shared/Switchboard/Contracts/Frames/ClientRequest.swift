/// What a client sends: `{"id","cmd","type","data"}`. The data stays as it is until the type says how to read it.
package struct ClientRequest: Message {
    package var id = ""
    /// Unique per device: the same within two minutes has the same answer and one effect.
    package var cmd: String?
    package var type = ""
    package var data: Opaque?

    package static let idBytesMax = 64
    package static let cmdBytesMax = 64
    package static let typeBytesMax = 64
    /// Of a whole frame, as the WebSocket takes it.
    package static let bytesMax = 65_536
    package static let limits = CodingLimits(bytes: bytesMax, depth: 16, stringLength: bytesMax, count: 256)

    package init() {}

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("id", &id, max: Self.idBytesMax)
        try c("cmd", &cmd, max: Self.cmdBytesMax)
        try c("type", &type, max: Self.typeBytesMax)
        try c("data", &data)
    }

    package func decoded<Body: Message>(_: Body.Type = Body.self) throws(CodingFailure) -> Body {
        do throws(CodingFailure) {
            return try Body(json: data?.bytes ?? Array("{}".utf8), limits: Self.limits)
        } catch {
            throw CodingFailure(error.problem, path: error.path)
        }
    }
}

package struct ConnectRequest: Message {
    package var token = ""
    package var deviceId = DeviceID()
    package var platform = Platform.web
    package var appIdentifier: String?
    package var logsSince: Timestamp?
    /// The calls that the client shows: of each it has heard no end. Nil where it does not say.
    package var callIds: [CallID]?
    package static let callsMax = 16
    package init() {}
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("token", &token, max: 4_096)
        try c("deviceId", &deviceId, max: 64)
        try c("platform", &platform)
        try c("appIdentifier", &appIdentifier, max: 64)
        try c("logsSince", &logsSince)
        try c("callIds", &callIds, max: 64, countMax: Self.callsMax)
    }
}

package struct TokenRequest: Message {
    package var token = ""
    package init() {}
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("token", &token, max: 4_096) }
}

package struct CallStartRequest: Message {
    package var callId: CallID?
    package var calleeIds: [UserID] = []
    package var callType = 0
    package var mediaType = 0
    package var ringTimeoutMs: Int64?
    package var extra: String?
    package var takeover: Bool?
    package init() {}
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("callId", &callId, max: 64)
        try c("calleeIds", &calleeIds, max: 64, countMax: 64)
        try c("callType", &callType)
        try c("mediaType", &mediaType)
        try c("ringTimeoutMs", &ringTimeoutMs)
        try c("extra", &extra, max: 4_096)
        try c("takeover", &takeover)
    }
}

/// `call.ringing`, `call.accept`, `call.end`, `call.sync`: about one call.
package struct CallRequest: Message {
    package var callId: CallID?
    package var mediaType: Int?
    package var reason: Int?
    package var extra: String?
    package init() {}
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("callId", &callId, max: 64)
        try c("mediaType", &mediaType)
        try c("reason", &reason)
        try c("extra", &extra, max: 4_096)
    }
}

package struct CallLogsRequest: Message {
    package var startTime: Timestamp?
    package var count = 0
    package var order = 0
    package static let countMax = 100
    package init() {}
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("startTime", &startTime)
        try c("count", &count)
        try c("order", &order)
    }
}

/// `media.state`, `media.report`, `media.reset`, `media.ice`: about one room.
package struct MediaRequest: Message {
    package var roomId = RoomID()
    package var camera: Bool?
    package var microphone: Bool?
    package var screen: Bool?
    package var state: CallInput.MediaCondition?
    package var detail: String?
    package init() {}
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("roomId", &roomId, max: 64)
        try c("camera", &camera)
        try c("microphone", &microphone)
        try c("screen", &screen)
        try c("state", &state)
        try c("detail", &detail, max: 1_024)
    }
}

package struct SignalRequest: Message {
    package var roomId = RoomID()
    package var to = UserID()
    package var deviceId: DeviceID?
    package var joinId: JoinID?
    package var payload = Opaque()
    package static let payloadBytesMax = 32_768
    package init() {}
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("roomId", &roomId, max: 64)
        try c("to", &to, max: 64)
        try c("deviceId", &deviceId, max: 64)
        try c("joinId", &joinId, max: 64)
        try c("payload", &payload, max: Self.payloadBytesMax)
    }
}

package struct SignalEvent: Message {
    package struct From: Message {
        package var userId = UserID()
        package var deviceId = DeviceID()
        package var joinId = JoinID()
        package init() {}
        package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("userId", &userId)
            try c("deviceId", &deviceId)
            try c("joinId", &joinId)
        }
    }
    package var roomId = RoomID()
    package var from = From()
    package var payload = Opaque()
    package init() {}
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("roomId", &roomId)
        try c("from", &from)
        try c("payload", &payload)
    }
}

/// `ping`'s answer.
package struct ServerTimeAnswer: Message {
    package var serverTime = Timestamp()
    package init() {}
    package init(serverTime: Timestamp) { self.serverTime = serverTime }
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("serverTime", &serverTime) }
}

package struct MediaAnswer: Message {
    package var media = MediaAccess()
    package init() {}
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("media", &media) }
}

package struct CallIDData: Message {
    package var callId = CallID()
    package init() {}
    package init(_ callId: CallID) { self.callId = callId }
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("callId", &callId) }
}

package struct ExpiresAtData: Message {
    package var expiresAt = Timestamp()
    package init() {}
    package init(_ expiresAt: Timestamp) { self.expiresAt = expiresAt }
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("expiresAt", &expiresAt) }
}

/// Why the server closes a connection: the code of a refusal, or of an end.
package struct KickedData: Message {
    package var reason = 0
    package init() {}
    package init(reason: Int) { self.reason = reason }
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("reason", &reason) }
}

package struct ReconnectData: Message {
    package var reconnectInMs: Int64 = 0
    package init() {}
    package init(_ milliseconds: Int64) { reconnectInMs = milliseconds }
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("reconnectInMs", &reconnectInMs) }
}
