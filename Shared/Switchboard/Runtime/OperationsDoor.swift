/// What an operator and a supervisor ask every process alike: does it turn, may it be given work, what does it count.
/// On the process's own port, never through the front door.
package struct OperationsDoor: Sendable {
    private let health: Health
    private let metrics: Metrics

    package init(health: Health, metrics: Metrics) {
        self.health = health
        self.metrics = metrics
    }

    /// - Returns: nil where the request is not for this door.
    package func answer(_ request: HTTPRequest) -> HTTPResponse? {
        switch request.path {
        case "/healthz", "/readyz", "/metrics": break
        default: return nil
        }
        guard request.method == "GET" || request.method == "HEAD" else {
            var refusal = HTTPResponse.problem(405, detail: "only GET is answered here")
            refusal.headers.append(("Allow", "GET, HEAD"))
            return refusal
        }
        switch request.path {
        // That the loop came here to answer is the answer.
        case "/healthz": return text(200, "alive\n")
        case "/readyz": return text(health.isReady ? 200 : 503, health.report)
        default: return text(200, metrics.render(), type: "text/plain; version=0.0.4; charset=utf-8")
        }
    }

    private func text(_ status: Int, _ body: String, type: String = "text/plain; charset=utf-8") -> HTTPResponse {
        HTTPResponse(
            status: status, headers: [("Content-Type", type), ("Cache-Control", "no-store")], body: Array(body.utf8))
    }
}
