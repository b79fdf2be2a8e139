internal import Glibc
internal import Synchronization

/// Ends a process well: at SIGTERM or SIGINT its stop steps run on its loop in order, then the loop ends and `main`
/// returns. A step that takes too long is passed over; past the deadline, or at a second signal, the process ends as it
/// is. Everything it promised is in the log by then, so that this loses time and nothing else.
///
/// One small thread waits for the signals. Once a second it also asks every watched loop to turn; a loop that has not
/// turned for `Watchdog.silenceMax` ends the process: another copy takes over sooner than this one would recover.
package final class Shutdown: Sendable {
    package typealias Step = (_ done: @escaping () -> Void) -> Void

    private struct Planned {
        let name: StaticString
        let limit: Duration
        let body: Step
    }

    package static let stepLimit = Duration.seconds(3)
    /// Of all steps together; those that may take longer than `stepLimit` add to it what is beyond.
    package static let deadline = Duration.seconds(10)
    /// Ended by the watchdog (EX_SOFTWARE of sysexits.h).
    package static let hungExitCode: Int32 = 70

    private let loop: EventLoop
    private let log: Log
    private let health: Health
    private let watchdog: Watchdog
    private nonisolated(unsafe) var steps: [Planned] = []
    /// Not changed any more once it listens.
    private nonisolated(unsafe) var patience = Shutdown.deadline
    private nonisolated(unsafe) var timer: LoopTimer?
    private let hasBegun = Atomic<Bool>(false)
    private let end: @Sendable (Int32) -> Void

    /// - Parameter end: what ends the process at once with a code; `_exit` unless a test wants to see it.
    package init(
        loop: EventLoop, log: Log, health: Health, end: @escaping @Sendable (Int32) -> Void = { _exit($0) }
    ) {
        self.loop = loop
        self.log = log
        self.health = health
        self.end = end
        watchdog = Watchdog()
        watchdog.watch(loop)
    }

    /// Call first in `main`, before any thread is made: threads inherit that the signals wait for the one that asks.
    /// Writing to a socket whose other end has gone is an error like any other, not a signal.
    package static func holdSignals() {
        var set = signalSet()
        pthread_sigmask(SIG_BLOCK, &set, nil)
        signal(SIGPIPE, SIG_IGN)
    }

    /// Another loop that must keep turning.
    package func watch(_ loop: EventLoop) { watchdog.watch(loop) }

    /// Adds a step; steps run in the order added: first the doors close, then loops finish, then stores flush.
    /// `body` runs on the loop and calls `done` there, at once or later. Before the loop runs, or on it.
    package func step(
        _ name: StaticString, within limit: Duration = Shutdown.stepLimit, _ body: @escaping Step
    ) {
        steps.append(Planned(name: name, limit: limit, body: body))
        patience += max(.zero, limit - Self.stepLimit)
    }

    /// Starts the thread that waits for the signals and watches the loops.
    package func listen() {
        var thread = pthread_t()
        let me = Unmanaged.passRetained(self).toOpaque()
        let failed = pthread_create(
            &thread, nil,
            { context in
                Unmanaged<Shutdown>.fromOpaque(context!).takeRetainedValue().waitForSignals()
                return nil
            }, me)
        precondition(failed == 0, "no thread left to wait for signals")
        pthread_detach(thread)
    }

    /// Begins to stop; the second time changes nothing. From any thread.
    package func begin() {
        guard !hasBegun.exchange(true, ordering: .relaxed) else { return }
        health.stop()
        log.notice("stopping")
        loop.execute { self.next() }
    }

    // MARK: on the loop

    private func next() {
        timer = nil
        guard !steps.isEmpty else {
            log.notice("stopped")
            loop.stop()
            return
        }
        let step = steps.removeFirst()
        var isOver = false
        let goOn = {
            guard !isOver else { return }
            isOver = true
            self.next()
        }
        timer = loop.schedule(after: step.limit) {
            if !isOver { self.log.warning("a stop step took too long", ["step": step.name.description]) }
            goOn()
        }
        step.body(goOn)
    }

    // MARK: on the thread of its own

    private func waitForSignals() {
        var set = Self.signalSet()
        var second = timespec(tv_sec: 1, tv_nsec: 0)
        var secondsLeft: Int?
        while true {
            if sigtimedwait(&set, nil, &second) > 0 {
                if secondsLeft != nil { return endNow("second signal") }
                secondsLeft = Int(patience.components.seconds)
                begin()
            } else if let left = secondsLeft {
                secondsLeft = left - 1
                if left <= 1 { return endNow("deadline") }
            }
            if let name = watchdog.tick() {
                log.error("a loop has stopped turning", ["loop": name])
                return end(Self.hungExitCode)
            }
        }
    }

    private func endNow(_ why: String) {
        log.warning("stopped before all was finished", ["cause": why])
        end(1)
    }

    private static func signalSet() -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGTERM)
        sigaddset(&set, SIGINT)
        return set
    }
}
