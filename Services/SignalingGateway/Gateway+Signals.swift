import Switchboard

/// Signals between members of a room: one hop, at most once, in order, and never through a machine.
extension Gateway {
    func signal(_ request: ClientRequest, _ session: Session) throws(Refused) {
        let wish: SignalRequest = try read(request)
        guard let room = session.inside, room.room == wish.roomId else { throw Refused(Refusal(.notInside)) }
        guard let peer = room.peers.first(where: { $0.user == wish.to }),
            wish.deviceId == nil || wish.deviceId == peer.device, wish.joinId == nil || wish.joinId == peer.joinID
        else { throw Refused(Refusal(.unknownUser)) }
        guard let connection = peer.connection else { throw Refused(Refusal(.receiverReconnecting)) }

        var event = SignalEvent()
        event.roomId = wish.roomId
        event.from.userId = session.user
        event.from.deviceId = session.device
        event.from.joinId = room.joinID
        event.payload = wish.payload
        var note = SignalNote()
        note.room = wish.roomId
        note.user = session.user
        note.device = session.device
        let frame = Opaque.event("signal", event)
        if isOneOfMine(connection.gateway) {
            guard let receiver = sessions[connection.number] else { throw Refused(Refusal(.receiverReconnecting)) }
            take(frame, note, for: receiver)
        } else {
            var entry = DeliveryEntry(to: connection, frame: frame)
            entry.signal = note
            guard outbox.deliver(entry, to: connection.partition) else { throw Refused(Refusal(.tryAgain)) }
        }
        session.send(.answer(request.id))
    }

    /// The receiver's side of the check: only members of the room that this connection is inside. One that comes before
    /// this gateway was told of the room is kept for a moment.
    func take(_ frame: Opaque, _ note: SignalNote, for session: Session) {
        if isFromMember(note, session) { return session.send(frame) }
        guard session.early.count < GatewayLimits.earlySignalsMax else { return }
        let until = clock() + GatewayLimits.earlySignalKept
        session.early.append(EarlySignal(note: note, frame: frame, until: until))
    }

    private func isFromMember(_ note: SignalNote, _ session: Session) -> Bool {
        guard let room = session.inside, room.room == note.room else { return false }
        return room.peers.contains { $0.user == note.user && $0.device == note.device }
    }

    /// What was kept, now that the room is known.
    func takeEarlySignals(_ session: Session) {
        guard !session.early.isEmpty else { return }
        let now = clock()
        for signal in exchangeEarly(session) where signal.until > now { take(signal.frame, signal.note, for: session) }
    }

    private func exchangeEarly(_ session: Session) -> [EarlySignal] {
        let kept = session.early
        session.early = []
        return kept
    }
}
