/// The files by which a client of TLS knows its server and is known to it, all in PEM.
package struct TLSFiles: Sendable, Hashable {
    /// Certificates of those who may vouch for the server; nil: those whom the system trusts.
    package var authority: String?
    /// Our own certificate and those that vouch for it, where the server asks for one.
    package var certificate: String?
    /// The key of `certificate`, without a password; both or neither.
    package var key: String?

    package init(authority: String? = nil, certificate: String? = nil, key: String? = nil) {
        self.authority = authority
        self.certificate = certificate
        self.key = key
    }
}

/// Which of the files is of no use, and why. Says nothing of what stands in it.
package struct TLSFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Part: Sendable { case authority, certificate, key, library }

    package let part: Part
    package let cause: String

    package var description: String { cause }
}

extension TLSFiles {
    /// Reads the files as a connection will; nil where it can. Touches no network.
    package func flaw() -> TLSFailure? {
        do throws(TLSFailure) {
            _ = try TLSClientContext(self)
            return nil
        } catch {
            return error
        }
    }
}
