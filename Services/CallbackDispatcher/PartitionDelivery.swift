import Switchboard

/// Delivers one partition's events to the endpoints of their applications.
///
/// It begins with what the deliveries' log says, reads the topic from the lowest cursor on, and writes down each failed
/// attempt, what waits behind it, and at most once a second how far each endpoint has come. On its loop alone.
final class PartitionDelivery {
    let partition: Int32
    let ports: Webhooks
    private(set) var linesByEndpoint: [String: EndpointLines] = [:]
    private var loaded: [String: Loaded] = [:]
    private var retries = DeadlineQueue()
    private var isStarted = false
    /// Nil: not being read.
    private var position: Int64?
    private var lastRecorded: Int64 = 0
    /// What is to be read again, and whom it is for.
    var wanted: [Int64: (EndpointLines, EventLine)] = [:]
    /// The one of them with which the reading again began; nil: nothing is being read again.
    var fetched: Int64?
    /// It is read from its beginning, which is not known yet: what was to be read next has gone.
    private var seeksBeginning = false

    /// What the deliveries' log says of one endpoint.
    private struct Loaded {
        var cursor: (offset: Int64, at: Int64)?
        var waiting: [Int64: (record: CallbackDelivery, at: Int64)] = [:]
        var known: Set<Int64> = []
        var failingSince: Timestamp?
    }

    /// A cursor that lies further back is written again, so that the log need not be read from there.
    private static let cursorAgeMax: Int64 = 2_000

    init(_ partition: Int32, _ ports: Webhooks) {
        self.partition = partition
        self.ports = ports
    }

    /// Bodies that were kept are let go of with the partition.
    deinit { for lines in linesByEndpoint.values { release(lines) } }

    private func release(_ lines: EndpointLines) {
        for line in lines.lines.values { for item in line.items { ports.letGo(item.body?.count ?? 0) } }
    }

    // MARK: beginning

    func load(_ record: CallbackDelivery, at place: Int64) {
        var state = loaded[record.endpoint] ?? Loaded()
        state.failingSince = record.failingSince
        switch record.kind {
        case .cursor: state.cursor = (record.offset, place)
        case .failed, .waits:
            state.known.insert(record.offset)
            let first = state.waiting[record.offset]
            state.waiting[record.offset] = (record, record.kind == .waits ? place : first?.at ?? place)
        case .settled:
            state.known.insert(record.offset)
            state.waiting[record.offset] = nil
        }
        lastRecorded = place
        loaded[record.endpoint] = state
    }

    /// All that stood in the deliveries' log has been loaded.
    func start() {
        isStarted = true
        for endpoint in ports.book.all { change(endpoint) }
        loaded = [:]
    }

    func change(_ endpoint: CallbackEndpoint) {
        guard isStarted else { return }
        if endpoint.isGone || !endpoint.enabled {
            if let lines = linesByEndpoint.removeValue(forKey: endpoint.id) { release(lines) }
            return
        }
        if let lines = linesByEndpoint[endpoint.id] {
            lines.endpoint = endpoint
            return
        }
        let state = loaded[endpoint.id] ?? Loaded()
        let begin = endpoint.starts.indices.contains(Int(partition)) ? endpoint.starts[Int(partition)] : 0
        // What came before it was made, or enabled again, is not for it.
        let lines = EndpointLines(
            endpoint, next: max(state.cursor?.offset ?? begin, begin, 0), countMax: ports.rules.heldMax)
        lines.cursor = state.cursor ?? (-1, -1)
        lines.isPlaced = state.cursor != nil
        lines.known = state.known
        if let since = state.failingSince {
            ports.health.restore(endpoint.id, since: since, at: Timestamp(milliseconds: WallClock.milliseconds))
        }
        for (_, waiting) in state.waiting.sorted(by: { $0.key < $1.key }) where waiting.record.offset >= begin {
            lines.restore(waiting.record, at: waiting.at)
        }
        linesByEndpoint[endpoint.id] = lines
        for line in lines.lines.values where line.isBlocked { remind(lines, line) }
        readOn()
        pump(lines)
    }

    // MARK: reading the topic

    func readOn() {
        let lowest = linesByEndpoint.values.filter { !$0.isFull }.map(\.next).min()
        guard let lowest else {
            if position != nil { ports.stopReading(partition) }
            position = nil
            return
        }
        // Reading goes forward by itself; it is set back only for one that is behind.
        if let position, lowest >= position { return }
        if position != nil { ports.stopReading(partition) }
        position = lowest
        seeksBeginning = false
        ports.read(partition, from: .offset(lowest))
    }

