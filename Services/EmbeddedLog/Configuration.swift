import Switchboard

/// What the broker is told by its environment.
struct Configuration {
    private enum Sync: String, CaseIterable { case every, interval, never }

    var listen: (host: String, port: Int)
    /// What clients are told; port 0: the one it listens at.
    var advertised: (host: String, port: Int)
    var data: String
    var syncPolicy: SyncPolicy
    var logLevel: LogLevel

    init(_ options: inout Options) {
        listen = options.address(
            "SWITCHBOARD_LISTEN", default: "127.0.0.1:9192",
            help: "Where clients connect; port 0 takes a free one. The port is written to `port` in the data folder")
        advertised = options.address(
            "SWITCHBOARD_ADVERTISE", default: TCPAddress.text(host: listen.host, port: listen.port),
            help: "Where clients are told to connect; as it listens unless set")
        data = options.text(
            "SWITCHBOARD_DATA", help: "Folder of topics, offsets and producer ids; one broker at a time")
        let sync = options.choice(
            "SWITCHBOARD_FSYNC", default: Sync.interval,
            help: "`every`: on the disk before it is acknowledged, survives loss of power. `interval`: soon after, "
                + "loss of power takes what was younger. `never`: when the system does it. The end of the process, "
                + "however sudden, takes nothing in all three")
        let interval = options.duration(
            "SWITCHBOARD_FSYNC_INTERVAL", default: .milliseconds(50), in: .milliseconds(1)...(.seconds(60)),
            help: "How long `interval` leaves records to the system")
        logLevel = options.choice("SWITCHBOARD_LOG_LEVEL", default: .info, help: "The least level that is logged")
        syncPolicy =
            switch sync {
            case .every: .every
            case .interval: .interval(interval)
            case .never: .never
            }
    }
}
