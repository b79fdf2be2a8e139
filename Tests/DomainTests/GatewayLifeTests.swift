import Switchboard
import Testing

@Suite struct `A gateway` {
    private struct Stage {
        var life = GatewayLife()
        var now = Timestamp(milliseconds: 1_000_000)

        @discardableResult
        mutating func send(_ input: GatewayLife.Input) -> [GatewayLife.Fact] {
            let facts = (try? life.handle(input, at: now)) ?? []
            for fact in facts { life.apply(fact, at: now) }
            if case .beat = input { life.heardAt = now }
            return facts
        }
    }

    private var living: Stage {
        var stage = Stage()
        stage.send(.beat(incarnation: "one"))
        return stage
    }

    @Test func `is born with its first beat, and lives on with the next`() {
        var stage = Stage()
        #expect(stage.send(.beat(incarnation: "one")) == [.born(incarnation: "one")])
        #expect(stage.send(.beat(incarnation: "one")) == [])
        #expect(stage.life.forgetAt == nil)
    }

    @Test func `that comes back with another life has lost the last one`() {
        var stage = living
        #expect(stage.send(.beat(incarnation: "two")) == [.died(incarnation: "one"), .born(incarnation: "two")])
        #expect(stage.life.incarnation == "two")
    }

    @Test func `is not killed by a beat of its past life that comes late`() {
        var stage = living
        stage.send(.beat(incarnation: "two"))
        #expect(stage.send(.beat(incarnation: "one")) == [])
        #expect(stage.send(.goodbye(incarnation: "one")) == [])
        #expect(stage.life.incarnation == "two")
    }

    @Test func `that says goodbye is dead at once`() {
        var stage = living
        #expect(stage.send(.goodbye(incarnation: "one")) == [.died(incarnation: "one")])
        #expect(stage.life.forgetAt == stage.now)
        #expect(stage.send(.goodbye(incarnation: "one")) == [])
        #expect(stage.life.deadlines == Deadlines())
    }

    @Test func `is dead after ten silent seconds, where silence counts`() {
        var stage = living
        stage.now = stage.now + .seconds(4)
        stage.send(.beat(incarnation: "one"))
        #expect(stage.life.deadlines == Deadlines(silence: stage.now + .seconds(10)))
        stage.now = stage.now + .milliseconds(9_999)
        #expect(stage.send(.timer(silenceCounts: true)) == [])
        stage.now = stage.now + .milliseconds(1)
        #expect(stage.send(.timer(silenceCounts: false)) == [])
        #expect(stage.send(.timer(silenceCounts: true)) == [.died(incarnation: "one")])
        #expect(stage.send(.timer(silenceCounts: true)) == [])
    }

    @Test func `that nobody has heard of leaves nothing to do`() {
        var stage = Stage()
        #expect(stage.send(.timer(silenceCounts: true)) == [])
        #expect(stage.send(.goodbye(incarnation: "one")) == [])
        #expect(stage.life.deadlines == Deadlines())
    }

    @Test func `is given its ten seconds anew by an owner that took over`() {
        let stage = living
        var replayed = GatewayLife()
        replayed.apply(.born(incarnation: "one"), at: stage.now)
        replayed.heardAt = stage.now + .seconds(30)
        #expect(replayed.deadlines.silence == stage.now + .seconds(40))
    }
}
