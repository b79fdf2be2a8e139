import SignalingGateway
import Testing

@Suite struct `Requests that wait for an answer` {
    private let now = ContinuousClock.now

    @Test func `are answered once`() {
        var pending = PendingAnswers()
        pending.expect("7", until: now)
        let answers = [pending.answer("7"), pending.answer("7"), pending.answer("8")]
        #expect(answers == [true, false, false])
    }

    @Test func `are given up at their deadline, and not answered after it`() {
        var pending = PendingAnswers()
        pending.expect("7", until: now)
        let outcomes = [pending.giveUp("7", at: now), pending.giveUp("7", at: now), pending.answer("7")]
        #expect(outcomes == [true, false, false])
    }

    @Test func `are not given up for an earlier request of the same id`() {
        var pending = PendingAnswers()
        let later = now + .seconds(4)
        pending.expect("7", until: now)
        let isFirstAnswered = pending.answer("7")
        pending.expect("7", until: later)
        let outcomes = [isFirstAnswered, pending.giveUp("7", at: now), pending.giveUp("7", at: later)]
        #expect(outcomes == [true, false, true])
    }
}
