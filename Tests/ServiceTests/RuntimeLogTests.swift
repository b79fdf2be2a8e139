import Switchboard
import Testing

/// Keeps log lines for a test to read.
private final class Lines: Sendable {
    private let kept = Locked<[String]>([])
    var all: [String] { kept.withLock { $0 } }
    var sink: @Sendable ([UInt8]) -> Void {
        { line in self.kept.withLock { $0.append(String(decoding: line, as: UTF8.self)) } }
    }
}

private struct Hidden: CustomStringConvertible {
    var description: String { "••••" }
}

@Suite("Log lines")
struct RuntimeLogTests {
    private let lines = Lines()

    @Test("A line is one JSON object with its data in order")
    func line() throws {
        let log = Log(service: "call-orchestrator", with: ["instance": "a-1"], sink: lines.sink)
        log.info("call started", ["call.id": "c1", "members": 3, "late": false, "key": Hidden()])
        let line = try #require(lines.all.first)
        #expect(
            line.hasSuffix(
                #""level":"info","service":"call-orchestrator","message":"call started","instance":"a-1","call.id":"c1","members":3,"late":false,"key":"••••"}"#
                    + "\n"))
        #expect(line.contains(#/^\{"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",/#))
    }

    @Test("What a line carries cannot end it early")
    func escaping() throws {
        Log(service: "s", sink: lines.sink).error("wrong", ["text": "a\nb\"c\\d\u{0}\u{1b}[31m\r\t"])
        let line = try #require(lines.all.first)
        #expect(line.hasSuffix(#""text":"a\nb\"c\\d\u0000\u001b[31m\r\t"}"# + "\n"))
        #expect(line.filter { $0 == "\n" }.count == 1)
    }

    @Test("A level that is off writes nothing and builds nothing")
    func off() {
        let log = Log(service: "s", level: .warning, sink: lines.sink)
        var built = 0
        func data() -> LogData {
            built += 1
            return [:]
        }
        log.info("a", data())
        log.debug("b", data())
        #expect(built == 0)
        log.warning("c", data())
        #expect(built == 1)
        #expect(lines.all.count == 1)
    }

    @Test("Long values are cut between characters, and a line has its limit")
    func limits() throws {
        let log = Log(service: "s", sink: lines.sink)
        log.info("long", ["text": String(repeating: "é", count: 5000)])
        let cut = try #require(lines.all.first)
        #expect(cut.hasSuffix("é…\"}\n"))
        #expect(cut.utf8.count < Log.valueBytesMax + 200)

        let many = LogData((0..<20).map { ("field\($0)", String(repeating: "x", count: 900)) })
        log.info("many", many)
        let line = try #require(lines.all.last)
        #expect(line.utf8.count <= Log.lineBytesMax + 2)
        #expect(line.hasSuffix(#","cut":true}"# + "\n"))
        #expect(line.contains("field7") && !line.contains("field19"))
    }
}
