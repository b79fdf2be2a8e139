import Switchboard

/// What is done to whole files: on the disk's thread too, one after another in the order of the calls.
extension Syncer {
    /// Puts `bytes` where the file is, as a whole and on the disk, whatever the policy. Then `obsolete` goes.
    ///
    /// - Parameters:
    ///   - names: a folder whose names must be on the disk before.
    ///   - body: called on the loop; with a failure the file is as it was, and nothing has gone.
    func replace(
        _ path: String, with bytes: [UInt8], after names: String? = nil, removing obsolete: [String] = [],
        _ body: @escaping (SystemFailure?) -> Void
    ) {
        rewrite(
            { () throws(SystemFailure) in
                if let names { try Folder.sync(names) }
                try Folder.replace(path, with: bytes)
            }, removing: obsolete, body)
    }

    /// Does `work` on the disk's thread, on a full disk with the room that is kept for it; then `obsolete` goes.
    func rewrite(
        _ work: @escaping @Sendable () throws(SystemFailure) -> Void, removing obsolete: [String] = [],
        _ body: @escaping (SystemFailure?) -> Void
    ) {
        onDisk({ [path = spare?.path] in
            let spent = SpareRoom.spend(path, on: work)
            return (spent, spent.failure == nil ? Self.remove(obsolete) : nil)
        }) { [self] spent, leftOver in
            spare?.note(spent)
            if let leftOver { report(leftOver) }
            body(spent.failure)
        }
    }

    /// Removes files and folders; what stays is told in the log, and goes another time.
    func remove(_ paths: [String], _ body: @escaping () -> Void) {
        onDisk({ Self.remove(paths) }) { [self] failure in
            if let failure { report(failure) }
            body()
        }
    }

    private static func remove(_ paths: [String]) -> SystemFailure? {
        var failure: SystemFailure?
        for path in paths {
            do { try Folder.remove(path) } catch { failure = error }
        }
        return failure
    }

    /// Runs `work` on the disk's thread, after all that was given to it before, then `body` on the loop.
    func onDisk<Result: Sendable>(
        _ work: @escaping @Sendable () -> Result, _ body: @escaping (Result) -> Void
    ) {
        let bound = LoopBound(body, on: loop)
        disk.execute { [loop] in
            let result = work()
            loop.execute {
                guard let body = bound.value else { return }
                bound.value = nil
                body(result)
            }
        }
    }
}
