/// What every service is told, in the same words.
package struct ServiceSettings: Sendable {
    /// Where HTTP is listened to; port 0 takes a free one.
    package var listen: (host: String, port: Int)
    /// This copy's name in logs and at brokers.
    package var instance: String
    package var kafka: KafkaSettings
    package var redis: RedisSettings
    /// The folder for what this copy keeps; nobody else writes there.
    package var data: String
    /// Of every topic but the registry's; fixed for the life of the data.
    package var partitions: Int32
    /// Copies that the brokers keep of each topic.
    package var replication: Int32
    /// The level of ledger records that may be written.
    package var recordLevel: Int
    package var logLevel: LogLevel

    package static let partitionsMax = 256
    /// The highest level that this program writes and reads.
    package static let recordLevelMax = 3

    package init(_ options: inout Options, service: String) {
        listen = options.address("SWITCHBOARD_LISTEN", help: "Where this service answers HTTP; port 0 takes a free one")
        instance = options.text(
            "SWITCHBOARD_INSTANCE", default: "\(service)-1", help: "The name of this copy in logs and at brokers")
        let bootstrap = options.text(
            "SWITCHBOARD_KAFKA", default: "127.0.0.1:9192", help: "Brokers to begin with, as host:port,host:port")
        if let flaw = KafkaSettings.flaw(of: bootstrap) { options.refuse("SWITCHBOARD_KAFKA", flaw) }
        let security = KafkaSecurity(&options)
        redis = RedisSettings(&options, name: instance)
        data = options.text("SWITCHBOARD_DATA", help: "Folder of this copy's own files; no other copy may use it")
        partitions = Int32(
            options.int(
                "SWITCHBOARD_PARTITIONS", default: 32, in: 1...Self.partitionsMax,
                help: "Partitions of each topic; the same for all services, and fixed for the life of the data"))
        replication = Int32(
            options.int(
                "SWITCHBOARD_REPLICATION", default: 1, in: 1...9, unit: "brokers",
                help: "Brokers that keep each record; 3 on a cluster"))
        recordLevel = options.int(
            "SWITCHBOARD_RECORD_LEVEL", default: Self.recordLevelMax, in: 1...Self.recordLevelMax,
            help: "The highest level of ledger records to write; lower while copies that cannot read it still run")
        logLevel = options.choice("SWITCHBOARD_LOG_LEVEL", default: .info, help: "The least level that is logged")
        kafka = KafkaSettings(bootstrap: bootstrap, clientID: instance, security: security)
    }
}
