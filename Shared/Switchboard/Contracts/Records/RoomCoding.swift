extension RoomInput: Message {
    package init() { self = .timer }

    private enum Name: String { case join, leave, timer }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        guard c.isReading else { return try write(&c) }
        var name = Name.timer
        try c("type", &name)
        switch name {
        case .join: self = .join(try c.inline())
        case .leave: self = .leave(try c.inline())
        case .timer: self = .timer
        }
    }

    private func write(_ c: inout Coder) throws(CodingFailure) {
        switch self {
        case .join(let p): try c.write("type", Name.join, p)
        case .leave(let p): try c.write("type", Name.leave, p)
        case .timer: try c.write("type", Name.timer)
        }
    }
}

extension RoomFact: Message {
    package init() { self = .closed }

    private enum Name: String { case opened, joined, refused, left, closed }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        guard c.isReading else { return try write(&c) }
        var name = Name.closed
        try c("fact", &name)
        switch name {
        case .opened: self = .opened(try c.inline())
        case .joined: self = .joined(try c.inline())
        case .refused: self = .refused(try c.inline())
        case .left: self = .left(try c.inline())
        case .closed: self = .closed
        }
    }

    private func write(_ c: inout Coder) throws(CodingFailure) {
        switch self {
        case .opened(let p): try c.write("fact", Name.opened, p)
        case .joined(let p): try c.write("fact", Name.joined, p)
        case .refused(let p): try c.write("fact", Name.refused, p)
        case .left(let p): try c.write("fact", Name.left, p)
        case .closed: try c.write("fact", Name.closed)
        }
    }
}

extension RoomInput.Join: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &user)
        try c("device", &device)
        try c("seat", &seat)
        try c("kind", &kind)
        try c("mediaType", &mediaType)
    }
}

extension RoomInput.Leave: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &user)
        try c("seat", &seat)
        try c("reason", &reason)
    }
}

extension RoomFact.Opened: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("sessionId", &session)
        try c("kind", &kind)
    }
}

extension RoomFact.Joined: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &user)
        try c("deviceId", &device)
        try c("seat", &seat)
        try c("mediaType", &mediaType)
        try c("joinId", &joinID)
    }
}

extension RoomFact.Refused: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &user)
        try c("deviceId", &device)
        try c("seat", &seat)
        try c("reason", &reason)
    }
}

extension RoomFact.Left: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &user)
        try c("deviceId", &device)
        try c("seat", &seat)
        try c("reason", &reason)
        try c("joinId", &joinID)
    }
}

/// A room as it stands in a snapshot.
extension Room: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("sequence", &sequence)
        try c("sessionId", &session)
        try c("kind", &kind)
        try c("openedAt", &openedAt)
        try c("closedAt", &closedAt)
        try c("members", &members)
        try c("joins", &joins)
        try c("lastSessionId", &lastSession)
    }
}

extension Room.Member: Message {
    package init() {
        self.init(
            user: UserID(), device: DeviceID(), seat: 0, mediaType: .video, joinID: JoinID(), joinedAt: Timestamp())
    }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &user)
        try c("deviceId", &device)
        try c("seat", &seat)
        try c("mediaType", &mediaType)
        try c("joinId", &joinID)
        try c("joinedAt", &joinedAt)
    }
}
