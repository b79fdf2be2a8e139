import Switchboard

/// Who answers, and what there is. Asking never creates a topic.
extension Broker {
    private static let clusterID = "switchboard-embedded-log"
    private static let compactVersion: Int16 = 3

    /// A version of the question that is newer than ours is answered in the oldest form, with what there is: the client
    /// asks again.
    func apiVersions(_ exchange: Exchange) throws(WireFailure) {
        let isKnown = exchange.version <= APIKey.apiVersions.highestVersion
        var reader = exchange.takeBody()
        if isKnown {
            if exchange.version >= Self.compactVersion {
                try reader.skipTaggedFields()
                try reader.skipCompactString()
                try reader.skipCompactString()
                try reader.skipTaggedFields()
            }
            try reader.end()
        }
        let version = isKnown ? exchange.version : 0
        exchange.reply { answer in
            answer.error(isKnown ? .none : .unsupportedVersion)
            if version >= Self.compactVersion {
                answer.int8(Int8(APIKey.allCases.count + 1))
            } else {
                answer.count(APIKey.allCases.count)
            }
            for api in APIKey.allCases {
                answer.int16(api.rawValue)
                answer.int16(0)
                answer.int16(api.highestVersion)
                if version >= Self.compactVersion { answer.int8(0) }
            }
            if version >= 1 { answer.int32(0) }
            if version >= Self.compactVersion { answer.int8(0) }
        }
    }

    func metadata(_ exchange: Exchange) throws(WireFailure) {
        var reader = exchange.takeBody()
        let version = exchange.version
        var names: [String]?
        if let count = try reader.nullableCount(itemBytesMin: 2) {
            var asked: [String] = []
            for _ in 0..<count { asked.append(try reader.string()) }
            names = version == 0 && asked.isEmpty ? nil : WireReader.distinct(asked)
        }
        if version >= 4 { _ = try reader.bool() }
        try reader.end()
        exchange.reply { answer in
            if version >= 3 { answer.int32(0) }
            answer.count(1)
            answer.int32(Self.nodeID)
            answer.string(advertised.host)
            answer.int32(Int32(advertised.port))
            if version >= 1 { answer.nullableString(nil) }
            if version >= 2 { answer.nullableString(Self.clusterID) }
            if version >= 1 { answer.int32(Self.nodeID) }
            let asked = names ?? topics.all.keys.sorted()
            answer.count(asked.count)
            for name in asked { write(&answer, topic: name, version: version) }
        }
    }

    private func write(_ answer: inout WireWriter, topic name: String, version: Int16) {
        let topic = topics.all[name]
        let code: ErrorCode = topic != nil ? .none : Topics.isName(name) ? .unknownTopicOrPartition : .invalidTopic
        answer.error(code)
        answer.string(name)
        if version >= 1 { answer.bool(false) }
        let partitions = topic?.partitions ?? []
        answer.count(partitions.count)
        for partition in partitions {
            answer.error(.none)
            answer.int32(partition.number)
            answer.int32(Self.nodeID)
            answer.int32s([Self.nodeID])
            answer.int32s([Self.nodeID])
        }
    }
}
