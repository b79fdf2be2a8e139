import Switchboard

/// What is written down of a topic.
struct TopicDefinition {
    var name: String
    var partitionCount: Int32
    var settings: TopicSettings
}

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

    var definition: TopicDefinition {
        TopicDefinition(name: name, partitionCount: Int32(partitions.count), settings: settings)
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
    private let files: OpenFiles
    private let log: Log

    /// Opens every partition of every topic. Blocks while it reads.
    init(folder: String, syncer: Syncer, files: OpenFiles, log: Log) throws(SystemFailure) {
        self.folder = "\(folder)/partitions"
        definitionsPath = "\(folder)/topics"
        self.syncer = syncer
        self.files = files
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
        private(set) var all: [String: TopicDefinition]
        private(set) var partitionCount: Int
        /// Partitions to be made.
        fileprivate var new: [(topic: String, number: Int32)] = []
        fileprivate var isChanged = false

        fileprivate init(_ topics: Topics) {
            all = topics.all.mapValues(\.definition)
            partitionCount = topics.partitionCount
        }

        mutating func create(_ topic: TopicDefinition) {
            all[topic.name] = topic
            partitionCount += Int(topic.partitionCount)
            isChanged = true
            new += (0..<topic.partitionCount).map { (topic: topic.name, number: $0) }
        }

        /// Adds partitions behind those that are there.
        mutating func grow(_ name: String, to count: Int32) {
            guard let before = all[name]?.partitionCount else { return }
            all[name]?.partitionCount = count
            partitionCount += Int(count - before)
            isChanged = true
            new += (before..<count).map { (topic: name, number: $0) }
        }

        mutating func delete(_ name: String) {
            partitionCount -= Int(all.removeValue(forKey: name)?.partitionCount ?? 0)
            isChanged = true
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
            make(draft, told)
        }
    }

    /// Makes what is new, then writes down which topics there are: on the disk's thread, since there may be thousands of
    /// folders to be made.
    private func make(_ draft: Draft, _ told: @escaping (SystemFailure?) -> Void) {
        let folders = draft.new.map { path($0.topic, $0.number) }
        syncer.onDisk({ Self.makeFolders(folders) }) { [self] made in
            switch made {
            case .failure(let failure): finish(draft, failure, [], told)
            case .success(let files):
                syncer.replace(definitionsPath, with: Self.encoded(draft.all), after: folder) { [self] failure in
                    finish(draft, failure, files, told)
                }
            }
        }
    }

    /// - Returns: of each folder its first file.
    private static func makeFolders(_ paths: [String]) -> Result<[File], SystemFailure> {
        Result { () throws(SystemFailure) -> [File] in
            var files: [File] = []
            for path in paths {
                // A crash may have left one of a topic that was deleted.
                try Folder.remove(path)
                try Folder.make(path)
                files.append(try Segment.newFile(in: path, baseOffset: 0))
            }
            return files
        }
    }

    /// Folders go before the next change, which may want their names.
    private func finish(
        _ draft: Draft, _ failure: SystemFailure?, _ files: [File], _ told: @escaping (SystemFailure?) -> Void
    ) {
        let gone: [String]
        if let failure {
            syncer.report(failure)
            gone = draft.new.map { path($0.topic, $0.number) }
        } else {
            let deleted = all.values.filter { draft.all[$0.name] == nil }.flatMap(\.partitions)
            for partition in deleted { partition.delete() }
            gone = deleted.map(\.folder)
            take(draft, files)
        }
        syncer.remove(gone) { [self] in
            isChanging = false
            told(failure)
            serve()
        }
    }

    /// - Parameter files: those of the partitions that are new, in their order.
    private func take(_ draft: Draft, _ files: [File]) {
        var made: [String: [PartitionLog]] = [:]
        for (place, file) in zip(draft.new, files) {
            guard let settings = draft.all[place.topic]?.settings else { continue }
            made[place.topic, default: []].append(
                PartitionLog(
                    topic: place.topic, number: place.number, folder: path(place.topic, place.number),
                    settings: settings, syncer: syncer, files: self.files, file: file))
        }
        var then: [String: TopicEntry] = [:]
        for (name, definition) in draft.all {
            if let entry = all[name], made[name] == nil {
                then[name] = entry
                continue
            }
            let partitions = (all[name]?.partitions ?? []) + (made[name] ?? [])
            then[name] = TopicEntry(name: name, settings: definition.settings, partitions: partitions)
        }
        all = then
    }

    private func open(_ name: String, _ settings: TopicSettings, numbers: Range<Int32>) throws(SystemFailure)
        -> [PartitionLog]
    {
        var partitions: [PartitionLog] = []
        for number in numbers {
            partitions.append(
                try PartitionLog(
                    topic: name, number: number, folder: path(name, number), settings: settings, syncer: syncer,
                    files: files, log: log))
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

    private static func encoded(_ topics: [String: TopicDefinition]) -> [UInt8] {
        var writer = WireWriter()
        writer.count(topics.count)
        for topic in topics.values.sorted(by: { $0.name < $1.name }) {
            writer.string(topic.name)
            writer.int32(topic.partitionCount)
            writer.count(topic.settings.given.count)
            for (name, value) in topic.settings.given.sorted(by: { $0.key < $1.key }) {
                writer.string(name)
                writer.string(value)
            }
        }
        return Checked.bytes(of: writer.bytes)
    }

    private static func decode(_ payload: [UInt8]) throws -> [TopicDefinition] {
        var reader = WireReader(payload)
        var definitions: [TopicDefinition] = []
        for _ in 0..<(try reader.count(itemBytesMin: 10)) {
            let name = try reader.string()
            let partitionCount = try reader.int32()
            var given: [String: String] = [:]
            for _ in 0..<(try reader.count(itemBytesMin: 4)) {
                let setting = try reader.string()
                given[setting] = try reader.string()
            }
            definitions.append(
                TopicDefinition(name: name, partitionCount: partitionCount, settings: try TopicSettings(given)))
        }
        return definitions
    }
}
