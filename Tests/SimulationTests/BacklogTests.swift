@testable import Switchboard
import Testing

@Suite struct `An owner whose effects are not acknowledged` {
    private let calls = OwnerScene(CallBook(media: MediaGrants(urls: [])))
    private var dialed = 0

    /// Each is refused, with one frame for whom asked.
    private func ask(_ count: Int) {
        for number in 0..<count { calls.put(.end(.anna), for: callKey, "u/d/\(number)", .anna) }
        calls.settle()
    }

    /// Each asks the caller's machine for a seat and tells the callee's of the ring.
    private mutating func dial(_ count: Int) {
        for _ in 0..<count {
            dialed += 1
            let call = "0b8f2b0e-8a49-4a4e-9f0e-" + String(String(1_000_000_000_000 + dialed).suffix(12))
            calls.put(.start(.anna), for: "app/\(call)", "u/d/\(call)", .anna)
        }
        calls.settle()
    }

    @Test func `decides on while gateways take no frames`() {
        calls.takeOver { $0.backlogMax = 20 }
        calls.holdsEffects = true
        ask(50)
        #expect(calls.performed.count == 50)
        #expect(!calls.isInboxPaused)
        #expect(calls.owner.performedThrough < calls.owner.acceptedThrough)
        calls.acknowledgeEffects(50)
        #expect(calls.owner.isIdle)
        #expect(calls.owner.performedThrough == calls.owner.acceptedThrough)
    }

    @Test mutating func `lets its inbox rest, and goes on below half of what may be under way`() {
        calls.takeOver { $0.backlogMax = 20 }
        calls.holdsEffects = true
        dial(50)
        #expect(calls.performed.count == 2 * 21)
        #expect(calls.isInboxPaused)
        #expect(calls.owner.performedThrough < calls.owner.acceptedThrough)

        calls.acknowledgeEffects(22)
        #expect(calls.isInboxPaused)
        calls.acknowledgeEffects(2)
        // It was let flow with nine under way, until there were too many again.
        #expect(calls.performed.count == 2 * (12 + 21))
        #expect(calls.isInboxPaused)

        calls.holdsEffects = false
        calls.acknowledgeEffects(42)
        #expect(calls.performed.count == 2 * 50)
        #expect(!calls.isInboxPaused)
        #expect(calls.owner.isIdle)
        #expect(calls.owner.performedThrough == calls.owner.acceptedThrough)
        #expect(calls.endings.isEmpty)
    }

    @Test mutating func `takes over with more to perform than may be under way, and reads on when that is done`() {
        calls.takeOver { $0.backlogMax = 20 }
        calls.holdsEffects = true
        dial(21)
        calls.takeOver { $0.backlogMax = 8 }
        dial(5)
        #expect(calls.isInboxPaused)
        #expect(calls.performed.count == 2 * (21 + 21))
        calls.holdsEffects = false
        calls.acknowledgeEffects(42)
        #expect(!calls.isInboxPaused)
        #expect(calls.owner.isIdle)
    }
}

private let callKey = "app/0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c11"
