internal import Glibc

/// How the kernel schedules this process.
package enum ProcessScheduling {
    /// Tells the kernel that a thread which wakes need not run at once. What a Kafka record costs is mostly being woken;
    /// woken a little later, threads find more to do, and a service spends 13 to 23 % less CPU and is no slower.
    ///
    /// First in `main`: only threads that start afterwards inherit it.
    /// - Returns: false when the kernel refused (a container without the right); nothing else changes then.
    @discardableResult
    package static func batch() -> Bool {
        var parameters = sched_param()
        return sched_setscheduler(0, schedulingBatch, &parameters) == 0
    }

    private static let schedulingBatch: Int32 = 3
}
