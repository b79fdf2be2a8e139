import Switchboard

/// A gateway as far as it matters here: sifts what it is sent by its marks, beats, and stops rings at their end. After a
/// silence it begins a new life, over the sockets that it has.
final class Gateway {
    private unowned let world: World
    private let clockwork: Clockwork
    let name: String
    let partition: Int32
    /// Names the process; `incarnation` its present life, whose frames and those of its former lives it takes.
    private var process = ""
    private(set) var incarnation = ""
    private var formerLives: Set<String> = []
    private(set) var isDead = true
    var isReachable: Bool { !isDead && cutOffUntil == nil }
    /// Neither heard by the broker nor hearing it until then; what it sends waits.
    private var cutOffUntil: Timestamp?
    private var unsent: [() -> Void] = []
    private var lastBeat: Timestamp?
    private var readThrough = 0
    private var isReading = false
    private var marks: [String: SourceMark] = [:]
    private var phones: [UInt64: Phone] = [:]
    /// As the users' owners were last told.
    private var addresses: [UInt64: Connection] = [:]
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
        process = world.freshName(name + "-")
        incarnation = process
        formerLives = []
        isDead = false
        cutOffUntil = nil
        unsent = []
        lastBeat = clockwork.now
        marks = [:]
        readThrough = world.broker.records(place).count
        beat(process)
        tick(process)
    }

    private var place: Broker.Place { .init(topic: Topic.deliveries, partition: partition) }

    func die() {
        guard !isDead else { return }
        clockwork.note("\(incarnation) dies")
        isDead = true
        lostAfter[process] = clockwork.now + .milliseconds(Int.random(in: 0...100, using: &clockwork.dice))
        let held = phones.values.sorted { $0.device < $1.device }
        phones = [:]
        addresses = [:]
        rings = [:]
        for phone in held { phone.gatewayDied(self) }
        clockwork.after(.milliseconds(Int.random(in: 500...12_000, using: &clockwork.dice))) { [self] in begin() }
    }

    private func beat(_ process: String) {
        guard !isDead, process == self.process else { return }
        if let lastBeat, lastBeat + .seconds(9) < clockwork.now { beginNewLife() }
        if cutOffUntil == nil || lastBeat == nil { lastBeat = clockwork.now }
        let input = UsersEntry.Input.gateway(.beat(incarnation: incarnation))
        send(InboxRecord(input), RecordKey.gateway(name), to: .users)
        clockwork.after(.seconds(2)) { [weak self] in self?.beat(process) }
    }

    /// Its sockets stay open, and are announced anew.
    private func beginNewLife() {
        formerLives.insert(incarnation)
        incarnation = world.freshName(name + "-")
        lastBeat = nil
        clockwork.note("\(process) begins a new life as \(incarnation)")
        for (number, phone) in phones.sorted(by: { $0.key < $1.key }) {
            let connection = Connection(partition: partition, gateway: incarnation, number: number)
            let old = addresses.updateValue(connection, forKey: number)
            phone.isReached(over: connection, through: self)
            announce(phone, connection, formerly: world.planted == .announceAsNewcomer ? nil : old)
        }
    }

    /// It and the broker do not hear each other for so long.
    func cutOff(for length: Duration) {
        guard !isDead, cutOffUntil == nil else { return }
        let until = clockwork.now + length
        clockwork.note("\(incarnation) is cut off for \(length)")
        cutOffUntil = until
        clockwork.after(length) { [self] in
            guard cutOffUntil == until else { return }
            cutOffUntil = nil
            let waiting = unsent
            unsent = []
            for send in waiting { send() }
            read()
        }
    }

    private func tick(_ process: String) {
        guard !isDead, process == self.process else { return }
        for (number, calls) in rings.sorted(by: { $0.key < $1.key }) {
            for (call, expiresAt) in calls.sorted(by: { $0.key < $1.key }) where expiresAt <= clockwork.now {
                rings[number]?[call] = nil
                phones[number]?.expire(call)
            }
        }
        clockwork.after(.milliseconds(250)) { [weak self] in self?.tick(process) }
    }

    func send<Input>(_ record: InboxRecord<Input>, _ key: String, to ledger: LedgerName) {
        guard cutOffUntil == nil else { return unsent.append { [self] in send(record, key, to: ledger) } }
        let process = process
        let place = ledger.inbox(Broker.partition(of: key))
        clockwork.send(along: "\(process)>\(place)", after: world.broker.wait) { [self] in
            if let lostAfter = lostAfter[process], lostAfter < clockwork.now { return }
            world.broker.append(record.encoded(), key: key, to: place)
        }
    }

    // MARK: connections

    func open(_ phone: Phone) -> Connection {
        numbers += 1
        phones[numbers] = phone
        let connection = Connection(partition: partition, gateway: incarnation, number: numbers)
        addresses[numbers] = connection
        return connection
    }

    func announce(_ phone: Phone, _ connection: Connection, formerly: Connection? = nil, asker: Asker? = nil) {
        var login = UserInput.Login()
        login.device = Device(id: phone.device, connection: connection)
        login.profile = Profile(name: phone.user.text)
        login.asker = asker
        login.formerly = formerly
        login.takenAt = clockwork.now
        // Asked once: what it shows later it has heard over this socket.
        if asker != nil, world.planted != .forgetWhatIsShown { login.shows = phone.shows }
        let reply = asker.map { Reply(asker: $0, type: "connect") }
        send(
            InboxRecord(UsersEntry.Input.user(.login(login)), reply: reply), RecordKey.of(World.app, phone.user),
            to: .users)
    }

    /// The socket is gone, and the gateway sees it.
    func close(_ number: UInt64) {
        guard !isDead, let phone = phones.removeValue(forKey: number),
            let connection = addresses.removeValue(forKey: number)
        else { return }
        rings[number] = nil
        let gone = UserInput.Gone(device: phone.device, connection: connection)
        send(InboxRecord(UsersEntry.Input.user(.lost(gone))), RecordKey.of(World.app, phone.user), to: .users)
    }

    private func read() {
        guard !isDead, !isReading, cutOffUntil == nil else { return }
        isReading = true
        clockwork.after(clockwork.travelTime()) { [weak self] in
            guard let self else { return }
            isReading = false
            guard !isDead, cutOffUntil == nil else { return }
            let all = world.broker.records(place)
            while readThrough < all.count {
                readThrough += 1
                guard let record = try? DeliveryRecord(json: all[readThrough - 1].value) else { continue }
                for entry in record.entries where isMine(entry) && isNew(entry) { pass(entry) }
            }
        }
    }

    private func isMine(_ entry: DeliveryEntry) -> Bool {
        if entry.gateway == incarnation { return true }
        return world.planted != .deafToFormerLives && formerLives.contains(entry.gateway)
    }

    private func isNew(_ entry: DeliveryEntry) -> Bool {
        guard let source = entry.source else { return true }
        let place = "\(source.ledger)\(source.partition)"
        if world.planted != .receiverWithoutMark, let mark = marks[place], source <= mark { return false }
        marks[place] = source
        world.audit.passes(source, through: process)
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
        let number = entry.number
        if let frame = entry.frame {
            clockwork.send(along: "\(process)-\(number)") { [self] in
                phone.hear(frame, over: number, through: self)
            }
        }
        if let code = entry.close {
            clockwork.send(along: "\(process)-\(number)") { [self] in
                close(number)
                phone.isClosed(code, of: number, through: self)
            }
        }
    }
}
