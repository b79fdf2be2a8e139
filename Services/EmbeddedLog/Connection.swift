import Switchboard

/// One client: bytes become requests, requests are handed to the broker one after another, answers leave in their order.
///
/// Only Produce requests wait side by side (for the disk); behind any other request that waits, all that follow do. A
/// client that does not take its answers is asked nothing more.
final class Connection {
    let peer: String
    private let tcp: TCPConnection
    private unowned let broker: Broker
    /// Received and not handled yet, from `handled` on.
    private var input: [UInt8] = []
    private var handled = 0
    private var exchanges: [Exchange] = []
    private var isHandling = false
    /// When it last asked something, or took or gave a byte; on the broker's clock.
    private var lastMoved: Int64
    private var unsentAtLastLook = 0

    init(_ tcp: TCPConnection, broker: Broker) {
        self.tcp = tcp
        self.broker = broker
        peer = tcp.peer
        lastMoved = broker.steadyNow
        tcp.onReceive = { [unowned self] in receive($0) }
        tcp.onDrained = { [unowned self] in handleInput() }
        tcp.onEnd = { [unowned self] in ended($0) }
        tcp.startReading()
    }

    private var unreadBytes: Int { input.count - handled }
    /// Of requests, in memory: those that are not whole yet, and those that wait.
    var heldBytes: Int { exchanges.reduce(unreadBytes) { $0 + $1.heldBytes } }
    var unsentBytes: Int { tcp.isOpen ? tcp.unsentBytes : 0 }

    func close() { tcp.close() }

    /// What was asked for is more than anybody is answered.
    func refuseAnswer(of byteCount: Int) {
        broker.log.warning("closed a connection: its answer would be too long", ["peer": peer, "bytes": byteCount])
        close()
    }

    // MARK: requests

    private func receive(_ bytes: ArraySlice<UInt8>) {
        lastMoved = broker.steadyNow
        input.append(contentsOf: bytes)
        handleInput()
        guard tcp.isOpen else { return }
        if !mayHandle && unreadBytes > 0 { tcp.pauseReading() }
        broker.limitHeld(adding: self)
    }

    private var mayHandle: Bool {
        guard exchanges.count < Limits.requestsInFlight, tcp.unsentBytes < Limits.unsentBytes else { return false }
        guard let last = exchanges.last else { return next?.isAnsweredBriefly ?? true || broker.unsentBytesLeft > 0 }
        return last.api == .produce && (next ?? .produce) == .produce
    }

    /// What is asked next, once that has come.
    private var next: APIKey? { unreadBytes >= 6 ? APIKey(rawValue: BigEndian.int16(input, at: handled + 4)) : nil }

    /// There is room again for what may have waited for it.
    func goOn() { handleInput() }

    private func handleInput() {
        guard !isHandling else { return }
        isHandling = true
        defer { isHandling = false }
        while tcp.isOpen, unreadBytes >= 4, mayHandle {
            let length = Int(BigEndian.int32(input, at: handled))
            guard length >= 10, length <= Limits.requestBytes else {
                return refuse("a request of \(length) bytes")
            }
            guard unreadBytes >= 4 + length else { break }
            let frame: [UInt8]
            if handled == 0 && input.count == 4 + length {
                frame = input
                input = []
            } else {
                frame = [0, 0, 0, 0] + input[handled + 4..<handled + 4 + length]
                handled += 4 + length
            }
            handle(frame)
        }
        if handled > 0 {
            input.removeSubrange(..<handled)
            handled = 0
        }
        if tcp.isOpen && !tcp.isReading && (mayHandle || unreadBytes == 0) { tcp.startReading() }
    }

    private func handle(_ frame: [UInt8]) {
        do {
            let exchange = try read(frame)
            exchanges.append(exchange)
            try broker.handle(exchange)
        } catch {
            refuse("\(error)")
        }
    }

    private func read(_ frame: [UInt8]) throws(WireFailure) -> Exchange {
        var reader = WireReader(frame, from: 4, partsMax: Limits.partsPerRequest)
        let key = try reader.int16()
        let version = try reader.int16()
        let correlationID = try reader.int32()
        let clientID = try reader.nullableString() ?? ""
        guard let api = APIKey(rawValue: key) else { throw WireFailure(what: "an unknown request", position: 4) }
        guard version >= 0, version <= api.highestVersion || api == .apiVersions else {
            throw WireFailure(what: "an unknown version of a request", position: 6)
        }
        return Exchange(
            api: api, version: version, correlationID: correlationID,
            clientID: String(decoding: clientID.utf8.prefix(Limits.clientIDBytes), as: UTF8.self), body: reader,
            connection: self)
    }

    private func refuse(_ why: String) {
        broker.log.warning("closed a connection for what it sent", ["peer": peer, "cause": why])
        tcp.close()
    }

    // MARK: answers

    /// Sends the answers that are there up to the first that is not.
    func answered() {
        while let first = exchanges.first, let bytes = first.answer {
            exchanges.removeFirst()
            lastMoved = broker.steadyNow
            tcp.send(bytes)
        }
        if tcp.isOpen { handleInput() }
    }

    // MARK: ending

    private func ended(_ why: TCPEnd) {
        if case .broken(let code) = why { broker.log.debug("a connection broke", ["peer": peer, "errno": code]) }
        let abandoned = exchanges
        exchanges = []
        for exchange in abandoned { exchange.abandon() }
        broker.ended(self)
    }

    /// Closes a connection that is stuck in the middle of something, or idle for long.
    func closeIfStalled(at now: Int64) {
        if tcp.unsentBytes != unsentAtLastLook {
            unsentAtLastLook = tcp.unsentBytes
            lastMoved = now
        }
        let silence = now - lastMoved
        let isWaiting = !exchanges.isEmpty && tcp.unsentBytes == 0
        let isInTheMiddle = tcp.unsentBytes > 0 || (unreadBytes > 0 && exchanges.isEmpty)
        if isInTheMiddle && silence > Limits.stallSeconds * 1000 {
            broker.log.warning("closed a connection that stalled", ["peer": peer, "unsent": tcp.unsentBytes])
            tcp.close()
        } else if !isWaiting && silence > Limits.idleSeconds * 1000 {
            tcp.close()
        }
    }
}
