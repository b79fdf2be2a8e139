import Foundation
import Support
import Switchboard
import Testing

/// A token-service on a real broker and a real Redis, and the app server that calls it.
final class TokenScene: Sendable {
    let stage: ServiceStage
    let service: ServiceProcess
    let application: Keys

    struct Keys: Sendable {
        var text = ""
        var production = Pair()
        var development = Pair()

        struct Pair: Sendable {
            var appKey = ""
            var appSecret = ""
        }
    }

    /// How a call is signed; each member may be spoiled.
    struct Signing: Sendable {
        var keys: Keys.Pair
        var nonce = String(UUID().uuidString.prefix(18))
        var timestamp = "\(Int64(Date().timeIntervalSince1970 * 1000))"
        var signature: String?
        var prefix = ""

        var headers: [String: String] {
            [
                "\(prefix)App-Key": keys.appKey, "\(prefix)Nonce": nonce, "\(prefix)Timestamp": timestamp,
                "\(prefix)Signature": signature ?? Digest.sha1Hex(keys.appSecret + nonce + timestamp),
            ]
        }

        /// Signed over the whole request instead.
        func whole(_ method: String, _ target: String, _ body: String) -> [String: String] {
            let sum = Digest.hex(Digest.sha256(Array(body.utf8)))
            let text = ["SB1-HMAC-SHA256", method, target, timestamp, nonce, sum].joined(separator: "\n")
            let code = Digest.hex(Digest.hmacSHA256(Array(text.utf8), key: Array(keys.appSecret.utf8)))
            return [
                "App-Key": keys.appKey, "Nonce": nonce, "Timestamp": timestamp,
                "Authorization": "SB1-HMAC-SHA256 \(code)",
            ]
        }
    }

    static let issuePath = "/v4/auth/access-token/issue"

    init(_ settings: [String: String] = [:]) async throws {
        stage = try await ServiceStage()
        service = try stage.service("token-service", settings)
        try await service.start()
        application = try Self.readApplication(in: service.folder)
    }

    static func readApplication(in folder: String) throws -> Keys {
        let bytes = try Data(contentsOf: URL(filePath: "\(folder)/first-application.json"))
        let json = try #require(try JSONSerialization.jsonObject(with: bytes) as? [String: Any])
        let development = try #require(json["development"] as? [String: String])
        var keys = Keys(text: String(decoding: bytes, as: UTF8.self))
        keys.production = Keys.Pair(
            appKey: try #require(json["appKey"] as? String), appSecret: try #require(json["appSecret"] as? String))
        keys.development = Keys.Pair(
            appKey: try #require(development["appKey"]), appSecret: try #require(development["appSecret"]))
        return keys
    }

    func signed(_ keys: Keys.Pair? = nil) -> Signing { Signing(keys: keys ?? application.production) }

    func post(
        _ path: String, _ body: String, _ headers: [String: String]? = nil, to service: ServiceProcess? = nil
    ) async throws -> TestHTTP.Answer {
        let port = (service ?? self.service).port
        return try await TestHTTP.send(
            "POST", "http://127.0.0.1:\(port)\(path)", headers: headers ?? signed().headers, body: Data(body.utf8))
    }

    func get(_ path: String) async throws -> TestHTTP.Answer {
        try await TestHTTP.send("GET", "http://127.0.0.1:\(service.port)\(path)")
    }

    func issue(
        _ user: String, name: String = "Ada", _ keys: Keys.Pair? = nil, to service: ServiceProcess? = nil
    ) async throws -> TestHTTP.Answer {
        try await post(
            Self.issuePath, #"{"userId":"\#(user)","name":"\#(name)"}"#, signed(keys).headers, to: service)
    }

    // MARK: what stands in topics

    /// The values of all records of a topic, partition by partition, as kcat reads them.
    func records(of topic: String) async throws -> [String] {
        let kcat = Process()
        let output = Pipe()
        kcat.executableURL = URL(filePath: "/usr/bin/kcat")
        kcat.arguments = [
            "-b", stage.broker.bootstrap, "-t", topic, "-C", "-e", "-q", "-o", "beginning", "-f", "%k %s\n",
        ]
        kcat.standardOutput = output
        kcat.standardError = FileHandle.nullDevice
        try kcat.run()
        let bytes = await answered { done in
            Thread.detachNewThread { done.resume(returning: output.fileHandleForReading.readDataToEndOfFile()) }
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    func registrations(of user: String) async throws -> Int {
        try await records(of: LedgerName.registry.log).filter {
            $0.contains(#""userRegistered""#) && $0.contains(#""userId":"\#(user)""#)
        }.count
    }
}
