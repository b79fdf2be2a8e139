internal import COpenSSL
internal import Glibc

/// How this process speaks TLS as a client: 1.2 at least, and never with a server whose certificate does not hold or names
/// somebody else. There is no way to switch that off.
final class TLSClientContext {
    private let context: OpaquePointer

    /// Reads the files; what they hold later is not noticed.
    init(_ files: TLSFiles) throws(TLSFailure) {
        ERR_clear_error()
        guard let context = SSL_CTX_new(TLS_client_method()) else {
            throw TLSFailure(part: .library, cause: "OpenSSL gives no context: \(tlsCause())")
        }
        self.context = context
        guard copenssl_require_tls12(context) == 1 else {
            throw TLSFailure(part: .library, cause: "OpenSSL knows no TLS 1.2")
        }
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        if let authority = files.authority {
            try Self.expect(SSL_CTX_load_verify_file(context, authority), .authority, authority)
        } else {
            try Self.expect(SSL_CTX_set_default_verify_paths(context), .authority, "the system's certificates")
        }
        if let certificate = files.certificate {
            try Self.expect(SSL_CTX_use_certificate_chain_file(context, certificate), .certificate, certificate)
        }
        if let key = files.key {
            // A key under a password would ask for it on the terminal: it is refused instead.
            SSL_CTX_set_default_passwd_cb(context) { _, _, _, _ in 0 }
            try Self.expect(SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM), .key, key)
            try Self.expect(SSL_CTX_check_private_key(context), .key, key)
        }
    }

    deinit { SSL_CTX_free(context) }

    /// A session that has yet to begin, with a server that must prove to be `host` (a name, or an address in figures).
    /// - Returns: what its caller owns and frees; nil without memory.
    func session(with host: String) -> OpaquePointer? {
        guard let session = SSL_new(context) else { return nil }
        let isExpecting: Bool
        if X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host) == 1 {
            isExpecting = true
        } else {
            isExpecting = SSL_set1_host(session, host) == 1 && copenssl_ask_for(session, host) == 1
        }
        guard isExpecting else {
            SSL_free(session)
            return nil
        }
        return session
    }

    private static func expect(
        _ status: Int32, _ part: TLSFailure.Part, _ what: String
    ) throws(TLSFailure) {
        guard status != 1 else { return }
        throw TLSFailure(part: part, cause: "\(what): \(tlsCause())")
    }
}

/// Marks the codes that are numbers of the system; a macro of OpenSSL that Swift does not see.
private let systemErrorFlag: UInt = 0x8000_0000

/// OpenSSL's words about what went wrong last on this thread.
func tlsCause(_ code: UInt = ERR_get_error()) -> String {
    // What the system said is handed on as its own number.
    if code & systemErrorFlag != 0 { return String(cString: strerror(Int32(code & ~systemErrorFlag))) }
    guard code != 0, let words = ERR_reason_error_string(code) else { return "unknown to OpenSSL" }
    return String(cString: words)
}

/// Why a session was not begun: what is wrong with the server's certificate, where that is what it was.
func tlsVerification(of session: OpaquePointer?) -> String? {
    guard let session else { return nil }
    let result = SSL_get_verify_result(session)
    guard result != X509_V_OK else { return nil }
    return "the certificate of the server is refused: \(String(cString: X509_verify_cert_error_string(result)))"
}
