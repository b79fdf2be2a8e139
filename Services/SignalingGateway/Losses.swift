package import Switchboard

/// Connections that are gone, until their users' inbox has the news: a loss that nobody heard of would leave its device
/// online for ever, and its call waiting for it.
///
/// A new life of the gateway forgets none: whether the life before was ever known, so that its end speaks for all its
/// connections, is not certain while Kafka is away. Each was announced once, and Kafka has taken that: they are never more
/// than the connections there may be and the records that may wait for Kafka together.
package struct Losses {
    package struct Loss: Hashable, Sendable {
        package let gone: UserInput.Gone
        /// The key of the user's machine.
        package let user: String
    }

    /// Not handed to Kafka, or in vain.
    private var untold = Queue<Loss>()
    private var underWay: Set<Loss> = []

    package init() {}

    package var count: Int { untold.count + underWay.count }

    package mutating func add(_ gone: UserInput.Gone, of user: String) { untold.append(Loss(gone: gone, user: user)) }

    /// Hands over what is not under way, until one is not taken.
    package mutating func tell(_ send: (Loss) -> Bool) {
        while let loss = untold.first, send(loss) {
            _ = untold.popFirst()
            underWay.insert(loss)
        }
    }

    /// - Parameter isThere: else it is told again.
    package mutating func settle(_ loss: Loss, _ isThere: Bool) {
        guard underWay.remove(loss) != nil, !isThere else { return }
        untold.append(loss)
    }
}
