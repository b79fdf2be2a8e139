import Glibc
import Switchboard

/// Begins calls at a fixed rate, whether or not those before are over, and measures them.
final class CallLoad: CallListener {
    private let loop: EventLoop
    private let language: any Language
    private let plan: LoadPlan
    private let rate: Int
    private let done: (CallsMeasured) -> Void

    private let pairs: [Pair]
    private var free: Queue<Pair>
    private var clockwork: LoopTimer?
    private var beganAt: UInt64 = 0
    /// Calls whose time had come, skipped ones too.
    private var due = 0
    private var costsBefore: ProcessCosts?
    private var underway = 0
    private var isOver = false
    private var result = CallsMeasured()
    private var ring: [UInt64] = []
    private var setup: [UInt64] = []
    private var lateness: [UInt64] = []

    private static let tick: Duration = .milliseconds(1)
    /// For the last calls to end.
    private static let patienceSeconds = 10.0

    init(
        pairs: [Pair], rate: Int, plan: LoadPlan, loop: EventLoop, language: any Language,
        done: @escaping (CallsMeasured) -> Void
    ) {
        self.loop = loop
        self.language = language
        self.plan = plan
        self.rate = rate
        self.done = done
        self.pairs = pairs
        free = Queue()
        for pair in pairs where pair.call == nil && pair.isThere { free.append(pair) }
        result.rate = rate
        result.seconds = plan.seconds
    }

    func start() {
        language.listener = self
        beganAt = monotonicNanoseconds()
        clockwork = loop.every(Self.tick) { [unowned self] in turn() }
    }

    private func turn() {
        let now = monotonicNanoseconds()
        let seconds = Double(now - beganAt) / 1e9
        let warmUp = Double(plan.warmUpSeconds)
        let end = warmUp + Double(plan.seconds)
        if seconds >= warmUp, costsBefore == nil { costsBefore = ProcessCosts(plan.processes) }
        if seconds < end {
            while due < Int(seconds * Double(rate)) { begin(dueAt: beganAt + UInt64(Double(due) / Double(rate) * 1e9)) }
            return
        }
        if let costsBefore, result.costs.isEmpty {
            result.costs = costsBefore.costs(until: ProcessCosts(plan.processes))
        }
        if underway == 0 || seconds > end + Self.patienceSeconds { finish() }
    }

    private func begin(dueAt: UInt64) {
        due += 1
        let isMeasured = costsBefore != nil
        var next = free.popFirst()
        while let pair = next, !pair.isThere { next = free.popFirst() }
        guard let pair = next else {
            if isMeasured { result.skipped += 1 }
            return
        }
        let call = CallUnderway(id: SecureRandom.uuid(), isMeasured: isMeasured)
        pair.call = call
        underway += 1
        call.startedAt = monotonicNanoseconds()
        language.start(call, of: pair)
        if isMeasured {
            result.begun += 1
            lateness.append(call.startedAt - dueAt)
        }
    }

    private func finish() {
        clockwork = nil
        isOver = true
        result.unfinished = result.begun - result.finished
        for pair in pairs { if let call = pair.call { Console.complain("unfinished: \(call.place(in: pair))") } }
        result.ring = Percentiles(of: ring)
        result.setup = Percentiles(of: setup)
        result.lateness = Percentiles(of: lateness)
        done(result)
    }

    // MARK: CallListener

    func rang(_ pair: Pair) {
        guard let call = pair.call, call.rangAt == 0 else { return }
        call.rangAt = monotonicNanoseconds()
        if call.isMeasured, !isOver { ring.append(call.rangAt - call.startedAt) }
    }

    func connected(_ pair: Pair) {
        guard let call = pair.call, call.connectedAt == 0 else { return }
        call.connectedAt = monotonicNanoseconds()
        if call.isMeasured, !isOver { setup.append(call.connectedAt - call.startedAt) }
    }

    func over(_ pair: Pair, for line: Line) {
        guard let call = pair.call else { return }
        if line === pair.caller { call.isOverForCaller = true } else { call.isOverForCallee = true }
        guard call.isOverForCaller, call.isOverForCallee else { return }
        pair.call = nil
        underway -= 1
        free.append(pair)
        if call.isMeasured { result.finished += 1 }
    }

    func shrugged() { result.shrugs += 1 }

    /// The pair of a call that failed is not used again: who knows what its users' machines think.
    func failed(_ pair: Pair?, _ problem: String) { result.failures[problem, default: 0] += 1 }
}
