import SignalingGateway
import Switchboard
import Testing

@Suite struct `What the brokers' clocks say of a gateway's` {
    private var check = ClockCheck(partitions: 4)

    /// A record that was 4 ms on its way by our clock, and appended `off` from the middle of that by its broker's.
    private mutating func hear(_ partition: Int32, off milliseconds: Int64 = 0) -> ClockCheck.Verdict? {
        func time(_ at: Int64) -> Timestamp { Timestamp(milliseconds: 1_000_000 + at) }
        return check.heard(partition, sent: time(-2), appended: time(milliseconds), acknowledged: time(2))
    }

    private mutating func round(_ offs: [Int64]) -> ClockCheck.Verdict? {
        for (partition, off) in offs.enumerated() { _ = hear(Int32(partition), off: off) }
        return check.judge()
    }

    @Test mutating func `counts from the first record where that agrees, and once`() {
        #expect(check.verdict == nil)
        #expect(hear(0) == .agrees)
        #expect(check.judge() == nil && hear(0) == nil && check.judge() == nil)
        #expect(check.verdict == .agrees && check.toAsk().isEmpty)
    }

    @Test(arguments: [-30_000, 30_000] as [Int64])
    mutating func `is that it is off where more than half of all say so, until most say it agrees`(off: Int64) {
        #expect(hear(0) == .agrees)
        #expect(check.judge() == nil)
        // Two of four are not more than half, though nobody else answers; nor is one against none.
        #expect(round([off, off]) == nil && round([off]) == nil && check.verdict == .agrees)
        #expect(round([off, off, off]) == .isOff(.milliseconds(29_998)))
        // Nobody answers for a while; then as many say the one as the other.
        #expect(check.judge() == nil && round([off, off, 0, 0]) == nil && round([off]) == nil)
        #expect(round([off, 0, 0]) == .agrees)
    }

    @Test mutating func `puts a gateway out that has not served yet where as many say the one as the other`() {
        #expect(hear(0, off: 30_000) == nil)
        #expect(check.judge() == .isOff(.milliseconds(29_998)))
        #expect(round([30_000, 30_000, 0, 0]) == nil)
        #expect(round([30_000, 0, 0, 0]) == .agrees)
    }

    @Test mutating func `asks all inboxes where one disagrees, or none was heard, and none of them twice at once`() {
        #expect(hear(0) == .agrees)
        #expect(check.judge() == nil && check.toAsk().isEmpty)
        #expect(hear(1, off: 600) == nil)
        #expect(check.toAsk() == [0, 1, 2, 3] && check.toAsk().isEmpty)
        check.hasAnswered(2)
        #expect(check.toAsk() == [2])
        for partition in 0..<4 as Range<Int32> { check.hasAnswered(partition) }
        _ = hear(0)
        _ = hear(2)
        #expect(check.judge() == nil && check.verdict == .agrees && check.toAsk().isEmpty)
        #expect(check.judge() == nil && check.toAsk() == [0, 1, 2, 3])
    }

    @Test(arguments: [(500, false), (503, true), (-500, false), (-503, true)] as [(Int64, Bool)])
    mutating func `allows for half a second beside the way there and back`(off: Int64, isDoubted: Bool) {
        _ = hear(0, off: off)
        #expect(check.toAsk().isEmpty != isDoubted)
    }

    @Test mutating func `does not take it for agreement that a record was under way for long`() {
        #expect(round([10_000, 10_000, 10_000]) == .isOff(.milliseconds(9_998)))
        let sent = Timestamp(milliseconds: 1_000_000)
        for partition in 0..<4 as Range<Int32> {
            #expect(
                check.heard(partition, sent: sent, appended: sent + .seconds(5), acknowledged: sent + .seconds(15))
                    == nil)
        }
        #expect(check.judge() == nil)
        #expect(round([0, 0, 0]) == .agrees)
    }

    @Test mutating func `puts back within a quarter of a second alone`() {
        #expect(round([600, 600, 600]) == .isOff(.milliseconds(598)))
        #expect(round([400, 400, 400, 400]) == nil && check.toAsk().count == 4)
        #expect(round([250, 250, 250, 250]) == .agrees)
    }
}
