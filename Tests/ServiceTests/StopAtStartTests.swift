import Foundation
import Support
import Testing

/// A service that is told to stop while it starts.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct StopAtStartTests {
    private static let times = 20

    @Test func `A service that is stopped at any moment of its start ends in order`() async throws {
        let stage = try await ServiceStage(partitions: 1)
        let service = try stage.service("call-orchestrator")
        // So long a start takes, once the topics are there.
        try await service.start()
        #expect(try await service.stop() == 0)
        let began = ContinuousClock.now
        try await service.start()
        let start = ContinuousClock.now - began
        #expect(try await service.stop() == 0)
        for time in 0..<Self.times {
            let moment = start * time / Self.times + .milliseconds(Int.random(in: 0...20))
            try FileManager.default.removeItem(atPath: service.folder + "/out")
            try service.launch()
            try await listens(service)
            try await Task.sleep(for: moment)
            let code = try await service.stop()
            #expect(code == 0, "stopped after \(moment) of \(start): \(service.said)")
        }
    }

    /// From then on it does not end by a signal alone.
    private func listens(_ service: ServiceProcess) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while !service.said.contains("\"message\":\"started\"") {
            try #require(ContinuousClock.now < deadline, "it does not start: \(service.said)")
            try await Task.sleep(for: .milliseconds(1))
        }
    }
}
