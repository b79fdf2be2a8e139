import Switchboard

/// One topic with its partitions, numbered from 0.
final class TopicEntry {
    let name: String
    let settings: TopicSettings
    let partitions: [PartitionLog]

    init(name: String, settings: TopicSettings, partitions: [PartitionLog]) {
        self.name = name
        self.settings = settings
        self.partitions = partitions
    }

    func partition(_ number: Int32) -> PartitionLog? {
        number >= 0 && Int(number) < partitions.count ? partitions[Int(number)] : nil
    }
}

/// All topics. One small file says which there are; it is replaced as a whole before a change is told to anyone.
final class Topics {
    /// Edits the draft, and leaves what to do when it is on the disk, or is not: then nothing has changed.
    typealias Edit = (inout Draft) -> (SystemFailure?) -> Void

    private(set) var all: [String: TopicEntry] = [:]
    /// Changes that wait for the one under way: each is judged by what those before it have left.
    private var edits: [Edit] = []
    private var isChanging = false
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

    // MARK: changes

    /// Topics as they will be.
    struct Draft {
        private let topics: Topics
        private(set) var all: [String: TopicEntry]
        private(set) var partitionCount: Int
        fileprivate var opened: [PartitionLog] = []
        fileprivate var isChanged = false

        /// Partitions that are new in it.
        var madeCount: Int { opened.count }

        fileprivate init(_ topics: Topics) {
            self.topics = topics
            all = topics.all
            partitionCount = topics.partitionCount
        }

        mutating func create(_ name: String, partitionCount: Int32, settings: TopicSettings) throws(SystemFailure) {
            let partitions = try make(name, settings, numbers: 0..<partitionCount)
            put(TopicEntry(name: name, settings: settings, partitions: partitions))
        }

        /// Adds partitions behind those that are there.
        mutating func grow(_ topic: TopicEntry, to partitionCount: Int32) throws(SystemFailure) {
            let more = try make(topic.name, topic.settings, numbers: Int32(topic.partitions.count)..<partitionCount)
            put(TopicEntry(name: topic.name, settings: topic.settings, partitions: topic.partitions + more))
        }

        mutating func delete(_ topic: TopicEntry) {
            all[topic.name] = nil
            partitionCount -= topic.partitions.count
            isChanged = true
        }

        private mutating func put(_ topic: TopicEntry) {
            partitionCount += topic.partitions.count - (all[topic.name]?.partitions.count ?? 0)
            all[topic.name] = topic
            isChanged = true
        }

        private mutating func make(_ name: String, _ settings: TopicSettings, numbers: Range<Int32>)
            throws(SystemFailure) -> [PartitionLog]
        {
            for number in numbers { try Folder.remove(topics.path(name, number)) }
            let made = try topics.open(name, settings, numbers: numbers)
            opened += made
            return made
        }
    }

    func change(_ edit: @escaping Edit) {
        edits.append(edit)
        serve()
    }

    private func serve() {
        while !isChanging, !edits.isEmpty {
            var draft = Draft(self)
            let told = edits.removeFirst()(&draft)
            guard draft.isChanged else {
                told(nil)
                continue
            }
            isChanging = true
            syncer.replace(definitionsPath, with: Self.encoded(draft.all), after: folder) { [self] failure in
                finish(draft, failure, told)
            }
        }
    }

    /// Folders go before the next change, which may want their names.
    private func finish(_ draft: Draft, _ failure: SystemFailure?, _ told: @escaping (SystemFailure?) -> Void) {
        var gone = draft.opened
        if let failure {
            syncer.report(failure)
        } else {
            let kept = Set(draft.all.values.flatMap(\.partitions).map(ObjectIdentifier.init))
            gone = all.values.flatMap(\.partitions).filter { !kept.contains(ObjectIdentifier($0)) }
            all = draft.all
        }
        for partition in gone { partition.delete() }
        syncer.remove(gone.map(\.folder)) { [self] in
            isChanging = false
            told(failure)
            serve()
        }
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

    private static func encoded(_ topics: [String: TopicEntry]) -> [UInt8] {
        var writer = WireWriter()
        writer.count(topics.count)
        for topic in topics.values.sorted(by: { $0.name < $1.name }) {
            writer.string(topic.name)
            writer.count(topic.partitions.count)
            writer.count(topic.settings.given.count)
            for (name, value) in topic.settings.given.sorted(by: { $0.key < $1.key }) {
                writer.string(name)
                writer.string(value)
            }
        }
        return Checked.bytes(of: writer.bytes)
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
