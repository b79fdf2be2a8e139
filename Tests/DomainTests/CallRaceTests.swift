import Switchboard
import Testing

/// What crosses, comes twice or comes late.
@Suite struct `In a race` {
    @Test func `of two devices of the callee the first accept in the log wins`() {
        var stage = CallMoment.ringing.stage
        #expect(stage.send(.accept(.init(by: .benTablet))) == "accepted")
        #expect(stage.send(.accept(.ben)) == "!tooLate")
        #expect(stage.call.participant(.ben)?.seated == Device.benTablet.id)
        #expect(stage.send(.accept(.init(by: .benTablet))) == "synced")
    }

    @Test func `of accept and cancel the first in the log wins`() {
        var accepted = CallMoment.ringing.stage
        accepted.send(.accept(.ben))
        #expect(accepted.send(.end(.anna)) == "left ended")
        #expect(accepted.told == ["annaPhone: ended ended", "benPhone: ended ended"])

        var cancelled = CallMoment.ringing.stage
        cancelled.send(.end(.anna))
        #expect(cancelled.refusal(of: .accept(.ben))?.end == .cancelled)
        #expect(cancelled.send(.accept(.ben)) == "!tooLate")
    }

    @Test func `of accept and time the accept wins that was appended before, however late it is handled`() {
        var stage = CallMoment.ringing.stage
        stage.now = stage.call.expiresAt + .milliseconds(-1)
        #expect(stage.wait(.zero) == "–")
        #expect(stage.send(.accept(.ben)) == "accepted")
        #expect(stage.wait(.milliseconds(1)) == "–")
    }

    @Test func `nothing rings, is declined or accepted at the end of the ring time, before the timer is decided`() {
        var stage = CallMoment.ringing.stage
        stage.now = stage.call.expiresAt
        #expect(stage.send(.accept(.ben)) == "!tooLate")
        #expect(stage.send(.end(.ben)) == "!notInside")
        #expect(stage.send(.ringing(.benTablet)) == "!notInside")
        #expect(stage.send(.deviceUp(.init(user: .ben, device: .benLaptop))) == "–")
        #expect(stage.send(.devices(.init(.ben, [.benLaptop]))) == "–")
        #expect(stage.send(.deviceUp(.init(user: .ben, device: .benPhone.over(9)))) == "returned")
        #expect(stage.told == ["benPhone: snapshot"])
        #expect(stage.wait(.zero, silenceCounts: false) == "missed ended")
        #expect(stage.call.told.first { $0.device == Device.benPhone.id }?.connection == .number(9))
    }

    @Test func `an end that overtakes its start is answered by the start, which rings nobody`() {
        var stage = CallStage()
        #expect(stage.send(.end(.anna)) == "endedBeforeStart")
        #expect(stage.send(.start(.anna)) == "!tooLate")
        #expect(stage.told == [])
    }

    @Test func `a device that is inside after the end changes nothing`() {
        var stage = CallMoment.connecting.stage
        stage.send(.end(.anna))
        #expect(stage.send(.joined(.ben)) == "–")
    }

    @Test func `the callee may be inside before the caller`() {
        var stage = CallMoment.dialing.stage
        stage.send(.accept(.ben))
        #expect(stage.send(.joined(.ben)) == "entered")
        #expect(stage.send(.joined(.anna)) == "entered connected")
        #expect(stage.told == ["annaPhone: start answered", "annaPhone: connected", "benPhone: connected"])
    }

    @Test func `an accept while the caller is lost connects, and the caller finds itself in the call`() {
        var stage = CallMoment.ringing.stage
        stage.send(.deviceDown(.init(user: .anna, device: .annaPhone)))
        #expect(stage.wait(.seconds(14)) == "–")
        #expect(stage.send(.accept(.ben)) == "accepted")
        #expect(stage.wait(.seconds(2)) == "–")
        #expect(stage.send(.joined(.ben)) == "entered connected")
        #expect(stage.send(.deviceUp(.init(user: .anna, device: .annaPhone.over(9)))) == "returned")
        #expect(stage.state(of: .anna) == .onCall)
        #expect(stage.call.participant(.anna)?.online == true)
    }

