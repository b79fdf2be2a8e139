import Glibc
import Switchboard

/// One member of a group, for the conformance suite: an owner that finds the offset by itself, here the beginning. Says
/// what it holds whenever that changes and each record that it reads; leaves the group when its input ends.
final class LogGroup {
    private let loop: EventLoop
    private let consumer: KafkaGroupConsumer
    private var held: Set<Int32> = []
    private var input: LoopWatch?

    init(bootstrap: String, topic: String, group: String, loop: EventLoop) throws(KafkaFailure) {
        self.loop = loop
        consumer = try KafkaGroupConsumer(
            settings: KafkaSettings(bootstrap: bootstrap, clientID: "member"), group: group, topics: [topic], loop: loop
        )
        consumer.onAssigned = { [unowned self] in assigned($0, $1) }
        consumer.onRevoked = { [unowned self] _, partitions, _ in revoked(partitions) }
        consumer.onRecord = { Console.announce("read \($0.partition) \($0.offset)") }
        consumer.onFailure = { _, partition, failure in Console.complain("\(partition): \(failure)") }
        input = loop.watch(0, for: .read) { [unowned self] in leaveAtTheEnd() }
    }

    private func assigned(_ topic: KafkaTopicID, _ partitions: [Int32]) {
        held.formUnion(partitions)
        for partition in partitions { consumer.add(topic, partition, at: 0) }
        tellHeld()
    }

    private func revoked(_ partitions: [Int32]) {
        held.subtract(partitions)
        Console.announce("lost \(words(partitions))")
        tellHeld()
    }

    private func tellHeld() { Console.announce("held \(words(held.sorted()))") }

    private func words(_ partitions: [Int32]) -> String { partitions.map(String.init).joined(separator: " ") }

    private func leaveAtTheEnd() {
        var byte: UInt8 = 0
        guard read(0, &byte, 1) <= 0 else { return }
        input = nil
        consumer.close { exit(0) }
    }
}
