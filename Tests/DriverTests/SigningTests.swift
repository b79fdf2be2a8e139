import Switchboard
import Testing

@Suite struct `A signing key` {
    @Test func `signs what its public half accepts, and nothing else`() throws {
        let key = SigningKey.generate()
        let verifying = try key.verifyingKey
        let message = Array("a message".utf8)
        for _ in 0..<300 {
            let signature = key.sign(message)
            #expect(signature.count == 64)
            #expect(verifying.isValid(signature, of: message))
            var wrong = signature
            wrong[Int.random(in: 0..<64)] ^= 1 << UInt8.random(in: 0..<8)
            #expect(!verifying.isValid(wrong, of: message))
        }
        let signature = key.sign(message)
        #expect(!verifying.isValid(signature, of: Array("another".utf8)))
        #expect(try !SigningKey.generate().verifyingKey.isValid(signature, of: message))
        for odd in [[], Array(signature.dropLast()), signature + [0], [UInt8](repeating: 0, count: 64)] {
            #expect(!verifying.isValid(odd, of: message))
        }
    }

    @Test func `is the same after it was written and read`() throws {
        let key = SigningKey.generate()
        let again = try SigningKey(pem: key.pem)
        let signature = again.sign([1, 2, 3])
        #expect(try VerifyingKey(pem: key.verifyingKey.pem).isValid(signature, of: [1, 2, 3]))
        #expect(try VerifyingKey(base64: key.verifyingKey.base64).isValid(signature, of: [1, 2, 3]))
    }

    @Test func `is refused in another form or on another curve`() throws {
        // An Ed25519 key, and half of a P-256 one.
        let other = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="
        #expect(throws: SigningFailure.self) { try VerifyingKey(base64: other) }
        let whole = try SigningKey.generate().verifyingKey.base64
        #expect(throws: SigningFailure.self) { try VerifyingKey(base64: String(whole.prefix(60))) }
        for text in ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            #expect(throws: SigningFailure.self) { try SigningKey(pem: Secret(text)) }
            #expect(throws: SigningFailure.self) { try VerifyingKey(pem: text) }
        }
    }

    @Test func `serves several threads at once`() async throws {
        let key = SigningKey.generate()
        let verifying = try key.verifyingKey
        await withTaskGroup(of: Bool.self) { group in
            for n in 0..<8 as Range<UInt8> {
                group.addTask { (0..<50).allSatisfy { _ in verifying.isValid(key.sign([n]), of: [n]) } }
            }
            for await isRight in group { #expect(isRight) }
        }
    }

    /// RFC 7515, appendix A.3: a signature made elsewhere.
    @Test func `accepts the published example of ES256`() throws {
        let x = Base64.decodeURL("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU")!
        let y = Base64.decodeURL("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")!
        let prefix = Base64.decode("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE")!
        let key = try VerifyingKey(base64: Base64.encode(prefix + x + y))
        let signed =
            "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        let signature = Base64.decodeURL(
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q")!
        #expect(key.isValid(signature, of: Array(signed.utf8)))
    }
}

@Suite struct `A compact token` {
    let key = SigningKey.generate()

