import Switchboard

/// What only this service is told.
struct Configuration {
    /// Whether this copy keeps the view that answers questions.
    var hasView: Bool

    init(_ options: inout Options) {
        hasView = options.flag(
            "SWITCHBOARD_VIEW", default: true, help: "Keeps the view of sessions, and answers questions from it")
    }
}