    /// The topic does not have what was to be read next: it is read from where it begins now.
    func readFromBeginning() {
        guard position != nil else { return }
        seeksBeginning = true
        ports.stopReading(partition)
        ports.read(partition, from: .beginning)
    }

    /// The end of what there is. It tells where a partition begins that has nothing.
    func reach(_ end: Int64?) { if seeksBeginning, let end { begins(at: end) } }

    private func begins(at start: Int64) {
        seeksBeginning = false
        guard let before = position, before <= start else {
            return ports.fail(partition, "the topic ends before what was taken from it")
        }
        for lines in linesByEndpoint.values where lines.next < start {
            // Where no cursor stands, it has gone with events that are as old: they were taken long ago.
            if lines.isPlaced { ports.noteLost(lines.endpoint, partition, from: lines.next, to: start) }
            lines.next = start
            lines.isPlaced = true
        }
        position = start
    }

    func take(_ record: KafkaRecord) {
        if seeksBeginning { begins(at: record.offset) }
        position = record.offset + 1
        guard let (app, subject) = RecordKey.split(String(decoding: record.key, as: UTF8.self)) else { return }
        for lines in linesByEndpoint.values where lines.next <= record.offset && !lines.isFull {
            guard lines.hasRoom else {
                lines.isFull = true
                continue
            }
            lines.next = record.offset + 1
            lines.isPlaced = true
            guard lines.endpoint.app == app, !lines.known.contains(record.offset), let event = Event(record),
                lines.endpoint.wants(event.type), !lines.isRepeat(event.place, of: event.ledger)
            else { continue }
            var item = EventLine.Item(offset: record.offset, id: event.id)
            if ports.mayKeep(record.value.count) { item.body = Array(record.value) }
            if lines.append(item, subject: subject) {
                remember(.waits, lines, subject, record.offset)
                if let line = lines.lines[subject], line.items.count == 2 { remind(lines, line) }
            }
        }
    }

    private struct Event {
        var id: String
        var type: String
        var ledger: String
        var place: SourcePlace

        init?(_ record: KafkaRecord) {
            func text(_ name: StaticString) -> String? {
                record.header(name).map { String(decoding: $0, as: UTF8.self) }
            }
            guard let id = text(CallbackHeader.id), let type = text(CallbackHeader.type),
                let ledger = text(CallbackHeader.topic),
                let offset = text(CallbackHeader.offset).flatMap({ Int64($0) }),
                let index = text(CallbackHeader.index).flatMap({ Int64($0) })
            else { return nil }
            (self.id, self.type, self.ledger) = (id, type, ledger)
            place = SourcePlace(offset: offset, index: index)
        }
    }

    func endTurn() { for lines in linesByEndpoint.values { pump(lines) } }

    // MARK: sending

    /// The endpoint may be sent to again.
    func resume(_ id: String) { if let lines = linesByEndpoint[id] { pump(lines) } }

    func pump(_ lines: EndpointLines) {
        while !ports.health.isPaused(lines.endpoint.id), let line = lines.nextReady() {
            guard !line.isBusy, let item = line.items.first else { continue }
            line.isBusy = true
            lines.inFlight += 1
            if let body = item.body { send(lines, line, item.id, body) } else { fetch(item.offset, for: lines, line) }
        }
    }

    func send(_ lines: EndpointLines, _ line: EventLine, _ id: String, _ body: [UInt8]) {
        ports.send(lines.endpoint, id: id, body: body, isDelayed: lines.isDelayed(line)) {
            [weak self, weak lines] outcome in
            guard let self, let lines, linesByEndpoint[lines.endpoint.id] === lines else { return }
            answered(lines, line, outcome)
        }
    }

    private func answered(_ lines: EndpointLines, _ line: EventLine, _ outcome: Webhooks.Outcome) {
        line.isBusy = false
        lines.inFlight -= 1
        let now = Timestamp(milliseconds: WallClock.milliseconds)
        switch outcome {
        case .arrived:
            ports.health.arrived(lines.endpoint.id, at: now)
            settle(lines, line)
        case .gone: return leave(lines, because: .gone)
        case .failed(let status, let asked):
            let since = ports.health.failed(lines.endpoint.id, at: now)
            if since + ports.rules.disabledAfter <= now { return leave(lines, because: .failing) }
            if let asked { ports.pause(lines.endpoint, for: asked, at: now) }
            line.attempt += 1
            if let delay = ports.rules.schedule.delay(afterAttempt: line.attempt, asked: asked) {
                postpone(lines, line, by: delay, because: status)
            } else {
                ports.noteGivenUp(lines.endpoint, status)
                settle(lines, line)
            }
        }
        pump(lines)
        readOn()
    }

