import Switchboard
import Testing

@Suite struct `Markers that say of a clock` {
    private func place(_ partition: Int32) -> ClockVerdicts.Place { ClockVerdicts.Place(.calls, partition) }

    @Test func `that one of three brokers is off refuse its partitions alone`() {
        var verdicts = ClockVerdicts()
        for partition: Int32 in 0..<6 { verdicts.agrees(place(partition), lead: .seconds(7)) }
        for partition: Int32 in 6..<9 {
            #expect(verdicts.refuses(place(partition), lead: .seconds(7), assigned: 9) == .refusesPartition)
        }
        // Tried again and again it changes nothing.
        #expect(verdicts.refuses(place(6), lead: .seconds(7), assigned: 9) == .refusesPartition)
    }

    @Test func `that it is off itself are believed once all have spoken`() {
        var verdicts = ClockVerdicts()
        #expect(verdicts.refuses(place(0), lead: .zero, assigned: 3) == .isUndecided)
        #expect(verdicts.refuses(place(1), lead: .zero, assigned: 3) == .isUndecided)
        #expect(verdicts.refuses(place(2), lead: .zero, assigned: 3) == .isWrongItself)
    }

    @Test func `that it is off itself are believed where only one speaks`() {
        var verdicts = ClockVerdicts()
        #expect(verdicts.refuses(place(0), lead: .zero, assigned: 1) == .isWrongItself)
    }

    @Test func `in equal numbers are believed`() {
        var verdicts = ClockVerdicts()
        verdicts.agrees(place(0), lead: .zero)
        #expect(verdicts.refuses(place(1), lead: .zero, assigned: 2) == .isWrongItself)
    }

    @Test func `that one of two brokers is off refuse its partitions once more have agreed than not`() {
        var verdicts = ClockVerdicts()
        #expect(verdicts.refuses(place(0), lead: .zero, assigned: 4) == .isUndecided)
        for partition: Int32 in 1..<3 { verdicts.agrees(place(partition), lead: .zero) }
        // Tried again.
        #expect(verdicts.refuses(place(0), lead: .zero, assigned: 4) == .refusesPartition)
    }

    @Test func `say nothing of a clock that was set since`() {
        var verdicts = ClockVerdicts()
        for partition: Int32 in 0..<6 { verdicts.agrees(place(partition), lead: .zero) }
        #expect(verdicts.refuses(place(6), lead: .milliseconds(200), assigned: 7) == .refusesPartition)
        #expect(verdicts.refuses(place(5), lead: .seconds(30), assigned: 7) == .isWrongItself)
    }

    @Test func `are forgotten with their partition`() {
        var verdicts = ClockVerdicts()
        verdicts.agrees(place(0), lead: .zero)
        verdicts.agrees(place(1), lead: .zero)
        verdicts.forget(place(1))
        #expect(verdicts.refuses(place(2), lead: .zero, assigned: 2) == .isWrongItself)
        verdicts.agrees(place(2), lead: .zero)
        #expect(verdicts.refuses(place(0), lead: .zero, assigned: 2) == .isWrongItself)
    }
}
