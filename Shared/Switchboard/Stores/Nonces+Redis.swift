/// The nonces that any copy has seen, in Redis. Without Redis those that this copy has seen have to do: calls are not
/// refused for it, since a replay then needs the same 10 minutes, another copy, and a lost Redis.
package final class RedisNonces: Nonces {
    /// Told when Redis begins or ceases to answer.
    package var onShared: ((_ isShared: Bool) -> Void)?

    private let redis: RedisClient
    private let memory: Duration
    private let own: MemoryNonces
    private var isShared = true

    /// How long a call waits for Redis.
    private static let patience: Duration = .milliseconds(250)

    /// On the loop of `redis`.
    package init(redis: RedisClient, memory: Duration) {
        self.redis = redis
        self.memory = memory
        own = MemoryNonces(memory: memory)
    }

    package func take(_ app: AppKey, _ nonce: String, _ done: @escaping (Bool) -> Void) {
        guard own.take(app, nonce) else { return done(false) }
        let command: [RedisArgument] = [
            "SET", .text("{\(app.text)/\(nonce)}:nonce"), "1", "NX", "PX", .number(memory.milliseconds),
        ]
        redis.send(command, within: Self.patience) { [weak self] result in
            switch result {
            case .success(let reply):
                self?.note(isShared: true)
                done(reply != .null)
            case .failure:
                self?.note(isShared: false)
                done(true)
            }
        }
    }

    private func note(isShared now: Bool) {
        guard now != isShared else { return }
        isShared = now
        onShared?(now)
    }
}
