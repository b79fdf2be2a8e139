/// Ends commands whose own deadline has passed. Commands of equal patience fall due in the order in which they were
/// sent, so that one queue and one timer per patience suffice: callers use few different ones.
final class RedisDeadlines {
    private struct Queue {
        var entries: [(due: ContinuousClock.Instant, command: RedisCommand)] = []
        /// Before it, all are done.
        var head = 0
        var timer: LoopTimer?
    }

    private let loop: EventLoop
    private var queuesByPatience: [Duration: Queue] = [:]

    init(loop: EventLoop) { self.loop = loop }

    func add(_ command: RedisCommand, within patience: Duration) {
        let due = ContinuousClock.now + patience
        queuesByPatience[patience, default: Queue()].entries.append((due, command))
        if queuesByPatience[patience]?.timer == nil { arm(patience, after: patience) }
    }

    private func arm(_ patience: Duration, after delay: Duration) {
        // A moment later than due, or the timer would find its command due in a moment.
        queuesByPatience[patience]?.timer = loop.schedule(after: delay + .microseconds(200)) { [weak self] in
            self?.endDue(patience)
        }
    }

    private func endDue(_ patience: Duration) {
        guard var queue = exchange(&queuesByPatience[patience], with: nil) else { return }
        let now = ContinuousClock.now
        var late: [RedisCommand] = []
        while queue.head < queue.entries.count {
            let (due, command) = queue.entries[queue.head]
            if command.isWaiting {
                guard due <= now else { break }
                late.append(command)
            }
            queue.head += 1
        }
        queue.timer = nil
        if queue.head < queue.entries.count {
            queue.entries.removeFirst(queue.head)
            queue.head = 0
            let next = queue.entries[0].due
            queuesByPatience[patience] = queue
            arm(patience, after: next - now)
        }
        for command in late { command.finish(.failure(.tooLate)) }
    }
}
