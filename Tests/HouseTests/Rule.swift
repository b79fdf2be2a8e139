/// A rule of the house, and what breaks it. A rule looks at one file at a time, and at the house only to know it.
struct Rule: CustomStringConvertible, Sendable {
    let description: String
    private let looks: @Sendable (SourceFile, House) -> [Finding]

    struct Finding {
        let line: Int
        let what: String
    }

    /// What breaks the rule, each as `path:line: what`; in one file, or in all of the house.
    func findings(_ house: House, in path: String? = nil) -> [String] {
        let files = path.map { path in house.files[path].map { [$0] } ?? [] } ?? Array(house.files.values)
        return files.sorted { $0.path < $1.path }.flatMap { file in
            looks(file, house).map { "\(file.path):\($0.line): \($0.what)" }
        }
    }

    static let all: [Rule] = [
        pureDomain, cOnlyInDrivers, noFoundation, wallsBetweenRooms, servicesApart, noModuleNames, shortFiles,
        namedFiles,
        nothingLeftToDo, knownSettings, noCodable, noLooseTasks, nothingForced, nothingFromOutside,
    ]

    // MARK: walls

    static let pureDomain = Rule("Domain imports nothing, and knows no clock, dice, task or log") { file, _ in
        guard file.room == .domain else { return [] }
        return file.imports.map { Finding(line: $0.line, what: "imports \($0.text)") }
            + file.saying([
                "async", "await", "actor", "Date", "Task", "Logger", "Log", "Mutex", "Atomic", "ContinuousClock",
                "SuspendingClock", "SystemRandomNumberGenerator", "random", "randomElement", "shuffled", "print",
                "OpaquePointer", "UnsafeMutablePointer", "UnsafeMutableRawPointer",
            ])
    }

    static let cOnlyInDrivers = Rule("C is imported in Drivers alone") { file, house in
        // What librdkafka itself offers to tests is not to be had through a driver.
        let mayImport = ["Tests/DriverTests", "Tests/IntegrationTests/BrokenProducer.swift"]
        if file.isUnder(Room.drivers.folder) || mayImport.contains(where: file.path.hasPrefix) { return [] }
        return file.importing { house.cModules.contains($0) }
    }

    static let noFoundation = Rule("Foundation is for tests only, and Dispatch for drivers that block") { file, _ in
        var modules: Set = ["Foundation", "FoundationEssentials", "FoundationNetworking"]
        if file.room != .drivers { modules.insert("Dispatch") }
        return file.isUnder("Services", "Shared") ? file.importing { modules.contains($0) } : []
    }

    static let wallsBetweenRooms = Rule("A room names only what lies below it") { file, house in
        guard let room = file.room else { return [] }
        let closed = Room.allCases.filter { $0 != room && !room.mayName.contains($0) }
        let foreign = closed.reduce(into: Set<String>()) { $0.formUnion(house.types[$1] ?? []) }
        // A word that is also a type of the room itself means that one.
        return file.saying(foreign.subtracting(room.exceptions).subtracting(house.innerTypes[room] ?? []))
    }

    static let servicesApart = Rule("A service imports Switchboard, and never another service") { file, _ in
        let allowed: Set = ["Switchboard", "Synchronization", "Glibc"]
        return file.isUnder("Services") ? file.importing { !allowed.contains($0) } : []
    }

    static let nothingFromOutside = Rule("The package depends on no package from outside") { file, _ in
        guard file.path == "Package.swift" else { return [] }
        return file.words.filter { $0.text == "package" && $0.next == UInt8(ascii: "(") }
            .map { Finding(line: $0.line, what: "names a package") }
    }

    // MARK: manners

    static let noModuleNames = Rule("No type bears the name of its module") { file, _ in
        guard file.isUnder("Services", "Shared", "Tests") else { return [] }
        let module = file.path.split(separator: "/")[1]
        return file.declared.filter { $0.name == module }.map { Finding(line: $0.line, what: "declares \($0.name)") }
    }

    static let linesMax = 400
    static let shortFiles = Rule("No file has more than \(linesMax) lines") { file, _ in
        let isCounted = [".swift", ".js", ".py", ".h"].contains { file.path.hasSuffix($0) }
        return isCounted && file.lineCount > linesMax ? [Finding(line: file.lineCount, what: "is too long")] : []
    }

    static let namedFiles = Rule("A file is named for what it holds") { file, _ in
        let path = file.path.lowercased()
        return ["util", "common", "helper", "misc"].contains { path.contains($0) }
            ? [Finding(line: 1, what: "is named for nothing that is in it")] : []
    }

    static let nothingLeftToDo = Rule("Nothing is left to do") { file, _ in
        // Put together, so that this line is none itself.
        let marks: Set = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
        let words = SourceFile.words(of: Array(file.text.utf8))
        return words.filter { marks.contains($0.text) }.map { Finding(line: $0.line, what: "says \($0.text)") }
    }

    static let knownSettings = Rule("Every setting that is read is known to all services") { file, house in
        guard file.isUnder("Services", "Shared"), file.isSwift else { return [] }
        let known = house.files[Room.runtime.folder + "/Setting.swift"]?.text ?? ""
        return SourceFile.words(of: Array(file.text.utf8)).filter {
            $0.text.hasPrefix("SWITCHBOARD_") && $0.text != "SWITCHBOARD_" && !known.contains("\"\($0.text)\"")
        }.map { Finding(line: $0.line, what: "\($0.text) is missing in Setting.swift") }
    }

    static let noCodable = Rule("Messages go through our own coder") { file, _ in
        file.isUnder("Services", "Shared")
            ? file.saying(["Codable", "Encodable", "Decodable", "JSONEncoder", "JSONDecoder", "JSONSerialization"]) : []
    }

    static let noLooseTasks = Rule("What lives on a loop starts no tasks") { file, _ in
        guard file.isUnder(Room.drivers.folder, Room.ledger.folder, Room.stores.folder, "Services") else { return [] }
        let starts = Array("{(.".utf8)
        return file.words.filter { $0.text == "Task" && starts.contains($0.next) }
            .map { Finding(line: $0.line, what: "starts a Task") }
    }

    static let nothingForced = Rule("Nothing is forced: no try!, as! or fatalError") { file, _ in
        guard file.isUnder("Services", "Shared") else { return [] }
        return file.saying(["fatalError"])
            + file.words.filter {
                ["try", "as"].contains($0.text) && $0.next == UInt8(ascii: "!") && $0.isNextAdjacent
            }
            .map { Finding(line: $0.line, what: "says \($0.text)!") }
    }

    private init(_ description: String, _ looks: @escaping @Sendable (SourceFile, House) -> [Finding]) {
        self.description = description
        self.looks = looks
    }
}

extension SourceFile {
    fileprivate func saying(_ forbidden: Set<String>) -> [Rule.Finding] {
        words.filter { forbidden.contains($0.text) }.map { Rule.Finding(line: $0.line, what: "says \($0.text)") }
    }

    fileprivate func importing(_ isForbidden: (String) -> Bool) -> [Rule.Finding] {
        imports.filter { isForbidden($0.text) }.map { Rule.Finding(line: $0.line, what: "imports \($0.text)") }
    }
}
