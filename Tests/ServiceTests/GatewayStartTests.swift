import Support
import Switchboard
import Testing

@Suite("A gateway that starts", .serialized)
struct GatewayStartTests {
    @Test("Until it is ready it answers 503, by which the front door takes another")
    func sendsAway() async throws {
        let stage = try await ServiceStage()
        let gateway = try stage.service("signaling-gateway")
        let deadline = ContinuousClock.now + .seconds(60)
        try gateway.launch()
        var refusals = 0
        while true {
            try #require(ContinuousClock.now < deadline, "\(gateway.said)")
            // Until it listens nobody answers.
            guard let answer = try? await TestHTTP.send("GET", "http://127.0.0.1:\(gateway.port)/ws") else { continue }
            guard answer.status != 503 else {
                refusals += 1
                continue
            }
            let state = try await TestHTTP.send("GET", "http://127.0.0.1:\(gateway.port)/readyz")
            #expect(state.status == 200, "answered \(answer.status) behind \(refusals) of 503, and \(state.text)")
            return
        }
    }
}
