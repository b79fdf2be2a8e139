import Foundation
import Support
import Switchboard
import Testing

/// A redis-server that speaks TLS alone, for users with passwords alone.
private final class GuardedRedis {
    let certificates: TestCertificates
    let server: RedisServer

    static let password = "open/sesame@1"

    init(names: String = "DNS:localhost,IP:127.0.0.1", isExpired: Bool = false, asksClients: Bool = false) throws {
        certificates = try TestCertificates()
        try certificates.issue("server", for: names, isExpired: isExpired)
        server = try RedisServer(
            tls: [
                "--tls-cert-file", certificates.certificate("server"), "--tls-key-file", certificates.key("server"),
                "--tls-ca-cert-file", certificates.authority, "--tls-auth-clients", asksClients ? "yes" : "no",
                "--requirepass", Self.password, "--user", "caller", "on", ">own-word", "~*", "&*", "+@all",
            ])
    }

    func settings(
        _ user: String = "", password: String = GuardedRedis.password, host: String = "127.0.0.1",
        _ change: (inout TLSFiles) -> Void = { _ in }
    ) throws -> RedisSettings {
        var settings = try RedisSettings(url: "rediss://\(host):\(server.port)", name: "test")
        settings.user = user.isEmpty ? nil : user
        settings.password = Secret(password)
        settings.retryDelayMax = .milliseconds(100)
        settings.tls = TLSFiles(authority: certificates.authority)
        if settings.tls != nil { change(&settings.tls!) }
        return settings
    }
}

@Suite struct `A Redis client by TLS` {
    @Test(arguments: ["127.0.0.1", "localhost"])
    func `reaches a server that proves its name, and says its password`(host: String) async throws {
        let redis = try GuardedRedis()
        let bench = await RedisBench(try redis.settings(host: host))
        defer { bench.close() }
        try await bench.waitUntilConnected()
        #expect(await bench.send(["ACL", "WHOAMI"]) == .success(.bytes(Array("default".utf8))))
    }

    @Test func `is the user that it is told to be`() async throws {
        let redis = try GuardedRedis()
        let bench = await RedisBench(try redis.settings("caller", password: "own-word"))
        defer { bench.close() }
        try await bench.waitUntilConnected()
        #expect(await bench.send(["ACL", "WHOAMI"]) == .success(.bytes(Array("caller".utf8))))
    }

    @Test func `carries large answers and many commands, and comes back when the server does`() async throws {
        let redis = try GuardedRedis()
        let bench = await RedisBench(try redis.settings())
        defer { bench.close() }
        try await bench.waitUntilConnected()
        let long = [UInt8](repeating: 7, count: 3_000_000)
        #expect(await bench.send(["SET", "long", .bytes(long)]) == .success(.bytes(Array("OK".utf8))))
        #expect(await bench.send(["GET", "long"]) == .success(.bytes(long)))
        let numbers = Locked<[Int64]>([])
        await bench.with { client in
            for _ in 0..<10_000 {
                client.send(["INCR", "n"]) { result in
                    if case .success(let reply) = result { numbers.withLock { $0.append(reply.integer ?? 0) } }
                }
            }
        }
        try await waitUntil("10 000 answers") { numbers.withLock { $0.count } == 10_000 }
        #expect(numbers.withLock { $0 } == Array(1...10_000))
        redis.server.kill()
        try await bench.waitUntilConnected(false)
        try redis.server.start()
        try await bench.waitUntilConnected()
    }

    @Test func `shows its own certificate where the server asks for one`() async throws {
        let redis = try GuardedRedis(asksClients: true)
        try redis.certificates.issue("client", for: "DNS:client")
        let bench = await RedisBench(
            try redis.settings {
                $0.certificate = redis.certificates.certificate("client")
                $0.key = redis.certificates.key("client")
            })
        defer { bench.close() }
        try await bench.waitUntilConnected()
    }

