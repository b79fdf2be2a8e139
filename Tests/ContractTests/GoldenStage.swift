import Switchboard

/// One partition with a log, an inbox and a real owner, driven by hand. No effect is ever said to be performed, so that
/// whoever takes over performs all of them again.
final class GoldenStage<B: Book>: LedgerPorts {
    private let book: B
    /// What the mirror shows.
    var presences: [String: Presence] = [:]
    private(set) var clock = GoldenPeople.began
    private(set) var log: [[UInt8]]
    /// By the offset of their record, each at its index.
    private(set) var effects: [Int64: [Int32: Effects.Effect]] = [:]
    private(set) var endings: [String] = []
    private var owner: PartitionOwner<B>?
    private var incarnations: Int
    private var received: Int64 = 0
    private var asked = 0
    private var waiting: [() -> Void] = []

    /// - Parameter log: what was decided before.
    init(_ book: B, log: [[UInt8]] = []) {
        self.book = book
        self.log = log
        incarnations = log.isEmpty ? 0 : 1
        let owner = PartitionOwner(partition: 3, book: book, ports: self)
        self.owner = owner
        owner.start()
        settle()
    }

    /// A second later; a command where it has a name, and answered where somebody asks.
    func send(
        _ input: B.State.Input, to key: String, command: String? = nil, reply: Reply? = nil,
        from ledger: LedgerName? = nil
    ) {
        clock = clock + .seconds(1)
        let source = ledger.map { SourceMark(ledger: $0, partition: 3, offset: received + 100, index: 0) }
        let record = InboxRecord(
            input, command: command, reply: reply, source: source, sentAt: command.map { _ in clock })
        Array(key.utf8).withUnsafeBytes { key in
            record.encoded().withUnsafeBytes { value in
                let isRead = owner?.receive(offset: received, time: clock, key: key, value: value)
                precondition(isRead == true, "what a test sends is read")
            }
        }
        received += 1
        owner?.pump()
        settle()
    }

    /// The owner looks at the time only now.
    func wait(_ duration: Duration) {
        clock = clock + duration
        owner?.tick(stalledFor: .zero)
        settle()
    }

    func reply(_ type: String, _ connection: Connection?) -> Reply {
        asked += 1
        return Reply(asker: Asker(connection: connection ?? Connection(), request: "\(asked)"), type: type)
    }

    private func settle() {
        while !waiting.isEmpty { waiting.removeFirst()() }
    }

    // MARK: LedgerPorts

    func freshIncarnation() -> String {
        incarnations += 1
        return "life-\(incarnations)"
    }

    func append(_ record: [UInt8], key: String, to partition: Int32, _ done: @escaping (LogAppend) -> Void) -> Bool {
        log.append(record)
        let (offset, time) = (Int64(log.count - 1), clock)
        waiting.append { done(.acknowledged(offset: offset, time: time)) }
        return true
    }

    func perform(_ effect: Effects.Effect, source: SourceMark, _ done: @escaping (Bool) -> Void) {
        effects[source.offset, default: [:]][source.index] = effect
    }

    func look(at keys: [String], _ done: @escaping ([Presence?]) -> Void) {
        waiting.append { [self] in done(keys.map { presences[$0] }) }
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
            for offset in first..<max(first, marker) { log[Int(offset)].withUnsafeBytes { each(offset, $0) } }
            done(true)
        }
    }

    func openInbox(_ partition: Int32, at offset: Int64?) {}
    func askInboxEnd(_ partition: Int32, _ done: @escaping (InboxEnd?) -> Void) {
        waiting.append { [self] in done(InboxEnd(offset: received, time: clock)) }
    }
    func mirror(_ partition: Int32, marker: Int64, _ changes: [(key: String, value: [UInt8]?)]) {}
    func mirrorAfresh(_ partition: Int32, marker: Int64, _ all: [(key: String, value: [UInt8])]) {}
    func ended(_ partition: Int32, _ ending: OwnerEnding) { endings.append(ending.description) }
    func tell(_ partition: Int32, _ news: OwnerNews) {}
}