    @Test func `a caller lost while it rings ends the call after the short grace`() {
        var stage = CallMoment.ringing.stage
        stage.send(.deviceDown(.init(user: .anna, device: .annaPhone)))
        #expect(stage.wait(.seconds(15), silenceCounts: false) == "–")
        #expect(stage.wait(.zero) == "cancelled ended")
        #expect(
            stage.told == [
                "annaPhone: ended connectionError", "benPhone: ended cancelled", "benTablet: ended cancelled",
            ])
    }

    @Test func `a member lost for longer than its grace has left`() {
        var stage = CallMoment.onCall.stage
        stage.send(.deviceDown(.init(user: .ben, device: .benPhone)))
        #expect(stage.wait(.seconds(59)) == "–")
        #expect(stage.wait(.seconds(1), silenceCounts: false) == "–")
        #expect(stage.wait(.zero) == "left ended")
        #expect(
            stage.told == ["annaPhone: ended remoteConnectionError", "benPhone: ended connectionError"])
    }

    @Test func `the new connection may be known before the old one is gone`() {
        var stage = CallMoment.onCall.stage
        #expect(stage.send(.deviceUp(.init(user: .ben, device: .benPhone.over(9)))) == "returned")
        #expect(stage.send(.deviceDown(.init(user: .ben, device: .benPhone))) == "–")
        #expect(stage.call.participant(.ben)?.online == true)
    }

    @Test func `a command of the old connection does not turn the device back to it`() {
        for command in [CallInput.sync(.ben), .accept(.ben)] {
            var stage = CallMoment.onCall.stage
            stage.send(.deviceUp(.init(user: .ben, device: .benPhone.over(9))))
            #expect(stage.send(command) == "synced")
            #expect(stage.call.participant(.ben)?.seatedLine?.device.connection == .number(9))
            stage.send(.media(.init(by: .anna, camera: false)))
            #expect(stage.call.told.map(\.connection) == [.number(9)])
        }
    }

    @Test func `an accept of the old connection does not turn a ringing device back to it`() {
        var stage = CallMoment.ringing.stage
        stage.send(.deviceUp(.init(user: .ben, device: .benPhone.over(9))))
        #expect(stage.send(.accept(.ben)) == "accepted")
        #expect(stage.call.participant(.ben)?.seatedLine?.device.connection == .number(9))
    }

    @Test func `rung where it had just left, a device that has answered from its new connection is found there`() {
        for then in [[], [CallInput.joined(.anna), .joined(.ben)]] {
            var stage = CallMoment.ringing.stage
            #expect(stage.send(.accept(.init(by: .ben.over(9)))) == "accepted")
            for input in then { stage.send(input) }
            let news = CallInput.Devices(.ben, [.benPhone.over(9), .benLaptop])
            #expect(stage.send(.devices(news)) == "returned")
            #expect(stage.told == ["benPhone: snapshot"])
            #expect(stage.call.participant(.ben)?.seatedLine?.device.connection == .number(9))
            #expect(stage.send(.devices(news)) == "–")
        }
    }

    @Test func `a command that overtakes the news of its connection has its snapshot there`() {
        var stage = CallMoment.onCall.stage
        #expect(stage.send(.sync(.ben.over(9))) == "synced")
        #expect(stage.send(.deviceDown(.init(user: .ben, device: .benPhone))) == "lost")
        #expect(stage.send(.deviceUp(.init(user: .ben, device: .benPhone.over(9)))) == "returned")
        #expect(stage.call.told.first?.previous == 0)
    }

    @Test func `a ringing acknowledged twice tells once`() {
        var stage = CallMoment.invited.stage
        #expect(stage.send(.ringing(.ben)) == "ringing")
        #expect(stage.send(.ringing(.ben)) == "–")
    }

    @Test func `a device that reconnects while it rings rings again over the new connection`() {
        var stage = CallMoment.ringing.stage
        let sequence = stage.call.sequence
        #expect(stage.send(.deviceUp(.init(user: .ben, device: .benPhone.over(9)))) == "rung")
        #expect(stage.call.told.map(\.connection) == [.number(9)])
        #expect(stage.call.told.map(\.previous) == [0])
        #expect(stage.send(.ringing(.ben.over(9))) == "ringing")
        #expect(stage.told == [])
        stage.send(.end(.anna))
        #expect(stage.call.told.first { $0.device == Device.benPhone.id }?.previous == sequence + 1)
    }

    @Test func `a decline on the tablet never hangs up the phone`() {
        var stage = CallMoment.connecting.stage
        #expect(stage.send(.end(.init(by: .benTablet))) == "!notInside")
        #expect(stage.send(.end(.init(by: .benTablet, .busyWaiting))) == "!notInside")
        #expect(stage.call.isLive)
    }

    @Test func `media that failed and works again in time ends nothing`() {
        var stage = CallMoment.onCall.stage
        #expect(stage.send(.mediaReport(.init(by: .ben, .failed))) == "mediaReported")
        #expect(stage.send(.mediaReport(.init(by: .ben, .failed))) == "–")
        #expect(stage.wait(.seconds(29)) == "–")
        #expect(stage.send(.mediaReport(.init(by: .ben, .connected))) == "mediaReported")
        #expect(stage.wait(.seconds(2)) == "–")
        #expect(stage.send(.mediaReport(.init(by: .ben, .failed))) == "mediaReported")
        #expect(stage.wait(.seconds(30)) == "left ended")
        #expect(stage.told == ["annaPhone: ended remotePublishError", "benPhone: ended publishError"])
        #expect(stage.call.endCause == .media)
    }

    @Test func `of ever new devices that come and go a call knows the last ones`() {
        var stage = CallMoment.ringing.stage
        for number in UInt64(100)..<300 {
            let device = Device("new\(number)", number)
            #expect(stage.send(.deviceUp(.init(user: .ben, device: device))) == "rung")
            #expect(stage.send(.deviceDown(.init(user: .ben, device: device))) == "lost")
        }
        let known = stage.call.participant(.ben)?.lines.map(\.device.id.text) ?? []
        #expect(known == ["benPhone", "benTablet"] + (238..<300).map { "new\($0)" })
    }

    @Test func `of ever new devices that stay a call rings no more than it can hold`() {
        var stage = CallMoment.ringing.stage
        for number in UInt64(100)..<170 {
            let device = Device("new\(number)", number)
            let outcome = stage.send(.deviceUp(.init(user: .ben, device: device)))
            #expect(outcome == (number < 162 ? "rung" : "–"))
        }
        let further = (UInt64(200)..<300).map { Device("new\($0)", $0) }
        #expect(stage.send(.devices(.init(.ben, further))) == "–")
        #expect(stage.send(.ringing(.init(user: .ben, device: Device("one more", 300)))) == "–")
        #expect(stage.call.participant(.ben)?.lines.count == 64)
        // What is known rings on over whatever connection.
        #expect(stage.send(.deviceUp(.init(user: .ben, device: Device("new100", 301)))) == "rung")
        #expect(stage.send(.accept(.init(by: .benLaptop))) == "accepted")
    }

    @Test func `an accept without video starts with the camera off`() {
        var stage = CallMoment.ringing.stage
        var accept = CallInput.Accept.ben
        accept.mediaType = .audio
        stage.send(.accept(accept))
        #expect(stage.call.participant(.ben)?.media.camera == false)
        #expect(CallMoment.connecting.stage.call.participant(.ben)?.media.camera == true)
    }
}
