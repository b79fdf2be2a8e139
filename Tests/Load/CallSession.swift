import Glibc
import Switchboard

/// One plan from beginning to end: tokens, the callers' logins, the price of idle logins, then calls at each rate.
final class CallSession {
    private let plan: LoadPlan
    private let loop: EventLoop
    private let language: any Language
    private let lines: Lines
    private let booth: TokenBooth?
    private var members: [Line] = []
    private var idlers: [Line] = []
    private var pairs: [Pair] = []
    private var load: CallLoad?
    private var crowd: Crowd?
    private var pause: LoopTimer?
    private var ratesLeft: [Int]

    private static let tokensAtOnce = 64
    private static let loginsAtOnce = 32
    /// For what follows logins and logouts to be done too.
    private static let settle: Duration = .seconds(3)
    /// What ejabberd's users were registered with.
    private static let password = "load"

    init(plan: LoadPlan, loop: EventLoop) {
        self.plan = plan
        self.loop = loop
        ratesLeft = plan.rates
        switch plan.language {
        case .switchboard: language = SwitchboardLanguage()
        case .xmpp: language = XMPPLanguage()
        }
        lines = Lines(plan: plan, loop: loop, language: language)
        booth = TokenBooth(plan, loop: loop)
        getTokens()
    }

    private func getTokens() {
        let users = (0..<plan.users).map { "load\($0)" } + (0..<plan.idle).map { "idle\($0)" }
        guard let booth else {
            return place(users.indices.map { Line(user: users[$0], secret: Self.password, place: Self.place($0)) })
        }
        var found = [Line?](repeating: nil, count: users.count)
        measure("tokens", users.count, width: Self.tokensAtOnce) { index, done in
            booth.issue(users[index]) { result in
                switch result {
                case .success(let token):
                    found[index] = Line(user: users[index], secret: token, place: Self.place(index))
                    done(nil)
                case .failure(let failure): done(failure.reason)
                }
            }
        } then: { [self] in
            let missing = found.count { $0 == nil }
            guard missing == 0 else { return end("\(missing) users have no token", 1) }
            place(found.compactMap { $0 })
        }
    }

    /// The two of a pair are on different servers, and callers are on each.
    private static func place(_ index: Int) -> Int { index / 2 + index % 2 }

    private func place(_ all: [Line]) {
        members = Array(all.prefix(plan.users))
        idlers = Array(all.dropFirst(plan.users))
        pairs = (0..<members.count / 2).map { Pair(caller: members[2 * $0], callee: members[2 * $0 + 1]) }
        logIn(members, "members") { [self] in
            wait { [self] in
                logIn(idlers, "idle") { [self] in dismissIdlers() }
            }
        }
    }

    private func logIn(_ crowd: [Line], _ what: String, then next: @escaping () -> Void) {
        measure(what, crowd.count, width: Self.loginsAtOnce) { [lines] index, done in
            lines.open(crowd[index], done)
        } then: {
            next()
        }
    }

    private func dismissIdlers() {
        idlers.forEach(lines.letGo)
        wait { [self] in nextRate() }
    }

    private func nextRate() {
        guard !ratesLeft.isEmpty else { return end("\(lines.lost) connections were lost", lines.lost == 0 ? 0 : 1) }
        let rate = ratesLeft.removeFirst()
        let (moved, returned) = (lines.moved, lines.returned)
        let load = CallLoad(pairs: pairs, rate: rate, plan: plan, loop: loop, language: language) { [self] result in
            var result = result
            result.moved = lines.moved - moved
            result.returned = lines.returned - returned
            Console.report(result)
            wait { [self] in nextRate() }
        }
        self.load = load
        load.start()
    }

    /// Does a step for each of `count`, and reports how long it took and what it cost, what follows by itself included.
    private func measure(
        _ what: String, _ count: Int, width: Int, step: @escaping (Int, @escaping (String?) -> Void) -> Void,
        then next: @escaping () -> Void
    ) {
        let before = ProcessCosts(plan.processes)
        let start = monotonicNanoseconds()
        let crowd = Crowd(count, width: width, step: step) { [self] failures in
            var measured = CrowdMeasured()
            measured.what = what
            measured.count = count
            measured.milliseconds = Int((monotonicNanoseconds() - start) / 1_000_000)
            measured.failures = failures
            wait { [self] in
                measured.costs = before.costs(until: ProcessCosts(plan.processes))
                Console.report(measured)
                next()
            }
        }
        self.crowd = crowd
        crowd.start()
    }

    private func wait(_ next: @escaping () -> Void) {
        pause = loop.schedule(after: Self.settle, next)
    }

    private func end(_ words: String, _ code: Int32) {
        Console.complain(words)
        exit(code)
    }
}
