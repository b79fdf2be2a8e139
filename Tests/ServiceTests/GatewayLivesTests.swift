import Support
import Switchboard
import Testing

/// A gateway that others may have taken for dead begins a new life, over the sockets that it has.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct GatewayLivesTests {
    @Test func `A gateway whose beat is late announces its sockets anew, and hears for its life before`() async throws {
        let scene = try await GatewayScene.open()
        try await scene.connect("anna", "phone")
        try await eventually("the login is told") { await scene.logins(of: "phone").count == 1 }
        let first = try #require(await scene.logins(of: "phone").first)
        let former = try #require(first.device.connection)
        #expect(first.formerly == nil && first.asker?.connection == former)
        try expectNow(first.takenAt)

        scene.broker.hang()
        try await eventually("the beat is late") { scene.gateway.said.contains("begins a new life") }
        scene.broker.wake()
        try await eventually("the socket is announced") { await scene.logins(of: "phone").count == 2 }
        let second = try #require(await scene.logins(of: "phone").last)
        let present = try #require(second.device.connection)
        #expect(present.gateway != former.gateway && present.number == former.number)
        #expect(second.formerly == former && second.asker == nil && second.shows == nil)
        try expectNow(second.takenAt)
        try await eventually("the new life beats") { await scene.beats.last == present.gateway }

        var stranger = former
        stranger.gateway = "another gateway"
        var nobody = former
        nobody.number += 1
        try await scene.deliver("to another gateway", to: stranger, index: 0)
        try await scene.deliver("to a socket that is gone", to: nobody, index: 1)
        try await scene.deliver("to the life before", to: former, index: 2)
        // Performed again by an owner that knows the new address by now.
        try await scene.deliver("to the life before", to: present, index: 2)
        try await scene.deliver("to this life", to: present, index: 3)
        try await scene.deliver("to this life", to: former, index: 3)
        try await scene.deliver("the last", to: former, index: 4)
        try await eventually("all is heard") { await scene.heard.last == "phone: the last" }
        let events = await scene.heard(by: "phone").dropFirst()
        #expect(events == ["phone: to the life before", "phone: to this life", "phone: the last"])
        await scene.end()
    }

    @Test func `A gateway that hears of its death hears for all its lives, and for no other process's`() async throws {
        let scene = try await GatewayScene.open()
        try await scene.connect("anna", "phone")
        try await eventually("the login is told") { await scene.logins(of: "phone").count == 1 }
        let first = try await scene.address(of: "phone")
        try await scene.deliver(nil, to: first, died: true)
        try await eventually("a second life") { await scene.logins(of: "phone").count == 2 }
        // No news: it has left that life by itself.
        try await scene.deliver(nil, to: first, died: true)
        let second = try await scene.address(of: "phone")
        try await scene.deliver(nil, to: second, died: true)
        try await eventually("a third life") { await scene.logins(of: "phone").count == 3 }
        let third = try await scene.address(of: "phone")
        #expect(await scene.logins(of: "phone").map(\.formerly) == [nil, first, second])
        for (index, life) in [first, second, third].enumerated() {
            try await scene.deliver("to life \(index)", to: life, index: Int32(index))
        }
        try await eventually("all is heard") { await scene.heard.last == "phone: to life 2" }
        #expect(await scene.heard(by: "phone").suffix(3) == (0...2).map { "phone: to life \($0)" })
        #expect(Set([first, second, third].map(\.gateway)).count == 3)

        scene.gateway.kill()
        _ = try await scene.gateway.waitForEnd()
        try await scene.gateway.start()
        try await scene.connect("ben", "tablet")
        try await eventually("the login is told") { await scene.logins(of: "tablet").count == 1 }
        let other = try await scene.address(of: "tablet")
        #expect(other.number == third.number && other.partition == third.partition)
        for life in [first, second, third] { try await scene.deliver("to the dead", to: life) }
        try await scene.deliver("to the living", to: other)
        try await eventually("it is heard") { await scene.heard.last == "tablet: to the living" }
        #expect(await !scene.heard.contains { $0.hasSuffix("to the dead") })
        await scene.end()
    }

    @Test func `A socket that its user's machine tells to come back is closed with 4503, at its address before too`()
        async throws
    {
        let scene = try await GatewayScene.open()
        try await scene.connect("anna", "phone")
        try await scene.connect("anna", "tablet")
        try await eventually("the logins are told") { await scene.told.count == 2 }
        let phone = try await scene.address(of: "phone")
        try await scene.deliver(nil, to: phone, died: true)
        try await eventually("a second life") { await scene.told.count == 4 }
        let announced = try await scene.address(of: "phone")
        try await scene.deliver(nil, to: phone, index: 0, close: Int(CloseCode.goingAway))
        try await eventually("it is closed") { await scene.heard(by: "phone").last == "phone: closed 4503" }
        // Lost is the address that was announced last, by which its user's machine knows it.
        try await eventually("it is lost") { await scene.told.count == 5 }
        guard case .lost(let gone) = try #require(await scene.told.last) else {
            Issue.record("a closed socket is a loss")
            return
        }
        #expect(gone.device.text == "phone" && gone.connection == announced)
        try await scene.deliver("still here", to: try await scene.address(of: "tablet"), index: 1)
        try await eventually("the other stays") { await scene.heard.last == "tablet: still here" }
        await scene.end()
    }

    /// The gateway's clock is ours.
    private func expectNow(_ moment: Timestamp?) throws {
        let age = WallClock.milliseconds - (try #require(moment)).milliseconds
        #expect(0...30_000 ~= age)
    }

    @Test func `Whose login is lost when Kafka's client gives up is told to come back, and is heard then`() async throws
    {
        let scene = try await GatewayScene.open()
        try await eventually("it beats") { await scene.beatPartition != nil }
        let beats = await scene.beatPartition
        let anna = try #require((0..<20).map { "anna\($0)" }.first { scene.partition(of: $0) != beats })
        try await scene.connect(anna, "phone")
        try await eventually("the login is told") { await scene.logins(of: "phone").count == 1 }
        try Intruder(broker: scene.broker).takeTurns(in: LedgerName.users.inbox, scene.partition(of: anna))
        try await scene.connect(anna, "tablet")
        try await eventually("it is sent away") { await scene.heard(by: "tablet").last == "tablet: closed 4503" }
        #expect(scene.gateway.said.contains("Kafka's client gave up"))
        try await scene.connect(anna, "watch")
        try await eventually("who comes is heard") { await scene.logins(of: "watch").count == 1 }
        #expect(await scene.logins(of: "tablet").isEmpty)
        #expect(await !scene.heard(by: "phone").contains { $0.hasPrefix("phone: closed") })
        await scene.end()
    }
}
