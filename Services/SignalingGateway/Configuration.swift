import Switchboard

/// What only this service is told.
struct Configuration {
    var turn: TurnSettings
    /// Connections beyond this are answered 503.
    var connectionsMax: Int

    init(_ options: inout Options) {
        turn = TurnSettings(&options)
        connectionsMax = options.int(
            "SWITCHBOARD_CONNECTIONS_MAX", default: 100_000, in: 1...1_000_000, unit: "connections",
            help: "WebSockets beyond this are answered 503")
    }
}
