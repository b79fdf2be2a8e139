import Switchboard
import Testing

/// What the device that did it, its user's other devices and the others are told.
@Suite struct `A call between two tells` {
    private func told(_ moment: CallMoment, _ input: CallInput) -> [String] {
        var stage = moment.stage
        stage.send(input)
        return stage.told
    }

    // MARK: ringing

    @Test func `every online device of the callee that it rings, when it is started`() {
        #expect(told(.unknown, .start(.anna)) == ["benPhone: received", "benTablet: received"])
    }

    @Test func `the caller that its start is answered, when its device is inside`() {
        #expect(told(.dialing, .joined(.anna)) == ["annaPhone: start answered"])
    }

    @Test func `the caller that it rings, at the first acknowledgement alone`() {
        #expect(told(.invited, .ringing(.ben)) == ["annaPhone: ben ringing"])
        #expect(told(.ringing, .ringing(.benTablet)) == [])
    }

    @Test func `a device that comes online while its user is rung that it rings`() {
        #expect(told(.ringing, .deviceUp(.init(user: .ben, device: .benLaptop))) == ["benLaptop: received"])
        #expect(told(.ringing, .devices(.init(.ben, [.benPhone, .benLaptop]))) == ["benLaptop: received"])
    }

    @Test func `ringing devices 1003 when the caller ends before any answer`() {
        #expect(
            told(.ringing, .end(.anna)) == [
                "annaPhone: ended cancelled", "benPhone: ended cancelled", "benTablet: ended cancelled",
            ])
    }

    @Test func `ringing devices 1002 and the caller 1001 when the ring time is over`() {
        var stage = CallMoment.ringing.stage
        #expect(stage.wait(.seconds(60)) == "missed ended")
        #expect(
            stage.told == ["annaPhone: ended noAnswer", "benPhone: ended missed", "benTablet: ended missed"])
        #expect(stage.reason(of: .anna) == .noAnswer && stage.reason(of: .ben) == .missed)
    }

    @Test func `the other devices of a user that declined which device did`() {
        #expect(
            told(.ringing, .end(.ben)) == [
                "annaPhone: ended declined", "benPhone: ended declined",
                "benTablet: ended endedByOtherDevice by benPhone",
            ])
    }

    @Test func `the caller 104 when the callee says busy, whose own devices see a decline`() {
        #expect(
            told(.ringing, .end(.init(by: .ben, .busyWaiting))) == [
                "annaPhone: ended busyWaiting", "benPhone: ended declined",
                "benTablet: ended endedByOtherDevice by benPhone",
            ])
    }

    @Test func `the caller 103 when the callee that says busy rings elsewhere`() {
        var start = CallInput.Start.anna
        start.presences[0]?.busy = .busyRinging
        var stage = CallStage()
        stage.send(.start(start))
        stage.send(.end(.init(by: .ben, .busyWaiting)))
        #expect(stage.told.contains("annaPhone: ended busyRinging"))
    }

    // MARK: answering

    @Test func `the caller of the accept, and the callee's other devices 1011 without a log`() {
        #expect(
            told(.ringing, .accept(.ben)) == [
                "benTablet: ended acceptedByOtherDevice by benPhone, no log", "annaPhone: ben connecting on benPhone",
            ])
    }

    @Test func `both that they are connected, when the second is inside`() {
        #expect(told(.connecting, .joined(.ben)) == ["annaPhone: connected", "benPhone: connected"])
    }

    @Test func `nobody anything of an accept or a decline that came too late`() {
        #expect(told(.onCall, .accept(.init(by: .benTablet))) == [])
        #expect(told(.onCall, .end(.init(by: .benTablet))) == [])
    }

    // MARK: hanging up

    @Test(arguments: [CallMoment.connecting, .onCall])
    func `both 1000 when one hangs up after the accept`(_ moment: CallMoment) {
        let told = [told(moment, .end(.anna)), told(moment, .end(.ben))]
        #expect(told == .init(repeating: ["annaPhone: ended ended", "benPhone: ended ended"], count: 2))
    }

    @Test(arguments: [
        (EndReason.joinError, EndReason.remoteJoinError), (.publishError, .remotePublishError),
        (.subscribeError, .remoteSubscribeError), (.acceptedCarrierCall, .ended), (.busyWaiting, .ended),
    ])
    func `each how it ended for it, when one hangs up for a reason`(_ own: EndReason, _ others: EndReason) {
        let mine = own == .busyWaiting ? .ended : own
        #expect(
            told(.onCall, .end(.init(by: .ben, own))) == ["annaPhone: ended \(others)", "benPhone: ended \(mine)"])
        #expect(
            told(.onCall, .end(.init(by: .anna, own))) == ["annaPhone: ended \(mine)", "benPhone: ended \(others)"])
    }

    @Test(arguments: [
        (EndReason.ended, EndReason.ended), (.otherDeviceJoined, .remoteOtherDeviceJoined),
        (.otherDeviceCalling, .remoteOtherDeviceJoined), (.otherLogin, .remoteOtherLogin),
        (.abnormal, .remoteConnectionError), (.kickedByServer, .remoteKickedByServer),
    ])
    func `each how it ended for it, when a device moves elsewhere`(_ own: EndReason, _ others: EndReason) {
        #expect(
            told(.onCall, .moves(.init(.anna, .annaPhone, own))) == [
                "annaPhone: ended \(own)", "benPhone: ended \(others)",
            ])
    }

    @Test func `1111 and 1211 when one logs out`() {
        #expect(
            told(.onCall, .loggedOut(.init(user: .ben, device: .benPhone))) == [
                "annaPhone: ended remoteLoggedOut", "benPhone: ended loggedOut",
            ])
    }

    @Test func `ringing devices 1003 when the caller logs out`() {
        #expect(
            told(.ringing, .loggedOut(.init(user: .anna, device: .annaPhone))) == [
                "annaPhone: ended loggedOut", "benPhone: ended cancelled", "benTablet: ended cancelled",
            ])
    }

    @Test func `both 1000 at the end of the longest duration`() {
        var stage = CallMoment.onCall.stage
        #expect(stage.wait(.seconds(86_400)) == "ended")
        #expect(stage.told == ["annaPhone: ended ended", "benPhone: ended ended"])
        #expect(stage.call.endCause == .maxDuration)
    }

    // MARK: coming back late

    @Test func `1110 to a device that comes back when its grace is over, once`() {
        var stage = CallMoment.onCall.stage
        stage.send(.deviceDown(.init(user: .ben, device: .benPhone)))
        #expect(stage.wait(.seconds(60)) == "left ended")
        #expect(stage.told == ["annaPhone: ended remoteConnectionError", "benPhone: ended connectionError"])
        let back = CallInput.deviceUp(.init(user: .ben, device: .benPhone.over(9)))
        #expect(stage.send(back) == "returned")
        #expect(stage.told == ["benPhone: ended connectionError"])
        #expect(stage.call.told.first?.connection == Device.benPhone.over(9).connection)
        #expect(stage.call.told.first?.previous == 0)
        #expect(stage.send(back) == "–")
        #expect(stage.send(.deviceUp(.init(user: .ben, device: .benPhone.over(10)))) == "–")
    }

    @Test func `1011 to a device that comes back and finds the call answered by another`() {
        var stage = CallMoment.ringing.stage
        #expect(stage.send(.deviceDown(.init(user: .ben, device: .benTablet))) == "lost")
        #expect(stage.told == [], "nobody waits for a device that only rings")
        stage.send(.accept(.ben))
        let back = CallInput.deviceUp(.init(user: .ben, device: .benTablet.over(9)))
        #expect(stage.send(back) == "returned")
        #expect(stage.told == ["benTablet: ended acceptedByOtherDevice by benPhone, no log"])
        #expect(stage.call.isLive)
    }

    @Test func `1151 to a device that comes back and finds the call declined by another`() {
        var stage = CallMoment.ringing.stage
        stage.send(.deviceDown(.init(user: .ben, device: .benTablet)))
        stage.send(.end(.ben))
        stage.send(.deviceUp(.init(user: .ben, device: .benTablet.over(9))))
        #expect(stage.told == ["benTablet: ended endedByOtherDevice by benPhone"])
    }

    @Test func `nothing to a device that was never in the call, nor to any once the call is forgotten`() {
        var stage = CallMoment.over.stage
        #expect(stage.send(.deviceUp(.init(user: .anna, device: .annaTablet.over(9)))) == "–")
        #expect(stage.send(.deviceUp(.init(user: .anna, device: .annaPhone.over(9)))) == "–", "it has heard the end")
        var unknown = CallMoment.unknown.stage
        #expect(unknown.send(.deviceUp(.init(user: .anna, device: .annaPhone.over(9)))) == "–")
    }

    // MARK: entering

    @Test func `1105 and 1205 when the callee's device never gets in`() {
        var stage = CallMoment.connecting.stage
        #expect(stage.wait(.seconds(30)) == "left ended")
        #expect(stage.told == ["annaPhone: ended remoteJoinError", "benPhone: ended joinError"])
        #expect(stage.call.endCause == .connectTimeout)
    }

    @Test func `the caller 1105 when it is the one that never gets in`() {
        var stage = CallMoment.dialing.stage
        stage.send(.accept(.ben))
        #expect(stage.send(.joined(.ben)) == "entered")
        #expect(stage.wait(.seconds(30)) == "left ended")
        #expect(
            stage.told == [
                "annaPhone: start over", "annaPhone: ended joinError", "benPhone: ended remoteJoinError",
            ])
    }

    @Test func `1105 and 1205 when the callee's seat is refused`() {
        #expect(
            told(.connecting, .seatRefused(.init(.ben, .benPhone))) == [
                "annaPhone: ended remoteJoinError", "benPhone: ended joinError",
            ])
    }

    @Test func `the caller that its start is refused, and ringing devices 1003, when the caller's seat is`() {
        #expect(
            told(.dialing, .seatRefused(.init(.anna, .annaPhone))) == [
                "annaPhone: start refused insideAnotherRoom", "benPhone: ended cancelled", "benTablet: ended cancelled",
            ])
    }

    @Test func `a callee that has accepted 1205 when the caller's seat is refused`() {
        var stage = CallMoment.dialing.stage
        stage.send(.accept(.ben))
        stage.send(.seatRefused(.init(.anna, .annaPhone)))
        #expect(
            stage.told == ["annaPhone: start refused insideAnotherRoom", "benPhone: ended remoteJoinError"])
    }

    @Test func `a caller whose start is not answered yet that it is over, and how`() {
        #expect(
            told(.dialing, .end(.anna)) == [
                "annaPhone: start over", "annaPhone: ended cancelled", "benPhone: ended cancelled",
                "benTablet: ended cancelled",
            ])
        #expect(told(.dialing, .end(.ben)).prefix(2) == ["annaPhone: start over", "annaPhone: ended declined"])
    }

    // MARK: being inside

    @Test func `those inside, and not who rings, of a camera`() {
        #expect(told(.onCall, .media(.init(by: .anna, camera: false))) == ["benPhone: anna camera off"])
        #expect(told(.ringing, .media(.init(by: .anna, camera: false))) == [])
        #expect(told(.connecting, .media(.init(by: .ben, camera: false))) == ["annaPhone: ben camera off"])
    }

    @Test func `the other of a new joinId after a media reset`() {
        var stage = CallMoment.onCall.stage
        stage.send(.mediaReset(.ben))
        let first = stage.call.participant(.ben)?.joinID
        #expect(stage.told == ["annaPhone: ben online as \(first?.text ?? "")"])
        stage.send(.mediaReset(.ben))
        #expect(stage.call.participant(.ben)?.joinID != first && first != JoinID("2"))
    }

    @Test func `the device that is back a snapshot, and the other only what it had heard of`() {
        #expect(
            told(.onCall, .deviceUp(.init(user: .ben, device: .benPhone.over(9)))) == ["benPhone: snapshot"])
        var stage = CallMoment.onCall.stage
        stage.send(.deviceDown(.init(user: .ben, device: .benPhone)))
        #expect(stage.told == ["annaPhone: ben offline as 2"])
        stage.send(.deviceUp(.init(user: .ben, device: .benPhone.over(9))))
        #expect(stage.told == ["benPhone: snapshot", "annaPhone: ben online as 2"])
    }
}
