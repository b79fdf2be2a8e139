internal import Glibc

/// All WebSockets of one kind on one loop: it holds them, lends them the buffer they read into, and writes what they
/// have to say once per turn. Used on its loop only.
package final class WebSocketHub {
    package let loop: EventLoop
    let role: WebSocketRole
    let limits: WebSocketLimits
    let handler: any WebSocketHandler
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: WebSocketHub.scratchBytes, alignment: 16)
    var whenEmpty: (() -> Void)?

    private var connectionsByID: [UInt64: WebSocketConnection] = [:]
    private var lastID: UInt64 = 0
    private var withOutput: [WebSocketConnection] = []
    private var isClosing = false

    private static let scratchBytes = 64 << 10

    init(loop: EventLoop, role: WebSocketRole, limits: WebSocketLimits, handler: any WebSocketHandler) {
        self.loop = loop
        self.role = role
        self.limits = limits
        self.handler = handler
    }

    deinit { scratch.deallocate() }

    /// Those that are closing count too.
    package var count: Int { connectionsByID.count }

    package func connection(_ id: UInt64) -> WebSocketConnection? { connectionsByID[id] }

    // MARK: coming

    enum Decision {
        case accepted(response: [UInt8], subprotocol: String?, context: AnyObject?)
        case refused(HTTPResponse)
    }

    func decide(on request: HTTPRequest) -> Decision {
        if let refusal = WebSocketHandshake.refusal(of: request) { return .refused(refusal) }
        guard !isClosing, count < limits.connectionsMax else {
            var response = HTTPResponse.problem(503, detail: "too many connections")
            response.headers.append(("Retry-After", "\(WebSocketHub.retryAfterSeconds)"))
            return .refused(response)
        }
        let offered = request.headerList("sec-websocket-protocol")
        switch handler.allows(request, offered: offered) {
        case .refuse(let response): return .refused(response)
        case .accept(let chosen, let context):
            // A client fails the connection over a subprotocol it did not offer.
            let subprotocol = chosen.flatMap { offered.contains($0) ? $0 : nil }
            let response = WebSocketHandshake.response(to: request, subprotocol: subprotocol)
            return .accepted(response: response, subprotocol: subprotocol, context: context)
        }
    }

    private static let retryAfterSeconds = 5

    /// Takes over an open socket whose handshake is done.
    /// - Parameters:
    ///   - first: what came behind the handshake.
    ///   - prepare: called before `opened`.
    func adopt(
        _ descriptor: Int32, remoteAddress: String, subprotocol: String?, first: UnsafeRawBufferPointer,
        prepare: (WebSocketConnection) -> Void
    ) {
        lastID += 1
        let connection = WebSocketConnection(
            hub: self, id: lastID, descriptor: descriptor, remoteAddress: remoteAddress, subprotocol: subprotocol)
        connectionsByID[lastID] = connection
        prepare(connection)
        handler.opened(connection)
        connection.take(first)
    }

    // MARK: from connections

    /// At the end of the turn `connection` writes what it has.
    func hasOutput(_ connection: WebSocketConnection) {
        withOutput.append(connection)
        guard withOutput.count == 1 else { return }
        loop.atEndOfTurn { [self] in
            for connection in exchange(&withOutput, with: []) { connection.flush() }
        }
    }

    func remove(_ connection: WebSocketConnection) {
        connectionsByID[connection.id] = nil
        if connectionsByID.isEmpty { whenEmpty?() }
    }

    // MARK: the end

    /// Closes all, and refuses those who still come.
    package func closeAll(code: UInt16, reason: String) {
        isClosing = true
        for connection in Array(connectionsByID.values) { connection.close(code: code, reason: reason) }
    }

    /// Ends all at once; they are told `closed`.
    package func dropAll() {
        isClosing = true
        for connection in Array(connectionsByID.values) { connection.drop() }
    }
}
