internal import CHiredis
internal import CLibevent

/// Connecting, greeting, watching and starting again.
extension RedisClient {
    func connect() {
        guard !isClosed else { return }
        attempt += 1
        attemptTimer = loop.schedule(after: settings.timeout) { [weak self] in
            self?.giveUp(.disconnected("no connection within \(self?.settings.timeout ?? .zero)"))
        }
        let attempt = attempt
        NameLookup.addresses(of: settings.host, on: loop) { [weak self] addresses in
            guard let self, self.attempt == attempt, !isClosed, context == nil else { return }
            guard !addresses.isEmpty else { return giveUp(.badAddress("no address for '\(settings.host)'")) }
            // Another address of the same name each time.
            open(addresses[attempt % addresses.count])
        }
    }

    private func open(_ address: String) {
        guard let context = redisAsyncConnect(address, Int32(settings.port)) else {
            return giveUp(.disconnected("no memory"))
        }
        guard context.pointee.err == 0 else {
            let failure = RedisFailure.disconnected(cause(UnsafePointer(context)))
            redisAsyncFree(context)
            return giveUp(failure)
        }
        context.pointee.data = Unmanaged.passUnretained(self).toOpaque()
        self.context = context
        redisLibeventAttach(context, loop.base)
        redisAsyncSetConnectCallback(context) { context, status in
            RedisClient.of(context)?.opened(context, status)
        }
        redisAsyncSetDisconnectCallback(context) { context, _ in
            RedisClient.of(context)?.ended(.disconnected(cause(context)))
        }
    }

    /// The client that a context belongs to; nil once it has let go of it.
    static func of(_ context: UnsafePointer<redisAsyncContext>?) -> RedisClient? {
        guard let data = context?.pointee.data else { return nil }
        return Unmanaged<RedisClient>.fromOpaque(data).takeUnretainedValue()
    }

    static func of(_ context: UnsafeMutablePointer<redisAsyncContext>?) -> RedisClient? {
        of(context.map { UnsafePointer($0) })
    }

    private func opened(_ context: UnsafePointer<redisAsyncContext>?, _ status: Int32) {
        // After a failure hiredis frees the context itself, when this returns.
        guard status == REDIS_OK else { return ended(.disconnected(cause(context))) }
        greet()
    }

    /// All in one write; ready when the last is answered well. PING also meets a Redis that still loads its data, or
    /// that wants a password we do not have.
    private func greet() {
        var greetings: [[RedisArgument]] = []
        if let password = settings.password {
            let user = settings.user.map { [RedisArgument.text($0)] } ?? []
            greetings.append(["AUTH"] + user + [.text(password.reveal())])
        }
        if settings.database != 0 { greetings.append(["SELECT", .number(Int64(settings.database))]) }
        if !settings.name.isEmpty { greetings.append(["CLIENT", "SETNAME", .text(settings.name)]) }
        greetings.append(["PING"])
        let mine = context
        for (i, greeting) in greetings.enumerated() {
            let isLast = i == greetings.count - 1
            let command = RedisCommand { [weak self] result in
                guard let self, context == mine, context != nil else { return }
                switch result {
                case .success: if isLast { ready() }
                case .failure(.disconnected): break
                case .failure(let failure): giveUp(failure)
                }
            }
            _ = pass(command, greeting)
        }
    }

    private func ready() {
        attemptTimer = nil
        retryDelay = settings.retryDelayMin
        isConnected = true
        quietLooks = 0
        onConnected?()
    }

    /// Ends this connection or attempt for a reason of ours.
    private func giveUp(_ failure: RedisFailure) {
        letGo()
        ended(failure)
    }

    /// Frees the context; what waits is answered with `disconnected`, now or when the callback of hiredis that we are in
    /// has returned.
    func letGo() {
        isConnected = false
        waitingCount = 0
        attemptTimer = nil
        guard let context = exchange(&context, with: nil) else { return }
        context.pointee.data = nil
        redisAsyncFree(context)
    }

    /// The context is gone, or is freed by hiredis when we return.
    private func ended(_ failure: RedisFailure) {
        context?.pointee.data = nil
        context = nil
        isConnected = false
        waitingCount = 0
        attemptTimer = nil
        guard !isClosed else { return }
        let delay = retryDelay * Double.random(in: 0.75...1.25)
        retryDelay = min(retryDelay * 2, settings.retryDelayMax)
        retryTimer = loop.schedule(after: delay) { [weak self] in self?.connect() }
        onDisconnected?(failure)
    }

    /// Gives the connection up when commands wait and a whole timeout brought no answer. An idle connection is asked
    /// whether it still stands.
    func look() {
        guard isConnected else { return }
        defer { answeredAtLook = answeredCount }
        if waitingCount == 0 {
            quietLooks = 0
            if answeredAtLook == answeredCount { _ = pass(RedisCommand { _ in }, ["PING"]) }
            return
        }
        quietLooks = answeredAtLook == answeredCount ? quietLooks + 1 : 0
        if quietLooks > looksPerTimeout {
            giveUp(.disconnected("no answer within \(settings.timeout)"))
        }
    }
}
