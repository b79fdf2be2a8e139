import Foundation
package import Switchboard

/// A broker with a guarded door: embedded-log behind a proxy that takes TLS, or Apache Kafka, which does so itself.
package final class GuardedKafka: Sendable {
    /// What the door asks for.
    package enum Door: Sendable {
        /// TLS; and Apache Kafka a user's password besides (SASL_SSL).
        case encrypted
        /// TLS, and a certificate of the client's (SSL).
        case certificate
        /// A user's password alone (SASL_PLAINTEXT). Apache Kafka's only.
        case password
    }

    package let door: Door
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
        _ kind: KafkaBroker.Kind, _ door: Door = .encrypted, names: String = "DNS:localhost", isExpired: Bool = false
    ) async throws {
        self.door = door
        certificates = try TestCertificates()
        try certificates.issue("broker", for: names, isExpired: isExpired)
        try certificates.issue("client", for: "DNS:client")
        let port = try freeTestPort()
        bootstrap = "localhost:\(port)"
        switch kind {
        case .embedded:
            broker = try await KafkaBroker(.embedded, with: ["SWITCHBOARD_ADVERTISE": bootstrap])
            let key = "cert=\(certificates.certificate("broker")),key=\(certificates.key("broker"))"
            let verify = door == .certificate ? "verify=1,cafile=\(certificates.authority)" : "verify=0"
            let proxy = try ServiceProcess(
                "tls-proxy",
                command: [
                    "/usr/bin/socat", "OPENSSL-LISTEN:\(port),bind=127.0.0.1,reuseaddr,fork,\(key),\(verify)",
                    "TCP:127.0.0.1:\(broker.port)",
                ], port: port, folder: certificates.folder + "/proxy", isReady: takesConnections)
            try await proxy.start()
            self.proxy = proxy
        case .apache:
            proxy = nil
            broker = try await KafkaBroker(
                .apache, with: ["KAFKA_PROPERTIES": try Self.properties(door, port: port, certificates)])
            if door != .certificate { try addUser() }
        }
    }

    /// What opens the door.
    package func security(
        _ mechanism: KafkaLogin.Mechanism = .plain, password: String = GuardedKafka.password
    ) -> KafkaSecurity {
        var security = KafkaSecurity()
        if door != .password { security.tls = TLSFiles(authority: certificates.authority) }
        if door == .certificate {
            security.tls?.certificate = certificates.certificate("client")
            security.tls?.key = certificates.key("client")
        } else if broker.kind == .apache {
            security.login = KafkaLogin(mechanism: mechanism, user: Self.user, password: Secret(password))
        }
        return security
    }

    private static func properties(_ door: Door, port: Int, _ certificates: TestCertificates) throws -> String {
        let store = certificates.folder + "/broker-store.pem"
        var text = ""
        for path in [certificates.key("broker"), certificates.certificate("broker")] {
            text += try String(contentsOfFile: path, encoding: .utf8)
        }
        try text.write(toFile: store, atomically: true, encoding: .utf8)
        let plain = "org.apache.kafka.common.security.plain.PlainLoginModule required user_\(user)=\"\(password)\";"
        let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        let (name, host) =
            switch door {
            case .encrypted: ("SASL_SSL", "localhost")
            case .certificate: ("SSL", "localhost")
            case .password: ("SASL_PLAINTEXT", "127.0.0.1")
            }
        let prefix = "listener.name.\(name.lowercased())"
        let login = """
            \(prefix).sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
            \(prefix).plain.sasl.jaas.config=\(plain)
            \(prefix).scram-sha-256.sasl.jaas.config=\(scram)
            \(prefix).scram-sha-512.sasl.jaas.config=\(scram)

            """
        let encryption = """
            \(prefix).ssl.keystore.type=PEM
            \(prefix).ssl.keystore.location=\(store)

            """
        let asking = """
            \(prefix).ssl.client.auth=required
            \(prefix).ssl.truststore.type=PEM
            \(prefix).ssl.truststore.location=\(certificates.authority)

            """
        let listeners = """
            listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},\(name)://127.0.0.1:\(port)
            advertised.listeners=PLAINTEXT://127.0.0.1:{port},\(name)://\(host):\(port)

            """
        return listeners + (door == .certificate ? asking : login) + (door == .password ? "" : encryption)
    }

    private func addUser() throws {
        // Kafka takes one mechanism of a user at a time.
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            let process = Process()
            process.executableURL = URL(filePath: "/bin/bash")
            process.arguments = [
                "-c",
                #"exec "$4" kafka-configs --bootstrap-server "$0" --alter --entity-type users "#
                    + #"--entity-name "$1" --add-config "$2=[password=$3]" >/dev/null 2>&1"#,
                broker.bootstrap, Self.user, mechanism, Self.password, KafkaBroker.Kind.local("kafka-tool"),
            ]
            try process.run()
            process.waitUntilExit()
            guard process.terminationStatus == 0 else { throw StageFailure(text: "Apache Kafka takes no user") }
        }
    }
}
