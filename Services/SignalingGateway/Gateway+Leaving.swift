import Switchboard

/// How a gateway goes. Nobody new is let in. Everybody is told, and moves within the time given; until then all goes on as
/// ever. Who is still here after it is closed with 4503, behind the answers it waits for.
extension Gateway {
    struct Leaving {
        /// A client that is told waits a random part of what is left until then.
        let movesUntil: ContinuousClock.Instant
        /// From then on nothing new is taken.
        var closesAt: ContinuousClock.Instant { movesUntil + GatewayLimits.lastMoves }
        var endsAt: ContinuousClock.Instant { closesAt + GatewayLimits.lastAnswers }
        var hasSaidGoodbye = false
        let done: () -> Void
    }

    /// How long `leave` takes at most.
    static func leavesWithin(_ limit: Duration) -> Duration {
        limit + GatewayLimits.lastMoves + GatewayLimits.lastAnswers + GatewayLimits.goodbyeWithin
    }

    /// - Parameters:
    ///   - limit: what clients are given to move.
    ///   - done: called when all have gone, or were closed, and Kafka has the goodbye.
    func leave(within limit: Duration, _ done: @escaping () -> Void) {
        leaving = Leaving(movesUntil: .now + limit, done: done)
        for session in sessions.values {
            switch session.stage {
            // Nobody yet: it comes back at once.
            case .fresh: close(session)
            // Told behind the answer to its `connect`.
            case .connecting: break
            case .admitted: tellOfLeaving(session)
            }
        }
        log.notice("goes away", ["connections": sessions.count])
        leaveTimer = loop.every(GatewayLimits.leaveTick) { [unowned self] in goOnLeaving() }
        goOnLeaving()
    }

    /// No effect unless the gateway is leaving.
    func tellOfLeaving(_ session: Session) {
        guard let leaving else { return }
        let left = max(.zero, ContinuousClock.now.duration(to: leaving.movesUntil))
        session.send(.event("goaway", ReconnectData(left.milliseconds)))
    }

    private func goOnLeaving() {
        guard let leaving, !leaving.hasSaidGoodbye else { return }
        let now = ContinuousClock.now
        if now >= leaving.closesAt {
            for session in sessions.values where !session.isWaiting || now >= leaving.endsAt { close(session) }
        }
        if sessions.isEmpty || now >= leaving.endsAt { sayGoodbye() }
    }

    private func close(_ session: Session) {
        session.connection.close(code: CloseCode.goingAway, reason: "going away")
    }

    /// Lets the users' owners know that whoever was still here is not any more.
    private func sayGoodbye() {
        leaving?.hasSaidGoodbye = true
        leaveTimer = nil
        beatTimer = nil
        let record = InboxRecord(UsersEntry.Input.gateway(.goodbye(incarnation: incarnation)))
        outbox.send(record, key: RecordKey.gateway(name), to: .users) { [self] isThere in
            if isThere { leaving?.done() }
        }
    }
}