    @Test func `is told when the server wants a certificate and there is none`() async throws {
        let redis = try GuardedRedis(asksClients: true)
        // The server may close before its reason is read: then the next attempt tells.
        _ = try await reasonOfFailure(try redis.settings(), saying: "certificate required")
    }

    @Test func `refuses a server that others vouch for`() async throws {
        let redis = try GuardedRedis()
        let others = try TestCertificates()
        _ = try await reasonOfFailure(
            try redis.settings { $0.authority = others.authority },
            saying: "self-signed certificate in certificate chain")
        // Nor does the system vouch for it.
        _ = try await reasonOfFailure(
            try redis.settings { $0.authority = nil }, saying: "the certificate of the server is refused")
    }

    @Test func `refuses a certificate that is over`() async throws {
        let redis = try GuardedRedis(isExpired: true)
        _ = try await reasonOfFailure(try redis.settings(), saying: "certificate has expired")
    }

    @Test func `refuses a certificate of somebody else`() async throws {
        let redis = try GuardedRedis(names: "DNS:elsewhere.example,IP:192.0.2.1")
        _ = try await reasonOfFailure(try redis.settings(), saying: "IP address mismatch")
        _ = try await reasonOfFailure(try redis.settings(host: "localhost"), saying: "hostname mismatch")
    }

    @Test func `is told that its password is wrong, without seeing it`() async throws {
        let redis = try GuardedRedis()
        let reason = try await reasonOfFailure(try redis.settings(password: "hush-hush"), saying: "WRONGPASS")
        #expect(!reason.contains("hush"), "\(reason)")
        let user = try await reasonOfFailure(
            try redis.settings("nobody", password: "hush-hush"), saying: "WRONGPASS")
        #expect(!user.contains("hush"), "\(user)")
    }

    @Test func `fails clearly where one side speaks bare`() async throws {
        let redis = try GuardedRedis()
        var bare = try redis.settings()
        bare.tls = nil
        #expect(try await reasonOfFailure(bare).contains("the connection to Redis ended"))
        let plain = try RedisServer()
        var settings = try redis.settings()
        settings.port = plain.port
        settings.timeout = .milliseconds(500)
        #expect(try await reasonOfFailure(settings).contains("the connection to Redis ended"))
    }

    /// Why a first attempt failed, or one that said `words`; the client is never connected.
    private func reasonOfFailure(_ settings: RedisSettings, saying words: String = "") async throws -> String {
        let bench = await RedisBench(settings)
        defer { bench.close() }
        let reasons = Locked<[RedisFailure]>([])
        let wasConnected = Locked(false)
        await bench.with { client in
            client.onConnected = { wasConnected.withLock { $0 = true } }
            client.onDisconnected = { failure in reasons.withLock { $0.append(failure) } }
        }
        // A server that has just been started refuses at first.
        let matches = { @Sendable (failure: RedisFailure) in
            let said = "\(failure)"
            return !said.contains("Connection refused") && (words.isEmpty || said.contains(words))
        }
        try await waitUntil("a reason that says '\(words)'") { reasons.withLock { $0.contains(where: matches) } }
        #expect(!wasConnected.withLock { $0 })
        return reasons.withLock { $0.first(where: matches) }?.description ?? ""
    }
}

@Suite struct `Files of TLS` {
    @Test func `are refused with their names when they are of no use`() throws {
        let certificates = try TestCertificates()
        try certificates.issue("a", for: "DNS:a")
        try certificates.issue("b", for: "DNS:b")
        #expect(TLSFiles(authority: certificates.authority).flaw() == nil)
        #expect(TLSFiles(certificate: certificates.certificate("a"), key: certificates.key("a")).flaw() == nil)
        #expect(TLSFiles(authority: "/nowhere").flaw()?.part == .authority)
        #expect(TLSFiles(authority: certificates.key("a")).flaw()?.part == .authority)
        #expect(TLSFiles(certificate: certificates.key("a")).flaw()?.part == .certificate)
        #expect(TLSFiles(certificate: certificates.certificate("a"), key: certificates.key("b")).flaw()?.part == .key)
    }
}
