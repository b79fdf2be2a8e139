internal import CRdkafka
internal import Glibc

/// The calls of `KafkaAdmin` that block, each one straight through, on threads that may wait.
struct KafkaAdminCalls: Sendable {
    nonisolated(unsafe) let handle: OpaquePointer
    let settings: KafkaSettings

    private static let offsetsLimit: Duration = .seconds(1)
    private static let topicsLimit: Duration = .seconds(15)
    private static let answerMilliseconds: Int32 = 3000

    private static func milliseconds(until deadline: ContinuousClock.Instant) -> Int32 {
        Int32(clamping: max(1, (deadline - ContinuousClock.now).milliseconds))
    }

    // MARK: offsets

    /// A partition whose leader has moved is asked for again after the metadata was; the library does not do so by itself.
    func offsets(of partitions: Set<KafkaPartition>, at edge: KafkaStart) -> [KafkaPartition: Result<
        Int64, KafkaFailure
    >] {
        let deadline = ContinuousClock.now + Self.offsetsLimit
        var found: [KafkaPartition: Result<Int64, KafkaFailure>] = [:]
        var missing = partitions
        while !missing.isEmpty {
            let answers = askOnce(missing, edge, within: Self.milliseconds(until: deadline))
            found.merge(answers) { _, later in later }
            for case (let partition, .success) in answers { missing.remove(partition) }
            let mayPass = missing.allSatisfy { partition in
                if case .failure(let failure) = found[partition] { failure.mayPass } else { false }
            }
            guard !missing.isEmpty, mayPass, ContinuousClock.now < deadline else { break }
            usleep(20_000)
            _ = try? topics(during: "ask for offsets", within: Self.milliseconds(until: deadline))
        }
        return found
    }

    private func askOnce(
        _ partitions: Set<KafkaPartition>, _ edge: KafkaStart, within milliseconds: Int32
    ) -> [KafkaPartition: Result<Int64, KafkaFailure>] {
        guard let list = rd_kafka_topic_partition_list_new(Int32(partitions.count)) else { return [:] }
        defer { rd_kafka_topic_partition_list_destroy(list) }
        for place in partitions {
            rd_kafka_topic_partition_list_add(list, place.topic, place.partition).pointee.offset = edge.offset
        }
        let failed = rd_kafka_offsets_for_times(handle, list, milliseconds)
        var found: [KafkaPartition: Result<Int64, KafkaFailure>] = [:]
        for place in UnsafeBufferPointer(start: list.pointee.elems, count: Int(list.pointee.cnt)) {
            let error = failed == RD_KAFKA_RESP_ERR_NO_ERROR ? place.err : failed
            found[KafkaPartition(String(cString: place.topic), place.partition)] =
                if error != RD_KAFKA_RESP_ERR_NO_ERROR {
                    .failure(KafkaFailure(error, during: "ask for offsets"))
                } else if place.offset < 0 {
                    .failure(KafkaFailure(RD_KAFKA_RESP_ERR__TIMED_OUT, during: "ask for offsets"))
                } else {
                    .success(place.offset)
                }
        }
        return found
    }

    // MARK: metadata

    struct Topic: Sendable {
        let partitions: Int
        let replication: Int
        let hasLeaders: Bool
    }

    func topics(
        during operation: String, within milliseconds: Int32 = answerMilliseconds
    ) throws(KafkaFailure) -> [String: Topic] {
        var topics: [String: Topic] = [:]
        try metadata(ofAllTopics: true, during: operation, within: milliseconds) { metadata in
            for topic in UnsafeBufferPointer(start: metadata.topics, count: Int(metadata.topic_cnt))
            where topic.err == RD_KAFKA_RESP_ERR_NO_ERROR {
                let partitions = UnsafeBufferPointer(start: topic.partitions, count: Int(topic.partition_cnt))
                topics[String(cString: topic.topic)] = Topic(
                    partitions: partitions.count,
                    replication: partitions.map { Int($0.replica_cnt) }.min() ?? 0,
                    hasLeaders: partitions.allSatisfy { $0.leader >= 0 })
            }
        }
        return topics
    }

    func ping() throws(KafkaFailure) -> Duration {
        let start = ContinuousClock.now
        try metadata(ofAllTopics: false, during: "ping", within: Self.answerMilliseconds) { _ in }
        return ContinuousClock.now - start
    }

