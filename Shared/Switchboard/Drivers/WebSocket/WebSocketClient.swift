internal import Glibc

/// Opens WebSockets over plain TCP, many of them on one loop: for driving load and for tests. Used on its loop only.
package final class WebSocketClient {
    /// What is open.
    package let hub: WebSocketHub
    private var dialsByID: [ObjectIdentifier: WebSocketDial] = [:]

    package init(loop: EventLoop, limits: WebSocketLimits = .init(), handler: any WebSocketHandler) {
        hub = WebSocketHub(loop: loop, role: .client, limits: limits, handler: handler)
    }

    /// - Parameters:
    ///   - address: numeric.
    ///   - target: path and query.
    ///   - source: the local address to come from; a machine has only some ten thousand ports per address.
    ///   - completion: called once; with a connection before the handler's `opened`.
    package func connect(
        to address: String, port: Int, target: String, headers: [(String, String)] = [], subprotocols: [String] = [],
        from source: String? = nil, within limit: Duration = .seconds(10),
        completion: @escaping (Result<WebSocketConnection, WebSocketConnectFailure>) -> Void
    ) {
        let dial = WebSocketDial(hub: hub, host: "\(address):\(port)", subprotocols: subprotocols) { [unowned self] in
            dialsByID[ObjectIdentifier($0)] = nil
            completion($1)
        }
        dialsByID[ObjectIdentifier(dial)] = dial
        dial.begin(to: address, port: port, target: target, headers: headers, from: source, within: limit)
    }

    /// Ends all at once, also what is still being opened.
    package func close() {
        for dial in Array(dialsByID.values) { dial.fail("the client was closed") }
        hub.dropAll()
    }
}

package struct WebSocketConnectFailure: Error, Sendable, CustomStringConvertible {
    /// What the server answered instead of 101.
    package let status: Int?
    package let description: String
}

/// One WebSocket on its way to being open.
private final class WebSocketDial {
    private let hub: WebSocketHub
    private let host: String
    private let key = WebSocketHandshake.randomKey()
    private let subprotocols: [String]
    private let completion: (WebSocketDial, Result<WebSocketConnection, WebSocketConnectFailure>) -> Void
    private var descriptor: Int32 = -1
    private var watch: LoopWatch?
    private var deadline: LoopTimer?
    private var answer: [UInt8] = []
    private var isDone = false

    private static let answerBytesMax = 16 << 10

    init(
        hub: WebSocketHub, host: String, subprotocols: [String],
        completion: @escaping (WebSocketDial, Result<WebSocketConnection, WebSocketConnectFailure>) -> Void
    ) {
        self.hub = hub
        self.host = host
        self.subprotocols = subprotocols
        self.completion = completion
    }

    func begin(
        to address: String, port: Int, target: String, headers: [(String, String)], from source: String?,
        within limit: Duration
    ) {
        guard (1...65535).contains(port), var remote = SocketAddress(address, port: UInt16(port)) else {
            return fail("not a numeric address and port")
        }
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        descriptor = socket(remote.family, kind, 0)
        guard descriptor >= 0 else { return fail(String(cString: strerror(errno))) }
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        if let source, var local = SocketAddress(source, port: 0) {
            // The port is chosen when the other end is known, so that one serves several.
            setsockopt(descriptor, Int32(IPPROTO_IP), IP_BIND_ADDRESS_NO_PORT, &on, socklen_t(MemoryLayout<Int32>.size))
            let failed = local.withPointer { bind(descriptor, $0, $1) }
            guard failed == 0 else { return fail("from \(source): \(String(cString: strerror(errno)))") }
        }
        let failed = remote.withPointer { Glibc.connect(descriptor, $0, $1) }
        guard failed == 0 || errno == EINPROGRESS else { return fail(String(cString: strerror(errno))) }
        deadline = hub.loop.schedule(after: limit) { [unowned self] in fail("not open in time") }
        watch = hub.loop.watch(descriptor, for: .write) { [unowned self] in connected(target: target, headers) }
    }

    private func connected(target: String, _ headers: [(String, String)]) {
        var problem: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &problem, &size)
        guard problem == 0 else { return fail(String(cString: strerror(problem))) }
        var text = "GET \(target) HTTP/1.1\r\nHost: \(host)\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        text += "Sec-WebSocket-Key: \(key)\r\nSec-WebSocket-Version: 13\r\n"
        if !subprotocols.isEmpty { text += "Sec-WebSocket-Protocol: \(subprotocols.joined(separator: ", "))\r\n" }
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        let bytes = Array((text + "\r\n").utf8)
        guard send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            return fail("the request was not taken")
        }
        watch = hub.loop.watch(descriptor, for: .read) { [unowned self] in receive() }
    }

    private func receive() {
        let scratch = hub.scratch
        let count = recv(descriptor, scratch.baseAddress, scratch.count, 0)
        guard count > 0 else {
            if count < 0, errno == EAGAIN || errno == EINTR { return }
            return fail("the server closed")
        }
        answer.append(contentsOf: scratch[..<count])
        guard let end = endOfHead() else {
            if answer.count > WebSocketDial.answerBytesMax { fail("answer too long") }
            return
        }
        let lines = String(decoding: answer[..<end], as: UTF8.self).split(separator: "\r\n")
        let status = Int(lines.first?.dropFirst("HTTP/1.1 ".count).prefix(3) ?? "")
        guard status == 101 else { return fail("answered \(lines.first ?? "")", status: status) }
        let headers = lines.dropFirst().compactMap { line -> (name: String, value: String)? in
            let halves = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            return halves.count == 2 ? (halves[0].lowercased(), HTTPText.trimmed(String(halves[1]))) : nil
        }
        func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
        let chosen = header("sec-websocket-protocol")
        guard header("upgrade")?.lowercased() == "websocket", header("connection")?.lowercased() == "upgrade",
            header("sec-websocket-accept") == WebSocketHandshake.accept(for: key),
            chosen.map(subprotocols.contains) ?? true
        else { return fail("the handshake is wrong", status: status) }
        succeed(subprotocol: chosen, rest: Array(answer[end...]))
    }

    private func endOfHead() -> Int? {
        guard answer.count >= 4 else { return nil }
        for at in 3..<answer.count
        where answer[at] == 0x0A && answer[at - 1] == 0x0D && answer[at - 2] == 0x0A && answer[at - 3] == 0x0D {
            return at + 1
        }
        return nil
    }

    // MARK: the end

    private func succeed(subprotocol: String?, rest: [UInt8]) {
        guard !isDone else { return }
        isDone = true
        watch = nil
        deadline = nil
        rest.withUnsafeBytes { bytes in
            hub.adopt(descriptor, remoteAddress: host, subprotocol: subprotocol, first: bytes) {
                completion(self, .success($0))
            }
        }
    }

    func fail(_ reason: String, status: Int? = nil) {
        guard !isDone else { return }
        isDone = true
        watch = nil
        deadline = nil
        if descriptor >= 0 { close(descriptor) }
        completion(self, .failure(WebSocketConnectFailure(status: status, description: "\(host): \(reason)")))
    }
}
