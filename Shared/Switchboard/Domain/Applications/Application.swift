/// One application of one account: its two environments, their keys, and the users of Development, who are counted.
package enum ApplicationInput: Sendable {
    case create(Create)
    /// A token is wanted for this user: remember name and avatar.
    case register(Registered)
    case timer

    package struct Create: Hashable, Sendable {
        package var name = ""
        package var development = Environment()
        package var production = Environment()
        /// The key that signs its tokens, and the public half of it.
        package var signingKey = SigningKeyNamed()
        package init() {}
    }

    package struct Registered: Hashable, Sendable {
        package var app = AppKey()
        package var user = UserID()
        package var profile = Profile()
        package init() {}
    }
}

/// One environment: an App Key that is in every key of its data, and the secret that signs Server API calls.
package struct Environment: Hashable, Sendable {
    package var appKey = AppKey()
    /// Only ever compared and signed with; printed nowhere.
    package var appSecret = ""
    package init() {}
}

package struct SigningKeyNamed: Hashable, Sendable {
    package var keyID = ""
    /// SubjectPublicKeyInfo in Base64.
    package var publicKey = ""
    package init() {}
}

package enum ApplicationFact: Hashable, Sendable {
    case created(ApplicationInput.Create)
    case userRegistered(ApplicationInput.Registered)
}

package struct Application: Machine, Hashable {
    package typealias Input = ApplicationInput
    package typealias Fact = ApplicationFact

    /// Development holds so many users, and not one more.
    package static let developmentUsersMax = 100

    package internal(set) var sequence = 0
    package internal(set) var description: ApplicationInput.Create?
    package internal(set) var developmentUsers: Set<UserID> = []

    package init() {}

    package static func timer(silenceCounts: Bool) -> ApplicationInput { .timer }
    package var deadlines: Deadlines { Deadlines() }
    package var forgetAt: Timestamp? { nil }

    package func handle(_ input: ApplicationInput, at now: Timestamp) throws(Refusal) -> [ApplicationFact] {
        switch input {
        case .create(let create): return description == nil ? [.created(create)] : []
        case .register(let registered):
            guard let description else { throw Refusal(.unknownUser) }
            if registered.app == description.development.appKey {
                let isKnown = developmentUsers.contains(registered.user)
                guard isKnown || developmentUsers.count < Self.developmentUsersMax else {
                    throw Refusal(.developmentFull)
                }
            } else if registered.app != description.production.appKey {
                throw Refusal(.unknownUser)
            }
            return [.userRegistered(registered)]
        case .timer: return []
        }
    }

    package mutating func apply(_ fact: ApplicationFact, at now: Timestamp) {
        sequence += 1
        switch fact {
        case .created(let create): description = create
        case .userRegistered(let registered):
            if registered.app == description?.development.appKey { developmentUsers.insert(registered.user) }
        }
    }
}
