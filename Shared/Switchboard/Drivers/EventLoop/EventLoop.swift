internal import CLibevent
internal import Glibc

/// One thread with one libevent base. What lives on it (connections, clients of Kafka and Redis, the deciding state) is
/// made on it and used on it alone, so that none of it needs a lock.
///
/// Also a `SerialExecutor`: an actor whose executor is the loop runs on it. Work from other threads comes by `execute`,
/// once per batch: what costs is waking the thread.
package final class EventLoop: SerialExecutor, @unchecked Sendable {
    package let name: String
    let base: OpaquePointer

    private enum Work: Sendable {
        case job(UnownedJob)
        case call(@Sendable () -> Void)
    }

    private let inbound = Inbound<Work>()
    private let running = RunningThread()
    private let wakeFD: Int32
    private var wakeEvent: OpaquePointer?
    private var turnEvent: OpaquePointer?
    private var turnEnds: [() -> Void] = []
    private var isTurnEndDue = false

    /// - Parameter name: shown as the thread's name; at most 15 bytes of it.
    package init(name: String) {
        self.name = name
        let config = event_config_new()
        event_config_set_flag(config, Int32(EVENT_BASE_FLAG_NOLOCK.rawValue | EVENT_BASE_FLAG_PRECISE_TIMER.rawValue))
        guard let base = event_base_new_with_config(config) else {
            preconditionFailure("libevent could not make an event base")
        }
        event_config_free(config)
        self.base = base
        wakeFD = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        precondition(wakeFD >= 0, "no eventfd left")
        let me = Unmanaged.passUnretained(self).toOpaque()
        wakeEvent = event_new(
            base, wakeFD, Int16(EV_READ | EV_PERSIST),
            { _, _, context in Unmanaged<EventLoop>.fromOpaque(context!).takeUnretainedValue().drain() }, me)
        turnEvent = event_new(
            base, -1, 0,
            { _, _, context in Unmanaged<EventLoop>.fromOpaque(context!).takeUnretainedValue().endTurn() }, me)
        event_add(wakeEvent, nil)
    }

    deinit {
        event_free(wakeEvent)
        event_free(turnEvent)
        close(wakeFD)
        event_base_free(base)
    }

    // MARK: running

    /// Runs on the calling thread until `stop`.
    package func run() {
        running.begin()
        clibevent_name_thread(name)
        event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY)
        drain()
        running.end()
    }

    /// Runs on a thread of its own until `stop`.
    package func start() {
        var thread = pthread_t()
        let me = Unmanaged.passRetained(self).toOpaque()
        let failed = pthread_create(
            &thread, nil,
            { context in
                let loop = Unmanaged<EventLoop>.fromOpaque(context!).takeRetainedValue()
                loop.run()
                return nil
            }, me)
        precondition(failed == 0, "no thread left for the loop")
        pthread_detach(thread)
    }

    /// Ends `run` after the callbacks of this turn. From any thread.
    package func stop() {
        execute { event_base_loopbreak(self.base) }
    }

    package var isCurrent: Bool { running.isCurrent }

    // MARK: work from elsewhere

    /// Runs `body` on the loop, in the order of the calls of one thread. From any thread.
    package func execute(_ body: @escaping @Sendable () -> Void) { push(.call(body)) }

    package func enqueue(_ job: consuming ExecutorJob) { push(.job(UnownedJob(job))) }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    package func checkIsolated() { precondition(isCurrent, "called off the loop '\(name)'") }

    package func isIsolatingCurrentContext() -> Bool? { isCurrent }

    private func push(_ work: Work) {
        if inbound.add(work) == .first { eventfd_write(wakeFD, 1) }
    }

    private func drain() {
        var count: eventfd_t = 0
        eventfd_read(wakeFD, &count)
        for item in inbound.takeAll().items {
            switch item {
            case .job(let job): job.runSynchronously(on: asUnownedSerialExecutor())
            case .call(let body): body()
            }
        }
    }

    // MARK: on the loop

    /// Runs `body` when the callbacks that are ready now have run: the place to gather a turn's output into one write.
    /// On the loop only.
    package func atEndOfTurn(_ body: @escaping () -> Void) {
        turnEnds.append(body)
        guard !isTurnEndDue else { return }
        isTurnEndDue = true
        event_active(turnEvent, 0, 0)
    }

    private func endTurn() {
        isTurnEndDue = false
        for body in exchange(&turnEnds, with: []) { body() }
    }

    /// Runs `body` once after `delay`, unless the timer is cancelled or let go before. On the loop only.
    package func schedule(after delay: Duration, _ body: @escaping () -> Void) -> LoopTimer {
        LoopTimer(loop: self, interval: delay, repeats: false, body)
    }

    /// Runs `body` each `interval` until the timer is cancelled or let go. On the loop only.
    package func every(_ interval: Duration, _ body: @escaping () -> Void) -> LoopTimer {
        LoopTimer(loop: self, interval: interval, repeats: true, body)
    }

    /// Calls `body` when `descriptor` can be read (or written), until the watch is cancelled or let go.
    /// `edge`: only when that becomes true again. On the loop only.
    package func watch(
        _ descriptor: Int32, for interest: LoopWatch.Interest, edge: Bool = false, _ body: @escaping () -> Void
    ) -> LoopWatch {
        LoopWatch(loop: self, descriptor: descriptor, interest: interest, edge: edge, body)
    }
}

