internal import CRdkafka

/// How a service reaches Kafka: what its operator configures. What decides latency and safety is set by each client here.
package struct KafkaSettings: Sendable {
    /// Some brokers to begin with, as `host:port`, separated by commas.
    package var bootstrap: String
    /// The name that brokers write into their logs for this process.
    package var clientID: String
    package var security: KafkaSecurity
    /// Properties of librdkafka by their own names. They win over what the clients here set.
    package var extra: [String: String]

    package init(
        bootstrap: String, clientID: String = "switchboard", security: KafkaSecurity = KafkaSecurity(),
        extra: [String: String] = [:]
    ) {
        self.bootstrap = bootstrap
        self.clientID = clientID
        self.security = security
        self.extra = extra
    }

    /// What is wrong with a list of brokers; nil where it can be tried.
    package static func flaw(of bootstrap: String) -> String? {
        let isGood = bootstrap.split(separator: ",", omittingEmptySubsequences: false).allSatisfy { broker in
            guard let colon = broker.lastIndex(of: ":"), let port = UInt16(broker[broker.index(after: colon)...])
            else { return false }
            return port > 0 && colon > broker.startIndex && !broker.contains { $0.isWhitespace }
        }
        return isGood ? nil : "'\(bootstrap)' is not host:port,host:port"
    }
}

extension KafkaSettings {
    /// What all clients share. A broker that hangs keeps its sockets open: only these limits notice it. The socket's limit
    /// stays more than a second above the longest wait of a fetch.
    private static let common = [
        "socket.nagle.disable": "true",
        "socket.keepalive.enable": "true",
        "socket.timeout.ms": "3000",
        "socket.connection.setup.timeout.ms": "3000",
        "reconnect.backoff.ms": "50",
        "reconnect.backoff.max.ms": "500",
        "topic.metadata.refresh.fast.interval.ms": "100",
        // A producer's default would have a broker make a topic as it thinks fit, before it is made as it must be.
        "allow.auto.create.topics": "false",
        // What goes wrong comes as events to the loop; lines on the standard error would say it again, with each retry.
        "log_level": "0",
    ]

    /// A configuration for `rd_kafka_new`, which takes it over when it succeeds.
    func configuration(_ properties: [String: String], of operation: String) throws(KafkaFailure) -> OpaquePointer {
        guard let configuration = rd_kafka_conf_new() else {
            throw KafkaFailure(RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, during: operation)
        }
        var all = Self.common
        all["bootstrap.servers"] = bootstrap
        all["client.id"] = clientID
        for more in [properties, security.properties, extra] { all.merge(more) { _, later in later } }
        var text = [CChar](repeating: 0, count: 512)
        for (name, value) in all
        where rd_kafka_conf_set(configuration, name, value, &text, text.count) != RD_KAFKA_CONF_OK {
            rd_kafka_conf_destroy(configuration)
            let said = text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
            throw KafkaFailure(RD_KAFKA_RESP_ERR__INVALID_ARG, during: operation, text: said)
        }
        return configuration
    }
}
