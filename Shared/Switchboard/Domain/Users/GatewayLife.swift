/// One gateway, as the users' owners hear of it: it beats, or is dead.
///
/// Its silence is one fact, not one about each of its devices.
package struct GatewayLife: Machine, Hashable {
    package enum Input: Sendable, Hashable {
        /// The gateway lives; `incarnation` names this life, and a new one says that the last is over.
        case beat(incarnation: String)
        /// It stops by itself.
        case goodbye(incarnation: String)
        case timer(silenceCounts: Bool)
    }

    package enum Fact: Hashable, Sendable {
        case born(incarnation: String)
        case died(incarnation: String)
    }

    /// How long a gateway may be silent.
    package static let silenceMax: Duration = .seconds(10)

    package internal(set) var sequence = 0
    package internal(set) var incarnation: String?
    /// The life before this one; a beat of it that comes late must not end the one that lives.
    package internal(set) var predecessor: String?
    package internal(set) var bornAt = Timestamp()
    package internal(set) var diedAt: Timestamp?
    /// The last beat this owner heard itself; not folded, since beats leave no facts.
    package var heardAt: Timestamp?

    package init() {}

    package static func timer(silenceCounts: Bool) -> Input { .timer(silenceCounts: silenceCounts) }

    package var deadlines: Deadlines {
        guard incarnation != nil else { return Deadlines() }
        return Deadlines(silence: max(heardAt ?? bornAt, bornAt) + Self.silenceMax)
    }

    package var forgetAt: Timestamp? { incarnation == nil ? diedAt : nil }

    package func handle(_ input: Input, at now: Timestamp) throws(Refusal) -> [Fact] {
        switch input {
        case .beat(let life):
            guard life != incarnation, incarnation == nil || life != predecessor else { return [] }
            let death = incarnation.map { [Fact.died(incarnation: $0)] } ?? []
            return death + [.born(incarnation: life)]
        case .goodbye(let life):
            return life == incarnation ? [.died(incarnation: life)] : []
        case .timer(let silenceCounts):
            guard silenceCounts, let incarnation, let due = deadlines.silence, due <= now else { return [] }
            return [.died(incarnation: incarnation)]
        }
    }

    package mutating func apply(_ fact: Fact, at now: Timestamp) {
        sequence += 1
        switch fact {
        case .born(let life):
            incarnation = life
            bornAt = now
            diedAt = nil
        case .died(let life):
            incarnation = nil
            predecessor = life
            diedAt = now
        }
    }
}
