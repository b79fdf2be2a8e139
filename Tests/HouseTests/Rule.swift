/// A rule of the house, and what breaks it.
struct Rule: CustomStringConvertible, Sendable {
    let description: String
    let findings: @Sendable (House) -> [String]

    static let all: [Rule] = [
        pureDomain, cOnlyInDrivers, noFoundation, wallsBetweenRooms, servicesApart, noModuleNames, shortFiles,
        namedFiles,
        nothingLeftToDo, noCodable, noLooseTasks, nothingForced, nothingFromOutside,
    ]

    // MARK: walls

    static let pureDomain = Rule("Domain imports nothing, and knows no clock, dice, task or log") { house in
        let files = house.swift(under: Room.domain.folder)
        let words: Set = [
            "async", "await", "actor", "Date", "Task", "Logger", "Log", "Mutex", "Atomic", "ContinuousClock",
            "SuspendingClock", "SystemRandomNumberGenerator", "random", "randomElement", "shuffled", "print",
            "OpaquePointer",
            "UnsafeMutablePointer", "UnsafeMutableRawPointer",
        ]
        return files.flatMap { file in file.imports.map { finding(file, $0.line, "imports \($0.text)") } }
            + saying(words, in: files)
    }

    static let cOnlyInDrivers = Rule("C is imported in Drivers alone") { house in
        let allowed = [Room.drivers.folder + "/", "Tests/DriverTests/"]
        return house.swift(under: "Services", "Shared", "Tests").filter { file in
            !allowed.contains { file.path.hasPrefix($0) }
        }.flatMap { file in
            file.imports.filter { cModules(of: house).contains($0.text) }.map {
                finding(file, $0.line, "imports \($0.text)")
            }
        }
    }

    static let noFoundation = Rule("Foundation and Dispatch are for tests only") { house in
        let modules: Set = ["Foundation", "FoundationEssentials", "FoundationNetworking", "Dispatch"]
        return house.swift(under: "Services", "Shared").flatMap { file in
            file.imports.filter { modules.contains($0.text) }.map { finding(file, $0.line, "imports \($0.text)") }
        }
    }

    static let wallsBetweenRooms = Rule("A room names only what lies below it") { house in
        Room.allCases.flatMap { room in
            let closed = Room.allCases.filter { $0 != room && !room.mayName.contains($0) }
            let foreign = closed.reduce(into: Set<String>()) { $0.formUnion(house.types(of: $1)) }
            return saying(foreign.subtracting(room.exceptions), in: house.swift(under: room.folder))
        }
    }

    static let servicesApart = Rule("A service imports Switchboard, and never another service") { house in
        let allowed: Set = ["Switchboard", "Synchronization", "Glibc"]
        return house.swift(under: "Services").flatMap { file in
            file.imports.filter { !allowed.contains($0.text) }.map { finding(file, $0.line, "imports \($0.text)") }
        }
    }

    static let nothingFromOutside = Rule("The package depends on no package from outside") { house in
        guard let file = house.files["Package.swift"] else { return ["Package.swift is missing"] }
        return file.words.filter { $0.text == "package" && $0.next == UInt8(ascii: "(") }
            .map { finding(file, $0.line, "names a package") }
    }

    // MARK: manners

    static let noModuleNames = Rule("No type bears the name of its module") { house in
        house.swift(under: "Services", "Shared", "Tests").flatMap { file in
            file.declared.filter { $0.name == module(of: file) }
                .map { finding(file, $0.line, "declares \($0.name)") }
        }
    }

    static let linesMax = 400
    static let shortFiles = Rule("No file has more than \(linesMax) lines") { house in
        let kinds = [".swift", ".js", ".py", ".h"]
        return house.files.values.filter { file in
            kinds.contains { file.path.hasSuffix($0) } && file.lineCount > linesMax
        }.map { finding($0, $0.lineCount, "is too long") }.sorted()
    }

    static let namedFiles = Rule("A file is named for what it holds") { house in
        let words = ["util", "common", "helper", "misc"]
        return house.files.keys.filter { path in words.contains { path.lowercased().contains($0) } }.sorted()
            .map { "\($0): says nothing of what is in it" }
    }

    static let nothingLeftToDo = Rule("Nothing is left to do") { house in
        // Put together, so that this line is none itself.
        let marks: Set = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
        return house.files.values.sorted { $0.path < $1.path }.flatMap { file in
            SourceFile.words(of: Array(file.text.utf8)).filter { marks.contains($0.text) }
                .map { finding(file, $0.line, "says \($0.text)") }
        }
    }

    static let noCodable = Rule("Messages go through our own coder") { house in
        saying(
            ["Codable", "Encodable", "Decodable", "JSONEncoder", "JSONDecoder", "JSONSerialization"],
            in: house.swift(under: "Services", "Shared"))
    }

    static let noLooseTasks = Rule("What lives on a loop starts no tasks") { house in
        house.swift(under: Room.drivers.folder, Room.ledger.folder, Room.stores.folder, "Services").flatMap { file in
            file.words.filter { word in
                word.text == "Task" && [UInt8(ascii: "{"), UInt8(ascii: "("), UInt8(ascii: ".")].contains(word.next)
            }.map { finding(file, $0.line, "starts a Task") }
        }
    }

    static let nothingForced = Rule("Nothing is forced: no try!, as! or fatalError") { house in
        house.swift(under: "Services", "Shared").flatMap { file in
            file.words.filter { word in
                word.text == "fatalError" || (["try", "as"].contains(word.text) && word.next == UInt8(ascii: "!"))
            }.map { finding(file, $0.line, "says \($0.text)\($0.text == "fatalError" ? "" : "!")") }
        }
    }

    private init(_ description: String, _ findings: @escaping @Sendable (House) -> [String]) {
        self.description = description
        self.findings = findings
    }
}

private func finding(_ file: SourceFile, _ line: Int, _ what: String) -> String { "\(file.path):\(line): \(what)" }

private func saying(_ words: Set<String>, in files: [SourceFile]) -> [String] {
    files.flatMap { file in
        file.words.filter { words.contains($0.text) }.map { finding(file, $0.line, "says \($0.text)") }
    }
}

/// The module a file belongs to: its target's folder.
private func module(of file: SourceFile) -> String {
    let parts = file.path.split(separator: "/").map(String.init)
    return parts.count > 1 ? parts[1] : ""
}

private func cModules(of house: House) -> Set<String> {
    Set(
        house.files.keys.compactMap { path in
            let parts = path.split(separator: "/").map(String.init)
            return parts.count == 3 && parts[0] == "Shared" && parts[2] == "module.modulemap" ? parts[1] : nil
        })
}
