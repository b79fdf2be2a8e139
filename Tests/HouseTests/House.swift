import Foundation

/// The project's own text, as the rules of the house look at it.
struct House {
    private(set) var files: [String: SourceFile] = [:]
    /// Names of the types in each room that other rooms could name.
    private(set) var types: [Room: Set<String>] = [:]
    /// Names of all types in each room.
    private(set) var innerTypes: [Room: Set<String>] = [:]
    /// The modules of C libraries: the folders of Shared with a module map.
    private(set) var cModules: Set<String> = []

    /// Reads the tree that this test stands in.
    static let real = House(root: root)

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static let folders = ["Services", "Shared", "Clients", "Tests", "Deploy", ".ci"]
    private static let skipped: Set<String> = [".build", "node_modules", "__pycache__", ".venv"]

    private init(root: URL) {
        add("Package.swift", at: root)
        add("Makefile", at: root)
        for folder in Self.folders {
            guard let walk = FileManager.default.enumerator(atPath: root.appending(path: folder).path) else { continue }
            for case let path as String in walk {
                if Self.skipped.contains((path as NSString).lastPathComponent) {
                    walk.skipDescendants()
                } else {
                    add("\(folder)/\(path)", at: root)
                }
            }
        }
    }

    /// The same house with one file more, or with another text in its place: how a fault is planted.
    func planting(_ path: String, _ text: String) -> House {
        var house = self
        house.files[path] = SourceFile(path: path, text: text)
        return house
    }

    func swift(under folders: String...) -> [SourceFile] {
        files.values.filter { file in file.isSwift && folders.contains { file.path.hasPrefix($0 + "/") } }
            .sorted { $0.path < $1.path }
    }

    private mutating func add(_ path: String, at root: URL) {
        // What is no text (a sound, an icon) is nothing to read.
        guard let text = try? String(contentsOf: root.appending(path: path), encoding: .utf8) else { return }
        let file = SourceFile(path: path, text: text)
        files[path] = file
        note(file)
    }

    private mutating func note(_ file: SourceFile) {
        let parts = file.path.split(separator: "/").map(String.init)
        if parts.count == 3, parts[0] == "Shared", parts[2] == "module.modulemap" { cModules.insert(parts[1]) }
        if let room = file.room {
            types[room, default: []].formUnion(file.declared.filter(\.isWithinReach).map(\.name))
            innerTypes[room, default: []].formUnion(file.declared.map(\.name))
        }
    }
}

/// One of the six rooms of Shared/Switchboard, with the rooms it may name.
enum Room: String, CaseIterable {
    case domain = "Domain"
    case contracts = "Contracts"
    case drivers = "Drivers"
    case stores = "Stores"
    case ledger = "Ledger"
    case runtime = "Runtime"

    var folder: String { "Shared/Switchboard/\(rawValue)" }

    var mayName: Set<Room> {
        switch self {
        case .domain, .drivers: []
        case .contracts: [.domain]
        case .stores: [.domain, .contracts, .drivers]
        // Its loops log and count.
        case .ledger: [.domain, .contracts, .drivers, .stores, .runtime]
        case .runtime: [.drivers]
        }
    }

    /// What a room may name although it lies in a room that is closed to it.
    var exceptions: Set<String> {
        switch self {
        // An append time is a number that only a type keeps from being taken for another.
        case .drivers: ["Timestamp"]
        case .domain, .contracts, .stores, .ledger, .runtime: []
        }
    }
}
