internal import Glibc

/// What a request is answered with. Length, date and connection headers are the server's.
package struct HTTPResponse: Sendable {
    package var status: Int
    package var headers: [(String, String)]
    package var body: [UInt8]

    package init(status: Int, headers: [(String, String)] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    package static func json(_ status: Int, _ body: [UInt8]) -> HTTPResponse {
        HTTPResponse(status: status, headers: [("Content-Type", "application/json")], body: body)
    }

    /// What went wrong, as RFC 9457 spells it.
    /// - Parameters:
    ///   - title: the kind of problem in words; the status's own without it.
    ///   - detail: what went wrong this time.
    ///   - code: our number for it.
    ///   - requestID: what the log calls this request.
    package static func problem(
        _ status: Int, type: String = "about:blank", title: String? = nil, detail: String? = nil, code: Int? = nil,
        requestID: String? = nil
    ) -> HTTPResponse {
        var text = #"{"type":\#(jsonString(type)),"title":\#(jsonString(title ?? reason(status))),"status":\#(status)"#
        if let detail { text += #","detail":\#(jsonString(detail))"# }
        if let code { text += #","code":\#(code)"# }
        if let requestID { text += #","requestId":\#(jsonString(requestID))"# }
        text += "}"
        return HTTPResponse(
            status: status, headers: [("Content-Type", "application/problem+json")], body: Array(text.utf8))
    }

    package static func reason(_ status: Int) -> String { reasons[status] ?? "Status \(status)" }

    private static let reasons: [Int: String] = [
        100: "Continue", 101: "Switching Protocols", 200: "OK", 201: "Created", 202: "Accepted", 204: "No Content",
        206: "Partial Content", 301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified",
        307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized",
        403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable", 408: "Request Timeout",
        409: "Conflict", 410: "Gone", 411: "Length Required", 412: "Precondition Failed", 413: "Content Too Large",
        414: "URI Too Long", 415: "Unsupported Media Type", 417: "Expectation Failed", 422: "Unprocessable Content",
        426: "Upgrade Required", 428: "Precondition Required", 429: "Too Many Requests",
        431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
        502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout", 505: "HTTP Version Not Supported",
    ]

    private static func jsonString(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case _ where scalar.value < 0x20:
                let hex = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}

extension HTTPResponse {
    /// - Parameters:
    ///   - headOnly: the request was a HEAD: the length is told, the body is not sent.
    ///   - closes: the connection ends behind this answer.
    func append(to out: inout [UInt8], date: String, headOnly: Bool = false, closes: Bool = false) {
        out.append(contentsOf: "HTTP/1.1 \(status) \(HTTPResponse.reason(status))\r\nDate: \(date)\r\n".utf8)
        for (name, value) in headers {
            appendLine(name, to: &out)
            out.append(contentsOf: ": ".utf8)
            appendLine(value, to: &out)
            out.append(contentsOf: "\r\n".utf8)
        }
        let hasBody = status >= 200 && status != 204 && status != 304
        if hasBody { out.append(contentsOf: "Content-Length: \(body.count)\r\n".utf8) }
        if closes { out.append(contentsOf: "Connection: close\r\n".utf8) }
        out.append(contentsOf: "\r\n".utf8)
        if hasBody, !headOnly { out.append(contentsOf: body) }
    }

    /// A value that came from outside must not begin a line of its own.
    private func appendLine(_ text: String, to out: inout [UInt8]) {
        for byte in text.utf8 where byte >= 0x20 && byte != 0x7F { out.append(byte) }
    }
}

/// The `Date` header, spelled once per second.
struct HTTPDate {
    private var second: time_t = -1
    private var text = ""

    mutating func now() -> String {
        var seconds = time(nil)
        if seconds == second { return text }
        second = seconds
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        text =
            "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)]) "
            + "\(parts.tm_year + 1900) \(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT"
        return text
    }
}
