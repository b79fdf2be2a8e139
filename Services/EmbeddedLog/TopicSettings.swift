/// What one topic is told about its segments and how long they are kept, by the names that Kafka's tools know.
struct TopicSettings: Equatable {
    /// In the order of telling.
    static let names = ["retention.ms", "retention.bytes", "segment.bytes", "max.message.bytes"]
    /// Accepted because they ask for what is the case; each with the one value that is.
    static let fixed = [
        "cleanup.policy": "delete", "message.timestamp.type": "LogAppendTime", "compression.type": "producer",
        "min.insync.replicas": "1", "unclean.leader.election.enable": "false",
    ]

    private static let segmentBytesDefault = 64 << 20
    private static let segmentBytesRange: ClosedRange<Int64> = 1024...(1 << 30)
    private static let maxMessageBytesDefault = 8 << 20
    private static let maxMessageBytesRange: ClosedRange<Int64> = 1024...Int64(Limits.requestBytes)
    /// A file is closed when it is this part of what is kept: so much more than asked for may be there.
    private static let segmentsPerRetention: Int64 = 4

    /// What was given, as given: unset names follow the defaults.
    private(set) var given: [String: String] = [:]
    /// Nil: for ever.
    private(set) var retentionMilliseconds: Int64?
    /// Per partition; nil: any size.
    private(set) var retentionBytes: Int?
    private(set) var segmentBytes = Self.segmentBytesDefault
    private(set) var maxMessageBytes = Self.maxMessageBytesDefault

    init() {}

    /// - Throws: the name and what is wrong with it, as a sentence.
    init(_ given: [String: String]) throws(TopicSettingsProblem) {
        self.given = given
        for (name, value) in given {
            if let only = Self.fixed[name] {
                guard value.lowercased() == only.lowercased() else {
                    throw TopicSettingsProblem(text: "\(name) can only be \(only) here")
                }
            } else if Self.names.contains(name) {
                guard let number = Int64(value) else {
                    throw TopicSettingsProblem(text: "\(name) must be a number, not '\(value)'")
                }
                try set(name, number)
            } else {
                throw TopicSettingsProblem(text: "\(name) is not known here")
            }
        }
        if given["segment.bytes"] == nil, let retentionBytes {
            let share = Int64(retentionBytes) / Self.segmentsPerRetention
            segmentBytes = min(segmentBytes, Int(max(share, Self.segmentBytesRange.lowerBound)))
        }
    }

    /// A file that is older than this is closed, so that its oldest records can go.
    var segmentMilliseconds: Int64 {
        retentionMilliseconds.map { max($0 / Self.segmentsPerRetention, 1) } ?? .max
    }

    /// The value that holds for `name`, and whether it was given.
    func value(of name: String) -> (text: String, isGiven: Bool) {
        if let fixed = Self.fixed[name] { return (fixed, given[name] != nil) }
        let text =
            switch name {
            case "retention.ms": "\(retentionMilliseconds ?? -1)"
            case "retention.bytes": "\(retentionBytes ?? -1)"
            case "segment.bytes": "\(segmentBytes)"
            default: "\(maxMessageBytes)"
            }
        return (text, given[name] != nil)
    }

    private mutating func set(_ name: String, _ number: Int64) throws(TopicSettingsProblem) {
        switch name {
        case "retention.ms":
            try check(name, number, in: -1...Int64.max)
            retentionMilliseconds = number < 0 ? nil : number
        case "retention.bytes":
            try check(name, number, in: -1...Int64.max)
            retentionBytes = number < 0 ? nil : Int(number)
        case "segment.bytes":
            try check(name, number, in: Self.segmentBytesRange)
            segmentBytes = Int(number)
        default:
            try check(name, number, in: Self.maxMessageBytesRange)
            maxMessageBytes = Int(number)
        }
    }

    private func check(_ name: String, _ number: Int64, in range: ClosedRange<Int64>) throws(TopicSettingsProblem) {
        guard range.contains(number) else {
            throw TopicSettingsProblem(text: "\(name) must be between \(range.lowerBound) and \(range.upperBound)")
        }
    }
}

struct TopicSettingsProblem: Error {
    let text: String
}
