import Switchboard

/// What Redis shows: fenced writes per partition, and a stamp whose absence says that nothing is known.
final class Mirror {
    private struct Part: Hashable {
        let ledger: LedgerName
        let partition: Int32
    }

    private(set) var values: [String: [UInt8]] = [:]
    private var fences: [Part: Int64] = [:]
    private var stamped: Set<Part> = []
    private var past: [Part: [(String, [UInt8])]] = [:]

    func presence(of key: String) -> Presence? {
        guard stamped.contains(Part(ledger: .users, partition: Broker.partition(of: key))) else { return nil }
        guard let value = values["users:\(key)"] else { return Presence() }
        return try? Presence(json: value)
    }

    func isStamped(_ ledger: LedgerName, _ partition: Int32) -> Bool {
        stamped.contains(Part(ledger: ledger, partition: partition))
    }

    /// By key.
    func shown(_ ledger: LedgerName, _ partition: Int32) -> [String: [UInt8]] {
        var found: [String: [UInt8]] = [:]
        for (name, value) in values where name.hasPrefix(ledger.rawValue + ":") {
            let key = String(name.dropFirst(ledger.rawValue.count + 1))
            if Broker.partition(of: key) == partition { found[key] = value }
        }
        return found
    }

    func write(
        _ ledger: LedgerName, _ partition: Int32, _ marker: Int64, _ changes: [(key: String, value: [UInt8]?)]
    ) {
        let part = Part(ledger: ledger, partition: partition)
        guard fences[part, default: -1] <= marker else { return }
        for (key, value) in changes {
            values["\(ledger.rawValue):\(key)"] = value
            if let value { past[part, default: []].append((key, value)) }
        }
    }

    func writeAfresh(
        _ ledger: LedgerName, _ partition: Int32, _ marker: Int64, _ all: [(key: String, value: [UInt8])]
    ) {
        let part = Part(ledger: ledger, partition: partition)
        guard fences[part, default: -1] <= marker else { return }
        fences[part] = marker
        values = values.filter { key, _ in
            let bare = key.dropFirst(ledger.rawValue.count + 1)
            return !key.hasPrefix(ledger.rawValue + ":") || Broker.partition(of: String(bare)) != partition
        }
        for (key, value) in all { values["\(ledger.rawValue):\(key)"] = value }
        stamped.insert(part)
    }

    func flush() {
        values = [:]
        fences = [:]
        stamped = []
    }

    /// The planted fault: what once was is shown again.
    func replay(_ ledger: LedgerName, _ partition: Int32, _ clockwork: Clockwork) {
        let part = Part(ledger: ledger, partition: partition)
        let all = past[part] ?? []
        clockwork.after(.milliseconds(300)) { [self] in
            // It dies half way.
            for (key, value) in all.prefix(all.count / 2) { values["\(ledger.rawValue):\(key)"] = value }
        }
    }
}
