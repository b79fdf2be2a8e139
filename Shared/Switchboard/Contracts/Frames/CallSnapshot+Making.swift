extension CallSnapshot {
    /// - Parameter media: given where the device is inside, or is just let in.
    package init(of call: Call, for user: UserID, device: DeviceID, media: MediaAccess?) {
        self.init()
        callId = call.id
        roomId = call.id.room
        sessionId = call.session
        callType = call.callType.code
        mediaType = call.mediaType.code
        callerUserId = call.caller
        inviterUserId = call.caller
        seq = call.sequence
        createdAt = call.createdAt
        startTime = call.startTime
        extra = call.extra
        participants = call.participants.map(Member.init)
        self.media = media
        guard let me = call.participant(user) else { return }
        state = me.state.code
        own.inside = me.state.isInside && me.seated == device
        own.ringing = me.state.isRinging
        own.deviceId = me.seated
        own.joinId = me.joinID
        busy = me.busy == nil ? nil : true
        expiresAt = call.participants.contains { $0.state.isRinging } ? call.expiresAt : nil
    }
}

extension CallSnapshot.Member {
    init(_ member: Participant) {
        self.init()
        userId = member.user
        name = member.profile?.name ?? member.user.text
        avatarUrl = member.profile?.avatarUrl
        deviceId = member.seated
        joinId = member.joinID
        userState = member.state.code
        online = member.online
        camera = member.media.camera
        microphone = member.media.microphone
        screen = member.media.screen
        joinedAt = member.joinedAt
    }
}
