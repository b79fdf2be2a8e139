extension Connection: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("partition", &partition)
        try c("gateway", &gateway)
        try c("number", &number)
    }
}

extension Profile: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("name", &name)
        try c("avatarUrl", &avatarUrl)
    }
}

extension Device: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("deviceId", &id)
        try c("connection", &connection)
        try c("platform", &platform)
    }
}

extension Asker: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("connection", &connection)
        try c("request", &request)
    }
}

extension Presence: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("devices", &devices)
        try c("profile", &profile)
        try c("busy", &busy)
    }
}

extension Refusal: Message {
    package init() { self.init(.malformed) }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("reason", &reason)
        try c("field", &field)
        try c("callId", &call)
        try c("roomId", &room)
        try c("deviceId", &device)
        try c("end", &end)
        try c("asking", &asking)
        try c("userIds", &users)
        try c("capacity", &capacity)
        try c("count", &count)
    }
}
