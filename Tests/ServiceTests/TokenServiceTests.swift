import Foundation
import Support
import Switchboard
import Testing

@Suite("The token-service, door to door", .serialized)
struct TokenServiceTests {
    @Test("A user gets a token that the registry's key vouches for; the second time nothing is written")
    func issues() async throws {
        let scene = try await TokenScene()
        let first = try await scene.issue("ada")
        #expect(first.status == 200, "\(first.text)")
        #expect(first.code == 0)
        #expect(first["result.userId"] as? String == "ada")
        let token = try #require(first["result.accessToken"] as? String)
        #expect(try await scene.issue("ada").status == 200)
        #expect(try await scene.registrations(of: "ada") == 1)

        let log = try await scene.records(of: LedgerName.registry.log).joined()
        let key = try #require(log.firstMatch(of: /"keyId":"([^"]*)","publicKey":"([^"]*)"/))
        let verifier = try TokenVerifier(keysByID: [String(key.1): VerifyingKey(base64: String(key.2))])
        let claims = try TokenClaims(json: try #require(verifier.verify(token)).payload)
        #expect(claims.app.text == scene.application.production.appKey)
        #expect(claims.sub.text == "ada" && claims.name == "Ada" && claims.exp == nil)
        #expect(abs(claims.issuedAt.milliseconds - WallClock.milliseconds) < 30_000)

        // Another name is written, and then known.
        #expect(try await scene.issue("ada", name: "Ada L.").status == 200)
        #expect(try await scene.issue("ada", name: "Ada L.").status == 200)
        #expect(try await scene.registrations(of: "ada") == 2)
    }

    @Test("What is wrong with a signature is said by its code")
    func signatures() async throws {
        let scene = try await TokenScene()
        let body = #"{"userId":"ada","name":"Ada"}"#
        func code(_ change: (inout TokenScene.Signing) -> Void) async throws -> [Int?] {
            var signing = scene.signed()
            change(&signing)
            let answer = try await scene.post(TokenScene.issuePath, body, signing.headers)
            return [answer.status, answer.code]
        }
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        #expect(try await code { $0.keys.appKey = "unknown" } == [401, 40101])
        #expect(try await code { $0.keys.appSecret = "wrong" } == [401, 40102])
        #expect(try await code { $0.keys.appSecret = scene.application.development.appSecret } == [401, 40102])
        #expect(try await code { $0.signature = "" } == [401, 40102])
        #expect(try await code { $0.nonce = "" } == [401, 40102])
        #expect(try await code { $0.nonce = String(repeating: "n", count: 19) } == [401, 40102])
        #expect(try await code { $0.signature = $0.headers["Signature"]?.uppercased() } == [401, 40102])
        #expect(try await code { $0.timestamp = "soon" } == [401, 40103])
        #expect(try await code { $0.timestamp = "\(now - 301_000)" } == [401, 40103])
        #expect(try await code { $0.timestamp = "\(now + 310_000)" } == [401, 40103])
        #expect(try await code { $0.timestamp = "-9223372036854775808" } == [401, 40103])
        #expect(try await code { $0.timestamp = "\(now - 290_000)" } == [200, 0])
        #expect(try await code { $0.prefix = "RC-" } == [200, 0])
        #expect(try await scene.post(TokenScene.issuePath, body, [:]).code == 40101)
    }

    @Test("The better signature covers the whole request")
    func wholeSignature() async throws {
        let scene = try await TokenScene()
        let path = "/v1/tokens"
        let body = #"{"userId":"bob","name":"Bob","ttlSeconds":60}"#
        let target = path + "?trace=1"
        let good = try await scene.post(target, body, scene.signed().whole("POST", target, body))
        #expect(good.status == 200, "\(good.text)")
        let expiresAt = try #require(good["expiresAt"] as? Int)
        #expect(abs(Int64(expiresAt) - 60_000 - WallClock.milliseconds) < 30_000)
        let spoiled = [
            scene.signed().whole("PUT", target, body), scene.signed().whole("POST", path, body),
            scene.signed().whole("POST", target, body + " "),
        ]
        for headers in spoiled {
            let answer = try await scene.post(target, body, headers)
            #expect(answer.status == 401)
            #expect(answer.code == 40102)
            #expect(answer["requestId"] is String)
        }
    }

    @Test("A nonce is good once, over all copies, and without Redis once for each copy")
    func nonces() async throws {
        let scene = try await TokenScene([
            "SWITCHBOARD_SIGNING_KEY": NSTemporaryDirectory() + "\(UUID().uuidString).pem"
        ])
        let key = try #require(scene.service.setting("SWITCHBOARD_SIGNING_KEY"))
        defer { try? FileManager.default.removeItem(atPath: key) }
        let other = try scene.stage.service("token-service", instance: "second", ["SWITCHBOARD_SIGNING_KEY": key])
        try await other.start()
        let body = #"{"userId":"ada","name":"Ada"}"#
        let call = scene.signed().headers
        #expect(try await scene.post(TokenScene.issuePath, body, call).status == 200)
        #expect(try await scene.post(TokenScene.issuePath, body, call).code == 40104)
        #expect(try await scene.post(TokenScene.issuePath, body, call, to: other).code == 40104)

        // A nonce under a wrong signature stays the owner's.
        var forged = scene.signed()
        forged.signature = String(repeating: "0", count: 40)
        #expect(try await scene.post(TokenScene.issuePath, body, forged.headers).code == 40102)
        forged.signature = nil
        #expect(try await scene.post(TokenScene.issuePath, body, forged.headers).status == 200)

        scene.stage.redis.kill()
        _ = try await scene.stage.redis.waitForEnd()
        let late = scene.signed().headers
        #expect(try await scene.post(TokenScene.issuePath, body, late).status == 200)
        #expect(try await scene.post(TokenScene.issuePath, body, late).code == 40104)

        // One application, however many copies.
        #expect(try TokenScene.readApplication(in: other.folder).text == scene.application.text)
    }

    @Test("Development holds a hundred users, and not one more; Production is not counted")
    func development() async throws {
        let scene = try await TokenScene()
        for number in 1...100 {
            let answer = try await scene.issue("user\(number)", scene.application.development)
            try #require(answer.status == 200, "\(number): \(answer.text)")
        }
        let refused = try await scene.issue("user101", scene.application.development)
        #expect(refused.status == 403)
        #expect(refused.code == 81010)
        #expect(refused["errorMessage"] is String)
        #expect(try await scene.issue("user7", scene.application.development).status == 200)
        #expect(try await scene.issue("user7", name: "Other", scene.application.development).status == 200)
        #expect(try await scene.issue("user101").status == 200)
    }

    @Test("Tokens are cut off through each user's own inbox")
    func expires() async throws {
        let scene = try await TokenScene()
        let path = "/v4/auth/access-token/expire"
        let answer = try await scene.post(path, #"{"userIds":["ada","bob"],"expiresAt":1700000000123}"#)
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer.text == #"{"code":0}"#)
        let records = try await scene.records(of: LedgerName.users.inbox)
        #expect(records.count == 2)
        for user in ["ada", "bob"] {
            let key = "\(scene.application.production.appKey)/\(user)"
            let mine = try #require(records.first { $0.hasPrefix(key + " ") })
            let value = Array(mine.utf8.dropFirst(key.utf8.count + 1))
            let record = try InboxRecord<UsersEntry.Input>(json: value)
            guard case .user(.cutOff(let moment)) = record.input else {
                Issue.record("no cut-off: \(mine)")
                continue
            }
            #expect(moment.milliseconds == 1_700_000_000_123)
        }
        let many = (0..<21).map { "\"u\($0)\"" }.joined(separator: ",")
        for body in [
            #"{"userIds":[],"expiresAt":1}"#, #"{"userIds":["a b"],"expiresAt":1}"#, #"{"userIds":["ada"]}"#,
            #"{"userIds":[\#(many)],"expiresAt":1}"#,
        ] {
            let refused = try await scene.post(path, body)
            #expect(refused.status == 400 && refused.code == 80001, "\(body): \(refused.text)")
        }
        #expect(try await scene.records(of: LedgerName.users.inbox).count == 2)
    }

    @Test("What cannot be read is refused with the field; paths and methods are checked first")
    func malformed() async throws {
        let scene = try await TokenScene()
        let long = String(repeating: "x", count: 257)
        for (body, field) in [
            ("", ""), ("[]", ""), (#"{"name":"Ada"}"#, "userId"), (#"{"userId":"ada"}"#, "name"),
            (#"{"userId":7,"name":"Ada"}"#, "userId"), (#"{"userId":"a/b","name":"Ada"}"#, "userId"),
            (#"{"userId":"ada","name":"\#(long)"}"#, "name"),
        ] {
            let answer = try await scene.post(TokenScene.issuePath, body)
            #expect(answer.status == 400 && answer.code == 80001, "\(body): \(answer.text)")
            #expect((answer["errorMessage"] as? String)?.hasPrefix(field) ?? false, "\(answer.text)")
        }
        #expect(try await scene.post("/v4/nothing", "{}").status == 404)
        #expect(try await scene.get(TokenScene.issuePath).status == 405)
        #expect(try await scene.post("/v1/tokens", #"{"userId":"ada","grants":{}}"#).status == 400)
        let older = try await scene.post("/user/getToken.json", "userId=carl&name=Carl+C&portraitUri=http%3A%2F%2Fx")
        #expect(older.status == 200 && older.code == 200, "\(older.text)")
        #expect(older["token"] is String)
    }

    @Test("The demo is off unless it is asked for")
    func demo() async throws {
        let closed = try await TokenScene()
        #expect(try await closed.get("/demo/token?userId=ada&name=Ada").status == 404)
        #expect(try await closed.get("/demo/online").status == 404)
        let open = try await TokenScene(["SWITCHBOARD_DEMO": "1"])
        let answer = try await open.get("/demo/token?userId=ada&name=Ada")
        #expect(answer.status == 200 && answer["accessToken"] is String, "\(answer.text)")
        #expect(try await open.get("/demo/token?userId=a%20b").status == 400)
        #expect(try await open.get("/demo/online").text == #"{"users":[]}"#)
    }

    @Test("A restart keeps application, users and key; the files with secrets are the user's alone")
    func restart() async throws {
        let scene = try await TokenScene()
        #expect(try await scene.issue("ada").status == 200)
        #expect(try await scene.service.stop() == 0)
        try await scene.service.start()
        #expect(try TokenScene.readApplication(in: scene.service.folder).text == scene.application.text)
        #expect(try await scene.issue("ada").status == 200)
        scene.service.kill()
        #expect(try await scene.service.waitForEnd() == 137)
        // The table is a view: without it, it is filled again.
        for file in ["users.sqlite", "users.sqlite-wal", "users.sqlite-shm"] {
            try? FileManager.default.removeItem(atPath: "\(scene.service.folder)/\(file)")
        }
        try await scene.service.start()
        #expect(try await scene.issue("ada").status == 200)
        #expect(try await scene.registrations(of: "ada") == 1)
        for file in ["first-application.json", "signing-key.pem"] {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(scene.service.folder)/\(file)")
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(file)")
        }
    }

    @Test("A key that the registry does not know ends the process")
    func foreignKey() async throws {
        let scene = try await TokenScene()
        let other = try scene.stage.service("token-service", instance: "second")
        try other.launch()
        #expect(try await other.waitForEnd() == 1)
        #expect(other.said.contains("the signing key is not the one that the registry names"))
    }
}
