import Support
import Switchboard
import Testing

/// A signaling-gateway and a token-service on a real broker, clients of the gateway, and what is said to both of them by
/// the users' owners, of whom none runs.
actor GatewayScene {
    nonisolated let loop = EventLoop(name: "gateway scene")
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    nonisolated let tokens: TokenScene
    nonisolated let gateway: ServiceProcess
    private let settings: LedgerSettings
    private var producer: KafkaProducer?
    private var reader: KafkaReader?
    private var client: WebSocketClient?
    private let ears = GatewayClients()
    /// What the gateway has told the users' machines, in the order of their inbox: one user has one partition.
    private(set) var told: [UserInput] = []
    private(set) var beats: [String] = []
    /// Of the users' inbox, where it beats.
    private(set) var beatPartition: Int32?

    /// The gateway's.
    nonisolated let wallClock: TurnedClock
    nonisolated var broker: KafkaBroker { tokens.stage.broker }

    private init(_ tokens: TokenScene) throws {
        self.tokens = tokens
        wallClock = try TurnedClock()
        gateway = try tokens.stage.service("signaling-gateway", wallClock.environment)
        settings = LedgerSettings(
            kafka: KafkaSettings(bootstrap: tokens.stage.broker.bootstrap, clientID: "scene"), group: "none",
            partitions: Int32(tokens.stage.partitions))
        loop.start()
    }

    static func open() async throws -> GatewayScene {
        let scene = try GatewayScene(try await TokenScene())
        try await scene.gateway.start()
        try await scene.listen()
        return scene
    }

    private func listen() throws {
        producer = try KafkaProducer(
            settings: settings.kafka, loop: loop, topics: [Topic.deliveries, LedgerName.registry.log])
        let reader = try KafkaReader(settings: settings.kafka, topics: [LedgerName.users.inbox], loop: loop)
        reader.onRecord = { record in
            let partition = record.partition
            guard let record = try? InboxRecord<UsersEntry.Input>(json: record.value) else { return }
            switch record.input {
            case .user(let input): self.told.append(input)
            case .gateway(.beat(let life)):
                self.beats.append(life)
                self.beatPartition = partition
            case .gateway, .gatewayDied: break
            }
        }
        for partition in 0..<settings.partitions { reader.add(KafkaTopicID(0), partition, at: .beginning) }
        self.reader = reader
        client = WebSocketClient(loop: loop, handler: ears)
    }

    // MARK: clients

    /// A client that has said `connect`, by the name of its device.
    func connect(_ user: String, _ device: String) async throws {
        let failure = try await tryToConnect(user, device)
        #expect(failure == nil)
    }

    func token(of user: String) async throws -> String {
        try #require(try await tokens.issue(user)["result.accessToken"] as? String)
    }

    /// - Parameter token: a new one unless it is given.
    /// - Returns: what stood in the way of the WebSocket.
    func tryToConnect(_ user: String, _ device: String, _ token: String? = nil) async throws -> String? {
        let token = if let token { token } else { try await self.token(of: user) }
        let (client, ears, port) = (client, ears, gateway.port)
        return await answered { (done: Answering<String?>) in
            client?.connect(to: "127.0.0.1", port: port, target: "/ws") { result in
                switch result {
                case .success(let connection):
                    ears.names[ObjectIdentifier(connection)] = device
                    let wish = #"{"token":"\#(token)","deviceId":"\#(device)","platform":"web"}"#
                    let frame = #"{"id":"1","type":"connect","data":\#(wish)}"#
                    connection.send(text: Array(frame.utf8))
                    done.resume(returning: nil)
                case .failure(let failure): done.resume(returning: failure.description)
                }
            }
        }
    }

    /// What the clients have heard, as `device: frame` and `device: closed code`.
    var heard: [String] { ears.heard }
    func heard(by device: String) -> [String] { ears.heard.filter { $0.hasPrefix("\(device): ") } }

    /// Where what is told of a user stands.
    nonisolated func partition(of user: String) -> Int32 {
        settings.partition(of: RecordKey.of(AppKey(tokens.application.production.appKey), UserID(user)), in: .users)
    }

    // MARK: what owners see and say

    /// The logins of a device, in their order.
    func logins(of device: String) -> [UserInput.Login] {
        told.compactMap { input in
            guard case .login(let login) = input, login.device.id.text == device else { return nil }
            return login
        }
    }

    func address(of device: String) throws -> Connection {
        try #require(logins(of: device).last?.device.connection)
    }

    /// - Parameter index: of the effect in its record; nil for what may be taken twice.
    func deliver(
        _ text: String?, to connection: Connection, index: Int32? = nil, close: Int? = nil, died: Bool? = nil,
        ringing call: CallID? = nil, until expiresAt: Timestamp? = nil
    ) throws {
        var note = DeliveryNote()
        note.died = died
        note.ring = call
        note.expiresAt = expiresAt
        let frame = text.map { Opaque.event($0, NoData()) }
        let hasNote = died != nil || call != nil
        var entry = DeliveryEntry(to: connection, frame: frame, note: hasNote ? note : nil, close: close)
        entry.source = index.map { SourceMark(ledger: .users, partition: 0, offset: 7, index: $0) }
        try deliver(entry, in: connection.partition)
    }

    /// As a token-service of a newer version does.
    func writeNewerToRegistry() throws {
        var record = LogRecord<ApplicationFact>()
        record.kind = .marker
        record.level = RecordLevel.highest + 1
        record.incarnation = "newer"
        try producer?.produce(topic: LedgerName.registry.log, partition: 0, key: [], value: record.encoded())
    }

    /// As many events, in one record.
    func deliver(events count: Int, to connection: Connection) throws {
        let entries = (0..<count).map { number in
            DeliveryEntry(to: connection, frame: .event("event \(number)", NoData()))
        }
        try producer?.produce(
            topic: Topic.deliveries, partition: connection.partition, key: [], value: DeliveryRecord(entries).encoded())
    }

    /// The answer to its `connect`, as the users' owner gives it.
    func admit(_ device: String) throws {
        let asker = try #require(logins(of: device).last?.asker)
        var note = DeliveryNote()
        note.admitted = true
        let entry = DeliveryEntry(to: asker.connection, frame: .answer(asker.request), note: note)
        try deliver(entry, in: asker.connection.partition)
    }

    private func deliver(_ entry: DeliveryEntry, in partition: Int32) throws {
        try producer?.produce(
            topic: Topic.deliveries, partition: partition, key: [], value: DeliveryRecord([entry]).encoded())
    }

    func end() async {
        client?.close()
        await answered { done in
            if let reader { reader.close { done.resume() } } else { done.resume() }
        }
        await answered { done in
            if let producer { producer.close { done.resume() } } else { done.resume() }
        }
        (client, reader, producer) = (nil, nil, nil)
        loop.stop()
    }
}

/// Writes down what each client hears. On the loop of its scene.
private final class GatewayClients: WebSocketHandler {
    var names: [ObjectIdentifier: String] = [:]
    private(set) var heard: [String] = []

    private func note(_ connection: WebSocketConnection, _ text: String) {
        heard.append("\(names[ObjectIdentifier(connection)] ?? "?"): \(text)")
    }

    func opened(_ connection: WebSocketConnection) {}
    func received(_ connection: WebSocketConnection, text: UnsafeRawBufferPointer) {
        let type = (try? EventFrame<NoData>(json: text))?.type
        note(connection, type ?? String(decoding: text.prefix(40), as: UTF8.self))
    }
    func receivedBinary(_ connection: WebSocketConnection) { note(connection, "binary") }
    func closed(_ connection: WebSocketConnection, code: UInt16?) {
        note(connection, "closed \(code.map(String.init) ?? "without a code")")
    }
}
