import Switchboard

/// The partitions of one ledger, and who owns each: at any moment one is believed to, and others may believe it still.
final class Post<B: Book> {
    private unowned let world: World
    let book: B
    private(set) var hosts: [Host<B>?]
    private var lives = 0

    init(_ world: World, _ book: B) {
        self.world = world
        self.book = book
        hosts = Array(repeating: nil, count: Int(Broker.partitions))
    }

    func begin() { for partition in hosts.indices { takeOver(partition) } }

    func takeOver(_ partition: Int) {
        lives += 1
        let host = Host(world, book, partition: Int32(partition), name: "\(B.ledger.rawValue)\(partition).\(lives)")
        hosts[partition] = host
        host.onEnd = { [weak self, weak host] in
            guard let self, self.hosts[partition] === host else { return }
            self.hosts[partition] = nil
            self.takeOver(partition, after: .milliseconds(Int.random(in: 50...500, using: &self.world.clockwork.dice)))
        }
        host.start()
    }

    private func takeOver(_ partition: Int, after delay: Duration) {
        world.clockwork.after(delay) { [weak self] in
            guard let self, self.hosts[partition] == nil else { return }
            self.takeOver(partition)
        }
    }

    func owner(of key: String) -> PartitionOwner<B>? { hosts[Int(Broker.partition(of: key))]?.owner }
}

protocol AnyPost: AnyObject {
    func crash(_ partition: Int)
    /// - Returns: false where it is none of its hosts of now.
    func crash(_ host: AnyObject) -> Bool
    func pause(_ partition: Int, for length: Duration)
    func handOver(_ partition: Int)
    func mirrorAfresh()
}

extension Post: AnyPost {
    func crash(_ partition: Int) {
        guard let host = hosts[partition] else { return }
        host.die()
        hosts[partition] = nil
        takeOver(partition, after: .milliseconds(Int.random(in: 0...2_500, using: &world.clockwork.dice)))
    }

    func crash(_ host: AnyObject) -> Bool {
        guard let partition = hosts.firstIndex(where: { $0 === host }) else { return false }
        crash(partition)
        return true
    }

    /// The group may give the partition to another meanwhile.
    func pause(_ partition: Int, for length: Duration) {
        guard let host = hosts[partition] else { return }
        host.pause(for: length)
        guard world.clockwork.dice.onceIn(2) else { return }
        hosts[partition] = nil
        takeOver(partition, after: .milliseconds(Int.random(in: 0...2_000, using: &world.clockwork.dice)))
    }

    /// Another begins while this one knows nothing of it.
    func handOver(_ partition: Int) {
        guard hosts[partition] != nil else { return }
        takeOver(partition)
    }

    func mirrorAfresh() { for host in hosts { host?.owner.mirrorAfresh() } }
}
