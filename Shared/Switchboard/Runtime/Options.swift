@preconcurrency internal import Glibc

/// The settings of one process, read from its environment and from nowhere else.
///
/// Every key is asked for once, at the start, and `finish` ends the process when anything is wrong, with all problems
/// at once: whoever sets a machine up should not meet them one by one. Each asking also describes the setting, so that
/// `--settings` prints the table that docs/operating.md keeps.
package struct Options {
    private let environment: [String: String]
    /// What was asked for so far, in order.
    package private(set) var settings: [Setting] = []
    /// What is wrong so far, each a line for whoever set it.
    package private(set) var problems: [String] = []

    package init(environment: [String: String] = Options.processEnvironment()) {
        self.environment = environment
    }

    // MARK: kinds of settings

    /// - Parameter value: what holds when the name is not set; nil makes it required.
    package mutating func text(_ name: String, default value: String? = nil, help: String = "") -> String {
        note(name, kind: "text", default: value, help: help)
        return given(name, default: value) ?? ""
    }

    /// A text that nobody prints: no problem and no table shows it. Set to nothing, or to less than `bytesMin`, it is
    /// refused unless it may be missing.
    package mutating func secret(
        _ name: String, bytesMin: Int = 1, isRequired: Bool = true, help: String = ""
    ) -> Secret {
        note(name, kind: "secret", default: isRequired ? nil : "", help: help)
        guard let text = given(name, default: isRequired ? nil : "") else { return Secret("") }
        if text.utf8.count < bytesMin, isRequired || !text.isEmpty {
            problems.append("\(name): must have at least \(bytesMin) bytes")
        }
        return Secret(text)
    }

    /// - Parameter range: what is accepted, in `unit`.
    package mutating func int(
        _ name: String, default value: Int? = nil, in range: ClosedRange<Int>, unit: String = "", help: String = ""
    ) -> Int {
        note(
            name, kind: "number", unit: unit, default: value.map { "\($0)" },
            range: "\(range.lowerBound)…\(range.upperBound)", help: help)
        return read(name, default: value, else: range.lowerBound) { text in
            guard let number = Int(text) else { return .wrong("is not a whole number") }
            guard range.contains(number) else {
                return .wrong("must be between \(range.lowerBound) and \(range.upperBound)")
            }
            return .right(number)
        }
    }

    /// A time such as `250ms`, `10s`, `5m` or `2h`; a bare number is refused, because nobody remembers its unit.
    package mutating func duration(
        _ name: String, default value: Duration? = nil, in range: ClosedRange<Duration>, help: String = ""
    ) -> Duration {
        let low = DurationText.spell(range.lowerBound)
        let high = DurationText.spell(range.upperBound)
        note(
            name, kind: "time", unit: "ms, s, m, h", default: value.map(DurationText.spell), range: "\(low)…\(high)",
            help: help)
        return read(name, default: value, else: range.lowerBound) { text in
            guard let duration = DurationText.read(text) else { return .wrong("is not a time such as 250ms or 10s") }
            guard range.contains(duration) else { return .wrong("must be between \(low) and \(high)") }
            return .right(duration)
        }
    }

    /// Times in a row, as `5s,30s,5m`.
    package mutating func durations(
        _ name: String, default value: [Duration], in range: ClosedRange<Duration>, help: String = ""
    ) -> [Duration] {
        let low = DurationText.spell(range.lowerBound)
        let high = DurationText.spell(range.upperBound)
        let text = value.map(DurationText.spell).joined(separator: ",")
        note(
            name, kind: "times", unit: "ms, s, m, h", default: text, range: "1…\(Self.durationsMax) of \(low)…\(high)",
            help: help)
        return read(name, default: value, else: value) { text in
            let parts = text.split(separator: ",", omittingEmptySubsequences: false)
            guard parts.count <= Self.durationsMax else { return .wrong("has more than \(Self.durationsMax) times") }
            var durations: [Duration] = []
            for part in parts {
                guard let duration = DurationText.read(String(part)) else {
                    return .wrong("is not a row of times such as 5s,30s,5m")
                }
                guard range.contains(duration) else { return .wrong("must be between \(low) and \(high) each") }
                durations.append(duration)
            }
            return .right(durations)
        }
    }

    private static let durationsMax = 32

    /// `on`, `1`, `true`, `yes` or `off`, `0`, `false`, `no`.
    package mutating func flag(_ name: String, default value: Bool = false, help: String = "") -> Bool {
        note(name, kind: "on or off", default: value ? "on" : "off", help: help)
        return read(name, default: value, else: value) { text in
            switch text {
            case "1", "on", "true", "yes": .right(true)
            case "0", "off", "false", "no": .right(false)
            default: .wrong("is neither on nor off")
            }
        }
    }

    /// One of a few words, spelled as the raw values of `Choice`.
    package mutating func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String, default value: Choice, help: String = ""
    ) -> Choice where Choice.RawValue == String {
        let words = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        note(name, kind: "word", default: value.rawValue, range: words, help: help)
        return read(name, default: value, else: value) { text in
            Choice(rawValue: text).map { .right($0) } ?? .wrong("must be one of \(words)")
        }
    }

    /// `host:port`, with `[…]` around an IPv6 address. Port 0 asks the system for a free one.
    package mutating func address(
        _ name: String, default value: String? = "127.0.0.1:0", help: String = ""
    ) -> (host: String, port: Int) {
        note(name, kind: "host:port", default: value, range: "port 0…65535", help: help)
        guard let text = given(name, default: value) else { return ("", 0) }
        guard let address = AddressText.read(text) else {
            problems.append("\(name): '\(text)' is not host:port")
            return ("", 0)
        }
        return address
    }

    /// Whether somebody gave it a value.
    package func isSet(_ name: String) -> Bool { !(environment[name] ?? "").isEmpty }

    /// Adds what its reader alone can tell of a value.
    package mutating func refuse(_ name: String, _ why: String) { problems.append("\(name): \(why)") }

    // MARK: ending

    /// Ends the process with code 2 and every problem on standard error, or returns when there is none.
    /// With `--settings` among the arguments it prints what the process can be told, and ends with 0.
    package mutating func finish() {
        if CommandLine.arguments.contains("--settings") {
            print(table())
            exit(0)
        }
        refuseUnknown()
        guard !problems.isEmpty else { return }
        let lines = ["This process cannot start with these settings:"] + problems.map { "  - \($0)" }
        let bytes = Array((lines.joined(separator: "\n") + "\n").utf8)
        _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
        exit(2)
    }

    /// Adds a problem for each `SWITCHBOARD_` name that nobody reads: most are a slip of the hand, and would otherwise
    /// be believed to hold. Names that another service reads are left alone, so that one file can serve all of them.
    package mutating func refuseUnknown() {
        let asked = Set(settings.map(\.name))
        for name in environment.keys.sorted() where name.hasPrefix(Self.prefix) {
            if asked.contains(name) || SettingNames.all.contains(name) { continue }
            problems.append("\(name): there is no such setting")
        }
    }

    package static let prefix = "SWITCHBOARD_"

    // MARK: inside

    private enum Reading<Value> {
        case right(Value)
        case wrong(String)
    }

    private mutating func read<Value>(
        _ name: String, default value: Value?, else placeholder: Value, _ parse: (String) -> Reading<Value>
    ) -> Value {
        guard let text = environment[name], !text.isEmpty else {
            if value == nil { problems.append("\(name): is required") }
            return value ?? placeholder
        }
        switch parse(text) {
        case .right(let result): return result
        case .wrong(let why):
            problems.append("\(name): '\(text)' \(why)")
            return value ?? placeholder
        }
    }

    /// The text as set, or the default. Set to nothing counts as not set.
    private mutating func given(_ name: String, default value: String?) -> String? {
        if let text = environment[name], !text.isEmpty { return text }
        if value == nil { problems.append("\(name): is required") }
        return value
    }

    mutating func note(
        _ name: String, kind: String, unit: String = "", default value: String?, range: String = "", help: String
    ) {
        precondition(!settings.contains { $0.name == name }, "\(name) is asked for twice")
        settings.append(
            Setting(name: name, kind: kind, unit: unit, defaultText: value, range: range, help: help))
    }

    /// The environment this process was started with.
    package static func processEnvironment() -> [String: String] {
        var result: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "=") {
                result[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            next += 1
        }
        return result
    }
}
