@testable import Switchboard
import Testing

/// Readers that stop anywhere and go on: what they count is what a reader of the whole log counts.
@Suite struct `A view that goes on from its position` {
    private typealias Record = LogRecord<CallFact>
    private static let seeds: ClosedRange<UInt64> = 1...200
    private static let records = 60

    @Test func `counts what a reader of the whole log counts, with its rule in its position`() {
        for seed in Self.seeds {
            let (log, stops) = makeLog(seed)
            #expect(
                read(log, stoppingAt: stops, keepsRule: true) == read(log, stoppingAt: [], keepsRule: true),
                "seed \(seed)")
        }
    }

    /// The planted fault: a position that is an offset alone.
    @Test func `counts otherwise without the incarnation in its position`() {
        let differ = Self.seeds.contains { seed in
            let (log, stops) = makeLog(seed)
            return read(log, stoppingAt: stops, keepsRule: false) != read(log, stoppingAt: [], keepsRule: true)
        }
        #expect(differ)
    }

    private func read(_ log: [Record], stoppingAt stops: Set<Int>, keepsRule: Bool) -> [Int] {
        var rule = LogRule()
        return log.indices.filter { offset in
            if stops.contains(offset) {
                rule =
                    keepsRule
                    ? LogRule(
                        incarnation: rule.incarnation, nextOrdinal: rule.nextOrdinal, markerOffset: rule.markerOffset)
                    : LogRule()
            }
            return rule.judge(log[offset], at: Int64(offset)) == .counts
        }
    }

    /// Several owners in turn, each of which goes on writing for a while when it is overtaken.
    private func makeLog(_ seed: UInt64) -> (log: [Record], stops: Set<Int>) {
        var dice = Dice(seed: seed)
        var log: [Record] = []
        var next: [Int64] = [0]
        for _ in 0..<Self.records {
            var record = Record()
            if log.isEmpty || dice.onceIn(9) {
                record.kind = .marker
                next.append(0)
                record.incarnation = "i\(next.count - 1)"
            } else {
                let owner = dice.onceIn(4) ? Int.random(in: 0..<next.count, using: &dice) : next.count - 1
                record.incarnation = "i\(owner)"
                record.ordinal = next[owner]
                next[owner] += dice.onceIn(15) ? 2 : 1
            }
            log.append(record)
        }
        return (log, Set((0..<4).map { _ in Int.random(in: 1..<Self.records, using: &dice) }))
    }
}
