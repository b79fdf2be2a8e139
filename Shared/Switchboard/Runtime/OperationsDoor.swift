/// What operators and their machines ask a process: does it live, may it be given work, what has it counted.
///
/// It stands on the process's own port, and never at the front door.
package struct OperationsDoor: Sendable {
    private let health: Health
    private let metrics: Metrics

    package init(health: Health, metrics: Metrics) {
        self.health = health
        self.metrics = metrics
    }

    /// Answers `/healthz`, `/readyz` and `/metrics`; nil for every other path, which is somebody else's.
    package func answer(_ request: HTTPRequest) -> HTTPResponse? {
        let response: HTTPResponse
        switch request.path {
        case "/healthz": response = Self.text(200, "alive\n")
        case "/readyz": response = Self.text(health.isReady ? 200 : 503, health.report)
        case "/metrics": response = Self.text(200, metrics.render(), type: "text/plain; version=0.0.4; charset=utf-8")
        default: return nil
        }
        guard request.method == "GET" || request.method == "HEAD" else {
            var refusal = Self.text(405, "Only GET and HEAD\n")
            refusal.headers.append(("Allow", "GET, HEAD"))
            return refusal
        }
        return response
    }

    private static func text(_ status: Int, _ body: String, type: String = "text/plain; charset=utf-8") -> HTTPResponse
    {
        HTTPResponse(
            status: status, headers: [("Content-Type", type), ("Cache-Control", "no-store")], body: Array(body.utf8))
    }
}
