/// How connections to brokers are protected. With neither part they are bare.
package struct KafkaSecurity: Sendable, Equatable {
    /// How to speak TLS; nil: bare. A broker must prove to be the host by whose name it is reached.
    package var tls: TLSFiles?
    /// Who we say we are; nil: nobody, or whom the certificate names.
    package var login: KafkaLogin?

    package init(tls: TLSFiles? = nil, login: KafkaLogin? = nil) {
        self.tls = tls
        self.login = login
    }

    /// By librdkafka's names.
    var properties: [String: String] {
        let encryption = tls == nil ? "plaintext" : "ssl"
        var properties = ["security.protocol": login == nil ? encryption : "sasl_\(encryption)"]
        if let tls {
            properties["ssl.endpoint.identification.algorithm"] = "https"
            properties["enable.ssl.certificate.verification"] = "true"
            properties["ssl.ca.location"] = tls.authority
            properties["ssl.certificate.location"] = tls.certificate
            properties["ssl.key.location"] = tls.key
        }
        if let login {
            properties["sasl.mechanism"] = login.mechanism.rawValue
            properties["sasl.username"] = login.user
            properties["sasl.password"] = login.password.reveal()
        }
        return properties
    }
}

/// A name and password for brokers, by SASL.
package struct KafkaLogin: Sendable, Equatable {
    package enum Mechanism: String, CaseIterable, Sendable {
        /// The broker sees the password, and without TLS everybody on the way does.
        case plain = "PLAIN"
        case scramSHA256 = "SCRAM-SHA-256"
        case scramSHA512 = "SCRAM-SHA-512"
    }

    package var mechanism: Mechanism
    package var user: String
    package var password: Secret

    package init(mechanism: Mechanism, user: String, password: Secret) {
        self.mechanism = mechanism
        self.user = user
        self.password = password
    }
}
