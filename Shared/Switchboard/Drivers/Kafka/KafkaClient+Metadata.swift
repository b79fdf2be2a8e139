internal import CRdkafka
internal import Dispatch

extension KafkaClient {
    private static let metadataAttemptMilliseconds: Int32 = 1000
    private static let metadataPause: Duration = .milliseconds(50)

    /// Calls `done` when every topic named to this client exists and has a leader for each partition. Asks until then:
    /// what is unknown to a client makes its first record wait for about a second.
    func awaitMetadata(_ done: @escaping () -> Void) {
        let names = Set(topicIDs.keys)
        let waiting = LoopBound((client: self, done: done), on: loop)
        ask(for: names, waiting)
    }

    private typealias Waiting = LoopBound<(client: KafkaClient, done: () -> Void)>

    private func ask(for names: Set<String>, _ waiting: Waiting) {
        nonisolated(unsafe) let handle = handle
        // The handle outlives this: its end is queued behind, on the same serial queue.
        blocking.async { [loop] in
            let isComplete = Self.hasLeaders(handle, names)
            loop.execute {
                guard let (client, done) = waiting.value else { return }
                guard !client.isClosed, !isComplete else {
                    waiting.value = nil
                    if !client.isClosed { done() }
                    return
                }
                client.metadataRetry = client.loop.schedule(after: Self.metadataPause) { [unowned client] in
                    client.ask(for: names, waiting)
                }
            }
        }
    }

    private static func hasLeaders(_ handle: OpaquePointer, _ names: Set<String>) -> Bool {
        var answer: UnsafePointer<rd_kafka_metadata>?
        guard rd_kafka_metadata(handle, 0, nil, &answer, metadataAttemptMilliseconds) == RD_KAFKA_RESP_ERR_NO_ERROR,
            let answer
        else { return false }
        defer { rd_kafka_metadata_destroy(answer) }
        let topics = UnsafeBufferPointer(start: answer.pointee.topics, count: Int(answer.pointee.topic_cnt))
        let complete = topics.filter { topic in
            let partitions = UnsafeBufferPointer(start: topic.partitions, count: Int(topic.partition_cnt))
            return topic.err == RD_KAFKA_RESP_ERR_NO_ERROR && !partitions.isEmpty
                && partitions.allSatisfy { $0.leader >= 0 }
        }
        return names.isSubset(of: complete.map { String(cString: $0.topic) })
    }
}
