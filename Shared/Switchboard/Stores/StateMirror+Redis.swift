/// One hash per partition, so that each script touches one key, and one hash tag: legal on Redis Cluster.
///
/// The field `#` is the stamp, `marker:count`; `~` stands there instead while the partition is being written afresh.
package final class RedisStateMirror: StateMirror {
    package var onLost: ((LedgerName, Int32) -> Void)?

    private struct Owned {
        var marker: Int64
        /// The count that the next write must return.
        var next: Int64
        var isStamped: Bool
    }

    private struct Place: Hashable {
        let ledger: LedgerName
        let partition: Int32
    }

    private let redis: RedisClient
    private let loop: EventLoop
    private var owned: [Place: Owned] = [:]
    private var checkTimer: LoopTimer?

    private static let change = RedisScript(String(decoding: PackageResources.mirror_change_lua, as: UTF8.self))
    private static let clear = RedisScript(String(decoding: PackageResources.mirror_clear_lua, as: UTF8.self))
    private static let fill = RedisScript(String(decoding: PackageResources.mirror_fill_lua, as: UTF8.self))

    /// On the loop.
    package init(redis: RedisClient, loop: EventLoop) {
        self.redis = redis
        self.loop = loop
        checkTimer = loop.every(MirrorLimit.check) { [unowned self] in check() }
        // Loaded ahead of the first use: a script sent once more with its text would come behind what was sent meanwhile.
        let before = redis.onConnected
        redis.onConnected = { [weak self] in
            before?()
            self?.loadScripts()
        }
        if redis.isConnected { loadScripts() }
    }

    private func loadScripts() {
        for script in [Self.change, Self.clear, Self.fill] { redis.send(["SCRIPT", "LOAD", script.source]) { _ in } }
    }

    package static func key(_ ledger: LedgerName, _ partition: Int32) -> String {
        "{\(ledger.rawValue.prefix(1))\(partition)}:\(ledger.rawValue)"
    }

    // MARK: writing

    package func write(
        _ ledger: LedgerName, _ partition: Int32, marker: Int64, _ changes: [(key: String, value: [UInt8]?)]
    ) {
        let place = Place(ledger: ledger, partition: partition)
        guard var mine = owned[place], mine.marker <= marker, mine.isStamped else { return }
        if mine.marker < marker { return lose(place) }
        let expected = mine.next
        mine.next += 1
        owned[place] = mine
        var arguments: [RedisArgument] = [.number(marker)]
        for (key, value) in changes {
            arguments.append(.text(key))
            arguments.append(.bytes(value ?? []))
        }
        redis.run(Self.change, keys: [Self.key(ledger, partition)], arguments: arguments) { [weak self] result in
            guard let self, let now = owned[place], now.marker == marker else { return }
            switch result {
            case .success(let reply) where reply.integer == expected: break
            case .success(let reply) where reply.integer == -1: owned[place] = nil
            case .success, .failure: lose(place)
            }
        }
    }

    package func writeAfresh(
        _ ledger: LedgerName, _ partition: Int32, marker: Int64, _ all: [(key: String, value: [UInt8])]
    ) {
        let place = Place(ledger: ledger, partition: partition)
        owned[place] = Owned(marker: marker, next: 1, isStamped: true)
        let key = Self.key(ledger, partition)
        let failed: (Result<RedisReply, RedisFailure>) -> Void = { [weak self] result in
            guard let self, let now = owned[place], now.marker == marker else { return }
            switch result {
            case .success(let reply) where reply.integer == 1: break
            case .success(let reply) where reply.integer == -1: owned[place] = nil
            case .success, .failure: owned[place]?.isStamped = false
            }
        }
        redis.run(Self.clear, keys: [key], arguments: [.number(marker)], failed)
        var rest = all[...]
        repeat {
            let part = rest.prefix(MirrorLimit.fieldsPerCommand)
            rest = rest.dropFirst(part.count)
            var arguments: [RedisArgument] = [.number(marker), .text(rest.isEmpty ? "1" : "0")]
            for (field, value) in part {
                arguments.append(.text(field))
                arguments.append(.bytes(value))
            }
            redis.run(Self.fill, keys: [key], arguments: arguments, failed)
        } while !rest.isEmpty
    }

    package func letGo(_ ledger: LedgerName, _ partition: Int32) {
        owned[Place(ledger: ledger, partition: partition)] = nil
    }

    /// Once a second, so that a flush or a failover that lost writes is mended within seconds.
    private func check() {
        guard redis.isConnected else { return }
        for (place, mine) in owned {
            guard mine.isStamped else {
                onLost?(place.ledger, place.partition)
                continue
            }
            let sent = mine.next
            redis.send(["HGET", Self.key(place.ledger, place.partition), "#"]) { [weak self] result in
                guard let self, let now = owned[place], now.marker == mine.marker else { return }
                guard case .success(let reply) = result else { return }
                if reply.text != "\(mine.marker):\(sent - 1)" { lose(place) }
            }
        }
    }

    private func lose(_ place: Place) {
        guard owned[place]?.isStamped == true else { return }
        owned[place]?.isStamped = false
    }

    // MARK: looking

    package func look(
        _ ledger: LedgerName, at keys: [(partition: Int32, key: String)], _ done: @escaping ([[UInt8]?]) -> Void
    ) {
        let gathering = Gathering(count: keys.count, done)
        for (index, key) in keys.enumerated() {
            let words = ["HMGET", Self.key(ledger, key.partition), "#", key.key]
            redis.send(words, within: MirrorLimit.look) { result in
                guard case .success(let reply) = result, let fields = reply.list, fields.count == 2,
                    fields[0].bytes != nil
                else { return gathering.take(index, nil) }
                gathering.take(index, fields[1].bytes ?? [])
            }
        }
    }

    private final class Gathering {
        private var values: [[UInt8]?]
        private var missing: Int
        private let done: ([[UInt8]?]) -> Void

        init(count: Int, _ done: @escaping ([[UInt8]?]) -> Void) {
            values = Array(repeating: nil, count: count)
            missing = count
            self.done = done
        }

        func take(_ index: Int, _ value: [UInt8]?) {
            values[index] = value
            missing -= 1
            if missing == 0 { done(values) }
        }
    }
}
