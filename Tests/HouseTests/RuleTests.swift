import Testing

@Suite("The house")
struct RuleTests {
    @Test("Every rule holds", arguments: Rule.all)
    func holds(_ rule: Rule) {
        let findings = rule.findings(.real)
        #expect(findings.isEmpty, "\(rule):\n\(findings.joined(separator: "\n"))")
    }

    @Test("The house was read: each room has someone in it")
    func isRead() {
        for room in [Room.domain, .contracts, .drivers, .runtime] {
            #expect(House.real.types[room]?.isEmpty == false, "\(room.folder) is empty")
        }
        #expect(House.real.swift(under: "Services").count >= 6)
    }
}

@Suite("Planted faults")
struct PlantedFaultTests {
    @Test("Each rule finds the fault planted against it", arguments: Fault.all)
    func found(_ fault: Fault) {
        let before = fault.rule.findings(.real, in: fault.path)
        let after = fault.rule.findings(House.real.planting(fault.path, fault.text), in: fault.path)
        #expect(before.isEmpty && after.count == fault.count, "\(after)")
    }

    @Test("Each rule has a fault planted against it")
    func allCovered() {
        let covered = Set(Fault.all.map(\.rule.description))
        #expect(Rule.all.map(\.description).filter { !covered.contains($0) } == [])
    }

    @Test("What only a comment or a string says is no fault", arguments: Rule.all)
    func commentsAndStrings(_ rule: Rule) {
        let harmless = ##"""
            // import Foundation; Task { await Date() }
            /* class Domain: Codable /* try! fatalError */ as! */
            let text = "Task { Log \(1 + (2)) Codable" + #"import CRdkafka "try!" \(x)"#
            let long = """
                import Foundation
                Task { \("Codable") } fatalError
                """
            """##
        for path in ["Shared/Switchboard/Domain/Planted.swift", "Services/TokenService/Planted.swift"] {
            let findings = rule.findings(House.real.planting(path, harmless), in: path)
            #expect(findings == [])
        }
    }
}

/// A file that breaks one rule.
struct Fault: CustomStringConvertible, Sendable {
    let rule: Rule
    let path: String
    let text: String
    var count = 1

    var description: String { "\(rule): \(path)" }

    private static let domain = "Shared/Switchboard/Domain/Planted.swift"
    private static let contracts = "Shared/Switchboard/Contracts/Planted.swift"
    private static let drivers = "Shared/Switchboard/Drivers/Planted.swift"
    private static let runtime = "Shared/Switchboard/Runtime/Planted.swift"
    private static let stores = "Shared/Switchboard/Stores/Planted.swift"
    private static let service = "Services/TokenService/Planted.swift"

    static let all: [Fault] = [
        Fault(rule: .pureDomain, path: domain, text: "internal import Glibc\n"),
        Fault(
            rule: .pureDomain, path: domain, text: "package struct A { func now() async -> Date { await x() } }\n",
            count: 3),
        Fault(rule: .pureDomain, path: domain, text: "let text = \"one \\(Int.random(in: 0...1)) two\"\n"),
        Fault(
            rule: .cOnlyInDrivers, path: stores, text: "internal import CHiredis\n"),
        Fault(rule: .cOnlyInDrivers, path: service, text: "import struct CRdkafka.rd_kafka_t\n"),
        Fault(rule: .cOnlyInDrivers, path: "Tests/SimulationTests/Planted.swift", text: "import CSQLite\n"),
        Fault(rule: .noFoundation, path: service, text: "import Foundation\n"),
        Fault(rule: .noFoundation, path: drivers, text: "import Foundation\nimport Dispatch\n"),
        Fault(rule: .noFoundation, path: runtime, text: "@preconcurrency internal import Dispatch\n"),
        Fault(rule: .wallsBetweenRooms, path: drivers, text: "struct A { var call: CallID }\n"),
        Fault(rule: .wallsBetweenRooms, path: drivers, text: "struct A { var when: Timestamp; var why: Refusal }\n"),
        Fault(rule: .wallsBetweenRooms, path: contracts, text: "struct A { let loop: EventLoop }\n"),
        Fault(rule: .wallsBetweenRooms, path: runtime, text: "func f(_ user: UserID) {}\n"),
        Fault(rule: .wallsBetweenRooms, path: stores, text: "func f(_ log: Log) {}\n"),
        Fault(rule: .servicesApart, path: service, text: "import Switchboard\nimport RoomAllocator\n"),
        Fault(rule: .noModuleNames, path: service, text: "enum Inner { struct TokenService {} }\n"),
        Fault(rule: .noModuleNames, path: drivers, text: "package final class Switchboard {}\n"),
        Fault(rule: .shortFiles, path: service, text: String(repeating: "\n", count: Rule.linesMax + 1)),
        Fault(
            rule: .shortFiles, path: "Clients/Web/sdk/planted.js",
            text: String(repeating: "x\n", count: Rule.linesMax + 1)),
        Fault(rule: .namedFiles, path: "Shared/Switchboard/Runtime/StringUtils.swift", text: ""),
        Fault(rule: .namedFiles, path: "Tests/Helpers/x.py", text: ""),
        Fault(rule: .nothingLeftToDo, path: service, text: "// TO" + "DO: more\n"),
        Fault(rule: .nothingLeftToDo, path: "Clients/Web/sdk/planted.js", text: "x() // FIX" + "ME\n"),
        Fault(rule: .knownSettings, path: service, text: "let a = options.text(\"SWITCHBOARD_UNHEARD_OF\")\n"),
        Fault(rule: .noCodable, path: service, text: "struct A: Codable {}\n"),
        Fault(rule: .noLooseTasks, path: drivers, text: "func f() { Task { } ; Task.detached { } }\n", count: 2),
        Fault(rule: .noLooseTasks, path: service, text: "func f() { _ = Task(priority: .low) { } }\n"),
        Fault(
            rule: .nothingForced, path: runtime, text: "let a = try! f(), b = c as! D, e: Never = fatalError(\"\")\n",
            count: 3),
        Fault(
            rule: .nothingFromOutside, path: "Package.swift",
            text: "let p = Package(dependencies: [.package(url: \"https://example.org/x\", from: \"1.0.0\")])\n"),
    ]
}