    private func metadata(
        ofAllTopics all: Bool, during operation: String, within milliseconds: Int32,
        _ body: (rd_kafka_metadata) -> Void
    ) throws(KafkaFailure) {
        var answer: UnsafePointer<rd_kafka_metadata>?
        let failed = rd_kafka_metadata(handle, all ? 1 : 0, nil, &answer, milliseconds)
        guard failed == RD_KAFKA_RESP_ERR_NO_ERROR, let answer else { throw KafkaFailure(failed, during: operation) }
        body(answer.pointee)
        rd_kafka_metadata_destroy(answer)
    }

    // MARK: topics

    func create(_ specifications: [KafkaTopicSpecification]) throws(KafkaFailure) {
        guard !specifications.isEmpty else { return }
        let existing = try createMissing(specifications)
        let deadline = ContinuousClock.now + Self.topicsLimit
        var topics: [String: Topic] = [:]
        while !specifications.allSatisfy({ topics[$0.name]?.hasLeaders ?? false }) {
            guard ContinuousClock.now < deadline else {
                throw KafkaFailure(RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, during: "create topics")
            }
            topics = try self.topics(during: "create topics")
            usleep(20_000)
        }
        var differences: [String] = []
        for specification in specifications {
            guard let topic = topics[specification.name] else { continue }
            differences += Self.differences(topic, from: specification)
        }
        differences += try configDifferences(existing)
        guard differences.isEmpty else {
            throw KafkaFailure(difference: differences.sorted().joined(separator: "; "), during: "create topics")
        }
    }

    private static func differences(_ topic: Topic, from wanted: KafkaTopicSpecification) -> [String] {
        var differences: [String] = []
        if topic.partitions != Int(wanted.partitions) {
            differences.append("\(wanted.name) has \(topic.partitions) partitions, not \(wanted.partitions)")
        }
        if let replication = wanted.replication, topic.replication != Int(replication) {
            differences.append("\(wanted.name) has \(topic.replication) copies, not \(replication)")
        }
        return differences
    }

