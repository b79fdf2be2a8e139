import Switchboard

/// What only this service is told.
struct Configuration {
    var turn: TurnSettings
    /// Whether this copy keeps the view that answers questions.
    var hasView: Bool

    init(_ options: inout Options) {
        turn = TurnSettings(&options)
        hasView = options.flag(
            "SWITCHBOARD_VIEW", default: true, help: "Keeps the view of calls, and answers questions from it")
    }
}
