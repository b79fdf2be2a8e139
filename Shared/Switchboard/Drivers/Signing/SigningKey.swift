internal import COpenSSL

/// A key that could not be read or made. It does not pass by itself.
package struct SigningFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package var operation: String
    package var cause: String

    package var description: String { "\(operation): \(cause)" }
}

/// An ES256 key that signs: ECDSA over P-256 with SHA-256. One object serves all threads.
package final class SigningKey: Sendable {
    private nonisolated(unsafe) let key: OpaquePointer

    private init(owning key: OpaquePointer) { self.key = key }

    deinit { EVP_PKEY_free(key) }

    package static func generate() -> SigningKey {
        var key: OpaquePointer?
        let context = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nil)
        defer { EVP_PKEY_CTX_free(context) }
        let isMade =
            EVP_PKEY_keygen_init(context) == 1
            && EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1) == 1
            && EVP_PKEY_keygen(context, &key) == 1
        guard isMade, let key else { preconditionFailure("libcrypto cannot make P-256 keys") }
        return SigningKey(owning: key)
    }

    /// An unencrypted PEM, PKCS 8 or SEC 1.
    package init(pem: Secret) throws(SigningFailure) {
        let read = withBytes(of: pem.reveal()) { bio in
            // Without a password of ours, libcrypto would ask the terminal for one.
            PEM_read_bio_PrivateKey(bio, nil, { _, _, _, _ in -1 }, nil)
        }
        key = try checkedP256(read, "reading a private key")
    }

    /// PKCS 8.
    package var pem: Secret {
        Secret(textWritten { PEM_write_bio_PKCS8PrivateKey($0, key, nil, nil, 0, nil, nil) })
    }

    package var verifyingKey: VerifyingKey {
        get throws(SigningFailure) { try VerifyingKey(pem: textWritten { PEM_write_bio_PUBKEY($0, key) }) }
    }

    /// - Returns: 64 bytes, as JWS has them: r, then s.
    package func sign(_ message: [UInt8]) -> [UInt8] {
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        var der = [UInt8](repeating: 0, count: derLengthMax)
        var length = der.count
        let isSigned =
            EVP_DigestSignInit(context, nil, EVP_sha256(), nil, key) == 1
            && EVP_DigestSign(context, &der, &length, message, message.count) == 1
        precondition(isSigned, "libcrypto did not sign")
        return raw(Array(der[..<length]))
    }

    private func raw(_ der: [UInt8]) -> [UInt8] {
        der.withUnsafeBufferPointer { buffer in
            var place = buffer.baseAddress
            let signature = d2i_ECDSA_SIG(nil, &place, buffer.count)
            defer { ECDSA_SIG_free(signature) }
            var bytes = [UInt8](repeating: 0, count: 64)
            bytes.withUnsafeMutableBufferPointer {
                let isR = BN_bn2binpad(ECDSA_SIG_get0_r(signature), $0.baseAddress!, 32)
                let isS = BN_bn2binpad(ECDSA_SIG_get0_s(signature), $0.baseAddress! + 32, 32)
                precondition(isR == 32 && isS == 32, "a signature that is none")
            }
            return bytes
        }
    }
}

/// The public half of an ES256 key. One object serves all threads.
package final class VerifyingKey: Sendable {
    private nonisolated(unsafe) let key: OpaquePointer

    /// A PEM `PUBLIC KEY`.
    package init(pem: String) throws(SigningFailure) {
        let read = withBytes(of: pem) { PEM_read_bio_PUBKEY($0, nil, { _, _, _, _ in -1 }, nil) }
        key = try checkedP256(read, "reading a public key")
    }

    /// A SubjectPublicKeyInfo, DER in base64: what a PEM has between its lines.
    package init(base64: String) throws(SigningFailure) {
        let der = Base64.decode(base64) ?? []
        let read = der.withUnsafeBufferPointer { buffer -> OpaquePointer? in
            var place = buffer.baseAddress
            let key = d2i_PUBKEY(nil, &place, buffer.count)
            guard place == buffer.baseAddress.map({ $0 + buffer.count }) else {
                EVP_PKEY_free(key)
                return nil
            }
            return key
        }
        key = try checkedP256(read, "reading a public key")
    }

    deinit { EVP_PKEY_free(key) }

    package var pem: String { textWritten { PEM_write_bio_PUBKEY($0, key) } }

    /// What `init(base64:)` takes.
    package var base64: String { pem.split(separator: "\n").filter { !$0.hasPrefix("-") }.joined() }

    /// - Parameter signature: 64 bytes, r then s; anything else is not valid.
    package func isValid(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        guard signature.count == 64, var der = der(signature) else { return false }
        let context = EVP_MD_CTX_new()
        defer {
            EVP_MD_CTX_free(context)
            ERR_clear_error()
        }
        return EVP_DigestVerifyInit(context, nil, EVP_sha256(), nil, key) == 1
            && EVP_DigestVerify(context, &der, der.count, message, message.count) == 1
    }

    private func der(_ raw: [UInt8]) -> [UInt8]? {
        guard let signature = ECDSA_SIG_new() else { return nil }
        defer { ECDSA_SIG_free(signature) }
        let (r, s) = raw.withUnsafeBufferPointer {
            (BN_bin2bn($0.baseAddress!, 32, nil), BN_bin2bn($0.baseAddress! + 32, 32, nil))
        }
        guard ECDSA_SIG_set0(signature, r, s) == 1 else {
            BN_free(r)
            BN_free(s)
            return nil
        }
        var der = [UInt8](repeating: 0, count: derLengthMax)
        let length = der.withUnsafeMutableBufferPointer { buffer in
            var place = buffer.baseAddress
            return i2d_ECDSA_SIG(signature, &place)
        }
        return length > 0 ? Array(der[..<Int(length)]) : nil
    }
}

/// A sequence of two integers of at most 33 bytes has at most 72.
private let derLengthMax = 80

/// The bytes are read inside `body` alone: libcrypto keeps no copy.
private func withBytes(of pem: String, _ body: (OpaquePointer?) -> OpaquePointer?) -> OpaquePointer? {
    Array(pem.utf8).withUnsafeBytes { bytes in
        let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count))
        defer { BIO_free(bio) }
        return body(bio)
    }
}

private func textWritten(_ write: (OpaquePointer?) -> Int32) -> String {
    let bio = BIO_new(BIO_s_mem())
    defer { BIO_free(bio) }
    let isWritten = write(bio)
    precondition(isWritten == 1, "libcrypto did not write a key")
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = BIO_read(bio, &bytes, Int32(bytes.count))
    return String(decoding: bytes[..<Int(max(count, 0))], as: UTF8.self)
}

/// Takes the key over, and lets it go where it is not of the one kind we use.
private func checkedP256(_ key: OpaquePointer?, _ operation: String) throws(SigningFailure) -> OpaquePointer {
    ERR_clear_error()
    guard let key else { throw SigningFailure(operation: operation, cause: "not a key in this form") }
    var name = [CChar](repeating: 0, count: 32)
    var length = 0
    let isP256 =
        EVP_PKEY_get_base_id(key) == EVP_PKEY_EC
        && EVP_PKEY_get_group_name(key, &name, name.count, &length) == 1
        && name.prefix(length).elementsEqual("prime256v1".utf8.map(CChar.init(bitPattern:)))
    guard isP256 else {
        EVP_PKEY_free(key)
        throw SigningFailure(operation: operation, cause: "not a P-256 key")
    }
    return key
}
