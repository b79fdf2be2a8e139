import Foundation
import Glibc
internal import Switchboard

/// A program of ours, or a server from Debian, that a test starts: in a folder of its own, ended with the object, and
/// ended with the test process, however that ends.
///
/// It can be stopped, killed and started again on the same port and data.
package final class ServiceProcess: Sendable {
    package let name: String
    package let port: Int
    package let folder: String
    private let command: [String]
    private let environment: [String: String]
    private let isReady: @Sendable (Int) async -> Bool
    private let running = Locked(Running())

    private struct Running {
        var shell: Process?
        var pid: pid_t = 0
        /// The program dies when this is closed.
        var leash: Pipe?
    }

    private static let startWithin: Duration = .seconds(30)
    private static let stopWithin: Duration = .seconds(15)

    /// - Parameters:
    ///   - isReady: whether it does its work at the given port.
    package init(
        _ name: String, command: [String], environment: [String: String] = [:], port: Int, folder: String,
        isReady: @escaping @Sendable (Int) async -> Bool
    ) throws {
        self.name = name
        self.command = command
        self.environment = environment
        self.port = port
        self.folder = folder
        self.isReady = isReady
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit { kill() }

    /// Where our binaries were built.
    package static func program(_ name: String) -> String {
        let beside = Bundle.main.executableURL?.deletingLastPathComponent().appending(path: name).path
        if let beside, FileManager.default.isExecutableFile(atPath: beside) { return beside }
        return "\(FileManager.default.currentDirectoryPath)/.build/debug/\(name)"
    }

    /// What it was told by its environment.
    package func setting(_ name: String) -> String? { environment[name] }

    /// What it wrote to its standard output and error, at most the last 4 000 bytes.
    package var said: String {
        String(decoding: (FileManager.default.contents(atPath: folder + "/out") ?? Data()).suffix(4000), as: UTF8.self)
    }

    package var isRunning: Bool { running.withLock { $0.shell?.isRunning ?? false } }

    /// Starts it without waiting for anything.
    package func launch() throws {
        let shell = Process()
        let leash = Pipe()
        let pid = Pipe()
        shell.executableURL = URL(filePath: "/bin/bash")
        // Threads of the test block most signals, and what they start inherits that: the shell ends its own by SIGKILL.
        shell.arguments = [
            "-c",
            #"exec 3<&0; "$@" </dev/null >>"$0/out" 2>&1 3<&- & child=$!; echo $child; "#
                + #"{ read -r _ <&3; kill -9 $child; } 2>/dev/null & wait $child; code=$?; kill -9 $! 2>/dev/null; exit $code"#,
            folder,
        ]
        shell.arguments! += command
        shell.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("SWITCHBOARD_") }
            .merging(environment) { _, own in own }
        shell.standardInput = leash
        shell.standardOutput = pid
        shell.standardError = FileHandle.nullDevice
        try shell.run()
        let line = String(decoding: pid.fileHandleForReading.availableData, as: UTF8.self)
        guard let started = pid_t(line.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw StageFailure(text: "\(name) did not start")
        }
        running.withLock { $0 = Running(shell: shell, pid: started, leash: leash) }
    }

    /// Starts it and waits until it is ready.
    package func start() async throws {
        try launch()
        let deadline = ContinuousClock.now + Self.startWithin
        while await !isReady(port) {
            guard ContinuousClock.now < deadline, isRunning else {
                throw StageFailure(text: "\(name) is not ready at port \(port): \(said)")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Asks it to stop, as an operator does.
    /// - Returns: its exit code.
    @discardableResult
    package func stop() async throws -> Int32 {
        signal(SIGTERM)
        return try await waitForEnd()
    }

    /// - Returns: its exit code; 137 after `kill`.
    package func waitForEnd() async throws -> Int32 {
        let deadline = ContinuousClock.now + Self.stopWithin
        while isRunning {
            guard ContinuousClock.now < deadline else { throw StageFailure(text: "\(name) does not end: \(said)") }
            try await Task.sleep(for: .milliseconds(10))
        }
        return running.withLock { running in
            defer { running = Running() }
            return running.shell?.terminationStatus ?? 0
        }
    }

    /// At once, as a power cut ends it.
    package func kill() {
        signal(SIGKILL)
        running.withLock { try? $0.leash?.fileHandleForWriting.close() }
    }

    package func hang() { signal(SIGSTOP) }
    package func wake() { signal(SIGCONT) }

    private func signal(_ signal: Int32) {
        running.withLock { running in
            guard let shell = running.shell, shell.isRunning else { return }
            _ = Glibc.kill(running.pid, signal)
        }
    }
}

/// What tells a program where a sanitizer writes its findings, for one that is given an environment of its own.
package let sanitizerOptions = ProcessInfo.processInfo.environment.filter { $0.key.hasSuffix("SAN_OPTIONS") }

package struct StageFailure: Error, CustomStringConvertible {
    let text: String
    package init(text: String) { self.text = text }
    package var description: String { text }
}

/// A port of the loopback address that nobody listens to.
package func freeTestPort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
        }
    }
    guard isBound else { throw StageFailure(text: "no free port found") }
    return Int(UInt16(bigEndian: address.sin_port))
}
