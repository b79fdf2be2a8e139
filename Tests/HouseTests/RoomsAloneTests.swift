import Foundation
import Testing

/// What text search cannot see: a room that needs something of a room it may not name does not compile without it.
@Suite("Rooms compile alone")
struct RoomsAloneTests {
    @Test("Domain compiles alone, and with Contracts", arguments: [["Domain"], ["Domain", "Contracts"]])
    func compiles(_ rooms: [String]) async throws {
        let (code, output) = try await typecheck(rooms.flatMap { swiftFiles(under: "Shared/Switchboard/\($0)") })
        #expect(code == 0, "\(output)")
    }

    @Test("A file of Domain that leans on a driver is found")
    func findsFault() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "house-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let planted = folder.appending(path: "Planted.swift")
        try "func leans(on loop: EventLoop) { loop.stop() }\n".write(to: planted, atomically: true, encoding: .utf8)
        let (code, output) = try await typecheck(swiftFiles(under: "Shared/Switchboard/Domain") + [planted.path])
        #expect(code != 0)
        #expect(output.contains("EventLoop"))
    }

    private func swiftFiles(under folder: String) -> [String] {
        House.real.swift(under: folder).map { House.root.appending(path: $0.path).path }
    }

    /// Runs the compiler as far as it needs to know that everything named is there.
    private func typecheck(_ files: [String]) async throws -> (code: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        let features = ["ExistentialAny", "InternalImportsByDefault", "MemberImportVisibility"]
        process.arguments =
            [
                "swiftc", "-typecheck", "-swift-version", "6", "-module-name", "Switchboard", "-package-name",
                "switchboard",
            ]
            + features.flatMap { ["-enable-upcoming-feature", $0] } + files
        let report = FileManager.default.temporaryDirectory.appending(path: "house-\(UUID().uuidString).txt")
        _ = FileManager.default.createFile(atPath: report.path, contents: nil)
        defer { try? FileManager.default.removeItem(at: report) }
        let writing = try FileHandle(forWritingTo: report)
        process.standardOutput = writing
        process.standardError = writing
        let code: Int32 = try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        return (code, try String(contentsOf: report, encoding: .utf8))
    }
}
