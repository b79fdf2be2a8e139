import Support
import Switchboard
import Testing

/// Services that meet a record of a newer program.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct OutdatedServiceTests {
    @Test func `A gateway that the registry has gone beyond keeps who is there, and lets nobody in`() async throws {
        let scene = try await GatewayScene.open()
        try await scene.connect("anna", "phone")
        try await eventually("the login is told") { await scene.logins(of: "phone").count == 1 }
        let token = try await scene.token(of: "anna")
        try await scene.writeNewerToRegistry()
        try await eventually("it is not ready") {
            try await TestHTTP.send("GET", "http://127.0.0.1:\(scene.gateway.port)/readyz").text.contains("level")
        }
        #expect(try await scene.tryToConnect("anna", "tablet", token)?.contains("503") == true)
        try await scene.admit("phone")
        try await scene.deliver("still here", to: try await scene.address(of: "phone"))
        try await eventually("who is there is told") { await scene.heard.last == "phone: still here" }
        await scene.end()
    }

    @Test func `A call-orchestrator whose view cannot go on leaves questions to others`() async throws {
        let stage = try await ServiceStage(partitions: Int(LogScene.partitions))
        let scene = LogScene(stage.broker.bootstrap)
        try await scene.makeTopics()
        let orchestrator = try stage.service("call-orchestrator")
        try await orchestrator.start()
        var later = LogRecord<CallFact>()
        later.kind = .facts
        later.level = RecordLevel.highest + 1
        later.incarnation = "newer"
        try await scene.write([later], to: .calls, 1)
        try await eventually("it is not ready") {
            try await TestHTTP.send("GET", "http://127.0.0.1:\(orchestrator.port)/readyz").text.contains("level")
        }
        try await scene.join("switchboard.queries.v1", of: Topic.queries)
        try await eventually("another has all of them") { await scene.owned == [0, 1] }
        #expect(try await orchestrator.stop() == 0)
        #expect(!orchestrator.said.contains("stopped turning"))
        await scene.close()
    }
}
