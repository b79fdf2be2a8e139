extension ServiceHost {
    private static let redisSilence: Duration = .seconds(60)

    /// The connection to Redis of this process. What keeps it from standing is logged, the same thing at most once a
    /// minute: without Redis a service goes on, and nobody would learn of a wrong password. One that drops keys is an
    /// error each time it is met: a nonce that is gone lets a signed request in twice.
    package func connectToRedis() -> RedisClient {
        let redis = RedisClient(loop: loop, settings: settings.redis)
        var toldAt: [String: ContinuousClock.Instant] = [:]
        redis.onDisconnected = { [log] failure in
            let reason = "\(failure)"
            let now = ContinuousClock.now
            toldAt = toldAt.filter { now - $0.value < Self.redisSilence }
            guard toldAt.updateValue(toldAt[reason] ?? now, forKey: reason) == nil else { return }
            log.warning("Redis is not connected", ["failure": reason])
        }
        redis.onConnected = { [log, unowned redis] in
            redis.askEvictionPolicy { result in
                switch result {
                case .success(.none), .failure(.disconnected): break
                case .success(.evicts(let policy)):
                    log.error("Redis drops keys when its memory is full", ["maxmemory-policy": policy])
                case .success(.unsaid): log.warning("Redis does not say whether it drops keys")
                case .failure(let failure):
                    log.warning("Redis does not say whether it drops keys", ["failure": "\(failure)"])
                }
            }
        }
        return redis
    }
}
