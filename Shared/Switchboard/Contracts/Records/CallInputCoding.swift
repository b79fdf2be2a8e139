extension CallInput: Message {
    package init() { self = .timer(silenceCounts: false) }

    private enum Name: String {
        case start, ringing, accept, end, sync, media, mediaReset, mediaReport
        case deviceUp, deviceDown, devices, loggedOut, moves, seatRefused, joined, timer
    }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        guard c.isReading else { return try write(&c) }
        var name = Name.timer
        try c("type", &name)
        switch name {
        case .start: self = .start(try c.inline())
        case .ringing: self = .ringing(try c.inline())
        case .accept: self = .accept(try c.inline())
        case .end: self = .end(try c.inline())
        case .sync: self = .sync(try c.inline())
        case .media: self = .media(try c.inline())
        case .mediaReset: self = .mediaReset(try c.inline())
        case .mediaReport: self = .mediaReport(try c.inline())
        case .deviceUp: self = .deviceUp(try c.inline())
        case .deviceDown: self = .deviceDown(try c.inline())
        case .devices: self = .devices(try c.inline())
        case .loggedOut: self = .loggedOut(try c.inline())
        case .moves: self = .moves(try c.inline())
        case .seatRefused: self = .seatRefused(try c.inline())
        case .joined: self = .joined(try c.inline())
        case .timer: self = .timer(silenceCounts: false)
        }
    }

    private func write(_ c: inout Coder) throws(CodingFailure) {
        switch self {
        case .start(let p): try c.write("type", Name.start, p)
        case .ringing(let p): try c.write("type", Name.ringing, p)
        case .accept(let p): try c.write("type", Name.accept, p)
        case .end(let p): try c.write("type", Name.end, p)
        case .sync(let p): try c.write("type", Name.sync, p)
        case .media(let p): try c.write("type", Name.media, p)
        case .mediaReset(let p): try c.write("type", Name.mediaReset, p)
        case .mediaReport(let p): try c.write("type", Name.mediaReport, p)
        case .deviceUp(let p): try c.write("type", Name.deviceUp, p)
        case .deviceDown(let p): try c.write("type", Name.deviceDown, p)
        case .devices(let p): try c.write("type", Name.devices, p)
        case .loggedOut(let p): try c.write("type", Name.loggedOut, p)
        case .moves(let p): try c.write("type", Name.moves, p)
        case .seatRefused(let p): try c.write("type", Name.seatRefused, p)
        case .joined(let p): try c.write("type", Name.joined, p)
        case .timer: try c.write("type", Name.timer)
        }
    }
}

extension CallInput.By: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &user)
        try c("device", &device)
        try c("asker", &asker)
    }
}

extension CallInput.Start: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("by", &by)
        try c("profile", &profile)
        try c("appIdentifier", &appIdentifier)
        try c("callees", &callees)
        try c("callType", &callType)
        try c("mediaType", &mediaType)
        var ring = ringTimeout?.milliseconds
        try c("ringTimeoutMs", &ring)
        ringTimeout = ring.map { .milliseconds($0) }
        try c("extra", &extra)
        try c("takeover", &takeover)
        try c("settings", &settings)
    }
}

extension CallInput.Accept: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("by", &by)
        try c("profile", &profile)
        try c("mediaType", &mediaType)
    }
}

extension CallInput.End: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("by", &by)
        try c("reason", &reason)
    }
}

extension CallInput.Media: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("by", &by)
        try c("camera", &camera)
        try c("microphone", &microphone)
        try c("screen", &screen)
    }
}

extension CallInput.MediaReport: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("by", &by)
        try c("state", &condition)
    }
}

extension CallInput.DeviceNews: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &user)
        try c("device", &device)
        try c.whereTrue("shows", &shows)
    }
}

extension CallInput.Devices: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &user)
        try c("devices", &devices)
        try c("profile", &profile)
    }
}

extension CallInput.Moves: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &user)
        try c("deviceId", &device)
        try c("reason", &reason)
    }
}

extension CallInput.SeatRefused: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &user)
        try c("deviceId", &device)
        try c("reason", &reason)
        try c("roomId", &room)
        try c("sitting", &sitting)
        try c("callId", &call)
    }
}

extension CallInput.Joined: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &user)
        try c("deviceId", &device)
        try c("joinId", &joinID)
        try c("sessionId", &session)
    }
}

extension CallSettings: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try ringTimeout.milliseconds(&c, "ringTimeoutMs")
        try ringLossGrace.milliseconds(&c, "ringLossGraceMs")
        try connectTimeout.milliseconds(&c, "connectTimeoutMs")
        try lossGrace.milliseconds(&c, "lossGraceMs")
        try maxDuration.milliseconds(&c, "maxDurationMs")
        try tombstone.milliseconds(&c, "tombstoneMs")
    }
}

extension MediaState: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("camera", &camera)
        try c("microphone", &microphone)
        try c("screen", &screen)
    }
}
