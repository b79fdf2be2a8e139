import Support
import Switchboard
import Testing

/// A broker tells a reader less than it has taken.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct LedgerProbeTests {
    @Test(arguments: KafkaBroker.Kind.present)
    func `The end of an inbox is behind a record of one's own, which asks nothing`(kind: KafkaBroker.Kind) async throws
    {
        let broker = try await KafkaBroker(kind)
        let owner = CallsOwner(broker.bootstrap)
        try await owner.start()
        try await until("all are owned") { await owner.owned.count == 4 }
        try await until("it can ask") { await owner.isReady }
        for _ in 1...3 { try await owner.ask(0) }
        try await until("all are decided") { await owner.count(0) == 3 }
        let before = Timestamp(milliseconds: WallClock.milliseconds)
        let ends = [try #require(await owner.inboxEnd(0)), try #require(await owner.inboxEnd(0))]
        #expect(ends.map(\.offset) == [4, 5])
        #expect(await owner.inboxEnd(1)?.offset == 1)
        // The broker's clock, which is ours here.
        let after = Timestamp(milliseconds: WallClock.milliseconds)
        #expect((before...after).contains(ends[0].time) && ends[0].time <= ends[1].time)
        try await owner.ask(0)
        try await until("what comes behind is decided") { await owner.count(0) == 4 }
        #expect(!owner.said.text.contains("cannot be read"), "\(owner.said.text)")

        broker.kill()
        let asked = ContinuousClock.now
        #expect(await owner.inboxEnd(0)?.offset == nil)
        #expect(ContinuousClock.now - asked < .seconds(5))
        await owner.stop()
        await owner.close()
    }
}
