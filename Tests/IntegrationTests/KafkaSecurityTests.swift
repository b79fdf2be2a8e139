import Foundation
import Support
import Switchboard
import Testing

@Suite(.serialized, .timeLimit(.minutes(3)))
struct KafkaSecurityTests {
    @Test(.enabled(if: isLibraryPreloaded, "Debian's librdkafka"))
    func `A librdkafka that was put before Debian's is the one that speaks`() {
        #expect(KafkaLibrary.speaksSCRAM)
    }

    private static var isLibraryPreloaded: Bool {
        ProcessInfo.processInfo.environment["LD_PRELOAD"]?.contains("librdkafka") == true
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `Records go and come by TLS`(kind: KafkaBroker.Kind) async throws {
        let guarded = try await GuardedKafka(kind)
        for mechanism in kind == .apache ? KafkaLogin.Mechanism.allCases : [.plain] {
            guard mechanism == .plain || KafkaLibrary.speaksSCRAM else {
                _ = try await trouble(guarded.bootstrap, guarded.security(mechanism), saying: "uthentication failed")
                continue
            }
            try await exchange(guarded, mechanism)
        }
        try await refusals(guarded)
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `A certificate of the client's opens the door, and nothing else does`(kind: KafkaBroker.Kind) async throws {
        let guarded = try await GuardedKafka(kind, .certificate)
        try await exchange(guarded)
        // In TLS 1.3 a client has said all it has to say before the server looks at its certificate.
        let refused = "alert"
        var security = guarded.security()
        security.tls?.certificate = nil
        security.tls?.key = nil
        _ = try await trouble(guarded.bootstrap, security, saying: refused)
        let others = try TestCertificates()
        try others.issue("client", for: "DNS:client")
        security.tls?.certificate = others.certificate("client")
        security.tls?.key = others.key("client")
        _ = try await trouble(guarded.bootstrap, security, saying: refused)
    }

    @Test(.enabled(if: KafkaBroker.Kind.present.contains(.apache), "embedded-log knows no users"))
    func `A password opens the door without TLS`() async throws {
        let guarded = try await GuardedKafka(.apache, .password)
        try await exchange(guarded)
        let wrong = guarded.security(password: "hush-hush")
        let said = try await trouble(guarded.bootstrap, wrong, saying: "uthentication failed")
        #expect(!said.contains("hush"), "\(said)")
    }

    /// A topic is made, a hundred records go and come.
    private func exchange(_ guarded: GuardedKafka, _ mechanism: KafkaLogin.Mechanism = .plain) async throws {
        let scene = KafkaScene(guarded.bootstrap, security: guarded.security(mechanism))
        let topic = try await scene.makeTopic("guarded")
        try await scene.startProducer([topic])
        try await until("the producer is ready") { await scene.isProducerReady }
        try await scene.produce(0..<100)
        #expect(await scene.flush(within: .seconds(10)))
        try await scene.startReader([topic])
        await scene.read(from: .beginning)
        try await until("100 records are read by \(mechanism)") { await scene.records.count == 100 }
        #expect(await scene.failures.isEmpty)
        await scene.close()
    }

    /// What a broker with a good certificate refuses, or is refused for.
    private func refusals(_ guarded: GuardedKafka) async throws {
        let others = try TestCertificates()
        var security = guarded.security()
        security.tls = TLSFiles(authority: others.authority)
        _ = try await trouble(guarded.bootstrap, security, saying: "certificate verify failed")
        // The certificate is of localhost alone.
        let address = guarded.bootstrap.replacing("localhost", with: "127.0.0.1")
        _ = try await trouble(address, guarded.security(), saying: "certificate verify failed")
        guard guarded.broker.kind == .apache else { return }
        for mechanism in KafkaLogin.Mechanism.allCases {
            let wrong = guarded.security(mechanism, password: "hush-hush")
            let said = try await trouble(guarded.bootstrap, wrong, saying: "uthentication failed")
            #expect(!said.contains("hush"), "\(said)")
        }
    }

    @Test func `A certificate that is over is refused`() async throws {
        let guarded = try await GuardedKafka(.embedded, isExpired: true)
        _ = try await trouble(guarded.bootstrap, guarded.security(), saying: "certificate verify failed")
    }

    /// Waits until a way in that leads nowhere is told with its reason; nothing is ever connected.
    /// - Returns: all that was told.
    private func trouble(
        _ bootstrap: String, _ security: KafkaSecurity, saying reason: String
    ) async throws -> String {
        let scene = KafkaScene(bootstrap, security: security)
        try await scene.startProducer(["anything"])
        try await until("a trouble that says '\(reason)'") {
            await scene.troubles.contains { $0.text.contains(reason) }
        }
        #expect(await !scene.isProducerReady)
        let said = await scene.troubles.map(\.description).joined(separator: "; ")
        await scene.close()
        return said
    }
}
