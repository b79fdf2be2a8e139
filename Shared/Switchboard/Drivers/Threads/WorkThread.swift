internal import CLibevent
internal import Glibc

/// A thread of its own for what blocks: files, SQLite, name lookups. An actor whose executor it is runs on it.
///
/// Work runs one by one in the order of the calls of one thread. Nothing bounds the queue here: who sends asks
/// `waitingCount`, or sends the next when the last has answered.
package final class WorkThread: SerialExecutor, @unchecked Sendable {
    package let name: String

    private enum Work: Sendable {
        case job(UnownedJob)
        case call(@Sendable () -> Void)
    }

    private let inbound = Inbound<Work>()
    private let running = RunningThread()
    private let wakeFD: Int32
    private var thread = pthread_t()

    /// - Parameter name: shown as the thread's name; at most 15 bytes of it.
    package init(name: String) {
        self.name = name
        wakeFD = eventfd(0, Int32(EFD_CLOEXEC))
        precondition(wakeFD >= 0, "no eventfd left")
        let failed = pthread_create(
            &thread, nil,
            { context in
                Unmanaged<WorkThread>.fromOpaque(context!).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        precondition(failed == 0, "no thread left")
    }

    deinit { close(wakeFD) }

    /// Runs what was sent before, then ends the thread and waits for that. Not from the thread itself; the second time
    /// changes nothing.
    package func stop() {
        let closing = inbound.close()
        guard closing != .closed else { return }
        if closing == .first { wake() }
        pthread_join(thread, nil)
    }

    package var isCurrent: Bool { running.isCurrent }

    /// What has been sent and not been taken up yet.
    package var waitingCount: Int { inbound.count }

    /// From any thread. Not after `stop`.
    package func execute(_ body: @escaping @Sendable () -> Void) { push(.call(body)) }

    package func enqueue(_ job: consuming ExecutorJob) { push(.job(UnownedJob(job))) }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    package func checkIsolated() { precondition(isCurrent, "called off the thread '\(name)'") }

    package func isIsolatingCurrentContext() -> Bool? { isCurrent }

    private func push(_ work: Work) {
        if inbound.add(work) == .first { wake() }
    }

    private func wake() { eventfd_write(wakeFD, 1) }

    private func run() {
        running.begin()
        clibevent_name_thread(name)
        while true {
            var count: eventfd_t = 0
            eventfd_read(wakeFD, &count)
            let (items, isClosed) = inbound.takeAll()
            for item in items {
                switch item {
                case .job(let job): job.runSynchronously(on: asUnownedSerialExecutor())
                case .call(let body): body()
                }
            }
            if isClosed { return }
        }
    }
}
