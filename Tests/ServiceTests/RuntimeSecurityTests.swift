import Foundation
import Support
import Switchboard
import Testing

@Suite("Settings of TLS and passwords")
struct RuntimeSecurityTests {
    private func read(_ environment: [String: String]) -> (settings: ServiceSettings, problems: [String]) {
        var options = Options(environment: environment.merging(["SWITCHBOARD_DATA": "/tmp/x"]) { own, _ in own })
        let settings = ServiceSettings(&options, service: "test")
        options.refuseUnknown()
        return (settings, options.problems)
    }

    @Test("Nothing set is bare, and nothing is wrong")
    func bare() {
        let (settings, problems) = read([:])
        #expect(problems == [])
        #expect(settings.kafka.security == KafkaSecurity())
        #expect(settings.redis.tls == nil && settings.redis.password == nil)
    }

    @Test("All of it is read, passwords from files too, and none is printed")
    func all() throws {
        let certificates = try TestCertificates()
        try certificates.issue("me", for: "DNS:me")
        let file = certificates.folder + "/password"
        try Data("hush hush\n".utf8).write(to: URL(filePath: file))
        let (settings, problems) = read([
            "SWITCHBOARD_KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "SWITCHBOARD_KAFKA_SASL_MECHANISM": "SCRAM-SHA-256",
            "SWITCHBOARD_KAFKA_USER": "me", "SWITCHBOARD_KAFKA_PASSWORD_FILE": file,
            "SWITCHBOARD_KAFKA_CA": certificates.authority,
            "SWITCHBOARD_KAFKA_CERTIFICATE": certificates.certificate("me"),
            "SWITCHBOARD_KAFKA_KEY": certificates.key("me"),
            "SWITCHBOARD_REDIS": "rediss://redis:1", "SWITCHBOARD_REDIS_USER": "me",
            "SWITCHBOARD_REDIS_PASSWORD": "hush hush", "SWITCHBOARD_REDIS_CA": certificates.authority,
        ])
        #expect(problems == [])
        let login = KafkaLogin(mechanism: .scramSHA256, user: "me", password: Secret("hush hush"))
        #expect(settings.kafka.security.login == login)
        #expect(settings.kafka.security.tls?.key == certificates.key("me"))
        #expect(settings.redis.user == "me" && settings.redis.password == Secret("hush hush"))
        #expect(settings.redis.tls == TLSFiles(authority: certificates.authority))
        #expect(!"\(settings)".contains("hush"))
        var dumped = ""
        dump(settings, to: &dumped)
        #expect(!dumped.contains("hush"))
    }

    @Test(
        "What contradicts itself, or would be left unused, is refused by name",
        arguments: [
            (["KAFKA_SECURITY_PROTOCOL": "SASL_SSL"], ["KAFKA_USER", "KAFKA_PASSWORD"]),
            (["KAFKA_SECURITY_PROTOCOL": "ssl"], ["KAFKA_SECURITY_PROTOCOL"]),
            (
                ["KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_USER": "me", "KAFKA_PASSWORD": "hush"],
                ["KAFKA_USER", "KAFKA_PASSWORD"]
            ),
            (["KAFKA_PASSWORD": "hush", "KAFKA_CA": "/nowhere"], ["KAFKA_CA", "KAFKA_PASSWORD"]),
            (["KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_CA": "/nowhere"], ["KAFKA_CA"]),
            (["KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_CERTIFICATE": "/nowhere"], ["KAFKA_KEY", "KAFKA_CERTIFICATE"]),
            (["REDIS_CA": "/nowhere"], ["REDIS_CA"]),
            (["REDIS": "rediss://h", "REDIS_KEY": "/nowhere"], ["REDIS_CERTIFICATE", "REDIS_KEY"]),
            (["REDIS": "redis://:hush@h", "REDIS_PASSWORD": "hush"], ["REDIS_PASSWORD"]),
            (["REDIS_USER": "me"], ["REDIS_PASSWORD"]),
            (["REDIS_PASSWORD": "hush", "REDIS_PASSWORD_FILE": "/nowhere"], ["REDIS_PASSWORD_FILE"]),
            (["REDIS_PASSWORD_FILE": "/nowhere"], ["REDIS_PASSWORD_FILE"]),
            (["REDIS": "https://me:hush@h"], ["REDIS"]),
        ] as [([String: String], [String])])
    func contradictions(_ environment: [String: String], _ names: [String]) {
        let full = Dictionary(uniqueKeysWithValues: environment.map { ("SWITCHBOARD_\($0)", $1) })
        let problems = read(full).problems
        #expect(problems.map { String($0.prefix { $0 != ":" }) } == names.map { "SWITCHBOARD_\($0)" }, "\(problems)")
        #expect(!"\(problems)".contains("hush"))
    }
}

@Suite("A service behind TLS", .serialized, .timeLimit(.minutes(3)))
struct ServiceSecurityTests {
    @Test("It works by TLS and passwords alone, and says none of them", arguments: KafkaBroker.Kind.present)
    func works(_ kind: KafkaBroker.Kind) async throws {
        let stage = try await SecureStage(kind)
        let service = try stage.service()
        try await service.start()
        let metrics = try await TestHTTP.send("GET", "http://127.0.0.1:\(service.port)/metrics")
        #expect(metrics.text.contains("switchboard_ledger_owned"))
        try await stage.until("Redis knows it") { stage.redisClients().contains("room-allocator-1") }
        #expect(try await service.stop() == 0, "\(service.said.suffix(3000))")
        let said = try String(contentsOfFile: service.folder + "/out", encoding: .utf8)
        #expect(!said.contains("hush") && !said.contains(GuardedKafka.password), "\(said)")
    }

