/// Which nonces app servers have used: a call that was heard on its way cannot be made again.
package protocol Nonces: AnyObject {
    /// Takes a nonce for `memory`; `done(false)` where it was taken before. Calls back once, at once or later.
    func take(_ app: AppKey, _ nonce: String, _ done: @escaping (Bool) -> Void)
}

/// The nonces that this process has seen, as fingerprints. One that is asked for twice is known twice; of two different
/// ones to take one for the other is as likely as guessing 64 bits.
package final class MemoryNonces: Nonces {
    private let memory: Duration
    private let clock: () -> ContinuousClock.Instant
    private var current: Set<Int> = []
    private var before: Set<Int> = []
    private var turned: ContinuousClock.Instant

    /// Per half of the memory. Beyond it the oldest are forgotten early: better than to let a flood fill the machine.
    package static let countMax = 500_000

    /// - Parameter memory: a nonce is remembered for this long at least, and twice as long at most.
    package init(memory: Duration, clock: @escaping () -> ContinuousClock.Instant = { .now }) {
        self.memory = memory
        self.clock = clock
        turned = clock()
    }

    package func take(_ app: AppKey, _ nonce: String, _ done: @escaping (Bool) -> Void) { done(take(app, nonce)) }

    func take(_ app: AppKey, _ nonce: String) -> Bool {
        let now = clock()
        if now - turned >= memory || current.count >= Self.countMax {
            before = now - turned >= memory * 2 ? [] : current
            current = []
            turned = now
        }
        var hasher = Hasher()
        hasher.combine(app.text)
        hasher.combine(nonce)
        let fingerprint = hasher.finalize()
        return !before.contains(fingerprint) && current.insert(fingerprint).inserted
    }
}
