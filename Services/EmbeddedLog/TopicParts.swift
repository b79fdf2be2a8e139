/// What a request says about the partitions of one topic.
struct TopicParts<Part> {
    var name: String
    var parts: [Part]
}

extension WireReader {
    /// What a request says about partitions, topic by topic: each topic and each partition once, in the order in which
    /// they come first. Of one that is named again, what is said last counts, and it is answered once.
    /// - Parameters:
    ///   - bytesMin: the least a part takes.
    ///   - read: reads what is behind the number of a partition.
    mutating func distinctParts<Part>(
        bytesMin: Int, _ read: (inout WireReader, _ number: Int32) throws(WireFailure) -> Part
    ) throws(WireFailure) -> [TopicParts<Part>] {
        try distinctParts(ofTopics: try count(itemBytesMin: 6), bytesMin: bytesMin, read)
    }

    mutating func distinctParts<Part>(
        ofTopics topicCount: Int, bytesMin: Int,
        _ read: (inout WireReader, _ number: Int32) throws(WireFailure) -> Part
    ) throws(WireFailure) -> [TopicParts<Part>] {
        var topics: [TopicParts<Part>] = []
        var topicsByName: [String: Int] = [:]
        var partsByNumber: [[Int32: Int]] = []
        for _ in 0..<topicCount {
            let name = try string()
            let at = topicsByName[name] ?? topics.count
            if at == topics.count {
                topicsByName[name] = at
                topics.append(TopicParts(name: name, parts: []))
                partsByNumber.append([:])
            }
            for _ in 0..<(try count(itemBytesMin: bytesMin)) {
                let number = try int32()
                let part = try read(&self, number)
                if let known = partsByNumber[at][number] {
                    topics[at].parts[known] = part
                } else {
                    partsByNumber[at][number] = topics[at].parts.count
                    topics[at].parts.append(part)
                }
            }
        }
        return topics
    }
}
