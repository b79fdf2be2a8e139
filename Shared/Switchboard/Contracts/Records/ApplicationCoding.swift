extension ApplicationInput: Message {
    package init() { self = .timer }

    private enum Name: String { case create, register, timer }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        guard c.isReading else {
            switch self {
            case .create(let p): try c.write("type", Name.create, p)
            case .register(let p): try c.write("type", Name.register, p)
            case .timer: try c.write("type", Name.timer)
            }
            return
        }
        var name = Name.timer
        try c("type", &name)
        switch name {
        case .create: self = .create(try c.inline())
        case .register: self = .register(try c.inline())
        case .timer: self = .timer
        }
    }
}

extension ApplicationFact: Message {
    package init() { self = .created(.init()) }

    private enum Name: String { case created, userRegistered }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        guard c.isReading else {
            switch self {
            case .created(let p): try c.write("fact", Name.created, p)
            case .userRegistered(let p): try c.write("fact", Name.userRegistered, p)
            }
            return
        }
        var name = Name.created
        try c("fact", &name)
        switch name {
        case .created: self = .created(try c.inline())
        case .userRegistered: self = .userRegistered(try c.inline())
        }
    }
}

extension ApplicationInput.Create: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("name", &name)
        try c("development", &development)
        try c("production", &production)
        try c("signingKey", &signingKey)
    }
}

extension ApplicationInput.Registered: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("appKey", &app)
        try c("userId", &user)
        try c("profile", &profile)
    }
}

extension Environment: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("appKey", &appKey)
        try c("appSecret", &appSecret)
    }
}

extension SigningKeyNamed: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("keyId", &keyID)
        try c("publicKey", &publicKey)
    }
}

/// An application as it stands in a snapshot.
extension Application: Message {
    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        var users = c.isReading ? [] : developmentUsers.sorted()
        try c("sequence", &sequence)
        try c("description", &description)
        try c("developmentUsers", &users)
        if c.isReading { developmentUsers = Set(users) }
    }
}