    /// - Returns: those that exist already.
    private func createMissing(
        _ specifications: [KafkaTopicSpecification]
    ) throws(KafkaFailure) -> [KafkaTopicSpecification] {
        var topics: [OpaquePointer?] = []
        defer { rd_kafka_NewTopic_destroy_array(&topics, topics.count) }
        var text = [CChar](repeating: 0, count: 512)
        for wanted in specifications {
            guard
                let topic = rd_kafka_NewTopic_new(
                    wanted.name, wanted.partitions, wanted.replication ?? -1, &text, text.count)
            else {
                let said = text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
                throw KafkaFailure(difference: "\(wanted.name): \(said)", during: "create topics")
            }
            topics.append(topic)
            for (name, value) in wanted.configs { rd_kafka_NewTopic_set_config(topic, name, value) }
        }
        var existing: Set<String> = []
        var failure: KafkaFailure?
        try answer(to: RD_KAFKA_ADMIN_OP_CREATETOPICS, during: "create topics") { options, queue in
            rd_kafka_CreateTopics(handle, &topics, topics.count, options, queue)
        } read: { event in
            var count = 0
            let results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)
            for result in UnsafeBufferPointer(start: results, count: count) {
                let name = String(cString: rd_kafka_topic_result_name(result))
                switch rd_kafka_topic_result_error(result) {
                case RD_KAFKA_RESP_ERR_NO_ERROR: break
                case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS: existing.insert(name)
                case let error:
                    let said = rd_kafka_topic_result_error_string(result).map { String(cString: $0) }
                    failure = KafkaFailure(error, during: "create topics", text: "\(name): \(said ?? "refused")")
                }
            }
        }
        if let failure { throw failure }
        return specifications.filter { existing.contains($0.name) }
    }

    private func configDifferences(_ specifications: [KafkaTopicSpecification]) throws(KafkaFailure) -> [String] {
        let wanted = specifications.filter { !$0.configs.isEmpty }
        guard !wanted.isEmpty else { return [] }
        var resources = wanted.map { rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, $0.name) }
        defer { rd_kafka_ConfigResource_destroy_array(&resources, resources.count) }
        let configsByTopic = Dictionary(uniqueKeysWithValues: wanted.map { ($0.name, $0.configs) })
        var differences: [String] = []
        var failure: KafkaFailure?
        try answer(to: RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, during: "check topics") { options, queue in
            rd_kafka_DescribeConfigs(handle, &resources, resources.count, options, queue)
        } read: { event in
            var count = 0
            let answers = rd_kafka_DescribeConfigs_result_resources(
                rd_kafka_event_DescribeConfigs_result(event), &count)
            for answer in UnsafeBufferPointer(start: answers, count: count) {
                let name = String(cString: rd_kafka_ConfigResource_name(answer))
                let error = rd_kafka_ConfigResource_error(answer)
                if error != RD_KAFKA_RESP_ERR_NO_ERROR { failure = KafkaFailure(error, during: "check topics") }
                let configs = Self.configs(of: answer)
                for (key, value) in configsByTopic[name] ?? [:] where configs[key] != value {
                    differences.append("\(name) has \(key) \(configs[key] ?? "unset"), not \(value)")
                }
            }
        }
        if let failure { throw failure }
        return differences
    }

    private static func configs(of resource: OpaquePointer?) -> [String: String] {
        var count = 0
        let entries = rd_kafka_ConfigResource_configs(resource, &count)
        var configs: [String: String] = [:]
        for entry in UnsafeBufferPointer(start: entries, count: count) {
            guard let value = rd_kafka_ConfigEntry_value(entry) else { continue }
            configs[String(cString: rd_kafka_ConfigEntry_name(entry))] = String(cString: value)
        }
        return configs
    }

    // MARK: groups

    /// Asks as a member of the group would that never joins it: the admin request for a group's offsets crashes the library
    /// (2.0.2).
    func lag(of group: String, in partitions: [KafkaPartition]) throws(KafkaFailure) -> [KafkaPartition: Int64] {
        let committed = try committed(by: group, in: partitions)
        let ends = offsets(of: Set(committed.keys), at: .end)
        var lag: [KafkaPartition: Int64] = [:]
        for (place, offset) in committed { lag[place] = try (ends[place]?.get()).map { max(0, $0 - offset) } }
        return lag
    }

    private func committed(
        by group: String, in partitions: [KafkaPartition]
    ) throws(KafkaFailure) -> [KafkaPartition: Int64] {
        let operation = "ask for a group's offsets"
        let configuration = try settings.configuration(["group.id": group], of: operation)
        guard let member = rd_kafka_new(RD_KAFKA_CONSUMER, configuration, nil, 0) else {
            rd_kafka_conf_destroy(configuration)
            throw KafkaFailure(rd_kafka_last_error(), during: operation)
        }
        defer { rd_kafka_destroy_flags(member, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE) }
        guard let list = rd_kafka_topic_partition_list_new(Int32(partitions.count)) else { return [:] }
        defer { rd_kafka_topic_partition_list_destroy(list) }
        for place in partitions { rd_kafka_topic_partition_list_add(list, place.topic, place.partition) }
        let failed = rd_kafka_committed(member, list, Self.answerMilliseconds)
        guard failed == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaFailure(failed, during: operation) }
        var committed: [KafkaPartition: Int64] = [:]
        for place in UnsafeBufferPointer(start: list.pointee.elems, count: Int(list.pointee.cnt))
        where place.err == RD_KAFKA_RESP_ERR_NO_ERROR && place.offset >= 0 {
            committed[KafkaPartition(String(cString: place.topic), place.partition)] = place.offset
        }
        return committed
    }

    // MARK: asking

    /// Sends one admin request with `ask` and reads its answer with `read`, which must not keep the event.
    private func answer(
        to operation: rd_kafka_admin_op_t, during words: String,
        _ ask: (_ options: OpaquePointer?, _ queue: OpaquePointer?) -> Void, read: (OpaquePointer) -> Void
    ) throws(KafkaFailure) {
        let queue = rd_kafka_queue_new(handle)
        let options = rd_kafka_AdminOptions_new(handle, operation)
        defer {
            rd_kafka_AdminOptions_destroy(options)
            rd_kafka_queue_destroy(queue)
        }
        let limit = Int32(Self.topicsLimit.milliseconds)
        var text = [CChar](repeating: 0, count: 512)
        rd_kafka_AdminOptions_set_request_timeout(options, limit, &text, text.count)
        ask(options, queue)
        guard let event = rd_kafka_queue_poll(queue, limit + Self.answerMilliseconds) else {
            throw KafkaFailure(RD_KAFKA_RESP_ERR__TIMED_OUT, during: words)
        }
        defer { rd_kafka_event_destroy(event) }
        let error = rd_kafka_event_error(event)
        guard error == RD_KAFKA_RESP_ERR_NO_ERROR else {
            let said = rd_kafka_event_error_string(event).map { String(cString: $0) }
            throw KafkaFailure(error, during: words, text: said)
        }
        read(event)
    }
}
