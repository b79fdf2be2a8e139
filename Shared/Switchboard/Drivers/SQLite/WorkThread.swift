internal import CLibevent
internal import Glibc
internal import Synchronization

/// A thread of its own for what blocks: files, SQLite, name lookups. An actor whose executor it is runs on it.
///
/// Work runs one by one in the order of the calls of one thread. Nothing bounds the queue here: who sends asks
/// `waitingCount`, or sends the next when the last has answered.
package final class WorkThread: SerialExecutor, @unchecked Sendable {
    package let name: String

    private enum Work {
        case job(UnownedJob)
        case call(@Sendable () -> Void)
        case end
    }

    private struct Inbound {
        var items: [Work] = []
        var signalled = false
        var thread: pthread_t?
        var isEnded = false
    }

    private let inbound = Mutex(Inbound())
    private let wakeFD: Int32
    private let thread: pthread_t

    /// - Parameter name: shown as the thread's name; at most 15 bytes of it.
    package init(name: String) {
        self.name = name
        wakeFD = eventfd(0, Int32(EFD_CLOEXEC))
        precondition(wakeFD >= 0, "no eventfd left")
        let start = Start()
        var thread = pthread_t()
        let failed = pthread_create(
            &thread, nil,
            { context in
                Unmanaged<Start>.fromOpaque(context!).takeRetainedValue().awaited().run()
                return nil
            }, Unmanaged.passRetained(start).toOpaque())
        precondition(failed == 0, "no thread left")
        self.thread = thread
        start.give(self)
    }

    deinit { close(wakeFD) }

    /// Runs what was sent before, then ends the thread and waits for that. Not from the thread itself.
    package func stop() {
        let isFirst = inbound.withLock { state in
            defer { state.isEnded = true }
            return !state.isEnded
        }
        guard isFirst else { return }
        push(.end)
        pthread_join(thread, nil)
    }

    package var isCurrent: Bool {
        inbound.withLock { state in
            guard let thread = state.thread else { return false }
            return pthread_equal(thread, pthread_self()) != 0
        }
    }

    /// What has been sent and not been taken up yet.
    package var waitingCount: Int { inbound.withLock { $0.items.count } }

    /// From any thread. Not after `stop`.
    package func execute(_ body: @escaping @Sendable () -> Void) { push(.call(body)) }

    package func enqueue(_ job: consuming ExecutorJob) { push(.job(UnownedJob(job))) }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    package func checkIsolated() { precondition(isCurrent, "called off the thread '\(name)'") }

    package func isIsolatingCurrentContext() -> Bool? { isCurrent }

    private func push(_ work: Work) {
        let mustSignal = inbound.withLock { state in
            state.items.append(work)
            defer { state.signalled = true }
            return !state.signalled
        }
        if mustSignal { eventfd_write(wakeFD, 1) }
    }

    private func run() {
        inbound.withLock { $0.thread = pthread_self() }
        clibevent_name_thread(name)
        while true {
            var count: eventfd_t = 0
            eventfd_read(wakeFD, &count)
            let items = inbound.withLock { state in
                state.signalled = false
                return exchange(&state.items, with: [])
            }
            for item in items {
                switch item {
                case .job(let job): job.runSynchronously(on: asUnownedSerialExecutor())
                case .call(let body): body()
                case .end: return
                }
            }
        }
    }
}

/// Hands the finished object to its thread, which is made before.
private final class Start: @unchecked Sendable {
    private let ready = Mutex<WorkThread?>(nil)
    private let fd = eventfd(0, Int32(EFD_CLOEXEC))

    deinit { close(fd) }

    func give(_ thread: WorkThread) {
        ready.withLock { $0 = thread }
        eventfd_write(fd, 1)
    }

    func awaited() -> WorkThread {
        var count: eventfd_t = 0
        eventfd_read(fd, &count)
        guard let thread = ready.withLock({ exchange(&$0, with: nil) }) else {
            preconditionFailure("a thread was started without its object")
        }
        return thread
    }
}
