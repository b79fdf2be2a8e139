/// What a process counts, for Prometheus to read.
///
/// Ask for a counter once and keep it: counting is then one relaxed atomic addition, from any thread. The list behind
/// it is locked only while something is added to it or shown.
package final class Metrics: Sendable {
    private let families = Locked<[MetricFamily]>([])

    package init() {}

    /// Something that only grows. The same name and labels give the same counter.
    package func counter(_ name: String, help: String, labels: MetricLabels = [:]) -> Counter {
        series(name, help, .counter, labels) { Counter() }
    }

    /// Something that goes up and down.
    package func gauge(_ name: String, help: String, labels: MetricLabels = [:]) -> Gauge {
        series(name, help, .gauge, labels) { Gauge() }
    }

    /// Something that is looked up when it is shown, on whatever thread shows it.
    package func gauge(
        _ name: String, help: String, labels: MetricLabels = [:], _ read: @escaping @Sendable () -> Double
    ) {
        _ = series(name, help, .gauge, labels) { ReadGauge(read) }
    }

    /// Something that only grows and is looked up when it is shown.
    package func counter(
        _ name: String, help: String, labels: MetricLabels = [:], _ read: @escaping @Sendable () -> Double
    ) {
        _ = series(name, help, .counter, labels) { ReadGauge(read) }
    }

    /// How often values fell below each bound. Bounds ascend; times are counted in seconds.
    package func histogram(
        _ name: String, help: String, labels: MetricLabels = [:], bounds: [Double] = Histogram.latencyBounds
    ) -> Histogram {
        series(name, help, .histogram, labels) { Histogram(bounds: bounds) }
    }

    /// All of it in Prometheus' text format 0.0.4.
    package func render() -> String {
        let copy = families.withLock { $0 }
        var text = ""
        for family in copy {
            text += "# HELP \(family.name) \(escapeHelp(family.help))\n# TYPE \(family.name) \(family.kind.rawValue)\n"
            for member in family.members { member.series.render(family.name, member.labels, into: &text) }
        }
        return text
    }

    private func series<S: MetricSeries>(
        _ name: String, _ help: String, _ kind: MetricFamily.Kind, _ labels: MetricLabels, _ make: () -> S
    ) -> S {
        precondition(isMetricName(name), "'\(name)' is no name of a metric")
        return families.withLock { families in
            if let at = families.firstIndex(where: { $0.name == name }) {
                precondition(families[at].kind == kind, "\(name) is counted in two manners")
                if let known = families[at].members.first(where: { $0.labels == labels })?.series {
                    guard let same = known as? S else { preconditionFailure("\(name) is counted in two manners") }
                    return same
                }
                let made = make()
                families[at].members.append((labels, made))
                return made
            }
            let made = make()
            families.append(MetricFamily(name: name, help: help, kind: kind, members: [(labels, made)]))
            return made
        }
    }
}

/// Names and values that tell series of one metric apart, in the order given. Keep the values few.
package struct MetricLabels: ExpressibleByDictionaryLiteral, Equatable, Sendable {
    struct Pair: Equatable, Sendable {
        let name: String
        let value: String
    }
    var pairs: [Pair]

    package init(dictionaryLiteral elements: (String, String)...) {
        pairs = elements.map { Pair(name: $0.0, value: $0.1) }
        precondition(pairs.allSatisfy { isMetricName($0.name) }, "no name of a label")
    }

    /// `{a="1",b="2"}`, or nothing when there are none.
    func text(adding extra: (String, String)? = nil) -> String {
        var parts = pairs.map { "\($0.name)=\"\(escapeLabel($0.value))\"" }
        if let extra { parts.append("\(extra.0)=\"\(extra.1)\"") }
        return parts.isEmpty ? "" : "{" + parts.joined(separator: ",") + "}"
    }
}

struct MetricFamily: Sendable {
    enum Kind: String, Sendable { case counter, gauge, histogram }
    let name: String
    let help: String
    let kind: Kind
    var members: [(labels: MetricLabels, series: any MetricSeries)]
}

protocol MetricSeries: AnyObject, Sendable {
    func render(_ name: String, _ labels: MetricLabels, into text: inout String)
}

private func isMetricName(_ name: String) -> Bool {
    guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return name.utf8.allSatisfy { byte in
        (0x61...0x7a).contains(byte) || (0x41...0x5a).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x5f
    }
}

private func escapeLabel(_ text: String) -> String {
    var out = ""
    for character in text.unicodeScalars {
        switch character {
        case "\\": out += "\\\\"
        case "\"": out += "\\\""
        case "\n": out += "\\n"
        default: out.unicodeScalars.append(character)
        }
    }
    return out
}

private func escapeHelp(_ text: String) -> String {
    var out = ""
    for character in text.unicodeScalars {
        switch character {
        case "\\": out += "\\\\"
        case "\n": out += "\\n"
        default: out.unicodeScalars.append(character)
        }
    }
    return out
}
