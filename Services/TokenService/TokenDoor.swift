import Switchboard

/// The Server API of tokens: decode, decide what is asked, answer. On the loop.
final class TokenDoor {
    static let limits: HTTPLimits = {
        var limits = HTTPLimits()
        limits.bodyBytesMax = 64 << 10
        return limits
    }()

    private let api: ServerAPI
    private let issuer: TokenIssuer
    private let world: LedgerWorld

    init(api: ServerAPI, issuer: TokenIssuer, world: LedgerWorld) {
        self.api = api
        self.issuer = issuer
        self.world = world
    }

    func answer(_ request: HTTPRequest, _ responder: HTTPResponder) {
        let handle: (AppKey, HTTPRequest, HTTPResponder) -> Void
        switch request.path {
        case "/v4/auth/access-token/issue": handle = issue
        case "/v4/auth/access-token/expire": handle = expire
        case "/v1/tokens": handle = make
        case "/user/getToken.json": handle = getToken
        default: return responder.respond(ServerAPI.unknownPath(request))
        }
        guard request.method == "POST" else {
            return responder.respond(ServerAPI.wrongMethod(request, allowed: "POST"))
        }
        api.admit(request, responder) { appKey in handle(AppKey(appKey), request, responder) }
    }

    // MARK: tokens

    private func issue(_ app: AppKey, _ request: HTTPRequest, _ responder: HTTPResponder) {
        guard let body = decode(IssueBody.self, request, responder) else { return }
        let wish = TokenIssuer.Wish(user: body.userId, name: body.name, avatarUrl: body.avatarUrl)
        give(app, wish, request, responder) { token in
            IssueAnswer(result: IssueAnswer.Issued(userId: body.userId, accessToken: token.text)).encoded()
        }
    }

    private func make(_ app: AppKey, _ request: HTTPRequest, _ responder: HTTPResponder) {
        guard let body = decode(MakeBody.self, request, responder) else { return }
        let wish = TokenIssuer.Wish(
            user: body.userId, name: body.name, avatarUrl: body.avatarUrl,
            lifetime: body.ttlSeconds.map { .seconds($0) })
        give(app, wish, request, responder) { token in
            MakeAnswer(accessToken: token.text, expiresAt: token.expiresAt).encoded()
        }
    }

    private func getToken(_ app: AppKey, _ request: HTTPRequest, _ responder: HTTPResponder) {
        var body = IssueBody()
        guard let form = request.form, let userId = form["userId"] else {
            return refuse("userId: missing", request, responder)
        }
        body.userId = UserID(userId)
        body.name = form["name"] ?? ""
        body.avatarUrl = form["portraitUri"]
        if let flaw = body.flaw { return refuse(flaw, request, responder) }
        let wish = TokenIssuer.Wish(user: body.userId, name: body.name, avatarUrl: body.avatarUrl)
        give(app, wish, request, responder) { token in
            GetTokenAnswer(userId: body.userId, token: token.text).encoded()
        }
    }

    private func give(
        _ app: AppKey, _ wish: TokenIssuer.Wish, _ request: HTTPRequest, _ responder: HTTPResponder,
        _ spell: @escaping (TokenSource.Token) -> [UInt8]
    ) {
        issuer.issue(app, wish) { result in
            switch result {
            case .success(let token): responder.respond(.json(200, spell(token)))
            case .failure(let refusal): responder.respond(Self.refusal(refusal, to: request))
            }
        }
    }

    // MARK: revocation

    /// Each user's machine decides the cut-off for itself; here it is only handed in. Acknowledged is not decided yet,
    /// but it will be, within the 2 s that are promised, and the same moment again, or an earlier one, changes nothing.
    private func expire(_ app: AppKey, _ request: HTTPRequest, _ responder: HTTPResponder) {
        guard let body = decode(ExpireBody.self, request, responder) else { return }
        let waiting = Handing(count: body.userIds.count, loop: world.loop) { isThere in
            responder.respond(
                isThere
                    ? .json(200, Array(#"{"code":0}"#.utf8)) : Self.refusal(Refusal(.tryAgain), to: request))
        }
        for user in body.userIds {
            let key = RecordKey.of(app, user)
            let record = InboxRecord(UsersEntry.Input.user(.cutOff(body.expiresAt)))
            let partition = world.settings.partition(of: key, in: .users)
            world.send(record.encoded(), key: key, to: LedgerName.users.inbox, partition, waiting.one)
        }
    }

    // MARK: refusals

    private func decode<Body: CheckedBody>(
        _ type: Body.Type, _ request: HTTPRequest, _ responder: HTTPResponder
    ) -> Body? {
        do throws(CodingFailure) {
            let body = try Body(json: request.body)
            guard let flaw = body.flaw else { return body }
            refuse(flaw, request, responder)
        } catch {
            refuse(error.description, request, responder)
        }
        return nil
    }

    private func refuse(_ flaw: String, _ request: HTTPRequest, _ responder: HTTPResponder) {
        responder.respond(ServerAPI.failure(400, Refusal.Reason.malformed.code, flaw, to: request))
    }

    static func refusal(_ refusal: Refusal, to request: HTTPRequest) -> HTTPResponse {
        let status =
            switch refusal.reason {
            case .tryAgain: 503
            case .tooFast: 429
            case .developmentFull: 403
            case .malformed: 400
            default: 409
            }
        return ServerAPI.failure(status, refusal.reason.code, refusal.reason.message, to: request)
    }
}

/// Several records on their way into an inbox: told once, when all are there or the time is over.
private final class Handing {
    private var missing: Int
    private var done: ((Bool) -> Void)?
    private var deadline: LoopTimer?

    init(count: Int, loop: EventLoop, _ done: @escaping (Bool) -> Void) {
        missing = count
        self.done = done
        deadline = loop.schedule(after: TokenIssuer.patience) { [weak self] in self?.tell(false) }
    }

    func one(_ isThere: Bool) {
        missing -= 1
        if !isThere { tell(false) } else if missing == 0 { tell(true) }
    }

    private func tell(_ isThere: Bool) {
        deadline = nil
        guard let done else { return }
        self.done = nil
        done(isThere)
    }
}
