import Switchboard
import Testing

@Suite struct `A start` {
    private func refusal(_ change: (inout CallInput.Start) -> Void) -> Refusal? {
        var start = CallInput.Start.anna
        change(&start)
        return CallStage().refusal(of: .start(start))
    }

    @Test func `is refused without callees`() {
        #expect(refusal { $0.callees = [] }?.reason == .badCallees)
    }

    @Test(arguments: [[UserID("anna")], [UserID("")], [UserID("no space")], [UserID("ben"), UserID("ben")]])
    func `names the callees that are wrong: the caller, malformed, twice`(_ callees: [UserID]) {
        let refusal = refusal { $0.callees = callees }
        #expect(refusal?.reason == .badCallees)
        #expect(refusal?.users == [callees.last!])
    }

    @Test func `of a single call is refused with several callees`() {
        #expect(refusal { $0.callees = [.ben, .carl] }?.reason == .singleCallWithSeveral)
    }

    @Test(arguments: [4_999, 180_001, 0, -1])
    func `is refused with a ring time out of its range`(_ milliseconds: Int) {
        let refusal = refusal { $0.ringTimeout = .milliseconds(milliseconds) }
        #expect(refusal?.reason == .malformed && refusal?.field == "ringTimeoutMs")
    }

    @Test(arguments: [5_000, 180_000])
    func `rings as long as it asks for`(_ milliseconds: Int) {
        var stage = CallStage()
        var start = CallInput.Start.anna
        start.ringTimeout = .milliseconds(milliseconds)
        stage.send(.start(start))
        #expect(stage.call.expiresAt == stage.now + .milliseconds(milliseconds))
    }

    @Test func `of an unknown callee is a call that nobody answers`() {
        var stage = CallStage()
        var start = CallInput.Start.anna
        start.presences = [nil, nil]
        #expect(stage.send(.start(start)) == "started")
        #expect(stage.told == [])
        stage.send(.joined(.anna))
        #expect(stage.wait(.seconds(60)) == "missed ended")
        #expect(stage.told == ["annaPhone: ended noAnswer"])
    }

    @Test func `that comes again, after the end, is answered with the end`() {
        let stage = CallMoment.over.stage
        #expect(stage.refusal(of: .start(.anna))?.end == .ended)
        #expect(CallMoment.endedEarly.stage.refusal(of: .start(.anna))?.end == .cancelled)
    }

    @Test func `remembers the caller's other devices, which are sent its record`() {
        #expect(CallMoment.dialing.stage.call.callerDevices == [.annaTablet])
    }

    @Test func `shows the camera of a video call as on and of an audio call as off`() {
        var stage = CallStage()
        var start = CallInput.Start.anna
        start.mediaType = .audio
        stage.send(.start(start))
        #expect(stage.call.participant(.anna)?.media == MediaState(camera: false, microphone: true))
        #expect(CallMoment.dialing.stage.call.participant(.anna)?.media.camera == true)
        #expect(stage.refusal(of: .media(.init(by: .anna, camera: true)))?.reason == .notVideoCall)
    }

    @Test func `is not answered over a connection that the device has left`() {
        var stage = CallMoment.dialing.stage
        stage.send(.deviceUp(.init(user: .anna, device: .annaPhone.over(9))))
        #expect(stage.told == ["annaPhone: snapshot"])
        #expect(stage.send(.joined(.anna)) == "entered")
        #expect(stage.told == [])
        #expect(stage.call.startAsker == nil)
    }

    @Test func `leaves a tombstone for a while`() {
        var stage = CallMoment.onCall.stage
        #expect(stage.call.forgetAt == nil)
        stage.send(.end(.anna))
        #expect(stage.call.forgetAt == stage.now + .seconds(900))
        #expect(CallMoment.endedEarly.stage.call.forgetAt == stage.now + .seconds(900))
    }
}
