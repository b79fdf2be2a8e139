import Switchboard

/// Reads the topic of questions: of each partition that the group gives us, what comes from then on. Whoever asked
/// before has been answered, or asks again. On the loop.
final class QueryReader {
    typealias AskEnds = ([KafkaPartition], @escaping ([KafkaPartition: Int64]?) -> Void) -> Void

    var onRecord: ((KafkaRecord) -> Void)?

    private let consumer: KafkaGroupConsumer
    private let loop: EventLoop
    private let log: Log
    private let askEnds: AskEnds
    /// Of each partition that is ours, the number of the beginning that counts: an answer to an earlier question is for
    /// an assignment that is over.
    private var beginnings: [Int32: Int] = [:]
    private var count = 0
    private var retries: [Int: LoopTimer] = [:]

    private static let group = "switchboard.queries.v1"
    private static let askAgain: Duration = .seconds(1)

    /// - Parameter askEnds: where partitions end now; nil where nobody says.
    init(settings: KafkaSettings, loop: EventLoop, log: Log, askEnds: @escaping AskEnds) throws(KafkaFailure) {
        self.loop = loop
        self.log = log
        self.askEnds = askEnds
        consumer = try KafkaGroupConsumer(settings: settings, group: Self.group, topics: [Topic.queries], loop: loop)
        consumer.onAssigned = { [unowned self] topic, partitions in begin(topic, partitions) }
        consumer.onRevoked = { [unowned self] _, partitions, _ in
            for partition in partitions { beginnings[partition] = nil }
        }
        consumer.onRecord = { [unowned self] record in onRecord?(record) }
        consumer.onFailure = { [unowned self] topic, partition, failure in
            log.warning("queries cannot be read", ["partition": Int(partition), "failure": failure.description])
            // So far behind that the topic has let go of what came: nobody waits for an answer to that any more.
            guard failure.isOffsetOutOfRange, beginnings[partition] != nil else { return }
            consumer.remove(topic, partition)
            begin(topic, [partition])
        }
    }

    func close(_ done: @escaping () -> Void) { consumer.close(done) }

    private func begin(_ topic: KafkaTopicID, _ partitions: [Int32]) {
        count += 1
        for partition in partitions { beginnings[partition] = count }
        ask(topic, count)
    }

    private func ask(_ topic: KafkaTopicID, _ number: Int) {
        retries[number] = nil
        let places = beginnings.filter { $0.value == number }.map { KafkaPartition(Topic.queries, $0.key) }
        guard !places.isEmpty else { return }
        askEnds(places) { [weak self] ends in
            guard let self else { return }
            guard let ends else {
                log.warning("queries cannot be read yet", ["partitions": places.count])
                retries[number] = loop.schedule(after: Self.askAgain) { [unowned self] in ask(topic, number) }
                return
            }
            for (place, end) in ends where beginnings[place.partition] == number {
                consumer.add(topic, place.partition, at: end)
            }
        }
    }
}
