extension RedisClient {
    /// What Redis drops when its memory is full. Asked of `INFO`, which managed ones allow too where `CONFIG` is closed.
    package func askEvictionPolicy(_ answer: @escaping (Result<RedisEvictionPolicy, RedisFailure>) -> Void) {
        send(["INFO", "memory"]) { result in
            answer(result.map { RedisEvictionPolicy(info: $0.text ?? "") })
        }
    }
}

/// `maxmemory-policy` by Redis' own words.
package enum RedisEvictionPolicy: Equatable, Sendable {
    /// Refuses writes, and drops nothing.
    case none
    case evicts(policy: String)
    /// What it said has no such line.
    case unsaid

    /// - Parameter info: lines of `name:value`, each ended by CR LF.
    init(info: String) {
        let name = "maxmemory_policy:"
        guard let line = info.split(whereSeparator: \.isNewline).first(where: { $0.hasPrefix(name) }) else {
            self = .unsaid
            return
        }
        let policy = String(line.dropFirst(name.count))
        self = policy == "noeviction" ? .none : .evicts(policy: policy)
    }
}
