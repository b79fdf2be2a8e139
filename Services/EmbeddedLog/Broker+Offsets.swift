import Switchboard

/// Where groups are: committing and asking.
extension Broker {
    private struct CommitPart {
        var partition: Int32
        var commit: OffsetStore.Commit
    }

    func offsetCommit(_ exchange: Exchange) throws(WireFailure) {
        var reader = exchange.takeBody()
        let version = exchange.version
        let groupID = try reader.string()
        let generation = version >= 1 ? try reader.int32() : -1
        let memberID = version >= 1 ? try reader.string() : ""
        let instanceID = version >= 7 ? try reader.nullableString() : nil
        if (2...4).contains(version) { _ = try reader.int64() }
        let time = now
        let topics = try reader.distinctParts(bytesMin: 14) { reader, partition throws(WireFailure) in
            let offset = try reader.int64()
            let epoch = version >= 6 ? try reader.int32() : -1
            if version == 1 { _ = try reader.int64() }
            let metadata = try reader.nullableString() ?? ""
            let commit = OffsetStore.Commit(offset: offset, leaderEpoch: epoch, metadata: metadata, time: time)
            return CommitPart(partition: partition, commit: commit)
        }
        try reader.end()
        let code = mayCommit(groupID, memberID: memberID, instanceID: instanceID, generation: generation)
        var codes: [[ErrorCode]] = []
        var commits: [(OffsetStore.Place, OffsetStore.Commit)] = []
        for topic in topics {
            codes.append(
                topic.parts.map { part in
                    if code != .none { return code }
                    if self.topics.all[topic.name]?.partition(part.partition) == nil { return .unknownTopicOrPartition }
                    if part.commit.metadata.utf8.count > Limits.offsetMetadataBytes { return .offsetMetadataTooLarge }
                    commits.append((OffsetStore.Place(topic: topic.name, partition: part.partition), part.commit))
                    return .none
                })
        }
        // What may be committed is asked of the store, in the same order.
        var asked = offsets.commit(group: groupID, commits)[...]
        codes = codes.map { $0.map { $0 == .none ? asked.removeFirst() : $0 } }
        syncer.whenSafe {
            exchange.reply { answer in
                if version >= 3 { answer.int32(0) }
                answer.count(topics.count)
                for (topic, codes) in zip(topics, codes) {
                    answer.string(topic.name)
                    answer.count(topic.parts.count)
                    for (part, code) in zip(topic.parts, codes) {
                        answer.int32(part.partition)
                        answer.error(code)
                    }
                }
            }
        }
    }

    private func mayCommit(_ groupID: String, memberID: String, instanceID: String?, generation: Int32) -> ErrorCode {
        guard Self.isGroupID(groupID) else { return .invalidGroupID }
        return groups.with(groupID) {
            $0.mayCommit(memberID: memberID, instanceID: instanceID, generation: generation, at: steadyNow)
        }
    }

    func offsetFetch(_ exchange: Exchange) throws(WireFailure) {
        var reader = exchange.takeBody()
        let version = exchange.version
        let groupID = try reader.string()
        let commits = offsets.commitsByGroup[groupID] ?? [:]
        var asked: [TopicParts<Int32>]
        if let count = version >= 2 ? try reader.nullableCount(itemBytesMin: 6) : try reader.count(itemBytesMin: 6) {
            asked = try reader.distinctParts(ofTopics: count, bytesMin: 4) { _, number throws(WireFailure) in number }
        } else {
            let partitionsByTopic = Dictionary(grouping: commits.keys, by: \.topic)
            asked = partitionsByTopic.sorted { $0.key < $1.key }.map {
                TopicParts(name: $0.key, parts: $0.value.map(\.partition).sorted())
            }
        }
        try reader.end()
        exchange.reply { answer in
            if version >= 3 { answer.int32(0) }
            answer.count(asked.count)
            for topic in asked {
                answer.string(topic.name)
                answer.count(topic.parts.count)
                for partition in topic.parts {
                    let commit = commits[OffsetStore.Place(topic: topic.name, partition: partition)]
                    answer.int32(partition)
                    answer.int64(commit?.offset ?? -1)
                    if version >= 5 { answer.int32(commit?.leaderEpoch ?? -1) }
                    answer.nullableString(commit?.metadata ?? "")
                    answer.error(.none)
                }
            }
            if version >= 2 { answer.error(Self.isGroupID(groupID) ? .none : .invalidGroupID) }
        }
    }
}
