internal import Glibc

extension Metrics {
    /// Adds what the system knows of this process: processor time, memory, open descriptors, start.
    package func addProcess() {
        counter("process_cpu_seconds_total", help: "Processor time of user and system, in seconds.") {
            var used = timespec()
            clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used)
            return Double(used.tv_sec) + Double(used.tv_nsec) / 1e9
        }
        gauge("process_resident_memory_bytes", help: "Resident memory.") {
            let pages = fields(of: "/proc/self/statm")
            return pages.count > 1 ? pages[1] * Double(sysconf(Int32(_SC_PAGESIZE))) : 0
        }
        gauge("process_open_fds", help: "Open descriptors.") { Double(countEntries("/proc/self/fd")) }
        let start = time(nil)
        gauge("process_start_time_seconds", help: "When the process started, in Unix seconds.") { Double(start) }
    }
}

/// The numbers in the first line of a small file of the system.
private func fields(of path: String) -> [Double] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = read(descriptor, &bytes, bytes.count)
    guard count > 0 else { return [] }
    return String(decoding: bytes[..<count], as: UTF8.self).split(separator: " ").compactMap { Double($0) }
}

private func countEntries(_ path: String) -> Int {
    guard let folder = opendir(path) else { return 0 }
    defer { closedir(folder) }
    var count = 0
    while readdir(folder) != nil { count += 1 }
    // Not `.`, `..`, nor the descriptor of this listing.
    return max(0, count - 3)
}
