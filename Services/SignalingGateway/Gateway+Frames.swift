import Switchboard

/// From a client's frame to an inbox record.
extension Gateway: WebSocketHandler {
    func allows(_ request: HTTPRequest, offered: [String]) -> WebSocketUpgradeDecision {
        guard mayServe else { return .refuse(.problem(503, detail: "another gateway")) }
        guard !offered.isEmpty else { return .accept(nil) }
        guard offered.contains(Self.subprotocol) else {
            return .refuse(.problem(400, detail: "the subprotocol is \(Self.subprotocol)"))
        }
        return .accept(Self.subprotocol)
    }

    static var subprotocol: String { "switchboard.v1" }

    func opened(_ connection: WebSocketConnection) {
        let session = Session(connection: connection, now: .now)
        connection.context = session
        sessions[connection.id] = session
        counters.connections.set(sessions.count)
    }

    func closed(_ connection: WebSocketConnection, code: UInt16?) {
        guard let session = sessions.removeValue(forKey: connection.id) else { return }
        counters.connections.set(sessions.count)
        guard let announced = session.announced else { return }
        // Whatever its code, a closed socket is a loss: the device may come back.
        losses.add(UserInput.Gone(device: session.device, connection: announced), of: userKey(session))
        tellLosses()
    }

    func receivedBinary(_ connection: WebSocketConnection) {
        connection.close(code: CloseCode.protocolError, reason: "frames are text")
    }

    func received(_ connection: WebSocketConnection, text: UnsafeRawBufferPointer) {
        guard let session = connection.context as? Session, connection.isOpen else { return }
        counters.frames.add()
        let now = ContinuousClock.now
        session.lastHeard = now
        // Counted before it is read: what is malformed costs as much.
        let verdict = session.rate.take(at: now)
        if case .abuse = verdict { return connection.close(code: CloseCode.tooFast, reason: "too fast") }
        let request: ClientRequest
        do throws(CodingFailure) {
            request = try ClientRequest(json: text, limits: ClientRequest.limits)
        } catch {
            return refuse(malformed: error, text, session)
        }
        switch verdict {
        case .passes: handle(request, session)
        case .tooFast, .abuse: refuse(request.id, Refusal(.tooFast), session)
        }
    }

    /// A frame that is an object with a text `type` is answered, and the connection stays; anything else ends it.
    private func refuse(malformed failure: CodingFailure, _ text: UnsafeRawBufferPointer, _ session: Session) {
        counters.refused.add()
        guard let envelope = try? FrameEnvelope(json: text, limits: ClientRequest.limits), envelope.hasType else {
            return session.connection.close(code: CloseCode.protocolError, reason: "not a request")
        }
        guard session.isAdmitted else {
            return session.connection.close(code: CloseCode.protocolError, reason: "not a request")
        }
        refuse(envelope.id ?? "", Refusal(.malformed, field: failure.path), session)
    }

    func refuse(_ request: String, _ refusal: Refusal, _ session: Session) {
        counters.refused.add()
        session.send(.refusal(request, refusal))
    }

    // MARK: requests

    private func handle(_ request: ClientRequest, _ session: Session) {
        do throws(Refused) {
            switch session.stage {
            case .fresh:
                guard request.type == "connect" else {
                    session.send(.refusal(request.id, Refusal(.unconnected)))
                    return session.connection.close(code: CloseCode.protocolError, reason: "connect first")
                }
                try connect(request, session)
            case .connecting:
                refuse(request.id, Refusal(request.type == "connect" ? .malformed : .unconnected, field: nil), session)
            case .admitted:
                if let leaving, leaving.closesAt <= .now { throw Refused(Refusal(.tryAgain)) }
                try dispatch(request, session)
            }
        } catch {
            refuse(request.id, error.refusal, session)
        }
    }

