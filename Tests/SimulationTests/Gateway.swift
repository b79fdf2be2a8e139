import Switchboard

/// A gateway as far as it matters here: sifts what it is sent by its marks, beats, and stops rings at their end.
final class Gateway {
    private unowned let world: World
    private let clockwork: Clockwork
    let name: String
    let partition: Int32
    private(set) var incarnation = ""
    private(set) var isDead = true
    private var readThrough = 0
    private var isReading = false
    private var marks: [String: SourceMark] = [:]
    private var phones: [UInt64: Phone] = [:]
    private var rings: [UInt64: [CallID: Timestamp]] = [:]
    private var numbers: UInt64 = 0
    private var lostAfter: [String: Timestamp] = [:]

    init(_ world: World, _ name: String, _ partition: Int32) {
        self.world = world
        clockwork = world.clockwork
        self.name = name
        self.partition = partition
        world.broker.onAppend(.init(topic: Topic.deliveries, partition: partition)) { [weak self] in self?.read() }
    }

    func begin() {
        incarnation = world.freshName(name + "-")
        isDead = false
        marks = [:]
        readThrough = world.broker.records(place).count
        beat(incarnation)
        tick(incarnation)
    }

    private var place: Broker.Place { .init(topic: Topic.deliveries, partition: partition) }

    func die() {
        guard !isDead else { return }
        clockwork.note("\(incarnation) dies")
        isDead = true
        lostAfter[incarnation] = clockwork.now + .milliseconds(Int.random(in: 0...100, using: &clockwork.dice))
        let held = phones.values.sorted { $0.device < $1.device }
        phones = [:]
        rings = [:]
        for phone in held { phone.gatewayDied() }
        clockwork.after(.milliseconds(Int.random(in: 500...12_000, using: &clockwork.dice))) { [self] in begin() }
    }

    private func beat(_ life: String) {
        guard !isDead, life == incarnation else { return }
        let input = UsersEntry.Input.gateway(.beat(incarnation: incarnation))
        send(InboxRecord(input), RecordKey.gateway(name), to: .users)
        clockwork.after(.seconds(2)) { [weak self] in self?.beat(life) }
    }

    private func tick(_ life: String) {
        guard !isDead, life == incarnation else { return }
        for (number, calls) in rings.sorted(by: { $0.key < $1.key }) {
            for (call, expiresAt) in calls.sorted(by: { $0.key < $1.key }) where expiresAt <= clockwork.now {
                rings[number]?[call] = nil
                phones[number]?.expire(call)
            }
        }
        clockwork.after(.milliseconds(250)) { [weak self] in self?.tick(life) }
    }

    func send<Input>(_ record: InboxRecord<Input>, _ key: String, to ledger: LedgerName) {
        let life = incarnation
        let place = ledger.inbox(Broker.partition(of: key))
        clockwork.send(along: "\(life)>\(place)", after: world.broker.wait) { [self] in
            if let lostAfter = lostAfter[life], lostAfter < clockwork.now { return }
            world.broker.append(record.encoded(), key: key, to: place)
        }
    }

    // MARK: connections

    func open(_ phone: Phone) -> Connection {
        numbers += 1
        phones[numbers] = phone
        return Connection(partition: partition, gateway: incarnation, number: numbers)
    }

    func close(_ connection: Connection, of phone: Phone) {
        guard !isDead, connection.gateway == incarnation, phones[connection.number] === phone else { return }
        phones[connection.number] = nil
        rings[connection.number] = nil
        let gone = UserInput.Gone(device: phone.device, connection: connection)
        send(InboxRecord(UsersEntry.Input.user(.lost(gone))), RecordKey.of(World.app, phone.user), to: .users)
    }

    private func read() {
        guard !isDead, !isReading else { return }
        isReading = true
        clockwork.after(clockwork.travelTime()) { [weak self] in
            guard let self else { return }
            isReading = false
            guard !isDead else { return }
            let all = world.broker.records(place)
            while readThrough < all.count {
                readThrough += 1
                guard let record = try? DeliveryRecord(json: all[readThrough - 1].value) else { continue }
                for entry in record.entries where entry.gateway == incarnation && isNew(entry) { pass(entry) }
            }
        }
    }

    private func isNew(_ entry: DeliveryEntry) -> Bool {
        guard let source = entry.source else { return true }
        let place = "\(source.ledger)\(source.partition)"
        if world.planted != .receiverWithoutMark, let mark = marks[place], source <= mark { return false }
        marks[place] = source
        world.audit.passes(source, through: incarnation)
        return true
    }

    private func pass(_ entry: DeliveryEntry) {
        guard let phone = phones[entry.number] else { return }
        if let ring = entry.note?.ring, let expiresAt = entry.note?.expiresAt {
            if expiresAt <= clockwork.now { return }
            rings[entry.number, default: [:]][ring] = expiresAt
        }
        if let over = entry.note?.over { rings[entry.number]?[over] = nil }
        if let inside = entry.note?.inside { rings[entry.number]?[CallID(inside.room.text)] = nil }
        let connection = Connection(partition: partition, gateway: incarnation, number: entry.number)
        if let frame = entry.frame {
            clockwork.send(along: "\(incarnation)-\(entry.number)") { phone.hear(frame, over: connection) }
        }
        if entry.close != nil {
            clockwork.send(along: "\(incarnation)-\(entry.number)") { phone.closed(connection) }
        }
    }
}
