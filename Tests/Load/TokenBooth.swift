import Switchboard

/// Gets tokens as an app server does: by the signed call, one user each.
final class TokenBooth {
    private let client: HTTPClient
    private let loop: EventLoop
    private let url: String
    private let appKey: String
    private let appSecret: String
    private var noncesUsed = 0
    private let noncePrefix = Digest.hex(SecureRandom.bytes(4))

    /// - Returns: nil where the plan names no door for tokens.
    init?(_ plan: LoadPlan, loop: EventLoop) {
        guard let url = plan.tokenURL, let appKey = plan.appKey, let appSecret = plan.appSecret else { return nil }
        client = HTTPClient()
        self.loop = loop
        self.url = url + "/v4/auth/access-token/issue"
        self.appKey = appKey
        self.appSecret = appSecret
    }

    func issue(_ user: String, _ done: @escaping (Result<String, IssueFailure>) -> Void) {
        noncesUsed += 1
        let nonce = "\(noncePrefix)\(noncesUsed)"
        let time = "\(WallClock.milliseconds)"
        let headers = [
            ("Content-Type", "application/json"), ("App-Key", appKey), ("Nonce", nonce), ("Timestamp", time),
            ("Signature", Digest.sha1Hex(appSecret + nonce + time)),
        ]
        let request = HTTPClientRequest(method: "POST", url: url, headers: headers, body: IssueWish(user).encoded())
        nonisolated(unsafe) let tell = done
        client.send(request, on: loop) { result in
            switch result {
            case .success(let answer):
                let token = (try? Issued(json: answer.body))?.result.accessToken ?? ""
                tell(token.isEmpty ? .failure(IssueFailure(reason: "answered \(answer.status)")) : .success(token))
            case .failure(let failure): tell(.failure(IssueFailure(reason: failure.description)))
            }
        }
    }
}

struct IssueFailure: Error {
    let reason: String
}

private struct IssueWish: Message {
    var userId = UserID()
    var name = ""

    init() {}
    init(_ user: String) {
        userId = UserID(user)
        name = user
    }

    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &userId)
        try c("name", &name)
    }
}

private struct Issued: Message {
    struct Result: Message {
        var accessToken = ""

        mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("accessToken", &accessToken) }
    }

    var result = Result()

    mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("result", &result) }
}
