internal import Glibc

/// What the system said when a file or socket would not do as asked.
package struct SystemFailure: Error, CustomStringConvertible, Sendable {
    package let operation: StaticString
    package let subject: String
    package let code: Int32

    package init(_ operation: StaticString, _ subject: String, code: Int32 = errno) {
        self.operation = operation
        self.subject = subject
        self.code = code
    }

    /// The file is there and readable, and is not what was written.
    package static func damaged(_ path: String) -> SystemFailure { SystemFailure("understand", path, code: EILSEQ) }

    /// There is no room for what would have been written there.
    package static func diskFull(_ path: String) -> SystemFailure { SystemFailure("write", path, code: ENOSPC) }

    package var description: String { "\(operation) \(subject): \(String(cString: strerror(code)))" }

    /// No room on the disk: passes when someone makes some.
    package var isDiskFull: Bool { code == ENOSPC || code == EDQUOT }
    /// No descriptor left in this process or on this machine.
    package var isOutOfDescriptors: Bool { code == EMFILE || code == ENFILE }
    package var isMissing: Bool { code == ENOENT }
}

/// An open file, closed when it is let go. Its calls block as long as the disk does; they may come from any thread.
package final class File: Sendable {
    package let path: String
    private let descriptor: Int32

    /// Opens for reading and writing, and makes the file when it is not there.
    package init(path: String) throws(SystemFailure) {
        let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard opened >= 0 else { throw SystemFailure("open", path) }
        self.path = path
        descriptor = opened
    }

    /// Opens for reading alone, as on a disk that cannot be written.
    package init(reading path: String) throws(SystemFailure) {
        let opened = open(path, O_RDONLY | O_CLOEXEC)
        guard opened >= 0 else { throw SystemFailure("open", path) }
        self.path = path
        descriptor = opened
    }

    deinit { close(descriptor) }

    package func size() throws(SystemFailure) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw SystemFailure("stat", path) }
        return Int(status.st_size)
    }

    /// When it was last written, in Unix seconds.
    package func modifiedAt() throws(SystemFailure) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw SystemFailure("stat", path) }
        return status.st_mtim.tv_sec
    }

    /// Writes all of `bytes` at `position`. After a failure some of them may be there.
    package func write(_ bytes: ArraySlice<UInt8>, at position: Int) throws(SystemFailure) {
        let code = bytes.withUnsafeBytes { source -> Int32 in
            var done = 0
            while done < source.count {
                let count = pwrite(descriptor, source.baseAddress! + done, source.count - done, position + done)
                if count > 0 { done += count } else if errno != EINTR { return count == 0 ? EIO : errno }
            }
            return 0
        }
        guard code == 0 else { throw SystemFailure("write", path, code: code) }
    }

    /// Appends up to `count` bytes from `position` on to `bytes`; fewer at the end of the file.
    package func read(into bytes: inout [UInt8], at position: Int, count: Int) throws(SystemFailure) {
        let code = extend(&bytes, by: count) { target in
            var done = 0
            while done < target.count {
                let read = pread(descriptor, target.baseAddress! + done, target.count - done, position + done)
                if read == 0 { break }
                if read > 0 { done += read } else if errno != EINTR { return (done, errno) }
            }
            return (done, 0)
        }
        guard code == 0 else { throw SystemFailure("read", path, code: code) }
    }

    /// As `read`, but only what the system has in memory, without waiting for the disk: nothing where it has nothing.
    package func readCached(into bytes: inout [UInt8], at position: Int, count: Int) throws(SystemFailure) {
        let code = extend(&bytes, by: count) { target in
            if let readPieces = Self.readPieces {
                var piece = iovec(iov_base: target.baseAddress, iov_len: target.count)
                let read = readPieces(descriptor, &piece, 1, position, Self.noWait)
                if read >= 0 { return (read, 0) }
                if errno == EAGAIN { return (0, 0) }
                guard errno == EOPNOTSUPP || errno == ENOSYS else { return (0, errno) }
            }
            let blocking = pread(descriptor, target.baseAddress, target.count, position)
            return blocking >= 0 ? (blocking, 0) : (0, errno)
        }
        guard code == 0 else { throw SystemFailure("read", path, code: code) }
    }

    /// RWF_NOWAIT of linux/fs.h.
    private static let noWait: Int32 = 0x8

    private typealias ReadPieces = @convention(c) (Int32, UnsafePointer<iovec>, Int32, off_t, Int32) -> Int
    /// `preadv2`, which the C library has but declares to none but GNU programs; nil where it has it not.
    private static let readPieces: ReadPieces? = dlsym(nil, "preadv2").map { unsafeBitCast($0, to: ReadPieces.self) }

    private func extend(
        _ bytes: inout [UInt8], by count: Int, _ fill: (UnsafeMutableRawBufferPointer) -> (count: Int, code: Int32)
    ) -> Int32 {
        guard count > 0 else { return 0 }
        var code: Int32 = 0
        if bytes.isEmpty {
            bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
                (initialized, code) = fill(UnsafeMutableRawBufferPointer(buffer))
            }
        } else {
            bytes.append(addingCapacity: count) { (filled: inout OutputSpan<UInt8>) in
                code = filled.withUnsafeMutableBufferPointer { buffer, initialized in
                    let free = UnsafeMutableRawBufferPointer(
                        rebasing: UnsafeMutableRawBufferPointer(buffer)[initialized...])
                    let (read, result) = fill(free)
                    initialized += read
                    return result
                }
            }
        }
        return code
    }

    /// Makes the file `size` long, with zeros, and has the disk set the room aside: writing into it changes no length, so
    /// that `sync` need not bring one to the disk. Nothing where the file is longer.
    /// - Returns: false where there is no room, or none can be set aside; the file may have grown all the same.
    package func reserve(upTo size: Int) -> Bool { posix_fallocate(descriptor, 0, size) == 0 }

    package func truncate(to size: Int) throws(SystemFailure) {
        guard ftruncate(descriptor, size) == 0 else { throw SystemFailure("truncate", path) }
    }

    /// Returns when what was written is on the disk.
    package func sync() throws(SystemFailure) {
        guard fdatasync(descriptor) == 0 else { throw SystemFailure("fdatasync", path) }
    }
}
