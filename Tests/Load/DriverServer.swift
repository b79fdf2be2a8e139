import Glibc
import Switchboard

/// The server half of the driver measurements: echoes WebSocket frames at `/ws`, answers GET with a few bytes of JSON,
/// and takes whatever is posted.
final class DriverServer: WebSocketHandler {
    private let server: HTTPServer
    private var hub: WebSocketHub?

    init(port: Int, loop: EventLoop) throws {
        let hello = Array(#"{"hello":"world"}"#.utf8)
        server = HTTPServer(loop: loop) { request, responder in
            responder.respond(request.method == "GET" ? .json(200, hello) : HTTPResponse(status: 204))
        }
        hub = server.acceptUpgrade(path: "/ws", handler: self)
        _ = try server.listen(on: "127.0.0.1", port: port)
    }

    func opened(_ connection: WebSocketConnection) {}
    func received(_ connection: WebSocketConnection, text: UnsafeRawBufferPointer) { connection.send(text: text) }
    func receivedBinary(_ connection: WebSocketConnection) {}
    func closed(_ connection: WebSocketConnection, code: UInt16?) {}
}