    @Test func `carries its payload and names its key`() throws {
        let signer = try TokenSigner(key: key, keyID: "k.1")
        let other = SigningKey.generate()
        let verifier = try TokenVerifier(keysByID: ["k.1": key.verifyingKey, "k2": other.verifyingKey])
        let payload = Array(#"{"sub":"u"}"#.utf8)
        let verified = try #require(verifier.verify(signer.sign(payload)))
        #expect(verified.keyID == "k.1" && verified.payload == payload)
        #expect(try verifier.verify(TokenSigner(key: other, keyID: "k.1").sign(payload)) == nil)
        #expect(try verifier.verify(TokenSigner(key: key, keyID: "k3").sign(payload)) == nil)
    }

    @Test func `is refused under any other header`() throws {
        let verifier = try TokenVerifier(keysByID: ["k": key.verifyingKey])
        let payload = Base64.encodeURL(Array("{}".utf8))
        let verifyingBase64 = try key.verifyingKey.base64
        for header in [
            #"{"alg":"none"}"#, #"{"alg":"HS256","kid":"k","typ":"JWT"}"#, #"{"kid":"k","alg":"ES256","typ":"JWT"}"#,
            #"{"alg":"ES256","kid":"k","typ":"JWT" }"#,
        ] {
            let signed = Base64.encodeURL(Array(header.utf8)) + "." + payload
            let ecdsa = Base64.encodeURL(key.sign(Array(signed.utf8)))
            let hmac = Base64.encodeURL(
                Digest.hmacSHA256(Array(signed.utf8), key: Array(verifyingBase64.utf8)))
            for signature in [ecdsa, hmac, ""] { #expect(verifier.verify("\(signed).\(signature)") == nil) }
        }
    }

    @Test func `is refused when any character changes`() throws {
        let verifier = try TokenVerifier(keysByID: ["k": key.verifyingKey])
        let token = Array(try TokenSigner(key: key, keyID: "k").sign(Array(#"{"a":1}"#.utf8)).utf8)
        for place in token.indices {
            var wrong = token
            wrong[place] = wrong[place] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            #expect(verifier.verify(String(decoding: wrong, as: UTF8.self)) == nil)
        }
        let text = String(decoding: token, as: UTF8.self)
        for odd in ["", ".", "..", "...", text + ".", text + "=", "." + text, text + "A"] {
            #expect(verifier.verify(odd) == nil)
        }
        #expect(verifier.verify(text) != nil)
    }

    @Test func `does not take a key name that would need escaping`() {
        for name in ["", "a\"b", "a b", "ü"] {
            #expect(throws: SigningFailure.self) { try TokenSigner(key: key, keyID: name) }
        }
    }
}

@Suite struct `Sums and spellings` {
    @Test func `agree with published values`() {
        #expect(Digest.sha1Hex("abc") == "a9993e364706816aba3e25717850c26c9cd0d89d")
        #expect(
            Digest.hex(Digest.sha256([])) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        // RFC 4231, test case 2.
        let sum = Digest.hmacSHA256(Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8))
        #expect(Digest.hex(sum) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(Digest.hmacSHA256([], key: []).count == 32)
    }

    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func `base64 is as published`(plain: String, text: String) {
        #expect(Base64.encode(Array(plain.utf8)) == text)
        #expect(Base64.decode(text) == Array(plain.utf8))
        let url = String(text.prefix { $0 != "=" })
        #expect(Base64.encodeURL(Array(plain.utf8)) == url)
        #expect(Base64.decodeURL(url) == Array(plain.utf8))
    }

    @Test func `base64 has one spelling for the same bytes`() {
        for text in ["Z", "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zg==\n", " Zg==", "-_8=", "Zm9v===="] {
            #expect(Base64.decode(text) == nil, "\(text)")
        }
        for text in ["Z", "Zh", "Zm9", "Zg==", "+/8", "Zm 9"] { #expect(Base64.decodeURL(text) == nil, "\(text)") }
        #expect(Base64.decodeURL("-_8") == [0xfb, 0xff])
        for count in 0..<70 {
            let bytes = SecureRandom.bytes(count)
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
            #expect(Base64.decodeURL(Base64.encodeURL(bytes)) == bytes)
        }
    }

    @Test func `bytes are compared whole`() {
        #expect(isEqualInConstantTime([], []))
        #expect(isEqualInConstantTime([1, 2], [1, 2]))
        #expect(!isEqualInConstantTime([1, 2], [1, 3]))
        #expect(!isEqualInConstantTime([1, 2], [1]))
    }

    @Test func `a UUID is of version 4 and new each time`() {
        var seen: Set<String> = []
        for _ in 0..<1_000 {
            let uuid = SecureRandom.uuid()
            #expect(uuid.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil)
            seen.insert(uuid)
        }
        #expect(seen.count == 1_000)
    }

    @Test func `a secret shows itself to nobody`() {
        let secret = Secret("hunter2")
        var dumped = ""
        dump([secret], to: &dumped)
        struct Holder { var secret: Secret? }
        let holder = Holder(secret: secret)
        for shown in ["\(secret)", String(reflecting: secret), dumped, "\(holder)", "\([secret])", "\(["k": secret])"] {
            #expect(!shown.contains("hunter2"))
        }
        #expect(secret.reveal() == "hunter2")
        #expect(secret == Secret("hunter2") && secret != Secret("hunter3"))
    }
}
