extension CallFact: Message {
    package init() { self = .connected }

    /// How facts are called in logs and timelines.
    package enum Name: String, CaseIterable, Sendable {
        case started, rung, ringing, accepted, entered, connected, declined, busied, missed, cancelled, left
        case lost, returned, synced, mediaChanged, rejoined, mediaReported, startRefused, endedBeforeStart, ended
    }

    package var name: Name {
        switch self {
        case .started: .started
        case .rung: .rung
        case .ringing: .ringing
        case .accepted: .accepted
        case .entered: .entered
        case .connected: .connected
        case .declined: .declined
        case .busied: .busied
        case .missed: .missed
        case .cancelled: .cancelled
        case .left: .left
        case .lost: .lost
        case .returned: .returned
        case .synced: .synced
        case .mediaChanged: .mediaChanged
        case .rejoined: .rejoined
        case .mediaReported: .mediaReported
        case .startRefused: .startRefused
        case .endedBeforeStart: .endedBeforeStart
        case .ended: .ended
        }
    }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        guard c.isReading else { return try write(&c) }
        var name = Name.connected
        try c("fact", &name)
        switch name {
        case .started: self = .started(try c.inline())
        case .rung: self = .rung(try c.inline())
        case .ringing: self = .ringing(try c.inline())
        case .accepted: self = .accepted(try c.inline())
        case .entered: self = .entered(try c.inline())
        case .connected: self = .connected
        case .declined: self = .declined(try c.inline())
        case .busied: self = .busied(try c.inline())
        case .missed: self = .missed(try c.inline())
        case .cancelled: self = .cancelled(try c.inline())
        case .left: self = .left(try c.inline())
        case .lost: self = .lost(try c.inline())
        case .returned: self = .returned(try c.inline())
        case .synced: self = .synced(try c.inline())
        case .mediaChanged: self = .mediaChanged(try c.inline())
        case .rejoined: self = .rejoined(try c.inline())
        case .mediaReported: self = .mediaReported(try c.inline())
        case .startRefused: self = .startRefused(try c.inline())
        case .endedBeforeStart: self = .endedBeforeStart(try c.inline())
        case .ended: self = .ended(try c.inline())
        }
    }

    private func write(_ c: inout Coder) throws(CodingFailure) {
        try c.write("fact", name)
        switch self {
        case .started(var p): try p.fields(&c)
        case .rung(var p): try p.fields(&c)
        case .ringing(var p), .declined(var p), .busied(var p), .cancelled(var p): try p.fields(&c)
        case .lost(var p), .endedBeforeStart(var p): try p.fields(&c)
        case .accepted(var p): try p.fields(&c)
        case .entered(var p): try p.fields(&c)
        case .connected: break
        case .missed(var p): try p.fields(&c)
        case .left(var p): try p.fields(&c)
        case .returned(var p), .synced(var p): try p.fields(&c)
        case .mediaChanged(var p): try p.fields(&c)
        case .rejoined(var p): try p.fields(&c)
        case .mediaReported(var p): try p.fields(&c)
        case .startRefused(var p): try p.fields(&c)
        case .ended(var p): try p.fields(&c)
        }
    }
}

extension CallFact.Started: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("caller", &caller)
        try c("device", &device)
        try c("profile", &profile)
        try c("asker", &asker)
        try c("appIdentifier", &appIdentifier)
        try c("callType", &callType)
        try c("mediaType", &mediaType)
        try c("extra", &extra)
        try c("takeover", &takeover)
        try c("expiresAt", &expiresAt)
        try c("callees", &callees)
        try c("callerDevices", &callerDevices)
        try c("settings", &settings)
    }
}

extension CallFact.Callee: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &user)
        try c("profile", &profile)
        try c("devices", &devices)
        try c("busy", &busy)
    }
}

extension CallFact.Who: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("userId", &user) }
}

extension CallFact.At: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &user)
        try c("deviceId", &device)
    }
}

extension CallFact.Rung: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &user)
        try c("devices", &devices)
        try c("profile", &profile)
    }
}

extension CallFact.Accepted: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &user)
        try c("device", &device)
        try c("profile", &profile)
        try c("camera", &camera)
    }
}

extension CallFact.Entered: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &user)
        try c("deviceId", &device)
        try c("joinId", &joinID)
        try c("sessionId", &session)
    }
}

extension CallFact.Left: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &user)
        try c("deviceId", &device)
        try c("reason", &reason)
    }
}

extension CallFact.Back: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &user)
        try c("device", &device)
        try c("asker", &asker)
    }
}

extension CallFact.MediaNow: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &user)
        try c("deviceId", &device)
        try c("media", &media)
    }
}

extension CallFact.Rejoined: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &user)
        try c("deviceId", &device)
        try c("joinId", &joinID)
    }
}

extension CallFact.Reported: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &user)
        try c("deviceId", &device)
        try c("state", &condition)
    }
}

extension CallFact.StartRefused: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("reason", &reason)
        try c("roomId", &room)
        try c("sitting", &sitting)
        try c("callId", &call)
    }
}

extension CallFact.Ended: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("reason", &reason)
        try c("by", &by)
        try c("deviceId", &device)
        try c("cause", &cause)
    }
}
