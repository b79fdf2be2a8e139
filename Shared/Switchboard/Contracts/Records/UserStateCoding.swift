/// A user as it stands in a snapshot.
extension User: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("sequence", &sequence)
        try c("profile", &profile)
        try c("devices", &devices)
        try c("absences", &absences)
        try c("rings", &rings)
        try c("seat", &seat)
        try c("next", &next)
        try c("seatsGiven", &seatsGiven)
        try c("cutOff", &cutOff)
        try c("changedAt", &changedAt)
    }
}

extension User.Online: Message {
    package init() { self.init(device: Device(), since: Timestamp()) }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("device", &device)
        try c("since", &since)
        try c("appIdentifier", &appIdentifier)
        try c("clientIp", &clientIp)
    }
}

extension User.Absence: Message {
    package init() { self.init(device: DeviceID(), calls: [], since: Timestamp()) }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("deviceId", &device)
        try c("callIds", &calls)
        try c("since", &since)
    }
}

extension User.Seat: Message {
    package init() { self.init(number: 0, room: RoomID(), kind: .call, device: DeviceID(), phase: .taken) }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("seat", &number)
        try c("roomId", &room)
        try c("kind", &kind)
        try c("deviceId", &device)
        try c("phase", &phase)
    }
}

/// A gateway as it stands in a snapshot; who was heard when is no fact.
extension GatewayLife: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("sequence", &sequence)
        try c("incarnation", &incarnation)
        try c("predecessor", &predecessor)
        try c("bornAt", &bornAt)
        try c("diedAt", &diedAt)
    }
}

/// The members of a user or a gateway, and beside them which of the two it is.
extension UsersEntry: Message {
    package init() { self = .user(User()) }

    private enum Name: String { case user, gateway }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        guard c.isReading else {
            switch self {
            case .user(let user): try c.write("entry", Name.user, user)
            case .gateway(let life): try c.write("entry", Name.gateway, life)
            }
            return
        }
        var name = Name.user
        try c("entry", &name)
        switch name {
        case .user: self = .user(try c.inline())
        case .gateway: self = .gateway(try c.inline())
        }
    }
}
