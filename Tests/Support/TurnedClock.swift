import Foundation

/// The wall clock of processes that a test starts, turned while they run.
package final class TurnedClock: Sendable {
    /// What a process is to be given to run by it.
    package let environment: [String: String]
    /// Of the library that is preloaded, and where the clock stands.
    private let folder = NSTemporaryDirectory() + "switchboard-clock-\(UUID().uuidString)"
    private let place: URL

    package init() throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let library = folder + "/turned-clock.so"
        let source = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../Faults/injection/shifted_clock.c")
        let compiler = Process()
        compiler.executableURL = URL(filePath: "/usr/bin/env")
        compiler.arguments = ["clang", "-shared", "-fPIC", "-O1", "-o", library, source.path, "-ldl"]
        try compiler.run()
        compiler.waitUntilExit()
        guard compiler.terminationStatus == 0 else { throw StageFailure(text: "\(source.path) does not compile") }
        place = URL(filePath: folder + "/turned-clock")
        environment = ["LD_PRELOAD": library, "CLOCK_SHIFT_FILE": place.path]
        try Data(count: 8).write(to: place)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// From now on it is so much ahead, or behind, in whole seconds.
    package func turn(by seconds: Int64) throws {
        let handle = try FileHandle(forWritingTo: place)
        try handle.write(contentsOf: withUnsafeBytes(of: seconds) { Data($0) })
        try handle.close()
    }
}
