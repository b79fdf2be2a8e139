import Support
import Switchboard
import Testing

/// A gateway whose clock is off would ring nobody, or be refused every command.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct GatewayClockTests {
    @Test(arguments: [-30, 30] as [Int64])
    func `A gateway whose clock goes off sends all away and lets nobody in until it agrees`(seconds: Int64) async throws
    {
        let scene = try await GatewayScene.open()
        try await scene.connect("anna", "phone")
        try await eventually("the login is told") { await scene.logins(of: "phone").count == 1 }

        try scene.wallClock.turn(by: seconds)
        try await eventually("it is sent away") { await scene.heard(by: "phone").last == "phone: closed 4503" }
        #expect(scene.gateway.said.contains("the clock is off the brokers'"))
        #expect(try await scene.tryToConnect("anna", "tablet")?.contains("503") == true)
        let state = try await get(scene, "/readyz")
        #expect(state.status == 503 && state.text.contains("clock"))
        #expect(try await get(scene, "/metrics").text.contains("switchboard_gateway_withdrawn 1"))

        try scene.wallClock.turn(by: 0)
        try await eventually("it is ready") { (try? await get(scene, "/readyz"))?.status == 200 }
        #expect(try await get(scene, "/metrics").text.contains("switchboard_gateway_withdrawn 0"))
        try await scene.connect("anna", "tablet")
        try await eventually("who comes is let in") { await scene.logins(of: "tablet").count == 1 }
        await scene.end()
    }

    private func get(_ scene: GatewayScene, _ path: String) async throws -> TestHTTP.Answer {
        try await TestHTTP.send("GET", "http://127.0.0.1:\(scene.gateway.port)\(path)")
    }
}
