import Switchboard

/// Tokens for whoever asks, and who is online, for the demo page of one's own machine: Production's, since there the
/// number of users is not limited. On the loop.
final class DemoDoor {
    private let issuer: TokenIssuer
    private let directory: Directory
    private let redis: RedisClient
    private let settings: LedgerSettings

    private static let patience: Duration = .seconds(1)

    init(issuer: TokenIssuer, directory: Directory, redis: RedisClient, settings: LedgerSettings) {
        self.issuer = issuer
        self.directory = directory
        self.redis = redis
        self.settings = settings
    }

    /// - Returns: false where the request is not for this door.
    func answer(_ request: HTTPRequest, _ responder: HTTPResponder) -> Bool {
        let handle: (AppKey, HTTPRequest, HTTPResponder) -> Void
        switch request.path {
        case "/demo/token": handle = token
        case "/demo/online": handle = online
        default: return false
        }
        guard request.method == "GET" else {
            responder.respond(ServerAPI.wrongMethod(request, allowed: "GET"))
            return true
        }
        guard let app = production else {
            responder.respond(TokenDoor.refusal(Refusal(.tryAgain), to: request))
            return true
        }
        handle(app, request, responder)
        return true
    }

    private var production: AppKey? {
        directory.entries.first { $0.applicationID == FirstApplication.applicationID && !$0.isDevelopment }?.appKey
    }

    private func token(_ app: AppKey, _ request: HTTPRequest, _ responder: HTTPResponder) {
        let user = UserID(request.query["userId"] ?? "")
        let name = request.query["name"]
        if let flaw = BodyLimit.flaw(user, name: name, avatarUrl: nil) {
            return responder.respond(ServerAPI.failure(400, Refusal.Reason.malformed.code, flaw, to: request))
        }
        let wish = TokenIssuer.Wish(user: user, name: name)
        issuer.issue(app, wish) { result in
            switch result {
            case .success(let token):
                responder.respond(
                    .json(200, IssueAnswer.Issued(userId: user, accessToken: token.text).encoded()))
            case .failure(let refusal): responder.respond(TokenDoor.refusal(refusal, to: request))
            }
        }
    }

    // MARK: who is online

    /// What the mirror shows of all partitions; a partition that is being written again shows nothing for a moment.
    private func online(_ app: AppKey, _ request: HTTPRequest, _ responder: HTTPResponder) {
        let prefix = RecordKey.of(app, UserID(""))
        var answer = OnlineAnswer()
        var missing = Int(settings.partitions)
        var hasFailed = false
        for partition in 0..<settings.partitions {
            redis.send(["HGETALL", RedisStateMirror.key(.users, partition)], within: Self.patience) { result in
                if case .success(let reply) = result {
                    answer.add(reply.list ?? [], under: prefix)
                } else {
                    hasFailed = true
                }
                missing -= 1
                guard missing == 0 else { return }
                if hasFailed { return responder.respond(TokenDoor.refusal(Refusal(.tryAgain), to: request)) }
                answer.users.sort { $0.userId < $1.userId }
                responder.respond(.json(200, answer.encoded()))
            }
        }
    }
}

private struct OnlineAnswer: Message {
    struct Person: Message {
        var userId = UserID()
        var name = ""

        mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("userId", &userId)
            try c("name", &name)
        }
    }

    var users: [Person] = []

    mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("users", &users) }

    /// Field, value, field, value …, the stamp among them.
    mutating func add(_ fields: [RedisReply], under prefix: String) {
        for index in stride(from: 0, to: fields.count - 1, by: 2) {
            guard let key = fields[index].text, key.hasPrefix(prefix), let value = fields[index + 1].bytes,
                let presence = try? Presence(json: value), !presence.devices.isEmpty
            else { continue }
            users.append(
                Person(userId: UserID(String(key.dropFirst(prefix.count))), name: presence.profile?.name ?? ""))
        }
    }
}
