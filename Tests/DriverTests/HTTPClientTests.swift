import Glibc
import Support
import Switchboard
import Synchronization
import Testing

@Suite struct HTTPClientTests {
    private func ask(
        _ request: HTTPClientRequest, with client: HTTPClient, on loop: EventLoop
    ) async -> Result<HTTPClientResponse, HTTPClientFailure> {
        await answered { continuation in
            client.send(request, on: loop) { result in
                #expect(loop.isCurrent)
                continuation.resume(returning: result)
            }
        }
    }

    private func withClient<T: Sendable>(
        _ settings: HTTPClientSettings = .init(), limits: HTTPLimits = .init(),
        handler: @escaping @Sendable (HTTPRequest, HTTPResponder) -> Void = HTTPTestServer.echo,
        _ body: (HTTPClient, HTTPTestServer) async throws -> T
    ) async throws -> T {
        let server = try await HTTPTestServer.start(limits: limits, handler: handler)
        let client = HTTPClient(settings: settings)
        let result = try await body(client, server)
        client.close()
        await server.end()
        return result
    }

    @Test(arguments: [
        ("GET", "", "GET /p [x=1] "), ("POST", "hello", "POST /p [x=1] hello"), ("POST", "", "POST /p [x=1] "),
        ("PUT", "hello", "PUT /p [x=1] hello"), ("DELETE", "", "DELETE /p [x=1] "), ("HEAD", "", ""),
    ])
    func eachMethodArrives(_ method: String, _ body: String, _ expected: String) async throws {
        let result = try await withClient { client, server in
            await ask(
                HTTPClientRequest(
                    method: method, url: "http://127.0.0.1:\(server.port)/p?x=1", body: Array(body.utf8)),
                with: client, on: server.loop)
        }
        let response = try result.get()
        #expect(response.status == 200)
        #expect(response.header("Content-Type") == "text/plain")
        #expect(String(decoding: response.body, as: UTF8.self) == expected)
    }

    @Test func headersArriveAndNothingElseDoes() async throws {
        let result = try await withClient(handler: { request, responder in
            let names = request.headers.map { "\($0.name)=\($0.value)" }.joined(separator: "\n")
            responder.respond(.json(200, Array(names.utf8)))
        }) { client, server in
            await ask(
                HTTPClientRequest(
                    method: "POST", url: "http://127.0.0.1:\(server.port)/", headers: [("X-A", "b"), ("X-Empty", "")],
                    body: [UInt8](repeating: 65, count: 3000)), with: client, on: server.loop)
        }
        let lines = String(decoding: try result.get().body, as: UTF8.self).split(separator: "\n").sorted()
        #expect(lines.contains("x-a=b"))
        #expect(lines.contains("x-empty="))
        #expect(lines.contains("user-agent=Switchboard"))
        #expect(!lines.contains { $0.hasPrefix("expect") || $0.hasPrefix("content-type") })
    }

