/// Who an app server's call comes from: checks the signature of each call before the service sees it.
///
/// A call is signed in one of two ways, and always names `App-Key`, `Nonce` and `Timestamp` (also with `RC-` before):
/// as published, by `Signature`, the SHA-1 of secret, nonce and time; or, better, by `Authorization: SB1-HMAC-SHA256`,
/// which covers the whole request. What fails is answered here with 401. On its loop alone.
package final class ServerAPI {
    /// The secret of an App Key; nil where there is no such key.
    package typealias FindSecret = (_ appKey: String) -> Secret?
    /// Takes a nonce for good: `done(false)` where it was taken before. Calls back on the loop.
    package typealias TakeNonce = (_ appKey: String, _ nonce: String, _ done: @escaping (Bool) -> Void) -> Void

    /// What is wrong with a call's signature, by its published number.
    package enum Rejection: Int, CaseIterable, Sendable {
        case key = 40101
        /// Also of a header that is missing or malformed.
        case signature = 40102
        case timestamp = 40103
        case nonce = 40104

        var message: String {
            switch self {
            case .key: "unknown App Key"
            case .signature: "the signature does not fit"
            case .timestamp: "the timestamp is no number or too far off"
            case .nonce: "the nonce was used before"
            }
        }
    }

    /// How far a call's time may be off ours, in either direction.
    package static let driftMax: Duration = .seconds(300)
    /// A nonce is remembered for as long as a call with it could be in time.
    package static let nonceMemory: Duration = driftMax * 2
    /// Bytes.
    package static let nonceLengthMax = 18

    private let secret: FindSecret
    private let takeNonce: TakeNonce
    private let adminToken: Secret?
    private let rejected: [Rejection: Counter]
    private let now: () -> Int64

    /// - Parameters:
    ///   - adminToken: what administrators show; nil or empty lets none in.
    ///   - now: Unix milliseconds.
    package init(
        metrics: Metrics, adminToken: Secret? = nil, secret: @escaping FindSecret, takeNonce: @escaping TakeNonce,
        now: @escaping () -> Int64 = { WallClock.milliseconds }
    ) {
        self.secret = secret
        self.takeNonce = takeNonce
        self.adminToken = adminToken
        self.now = now
        rejected = Dictionary(
            uniqueKeysWithValues: Rejection.allCases.map { rejection in
                let counter = metrics.counter(
                    "switchboard_api_rejected_total", help: "Calls whose signature was refused, by code.",
                    labels: ["code": "\(rejection.rawValue)"])
                return (rejection, counter)
            })
    }

    /// Calls `then` with the App Key of a call that is rightly signed, once and on the loop; answers all others itself.
    package func admit(
        _ request: HTTPRequest, _ responder: HTTPResponder, then: @escaping (_ appKey: String) -> Void
    ) {
        let signed = SignedHeaders(request)
        if let rejection = judge(signed, request) { return reject(rejection, request, responder) }
        // Only now, so that nobody without the secret can use up another's nonces.
        takeNonce(signed.appKey, signed.nonce) { [weak self] isFresh in
            guard let self else { return }
            if isFresh { then(signed.appKey) } else { reject(.nonce, request, responder) }
        }
    }

    private func judge(_ signed: SignedHeaders, _ request: HTTPRequest) -> Rejection? {
        guard let secret = secret(signed.appKey) else { return .key }
        guard !signed.nonce.isEmpty, signed.nonce.utf8.count <= Self.nonceLengthMax else { return .signature }
        guard let time = Int64(signed.timestamp), signed.timestamp.utf8.first != UInt8(ascii: "+") else {
            return .timestamp
        }
        let (drift, isFar) = time.subtractingReportingOverflow(now())
        let limit = Self.driftMax.components.seconds * 1000
        guard !isFar, (-limit...limit).contains(drift) else { return .timestamp }
        let expected =
            signed.isWhole ? signed.wholeSignature(of: request, by: secret) : signed.publishedSignature(by: secret)
        return isEqualInConstantTime(Array(expected.utf8), Array(signed.signature.utf8)) ? nil : .signature
    }

    private func reject(_ rejection: Rejection, _ request: HTTPRequest, _ responder: HTTPResponder) {
        rejected[rejection]?.add()
        responder.respond(Self.failure(401, rejection.rawValue, rejection.message, to: request))
    }

    /// Whether an administrator calls: `Authorization: Bearer` with the admin token. Answers 401 where not.
    package func admitAdministrator(_ request: HTTPRequest, _ responder: HTTPResponder) -> Bool {
        let prefix = "Bearer "
        if let adminToken, !adminToken.isEmpty, let shown = request.header("authorization"), shown.hasPrefix(prefix) {
            // Sums have one length: the comparison tells nothing of the token's.
            let sum = Digest.sha256(Array(shown.utf8.dropFirst(prefix.utf8.count)))
            if isEqualInConstantTime(sum, Digest.sha256(Array(adminToken.reveal().utf8))) { return true }
        }
        rejected[.signature]?.add()
        responder.respond(
            Self.failure(401, Rejection.signature.rawValue, "the admin token is missing or wrong", to: request))
        return false
    }
}
