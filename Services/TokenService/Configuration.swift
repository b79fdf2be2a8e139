import Switchboard

/// What only this service is told.
struct Configuration {
    /// File of the private key that signs tokens; made where it is missing.
    var signingKey: String
    /// Shown by administrators; empty lets none in.
    var adminToken: Secret
    /// Tokens for whoever asks: for the demo on one's own machine.
    var isDemo: Bool
    /// How long a token is good for; nil for ever.
    var tokenLifetime: Duration?

    private static let tokenLifetimeMax: Duration = .seconds(10 * 365 * 86_400)

    init(_ options: inout Options) {
        signingKey = options.text(
            "SWITCHBOARD_SIGNING_KEY", default: "",
            help: "PEM file of the P-256 key that signs tokens, the same for all copies, made where it is missing; "
                + "unset: `signing-key.pem` in the data folder")
        adminToken = Secret(
            options.text(
                "SWITCHBOARD_ADMIN_TOKEN", default: "", help: "What administrators show as Bearer; empty lets none in"))
        isDemo = options.flag(
            "SWITCHBOARD_DEMO", help: "Gives tokens to whoever asks at /demo/token; for one's own machine")
        let lifetime = options.duration(
            "SWITCHBOARD_TOKEN_LIFETIME", default: .zero, in: .zero...Self.tokenLifetimeMax,
            help: "How long a token is good for; 0ms is for ever")
        tokenLifetime = lifetime == .zero ? nil : lifetime
    }
}
