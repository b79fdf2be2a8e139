import Glibc
import Switchboard

/// What the processes of a plan, and the load itself, have used up to a moment: from /proc.
struct ProcessCosts {
    private struct Use {
        var ticks = 0
        var pages = 0
    }

    private let processes: [LoadPlan.Process]
    private var uses: [Use] = []

    private static let ticksPerSecond = sysconf(Int32(_SC_CLK_TCK))
    private static let pageKilobytes = sysconf(Int32(_SC_PAGESIZE)) / 1024

    init(_ processes: [LoadPlan.Process]) {
        var own = LoadPlan.Process()
        own.name = "load"
        own.pids = [Int(getpid())]
        self.processes = processes + [own]
        uses = self.processes.map { process in
            process.pids.reduce(into: Use()) { sum, pid in
                sum.ticks += Self.ticks(of: pid)
                sum.pages += Self.pages(of: pid)
            }
        }
    }

    func costs(until later: ProcessCosts) -> [Cost] {
        processes.indices.map { i in
            var cost = Cost()
            cost.name = processes[i].name
            cost.cpuMicroseconds = (later.uses[i].ticks - uses[i].ticks) * 1_000_000 / Self.ticksPerSecond
            cost.grownKilobytes = (later.uses[i].pages - uses[i].pages) * Self.pageKilobytes
            return cost
        }
    }

    /// User and system time; 0 of a process that is gone.
    private static func ticks(of pid: Int) -> Int {
        let text = content("/proc/\(pid)/stat")
        // The second field is a name in parentheses and may hold spaces.
        guard let behindName = text.lastIndex(of: ")") else { return 0 }
        let fields = text[behindName...].split(separator: " ")
        guard fields.count > 13 else { return 0 }
        return (Int(fields[12]) ?? 0) + (Int(fields[13]) ?? 0)
    }

    private static func pages(of pid: Int) -> Int {
        let fields = content("/proc/\(pid)/statm").split(separator: " ")
        return fields.count > 1 ? Int(fields[1]) ?? 0 : 0
    }

    private static func content(_ path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(descriptor, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : ""
    }
}

/// Nanoseconds of a clock that only goes forward.
func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
