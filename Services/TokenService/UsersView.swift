import Switchboard

/// Who is registered, in a table filled from `registry.log`; and what commands came to, told once the table shows it.
///
/// On the loop; the table is on a thread of its own. Looks of one turn go there together.
final class UsersView {
    enum Outcome {
        case accepted
        case refused(Refusal)
        /// Not known within the time: it may still happen.
        case unknown
    }

    /// The table shows everything that the log had.
    var onComplete: (() -> Void)?
    var onFailure: ((String) -> Void)?
    /// The registry has a record of a newer program.
    var onNewer: ((String) -> Void)?

    private let loop: EventLoop
    private let log: Log
    private let table: UsersTable
    private let thread = WorkThread(name: "users-view")
    private let follower: LogFollower<ApplicationFact>
    private let partitions: Range<Int32>
    private var unreached: Set<Int32>
    private var isComplete = false
    private var hasBegunAnew = false

    private var rows: [UsersTable.Row] = []
    private var outcomes: [(command: String, refusal: Refusal?)] = []
    private var storedOffsets: [Int32: Int64] = [:]
    private var batchesUnderWay = 0
    private var isPaused = false

    private var looks: [Look] = []
    private var waiters: [String: Waiter] = [:]

    private struct Look {
        let app: AppKey
        let user: UserID
        let done: (Result<Profile?, any Error>) -> Void
    }

    private struct Waiter {
        let deadline: LoopTimer
        let done: (Outcome) -> Void
    }

    /// Batches that may wait for the table; beyond it the log is not read on.
    private static let batchesMax = 16

    init(settings: LedgerSettings, path: String, loop: EventLoop, log: Log) throws {
        self.loop = loop
        self.log = log
        table = try UsersTable(path: path)
        partitions = 0..<settings.registryPartitions
        unreached = Set(partitions)
        follower = try LogFollower(settings: settings.kafka, ledger: .registry, loop: loop, lazy: false, log: log)
        follower.onRecord = { [unowned self] _, _, time, record, _ in take(record, time) }
        follower.onTurnEnd = { [unowned self] in store() }
        follower.onEnd = { [unowned self] partition in reached(partition) }
        follower.onFailure = { [unowned self] _, reason in failed(reason) }
        follower.onNewer = { [unowned self] _, reason in onNewer?(reason) }
        let positions = try table.positions()
        for partition in partitions { follower.follow(partition, from: positions[partition]) }
    }

    func close(_ done: @escaping () -> Void) {
        follower.close { [self] in
            thread.stop()
            done()
        }
    }

    // MARK: asking

    /// What is known of a user; nil: nothing.
    func look(_ app: AppKey, _ user: UserID, _ done: @escaping (Result<Profile?, any Error>) -> Void) {
        looks.append(Look(app: app, user: user, done: done))
        if looks.count == 1 { loop.atEndOfTurn { [self] in sendLooks() } }
    }

    private func sendLooks() {
        let asked = looks
        looks = []
        let keys = asked.map { ($0.app, $0.user) }
        let waiting = LoopBound(asked.map(\.done), on: loop)
        thread.execute { [loop, table] in
            let found = keys.map { key in Result { try table.profile(of: key.0, key.1) } }
            loop.execute {
                for (done, result) in zip(waiting.value ?? [], found) { done(result) }
            }
        }
    }

    /// Calls back when the table shows what a command came to, or after `patience`. Ask before the command is sent.
    func awaitOutcome(of command: String, within patience: Duration, _ done: @escaping (Outcome) -> Void) {
        let deadline = loop.schedule(after: patience) { [unowned self] in tell(command, .unknown) }
        waiters[command] = Waiter(deadline: deadline, done: done)
    }

    private func tell(_ command: String, _ outcome: Outcome) { waiters.removeValue(forKey: command)?.done(outcome) }

    // MARK: following the log

    private func take(_ record: LogRecord<ApplicationFact>, _ time: Timestamp) {
        for fact in record.facts {
            switch fact {
            case .created: break
            case .userRegistered(let registered):
                rows.append(
                    UsersTable.Row(
                        app: registered.app, user: registered.user, profile: registered.profile, registeredAt: time))
            }
        }
        if let command = record.command { outcomes.append((command, record.refusal)) }
    }

    /// What a turn brought, in one transaction with the positions it led to.
    private func store() {
        var moved: [Int32: UsersTable.Position] = [:]
        for partition in partitions {
            guard let position = follower.position(partition), position.nextOffset != storedOffsets[partition] else {
                continue
            }
            moved[partition] = position
            storedOffsets[partition] = position.nextOffset
        }
        guard !moved.isEmpty else { return }
        let (rows, outcomes) = (rows, outcomes)
        self.rows = []
        self.outcomes = []
        batchesUnderWay += 1
        regulate()
        onTable({ [moved] table in try table.apply(rows, moved) }) { [self] in
            batchesUnderWay -= 1
            regulate()
            for (command, refusal) in outcomes { tell(command, refusal.map(Outcome.refused) ?? .accepted) }
        }
    }

    private func regulate() {
        let mustPause = batchesUnderWay >= Self.batchesMax
        guard mustPause != isPaused, mustPause || batchesUnderWay < Self.batchesMax / 2 else { return }
        isPaused = mustPause
        for partition in partitions { isPaused ? follower.pause(partition) : follower.resume(partition) }
    }

    private func reached(_ partition: Int32) {
        unreached.remove(partition)
        guard unreached.isEmpty, !isComplete else { return }
        isComplete = true
        store()
        onTable({ _ in }) { [self] in onComplete?() }
    }

    /// Runs on the table's thread, then back here.
    private func onTable(
        _ body: @escaping @Sendable (UsersTable) throws -> Void, then done: @escaping () -> Void
    ) {
        let waiting = LoopBound((view: self, done: done), on: loop)
        thread.execute { [loop, table] in
            let result = Result { try body(table) }
            loop.execute {
                guard let (view, done) = waiting.value else { return }
                switch result {
                case .success: done()
                case .failure(let failure): view.onFailure?("the users' table: \(failure)")
                }
            }
        }
    }

    /// A stored position may lie in a log that is no longer there: then the table is filled again, once.
    private func failed(_ reason: String) {
        guard !hasBegunAnew, !isComplete else {
            onFailure?(reason)
            return
        }
        hasBegunAnew = true
        log.warning("the users' table does not fit the log and is filled again", ["cause": reason])
        for partition in partitions { follower.stop(partition) }
        (rows, outcomes, storedOffsets, unreached) = ([], [], [:], Set(partitions))
        onTable({ table in try table.clear() }) { [self] in
            for partition in partitions { follower.follow(partition) }
        }
    }
}
