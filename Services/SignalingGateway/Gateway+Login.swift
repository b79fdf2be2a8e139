import Switchboard

/// Who is at the other end: tokens, logins, and their end.
extension Gateway {
    func connect(_ request: ClientRequest, _ session: Session) throws(Refused) {
        let wish: ConnectRequest
        do throws(Refused) {
            wish = try read(request)
            guard wish.deviceId.isWellFormed else { throw Refused(Refusal(.malformed, field: "deviceId")) }
            guard wish.callIds?.allSatisfy(\.isWellFormed) ?? true else {
                throw Refused(Refusal(.malformed, field: "callIds"))
            }
        } catch {
            refuse(request.id, error.refusal, session)
            return session.connection.close(code: CloseCode.protocolError, reason: "connect refused")
        }
        guard let claims = directory.claims(of: wish.token, at: clock()) else {
            refuse(request.id, Refusal(.tokenInvalid), session)
            return session.connection.close(code: CloseCode.token, reason: "token")
        }
        session.app = claims.app
        session.user = claims.sub
        session.device = wish.deviceId
        session.platform = wish.platform
        session.appIdentifier = wish.appIdentifier
        session.logsSince = wish.logsSince
        take(claims, session)
        session.stage = .connecting(request: request.id)
        guard announce(session, asker: asker(request, session), shows: wish.callIds) else {
            refuse(request.id, Refusal(.tryAgain), session)
            return session.connection.close(code: CloseCode.serverError, reason: "try again")
        }
        let deadline = ContinuousClock.now + GatewayLimits.admitWithin
        admissions.append(Unanswered(number: session.connection.id, request: request.id, deadline: deadline))
    }

    private func take(_ claims: TokenClaims, _ session: Session) {
        session.profile = Profile(name: claims.name, avatarUrl: claims.avatarUrl)
        session.issuedAt = claims.issuedAt
        session.tokenExpiresAt = claims.expiresAt
        session.wasToldOfExpiry = false
    }

    /// Tells the user's machine of this connection: that it is there, or that it has another address from now on.
    /// - Returns: false where Kafka does not take it; nobody was told.
    func announce(_ session: Session, asker: Asker?, shows: [CallID]? = nil) -> Bool {
        let address = address(of: session.connection.id)
        var login = UserInput.Login()
        login.device = Device(id: session.device, connection: address, platform: session.platform)
        login.profile = session.profile
        login.appIdentifier = session.appIdentifier
        login.clientIp = session.connection.remoteAddress
        login.issuedAt = session.issuedAt
        login.asker = asker
        login.formerly = session.announced
        login.shows = shows
        login.takenAt = clock()
        let reply = asker.map { Reply(asker: $0, type: "connect") }
        let record = InboxRecord(UsersEntry.Input.user(.login(login)), reply: reply)
        let isTaken = outbox.send(record, key: userKey(session), to: .users) { [weak self, weak session] isThere in
            guard !isThere, let session else { return }
            self?.comeBack(session, unheardAt: address)
        }
        guard isTaken else { return false }
        session.announced = address
        return true
    }

    /// Its announcement is lost, or may be: the device would be here, and nobody would know.
    private func comeBack(_ session: Session, unheardAt address: Connection) {
        guard session.announced == address else { return }
        log.info("a connection could not be announced, and is to come back")
        session.connection.close(code: CloseCode.goingAway, reason: "try again")
    }

    /// The user's machine is silent: the token alone admits, and what it would have told follows.
    func admitByToken(_ session: Session, request: String) {
        session.stage = .admitted
        var answer = ConnectAnswer()
        answer.userId = session.user
        answer.connectionId = "\(incarnation)-\(session.connection.id)"
        answer.gatewayId = incarnation
        answer.serverTime = clock()
        answer.pingIntervalMs = GatewayLimits.pingInterval.milliseconds
        answer.lossGraceMs = CallSettings().lossGrace.milliseconds
        session.send(.answer(request, answer))
        takeHeld(session)
        askForNewerLogs(session)
        tellOfLeaving(session)
    }

    /// The records that were written while the client was away come as events, after the answer to its `connect`.
    ///
    /// A record that is written now may be told twice, by itself and from the view: clients keep one for each call, the
    /// one with the higher `syncTime`.
    func askForNewerLogs(_ session: Session) {
        guard let since = session.logsSince else { return }
        session.logsSince = nil
        var query = QueryRecord()
        query.app = session.app
        query.user = session.user
        query.reply = Reply(
            asker: Asker(connection: address(of: session.connection.id), request: ""), type: QueryRecord.newerLogs)
        query.askedAt = clock()
        query.logs.startTime = since
        query.logs.count = CallLogsRequest.countMax
        if !outbox.ask(query) { log.debug("records that a client misses cannot be asked for now") }
    }

    func logout(_ request: ClientRequest, _ session: Session) {
        let gone = UserInput.Gone(
            device: session.device, connection: address(of: session.connection.id), asker: asker(request, session))
        guard outbox.send(InboxRecord(UsersEntry.Input.user(.logout(gone))), key: userKey(session), to: .users) else {
            return refuse(request.id, Refusal(.tryAgain), session)
        }
        expectAnswer(request.id, session)
    }

    func refreshToken(_ request: ClientRequest, _ session: Session) throws(Refused) {
        let wish: TokenRequest = try read(request)
        guard let claims = directory.claims(of: wish.token, at: clock()), claims.app == session.app,
            claims.sub == session.user
        else { throw Refused(Refusal(.tokenInvalid)) }
        take(claims, session)
        session.send(.answer(request.id))
    }
}