    @Test("A Redis that drops keys is told, and one that does not is not", arguments: [true, false])
    func evictingRedis(_ evicts: Bool) async throws {
        let options = evicts ? ["--maxmemory-policy", "volatile-ttl"] : []
        let stage = try await SecureStage(.embedded, redisOptions: options)
        let service = try stage.service()
        try await service.start()
        try await stage.until("Redis has answered") { stage.redisClients().contains("cmd=hget") }
        let told = service.said.contains("Redis drops keys") && service.said.contains("volatile-ttl")
        #expect(told == evicts, "\(service.said)")
        #expect(!service.said.contains("does not say"))
        #expect(try await service.stop() == 0)
    }

    @Test("A wrong password of Redis is told, and Redis does without it")
    func wrongPassword() async throws {
        let stage = try await SecureStage(.embedded)
        let service = try stage.service(["SWITCHBOARD_REDIS_PASSWORD": "hush-wrong"])
        try service.launch()
        try await stage.until("it says that Redis refuses it") { service.said.contains("WRONGPASS") }
        #expect(!stage.redisClients().contains("room-allocator-1"))
        #expect(!service.said.contains("hush"), "\(service.said)")
        service.kill()
    }
}

/// A broker and a Redis that are reached by TLS alone.
private final class SecureStage: Sendable {
    let kafka: GuardedKafka
    let redis: ServiceProcess
    static let redisPassword = "hush-redis"

    /// - Parameter redisOptions: what redis-server is told besides.
    init(_ kind: KafkaBroker.Kind, redisOptions: [String] = []) async throws {
        kafka = try await GuardedKafka(kind)
        let certificates = kafka.certificates
        try certificates.issue("redis", for: "DNS:localhost")
        let port = try freeTestPort()
        let folder = certificates.folder + "/redis"
        redis = try ServiceProcess(
            "redis-server",
            command: [
                "/usr/bin/redis-server", "--port", "0", "--tls-port", "\(port)", "--bind", "127.0.0.1", "--save", "",
                "--dir", folder, "--tls-cert-file", certificates.certificate("redis"), "--tls-key-file",
                certificates.key("redis"), "--tls-ca-cert-file", certificates.authority, "--tls-auth-clients", "no",
                "--user", "default", "off", "--user", "caller", "on", ">" + Self.redisPassword, "~*", "&*", "+@all",
            ] + redisOptions, port: port, folder: folder, isReady: takesConnections)
        try await redis.start()
    }

    func service(_ more: [String: String] = [:]) throws -> ServiceProcess {
        let port = try freeTestPort()
        let home = kafka.certificates.folder + "/service"
        var environment = [
            "SWITCHBOARD_KAFKA": kafka.bootstrap, "SWITCHBOARD_KAFKA_SECURITY_PROTOCOL": "SSL",
            "SWITCHBOARD_KAFKA_CA": kafka.certificates.authority, "SWITCHBOARD_PARTITIONS": "2",
            "SWITCHBOARD_REDIS": "rediss://localhost:\(redis.port)", "SWITCHBOARD_REDIS_USER": "caller",
            "SWITCHBOARD_REDIS_PASSWORD": Self.redisPassword, "SWITCHBOARD_REDIS_CA": kafka.certificates.authority,
            "SWITCHBOARD_LISTEN": "127.0.0.1:\(port)", "SWITCHBOARD_INSTANCE": "room-allocator-1",
            "SWITCHBOARD_DATA": home, "SWITCHBOARD_LOG_LEVEL": "debug",
        ]
        if kafka.broker.kind == .apache {
            environment["SWITCHBOARD_KAFKA_SECURITY_PROTOCOL"] = "SASL_SSL"
            environment["SWITCHBOARD_KAFKA_SASL_MECHANISM"] = "PLAIN"
            environment["SWITCHBOARD_KAFKA_USER"] = GuardedKafka.user
            environment["SWITCHBOARD_KAFKA_PASSWORD"] = GuardedKafka.password
        }
        return try ServiceProcess(
            "room-allocator", command: [ServiceProcess.program("room-allocator")],
            environment: environment.merging(more) { _, own in own }, port: port, folder: home
        ) { port in
            await (try? TestHTTP.send("GET", "http://127.0.0.1:\(port)/readyz"))?.status == 200
        }
    }

    /// Who is connected, by its own account.
    func redisClients() -> String {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/redis-cli")
        process.arguments = [
            "-h", "localhost", "-p", "\(redis.port)", "--tls", "--cacert", kafka.certificates.authority, "--user",
            "caller", "--pass", Self.redisPassword, "--no-auth-warning", "client", "list",
        ]
        process.standardOutput = output
        guard (try? process.run()) != nil else { return "" }
        return String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    }

    func until(_ what: String, _ condition: () -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while !condition() {
            try #require(ContinuousClock.now < deadline, "still not so: \(what)")
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
