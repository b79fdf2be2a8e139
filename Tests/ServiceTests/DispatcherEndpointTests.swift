import Foundation
import Support
import Switchboard
import Testing

/// The Server API of endpoints, and what becomes of their records.
@Suite("A webhook endpoint", .serialized)
struct DispatcherEndpointTests {
    @Test("Signs with both secrets after a rotation, can be tried and changed, and knows its path's methods")
    func changes() async throws {
        let stage = try await DeliveryStage { _ in .status(200) }
        let endpoint = try await stage.add()
        let path = "/v1/callbacks/endpoints/\(endpoint.id)"
        let rotated = try await stage.dispatcher.asks("POST", path + "/secret/rotate")
        #expect(rotated.status == 200)
        let fresh = try #require(try stage.object(rotated.body)["secret"] as? String)
        #expect(fresh != endpoint.secret)
        let tried = try await stage.dispatcher.asks("POST", path + "/test")
        #expect(tried.status == 200 && tried.body.contains(#""delivered":true"#), "\(tried.body)")
        let hit = try #require(await stage.sink.hits.first)
        #expect(hit.type == "callback.endpoint.test" && hit.subject == "endpoints/\(endpoint.id)")
        let signatures = try [fresh, endpoint.secret].map { secret in
            let key = try #require(Base64.decode(secret.dropFirst("whsec_".count)))
            let signed = Array("\(hit.id).\(hit.timestamp).\(hit.body)".utf8)
            return "v1,\(Base64.encode(Digest.hmacSHA256(signed, key: key)))"
        }
        #expect(hit.signature == signatures.joined(separator: " "))
        let changed = try await stage.dispatcher.asks(
            "PATCH", path, body: #"{"types":["room.*"],"description":"rooms alone"}"#)
        #expect(changed.status == 200 && changed.body.contains("rooms alone") && !changed.body.contains("whsec_"))
        #expect(try await stage.dispatcher.asks("PATCH", path, body: #"{"types":[]}"#).status == 400)
        #expect(try await stage.dispatcher.asks("PATCH", path, body: #"{"url":"ftp://example.org"}"#).status == 400)
        #expect(try await stage.dispatcher.asks("PUT", path, body: "{}").status == 405)
        #expect(try await stage.dispatcher.asks("GET", path + "/test").status == 405)
        #expect(try await stage.dispatcher.asks("POST", path + "/nothing").status == 404)
        #expect(!stage.dispatcher.said.contains("whsec_"))
        await stage.close()
    }

    @Test("Is written again when its record grows old, and the copy alone brings it back")
    func ages() async throws {
        let stage = try await DeliveryStage(["SWITCHBOARD_WEBHOOK_ENDPOINTS_AGAIN": "200ms"]) { _ in .status(200) }
        let endpoint = try await stage.add()
        try await eventually("two copies are written") { await stage.scene.copies.count > 1 }
        let copy = try #require(await stage.scene.copies.last)
        let after = try await DeliveryStage { _ in .status(200) }
        try await after.scene.writeDelivery(copy, key: CallbackEndpoint(json: copy).key)
        try await eventually("it is known there") { try await after.isEnabled(endpoint) == true }
        let shown = try await after.dispatcher.asks("GET", "/v1/callbacks/endpoints")
        #expect(shown.body.contains(endpoint.id))
        await after.close()
        await stage.close()
    }
}
