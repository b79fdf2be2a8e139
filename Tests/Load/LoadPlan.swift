import Switchboard

/// What to do to which server.
struct LoadPlan: Message {
    enum Language: String, Sendable { case switchboard, xmpp }

    /// A process that the load is felt in; several pids are added up.
    struct Process: Message {
        var name = ""
        var pids: [Int] = []

        mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("name", &name)
            try c("pids", &pids)
        }
    }

    /// One of several that users are spread over, and move between.
    struct Server: Message {
        /// Numeric.
        var host = ""
        var port = 0

        mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("host", &host)
            try c("port", &port)
        }
    }

    var language = Language.switchboard
    var servers: [Server] = []
    /// Of users that call each other in pairs; even.
    var users = 0
    /// Of users that only log in, whose price is measured.
    var idle = 0
    /// Calls per second, one run after the other.
    var rates: [Int] = []
    /// Not measured, before each run.
    var warmUpSeconds = 0
    var seconds = 0
    var processes: [Process] = []
    /// The signed door for tokens: `http://host:port`.
    var tokenURL: String?
    var appKey: String?
    var appSecret: String?

    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("language", &language)
        try c("servers", &servers)
        try c("users", &users)
        try c("idle", &idle)
        try c("rates", &rates)
        try c("warmUpSeconds", &warmUpSeconds)
        try c("seconds", &seconds)
        try c("processes", &processes)
        try c("tokenURL", &tokenURL)
        try c("appKey", &appKey)
        try c("appSecret", &appSecret)
    }
}

/// What a process spent in a measurement.
struct Cost: Message {
    var name = ""
    var cpuMicroseconds = 0
    /// By how much its resident memory grew.
    var grownKilobytes = 0

    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("name", &name)
        try c("cpuMicroseconds", &cpuMicroseconds)
        try c("grownKilobytes", &grownKilobytes)
    }
}

/// Tokens issued, or users logged in.
struct CrowdMeasured: Message {
    var what = ""
    var count = 0
    var milliseconds = 0
    var failures: [String: Int] = [:]
    var costs: [Cost] = []

    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("what", &what)
        try c("count", &count)
        try c("milliseconds", &milliseconds)
        try c("failures", &failures)
        try c("costs", &costs)
    }
}

/// Calls at one rate. Latencies in microseconds, of the measured calls.
struct CallsMeasured: Message {
    var what = "calls"
    var rate = 0
    var seconds = 0
    /// Measured calls: begun after the warm-up and before the end.
    var begun = 0
    var finished = 0
    /// Not over within the patience of the load.
    var unfinished = 0
    /// Not begun, since no pair was free.
    var skipped = 0
    var failures: [String: Int] = [:]
    /// Commands answered with "try again", and sent again.
    var shrugs = 0
    /// Users that went to another server because theirs asked them to, and those that lost theirs and came back.
    var moved = 0
    var returned = 0
    var ring = Percentiles()
    var setup = Percentiles()
    /// How late calls were begun: what the load itself could not keep up with.
    var lateness = Percentiles()
    var costs: [Cost] = []

    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("what", &what)
        try c("rate", &rate)
        try c("seconds", &seconds)
        try c("begun", &begun)
        try c("finished", &finished)
        try c("unfinished", &unfinished)
        try c("skipped", &skipped)
        try c("failures", &failures)
        try c("shrugs", &shrugs)
        try c("moved", &moved)
        try c("returned", &returned)
        try c("ring", &ring)
        try c("setup", &setup)
        try c("lateness", &lateness)
        try c("costs", &costs)
    }
}

/// Of measurements in nanoseconds; told in microseconds, -1 where there were none.
struct Percentiles: Message {
    var p50 = -1
    var p99 = -1
    var max = -1

    init() {}

    init(of nanoseconds: [UInt64]) {
        guard !nanoseconds.isEmpty else { return }
        let sorted = nanoseconds.sorted()
        func at(_ share: Double) -> Int { Int(sorted[Int(Double(sorted.count - 1) * share)] / 1000) }
        p50 = at(0.5)
        p99 = at(0.99)
        max = at(1)
    }

    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("p50", &p50)
        try c("p99", &p99)
        try c("max", &max)
    }
}
