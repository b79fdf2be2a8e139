import Switchboard

/// A Fetch that waits until enough is there for it, or its time is over. It answers once.
final class PendingFetch {
    let exchange: Exchange
    let request: FetchRequest
    let partCount: Int
    private(set) var isDue = false
    /// Ends the wait at the deadline.
    var timer: LoopTimer?
    private var bytesMissing: Int
    private let onDue: (PendingFetch) -> Void

    init(
        _ exchange: Exchange, _ request: FetchRequest, bytesMissing: Int,
        onDue: @escaping (PendingFetch) -> Void
    ) {
        self.exchange = exchange
        self.request = request
        partCount = request.partCount
        self.bytesMissing = bytesMissing
        self.onDue = onDue
    }

    /// One of its partitions has that many bytes more for it.
    func grew(by byteCount: Int) {
        bytesMissing -= byteCount
        if bytesMissing <= 0 { fallDue() }
    }

    /// Answer it with what is there.
    func fallDue() {
        guard !isDue else { return }
        isDue = true
        onDue(self)
    }
}
