@testable import Switchboard

/// One partition driven by hand: a log and an inbox that outlive their owners, and everything that an owner waits for
/// done when the test says so.
final class OwnerScene<B: Book>: LedgerPorts {
    let book: B
    var now = Timestamp(milliseconds: 1_700_000_000_000)
    var log: [(bytes: [UInt8], time: Timestamp)] = []
    var inbox: [(key: String, bytes: [UInt8], time: Timestamp)] = []
    private(set) var performed: [(effect: Effects.Effect, source: SourceMark)] = []
    private(set) var endings: [String] = []
    private(set) var lastEnding: OwnerEnding?
    private(set) var told: [OwnerNews] = []
    private(set) var asksForTheEnd = 0
    /// Of the owner's clock, against the log's.
    var clockSkew: Duration = .zero
    /// How late it hears that a record stands in the log.
    var acknowledgementDelay: Duration = .zero
    /// Looks at the mirror are not answered.
    var holdsLooks = false
    /// What a look at the mirror shows; nothing in time where it is empty.
    var seen: [Presence?] = []
    /// Effects stay under way.
    var holdsEffects = false
    /// The end of the inbox is not answered.
    var holdsTheEnd = false
    /// Nobody answers where the inbox ends, and that is known after so long.
    var endIsUnknownAfter: Duration?
    private var heldEnds: [(asked: Timestamp, done: (InboxEnd?) -> Void)] = []
    private var heldEffects: [(Bool) -> Void] = []
    private(set) var isInboxPaused = false
    private var waiting: [() -> Void] = []
    private var incarnations = 0
    private(set) var owner: PartitionOwner<B>!
    private var readFrom: Int64?
    /// Where the last reading of the log began.
    var firstRead: Int64?

    init(_ book: B) { self.book = book }

    /// Another owner takes over; the one before is only not heard any more.
    @discardableResult
    func takeOver(recordsMax: Int64? = nil, _ change: (inout OwnerLimits) -> Void = { _ in }) -> PartitionOwner<B> {
        var limits = OwnerLimits()
        if let recordsMax { limits.recordsPerIncarnation = recordsMax }
        change(&limits)
        waiting = []
        readFrom = nil
        isInboxPaused = false
        heldEffects = []
        owner = PartitionOwner(partition: 0, book: book, ports: self, limits: limits)
        owner.start()
        settle()
        return owner
    }

    /// Everything that is under way happens, and what follows from it.
    func settle() {
        while true {
            if !waiting.isEmpty { waiting.removeFirst()() } else if hasUnread { read() } else { return }
            isInboxPaused = !owner.takesMore(whileFlowing: !isInboxPaused)
        }
    }

    private var hasUnread: Bool { !isInboxPaused && readFrom.map { $0 < inbox.count } ?? false }

    private func read() {
        guard let next = readFrom else { return }
        readFrom = next + 1
        let record = inbox[Int(next)]
        record.key.withContiguousBytes { key in
            record.bytes.withUnsafeBytes { bytes in
                _ = owner.receive(offset: next, time: record.time, key: key, value: bytes)
            }
        }
        owner.pump()
    }

    func put(
        _ input: B.State.Input, for key: String, _ command: String? = nil, _ reply: Reply? = nil,
        sentAt: Timestamp? = nil, source: SourceMark? = nil
    ) {
        let record = InboxRecord(input, command: command, reply: reply, source: source, sentAt: sentAt)
        inbox.append((key, record.encoded(), now))
    }

    func send(
        _ input: B.State.Input, for key: String, _ command: String? = nil, _ reply: Reply? = nil,
        sentAt: Timestamp? = nil, source: SourceMark? = nil
    ) {
        put(input, for: key, command, reply, sentAt: sentAt, source: source)
        settle()
    }

    func tick(stalledFor stall: Duration = .zero) {
        owner.tick(stalledFor: stall)
        settle()
    }

    /// Time passes, seen by the owner all along.
    func wait(_ duration: Duration) {
        let end = now + duration
        while now < end {
            now = min(end, now + .milliseconds(250))
            tick()
        }
    }

    /// - Parameter end: as it was when it was asked for; now where that is nil.
    func answerTheEnd(_ end: Int? = nil) {
        let held = heldEnds
        heldEnds = []
        for question in held {
            question.done(InboxEnd(offset: Int64(end ?? inbox.count), time: end == nil ? now : question.asked))
        }
        settle()
    }

    /// As many of the effects that stay under way are acknowledged, the first ones.
    func acknowledgeEffects(_ count: Int) {
        let first = heldEffects.prefix(count)
        heldEffects.removeFirst(first.count)
        for done in first { done(true) }
        isInboxPaused = !owner.takesMore(whileFlowing: !isInboxPaused)
        settle()
    }

    var records: [LogRecord<B.State.Fact>] { log.compactMap { try? LogRecord(json: $0.bytes) } }

    // MARK: LedgerPorts

    var clock: Timestamp { now + clockSkew }

    func freshIncarnation() -> String {
        incarnations += 1
        return "i\(incarnations)"
    }

    func append(_ record: [UInt8], key: String, to partition: Int32, _ done: @escaping (LogAppend) -> Void) -> Bool {
        log.append((record, now))
        let (offset, time) = (Int64(log.count - 1), now)
        waiting.append { [self] in
            now = now + acknowledgementDelay
            done(.acknowledged(offset: offset, time: time))
        }
        return true
    }

    func perform(_ effect: Effects.Effect, source: SourceMark, _ done: @escaping (Bool) -> Void) {
        performed.append((effect, source))
        if holdsEffects { heldEffects.append(done) } else { waiting.append { done(true) } }
    }

    func look(at keys: [String], _ done: @escaping ([Presence?]) -> Void) {
        if holdsLooks { return }
        waiting.append { [self] in done(seen.isEmpty ? keys.map { _ in nil } : seen) }
    }

    func readLog(
        _ partition: Int32, from start: LogStart, upTo marker: Int64,
        each: @escaping (_ offset: Int64, _ record: UnsafeRawBufferPointer) -> Void, _ done: @escaping (Bool) -> Void
    ) {
        waiting.append { [self] in
            let first =
                switch start {
                case .last(let count): max(0, marker - count)
                case .offset(let offset): offset
                case .beginning: Int64(0)
                }
            firstRead = first
            for offset in first..<max(first, marker) { log[Int(offset)].bytes.withUnsafeBytes { each(offset, $0) } }
            done(true)
        }
    }

    func openInbox(_ partition: Int32, at offset: Int64?) { readFrom = offset ?? 0 }

    private var end: InboxEnd { InboxEnd(offset: Int64(inbox.count), time: now) }

    func askInboxEnd(_ partition: Int32, _ done: @escaping (InboxEnd?) -> Void) {
        asksForTheEnd += 1
        if holdsTheEnd { return heldEnds.append((now, done)) }
        if let patience = endIsUnknownAfter {
            return waiting.append { [self] in
                now = now + patience
                done(nil)
            }
        }
        waiting.append { [self] in done(end) }
    }

    func mirror(_ partition: Int32, marker: Int64, _ changes: [(key: String, value: [UInt8]?)]) {}
    func mirrorAfresh(_ partition: Int32, marker: Int64, _ all: [(key: String, value: [UInt8])]) {}
    func ended(_ partition: Int32, _ ending: OwnerEnding) {
        endings.append(ending.description)
        lastEnding = ending
    }
    func tell(_ partition: Int32, _ news: OwnerNews) { told.append(news) }
}
