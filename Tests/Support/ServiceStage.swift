package import Foundation
import FoundationNetworking

/// A broker and a Redis for a test of services, with all their data in one folder that goes with it.
package final class ServiceStage: Sendable {
    package let broker: KafkaBroker
    package let redis: ServiceProcess
    package let folder: String
    package let partitions: Int

    /// - Parameters:
    ///   - kind: the embedded log where it was built, unless told otherwise.
    ///   - more: what the broker is told by its environment.
    package init(
        _ kind: KafkaBroker.Kind = .embedded, partitions: Int = 4, brokerWith more: [String: String] = [:]
    ) async throws {
        let folder = NSTemporaryDirectory() + "switchboard-stage-\(UUID().uuidString)"
        self.folder = folder
        self.partitions = partitions
        broker = try await KafkaBroker(kind, with: more)
        let port = try freeTestPort()
        redis = try ServiceProcess(
            "redis-server",
            command: [
                "/usr/bin/redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                "--dir", folder + "/redis",
            ], port: port, folder: folder + "/redis", isReady: takesConnections)
        try await redis.start()
    }

    deinit {
        redis.kill()
        broker.kill()
        try? FileManager.default.removeItem(atPath: folder)
    }

    package var redisURL: String { "redis://127.0.0.1:\(redis.port)" }

    /// A service of ours, not started yet. The same name is the same copy: same port, same data.
    package func service(
        _ program: String, instance: String? = nil, _ more: [String: String] = [:]
    ) throws -> ServiceProcess {
        let instance = instance ?? "\(program)-1"
        let port = try freeTestPort()
        let home = "\(folder)/\(instance)"
        let common = [
            "SWITCHBOARD_KAFKA": broker.bootstrap, "SWITCHBOARD_REDIS": redisURL, "SWITCHBOARD_DATA": home,
            "SWITCHBOARD_LISTEN": "127.0.0.1:\(port)", "SWITCHBOARD_INSTANCE": instance,
            "SWITCHBOARD_PARTITIONS": "\(partitions)",
        ]
        return try ServiceProcess(
            instance, command: [ServiceProcess.program(program)], environment: common.merging(more) { _, own in own },
            port: port, folder: home
        ) { port in
            await (try? TestHTTP.send("GET", "http://127.0.0.1:\(port)/readyz"))?.status == 200
        }
    }
}

/// Whether somebody listens at a port of the loopback address.
@Sendable package func takesConnections(_ port: Int) async -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}

/// HTTP as a customer's server speaks it.
package enum TestHTTP {
    package struct Answer: Sendable {
        package let status: Int
        package let body: Data

        package var text: String { String(decoding: body, as: UTF8.self) }

        /// A member of the body, by its path: `result.accessToken`.
        package subscript(_ path: String) -> Any? {
            var value = try? JSONSerialization.jsonObject(with: body)
            for name in path.split(separator: ".") { value = (value as? [String: Any])?[String(name)] }
            return value
        }

        package var code: Int? { self["code"] as? Int }
    }

    private static let patience: TimeInterval = 10

    package static func send(
        _ method: String, _ url: String, headers: [String: String] = [:], body: Data? = nil
    ) async throws -> Answer {
        guard let url = URL(string: url) else { throw StageFailure(text: "no URL: \(url)") }
        var request = URLRequest(url: url, timeoutInterval: patience)
        request.httpMethod = method
        request.httpBody = body
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        let (data, response) = try await URLSession.shared.data(for: request)
        guard let response = response as? HTTPURLResponse else { throw StageFailure(text: "no HTTP answer") }
        return Answer(status: response.statusCode, body: data)
    }
}
