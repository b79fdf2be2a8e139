import SignalingGateway
import Switchboard
import Testing

@Suite struct `What the brokers' clocks say of a gateway's` {
    private var check = ClockCheck()

    /// A record that was 4 ms on its way by our clock, and appended `off` from the middle of that by its broker's.
    private mutating func hear(_ partition: Int32, off milliseconds: Int64 = 0) -> ClockCheck.Verdict? {
        func time(_ at: Int64) -> Timestamp { Timestamp(milliseconds: 1_000_000 + at) }
        return check.heard(partition, sent: time(-2), appended: time(milliseconds), acknowledged: time(2))
    }

    @Test mutating func `counts from the first record where that agrees, and once`() {
        #expect(check.verdict == nil)
        #expect(hear(0) == .agrees)
        #expect(check.judge() == nil && hear(0) == nil && check.judge() == nil)
        #expect(check.verdict == .agrees && !check.isInDoubt)
    }

    @Test(arguments: [-30_000, 30_000] as [Int64])
    mutating func `is that it is off where most inboxes say so, until most say it agrees`(off: Int64) {
        #expect(hear(0, off: off) == nil && check.isInDoubt)
        for partition in 1..<4 as Range<Int32> { #expect(hear(partition, off: off) == nil) }
        #expect(check.judge() == .isOff(.milliseconds(29_998)))
        // Nobody answers for a while; then some do, and not enough.
        #expect(check.judge() == nil && check.isInDoubt)
        for partition in 0..<4 as Range<Int32> { _ = hear(partition, off: partition < 2 ? off : 0) }
        #expect(check.judge() == nil && check.isInDoubt)
        for partition in 0..<4 as Range<Int32> { #expect(hear(partition, off: partition < 1 ? off : 0) == nil) }
        #expect(check.judge() == .agrees && !check.isInDoubt)
    }

    @Test mutating func `is not that of one broker whose own is off`() {
        #expect(hear(0, off: 30_000) == nil && check.isInDoubt)
        for partition in 1..<3 as Range<Int32> { #expect(hear(partition) == nil) }
        #expect(check.judge() == .agrees && !check.isInDoubt)
        #expect(hear(0, off: 30_000) == nil && check.isInDoubt)
        _ = hear(1)
        _ = hear(2)
        #expect(check.judge() == nil && check.verdict == .agrees)
    }

    @Test(arguments: [(500, false), (503, true), (-500, false), (-503, true)] as [(Int64, Bool)])
    mutating func `allows for half a second beside the way there and back`(off: Int64, isDoubted: Bool) {
        _ = hear(0, off: off)
        #expect(check.isInDoubt == isDoubted)
    }
}
