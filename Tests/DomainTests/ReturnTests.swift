import Switchboard
import Testing

/// Through both machines: what a device that was away, or whose connection was dead without anybody's knowing, is told.
@Suite struct `A device that comes back` {
    private let call = CallStage().call.id

    @Test func `after fifteen minutes is told the end that it missed, once`() {
        var stage = ReturnStage.ringing(on: .benPhone)
        stage.lose(.ben, .benPhone)
        stage.deliver()
        stage.wait(.seconds(60))
        #expect(stage.news() == ["1 annaPhone: ended noAnswer"])
        stage.wait(.seconds(14 * 60))
        stage.connect(.ben, .benPhone.over(9), showing: [call])
        #expect(stage.news() == ["9 benPhone: ended missed"])
        stage.connect(.ben, .benPhone.over(10))
        #expect(stage.news() == ["9 closed"])
    }

    @Test func `when the call is forgotten is told nothing, and nothing is remembered for it`() {
        var stage = ReturnStage.ringing(on: .benPhone)
        stage.lose(.ben, .benPhone)
        stage.deliver()
        stage.wait(.seconds(60))
        stage.wait(.seconds(15 * 60))
        _ = stage.news()
        stage.connect(.ben, .benPhone.over(9), showing: [call])
        #expect(stage.news() == [])
        #expect(stage.call == CallStage().call)
        stage.lose(.ben, .benPhone.over(9))
        stage.wait(.seconds(20 * 60))
        #expect(stage.users[.ben]?.forgetAt != nil)
    }

    @Test func `to room for another is out of its call, which rings on elsewhere`() {
        var stage = ReturnStage.ringing(on: .benPhone)
        for number in UInt64(20)...23 { stage.connect(.ben, Device("ben\(number)", number)) }
        #expect(stage.news() == (20...23).map { "\($0) ben\($0): received" })
        stage.connect(.ben, Device("ben24", 24))
        #expect(stage.news() == ["3 closed", "24 ben24: received"])
        stage.lose(.ben, .benPhone)
        stage.send(.end(.anna))
        #expect(!stage.news().contains { $0.hasPrefix("3 ") })
        // It comes back later, and shows the call still.
        stage.connect(.ben, .benPhone.over(9), showing: [call])
        #expect(stage.news() == ["20 closed", "9 benPhone: ended cancelled"])
    }

    @Test func `to find that another has taken its room hears why its call ended`() {
        var stage = ReturnStage.ringing(on: .benPhone)
        for number in UInt64(20)...23 { stage.connect(.anna, Device("anna\(number)", number)) }
        #expect(stage.news() == [])
        stage.connect(.anna, Device("anna24", 24))
        #expect(stage.news() == ["1 closed", "1 annaPhone: ended otherLogin", "3 benPhone: ended cancelled"])
    }

    @Test func `twice in one ring rings each time, and hears one end`() {
        var stage = ReturnStage.ringing(on: .benPhone)
        for number in UInt64(8)...9 {
            stage.lose(.ben, .benPhone.over(number == 8 ? 3 : 8))
            #expect(stage.news() == [])
            stage.connect(.ben, .benPhone.over(number), showing: [call])
            #expect(stage.news() == ["\(number) benPhone: received"])
        }
        stage.send(.end(.anna))
        #expect(stage.news() == ["1 annaPhone: ended cancelled", "9 benPhone: ended cancelled"])
        stage.lose(.ben, .benPhone.over(9))
        stage.connect(.ben, .benPhone.over(10))
        #expect(stage.news() == [])
    }

    @Test func `is told its own end where two of one user were away`() {
        var stage = ReturnStage.ringing(on: .benPhone, .benTablet, .benLaptop)
        stage.lose(.ben, .benPhone)
        stage.lose(.ben, .benTablet)
        stage.deliver()
        stage.send(.accept(.init(by: .benLaptop)))
        _ = stage.news()
        stage.connect(.ben, .benPhone.over(8), showing: [call])
        #expect(stage.news() == ["8 benPhone: ended acceptedByOtherDevice by benLaptop, no log"])
        stage.send(.end(.anna))
        _ = stage.news()
        stage.connect(.ben, .benTablet.over(9))
        #expect(stage.news() == ["9 benTablet: ended acceptedByOtherDevice by benLaptop, no log"])
        for (device, number) in [(Device.benPhone, UInt64(8)), (.benTablet, 9)] {
            stage.lose(.ben, device.over(number))
            stage.connect(.ben, device.over(number + 10))
        }
        #expect(stage.news() == [])
    }

    @Test func `before its loss is known goes on there, and the late loss changes nothing`() {
        var stage = ReturnStage.ringing(on: .benPhone)
        stage.connect(.ben, .benPhone.over(9), showing: [call])
        #expect(stage.news() == ["3 closed", "9 benPhone: received"])
        stage.lose(.ben, .benPhone)
        stage.deliver()
        #expect(stage.users[.ben]?.absences == [])
        stage.send(.end(.anna))
        #expect(stage.news() == ["1 annaPhone: ended cancelled", "9 benPhone: ended cancelled"])
    }

    // MARK: told where nobody was

