internal import Glibc
internal import Synchronization

/// What other threads hand to one thread: in the order of the calls of each, and taken up all at once. Waking a thread is
/// what costs, so only the first item of a batch asks for it.
///
/// Nothing bounds it here: who sends asks `count`, or sends the next when the last has been answered.
package struct Inbound<Item: Sendable>: ~Copyable, Sendable {
    package enum Added: Sendable {
        /// Nothing is on its way to the thread: wake it.
        case first
        /// The thread has been woken and will find it.
        case behind
        /// Let go: nobody takes it up any more.
        case closed
    }

    /// Not private: other files lay it out with what holds it.
    struct State {
        var items: [Item] = []
        var isSignalled = false
        var isClosed = false
    }

    private let state = Locked(State())

    package init() {}

    /// From any thread.
    package borrowing func add(_ item: Item) -> Added {
        state.withLock { state in
            if state.isClosed { return .closed }
            state.items.append(item)
            return signal(&state)
        }
    }

    /// Nothing more comes in; what was added before is still taken up. From any thread; `closed` when it was already.
    package borrowing func close() -> Added {
        state.withLock { state in
            if state.isClosed { return .closed }
            state.isClosed = true
            return signal(&state)
        }
    }

    /// On the thread it is for, once for each time that it was woken, or more often.
    package borrowing func takeAll() -> (items: [Item], isClosed: Bool) {
        state.withLock { state in
            state.isSignalled = false
            return (exchange(&state.items, with: []), state.isClosed)
        }
    }

    /// What has been added and not been taken up yet. From any thread.
    package var count: Int { state.withLock { $0.items.count } }

    private func signal(_ state: inout State) -> Added {
        defer { state.isSignalled = true }
        return state.isSignalled ? .behind : .first
    }
}

/// Which thread something runs on. From any thread; only that thread itself is ever told yes, by what it wrote itself.
struct RunningThread: ~Copyable, Sendable {
    private let thread = Atomic<pthread_t>(nobody)

    /// No thread of glibc has this identifier: it is the address of the thread's own block.
    private static var nobody: pthread_t { 0 }

    var isCurrent: Bool { thread.load(ordering: .relaxed) == pthread_self() }

    borrowing func begin() { thread.store(pthread_self(), ordering: .relaxed) }

    borrowing func end() { thread.store(RunningThread.nobody, ordering: .relaxed) }
}
