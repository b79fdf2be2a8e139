import Support
import Switchboard
import Testing

/// What others tell a connection before its `connect` is answered.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct GatewayAdmissionTests {
    @Test func `What overtakes the answer to connect follows it, in its order`() async throws {
        let scene = try await GatewayScene.open()
        let phone = try await connected(scene)
        try await scene.deliver("call.snapshot", to: phone)
        try await scene.deliver("call.user.state", to: phone)
        try await scene.admit("phone")
        try await scene.deliver("afterwards", to: phone)
        try await eventually("all is heard") { await scene.heard.last == "phone: afterwards" }
        let heard = await scene.heard(by: "phone")
        #expect(heard.first?.hasPrefix(#"phone: {"re":"1","code":0"#) == true)
        #expect(heard.dropFirst() == ["phone: call.snapshot", "phone: call.user.state", "phone: afterwards"])
        await scene.end()
    }

    @Test func `Where the user's machine is silent, it follows what the token alone gets`() async throws {
        let scene = try await GatewayScene.open()
        let phone = try await connected(scene)
        try await scene.deliver("call.snapshot", to: phone)
        try await eventually("it is heard") { await scene.heard.last == "phone: call.snapshot" }
        let heard = await scene.heard(by: "phone")
        #expect(heard.count == 2 && heard.first?.hasPrefix(#"phone: {"re":"1","code":0"#) == true)
        await scene.end()
    }

    @Test func `A ring that is over by the time of the answer does not ring`() async throws {
        let scene = try await GatewayScene.open()
        let phone = try await connected(scene)
        let over = Timestamp(milliseconds: WallClock.milliseconds + 400)
        try await scene.deliver("call.received", to: phone, ringing: CallID("a-call"), until: over)
        // And as long as the gateway takes to look at its rings.
        try await eventually("the ring is over") { WallClock.milliseconds > over.milliseconds + 400 }
        try await scene.admit("phone")
        try await scene.deliver("afterwards", to: phone)
        try await eventually("all is heard") { await scene.heard.last == "phone: afterwards" }
        #expect(await scene.heard(by: "phone").count == 2)
        await scene.end()
    }

    @Test func `Who is told more than is held for it is to come back, and who is pushed out goes at once`() async throws
    {
        let scene = try await GatewayScene.open()
        let phone = try await connected(scene)
        try await scene.deliver(events: 257, to: phone)
        try await eventually("it is closed") { await scene.heard(by: "phone") == ["phone: closed 4503"] }
        let tablet = try await connected(scene, "tablet")
        try await scene.deliver("kicked", to: tablet, close: Int(CloseCode.banned))
        try await eventually("it is closed") { await scene.heard.last == "tablet: closed 4403" }
        #expect(await scene.heard(by: "tablet").suffix(2) == ["tablet: kicked", "tablet: closed 4403"])
        await scene.end()
    }

    /// A connection whose `connect` waits for its answer.
    private func connected(_ scene: GatewayScene, _ device: String = "phone") async throws -> Connection {
        try await scene.connect("anna", device)
        try await eventually("the login is told") { await scene.logins(of: device).count == 1 }
        return try await scene.address(of: device)
    }
}
