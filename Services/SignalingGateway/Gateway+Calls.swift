import Switchboard

/// What clients ask of calls and their media.
extension Gateway {
    func startCall(_ request: ClientRequest, _ session: Session) throws(Refused) {
        let wish: CallStartRequest = try read(request)
        guard let callType = CallType(code: wish.callType) else { throw wrong("callType") }
        guard let mediaType = MediaType(code: wish.mediaType) else { throw wrong("mediaType") }
        var start = CallInput.Start()
        start.by = by(request, session)
        start.profile = session.profile
        start.appIdentifier = session.appIdentifier
        start.callees = wish.calleeIds
        start.callType = callType
        start.mediaType = mediaType
        start.ringTimeout = wish.ringTimeoutMs.map { .milliseconds($0) }
        start.extra = wish.extra
        start.takeover = wish.takeover ?? false
        try command(.start(start), wish.callId ?? callID(for: request, session), request, session)
    }

    /// The same command names the same call, on whichever gateway it comes again.
    private func callID(for request: ClientRequest, _ session: Session) -> CallID {
        guard let cmd = request.cmd else { return CallID(SecureRandom.uuid()) }
        let text = "\(session.app)/\(session.user)/\(session.device)/\(cmd)"
        var bytes = Array(Digest.sha256(Array(text.utf8)).prefix(16))
        bytes[6] = bytes[6] & 0x0f | 0x80
        bytes[8] = bytes[8] & 0x3f | 0x80
        let hex = Array(Digest.hex(bytes))
        let parts = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(hex[$0]) }
        return CallID(parts.joined(separator: "-"))
    }

    func ringing(_ request: ClientRequest, _ session: Session) throws(Refused) {
        let wish: CallRequest = try read(request)
        try command(.ringing(by(request, session)), try named(wish), request, session)
    }

    /// Silences this device, and tells nobody.
    func ignore(_ request: ClientRequest, _ session: Session) throws(Refused) {
        let wish: CallRequest = try read(request)
        guard session.rings.removeValue(forKey: try named(wish)) != nil else { throw Refused(Refusal(.notInside)) }
        session.send(.answer(request.id))
    }

    func accept(_ request: ClientRequest, _ session: Session) throws(Refused) {
        let wish: CallRequest = try read(request)
        var accept = CallInput.Accept()
        accept.by = by(request, session)
        accept.profile = session.profile
        if let code = wish.mediaType {
            guard let mediaType = MediaType(code: code) else { throw wrong("mediaType") }
            accept.mediaType = mediaType
        }
        try command(.accept(accept), try named(wish), request, session)
    }

    func end(_ request: ClientRequest, _ session: Session) throws(Refused) {
        let wish: CallRequest = try read(request)
        var end = CallInput.End()
        end.by = by(request, session)
        if let code = wish.reason {
            guard let reason = EndReason(code: code), EndReason.givenByClients.contains(reason) else {
                throw wrong("reason")
            }
            end.reason = reason
        }
        // Without a CallID: the call this device is inside.
        guard let call = wish.callId ?? session.inside.map({ CallID($0.room.text) }) else {
            throw Refused(Refusal(.notInside))
        }
        try command(.end(end), call, request, session)
    }

    func sync(_ request: ClientRequest, _ session: Session) throws(Refused) {
        let wish: CallRequest = try read(request)
        if let call = wish.callId { return try command(.sync(by(request, session)), call, request, session) }
        let calls = session.knownCalls
        guard !calls.isEmpty else { return session.send(.answer(request.id, SyncAnswer())) }
        syncsBegun += 1
        let mark = "~\(syncsBegun)"
        session.syncs[mark] = SyncGathering(request: request.id, missing: calls.count)
        for call in calls {
            var part = request
            part.id = mark
            part.cmd = nil
            try command(.sync(by(part, session)), call, part, session)
        }
        expectAnswer(request.id, session)
    }

    func logs(_ request: ClientRequest, _ session: Session) throws(Refused) {
        let wish: CallLogsRequest = try read(request)
        guard (1...CallLogsRequest.countMax).contains(wish.count) else { throw wrong("count") }
        guard (0...1).contains(wish.order) else { throw wrong("order") }
        try ask(request, wish, session)
    }

    /// The calls of this user that are not over, those too that it has declined.
    func ongoing(_ request: ClientRequest, _ session: Session) throws(Refused) {
        try ask(request, CallLogsRequest(), session)
    }

    private func ask(_ request: ClientRequest, _ wish: CallLogsRequest, _ session: Session) throws(Refused) {
        var query = QueryRecord()
        query.app = session.app
        query.user = session.user
        query.reply = Reply(asker: asker(request, session), type: request.type)
        query.askedAt = clock()
        query.logs = wish
        guard outbox.ask(query) else { throw Refused(Refusal(.tryAgain)) }
        expectAnswer(request.id, session)
    }

    // MARK: media

    func mediaState(_ request: ClientRequest, _ session: Session) throws(Refused) {
        let wish: MediaRequest = try read(request)
        var media = CallInput.Media()
        media.by = by(request, session)
        media.camera = wish.camera
        media.microphone = wish.microphone
        media.screen = wish.screen
        try command(.media(media), try call(of: wish), request, session)
    }

    func mediaReset(_ request: ClientRequest, _ session: Session) throws(Refused) {
        let wish: MediaRequest = try read(request)
        try command(.mediaReset(by(request, session)), try call(of: wish), request, session)
    }

    func mediaReport(_ request: ClientRequest, _ session: Session) throws(Refused) {
        let wish: MediaRequest = try read(request)
        guard let state = wish.state else { throw wrong("state") }
        var report = CallInput.MediaReport()
        report.by = by(request, session)
        report.condition = state
        try command(.mediaReport(report), try call(of: wish), request, session)
    }

    func mediaAccess(_ request: ClientRequest, _ session: Session) throws(Refused) {
        let wish: MediaRequest = try read(request)
        guard session.inside?.room == wish.roomId else { throw Refused(Refusal(.notInside)) }
        var answer = MediaAnswer()
        answer.media = media.access(for: session.user, at: clock())
        session.send(.answer(request.id, answer))
    }

    /// A call's room bears the call's name; no call has a room of another form.
    private func call(of wish: MediaRequest) throws(Refused) -> CallID {
        guard wish.roomId.isWellFormed else { throw wrong("roomId") }
        let call = CallID(wish.roomId.text)
        guard call.isWellFormed else { throw Refused(Refusal(.notInside)) }
        return call
    }

    private func named(_ wish: CallRequest) throws(Refused) -> CallID {
        guard let call = wish.callId else { throw wrong("callId") }
        return call
    }

    private func wrong(_ field: String) -> Refused { Refused(Refusal(.malformed, field: field)) }
}
