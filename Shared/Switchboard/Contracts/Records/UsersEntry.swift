/// What `users.inbox` decides about: users, and the gateways that hold their connections.
package enum UsersEntry: Machine, Hashable {
    case user(User)
    case gateway(GatewayLife)

    package enum Input: Sendable {
        case user(UserInput)
        case gateway(GatewayLife.Input)
        /// For a whole partition: everybody's connections of that life of a gateway are gone.
        case gatewayDied(incarnation: String)
    }

    package enum Fact: Hashable, Sendable {
        case user(UserFact)
        case gateway(GatewayLife.Fact)
    }

    package static func timer(silenceCounts: Bool) -> Input { .gateway(.timer(silenceCounts: silenceCounts)) }

    package func handle(_ input: Input, at now: Timestamp) throws(Refusal) -> [Fact] {
        switch (self, input) {
        case (.user(let user), .user(let input)): try user.handle(input, at: now).map(Fact.user)
        case (.user(let user), .gateway(.timer)): try user.handle(.timer, at: now).map(Fact.user)
        case (.gateway(let life), .gateway(let input)): try life.handle(input, at: now).map(Fact.gateway)
        // Addressed to what it is not: whoever wrote that record was wrong, and nothing follows.
        case (.user, .gateway), (.gateway, .user), (_, .gatewayDied): []
        }
    }

    package mutating func apply(_ fact: Fact, at now: Timestamp) {
        switch (self, fact) {
        case (.user(var user), .user(let fact)):
            user.apply(fact, at: now)
            self = .user(user)
        case (.gateway(var life), .gateway(let fact)):
            life.apply(fact, at: now)
            self = .gateway(life)
        case (.user, .gateway), (.gateway, .user): break
        }
    }

    package var deadlines: Deadlines {
        switch self {
        case .user(let user): user.deadlines
        case .gateway(let life): life.deadlines
        }
    }

    package var sequence: Int {
        switch self {
        case .user(let user): user.sequence
        case .gateway(let life): life.sequence
        }
    }

    package var forgetAt: Timestamp? {
        switch self {
        case .user(let user): user.forgetAt
        case .gateway(let life): life.forgetAt
        }
    }
}

extension UsersEntry.Input: Message {
    package init() { self = .user(.timer) }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        var user: UserInput?
        var gateway: GatewayLife.Input?
        var died: String?
        switch self {
        case .user(let input): user = input
        case .gateway(let input): gateway = input
        case .gatewayDied(let incarnation): died = incarnation
        }
        if c.isReading { user = nil }
        try c("user", &user)
        try c("gateway", &gateway)
        try c("gatewayDied", &died)
        guard c.isReading else { return }
        if let user {
            self = .user(user)
        } else if let gateway {
            self = .gateway(gateway)
        } else if let died {
            self = .gatewayDied(incarnation: died)
        } else {
            throw CodingFailure(.missing)
        }
    }
}

extension UsersEntry.Fact: Message {
    package init() { self = .user(UserFact()) }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        var user: UserFact?
        var gateway: GatewayLife.Fact?
        if !c.isReading {
            switch self {
            case .user(let fact): user = fact
            case .gateway(let fact): gateway = fact
            }
        }
        try c("user", &user)
        try c("gateway", &gateway)
        guard c.isReading else { return }
        if let user {
            self = .user(user)
        } else if let gateway {
            self = .gateway(gateway)
        } else {
            throw CodingFailure(.missing)
        }
    }
}

extension GatewayLife.Input: Message {
    package init() { self = .timer(silenceCounts: false) }

    private enum Name: String { case beat, goodbye, timer }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        var name = Name.timer
        var incarnation: String?
        switch self {
        case .beat(let life): (name, incarnation) = (.beat, life)
        case .goodbye(let life): (name, incarnation) = (.goodbye, life)
        case .timer: name = .timer
        }
        try c("type", &name)
        try c("incarnation", &incarnation)
        guard c.isReading else { return }
        switch name {
        case .beat: self = .beat(incarnation: incarnation ?? "")
        case .goodbye: self = .goodbye(incarnation: incarnation ?? "")
        case .timer: self = .timer(silenceCounts: false)
        }
    }
}

extension GatewayLife.Fact: Message {
    package init() { self = .died(incarnation: "") }

    private enum Name: String { case born, died }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        var name = Name.died
        var life = ""
        switch self {
        case .born(let incarnation): (name, life) = (.born, incarnation)
        case .died(let incarnation): (name, life) = (.died, incarnation)
        }
        try c("fact", &name)
        try c("incarnation", &life)
        guard c.isReading else { return }
        self = name == .born ? .born(incarnation: life) : .died(incarnation: life)
    }
}
