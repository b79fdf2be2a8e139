@testable import Switchboard
import Testing

@Suite struct `An owner whose inbox a broker with another clock has written` {
    private let calls = OwnerScene(CallBook(media: MediaGrants(urls: [])))

    private func send(_ input: CallInput, for key: String, _ command: String, ahead: Duration) {
        calls.put(input, for: key, command, .anna)
        calls.inbox[calls.inbox.count - 1].time = calls.now + ahead
        calls.settle()
    }

    @Test func `does not let the partition's time run ahead of its own by more than is allowed`() {
        calls.takeOver()
        send(.start(.anna), for: callKey, "u/d/1", ahead: .seconds(60))
        #expect(calls.records.last?.facts.isEmpty == false)
        #expect(calls.owner.lastTime <= calls.now + LedgerLimit.clockSkewMax)
        #expect(calls.records.allSatisfy { $0.time <= calls.now + LedgerLimit.clockSkewMax })
        // The next owner finds the same.
        let state = calls.owner.state(of: callKey)
        calls.takeOver()
        #expect(calls.owner.state(of: callKey) == state)
        #expect(calls.owner.lastTime <= calls.now + LedgerLimit.clockSkewMax)
    }

    @Test func `rings as long as ever after it`() {
        calls.takeOver()
        send(.start(.anna), for: otherKey, "u/d/1", ahead: .seconds(120))
        calls.wait(.seconds(1))
        send(.start(.anna), for: callKey, "u/d/2", ahead: .zero)
        calls.wait(CallSettings().ringTimeout - .seconds(1))
        #expect(calls.owner.state(of: callKey)?.isLive == true)
        calls.wait(.seconds(2))
        #expect(calls.owner.state(of: callKey)?.endReason == .noAnswer)
    }

    @Test func `says so once`() {
        calls.takeOver()
        send(.start(.anna), for: callKey, "u/d/1", ahead: LedgerLimit.clockSkewMax)
        #expect(calls.told == [])
        for number in 2...4 { send(.end(.anna), for: callKey, "u/d/\(number)", ahead: .seconds(60)) }
        #expect(calls.told.count == 1)
    }
}

private let callKey = "app/0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c11"
private let otherKey = "app/0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c12"
