import Switchboard

/// Making, growing, deleting and describing topics.
extension Broker {
    /// Why a request about a topic is refused, and in words.
    private struct Refused: Error {
        static let disk = Refused(code: .storageError, text: "the disk refuses")

        var code: ErrorCode
        var text: String?
    }

    /// What became of one of the topics of a request.
    private struct Result {
        var name: String
        /// Nil: it is done.
        var refused: Refused?

        init(name: String, _ refused: Refused?) {
            self.name = name
            self.refused = refused
        }

        /// What was taken is refused all the same when the disk did not keep it.
        func or(_ failure: SystemFailure?) -> Result {
            failure == nil || refused != nil ? self : Result(name: name, .disk)
        }
    }

    private struct NewTopic {
        var name: String
        var partitionCount: Int32
        var replication: Int16
        var assignedPartitions: Int
        /// Each partition once, and each on this node alone.
        var isAssignedHere: Bool
        var settings: [String: String]
    }

    func createTopics(_ exchange: Exchange) throws(WireFailure) {
        var reader = exchange.takeBody()
        let version = exchange.version
        var asked: [NewTopic] = []
        for _ in 0..<(try reader.count(itemBytesMin: 16)) { asked.append(try readNewTopic(&reader)) }
        _ = try reader.int32()
        let isTrial = version >= 1 ? try reader.bool() : false
        try reader.end()
        topics.change { [self] draft in
            let results = asked.map { topic in
                Result(name: topic.name, attempt { try create(topic, in: &draft, isTrial: isTrial) })
            }
            return { [self] failure in
                let told = results.map { $0.or(failure) }
                for (result, topic) in zip(told, asked) where result.refused == nil && !isTrial {
                    log.notice("created a topic", ["topic": topic.name])
                }
                exchange.reply { answer in
                    if version >= 2 { answer.int32(0) }
                    answer.count(told.count)
                    for result in told {
                        answer.string(result.name)
                        answer.error(result.refused?.code ?? .none)
                        if version >= 1 { answer.nullableString(result.refused?.text) }
                    }
                }
            }
        }
    }

    private func readNewTopic(_ reader: inout WireReader) throws(WireFailure) -> NewTopic {
        let name = try reader.string()
        let partitionCount = try reader.int32()
        let replication = try reader.int16()
        let assigned = try reader.count(itemBytesMin: 8)
        var numbers: Set<Int32> = []
        var isAssignedHere = true
        for _ in 0..<assigned {
            let number = try reader.int32()
            if !(0..<Int32(assigned)).contains(number) || !numbers.insert(number).inserted { isAssignedHere = false }
            if try reader.int32s() != [Self.nodeID] { isAssignedHere = false }
        }
        var settings: [String: String] = [:]
        for _ in 0..<(try reader.count(itemBytesMin: 4)) {
            let setting = try reader.string()
            if let value = try reader.nullableString() { settings[setting] = value }
        }
        return NewTopic(
            name: name, partitionCount: partitionCount, replication: replication, assignedPartitions: assigned,
            isAssignedHere: isAssignedHere, settings: settings)
    }

    private func create(_ new: NewTopic, in draft: inout Topics.Draft, isTrial: Bool) throws {
        guard Topics.isName(new.name) else { throw Refused(code: .invalidTopic) }
        guard draft.all[new.name] == nil else {
            throw Refused(code: .topicAlreadyExists, text: "Topic '\(new.name)' already exists.")
        }
        let count =
            new.assignedPartitions > 0
            ? Int32(new.assignedPartitions) : new.partitionCount == -1 ? 1 : new.partitionCount
        guard new.isAssignedHere else { throw Self.otherNodes }
        guard count >= 1 else { throw Refused(code: .invalidPartitions, text: "at least one partition is needed") }
        guard new.assignedPartitions > 0 || new.replication == 1 || new.replication == -1 else {
            throw Refused(code: .invalidReplicationFactor, text: "one node keeps one copy")
        }
        try checkRoom(in: draft, topicPartitions: Int(count), adding: Int(count))
        guard draft.all.count < Limits.topics else {
            throw Refused(code: .policyViolation, text: "more than \(Limits.topics) topics")
        }
        let settings = try settings(new.settings)
        guard !isTrial else { return }
        draft.create(TopicDefinition(name: new.name, partitionCount: count, settings: settings))
    }

