import Switchboard

/// One request and the place of its answer: answers leave in the order of the requests, whenever each is there.
final class Exchange {
    let api: APIKey
    let version: Int16
    let correlationID: Int32
    let clientID: String
    private var body: WireReader
    /// What the request holds in memory while it waits, about.
    var heldBytes: Int
    private(set) weak var connection: Connection?
    /// The answer with its length; empty when none is owed. Nil until it is there.
    private(set) var answer: [UInt8]?
    /// Called when the client has gone and no answer is needed any more.
    var onAbandoned: (() -> Void)?

    init(
        api: APIKey, version: Int16, correlationID: Int32, clientID: String, body: WireReader, connection: Connection
    ) {
        self.api = api
        self.version = version
        self.correlationID = correlationID
        self.clientID = clientID
        self.body = body
        heldBytes = body.bytes.count
        self.connection = connection
    }

    var isAnswered: Bool { answer != nil }

    /// The request's body, from its start, for whoever reads it: a request that waits keeps nothing of it.
    func takeBody() -> WireReader { exchange(&body, with: WireReader([])) }

    /// An answer to be written: its length is set when it is given to `reply`.
    func newAnswer() -> WireWriter {
        var writer = WireWriter()
        writer.int32(0)
        writer.int32(correlationID)
        return writer
    }

    /// Answers; a second time changes nothing.
    func reply(_ writer: consuming WireWriter) {
        guard writer.bytes.count <= Limits.answerBytes else {
            connection?.refuseAnswer(of: writer.bytes.count)
            return
        }
        writer.set(Int32(writer.bytes.count - 4), at: 0)
        finish(writer.bytes)
    }

    func reply(_ write: (inout WireWriter) -> Void) {
        var writer = newAnswer()
        write(&writer)
        reply(writer)
    }

    /// The request wants no answer (a Produce with acks=0).
    func finishWithoutAnswer() { finish([]) }

    private func finish(_ bytes: [UInt8]) {
        guard answer == nil else { return }
        answer = bytes
        onAbandoned = nil
        connection?.answered()
    }

    func abandon() {
        let tell = onAbandoned
        onAbandoned = nil
        tell?()
    }
}
