import Switchboard

/// What only this service is told.
struct Configuration {
    var turn: TurnSettings
    /// Connections beyond this are answered 503.
    var connectionsMax: Int
    /// How long clients may take to go elsewhere when it is told to end.
    var goAway: Duration

    init(_ options: inout Options) {
        turn = TurnSettings(&options)
        connectionsMax = options.int(
            "SWITCHBOARD_CONNECTIONS_MAX", default: 100_000, in: 1...1_000_000, unit: "connections",
            help: "WebSockets beyond this are answered 503")
        goAway = options.duration(
            "SWITCHBOARD_GOAWAY_WITHIN", default: .seconds(3), in: .zero ... .seconds(600),
            help: "Clients go elsewhere within this time when it is told to end; a second later it closes them")
    }
}
