extension UserInput: Message {
    package init() { self = .timer }

    private enum Name: String {
        case login, lost, logout, ring, ringOver, sit, unsit, left, cutOff, timer
    }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        guard c.isReading else { return try write(&c) }
        var name = Name.timer
        try c("type", &name)
        switch name {
        case .login: self = .login(try c.inline())
        case .lost: self = .lost(try c.inline())
        case .logout: self = .logout(try c.inline())
        case .ring: self = .ring(try c.inline())
        case .ringOver: self = .ringOver(try c.inline(CallNamed.self).call)
        case .sit: self = .sit(try c.inline())
        case .unsit: self = .unsit(try c.inline())
        case .left: self = .left(try c.inline())
        case .cutOff: self = .cutOff(try c.inline(MomentNamed.self).moment)
        case .timer: self = .timer
        }
    }

    private func write(_ c: inout Coder) throws(CodingFailure) {
        switch self {
        case .login(let p): try c.write("type", Name.login, p)
        case .lost(let p): try c.write("type", Name.lost, p)
        case .logout(let p): try c.write("type", Name.logout, p)
        case .ring(let p): try c.write("type", Name.ring, p)
        case .ringOver(let call): try c.write("type", Name.ringOver, CallNamed(call: call))
        case .sit(let p): try c.write("type", Name.sit, p)
        case .unsit(let p): try c.write("type", Name.unsit, p)
        case .left(let p): try c.write("type", Name.left, p)
        case .cutOff(let moment): try c.write("type", Name.cutOff, MomentNamed(moment: moment))
        case .timer: try c.write("type", Name.timer)
        }
    }
}

extension UserFact: Message {
    package init() { self = .ringRemoved(CallID()) }

    private enum Name: String {
        case loggedIn, wentOffline, loggedOut, ringAdded, ringRemoved
        case seated, seatDenied, moving, leaving, freed, tokensCutOff, absenceOver
    }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        guard c.isReading else { return try write(&c) }
        var name = Name.ringRemoved
        try c("fact", &name)
        switch name {
        case .loggedIn: self = .loggedIn(try c.inline())
        case .wentOffline: self = .wentOffline(try c.inline())
        case .loggedOut: self = .loggedOut(try c.inline())
        case .ringAdded: self = .ringAdded(try c.inline())
        case .ringRemoved: self = .ringRemoved(try c.inline(CallNamed.self).call)
        case .seated: self = .seated(try c.inline())
        case .seatDenied: self = .seatDenied(try c.inline())
        case .moving: self = .moving(try c.inline())
        case .leaving: self = .leaving(try c.inline())
        case .freed: self = .freed(try c.inline())
        case .tokensCutOff: self = .tokensCutOff(try c.inline(MomentNamed.self).moment)
        case .absenceOver: self = .absenceOver(try c.inline(DeviceNamed.self).device)
        }
    }

    private func write(_ c: inout Coder) throws(CodingFailure) {
        switch self {
        case .loggedIn(let p): try c.write("fact", Name.loggedIn, p)
        case .wentOffline(let p): try c.write("fact", Name.wentOffline, p)
        case .loggedOut(let p): try c.write("fact", Name.loggedOut, p)
        case .ringAdded(let p): try c.write("fact", Name.ringAdded, p)
        case .ringRemoved(let call): try c.write("fact", Name.ringRemoved, CallNamed(call: call))
        case .seated(let p): try c.write("fact", Name.seated, p)
        case .seatDenied(let p): try c.write("fact", Name.seatDenied, p)
        case .moving(let p): try c.write("fact", Name.moving, p)
        case .leaving(let p): try c.write("fact", Name.leaving, p)
        case .freed(let p): try c.write("fact", Name.freed, p)
        case .tokensCutOff(let moment): try c.write("fact", Name.tokensCutOff, MomentNamed(moment: moment))
        case .absenceOver(let device): try c.write("fact", Name.absenceOver, DeviceNamed(device: device))
        }
    }
}

/// The members of a fact that names a device and nothing else.
struct DeviceNamed: Message {
    var device = DeviceID()
    init() {}
    init(device: DeviceID) { self.device = device }
    mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("deviceId", &device) }
}

/// The members of an input or fact that names a call and nothing else.
struct CallNamed: Message {
    var call = CallID()
    init() {}
    init(call: CallID) { self.call = call }
    mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("callId", &call) }
}

/// The members of an input or fact that names a moment and nothing else.
struct MomentNamed: Message {
    var moment = Timestamp()
    init() {}
    init(moment: Timestamp) { self.moment = moment }
    mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("moment", &moment) }
}

extension UserInput.Login: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("device", &device)
        try c("profile", &profile)
        try c("appIdentifier", &appIdentifier)
        try c("clientIp", &clientIp)
        try c("issuedAt", &issuedAt)
        try c("asker", &asker)
        try c("formerly", &formerly)
        try c("shows", &shows)
        try c("takenAt", &takenAt)
    }
}

extension UserInput.Gone: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("deviceId", &device)
        try c("connection", &connection)
        try c("asker", &asker)
        try c.whereTrue("isPushedOut", &isPushedOut)
    }
}

extension UserInput.Ring: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("callId", &call)
        try c("peer", &peer)
        try c("expiresAt", &expiresAt)
        try c("rung", &rung)
    }
}

extension UserInput.Sit: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("roomId", &room)
        try c("kind", &kind)
        try c("device", &device)
        try c("mediaType", &mediaType)
        try c("leavesFor", &leavesFor)
        try c("putsOutFor", &putsOutFor)
    }
}

extension UserInput.Unsit: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("roomId", &room)
        try c("deviceId", &device)
        try c("reason", &reason)
    }
}

extension UserInput.LeftRoom: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("roomId", &room)
        try c("seat", &seat)
    }
}

extension UserFact.LoggedIn: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("device", &device)
        try c("profile", &profile)
        try c("appIdentifier", &appIdentifier)
        try c("clientIp", &clientIp)
        try c("asker", &asker)
        try c("replaces", &replaces)
        try c.whereAny("shows", &shows)
        try c.whereTrue("isLate", &isLate)
    }
}

extension UserFact.Seated: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("sit", &sit)
        try c("seat", &seat)
    }
}

extension UserFact.SeatDenied: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("sit", &sit)
        try c("roomId", &room)
        try c("deviceId", &device)
        try c("isCall", &isCall)
    }
}
