/// What every one of the five services is told.
package struct ServiceSettings: Sendable {
    package let service: String
    package let instance: String
    package let kafka: String
    package let redis: String
    package let data: String
    package let listen: (host: String, port: Int)
    package let partitions: Int
    package let logLevel: LogLevel

    package static let partitionsDefault = 32
    package static let partitionsRange = 1...256

    /// - Parameter usesRedis: a service without it is not asked where Redis is.
    package init(_ options: inout Options, service: String, usesRedis: Bool = true) {
        self.service = service
        instance = options.text(
            "SWITCHBOARD_INSTANCE", default: "\(service)-1", help: "A name unlike that of any other copy")
        kafka = options.text("SWITCHBOARD_KAFKA", help: "Bootstrap brokers, `host:port[,host:port]`")
        redis =
            usesRedis
            ? options.text("SWITCHBOARD_REDIS", help: "`redis://[:password@]host:port[/db]`") : ""
        data = options.text("SWITCHBOARD_DATA", help: "A folder of this process alone; its views are kept there")
        listen = options.address("SWITCHBOARD_LISTEN", help: "Where it answers; port 0 takes a free one")
        partitions = options.int(
            "SWITCHBOARD_PARTITIONS", default: Self.partitionsDefault, in: Self.partitionsRange,
            help: "Partitions of each topic; the same everywhere, and for the life of the data")
        logLevel = options.choice("SWITCHBOARD_LOG_LEVEL", default: .info, help: "The least level that is logged")
    }
}
