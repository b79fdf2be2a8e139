/// What goes out through one producer, in order. What the producer does not take now waits, and is tried again when it
/// has acknowledged something. Each producer has its own, so that nothing waits for another's full queue.
final class Outgoing {
    /// - Returns: false where the queue is full: nothing was taken.
    typealias Attempt = () -> Bool

    private let loop: EventLoop
    private var waiting = Queue<Attempt>()
    private var isRetryDue = false
    private var isClosed = false

    init(on loop: EventLoop) { self.loop = loop }

    /// After `close` nothing is tried any more.
    func send(_ attempt: @escaping Attempt) {
        guard !isClosed else { return }
        if !waiting.isEmpty || !attempt() { waiting.append(attempt) }
    }

    /// There may be room now. It is used at the end of the turn: the producer counts a turn's records as waiting until
    /// the last of them is reported.
    func acknowledged() {
        guard !waiting.isEmpty, !isRetryDue else { return }
        isRetryDue = true
        loop.atEndOfTurn { [self] in
            isRetryDue = false
            retry()
        }
    }

    func retry() {
        while let attempt = waiting.first, attempt() { _ = waiting.popFirst() }
    }

    /// Before its producer is closed: what waits is let go, and is performed by the next owner.
    func close() {
        isClosed = true
        waiting = Queue()
    }
}
