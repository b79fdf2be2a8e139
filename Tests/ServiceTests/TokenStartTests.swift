import Foundation
import Support
import Switchboard
import Testing

@Suite("A copy of token-service that starts", .serialized)
struct TokenStartTests {
    @Test("Whoever signs rightly is told to ask again or gets a token, and is never taken for a stranger")
    func neverUnknown() async throws {
        let scene = try await TokenScene()
        let key = scene.service.folder + "/signing-key.pem"
        let copy = try scene.stage.service("token-service", instance: "second", ["SWITCHBOARD_SIGNING_KEY": key])
        let deadline = ContinuousClock.now + .seconds(60)
        try copy.launch()
        var told: [Int?: Int] = [:]
        var hasToken = false
        while !hasToken {
            try #require(ContinuousClock.now < deadline, "no token, but \(told) and \(copy.said)")
            // Until it listens nobody answers.
            guard let answer = try? await scene.issue("ada", to: copy) else { continue }
            told[answer.code, default: 0] += 1
            hasToken = answer.status == 200
        }
        #expect(Set(told.keys).isSubset(of: [0, 50300]), "\(told)")
    }
}
