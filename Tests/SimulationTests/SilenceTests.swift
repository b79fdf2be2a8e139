@testable import Switchboard
import Testing

@Suite struct `An owner that could not listen` {
    private let users = OwnerScene(UsersBook())
    private let calls = OwnerScene(CallBook(media: MediaGrants(urls: [])))

    private func beat() { users.send(.gateway(.beat(incarnation: "g1-1")), for: "/g1") }

    private var hasDied: Bool { users.records.contains { $0.facts.contains(.gateway(.died(incarnation: "g1-1"))) } }

    /// Ticks as in a process whose broker answers nothing.
    private func loseTheBroker(for length: Duration) {
        users.endIsUnknownAfter = .milliseconds(1_001)
        let end = users.now + length
        while users.now < end {
            users.now = users.now + .milliseconds(100)
            users.tick()
        }
        users.endIsUnknownAfter = nil
    }

    @Test(arguments: [20, 60])
    func `waits longer by the length of an outage, and once by the margin`(_ seconds: Int) {
        users.takeOver()
        beat()
        users.wait(.seconds(9))
        loseTheBroker(for: .seconds(seconds))
        users.wait(.seconds(4))
        #expect(!hasDied)
        users.wait(.seconds(3))
        #expect(hasDied)
    }

    @Test func `counts once what it has noticed twice`() {
        users.takeOver()
        beat()
        users.holdsTheEnd = true
        users.wait(.seconds(10))
        #expect(users.asksForTheEnd == 1)
        users.now = users.now + .seconds(20)
        users.tick(stalledFor: .seconds(20))
        users.holdsTheEnd = false
        users.answerTheEnd()
        users.wait(.seconds(4))
        #expect(!hasDied)
        users.wait(.seconds(2))
        #expect(hasDied)
    }

    private func expectDeathTenSecondsAfterABeat() {
        beat()
        users.wait(.milliseconds(9_500))
        #expect(!hasDied)
        users.wait(.seconds(1))
        #expect(hasDied)
    }

    @Test func `waits no longer for who fell silent after it`() {
        users.takeOver()
        beat()
        users.now = users.now + .seconds(30)
        users.tick(stalledFor: .seconds(30))
        users.wait(.seconds(1))
        expectDeathTenSecondsAfterABeat()
    }

    @Test func `waits longer for whom it waits already, though another has returned since`() {
        calls.takeOver()
        calls.send(.start(.anna), for: callKey, "u/d/1", .anna)
        calls.send(.accept(.ben), for: callKey, "b/d/1", .ben)
        calls.send(.joined(.anna), for: callKey)
        calls.send(.joined(.ben), for: callKey)
        calls.send(.deviceDown(.anna), for: callKey)
        calls.wait(.seconds(5))
        calls.send(.deviceDown(.ben), for: callKey)
        let lost = calls.now
        calls.wait(.seconds(2))
        calls.now = calls.now + .seconds(3)
        calls.tick(stalledFor: .seconds(3))
        calls.wait(.seconds(1))
        calls.send(.deviceUp(.anna), for: callKey)
        calls.wait(lost + CallSettings().lossGrace + .seconds(7) - calls.now)
        #expect(calls.owner.state(of: callKey)?.participant(.ben)?.state.isInside == true)
        calls.wait(.seconds(2))
        #expect(calls.owner.state(of: callKey)?.participant(.ben)?.state.isInside == false)
    }

    @Test func `does not take a quiet partition for one that nobody has read`() {
        users.takeOver()
        beat()
        users.now = users.now + .seconds(3_600)
        users.takeOver()
        users.wait(.seconds(1))
        expectDeathTenSecondsAfterABeat()
    }

    @Test func `gives everybody the margin when it begins to listen`() {
        users.takeOver()
        beat()
        users.now = users.now + .seconds(3_600)
        users.takeOver()
        users.wait(.seconds(14))
        #expect(!hasDied)
        users.wait(.seconds(2))
        #expect(hasDied)
    }
}

extension CallInput.DeviceNews {
    fileprivate static var anna: Self { Self(user: CallInput.By.anna.user, device: CallInput.By.anna.device) }
    fileprivate static var ben: Self { Self(user: CallInput.By.ben.user, device: CallInput.By.ben.device) }
}

private let callKey = "app/0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c11"
