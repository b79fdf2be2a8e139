/// A call as one device sees it.
package struct CallSnapshot: Message {
    package struct Own: Message {
        package var inside = false
        package var ringing = false
        package var deviceId: DeviceID?
        package var joinId: JoinID?
        package init() {}
        package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("inside", &inside)
            try c("ringing", &ringing)
            try c("deviceId", &deviceId)
            try c("joinId", &joinId)
        }
    }

    package struct Member: Message {
        package var userId = UserID()
        package var name = ""
        package var avatarUrl: String?
        package var deviceId: DeviceID?
        package var joinId: JoinID?
        package var userState = 0
        package var online = true
        package var camera = false
        package var microphone = true
        package var screen = false
        package var joinedAt: Timestamp?
        package init() {}
        package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("userId", &userId)
            try c("name", &name)
            try c("avatarUrl", &avatarUrl)
            try c("deviceId", &deviceId)
            try c("joinId", &joinId)
            try c("userState", &userState)
            try c("online", &online)
            try c("camera", &camera)
            try c("microphone", &microphone)
            try c("screen", &screen)
            try c("joinedAt", &joinedAt)
        }
    }

    package var callId = CallID()
    package var roomId = RoomID()
    package var sessionId: SessionID?
    package var callType = 0
    package var mediaType = 0
    package var callerUserId = UserID()
    package var inviterUserId = UserID()
    package var state = 0
    package var own = Own()
    package var seq = 0
    package var createdAt = Timestamp()
    package var startTime: Timestamp?
    package var expiresAt: Timestamp?
    package var extra: String?
    package var busy: Bool?
    package var participants: [Member] = []
    package var media: MediaAccess?

    package init() {}

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("callId", &callId)
        try c("roomId", &roomId)
        try c("sessionId", &sessionId)
        try c("callType", &callType)
        try c("mediaType", &mediaType)
        try c("callerUserId", &callerUserId)
        try c("inviterUserId", &inviterUserId)
        try c("state", &state)
        try c("self", &own)
        try c("seq", &seq)
        try c("createdAt", &createdAt)
        try c("startTime", &startTime)
        try c("expiresAt", &expiresAt)
        try c("extra", &extra)
        try c("busy", &busy)
        try c("participants", &participants)
        try c("media", &media)
    }
}

/// How a member reaches the media of a room.
package struct MediaAccess: Message, Hashable {
    package struct IceServer: Message, Hashable {
        package var urls: [String] = []
        package var username: String?
        package var credential: String?
        package init() {}
        package init(urls: [String], username: String? = nil, credential: String? = nil) {
            self.urls = urls
            self.username = username
            self.credential = credential
        }
        package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("urls", &urls)
            try c("username", &username)
            try c("credential", &credential)
        }
    }

    package enum Kind: String, Sendable { case p2p, sfu }

    package var kind = Kind.p2p
    package var iceServers: [IceServer] = []
    package var expiresAt = Timestamp()

    package init() {}
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("kind", &kind)
        try c("iceServers", &iceServers)
        try c("expiresAt", &expiresAt)
    }
}

/// `call.received`: the snapshot, and who invites until when.
package struct CallReceived: Message {
    package struct Inviter: Message {
        package var userId = UserID()
        package var name = ""
        package var avatarUrl: String?
        package init() {}
        package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("userId", &userId)
            try c("name", &name)
            try c("avatarUrl", &avatarUrl)
        }
    }

    package var snapshot = CallSnapshot()
    package var inviter = Inviter()

    package init() {}
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try snapshot.fields(&c)
        try c("inviter", &inviter)
    }
}

package struct StartAnswer: Message {
    package struct Busy: Message {
        package var userId = UserID()
        package var userState = 0
        package init() {}
        package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("userId", &userId)
            try c("userState", &userState)
        }
    }

    package var snapshot = CallSnapshot()
    package var busyLineUserList: [Busy] = []

    package init() {}
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try snapshot.fields(&c)
        try c("busyLineUserList", &busyLineUserList)
    }
}

/// An accept that came too late: how it ended for this user, and the call as it is.
package struct TooLateData: Message {
    package var snapshot = CallSnapshot()
    package var reason: Int?
    package init() {}
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try snapshot.fields(&c)
        try c("reason", &reason)
    }
}

package struct SyncAnswer: Message {
    package var calls: [CallSnapshot] = []
    package init() {}
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("calls", &calls) }
}

package struct UserStateEvent: Message {
    package var callId = CallID()
    package var userId = UserID()
    package var userState = 0
    package var reason: Int?
    package var deviceId: DeviceID?
    package init() {}
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("callId", &callId)
        try c("userId", &userId)
        try c("userState", &userState)
        try c("reason", &reason)
        try c("deviceId", &deviceId)
    }
}

package struct UserConnectionEvent: Message {
    package var callId = CallID()
    package var userId = UserID()
    package var online = true
    package var joinId: JoinID?
    package init() {}
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("callId", &callId)
        try c("userId", &userId)
        try c("online", &online)
        try c("joinId", &joinId)
    }
}

package struct MediaStateEvent: Message {
    package var roomId = RoomID()
    package var userId = UserID()
    package var media = MediaState()
    package init() {}
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("roomId", &roomId)
        try c("userId", &userId)
        try media.fields(&c)
    }
}

package struct CallEndedEvent: Message {
    package var callId = CallID()
    package var reason = 0
    package var cause: String?
    package var byDeviceId: DeviceID?
    package var log: CallLogEntry?
    package init() {}
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("callId", &callId)
        try c("reason", &reason)
        try c("cause", &cause)
        try c("byDeviceId", &byDeviceId)
        try c("log", &log)
    }
}

package struct JoinAnswer: Message {
    package var joinId = JoinID()
    package init() {}
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("joinId", &joinId) }
}
