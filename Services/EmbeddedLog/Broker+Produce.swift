import Switchboard

/// Producers: their ids, and what they append.
extension Broker {
    private struct Part {
        var number: Int32
        var records: Range<Int>?
        var code = ErrorCode.none
        var firstOffset: Int64 = -1
        var appendTime: Int64 = -1
        var startOffset: Int64 = -1
    }

    private struct Topic {
        var name: String
        var parts: [Part]
    }

    private static let firstVersionOfBatches: Int16 = 3

    func produce(_ exchange: Exchange) throws(WireFailure) {
        var reader = exchange.takeBody()
        let isTransactional =
            exchange.version >= Self.firstVersionOfBatches ? try reader.nullableString() != nil : false
        let acks = try reader.int16()
        _ = try reader.int32()
        var topics = try readTopics(&reader)
        try reader.end()
        exchange.heldBytes = topics.reduce(0) { $0 + $1.parts.count * MemoryLayout<Part>.stride }
        var bytes = reader.takeBytes()
        let refusal: ErrorCode? =
            if exchange.version < Self.firstVersionOfBatches { .unsupportedForMessageFormat } else if isTransactional {
                .transactionalIDAuthorizationFailed
            } else if !(-1...1).contains(acks) { .invalidRequiredAcks } else { nil }
        for topic in topics.indices {
            let known = self.topics.all[topics[topic].name]
            for part in topics[topic].parts.indices {
                if let refusal {
                    topics[topic].parts[part].code = refusal
                } else {
                    append(&topics[topic].parts[part], of: known, from: &bytes)
                }
            }
        }
        guard acks != 0 else {
            exchange.finishWithoutAnswer()
            // Nobody waits to be answered, but readers do.
            return syncer.whenSafe {}
        }
        let answered = topics
        syncer.whenSafe { exchange.reply { Self.write(&$0, answered, version: exchange.version) } }
    }

    private func readTopics(_ reader: inout WireReader) throws(WireFailure) -> [Topic] {
        var topics: [Topic] = []
        for _ in 0..<(try reader.count(itemBytesMin: 6)) {
            let name = try reader.string()
            var parts: [Part] = []
            for _ in 0..<(try reader.count(itemBytesMin: 8)) {
                parts.append(Part(number: try reader.int32(), records: try reader.nullableBytes()))
            }
            topics.append(Topic(name: name, parts: parts))
        }
        return topics
    }

    private func append(_ part: inout Part, of topic: TopicEntry?, from bytes: inout [UInt8]) {
        guard let partition = topic?.partition(part.number) else {
            part.code = .unknownTopicOrPartition
            return
        }
        guard let records = part.records else {
            part.code = .corruptMessage
            return
        }
        do {
            let appended = try partition.append(&bytes, records, at: now)
            part.firstOffset = appended.firstOffset
            part.appendTime = appended.appendTime
            part.startOffset = partition.startOffset
        } catch {
            log.debug("refused a batch", ["topic": partition.topic, "partition": part.number, "code": error.rawValue])
            part.code = error
        }
    }

    private static func write(_ answer: inout WireWriter, _ topics: [Topic], version: Int16) {
        answer.count(topics.count)
        for topic in topics {
            answer.string(topic.name)
            answer.count(topic.parts.count)
            for part in topic.parts {
                answer.int32(part.number)
                answer.error(part.code)
                answer.int64(part.firstOffset)
                if version >= 2 { answer.int64(part.appendTime) }
                if version >= 5 { answer.int64(part.startOffset) }
            }
        }
        if version >= 1 { answer.int32(0) }
    }

    func initProducerID(_ exchange: Exchange) throws(WireFailure) {
        var reader = exchange.takeBody()
        let transactionalID = try reader.nullableString()
        _ = try reader.int32()
        try reader.end()
        guard transactionalID == nil else {
            return Self.reply(exchange, .transactionalIDAuthorizationFailed, producerID: -1)
        }
        producerIDs.next { [self] taken in
            switch taken {
            case .success(let id): Self.reply(exchange, .none, producerID: id)
            case .failure(let failure):
                syncer.report(failure)
                Self.reply(exchange, .storageError, producerID: -1)
            }
        }
    }

    private static func reply(_ exchange: Exchange, _ code: ErrorCode, producerID: Int64) {
        exchange.reply { answer in
            answer.int32(0)
            answer.error(code)
            answer.int64(producerID)
            answer.int16(code == .none ? 0 : -1)
        }
    }
}
