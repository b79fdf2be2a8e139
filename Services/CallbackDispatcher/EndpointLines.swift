import Switchboard

/// What one partition owes to one endpoint: the events of each subject in their order, one of a subject under way at a
/// time. On the loop; decides, and leaves reading, sending and writing to its partition.
final class EndpointLines {
    var endpoint: CallbackEndpoint
    /// The first offset that was not taken yet.
    var next: Int64
    /// It is known how far the endpoint has come: not only where it began once.
    var isPlaced = false
    private(set) var lines: [String: EventLine] = [:]
    private(set) var ready = Queue<EventLine>()
    private(set) var count = 0
    var inFlight = 0
    /// It holds as much as it may: the cursor stops, until half has gone.
    var isFull = false
    /// Where what failed or waits stands in the deliveries' log, by the event's offset; -1 until it is acknowledged.
    var recorded: [Int64: Int64] = [:]
    /// Offsets that are not to be taken again: they stood as failed, waiting or settled when we began.
    var known: Set<Int64> = []
    /// The last cursor written, and where it stands.
    var cursor: (offset: Int64, at: Int64) = (-1, -1)
    private var taken = Queue<Int64>()
    private var open: Set<Int64> = []
    private var newest: [String: SourcePlace] = [:]

    /// Failed ones that others of their subject went ahead of.
    private var overtaken: [String: Int] = [:]
    private let countMax: Int

    static let inFlightMax = 64

    /// - Parameter countMax: events that are held; as many subjects can be blocked at most.
    init(_ endpoint: CallbackEndpoint, next: Int64, countMax: Int) {
        self.endpoint = endpoint
        self.countMax = countMax
        self.next = next
    }

    /// Everything before has arrived, or stands in the deliveries' log.
    var low: Int64 {
        while let first = taken.first, !open.contains(first) { _ = taken.popFirst() }
        return taken.first ?? next
    }

    /// The second time the same event comes is not after the first: another dispatcher wrote it too.
    func isRepeat(_ place: SourcePlace, of ledger: String) -> Bool {
        if let known = newest[ledger], (place.offset, place.index) <= (known.offset, known.index) { return true }
        newest[ledger] = place
        return false
    }

    /// - Returns: true where the event waits for one that failed, and must be remembered.
    func append(_ item: EventLine.Item, subject: String) -> Bool {
        let line = line(subject)
        count += 1
        taken.append(item.offset)
        open.insert(item.offset)
        line.items.append(item)
        guard !line.isBlocked else {
            line.items[line.items.count - 1].body = nil
            return true
        }
        if line.items.count == 1 { ready.append(line) }
        return false
    }

    /// Puts back what stood in the deliveries' log; in the order of the offsets.
    func restore(_ record: CallbackDelivery, at place: Int64) {
        let subject = record.subject ?? ""
        // A failed one that has others before it had been let go of by its line.
        let isAlone = record.kind == .failed && lines[subject] != nil
        let line = line(isAlone ? "\(subject)#\(record.offset)" : subject)
        if isAlone { overtaken[subject, default: 0] += 1 }
        count += 1
        recorded[record.offset] = place
        line.items.append(EventLine.Item(offset: record.offset))
        guard line.items.count == 1 else { return }
        line.attempt = record.attempt
        line.since = record.since
        line.dueAt = record.at
        if !line.isBlocked { ready.append(line) }
    }

    private func line(_ key: String) -> EventLine {
        if let line = lines[key] { return line }
        let line = EventLine(key)
        lines[key] = line
        return line
    }

    func makeReady(_ line: EventLine) { ready.append(line) }

    func nextReady() -> EventLine? {
        guard inFlight < Self.inFlightMax else { return nil }
        return ready.popFirst()
    }

    var hasRoom: Bool { count < countMax }

    /// One before it is still on its way.
    func isDelayed(_ line: EventLine) -> Bool { !line.isAlone && overtaken[line.key, default: 0] > 0 }

    func isSettled(_ offset: Int64) { open.remove(offset) }

    /// The head has arrived or is given up; the next of the subject may go.
    func advance(_ line: EventLine) {
        let item = line.items.removeFirst()
        count -= 1
        open.remove(item.offset)
        line.attempt = 0
        line.since = nil
        line.dueAt = nil
        if line.items.isEmpty { lines[line.key] = nil } else { ready.append(line) }
        if line.isAlone, let others = overtaken[line.subject] {
            overtaken[line.subject] = others > 1 ? others - 1 : nil
        }
        if isFull, count <= countMax / 2 { isFull = false }
    }

    /// The head has been waited for long enough: it goes on by itself, and those behind it go ahead.
    /// - Returns: the line of the head alone.
    func detachHead(of line: EventLine) -> EventLine {
        let head = line.items.removeFirst()
        let alone = self.line("\(line.key)#\(head.offset)")
        alone.items = [head]
        (alone.attempt, alone.since, alone.dueAt) = (line.attempt, line.since, line.dueAt)
        (line.attempt, line.since, line.dueAt) = (0, nil, nil)
        overtaken[line.key, default: 0] += 1
        ready.append(line)
        return alone
    }
}

/// The events of one subject that one endpoint has not taken yet, in order.
final class EventLine {
    struct Item {
        var offset: Int64
        var id = ""
        /// Nil: to be read from the topic again.
        var body: [UInt8]?
    }

    let key: String
    var items: [Item] = []
    var isBusy = false
    /// How often the head has failed.
    var attempt = 0
    var since: Timestamp?
    var dueAt: Timestamp?

    init(_ key: String) { self.key = key }

    var isBlocked: Bool { attempt > 0 }
    /// Holds one event that others went ahead of.
    var isAlone: Bool { key.contains("#") }
    var subject: String { String(key.prefix { $0 != "#" }) }
}

/// Where an event stands in its source log.
struct SourcePlace {
    var offset: Int64
    var index: Int64
}
