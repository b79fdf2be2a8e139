import Glibc
import Switchboard

/// Writes what it reads from a topic to another, with key, value and the header `trace`, for the conformance suite. Says
/// of each record that cannot be written why, and ends after `count` records.
final class LogCopy {
    private let reader: KafkaReader
    private let producer: KafkaProducer
    private let count: Int
    private var done = 0
    private var isReaderReady = false
    private var isWriterReady = false

    init(bootstrap: String, from topic: String, to copy: String, count: Int, loop: EventLoop) throws(KafkaFailure) {
        self.count = count
        let settings = KafkaSettings(bootstrap: bootstrap, clientID: "copy")
        producer = try KafkaProducer(settings: settings, loop: loop, topics: [copy])
        reader = try KafkaReader(settings: settings, topics: [topic], loop: loop)
        reader.onRecord = { [unowned self] in self.copy($0) }
        reader.onFailure = { _, _, failure in Console.complain("\(failure)") }
        reader.onReady = { [unowned self] in
            isReaderReady = true
            beginIfReady()
        }
        producer.onReady = { [unowned self] in
            isWriterReady = true
            beginIfReady()
        }
    }

    private func beginIfReady() {
        if isReaderReady, isWriterReady { reader.add(KafkaTopicID(0), 0, at: .beginning) }
    }

    private func copy(_ record: KafkaRecord) {
        let headers = record.header("trace").map { [("trace" as StaticString, Array($0))] } ?? []
        do {
            try producer.produce(
                topic: KafkaTopicID(0), partition: 0, key: Array(record.key), value: Array(record.value),
                headers: headers
            ) { [unowned self] result in
                if case .failure(let failure) = result { Console.announce("failed \(failure)") }
                note()
            }
        } catch {
            Console.announce("refused \(error)")
            note()
        }
    }

    private func note() {
        done += 1
        if done == count { exit(0) }
    }
}
