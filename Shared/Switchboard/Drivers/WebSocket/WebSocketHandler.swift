/// What an owner of WebSockets is told, on the loop.
package protocol WebSocketHandler: AnyObject {
    /// Whether a well-formed request to upgrade is welcome. `offered`: the subprotocols, in the client's order.
    func allows(_ request: HTTPRequest, offered: [String]) -> WebSocketUpgradeDecision
    func opened(_ connection: WebSocketConnection)
    /// The bytes are UTF-8 and valid during the call.
    func received(_ connection: WebSocketConnection, text: UnsafeRawBufferPointer)
    func receivedBinary(_ connection: WebSocketConnection)
    /// The peer answered a ping, or sent a pong of its own accord.
    func receivedPong(_ connection: WebSocketConnection)
    /// Exactly once for each `opened`; nothing is received or sent afterwards. `code`: the peer's, or ours if we closed;
    /// nil if the connection went without one.
    func closed(_ connection: WebSocketConnection, code: UInt16?)
}

extension WebSocketHandler {
    package func receivedPong(_ connection: WebSocketConnection) {}
    package func allows(_ request: HTTPRequest, offered: [String]) -> WebSocketUpgradeDecision { .accept(nil) }
}

package enum WebSocketUpgradeDecision {
    /// With one of the subprotocols that were offered, or none, and with what becomes the connection's `context` before
    /// `opened`: who the request showed itself to be.
    case accept(String?, context: AnyObject? = nil)
    case refuse(HTTPResponse)
}

/// What one hub bears; each limit says what happens there.
package struct WebSocketLimits: Sendable {
    /// Of a message, in one frame or several; above it the connection is closed with `tooLargeCode`.
    package var messageBytesMax = 64 << 10
    package var tooLargeCode: UInt16 = 1009
    /// What waits for a slow reader; above it what has not been sent is given up, and the connection closed with
    /// `slowReaderCode`.
    package var outBytesMax = 1 << 20
    package var slowReaderCode: UInt16 = 1013
    /// The next is answered 503.
    package var connectionsMax = 100_000
    /// For the peer to answer our close, and to close its side after both; then the connection is dropped.
    package var closeWithin = Duration.seconds(5)

    package init() {}
}
