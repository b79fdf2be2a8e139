import Switchboard

/// One topic with its partitions, numbered from 0.
final class TopicEntry {
    let name: String
    let settings: TopicSettings
    fileprivate(set) var partitions: [PartitionLog]

    init(name: String, settings: TopicSettings, partitions: [PartitionLog]) {
        self.name = name
        self.settings = settings
        self.partitions = partitions
    }

    func partition(_ number: Int32) -> PartitionLog? {
        number >= 0 && Int(number) < partitions.count ? partitions[Int(number)] : nil
    }
}

/// All topics. One small file says which there are; it is replaced as a whole before a new topic is told to anyone.
final class Topics {
    private(set) var all: [String: TopicEntry] = [:]
    private let folder: String
    private let definitionsPath: String
    private let syncer: Syncer
    private let log: Log

    /// Opens every partition of every topic. Blocks while it reads.
    init(folder: String, syncer: Syncer, log: Log) throws(SystemFailure) {
        self.folder = "\(folder)/partitions"
        definitionsPath = "\(folder)/topics"
        self.syncer = syncer
        self.log = log
        try Folder.make(self.folder)
        guard let bytes = try Folder.contents(of: definitionsPath) else { return }
        guard let payload = Checked.payload(of: bytes), let definitions = try? Self.decode(payload) else {
            throw .damaged(definitionsPath)
        }
        for definition in definitions {
            let partitions = try open(definition.name, definition.settings, numbers: 0..<definition.partitionCount)
            all[definition.name] = TopicEntry(
                name: definition.name, settings: definition.settings, partitions: partitions)
        }
    }

    var partitionCount: Int { all.values.reduce(0) { $0 + $1.partitions.count } }

    func create(_ name: String, partitionCount: Int32, settings: TopicSettings) throws(SystemFailure) {
        for number in 0..<partitionCount { try Folder.remove(path(name, number)) }
        let partitions = try open(name, settings, numbers: 0..<partitionCount)
        all[name] = TopicEntry(name: name, settings: settings, partitions: partitions)
        do { try save() } catch {
            all[name] = nil
            throw error
        }
    }

    /// Adds partitions behind those that are there.
    func grow(_ topic: TopicEntry, to partitionCount: Int32) throws(SystemFailure) {
        let before = topic.partitions
        for number in Int32(before.count)..<partitionCount { try Folder.remove(path(topic.name, number)) }
        topic.partitions += try open(topic.name, topic.settings, numbers: Int32(before.count)..<partitionCount)
        do { try save() } catch {
            topic.partitions = before
            throw error
        }
    }

    func delete(_ topic: TopicEntry) throws(SystemFailure) {
        all[topic.name] = nil
        do { try save() } catch {
            all[topic.name] = topic
            throw error
        }
        for partition in topic.partitions { try partition.delete() }
    }

    private func open(_ name: String, _ settings: TopicSettings, numbers: Range<Int32>) throws(SystemFailure)
        -> [PartitionLog]
    {
        var partitions: [PartitionLog] = []
        for number in numbers {
            partitions.append(
                try PartitionLog(
                    topic: name, number: number, folder: path(name, number), settings: settings, syncer: syncer,
                    log: log))
        }
        return partitions
    }

    private func path(_ name: String, _ number: Int32) -> String { "\(folder)/\(name)-\(number)" }

    /// Letters, digits, dot, underscore and hyphen: what Kafka allows, and safe as a file's name.
    static func isName(_ name: String) -> Bool {
        guard (1...Limits.topicNameBytes).contains(name.utf8.count), name != ".", name != ".." else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }

    // MARK: on disk

    private struct Definition {
        var name: String
        var partitionCount: Int32
        var settings: TopicSettings
    }

    private func save() throws(SystemFailure) {
        var writer = WireWriter()
        writer.count(all.count)
        for topic in all.values.sorted(by: { $0.name < $1.name }) {
            writer.string(topic.name)
            writer.count(topic.partitions.count)
            writer.count(topic.settings.given.count)
            for (name, value) in topic.settings.given.sorted(by: { $0.key < $1.key }) {
                writer.string(name)
                writer.string(value)
            }
        }
        try Folder.sync(folder)
        try Folder.replace(definitionsPath, with: Checked.bytes(of: writer.bytes))
    }

    private static func decode(_ payload: [UInt8]) throws -> [Definition] {
        var reader = WireReader(payload)
        var definitions: [Definition] = []
        for _ in 0..<(try reader.count(itemBytesMin: 10)) {
            let name = try reader.string()
            let partitionCount = try reader.int32()
            var given: [String: String] = [:]
            for _ in 0..<(try reader.count(itemBytesMin: 4)) {
                let setting = try reader.string()
                given[setting] = try reader.string()
            }
            definitions.append(
                Definition(name: name, partitionCount: partitionCount, settings: try TopicSettings(given)))
        }
        return definitions
    }
}
