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
            guard let self, self.attempt == attempt, !isClosed, connection == nil else { return }
            guard !addresses.isEmpty else { return giveUp(.badAddress("no address for '\(settings.host)'")) }
            // Another address of the same name each time.
            open(addresses[attempt % addresses.count])
        }
    }

    private func open(_ address: String) {
        var secured: (TLSClientContext, String)?
        if let files = settings.tls {
            do throws(TLSFailure) {
                if tls == nil { tls = try TLSClientContext(files) }
                secured = tls.map { ($0, settings.host) }
            } catch {
                return giveUp(.disconnected("TLS: \(error)"))
            }
        }
        guard let connection = RedisConnection(address, settings.port, tls: secured, on: loop) else {
            return giveUp(.disconnected("no memory"))
        }
        self.connection = connection
        connection.onOpen = { [unowned self] in greet() }
        connection.onEnd = { [unowned self] in ended($0) }
        connection.onAnswer = { [unowned self] in answeredCount += 1 }
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
        let mine = connection
        for (i, greeting) in greetings.enumerated() {
            let isLast = i == greetings.count - 1
            let command = RedisCommand { [weak self] result in
                guard let self, let mine, connection === mine else { return }
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

    /// Ends the connection; what waits is answered with `disconnected` now.
    func letGo() {
        isConnected = false
        attemptTimer = nil
        guard let connection = exchange(&connection, with: nil) else { return }
        connection.close(because: .disconnected("given up"))
    }

    /// The connection, or the attempt at one, is over.
    private func ended(_ failure: RedisFailure) {
        connection = nil
        isConnected = false
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
