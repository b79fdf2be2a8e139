import Foundation
package import Switchboard

/// A broker that is reached by TLS: embedded-log behind a proxy that takes TLS, or Apache Kafka, which does so itself and
/// asks for a user besides.
package final class GuardedKafka: Sendable {
    package let certificates: TestCertificates
    package let broker: KafkaBroker
    /// Where TLS is taken, by the name that the certificate bears.
    package let bootstrap: String
    private let proxy: ServiceProcess?

    package static let user = "switchboard"
    package static let password = "open-sesame"

    /// - Parameters:
    ///   - names: what the broker's certificate says it is.
    package init(
        _ kind: KafkaBroker.Kind, names: String = "DNS:localhost", isExpired: Bool = false
    ) async throws {
        certificates = try TestCertificates()
        try certificates.issue("broker", for: names, isExpired: isExpired)
        let port = try freeTestPort()
        bootstrap = "localhost:\(port)"
        switch kind {
        case .embedded:
            broker = try await KafkaBroker(.embedded, with: ["SWITCHBOARD_ADVERTISE": bootstrap])
            let folder = certificates.folder + "/proxy"
            let program = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../TLSProxy/proxy.py")
            let proxy = try ServiceProcess(
                "tls-proxy",
                command: [
                    "/usr/bin/python3", program.path, "\(port)", "\(broker.port)", certificates.certificate("broker"),
                    certificates.key("broker"),
                ], port: port, folder: folder, isReady: takesConnections)
            try await proxy.start()
            self.proxy = proxy
        case .apache:
            proxy = nil
            broker = try await KafkaBroker(
                .apache, with: ["KAFKA_PROPERTIES": try Self.properties(port: port, certificates)])
            try addUser()
        }
    }

    /// With its own certificate's authority, and the user where there is one.
    package func security(
        _ mechanism: KafkaLogin.Mechanism = .plain, password: String = GuardedKafka.password
    ) -> KafkaSecurity {
        var security = KafkaSecurity(tls: TLSFiles(authority: certificates.authority))
        if broker.kind == .apache {
            security.login = KafkaLogin(mechanism: mechanism, user: Self.user, password: Secret(password))
        }
        return security
    }

    private static func properties(port: Int, _ certificates: TestCertificates) throws -> String {
        let store = certificates.folder + "/broker-store.pem"
        var text = ""
        for path in [certificates.key("broker"), certificates.certificate("broker")] {
            text += try String(contentsOfFile: path, encoding: .utf8)
        }
        try text.write(toFile: store, atomically: true, encoding: .utf8)
        let plain = "org.apache.kafka.common.security.plain.PlainLoginModule required user_\(user)=\"\(password)\";"
        let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        let door = "listener.name.sasl_ssl"
        return """
            listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},SASL_SSL://127.0.0.1:\(port)
            advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL_SSL://localhost:\(port)
            \(door).sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
            \(door).plain.sasl.jaas.config=\(plain)
            \(door).scram-sha-256.sasl.jaas.config=\(scram)
            \(door).scram-sha-512.sasl.jaas.config=\(scram)
            \(door).ssl.keystore.type=PEM
            \(door).ssl.keystore.location=\(store)
            """
    }

    private func addUser() throws {
        // Kafka takes one mechanism of a user at a time.
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            let process = Process()
            process.executableURL = URL(filePath: "/bin/bash")
            process.arguments = [
                "-c",
                #"exec "$KAFKA_HOME/bin/tool" kafka-configs --bootstrap-server "$0" --alter --entity-type users "#
                    + #"--entity-name "$1" --add-config "$2=[password=$3]" >/dev/null 2>&1"#,
                broker.bootstrap, Self.user, mechanism, Self.password,
            ]
            try process.run()
            process.waitUntilExit()
            guard process.terminationStatus == 0 else { throw StageFailure(text: "Apache Kafka takes no user") }
        }
    }
}