    private func leave(_ lines: EndpointLines, because reason: CallbackEndpoint.DisabledBecause) {
        // Should it not be disabled after all, it goes on from here.
        var state = Loaded()
        state.cursor = (lines.low, -1)
        loaded[lines.endpoint.id] = state
        ports.disable(lines.endpoint, because: reason)
        linesByEndpoint[lines.endpoint.id] = nil
        release(lines)
    }

    func settle(_ lines: EndpointLines, _ line: EventLine) {
        let offset = line.items[0].offset
        if let body = line.items[0].body { ports.letGo(body.count) }
        if lines.recorded.removeValue(forKey: offset) != nil { remember(.settled, lines, line.subject, offset) }
        lines.advance(line)
    }

    private func postpone(_ lines: EndpointLines, _ line: EventLine, by delay: Duration, because status: String) {
        let now = Timestamp(milliseconds: WallClock.milliseconds)
        line.dueAt = now + delay
        line.since = line.since ?? now
        for index in line.items.indices {
            if let body = line.items[index].body { ports.letGo(body.count) }
            line.items[index].body = nil
            let offset = line.items[index].offset
            if index == 0 {
                remember(.failed, lines, line.subject, offset, line, status)
            } else if lines.recorded[offset] == nil {
                remember(.waits, lines, line.subject, offset)
            }
        }
        remind(lines, line)
    }

    // MARK: time

    func remind(_ lines: EndpointLines, _ line: EventLine) {
        guard let dueAt = line.dueAt else { return }
        let key = "\(lines.endpoint.id) \(line.key)"
        retries.add(key, at: dueAt, isSilence: false)
        if line.items.count > 1, let since = line.since, since + ports.rules.orderHeld < dueAt {
            retries.add(key, at: since + ports.rules.orderHeld, isSilence: false)
        }
    }

    func tick(at now: Timestamp) {
        while let first = retries.first, first.time <= now {
            _ = retries.popFirst()
            let names = first.key.split(separator: " ", maxSplits: 1).map(String.init)
            guard names.count == 2, let lines = linesByEndpoint[names[0]], let line = lines.lines[names[1]],
                !line.isBusy, let dueAt = line.dueAt
            else { continue }
            if dueAt <= now {
                line.dueAt = nil
                lines.makeReady(line)
            } else if let since = line.since, since + ports.rules.orderHeld <= now, line.items.count > 1 {
                remind(lines, lines.detachHead(of: line))
            }
            pump(lines)
        }
    }

    // MARK: remembering

    private func remember(
        _ kind: CallbackDelivery.Kind, _ lines: EndpointLines, _ subject: String?, _ offset: Int64,
        _ line: EventLine? = nil, _ status: String? = nil
    ) {
        var record = CallbackDelivery()
        record.kind = kind
        record.endpoint = lines.endpoint.id
        record.offset = offset
        record.subject = subject
        record.attempt = line?.attempt ?? 0
        record.at = line?.dueAt
        record.since = line?.since
        record.failingSince = ports.health.since(lines.endpoint.id)
        record.status = status
        record.readFrom = readFrom
        let isWaiting = kind == .failed || kind == .waits
        if isWaiting, lines.recorded[offset] == nil { lines.recorded[offset] = -1 }
        ports.write(record, partition) { [weak self, weak lines] place in
            guard let self, let lines else { return }
            lastRecorded = max(lastRecorded, place)
            switch kind {
            case .cursor: lines.cursor = (offset, place)
            case .failed, .waits:
                if lines.recorded[offset] == -1 { lines.recorded[offset] = place }
                lines.isSettled(offset)
            case .settled: break
            }
        }
    }

    /// Where the deliveries' log must be read from; computed for each cursor, at most once a second.
    private var readFrom: Int64 = 0

    func writeCursors() {
        guard isStarted else { return }
        let moved = linesByEndpoint.values.filter { lines in
            lines.low != lines.cursor.offset || lastRecorded - lines.cursor.at > Self.cursorAgeMax
        }
        guard !moved.isEmpty else { return }
        var oldest = lastRecorded
        for lines in linesByEndpoint.values {
            if lines.cursor.at >= 0 { oldest = min(oldest, lines.cursor.at) } else { oldest = min(oldest, readFrom) }
            for place in lines.recorded.values { oldest = min(oldest, place < 0 ? readFrom : place) }
        }
        readFrom = max(readFrom, oldest)
        for lines in moved { remember(.cursor, lines, nil, lines.low) }
    }
}
