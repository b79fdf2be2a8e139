internal import Synchronization

/// Only grows; from any thread.
package final class Counter: MetricSeries {
    private let count = Atomic<Int>(0)

    package func add(_ amount: Int = 1) { count.wrappingAdd(amount, ordering: .relaxed) }
    package var value: Int { count.load(ordering: .relaxed) }

    func render(_ name: String, _ labels: MetricLabels, into text: inout String) {
        text += "\(name)\(labels.text()) \(value)\n"
    }
}

/// Goes up and down; from any thread.
package final class Gauge: MetricSeries {
    private let level = Atomic<Int>(0)

    package func set(_ value: Int) { level.store(value, ordering: .relaxed) }
    package func add(_ amount: Int) { level.wrappingAdd(amount, ordering: .relaxed) }
    package var value: Int { level.load(ordering: .relaxed) }

    func render(_ name: String, _ labels: MetricLabels, into text: inout String) {
        text += "\(name)\(labels.text()) \(value)\n"
    }
}

final class ReadGauge: MetricSeries {
    private let read: @Sendable () -> Double

    init(_ read: @escaping @Sendable () -> Double) { self.read = read }

    func render(_ name: String, _ labels: MetricLabels, into text: inout String) {
        text += "\(name)\(labels.text()) \(read())\n"
    }
}

/// Counts values by size; from any thread. A reader may see a value in its bucket a moment before it is in the sum.
package final class Histogram: MetricSeries {
    /// Seconds, from a tenth of a millisecond to ten seconds: what a step of a call can take.
    package static let latencyBounds = [
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]

    private final class Bucket: Sendable {
        let bound: Double
        let count = Atomic<Int>(0)
        init(_ bound: Double) { self.bound = bound }
    }

    private let buckets: [Bucket]
    /// In millionths, so that adding is one atomic instruction.
    private let sumMillionths = Atomic<Int>(0)

    init(bounds: [Double]) {
        precondition(!bounds.isEmpty && zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }, "bounds must ascend")
        buckets = bounds.map(Bucket.init) + [Bucket(.infinity)]
    }

    package func record(_ value: Double) {
        for bucket in buckets where value <= bucket.bound {
            bucket.count.wrappingAdd(1, ordering: .relaxed)
            break
        }
        guard value.isFinite, value.magnitude < 1e12 else { return }
        sumMillionths.wrappingAdd(Int(value * 1e6), ordering: .relaxed)
    }

    package func record(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        record(Double(seconds) + Double(attoseconds) / 1e18)
    }

    func render(_ name: String, _ labels: MetricLabels, into text: inout String) {
        var total = 0
        for bucket in buckets {
            total += bucket.count.load(ordering: .relaxed)
            let bound = bucket.bound.isInfinite ? "+Inf" : "\(bucket.bound)"
            text += "\(name)_bucket\(labels.text(adding: ("le", bound))) \(total)\n"
        }
        let sum = Double(sumMillionths.load(ordering: .relaxed)) / 1e6
        text += "\(name)_sum\(labels.text()) \(sum)\n\(name)_count\(labels.text()) \(total)\n"
    }
}
