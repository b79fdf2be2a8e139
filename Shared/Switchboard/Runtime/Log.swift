internal import Glibc

/// How much it matters, and to whom. error: someone must act. warning: degraded. notice: start and stop.
/// info: milestones of a call. debug: refusals and retries.
package enum LogLevel: String, CaseIterable, Comparable, Sendable {
    case debug, info, notice, warning, error

    private var weight: Int {
        switch self {
        case .debug: 0
        case .info: 1
        case .notice: 2
        case .warning: 3
        case .error: 4
        }
    }

    package static func < (a: LogLevel, b: LogLevel) -> Bool { a.weight < b.weight }
}

/// One JSON object per line on standard error: a constant message, and what varies beside it.
///
/// A level that is off costs one comparison: the data are not even built. A line is written by one `write`, so that
/// lines of several threads never mix.
package struct Log: Sendable {
    package static let lineBytesMax = 8192
    package static let valueBytesMax = 1024

    package let service: String
    package let level: LogLevel
    private let fixed: LogData
    private let sink: @Sendable ([UInt8]) -> Void

    /// - Parameter sink: gets each line with its newline; standard error unless told otherwise.
    package init(
        service: String, level: LogLevel = .info, with fixed: LogData = [:],
        sink: @escaping @Sendable ([UInt8]) -> Void = Log.standardError
    ) {
        self.service = service
        self.level = level
        self.fixed = fixed
        self.sink = sink
    }

    /// The same log with `data` on each of its lines.
    package func with(_ data: LogData) -> Log {
        Log(service: service, level: level, with: fixed + data, sink: sink)
    }

    package func error(_ message: StaticString, _ data: @autoclosure () -> LogData = [:]) {
        write(.error, message, data)
    }
    package func warning(_ message: StaticString, _ data: @autoclosure () -> LogData = [:]) {
        write(.warning, message, data)
    }
    package func notice(_ message: StaticString, _ data: @autoclosure () -> LogData = [:]) {
        write(.notice, message, data)
    }
    package func info(_ message: StaticString, _ data: @autoclosure () -> LogData = [:]) {
        write(.info, message, data)
    }
    package func debug(_ message: StaticString, _ data: @autoclosure () -> LogData = [:]) {
        write(.debug, message, data)
    }

    private func write(_ lineLevel: LogLevel, _ message: StaticString, _ data: () -> LogData) {
        guard lineLevel >= level else { return }
        var line = LogLine()
        line.add("time", LogLine.now())
        line.add("level", lineLevel.rawValue)
        line.add("service", service)
        line.add("message", message.description)
        for (name, value) in fixed.pairs { line.add(name, value) }
        for (name, value) in data().pairs { line.add(name, value) }
        sink(line.finished())
    }

    package static let standardError: @Sendable ([UInt8]) -> Void = { line in
        _ = line.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}

/// What varies in a log line, in the order it is given: `["call.id": id, "members": 3]`.
///
/// Values say how they look by their own description: a secret shows itself as dots.
package struct LogData: ExpressibleByDictionaryLiteral, Sendable {
    package typealias Value = any CustomStringConvertible & Sendable

    package var pairs: [(String, Value)]

    package init(_ pairs: [(String, Value)]) { self.pairs = pairs }

    package init(dictionaryLiteral elements: (String, Value)...) { pairs = elements }

    package static func + (a: LogData, b: LogData) -> LogData {
        var sum = a
        sum.pairs += b.pairs
        return sum
    }
}
