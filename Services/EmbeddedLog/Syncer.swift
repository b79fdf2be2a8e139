import Switchboard

/// When what is written reaches the disk, and with it what an acknowledged record survives. All of them survive the end
/// of this process, however sudden: what is written is the system's by then.
enum SyncPolicy: Equatable {
    /// Before it is acknowledged or read by anyone; batches that wait at the same time share one fsync. Survives the
    /// loss of power.
    case every
    /// At most so long after, or when a sync is over that is under way by then. The loss of power takes at most what was
    /// appended since, and what was being synced.
    case interval(Duration)
    /// When the system does it by itself, after half a minute or so.
    case never
}

/// What must reach the disk.
struct Unsynced {
    var files: [File]
    /// A folder with new names in it.
    var folder: String?
    /// How far the files go.
    var position: Int64

    /// Returns when they are there.
    func sync() throws(SystemFailure) {
        for file in files { try file.sync() }
        if let folder { try Folder.sync(folder) }
    }
}

/// What has files that must reach the disk.
protocol Syncable: AnyObject {
    /// What was written since the last time.
    func takeUnsynced() -> Unsynced
    /// They are on the disk up to there.
    func synced(to position: Int64)
}

/// Brings files to the disk on a thread of its own, as the policy says. Lives on the broker's loop.
final class Syncer {
    let policy: SyncPolicy
    let loop: EventLoop
    let disk: EventLoop
    let spare: SpareRoom?
    private let log: Log
    /// A disk that failed to keep what it was given cannot be asked again: the process must start over from what is
    /// there.
    private let onFailure: @Sendable (SystemFailure) -> Void
    private var timer: LoopTimer?
    private var unsynced: [ObjectIdentifier: any Syncable] = [:]
    private var waiting: [() -> Void] = []
    private var isRunning = false
    private var isDueAgain = false
    private var lastReport: ContinuousClock.Instant?

    /// At most one line about a disk that takes nothing in so much time.
    private static let reportInterval = Duration.seconds(1)

    init(
        policy: SyncPolicy, loop: EventLoop, disk: EventLoop, spare: SpareRoom? = nil, log: Log,
        onFailure: @escaping @Sendable (SystemFailure) -> Void
    ) {
        self.policy = policy
        self.loop = loop
        self.disk = disk
        self.spare = spare
        self.log = log
        self.onFailure = onFailure
        if case .interval(let interval) = policy {
            timer = loop.every(interval) { [unowned self] in
                if isRunning { isDueAgain = true } else { run() }
            }
        }
    }

    /// - Throws: when no records may be written to `path`: what room is left is kept for making more.
    func checkRoom(for path: String) throws(SystemFailure) {
        guard spare?.isThere ?? true else { throw .diskFull(path) }
    }

    /// Acknowledgements wait for the disk.
    var mustReachDisk: Bool { policy == .every }

    /// `owner` has written something.
    func note(_ owner: any Syncable) {
        guard policy != .never else { return }
        unsynced[ObjectIdentifier(owner)] = owner
    }

    /// Calls `body` as soon as the policy lets what was noted before be acknowledged: at once, or from the disk.
    func whenSafe(_ body: @escaping () -> Void) {
        guard mustReachDisk else { return body() }
        waiting.append(body)
        if isRunning { isDueAgain = true } else { loop.atEndOfTurn { [self] in run() } }
    }

    /// Brings to the disk what `owner` has written, whatever the policy: before what is given to the disk's thread after it.
    /// - Parameter body: called on the loop when it is there.
    func settle(_ owner: any Syncable, _ body: @escaping () -> Void = {}) {
        let taken = owner.takeUnsynced()
        onDisk({ [onFailure] in
            do throws(SystemFailure) { try taken.sync() } catch { onFailure(error) }
        }) { body() }
    }

    /// Calls `body` when all that was noted is on the disk: under `never` that is no record.
    func flush(_ body: @escaping () -> Void) {
        timer = nil
        waiting.append(body)
        isDueAgain = isRunning
        if !isRunning { run() }
    }

    /// Tells that the disk did not take something, now and then.
    func report(_ failure: SystemFailure) {
        let now = ContinuousClock.now
        if let lastReport, now - lastReport < Self.reportInterval { return }
        lastReport = now
        log.error("the disk refuses", ["cause": failure])
    }

    private func run() {
        guard !isRunning, !unsynced.isEmpty || !waiting.isEmpty else { return }
        let owners = Array(unsynced.values)
        let answers = waiting
        unsynced = [:]
        waiting = []
        let taken = owners.map { $0.takeUnsynced() }
        isRunning = true
        let round = LoopBound(
            Round(syncer: self, owners: owners, positions: taken.map(\.position), answers: answers), on: loop)
        disk.execute { [loop, onFailure] in
            do throws(SystemFailure) {
                for unsynced in taken { try unsynced.sync() }
            } catch {
                return onFailure(error)
            }
            loop.execute {
                guard let value = round.value else { return }
                round.value = nil
                value.syncer.finish(value)
            }
        }
    }

    private func finish(_ round: Round) {
        isRunning = false
        for (owner, position) in zip(round.owners, round.positions) { owner.synced(to: position) }
        for answer in round.answers { answer() }
        if isDueAgain || (mustReachDisk && !waiting.isEmpty) {
            isDueAgain = false
            run()
        }
    }

    private struct Round {
        let syncer: Syncer
        let owners: [any Syncable]
        let positions: [Int64]
        let answers: [() -> Void]
    }
}