    @Test func manyAtOnceAreAllAnsweredOnce() async throws {
        var settings = HTTPClientSettings()
        settings.concurrentMax = 64
        let answers = try await withClient(settings) { client, server in
            await withTaskGroup(of: String.self) { group in
                for number in 0..<500 {
                    group.addTask {
                        let request = HTTPClientRequest(
                            method: "POST", url: "http://127.0.0.1:\(server.port)/\(number)", body: [65])
                        let result = await self.ask(request, with: client, on: server.loop)
                        return (try? result.get()).map { String(decoding: $0.body, as: UTF8.self) } ?? "\(result)"
                    }
                }
                return await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
        }
        #expect(answers == Set((0..<500).map { "POST /\($0) [] A" }))
    }

    @Test func redirectsAreAnswersLikeOthers() async throws {
        let result = try await withClient(handler: { _, responder in
            responder.respond(HTTPResponse(status: 302, headers: [("Location", "/elsewhere")]))
        }) { client, server in
            await ask(HTTPClientRequest(url: "http://127.0.0.1:\(server.port)/"), with: client, on: server.loop)
        }
        #expect(try result.get().status == 302)
        #expect(try result.get().header("location") == "/elsewhere")
    }

    @Test func aServerThatDoesNotAnswerTimesOut() async throws {
        let kept = KeptResponder()
        let result = try await withClient(handler: { kept.keep($1) }) { client, server in
            let result = await ask(
                HTTPClientRequest(url: "http://127.0.0.1:\(server.port)/", totalWithin: .milliseconds(150)),
                with: client, on: server.loop)
            _ = await server.onLoop { _ in kept.respond() }
            return result
        }
        #expect(failure(result) == .timedOut)
    }

    @Test func waitingForATurnCountsAsTime() async throws {
        var settings = HTTPClientSettings()
        settings.concurrentMax = 1
        let kept = KeptResponder()
        try await withClient(settings, handler: { kept.keep($1) }) { client, server in
            let url = "http://127.0.0.1:\(server.port)/"
            async let first = ask(HTTPClientRequest(url: url), with: client, on: server.loop)
            await eventually("the first is with the server") { kept.isThere }
            async let second = ask(
                HTTPClientRequest(url: url, totalWithin: .milliseconds(50)), with: client, on: server.loop)
            try await Task.sleep(for: .milliseconds(100))
            _ = await server.onLoop { _ in kept.respond() }
            let status = try await first.get().status
            #expect(status == 200)
            #expect(failure(await second) == .timedOut)
        }
    }

    @Test func moreThanItMayHoldIsOverload() async throws {
        var settings = HTTPClientSettings()
        settings.heldMax = 1
        let kept = KeptResponder()
        try await withClient(settings, handler: { kept.keep($1) }) { client, server in
            let url = "http://127.0.0.1:\(server.port)/"
            async let first = ask(HTTPClientRequest(url: url), with: client, on: server.loop)
            await eventually("the first is with the server") { kept.isThere }
            #expect(failure(await ask(HTTPClientRequest(url: url), with: client, on: server.loop)) == .overloaded)
            _ = await server.onLoop { _ in kept.respond() }
            let status = try await first.get().status
            #expect(status == 200)
        }
    }

    @Test func aLongAnswerIsCut() async throws {
        var settings = HTTPClientSettings()
        settings.answerBytesMax = 1000
        let result = try await withClient(
            settings,
            handler: { _, responder in
                responder.respond(.json(200, [UInt8](repeating: 65, count: 500_000)))
            }
        ) { client, server in
            await ask(HTTPClientRequest(url: "http://127.0.0.1:\(server.port)/"), with: client, on: server.loop)
        }
        #expect(try result.get().body.count == 1000)
        #expect(try result.get().isBodyCut)
        #expect(try result.get().status == 200)
    }

    @Test func anAddressThatIsNotAllowedIsNeverConnectedTo() async throws {
        var settings = HTTPClientSettings()
        settings.allows = PublicAddress.isPublic
        let seen = Flag()
        let kinds = try await withClient(
            settings,
            handler: { _, responder in
                seen.set()
                responder.respond(.json(200, []))
            }
        ) { client, server in
            var kinds: [HTTPClientFailure.Kind?] = []
            for host in ["127.0.0.1", "localhost", "0.0.0.0", "2130706433", "[::ffff:127.0.0.1]"] {
                let request = HTTPClientRequest(url: "http://\(host):\(server.port)/")
                kinds.append(failure(await ask(request, with: client, on: server.loop)))
            }
            let pinned = HTTPClientRequest(url: "http://example.test:\(server.port)/", addresses: ["127.0.0.1"])
            kinds.append(failure(await ask(pinned, with: client, on: server.loop)))
            return kinds
        }
        #expect(kinds == Array(repeating: .addressRefused, count: 6))
        #expect(!seen.isSet)
    }

    @Test func aNameCanBeGivenItsAddresses() async throws {
        let result = try await withClient(handler: { request, responder in
            responder.respond(.json(200, Array((request.header("host") ?? "").utf8)))
        }) { client, server in
            let request = HTTPClientRequest(url: "http://example.test:\(server.port)/", addresses: ["127.0.0.1"])
            return await ask(request, with: client, on: server.loop)
        }
        #expect(String(decoding: try result.get().body, as: UTF8.self).hasPrefix("example.test:"))
    }

    @Test(arguments: [
        ("file:///etc/passwd", HTTPClientFailure.Kind.badRequest), ("gopher://127.0.0.1/", .badRequest),
        ("not a url", .badRequest), ("http://127.0.0.1:1/", .connectFailed),
    ])
    func whatCannotBeSentFailsWithItsKind(_ url: String, _ kind: HTTPClientFailure.Kind) async throws {
        let result = try await withClient { client, server in
            await ask(HTTPClientRequest(url: url), with: client, on: server.loop)
        }
        #expect(failure(result) == kind)
    }

    @Test func aHeaderCannotBringAnother() async throws {
        let result = try await withClient { client, server in
            await ask(
                HTTPClientRequest(url: "http://127.0.0.1:\(server.port)/", headers: [("X", "a\r\nY: b")]),
                with: client, on: server.loop)
        }
        #expect(failure(result) == .badRequest)
    }

    @Test func closingAnswersAllThatIsUnderWayOnce() async throws {
        let kept = KeptResponder()
        try await withClient(handler: { kept.keep($1) }) { client, server in
            let request = HTTPClientRequest(url: "http://127.0.0.1:\(server.port)/")
            async let first = ask(request, with: client, on: server.loop)
            await eventually("it is with the server") { kept.isThere }
            client.close()
            client.close()
            #expect(failure(await first) == .closed)
            #expect(failure(await ask(request, with: client, on: server.loop)) == .closed)
            _ = await server.onLoop { _ in kept.respond() }
        }
    }

    @Test(arguments: [
        "8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.0.1", "2606:4700::1111", "2a00:1450::1",
        "64:ff9b::808:808",
    ])
    func publicAddressesAreKnown(_ address: String) { #expect(PublicAddress.isPublic(address)) }

    @Test(arguments: [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1",
        "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "2002:7f00:1::",
        "2001:db8::1", "2001::1", "example.com", "", "127.1",
    ])
    func innerAddressesAreKnown(_ address: String) { #expect(!PublicAddress.isPublic(address)) }

    private func failure(_ result: Result<HTTPClientResponse, HTTPClientFailure>) -> HTTPClientFailure.Kind? {
        switch result {
        case .success: nil
        case .failure(let failure): failure.kind
        }
    }
}
