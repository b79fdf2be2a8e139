internal import Synchronization

/// State that several threads share, behind a `Mutex`: the one lock of the house.
///
/// A contended `Mutex` is handed over by a futex inside the Swift runtime, where the thread sanitizer sees nothing of it: a
/// bare one would have it report whatever two threads do under the same lock. So in a build for the thread sanitizer
/// (Deploy/Local/sanitize defines `THREAD_SANITIZER`) an atomic beside it goes along from each holder to the next, which
/// it does see. Every other build has the bare `Mutex`.
package struct Locked<Value: ~Copyable>: ~Copyable, Sendable {
    private let mutex: Mutex<Value>
    #if THREAD_SANITIZER
        private let holders = Atomic<Int>(0)
    #endif

    package init(_ value: consuming sending Value) { mutex = Mutex(value) }

    /// Runs `body` with nobody else inside. Compute there what is to be done, and do it outside. A body that comes back to
    /// its own lock ends the process.
    package borrowing func withLock<Result: ~Copyable, E: Error>(
        _ body: (inout sending Value) throws(E) -> sending Result
    ) throws(E) -> sending Result {
        try mutex.withLock { value throws(E) in
            #if THREAD_SANITIZER
                holders.wrappingAdd(1, ordering: .acquiring)
                defer { holders.wrappingSubtract(1, ordering: .releasing) }
            #endif
            return try body(&value)
        }
    }
}
