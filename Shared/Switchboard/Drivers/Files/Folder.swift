internal import Glibc

/// Folders and whole files by their paths. All calls block as long as the disk does.
package enum Folder {
    /// Makes the folder and those above it; nothing when it is there.
    package static func make(_ path: String) throws(SystemFailure) {
        if mkdir(path, 0o750) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
            throw SystemFailure("mkdir", path)
        }
        try make(String(path[..<slash]))
        guard mkdir(path, 0o750) == 0 || errno == EEXIST else { throw SystemFailure("mkdir", path) }
    }

    /// Names in the folder, sorted, without `.` and `..`.
    package static func names(in path: String) throws(SystemFailure) -> [String] {
        guard let folder = opendir(path) else { throw SystemFailure("opendir", path) }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    package static func rename(_ path: String, to target: String) throws(SystemFailure) {
        guard Glibc.rename(path, target) == 0 else { throw SystemFailure("rename", path) }
    }

    /// Removes a file, or a folder with the files in it; nothing when it is not there.
    package static func remove(_ path: String) throws(SystemFailure) {
        if unlink(path) == 0 || errno == ENOENT { return }
        guard errno == EISDIR || errno == EPERM else { throw SystemFailure("unlink", path) }
        for name in try names(in: path) { try remove("\(path)/\(name)") }
        guard rmdir(path) == 0 else { throw SystemFailure("rmdir", path) }
    }

    /// Returns when the names in the folder are on the disk.
    package static func sync(_ path: String) throws(SystemFailure) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemFailure("open", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw SystemFailure("fsync", path) }
    }

    /// The whole file; nil when it is not there.
    package static func contents(of path: String) throws(SystemFailure) -> [UInt8]? {
        guard exists(path) else { return nil }
        let file = try File(reading: path)
        var bytes: [UInt8] = []
        try file.read(into: &bytes, at: 0, count: file.size())
        return bytes
    }

    /// Puts `bytes` where the file is, as a whole or not at all, and on the disk when it returns.
    package static func replace(_ path: String, with bytes: [UInt8]) throws(SystemFailure) {
        let draft = path + ".new"
        try remove(draft)
        let file = try File(path: draft)
        try file.write(bytes[...], at: 0)
        try file.sync()
        try rename(draft, to: path)
        guard let slash = path.lastIndex(of: "/") else { return }
        try sync(String(path[..<slash]))
    }

    /// Takes an exclusive claim on `path` for as long as this process lives.
    /// - Returns: false when another process holds it.
    package static func claim(_ path: String) throws(SystemFailure) -> Bool {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw SystemFailure("open", path) }
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
        close(descriptor)
        return false
    }

    /// Lets this process open as many files and sockets as the system allows it.
    /// - Returns: how many that are.
    @discardableResult
    package static func raiseDescriptorLimit() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return Int(limit.rlim_cur)
    }
}
