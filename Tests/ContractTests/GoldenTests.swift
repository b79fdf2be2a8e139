import Foundation
import Switchboard
import Testing

/// The bytes of records that stand in inboxes and logs. Each line of a golden file is one record; they are read after
/// years, so that a line is never changed once a release has written it, and lines are only added.
@Suite struct `A golden record` {
    @Test(arguments: GoldenFile.all)
    func `is read, and written as the same bytes`(_ file: GoldenFile) throws {
        for line in try file.lines() {
            #expect(try file.again(line) == line)
        }
    }

    @Test(arguments: GoldenFile.all)
    func `is read alike with members in it that nobody knows`(_ file: GoldenFile) throws {
        for line in try file.lines() {
            let first = line.replacing("{\"", with: #"{"later":{"a":[1,null]},""#)
            #expect(try file.again(first) == line)
            let last = line.replacing("\"}", with: #"","later":[{}]}"#)
            #expect(try file.again(last) == line)
        }
    }

    @Test(arguments: GoldenFile.all)
    func `is there for every kind`(_ file: GoldenFile) throws {
        let found = Set(try file.lines().compactMap(file.kind))
        #expect(found == file.kinds)
    }

    @Test(arguments: GoldenFile.all.filter { !$0.kinds.isEmpty })
    func `is not read where its kind is unknown`(_ file: GoldenFile) throws {
        let line = try #require(try file.lines().first)
        let kind = try #require(file.kind(line))
        #expect(throws: CodingFailure.self) { try file.again(line.replacing("\"\(kind)\"", with: "\"teleport\"")) }
    }
}

/// One file of records of one type.
struct GoldenFile: Sendable, CustomTestStringConvertible {
    var name: String
    /// The member that says which kind a record is; nil where there is one kind.
    var tag: String?
    /// The kinds there are.
    var kinds: Set<String>
    /// Reads a record and writes it.
    var again: @Sendable (String) throws -> String

    var testDescription: String { name }

    init<M: Message>(_ name: String, _: M.Type, tag: String? = nil, kinds: String = "") {
        self.name = name
        self.tag = tag
        self.kinds = Set(kinds.split(separator: " ").map(String.init))
        again = { text in String(decoding: try M(json: Array(text.utf8)).encoded(), as: UTF8.self) }
    }

    func lines() throws -> [String] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden")
        let text = try String(contentsOf: folder.appending(path: "\(name).jsonl"), encoding: .utf8)
        return text.split(separator: "\n").map(String.init)
    }

    func kind(_ line: String) -> String? {
        guard let tag, let start = line.firstRange(of: "\"\(tag)\":\"") else { return nil }
        return String(line[start.upperBound...].prefix { $0 != "\"" })
    }

    static let all = [
        GoldenFile(
            "CallInput", CallInput.self, tag: "type",
            kinds: "start ringing accept end sync media mediaReset mediaReport deviceUp deviceDown devices loggedOut "
                + "moves seatRefused joined timer"),
        GoldenFile(
            "CallFact", CallFact.self, tag: "fact",
            kinds: CallFact.Name.allCases.map(\.rawValue).joined(separator: " ")),
        GoldenFile(
            "UserInput", UserInput.self, tag: "type",
            kinds: "login lost logout ring ringOver sit unsit left cutOff timer"),
        GoldenFile(
            "UserFact", UserFact.self, tag: "fact",
            kinds: "loggedIn wentOffline loggedOut ringAdded ringRemoved seated seatDenied moving leaving freed "
                + "tokensCutOff absenceOver"),
        GoldenFile("RoomInput", RoomInput.self, tag: "type", kinds: "join leave timer"),
        GoldenFile("RoomFact", RoomFact.self, tag: "fact", kinds: "opened joined refused left closed"),
        GoldenFile("InboxRecord", InboxRecord<CallInput>.self),
        GoldenFile(
            "LogRecord", LogRecord<CallFact>.self, tag: "kind",
            kinds: "marker opening facts refusal snapshot trying tombstones"),
        GoldenFile("GatewayFact", GatewayLife.Fact.self, tag: "fact", kinds: "born died"),
        GoldenFile("ApplicationFact", ApplicationFact.self, tag: "fact", kinds: "created userRegistered"),
        GoldenFile("Presence", Presence.self),
    ]
}