    @Test func `is told the end again that went to a connection nobody knew to be dead`() {
        var stage = ReturnStage.ringing(on: .benPhone)
        stage.send(.end(.anna))
        #expect(stage.news() == ["1 annaPhone: ended cancelled", "3 benPhone: ended cancelled"])
        stage.connect(.ben, .benPhone.over(9), showing: [call])
        #expect(stage.news() == ["3 closed", "9 benPhone: ended cancelled"])
        #expect(stage.call.told.first?.previous == 0, "the first thing of the call on this connection")
        stage.lose(.ben, .benPhone)
        #expect(stage.news() == [])
    }

    @Test func `is told it after its loss became known, too`() {
        var stage = ReturnStage.ringing(on: .benPhone)
        stage.send(.end(.anna))
        stage.deliver()
        stage.lose(.ben, .benPhone)
        _ = stage.news()
        stage.connect(.ben, .benPhone.over(9), showing: [call])
        #expect(stage.news() == ["9 benPhone: ended cancelled"])
    }

    @Test func `is told it once more for each connection over which it still shows the call`() {
        var stage = ReturnStage.ringing(on: .benPhone)
        stage.send(.end(.anna))
        _ = stage.news()
        for number in UInt64(8)...10 {
            stage.connect(.ben, .benPhone.over(number), showing: [call, call])
            #expect(stage.news().last == "\(number) benPhone: ended cancelled")
        }
        stage.connect(.ben, .benPhone.over(11))
        #expect(stage.news() == ["10 closed"])
    }

    @Test func `is told an end that came while the news of it was on its way`() {
        var stage = ReturnStage.ringing(on: .benPhone)
        stage.connect(.ben, .benPhone.over(9), showing: [call])
        stage.send(.end(.anna))
        #expect(
            stage.news() == [
                "3 closed", "1 annaPhone: ended cancelled", "3 benPhone: ended cancelled",
                "9 benPhone: ended cancelled",
            ])
    }

    @Test func `and does not say what it shows is told the end of each call that the answer names`() {
        var stage = ReturnStage.ringing(on: .benPhone)
        stage.connect(.ben, .benPhone.over(9), showing: nil)
        stage.send(.end(.anna))
        #expect(
            stage.news() == [
                "3 closed", "1 annaPhone: ended cancelled", "3 benPhone: ended cancelled",
                "9 benPhone: ended cancelled",
            ])
        // The next answer names none.
        stage.connect(.ben, .benPhone.over(10), showing: nil)
        #expect(stage.news() == ["9 closed"])
    }

    @Test func `and says that it shows none is told no end twice`() {
        var stage = ReturnStage.ringing(on: .benPhone)
        stage.connect(.ben, .benPhone.over(9), showing: [])
        stage.send(.end(.anna))
        #expect(stage.news() == ["3 closed", "1 annaPhone: ended cancelled", "3 benPhone: ended cancelled"])
    }

    @Test func `and shows calls that it was never in is told nothing of them`() {
        var stage = ReturnStage.ringing(on: .benPhone)
        stage.connect(.ben, .benTablet, showing: [CallID("0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c99")])
        #expect(stage.news() == ["4 benTablet: received"])
        stage.send(.end(.anna))
        _ = stage.news()
        stage.connect(.ben, .benLaptop, showing: [call])
        #expect(stage.news() == [])
    }

    // MARK: another life of its gateway

    @Test func `in another life of its gateway is not closed, and hears no end twice`() {
        var stage = ReturnStage.ringing(on: .benPhone)
        stage.send(.end(.anna))
        _ = stage.news()
        stage.connect(.ben, .benPhone.over(9), formerly: .number(3))
        #expect(stage.news() == [])
        #expect(stage.users[.ben]?.devices.map(\.device) == [.benPhone.over(9)])
    }

    @Test func `in another life of its gateway after its death was noticed is told the end that it missed`() {
        var stage = ReturnStage.ringing(on: .benPhone)
        stage.lose(.ben, .benPhone)
        stage.deliver()
        stage.send(.end(.anna))
        #expect(stage.news() == ["1 annaPhone: ended cancelled"])
        stage.connect(.ben, .benPhone.over(9), formerly: .number(3))
        #expect(stage.news() == ["9 benPhone: ended cancelled"])
    }

    @Test func `elsewhere is not pushed out by its old socket, which its gateway announces anew`() {
        var stage = ReturnStage.ringing(on: .benPhone)
        stage.connect(.ben, .benPhone.over(8), showing: [call])
        _ = stage.news()
        stage.connect(.ben, .benPhone.over(9), formerly: .number(3))
        #expect(stage.news() == [])
        #expect(stage.users[.ben]?.devices.map(\.device) == [.benPhone.over(8)])
    }

    @Test func `elsewhere is to come back where a login of before, that was long under way, takes its place`() {
        var stage = ReturnStage.ringing(on: .benPhone)
        stage.connect(.ben, .benPhone.over(9), underWayFor: .milliseconds(900))
        #expect(stage.news().contains("3 closed"))
        stage.connect(.ben, .benPhone.over(8), underWayFor: .seconds(4))
        #expect(stage.news().contains("9 closed, to come back"))
        stage.connect(.ben, .benPhone.over(10))
        #expect(stage.news().contains("8 closed"))
    }
}
