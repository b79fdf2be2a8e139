import Switchboard

/// How far a partition was rendered, beside the topic: in the same partition of `switchboard.callbacks.deliveries.v1`.
///
/// Each event says it too, and the last one is enough, as long as there is one. But the logs go on without events, and
/// they are kept for less long than events are: after a quiet week the last event names a place that no log has any
/// more, and after a quiet month it has gone itself. On its loop alone.
final class SavedProgress {
    /// A partition's records cannot be read.
    var onFailure: ((_ partition: Int32, _ reason: String) -> Void)?

    private let settings: KafkaSettings
    private let loop: EventLoop
    /// Made when it is asked for first: few dispatchers ever ask.
    private var reader: KafkaReader?
    private var recalls: [Int32: (progress: CallbackProgress?, done: (CallbackProgress?) -> Void)] = [:]

    private static let topic = KafkaTopicID(0)

    init(settings: KafkaSettings, loop: EventLoop) {
        self.settings = settings
        self.loop = loop
    }

    /// Reads all that the partition has: where it is asked for, little was written of late.
    /// - Parameter done: with the last; nil where none is kept any more. Not after `forget`.
    func recall(_ partition: Int32, _ done: @escaping (CallbackProgress?) -> Void) {
        do {
            let reader = try openReader()
            forget(partition)
            recalls[partition] = (nil, done)
            reader.add(Self.topic, partition, at: .beginning)
        } catch {
            onFailure?(partition, error.description)
        }
    }

    func forget(_ partition: Int32) {
        guard recalls.removeValue(forKey: partition) != nil else { return }
        reader?.remove(Self.topic, partition)
    }

    private func openReader() throws(KafkaFailure) -> KafkaReader {
        if let reader { return reader }
        let reader = try KafkaReader(settings: settings, topics: [Topic.callbackDeliveries], loop: loop)
        reader.onRecord = { [unowned self] record in
            guard record.key.elementsEqual(CallbackProgress.key.utf8),
                let progress = try? CallbackProgress(json: record.value)
            else { return }
            recalls[record.partition]?.progress = progress
        }
        reader.onEnd = { [unowned self] _, partition in
            guard let (progress, done) = recalls[partition] else { return }
            forget(partition)
            done(progress)
        }
        reader.onFailure = { [unowned self] _, partition, failure in
            forget(partition)
            onFailure?(partition, failure.description)
        }
        self.reader = reader
        return reader
    }

    func close() { reader?.close() }
}
