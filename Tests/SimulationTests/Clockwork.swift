import Switchboard

/// Simulated time: everything that is under way, in one order that the seed decides.
///
/// What travels in the same lane arrives in the order in which it was sent, as over one connection; lanes overtake
/// each other.
final class Clockwork {
    private(set) var now = Timestamp(milliseconds: 1_700_000_000_000)
    var dice: Dice
    private(set) var history: [String] = []
    private var heap: [Step] = []
    private var stepsAdded = 0
    private var laneEnds: [String: Timestamp] = [:]

    private struct Step {
        let time: Timestamp
        let tie: UInt64
        let body: () -> Void

        func comes(before other: Step) -> Bool { (time, tie) < (other.time, other.tie) }
    }

    private static let historyMax = 400

    init(seed: UInt64) { dice = Dice(seed: seed) }

    func note(_ text: @autoclosure () -> String) {
        if history.count >= Self.historyMax * 2 { history.removeFirst(Self.historyMax) }
        history.append("\(now.milliseconds - 1_700_000_000_000) \(text())")
    }

    /// A short way, now and then a long one.
    func travelTime(longOnceIn: Int = 40) -> Duration {
        dice.onceIn(longOnceIn)
            ? .milliseconds(Int.random(in: 50...900, using: &dice))
            : .milliseconds(Int.random(in: 0...4, using: &dice))
    }

    func after(_ delay: Duration, _ body: @escaping () -> Void) { add(now + delay, tie: dice.next() | 1 << 63, body) }

    /// Arrives behind everything that was sent along the same lane.
    func send(along lane: String, after delay: Duration? = nil, _ body: @escaping () -> Void) {
        let time = max(now + (delay ?? travelTime()), laneEnds[lane] ?? now)
        laneEnds[lane] = time
        stepsAdded += 1
        add(time, tie: UInt64(stepsAdded), body)
    }

    /// - Returns: false where nothing is left.
    func step() -> Bool {
        guard let first = popFirst() else { return false }
        now = max(now, first.time)
        first.body()
        return true
    }

    func run(until end: Timestamp) {
        while let first = heap.first, first.time <= end, step() {}
        now = max(now, end)
    }

    private func add(_ time: Timestamp, tie: UInt64, _ body: @escaping () -> Void) {
        heap.append(Step(time: time, tie: tie, body: body))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].comes(before: heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    private func popFirst() -> Step? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var parent = 0
        while true {
            let left = parent * 2 + 1
            guard left < heap.count else { return first }
            let right = left + 1
            let child = right < heap.count && heap[right].comes(before: heap[left]) ? right : left
            guard heap[child].comes(before: heap[parent]) else { return first }
            heap.swapAt(child, parent)
            parent = child
        }
    }
}
