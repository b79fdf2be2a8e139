/// One thing a process can be told, as the manual shows it.
package struct Setting: Sendable, Equatable {
    package let name: String
    /// What is written there: text, number, time, host:port …
    package let kind: String
    package let unit: String
    /// As it would be written; nil: must be set.
    package let defaultText: String?
    package let range: String
    package let help: String
}

extension Options {
    /// What was asked for, as a Markdown table in the order of asking.
    package func table() -> String {
        let head = ["| setting | what | default | range | |", "|---|---|---|---|---|"]
        let rows = settings.map { setting in
            let value = setting.defaultText.map { $0.isEmpty ? "–" : "`\($0)`" } ?? "required"
            let kind = setting.unit.isEmpty ? setting.kind : "\(setting.kind) (\(setting.unit))"
            return "| `\(setting.name)` | \(kind) | \(value) | \(setting.range) | \(setting.help) |"
        }
        return (head + rows).joined(separator: "\n")
    }
}

/// Every name that some process of the house reads: a name that is not here is a slip of the hand.
package enum SettingNames {
    package static let all: Set<String> = [
        "SWITCHBOARD_ADMIN_TOKEN", "SWITCHBOARD_ADVERTISE", "SWITCHBOARD_CONNECTIONS_MAX", "SWITCHBOARD_DATA",
        "SWITCHBOARD_DEMO", "SWITCHBOARD_FSYNC", "SWITCHBOARD_FSYNC_INTERVAL", "SWITCHBOARD_GOAWAY_WITHIN",
        "SWITCHBOARD_ICE_TTL",
        "SWITCHBOARD_INSTANCE", "SWITCHBOARD_KAFKA", "SWITCHBOARD_KAFKA_CA", "SWITCHBOARD_KAFKA_CERTIFICATE",
        "SWITCHBOARD_KAFKA_KEY", "SWITCHBOARD_KAFKA_PASSWORD", "SWITCHBOARD_KAFKA_PASSWORD_FILE",
        "SWITCHBOARD_KAFKA_SASL_MECHANISM", "SWITCHBOARD_KAFKA_SECURITY_PROTOCOL", "SWITCHBOARD_KAFKA_USER",
        "SWITCHBOARD_LISTEN", "SWITCHBOARD_LOG_LEVEL", "SWITCHBOARD_PARTITIONS",
        "SWITCHBOARD_RECORD_LEVEL", "SWITCHBOARD_REDIS",
        "SWITCHBOARD_REDIS_CA", "SWITCHBOARD_REDIS_CERTIFICATE", "SWITCHBOARD_REDIS_KEY", "SWITCHBOARD_REDIS_PASSWORD",
        "SWITCHBOARD_REDIS_PASSWORD_FILE", "SWITCHBOARD_REDIS_USER", "SWITCHBOARD_REPLICATION",
        "SWITCHBOARD_SIGNING_KEY",
        "SWITCHBOARD_TOKEN_LIFETIME", "SWITCHBOARD_TURN_SECRET", "SWITCHBOARD_TURN_URLS", "SWITCHBOARD_VIEW",
        "SWITCHBOARD_WEBHOOK_ALLOW_PRIVATE", "SWITCHBOARD_WEBHOOK_ANSWER_WITHIN", "SWITCHBOARD_WEBHOOK_DISABLED_AFTER",
        "SWITCHBOARD_WEBHOOK_ENDPOINTS_AGAIN", "SWITCHBOARD_WEBHOOK_HELD_MAX", "SWITCHBOARD_WEBHOOK_ORDER_HELD",
        "SWITCHBOARD_WEBHOOK_RETRIES", "SWITCHBOARD_WEBHOOK_RETRY_FIRST",
    ]
}

/// Times as people write them in settings.
enum DurationText {
    private static let units: [(suffix: String, milliseconds: Int64)] = [
        ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000),
    ]

    static func read(_ text: String) -> Duration? {
        for unit in units where text.hasSuffix(unit.suffix) {
            guard let count = Int64(text.dropLast(unit.suffix.count)), count >= 0 else { continue }
            let (milliseconds, overflow) = count.multipliedReportingOverflow(by: unit.milliseconds)
            return overflow ? nil : .milliseconds(milliseconds)
        }
        return nil
    }

    static func spell(_ duration: Duration) -> String {
        let milliseconds = duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
        let unit = units.last { milliseconds != 0 && milliseconds % $0.milliseconds == 0 } ?? units[0]
        return "\(milliseconds / unit.milliseconds)\(unit.suffix)"
    }
}

/// `host:port`, `[::1]:port`.
enum AddressText {
    static func read(_ text: String) -> (host: String, port: Int)? {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        var host = text[..<colon]
        let digits = text[text.index(after: colon)...]
        if host.hasPrefix("[") && host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }), let port = Int(digits), port <= 65535
        else { return nil }
        return (String(host), port)
    }
}
