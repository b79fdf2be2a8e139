import Switchboard

/// One partition that is rendered here.
final class Rendering {
    let partition: Int32
    var fold: CallbackFold
    /// What had been rendered when we began.
    var start = CallbackProgress()
    var now = CallbackProgress()
    /// As far as a record says that it was rendered.
    var saved = CallbackProgress()
    /// What was saved beside the topic is known.
    var hasRecalled = false
    var isFollowing = false
    var retry: LoopTimer?

    init(_ partition: Int32) {
        self.partition = partition
        fold = CallbackFold(partition: partition)
    }

    /// A log needs to be read from further on than the newest record says.
    var isAhead: Bool {
        CallbackProgress.places.contains { now[keyPath: $0].replayFrom > saved[keyPath: $0].replayFrom }
    }

    /// What was rendered is known to have come at least as far.
    func learn(_ progress: CallbackProgress) {
        start = start.furthest(now).furthest(progress)
        now = start
        saved = start
    }

    /// Nothing of the logs has been read.
    func beginAnew() {
        fold = CallbackFold(partition: partition)
        isFollowing = false
    }
}

extension CallbackProgress {
    /// Of the three logs.
    static var places: [WritableKeyPath<CallbackProgress, Place>] { [\.calls, \.rooms, \.users] }

    /// Of each place the later one.
    func furthest(_ other: CallbackProgress) -> CallbackProgress {
        var furthest = self
        for place in Self.places where other[keyPath: place].isBeyond(self[keyPath: place]) {
            furthest[keyPath: place] = other[keyPath: place]
        }
        if let told = other.endpoints, endpoints.map(told.isBeyond) ?? true { furthest.endpoints = told }
        return furthest
    }
}

extension CallbackProgress.Place {
    fileprivate func isBeyond(_ other: Self) -> Bool { (offset, index) > (other.offset, other.index) }
}
