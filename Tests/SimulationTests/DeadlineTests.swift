@testable import Switchboard
import Testing

@Suite struct `The deadlines of an owner` {
    private let calls = OwnerScene(CallBook(media: MediaGrants(urls: [])))

    private func key(_ number: Int) -> String { "app/00000000-0000-4000-8000-\(100_000_000_000 + number)" }

    /// Answered, and over soon after.
    private func talk(_ number: Int) {
        let key = key(number)
        calls.send(.start(.anna), for: key)
        calls.send(.accept(.ben), for: key)
        calls.send(.joined(.anna), for: key)
        calls.send(.joined(.ben), for: key)
        calls.now = calls.now + .seconds(3)
        calls.send(.end(.anna), for: key)
        calls.tick()
    }

    @Test func `are no more than those of what it remembers, however many calls there were`() {
        calls.takeOver()
        var most = 0
        for number in 0..<2_500 {
            talk(number)
            most = max(most, calls.owner.due.count)
        }
        #expect(calls.owner.liveCount <= 310)
        #expect(most <= 3 * 310 + 1_024)
    }

    @Test func `fire all the same after those that hold no longer were let go of`() {
        calls.takeOver()
        let (rings, connects, speaks) = (key(10_000), key(10_001), key(10_002))
        let beginning = calls.now
        calls.send(.start(.anna), for: speaks)
        calls.send(.accept(.ben), for: speaks)
        calls.send(.joined(.anna), for: speaks)
        calls.send(.joined(.ben), for: speaks)
        var counts: [Int] = []
        for number in 0..<2_000 {
            talk(number)
            counts.append(calls.owner.due.count)
        }
        calls.send(.start(.anna), for: rings)
        calls.send(.start(.anna), for: connects)
        calls.send(.accept(.ben), for: connects)
        calls.owner.letGoOfStaleDeadlines()
        #expect(calls.owner.due.count <= 6)
        calls.wait(CallSettings().ringTimeout + CallSettings().connectTimeout + .seconds(1))
        #expect(calls.owner.state(of: rings)?.endReason == .noAnswer)
        #expect(calls.owner.state(of: connects)?.isLive == false)
        #expect(calls.owner.state(of: speaks)?.isLive == true)
        calls.now = beginning + CallSettings().maxDuration + .seconds(1)
        calls.tick()
        #expect(calls.owner.state(of: speaks)?.isLive == false)
    }

    @Test func `have passed only by the clock that says whether an accept is in time`() {
        calls.clockSkew = .milliseconds(400)
        calls.takeOver()
        let (late, inTime) = (key(1), key(2))
        calls.send(.start(.anna), for: late)
        calls.send(.start(.anna), for: inTime)
        calls.wait(CallSettings().ringTimeout - .milliseconds(200))
        calls.tick()
        calls.send(.accept(.ben), for: inTime)
        #expect(calls.owner.state(of: inTime)?.endReason == nil)
        calls.wait(.milliseconds(300))
        #expect(calls.owner.state(of: late)?.endReason == .noAnswer)
        #expect(calls.owner.state(of: inTime)?.isLive == true)
    }
}
