@testable import Switchboard
import Testing

@Suite struct `An owner whose effects are not acknowledged` {
    private let calls = OwnerScene(CallBook(media: MediaGrants(urls: [])))

    /// Each is refused, with one frame for whom asked.
    private func ask(_ count: Int) {
        for number in 0..<count { calls.put(.end(.anna), for: callKey, "u/d/\(number)", .anna) }
        calls.settle()
    }

    @Test func `lets its inbox rest, and goes on below half of what may be under way`() {
        calls.takeOver { $0.backlogMax = 20 }
        calls.holdsEffects = true
        ask(50)
        #expect(calls.performed.count == 21)
        #expect(calls.isInboxPaused)
        #expect(calls.owner.performedThrough < calls.owner.acceptedThrough)

        calls.acknowledgeEffects(11)
        #expect(calls.isInboxPaused)
        calls.acknowledgeEffects(1)
        // It was let flow with nine under way, until there were too many again.
        #expect(calls.performed.count == 12 + 21)
        #expect(calls.isInboxPaused)

        calls.holdsEffects = false
        calls.acknowledgeEffects(21)
        #expect(calls.performed.count == 50)
        #expect(!calls.isInboxPaused)
        #expect(calls.owner.isIdle)
        #expect(calls.owner.performedThrough == calls.owner.acceptedThrough)
        #expect(calls.endings.isEmpty)
    }

    @Test func `takes over with more to perform than may be under way, and reads on when that is done`() {
        calls.takeOver { $0.backlogMax = 20 }
        calls.holdsEffects = true
        ask(21)
        calls.takeOver { $0.backlogMax = 8 }
        ask(5)
        #expect(calls.isInboxPaused)
        #expect(calls.performed.count == 21 + 21)
        calls.holdsEffects = false
        calls.acknowledgeEffects(21)
        #expect(!calls.isInboxPaused)
        #expect(calls.owner.isIdle)
    }
}

private let callKey = "app/0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c11"