    private func settings(_ given: [String: String]) throws -> TopicSettings {
        do { return try TopicSettings(given) } catch { throw Refused(code: .invalidConfig, text: error.text) }
    }

    private static let otherNodes = Refused(
        code: .invalidReplicaAssignment, text: "one node keeps one copy of each partition")

    private func checkRoom(in draft: Topics.Draft, topicPartitions: Int, adding: Int) throws {
        let partitions = draft.partitionCount + adding
        let olderFiles = files.count - topics.partitionCount
        guard topicPartitions <= Limits.partitionsPerTopic, partitions <= Limits.partitions,
            partitions + olderFiles <= files.max
        else {
            throw Refused(code: .invalidPartitions, text: "more partitions than are kept here")
        }
    }

    func deleteTopics(_ exchange: Exchange) throws(WireFailure) {
        var reader = exchange.takeBody()
        let names = try reader.distinctStrings()
        _ = try reader.int32()
        try reader.end()
        topics.change { [self] draft in
            let results = names.map { name in
                Result(
                    name: name,
                    attempt {
                        guard draft.all[name] != nil else { throw Refused(code: .unknownTopicOrPartition) }
                        draft.delete(name)
                    })
            }
            return { [self] failure in
                let told = results.map { $0.or(failure) }
                for result in told where result.refused == nil {
                    offsets.forget(topic: result.name)
                    log.notice("deleted a topic", ["topic": result.name])
                }
                // Before a topic of the same name can be made: what was committed for this one must not be the new one's.
                syncer.settle(offsets) {
                    exchange.reply { answer in
                        if exchange.version >= 1 { answer.int32(0) }
                        answer.count(told.count)
                        for result in told {
                            answer.string(result.name)
                            answer.error(result.refused?.code ?? .none)
                        }
                    }
                }
            }
        }
    }

    func createPartitions(_ exchange: Exchange) throws(WireFailure) {
        var reader = exchange.takeBody()
        var asked: [(name: String, count: Int32, isHere: Bool)] = []
        for _ in 0..<(try reader.count(itemBytesMin: 10)) {
            let name = try reader.string()
            let count = try reader.int32()
            var isHere = true
            for _ in 0..<(try reader.nullableCount(itemBytesMin: 4) ?? 0) where try reader.int32s() != [Self.nodeID] {
                isHere = false
            }
            asked.append((name, count, isHere))
        }
        _ = try reader.int32()
        let isTrial = try reader.bool()
        try reader.end()
        topics.change { [self] draft in
            let results = asked.map { name, count, isHere in
                Result(
                    name: name,
                    attempt {
                        guard isHere else { throw Self.otherNodes }
                        try grow(name, to: count, in: &draft, isTrial: isTrial)
                    })
            }
            return { failure in
                let told = results.map { $0.or(failure) }
                exchange.reply { answer in
                    answer.int32(0)
                    answer.count(told.count)
                    for result in told {
                        answer.string(result.name)
                        answer.error(result.refused?.code ?? .none)
                        answer.nullableString(result.refused?.text)
                    }
                }
            }
        }
    }

    private func grow(_ name: String, to count: Int32, in draft: inout Topics.Draft, isTrial: Bool) throws {
        guard let topic = draft.all[name] else { throw Refused(code: .unknownTopicOrPartition) }
        guard count > topic.partitionCount else {
            throw Refused(code: .invalidPartitions, text: "there are \(topic.partitionCount) already")
        }
        try checkRoom(in: draft, topicPartitions: Int(count), adding: Int(count - topic.partitionCount))
        if !isTrial { draft.grow(name, to: count) }
    }

    /// Nil when `body` did what it should.
    private func attempt(_ body: () throws -> Void) -> Refused? {
        do {
            try body()
            return nil
        } catch let refused as Refused {
            return refused
        } catch {
            return Refused(code: .invalidRequest)
        }
    }
}
