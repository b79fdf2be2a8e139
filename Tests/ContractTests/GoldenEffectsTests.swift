import Foundation
import Switchboard
import Testing

/// What follows from records. Each effect has its index within its record, and receivers take each index once; an owner
/// of another version that takes over performs the same again. So what follows from a record, and in which order, is as
/// much a contract between versions as the bytes of the record: an effect that moves is dropped by one receiver and
/// taken twice by another.
///
/// A golden file has one life or more, each the log of a partition: a record, and behind it a line for each of its
/// effects, in their order. Records are never changed; the last life is what this program decides today, and those
/// before it were decided by programs before. `GOLDEN=write swift test --filter 'A golden effect'` writes today's
/// effects behind the records that are there, and adds a life where this program decides other records than before.
///
/// Before that, think of the older copies that run beside the new ones during a rollout. A new effect that comes last in
/// its record is never asked of them, and is missing where they decide. Any other change of an existing line makes a
/// takeover between the versions lose or repeat something. It needs a record of its own level (`RecordLevel`), written
/// once no older copy runs (`SWITCHBOARD_RECORD_LEVEL`), or a member of the fact by which both kinds are told apart.
@Suite(.serialized) struct `A golden effect` {
    @Test(arguments: GoldenEffects.all)
    func `follows again from the records of every program so far`(_ golden: GoldenEffects) throws {
        if ProcessInfo.processInfo.environment["GOLDEN"] == "write" { try golden.write() }
        let lives = try golden.lives()
        #expect(!lives.isEmpty)
        for life in lives { expect(golden.takenOver(life.filter(\.isRecord)), life) }
    }

    @Test(arguments: GoldenEffects.all)
    func `follows today as it follows after a takeover`(_ golden: GoldenEffects) throws {
        let today = golden.decided()
        expect(golden.takenOver(today.filter(\.isRecord)), today)
        expect(today, try #require(golden.lives().last))
    }

    /// Shows the first line that differs: a whole life is too long to read.
    private func expect(_ found: [String], _ golden: [String], at location: SourceLocation = #_sourceLocation) {
        let pair = zip(found, golden).first { $0 != $1 }
        #expect(pair?.0 == pair?.1, sourceLocation: location)
        #expect(found.count == golden.count, sourceLocation: location)
    }

    @Test func `is there for every kind of machine, fact and effect`() throws {
        #expect(Set(GoldenEffects.all.map(\.ledger)) == Set(LedgerName.allCases))
        let lines = try GoldenEffects.all.flatMap { try $0.lives().joined() }
        for kinds in GoldenFile.all where kinds.tag == "fact" {
            for kind in kinds.kinds { #expect(lines.contains { $0.contains(#""fact":"\#(kind)""#) }, "\(kind)") }
        }
        for kind in ["frame", "call", "user", "room", "gatewayDied", "callRecord"] {
            #expect(lines.contains { !$0.isRecord && $0.contains(",\"\(kind)\":\"") }, "\(kind)")
        }
    }
}

extension String {
    /// Of a log, and not an effect.
    fileprivate var isRecord: Bool { !hasPrefix("{\"effect\":") }
}

/// One golden file of effects.
struct GoldenEffects: Sendable, CustomTestStringConvertible {
    var name: String
    var ledger: LedgerName
    /// The log as this program decides it, and what follows.
    var decided: @Sendable () -> [String]
    /// The same records, and what follows from them for an owner that takes over.
    var takenOver: @Sendable (_ records: [String]) -> [String]

    var testDescription: String { name }

    private var file: URL {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden/Effects-\(name).jsonl")
    }

    init<B: Book & SendableMetatype>(
        _ name: String, _ book: @escaping @Sendable () -> B, _ live: @escaping @Sendable (GoldenStage<B>) -> Void
    ) {
        self.name = name
        ledger = B.ledger
        decided = {
            let stage = GoldenStage(book())
            live(stage)
            return stage.lines(upTo: stage.log.count)
        }
        takenOver = { records in
            let stage = GoldenStage(book(), log: records.map { Array($0.utf8) })
            return stage.lines(upTo: records.count)
        }
    }

    /// Each begins with the marker of its owner.
    func lives() throws -> [[String]] {
        var lives: [[String]] = []
        for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init) {
            if line.isRecord, line.contains(#""kind":"marker""#) { lives.append([]) }
            try #require(!lives.isEmpty, "\(file.lastPathComponent) begins with a marker")
            lives[lives.count - 1].append(line)
        }
        return lives
    }

    func write() throws {
        let before = (try? lives()) ?? []
        var lives = before.map { takenOver($0.filter(\.isRecord)) }
        let today = decided()
        if lives.last != today { lives.append(today) }
        guard lives != before else { return }
        try Data((lives.joined().joined(separator: "\n") + "\n").utf8).write(to: file)
    }
}

extension GoldenStage {
    /// Each record, and its effects behind it.
    fileprivate func lines(upTo count: Int) -> [String] {
        if !endings.isEmpty { return endings }
        return (0..<count).flatMap { offset in
            let effects = effects[Int64(offset), default: [:]].sorted { $0.key < $1.key }
            return [String(decoding: log[offset], as: UTF8.self)]
                + effects.map { "{\"effect\":\($0.key),\($0.value.members)}" }
        }
    }
}

extension Effects.Effect {
    /// For whom it is, and what it is for them.
    fileprivate var members: String {
        func bytes(_ message: some Message) -> String { String(decoding: message.encoded(), as: UTF8.self) }
        switch self {
        case .frame(let connection, let entry):
            return
                "\"frame\":\"\(connection.partition)/\(connection.gateway)/\(connection.number)\",\"entry\":\(bytes(entry))"
        case .call(let key, let input): return "\"call\":\"\(key)\",\"input\":\(bytes(input))"
        case .user(let key, let input): return "\"user\":\"\(key)\",\"input\":\(bytes(input))"
        case .room(let key, let input): return "\"room\":\"\(key)\",\"input\":\(bytes(input))"
        case .gatewayDied(let incarnation): return "\"gatewayDied\":\"\(incarnation)\""
        case .callRecord(let key, let entry):
            return "\"callRecord\":\"\(key)\",\"entry\":\(String(decoding: entry, as: UTF8.self))"
        }
    }
}
