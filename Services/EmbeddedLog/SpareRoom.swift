import Switchboard

/// Room on the disk that is kept for what empties a full one: before a topic or old records go, it must be written down
/// which topics and producers are left. While it is missing, records are refused, so that they do not take it.
final class SpareRoom {
    /// More than the definitions of all topics, or the producers of a busy partition.
    static let byteCount = 1 << 20

    /// Records may be appended.
    private(set) var isThere = true
    let path: String
    private let log: Log
    private var isAsking = false

    /// Gives up what an earlier process kept, so that opening the data has room; `take` it when they are open.
    init(folder: String, log: Log) throws(SystemFailure) {
        path = "\(folder)/spare"
        self.log = log
        try Folder.remove(path)
    }

    /// Takes the room, or tells that there is none. Blocks.
    func take() { told(Self.take(path)) }

    /// Tries again, on the disk's thread, where it is missing.
    func takeIfMissing(with syncer: Syncer) {
        guard !isThere, !isAsking else { return }
        isAsking = true
        syncer.onDisk({ [path] in Self.take(path) }) { [self] isTaken in
            isAsking = false
            told(isTaken)
        }
    }

    /// For the disk's thread: does `work`, once more with the spare room at `path` when the disk is full.
    /// - Returns: what failed for good, and whether the spare room was given up.
    static func spend(_ path: String?, on work: () throws(SystemFailure) -> Void) -> Spent {
        do {
            try work()
            return Spent()
        } catch {
            guard error.isDiskFull, let path, Folder.exists(path), (try? Folder.remove(path)) != nil else {
                return Spent(failure: error)
            }
        }
        do {
            try work()
            return Spent(isSpent: true)
        } catch {
            return Spent(failure: error, isSpent: true)
        }
    }

    struct Spent: Sendable {
        var failure: SystemFailure?
        var isSpent = false
    }

    func note(_ spent: Spent) {
        if spent.isSpent { told(false) }
    }

    private func told(_ isTaken: Bool) {
        guard isTaken != isThere else { return }
        isThere = isTaken
        if isTaken {
            log.notice("there is room on the disk again: records are taken")
        } else {
            log.error("the disk is full: records are refused until there is room")
        }
    }

    /// Only a full disk counts: where the file cannot be made for another reason, records may still be.
    private static func take(_ path: String) -> Bool {
        do {
            try File(path: path).write([UInt8](repeating: 0, count: byteCount)[...], at: 0)
            return true
        } catch {
            try? Folder.remove(path)
            return !error.isDiskFull
        }
    }
}
