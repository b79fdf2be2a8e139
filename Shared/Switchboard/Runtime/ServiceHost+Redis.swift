extension ServiceHost {
    private static let redisSilence: Duration = .seconds(60)

    /// The connection to Redis of this process. What keeps it from standing is logged, the same thing at most once a
    /// minute: without Redis a service goes on, and nobody would learn of a wrong password.
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
        return redis
    }
}
