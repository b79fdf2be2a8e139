/// How a process is told to protect its way to Kafka and Redis. Whatever contradicts itself is refused before anything is
/// connected, and a password is never repeated.
extension KafkaSecurity {
    private enum SecurityProtocol: String, CaseIterable {
        case plaintext = "PLAINTEXT"
        case ssl = "SSL"
        case saslPlaintext = "SASL_PLAINTEXT"
        case saslSSL = "SASL_SSL"

        var isEncrypted: Bool { self == .ssl || self == .saslSSL }
        var hasLogin: Bool { self == .saslPlaintext || self == .saslSSL }
    }

    init(_ options: inout Options) {
        let kind = options.choice(
            "SWITCHBOARD_KAFKA_SECURITY_PROTOCOL", default: SecurityProtocol.plaintext,
            help: "How brokers are spoken to, in Kafka's own words")
        let mechanism = options.choice(
            "SWITCHBOARD_KAFKA_SASL_MECHANISM", default: KafkaLogin.Mechanism.scramSHA512,
            help: "How a password is proved, with a SASL protocol")
        let user = options.text("SWITCHBOARD_KAFKA_USER", default: "", help: "The user's name, with a SASL protocol")
        let password = options.password("SWITCHBOARD_KAFKA", of: "the user")
        let files = TLSFiles(&options, "SWITCHBOARD_KAFKA", of: "brokers", isUsed: kind.isEncrypted) {
            "without a protocol with SSL it would not be used"
        }
        self.init()
        if kind.isEncrypted { tls = files }
        if kind.hasLogin {
            if user.isEmpty { options.refuse("SWITCHBOARD_KAFKA_USER", "is required with \(kind.rawValue)") }
            if password == nil { options.refuse("SWITCHBOARD_KAFKA_PASSWORD", "is required with \(kind.rawValue)") }
            login = KafkaLogin(mechanism: mechanism, user: user, password: password ?? Secret(""))
        } else {
            for name in [
                "SWITCHBOARD_KAFKA_USER", "SWITCHBOARD_KAFKA_PASSWORD", "SWITCHBOARD_KAFKA_PASSWORD_FILE",
                "SWITCHBOARD_KAFKA_SASL_MECHANISM",
            ] {
                options.refuseIfSet(name, "without a SASL protocol it would not be used")
            }
        }
    }
}

extension RedisSettings {
    init(_ options: inout Options, name: String) {
        let url = options.text(
            "SWITCHBOARD_REDIS", default: "redis://127.0.0.1:6379",
            help: "redis://[[user]:password@]host[:port][/database]; rediss:// for TLS")
        var settings: RedisSettings?
        do throws(RedisFailure) {
            settings = try RedisSettings(url: url, name: name)
        } catch {
            // Without the address itself: it may hold a password.
            options.refuse("SWITCHBOARD_REDIS", "\(error)")
        }
        let user = options.text(
            "SWITCHBOARD_REDIS_USER", default: "", help: "The name of an ACL user, where the address has none")
        let password = options.password("SWITCHBOARD_REDIS", of: "Redis, where the address has none")
        let isEncrypted = settings?.tls != nil
        let files = TLSFiles(&options, "SWITCHBOARD_REDIS", of: "Redis", isUsed: isEncrypted || settings == nil) {
            "without rediss:// it would not be used"
        }
        // Where the address is refused nothing is connected: the process ends.
        guard var settings else {
            self.init(host: "", port: 0, database: 0, name: name)
            return
        }
        if settings.password != nil {
            for name in [
                "SWITCHBOARD_REDIS_USER", "SWITCHBOARD_REDIS_PASSWORD", "SWITCHBOARD_REDIS_PASSWORD_FILE",
            ] {
                options.refuseIfSet(name, "the address in SWITCHBOARD_REDIS has a password already")
            }
        } else {
            if !user.isEmpty {
                if password == nil { options.refuse("SWITCHBOARD_REDIS_PASSWORD", "is required with a user") }
                if settings.user != nil {
                    options.refuse("SWITCHBOARD_REDIS_USER", "the address in SWITCHBOARD_REDIS names a user already")
                }
                settings.user = user
            }
            settings.password = password
            if settings.user != nil, password == nil, user.isEmpty {
                options.refuse("SWITCHBOARD_REDIS", "names a user, and there is no password")
            }
        }
        if isEncrypted { settings.tls = files }
        self = settings
    }
}

extension TLSFiles {
    /// - Parameter isUsed: whether there is TLS at all; else each of the files is refused with `why`.
    fileprivate init(
        _ options: inout Options, _ prefix: String, of whom: String, isUsed: Bool, else why: () -> String
    ) {
        let names = ["\(prefix)_CA", "\(prefix)_CERTIFICATE", "\(prefix)_KEY"]
        let authority = options.text(
            names[0], default: "", help: "File (PEM) of the certificates that may vouch for \(whom); else the system's")
        let certificate = options.text(
            names[1], default: "", help: "File (PEM) of our own certificate, if it is to be shown to \(whom)")
        let key = options.text(names[2], default: "", help: "File (PEM) of its key, without a password")
        self.init(
            authority: authority.isEmpty ? nil : authority, certificate: certificate.isEmpty ? nil : certificate,
            key: key.isEmpty ? nil : key)
        guard isUsed else {
            for name in names { options.refuseIfSet(name, why()) }
            return
        }
        if self.certificate == nil, self.key != nil { options.refuse(names[1], "is required with \(names[2])") }
        if self.certificate != nil, self.key == nil { options.refuse(names[2], "is required with \(names[1])") }
        guard self != TLSFiles(), let flaw = flaw() else { return }
        switch flaw.part {
        case .authority, .library: options.refuse(names[0], "\(flaw)")
        case .certificate: options.refuse(names[1], "\(flaw)")
        case .key: options.refuse(names[2], "\(flaw)")
        }
    }
}

extension Options {
    /// A password that is written in the environment, or in a file whose name is: the first line of it.
    /// - Returns: nil when neither is set.
    fileprivate mutating func password(_ prefix: String, of whom: String) -> Secret? {
        let name = "\(prefix)_PASSWORD"
        let password = secret(name, isRequired: false, help: "The password of \(whom)")
        let path = text(
            "\(name)_FILE", default: "", help: "The file that holds it, instead; its end of line is left off")
        guard !path.isEmpty else { return password.isEmpty ? nil : password }
        guard password.isEmpty else {
            refuse("\(name)_FILE", "\(name) is set too: which of them holds?")
            return password
        }
        var bytes: [UInt8] = []
        do throws(SystemFailure) {
            try File(reading: path).read(into: &bytes, at: 0, count: Self.passwordBytesMax)
        } catch {
            refuse("\(name)_FILE", "\(error)")
            return Secret("")
        }
        let line = String(decoding: bytes.prefix { $0 != 0x0a && $0 != 0x0d }, as: UTF8.self)
        if line.isEmpty { refuse("\(name)_FILE", "'\(path)' holds no password") }
        return Secret(line)
    }

    private static let passwordBytesMax = 4096

    fileprivate mutating func refuseIfSet(_ name: String, _ why: String) {
        if isSet(name) { refuse(name, why) }
    }
}
