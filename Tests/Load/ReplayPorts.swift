import Switchboard

/// One partition in memory, for an owner whose log is to be written and read: what it appends is acknowledged in the next
/// step, and nothing else happens.
final class ReplayPorts: LedgerPorts {
    var now: Timestamp
    private(set) var log: [[UInt8]] = []
    private var waiting: [() -> Void] = []
    private var incarnations = 0

    init(now: Timestamp) { self.now = now }

    /// Everything that is under way happens.
    func settle() {
        while !waiting.isEmpty {
            let steps = exchange(&waiting, with: [])
            for step in steps { step() }
        }
    }

    var clock: Timestamp { now }

    func freshIncarnation() -> String {
        incarnations += 1
        return "00000000-0000-4000-8000-00000000000\(incarnations)"
    }

    func append(_ record: [UInt8], key: String, to partition: Int32, _ done: @escaping (LogAppend) -> Void) -> Bool {
        log.append(record)
        let (offset, time) = (Int64(log.count - 1), now)
        waiting.append { done(.acknowledged(offset: offset, time: time)) }
        return true
    }

    func perform(_ effect: Effects.Effect, source: SourceMark, _ done: @escaping (Bool) -> Void) {
        waiting.append { done(true) }
    }

    func look(at keys: [String], _ done: @escaping ([Presence?]) -> Void) { done(keys.map { _ in nil }) }

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
            for offset in first..<max(first, marker) {
                log[Int(offset)].withUnsafeBytes { each(offset, $0) }
            }
            done(true)
        }
    }

    func openInbox(_ partition: Int32, at offset: Int64?) {}
    func askInboxEnd(_ partition: Int32, _ done: @escaping (InboxEnd?) -> Void) { waiting.append { done(nil) } }
    func mirror(_ partition: Int32, marker: Int64, _ changes: [(key: String, value: [UInt8]?)]) {}
    func mirrorAfresh(_ partition: Int32, marker: Int64, _ all: [(key: String, value: [UInt8])]) {}
    func ended(_ partition: Int32, _ ending: OwnerEnding) { Console.complain("ended: \(ending)") }
    func tell(_ partition: Int32, _ news: OwnerNews) {}
}
