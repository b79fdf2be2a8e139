/// How many files of partitions are open: all that there are. On the broker's loop.
final class OpenFiles {
    /// Those that may be; connections and the rest of the process find room beside them.
    let max: Int
    private(set) var count = 0
    /// How often one was not begun, since that was last told in the log.
    private var unmade = 0
    private var lastTold: Int64?

    /// At most one line about it in so many milliseconds.
    private static let silence: Int64 = 60_000

    init(max: Int) { self.max = max }

    func changed(by difference: Int) { count += difference }

    /// Whether a partition may begin another file beside the one that grows; where it may not, that one grows on.
    func mayBegin() -> Bool {
        guard count >= max else { return true }
        unmade += 1
        return false
    }

    /// - Parameter now: milliseconds of a clock that nobody sets.
    /// - Returns: how often a file was not begun, when that is to be told.
    func takeUnmade(at now: Int64) -> Int? {
        guard unmade > 0, lastTold.map({ now - $0 >= Self.silence }) ?? true else { return nil }
        lastTold = now
        return exchange(&unmade, with: 0)
    }
}