/// A timer of a loop; letting it go cancels it. Used on its loop only.
package final class LoopTimer {
    private var event: OpaquePointer?
    private let body: () -> Void

    fileprivate init(loop: EventLoop, interval: Duration, repeats: Bool, _ body: @escaping () -> Void) {
        self.body = body
        let me = Unmanaged.passUnretained(self).toOpaque()
        event = event_new(
            loop.base, -1, repeats ? Int16(EV_PERSIST) : 0,
            { _, _, context in
                let timer = Unmanaged<LoopTimer>.fromOpaque(context!).takeUnretainedValue()
                timer.body()
            }, me)
        var time = timeval(interval)
        event_add(event, &time)
    }

    deinit { cancel() }

    package func cancel() {
        guard let event = exchange(&event, with: nil) else { return }
        event_free(event)
    }
}

/// Interest in a descriptor; letting it go ends it, and leaves the descriptor open. Used on its loop only.
package final class LoopWatch {
    package enum Interest: Sendable { case read, write }

    private var event: OpaquePointer?
    private let body: () -> Void

    fileprivate init(
        loop: EventLoop, descriptor: Int32, interest: Interest, edge: Bool, _ body: @escaping () -> Void
    ) {
        self.body = body
        let flags = (interest == .read ? EV_READ : EV_WRITE) | EV_PERSIST | (edge ? EV_ET : 0)
        let me = Unmanaged.passUnretained(self).toOpaque()
        event = event_new(
            loop.base, descriptor, Int16(flags),
            { _, _, context in
                let watch = Unmanaged<LoopWatch>.fromOpaque(context!).takeUnretainedValue()
                watch.body()
            }, me)
        event_add(event, nil)
    }

    deinit { cancel() }

    package func cancel() {
        guard let event = exchange(&event, with: nil) else { return }
        event_free(event)
    }
}

/// Lets a reference to what lives on a loop travel through other threads; it opens on its loop alone.
package final class LoopBound<Value>: @unchecked Sendable {
    private let loop: EventLoop
    private var stored: Value?

    /// On the loop only.
    package init(_ value: Value, on loop: EventLoop) {
        loop.checkIsolated()
        self.loop = loop
        stored = value
    }

    /// On the loop only; nil once it has been let go.
    package var value: Value? {
        get {
            loop.checkIsolated()
            return stored
        }
        set {
            loop.checkIsolated()
            stored = newValue
        }
    }
}

extension timeval {
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self.init(tv_sec: Int(max(seconds, 0)), tv_usec: Int(max(attoseconds / 1_000_000_000_000, 0)))
    }
}

func exchange<T>(_ place: inout T, with value: consuming T) -> T {
    let old = place
    place = value
    return old
}
