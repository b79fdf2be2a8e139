import Glibc
import Switchboard

/// The files with secrets in them, which nobody but this process's user may read.
enum OwnFiles {
    private static let groupAndOthers: mode_t = 0o077

    /// Everything this process makes from now on is for its user alone. Before any thread is made.
    static func keepPrivate() { umask(groupAndOthers) }

    /// Reads the key that signs tokens, or makes it. Copies that start at once on one folder agree on one key.
    static func signingKey(at path: String) throws -> SigningKey {
        if let pem = try Folder.contents(of: path) {
            return try SigningKey(pem: Secret(String(decoding: pem, as: UTF8.self)))
        }
        let draft = "\(path).\(getpid())"
        try Folder.replace(draft, with: Array(SigningKey.generate().pem.reveal().utf8))
        // A link fails where the name is taken, so that the first copy wins, with a whole file.
        let isTaken = link(draft, path) != 0 && errno == EEXIST
        if !isTaken, !Folder.exists(path) { throw SystemFailure("link", path) }
        try Folder.remove(draft)
        return try signingKey(at: path)
    }
}
