import Switchboard

/// Where partitions begin and end, and where they were at a time.
extension Broker {
    /// A partition that is asked about, and what is found.
    private struct Part {
        var number: Int32
        var time: Int64
        var found: (code: ErrorCode, time: Int64, offset: Int64) = (.none, -1, -1)
    }

    private static let latest: Int64 = -1
    private static let earliest: Int64 = -2

    func listOffsets(_ exchange: Exchange) throws(WireFailure) {
        var reader = exchange.takeBody()
        let version = exchange.version
        _ = try reader.int32()
        if version >= 2 { _ = try reader.int8() }
        let topics = try reader.distinctParts(bytesMin: 12) { reader, number throws(WireFailure) in
            let time = try reader.int64()
            if version == 0 { _ = try reader.int32() }
            return Part(number: number, time: time)
        }
        try reader.end()
        find(exchange, topics, from: (0, 0), mayWait: false)
    }

    /// Looks from one part of the request on. What is on the disk alone is read in on the disk's thread, one after another,
    /// so that others get their turn in between.
    /// - Parameter mayWait: what the first part needs has been read in just before.
    private func find(
        _ exchange: Exchange, _ asked: [TopicParts<Part>], from start: (topic: Int, part: Int), mayWait: Bool
    ) {
        var topics = asked
        var mayWait = mayWait
        for topic in start.topic..<topics.count {
            let known = self.topics.all[topics[topic].name]
            for number in (topic == start.topic ? start.part : 0)..<topics[topic].parts.count {
                let part = topics[topic].parts[number]
                switch find(part, in: known?.partition(part.number), mayWait: mayWait) {
                case .found(let found): topics[topic].parts[number].found = found
                case .notInMemory(let file, let position, let count):
                    return warm(file, position, count) { [self, topics] in
                        find(exchange, topics, from: (topic, number), mayWait: true)
                    }
                }
                mayWait = false
            }
        }
        exchange.reply { Self.write(&$0, topics, version: exchange.version) }
    }

    private enum Finding {
        case found((code: ErrorCode, time: Int64, offset: Int64))
        case notInMemory(File, position: Int, count: Int)
    }

    private func find(_ part: Part, in partition: PartitionLog?, mayWait: Bool) -> Finding {
        guard let partition, !partition.isDeleted else { return .found((.unknownTopicOrPartition, -1, -1)) }
        switch part.time {
        case Self.latest: return .found((.none, -1, partition.highWatermark))
        case Self.earliest: return .found((.none, -1, partition.startOffset))
        case ..<0: return .found((.unsupportedForMessageFormat, -1, -1))
        default:
            do {
                switch try partition.firstBatch(at: part.time, mayWait: mayWait) {
                case .none: return .found((.none, -1, -1))
                case .batch(let offset, let time): return .found((.none, time, offset))
                case .notInMemory(let file, let position, let count):
                    return .notInMemory(file, position: position, count: count)
                }
            } catch {
                syncer.report(error)
                return .found((.storageError, -1, -1))
            }
        }
    }

    private static func write(_ answer: inout WireWriter, _ topics: [TopicParts<Part>], version: Int16) {
        if version >= 2 { answer.int32(0) }
        answer.count(topics.count)
        for topic in topics {
            answer.string(topic.name)
            answer.count(topic.parts.count)
            for part in topic.parts {
                answer.int32(part.number)
                answer.error(part.found.code)
                if version == 0 {
                    answer.count(part.found.offset >= 0 ? 1 : 0)
                    if part.found.offset >= 0 { answer.int64(part.found.offset) }
                } else {
                    answer.int64(part.found.time)
                    answer.int64(part.found.offset)
                }
            }
        }
    }
}
