import Switchboard

/// Making, growing, deleting and describing topics.
extension Broker {
    /// Why a request about a topic is refused, and in words.
    private struct Refused: Error {
        var code: ErrorCode
        var text: String?
    }

    private struct NewTopic {
        var name: String
        var partitionCount: Int32
        var replication: Int16
        var assignedPartitions: Int
        var settings: [String: String]
    }

    func createTopics(_ exchange: Exchange) throws(WireFailure) {
        var reader = exchange.body
        let version = exchange.version
        var asked: [NewTopic] = []
        for _ in 0..<(try reader.count(itemBytesMin: 16)) { asked.append(try readNewTopic(&reader)) }
        _ = try reader.int32()
        let isTrial = version >= 1 ? try reader.bool() : false
        let results = asked.map { topic in (topic.name, result { try create(topic, isTrial: isTrial) }) }
        exchange.reply { answer in
            if version >= 2 { answer.int32(0) }
            answer.count(results.count)
            for (name, refused) in results {
                answer.string(name)
                answer.error(refused?.code ?? .none)
                if version >= 1 { answer.nullableString(refused?.text) }
            }
        }
    }

    private func readNewTopic(_ reader: inout WireReader) throws(WireFailure) -> NewTopic {
        let name = try reader.string()
        let partitionCount = try reader.int32()
        let replication = try reader.int16()
        let assigned = try reader.count(itemBytesMin: 8)
        for _ in 0..<assigned {
            _ = try reader.int32()
            _ = try reader.int32s()
        }
        var settings: [String: String] = [:]
        for _ in 0..<(try reader.count(itemBytesMin: 4)) {
            let setting = try reader.string()
            if let value = try reader.nullableString() { settings[setting] = value }
        }
        return NewTopic(
            name: name, partitionCount: partitionCount, replication: replication, assignedPartitions: assigned,
            settings: settings)
    }

    private func create(_ new: NewTopic, isTrial: Bool) throws {
        guard Topics.isName(new.name) else { throw Refused(code: .invalidTopic) }
        guard topics.all[new.name] == nil else {
            throw Refused(code: .topicAlreadyExists, text: "Topic '\(new.name)' already exists.")
        }
        let count =
            new.assignedPartitions > 0
            ? Int32(new.assignedPartitions) : new.partitionCount == -1 ? 1 : new.partitionCount
        guard count >= 1 else { throw Refused(code: .invalidPartitions, text: "at least one partition is needed") }
        guard new.assignedPartitions > 0 || new.replication == 1 || new.replication == -1 else {
            throw Refused(code: .invalidReplicationFactor, text: "one node keeps one copy")
        }
        try checkRoom(topicPartitions: Int(count), adding: Int(count))
        guard topics.all.count < Limits.topics else {
            throw Refused(code: .policyViolation, text: "more than \(Limits.topics) topics")
        }
        let settings = try settings(new.settings)
        guard !isTrial else { return }
        try topics.create(new.name, partitionCount: count, settings: settings)
        log.notice("created a topic", ["topic": new.name, "partitions": count])
    }

    private func settings(_ given: [String: String]) throws -> TopicSettings {
        do { return try TopicSettings(given) } catch { throw Refused(code: .invalidConfig, text: error.text) }
    }

    private func checkRoom(topicPartitions: Int, adding: Int) throws {
        guard topicPartitions <= Limits.partitionsPerTopic, topics.partitionCount + adding <= Limits.partitions else {
            throw Refused(code: .invalidPartitions, text: "more partitions than are kept here")
        }
    }

    func deleteTopics(_ exchange: Exchange) throws(WireFailure) {
        let names = try exchange.body.strings()
        let results = names.map { name in
            (
                name,
                result {
                    guard let topic = topics.all[name] else { throw Refused(code: .unknownTopicOrPartition) }
                    try topics.delete(topic)
                    try offsets.forget(topic: name)
                    log.notice("deleted a topic", ["topic": name])
                }
            )
        }
        exchange.reply { answer in
            if exchange.version >= 1 { answer.int32(0) }
            answer.count(results.count)
            for (name, refused) in results {
                answer.string(name)
                answer.error(refused?.code ?? .none)
            }
        }
    }

    func createPartitions(_ exchange: Exchange) throws(WireFailure) {
        var reader = exchange.body
        var asked: [(name: String, count: Int32)] = []
        for _ in 0..<(try reader.count(itemBytesMin: 10)) {
            let name = try reader.string()
            let count = try reader.int32()
            for _ in 0..<(try reader.nullableCount(itemBytesMin: 4) ?? 0) { _ = try reader.int32s() }
            asked.append((name, count))
        }
        _ = try reader.int32()
        let isTrial = try reader.bool()
        let results = asked.map { name, count in
            (
                name,
                result {
                    guard let topic = topics.all[name] else { throw Refused(code: .unknownTopicOrPartition) }
                    guard Int(count) > topic.partitions.count else {
                        throw Refused(code: .invalidPartitions, text: "there are \(topic.partitions.count) already")
                    }
                    try checkRoom(topicPartitions: Int(count), adding: Int(count) - topic.partitions.count)
                    if !isTrial { try topics.grow(topic, to: count) }
                }
            )
        }
        exchange.reply { answer in
            answer.int32(0)
            answer.count(results.count)
            for (name, refused) in results {
                answer.string(name)
                answer.error(refused?.code ?? .none)
                answer.nullableString(refused?.text)
            }
        }
    }

    /// Nil when `body` did what it should.
    private func result(_ body: () throws -> Void) -> Refused? {
        do {
            try body()
            return nil
        } catch let refused as Refused {
            return refused
        } catch let failure as SystemFailure {
            syncer.report(failure)
            return Refused(code: .storageError, text: "the disk refuses")
        } catch {
            return Refused(code: .invalidRequest)
        }
    }
}
