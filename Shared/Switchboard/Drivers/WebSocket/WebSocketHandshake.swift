internal import COpenSSL

/// The opening handshake of RFC 6455, both sides of it.
enum WebSocketHandshake {
    private static let salt = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    /// What the server answers to a client's `Sec-WebSocket-Key`.
    static func accept(for key: String) -> String {
        let text = Array((key + salt).utf8)
        var digest = [UInt8](repeating: 0, count: Int(SHA_DIGEST_LENGTH))
        SHA1(text, text.count, &digest)
        return base64(digest)
    }

    static func randomKey() -> String {
        var bytes = [UInt8](repeating: 0, count: 16)
        for at in bytes.indices { bytes[at] = UInt8.random(in: .min ... .max) }
        return base64(bytes)
    }

    /// Why a request to upgrade is not a good one; nil: it is.
    static func refusal(of request: HTTPRequest) -> HTTPResponse? {
        guard request.headerList("connection").contains(where: { $0.lowercased() == "upgrade" }) else {
            return .problem(400, detail: "Connection does not say upgrade")
        }
        guard request.header("sec-websocket-version") == "13" else {
            var response = HTTPResponse.problem(426, detail: "version 13 is spoken here")
            response.headers.append(("Sec-WebSocket-Version", "13"))
            return response
        }
        guard request.headers.count(where: { $0.name == "sec-websocket-key" }) == 1,
            isKey(request.header("sec-websocket-key") ?? "")
        else { return .problem(400, detail: "bad Sec-WebSocket-Key") }
        return nil
    }

    static func response(to request: HTTPRequest, subprotocol: String?) -> [UInt8] {
        var text = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        text += "Sec-WebSocket-Accept: \(accept(for: request.header("sec-websocket-key") ?? ""))\r\n"
        if let subprotocol { text += "Sec-WebSocket-Protocol: \(subprotocol)\r\n" }
        return Array((text + "\r\n").utf8)
    }

    /// Sixteen bytes in base64.
    private static func isKey(_ key: String) -> Bool {
        let bytes = Array(key.utf8)
        return bytes.count == 24 && bytes.hasSuffix("==") && bytes.dropLast(2).allSatisfy(isBase64)
    }

    private static func isBase64(_ byte: UInt8) -> Bool {
        HTTPBytes.isAlphanumeric(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "/")
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        var out = [UInt8](repeating: 0, count: (bytes.count + 2) / 3 * 4 + 1)
        let count = EVP_EncodeBlock(&out, bytes, Int32(bytes.count))
        return String(decoding: out[..<Int(count)], as: UTF8.self)
    }
}

extension [UInt8] {
    fileprivate func hasSuffix(_ suffix: String) -> Bool { self.suffix(suffix.utf8.count).elementsEqual(suffix.utf8) }
}
