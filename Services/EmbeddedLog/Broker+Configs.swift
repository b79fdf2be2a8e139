import Switchboard

/// What a topic, or the broker, is set to.
extension Broker {
    private static let topicType: Int8 = 2
    private static let brokerType: Int8 = 4
    private static let givenSource: Int8 = 1
    private static let defaultSource: Int8 = 5

    private struct Entry {
        var name: String
        var value: String
        var isGiven: Bool
        var isFixed: Bool
    }

    func describeConfigs(_ exchange: Exchange) throws(WireFailure) {
        var reader = exchange.takeBody()
        let version = exchange.version
        var asked: [(type: Int8, name: String, keys: [String]?)] = []
        var seen: Set<String> = []
        for _ in 0..<(try reader.count(itemBytesMin: 7)) {
            let type = try reader.int8()
            let name = try reader.string()
            var keys: [String]?
            if let count = try reader.nullableCount(itemBytesMin: 2) {
                var listed: [String] = []
                for _ in 0..<count { listed.append(try reader.string()) }
                keys = listed
            }
            if seen.insert("\(type) \(name)").inserted { asked.append((type, name, keys)) }
        }
        if version >= 1 { _ = try reader.bool() }
        try reader.end()
        exchange.reply { answer in
            answer.int32(0)
            answer.count(asked.count)
            for (type, name, keys) in asked {
                let (code, entries) = describe(type: type, name: name)
                let wanted = entries.filter { keys?.contains($0.name) ?? true }
                answer.error(code)
                answer.nullableString(nil)
                answer.int8(type)
                answer.string(name)
                answer.count(wanted.count)
                for entry in wanted { Self.write(&answer, entry, version: version) }
            }
        }
    }

    private func describe(type: Int8, name: String) -> (ErrorCode, [Entry]) {
        switch type {
        case Self.topicType:
            guard let topic = topics.all[name] else { return (.unknownTopicOrPartition, []) }
            let names = TopicSettings.names + TopicSettings.fixed.keys.sorted()
            return (
                .none,
                names.map { name in
                    let (value, isGiven) = topic.settings.value(of: name)
                    return Entry(
                        name: name, value: value, isGiven: isGiven, isFixed: TopicSettings.fixed[name] != nil)
                }
            )
        case Self.brokerType:
            guard name == "\(Self.nodeID)" || name.isEmpty else { return (.invalidRequest, []) }
            let values = [
                ("auto.create.topics.enable", "false"), ("log.message.timestamp.type", "LogAppendTime"),
                ("offsets.topic.replication.factor", "1"), ("socket.request.max.bytes", "\(Limits.requestBytes)"),
                ("max.connections", "\(Limits.connections)"),
            ]
            return (.none, values.map { Entry(name: $0.0, value: $0.1, isGiven: false, isFixed: true) })
        default: return (.invalidRequest, [])
        }
    }

    private static func write(_ answer: inout WireWriter, _ entry: Entry, version: Int16) {
        answer.string(entry.name)
        answer.nullableString(entry.value)
        answer.bool(entry.isFixed)
        if version == 0 {
            answer.bool(!entry.isGiven)
        } else {
            answer.int8(entry.isGiven ? givenSource : defaultSource)
        }
        answer.bool(false)
        if version >= 1 { answer.count(0) }
    }
}
