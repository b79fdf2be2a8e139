import Foundation

/// A certificate authority of a test, with what it vouches for, as PEM files in a folder that goes with it.
package final class TestCertificates: Sendable {
    package let folder: String

    package init() throws {
        folder = NSTemporaryDirectory() + "switchboard-tls-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try makeKey("ca")
        try openssl([
            "req", "-x509", "-new", "-key", key("ca"), "-out", authority, "-days", "2", "-subj", "/CN=Test authority",
        ])
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    package var authority: String { certificate("ca") }
    package func certificate(_ name: String) -> String { "\(folder)/\(name).pem" }
    package func key(_ name: String) -> String { "\(folder)/\(name).key" }

    /// Makes a certificate and its key.
    /// - Parameters:
    ///   - names: `DNS:…` and `IP:…`, with commas.
    ///   - isExpired: over for a day.
    package func issue(_ name: String, for names: String, isExpired: Bool = false) throws {
        try makeKey(name)
        let request = "\(folder)/\(name).csr"
        try openssl(["req", "-new", "-key", key(name), "-out", request, "-subj", "/CN=\(name)"])
        let extensions = "\(folder)/\(name).ext"
        try Data("subjectAltName=\(names)\n".utf8).write(to: URL(filePath: extensions))
        // Negative days end before today.
        try openssl([
            "x509", "-req", "-in", request, "-CA", authority, "-CAkey", key("ca"), "-CAcreateserial",
            "-out", certificate(name), "-days", isExpired ? "-1" : "2", "-extfile", extensions,
        ])
    }

    /// In PKCS 8, which Java reads too.
    private func makeKey(_ name: String) throws {
        try openssl(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key(name)])
    }

    private func openssl(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/openssl")
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw StageFailure(text: "openssl \(arguments.joined(separator: " ")) failed")
        }
    }
}
