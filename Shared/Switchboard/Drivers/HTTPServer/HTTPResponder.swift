/// The one answer to a request. May be kept and used later, on the loop. Let go without an answer, it answers 500, so
/// that no client waits for a request that was forgotten.
package final class HTTPResponder {
    private var connection: HTTPConnection?

    init(_ connection: HTTPConnection) { self.connection = connection }

    deinit { respond(.problem(500)) }

    /// The first answer counts; a second does nothing, nor does one to a client that has gone.
    package func respond(_ response: HTTPResponse) {
        exchange(&connection, with: nil)?.answer(response)
    }

    /// The client has gone or the server was closed: nobody waits for the answer.
    package var isClientGone: Bool { connection?.isGone ?? true }
}