    private func dispatch(_ request: ClientRequest, _ session: Session) throws(Refused) {
        if let expiresAt = session.tokenExpiresAt, expiresAt <= clock(), !Self.takenAfterExpiry.contains(request.type) {
            throw Refused(Refusal(.tokenInvalid))
        }
        switch request.type {
        case "ping": session.send(.answer(request.id, ServerTimeAnswer(serverTime: clock())))
        case "logout": logout(request, session)
        case "token.refresh": try refreshToken(request, session)
        case "call.start": try startCall(request, session)
        case "call.ringing": try ringing(request, session)
        case "call.ignore": try ignore(request, session)
        case "call.accept": try accept(request, session)
        case "call.end": try end(request, session)
        case "call.sync": try sync(request, session)
        case "call.logs": try logs(request, session)
        case "call.ongoing": try ongoing(request, session)
        case "signal": try signal(request, session)
        case "media.state": try mediaState(request, session)
        case "media.reset": try mediaReset(request, session)
        case "media.report": try mediaReport(request, session)
        case "media.ice": try mediaAccess(request, session)
        default: throw Refused(Refusal(.malformed, field: "type"))
        }
    }

    private static var takenAfterExpiry: Set<String> {
        [
            "ping", "token.refresh", "logout", "call.end", "media.state", "media.reset", "media.report", "media.ice",
            "signal",
        ]
    }

    // MARK: parts of requests

    /// - Throws: which field is wrong, as 80001.
    func read<Body: Message>(_ request: ClientRequest, as _: Body.Type = Body.self) throws(Refused) -> Body {
        do throws(CodingFailure) {
            return try request.decoded()
        } catch {
            throw Refused(Refusal(.malformed, field: error.path.isEmpty ? "data" : error.path))
        }
    }

    func userKey(_ session: Session) -> String { RecordKey.of(session.app, session.user) }

    func asker(_ request: ClientRequest, _ session: Session) -> Asker {
        Asker(connection: address(of: session.connection.id), request: request.id)
    }

    /// Who asks, as a machine is told.
    func by(_ request: ClientRequest, _ session: Session) -> CallInput.By {
        let device = Device(
            id: session.device, connection: address(of: session.connection.id), platform: session.platform)
        return CallInput.By(user: session.user, device: device, asker: asker(request, session))
    }

    /// Sends a command to a call, and waits for its answer.
    func command(
        _ input: CallInput, _ call: CallID, _ request: ClientRequest, _ session: Session
    ) throws(Refused) {
        guard call.isWellFormed else { throw Refused(Refusal(.malformed, field: "callId")) }
        let command = request.cmd.map { "\(session.app)/\(session.user)/\(session.device)/\($0)" }
        let reply = Reply(asker: asker(request, session), type: request.type)
        let record = InboxRecord(input, command: command, reply: reply, sentAt: clock())
        guard outbox.send(record, key: RecordKey.of(session.app, call), to: .calls) else {
            throw Refused(Refusal(.tryAgain))
        }
        expectAnswer(request.id, session)
    }

    func expectAnswer(_ request: String, _ session: Session) {
        let deadline = ContinuousClock.now + GatewayLimits.answerWithin
        session.waiting.expect(request, until: deadline)
        unanswered.append(Unanswered(number: session.connection.id, request: request, deadline: deadline))
    }
}

/// What a door throws: an answer with a code, and nothing else happens.
struct Refused: Error {
    let refusal: Refusal
    init(_ refusal: Refusal) { self.refusal = refusal }
}

/// As much of a frame as can be read of one that is not a request.
private struct FrameEnvelope: Message {
    var id: String?
    var type: Opaque?

    var hasType: Bool { type?.bytes.first == UInt8(ascii: "\"") }

    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        var idText: Opaque?
        try c("id", &idText)
        try c("type", &type)
        if let bytes = idText?.bytes, bytes.count >= 2, bytes.count <= 66, bytes.first == UInt8(ascii: "\"") {
            id = String(decoding: bytes.dropFirst().dropLast(), as: UTF8.self)
        }
    }
}
