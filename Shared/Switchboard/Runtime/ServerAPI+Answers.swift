/// How the Server API says no: in the published shape, or under `/v1` as problem+json.
extension ServerAPI {
    /// - Parameters:
    ///   - code: the published number.
    ///   - message: constant words; a field that was wrong stands before them.
    package static func failure(_ status: Int, _ code: Int, _ message: String, to request: HTTPRequest) -> HTTPResponse
    {
        var answer: HTTPResponse
        if isPlain(request.path) {
            answer = .problem(status, detail: message, code: code, requestID: requestID(of: request))
        } else {
            let words = message.filter { $0 != "\"" && $0 != "\\" && $0.unicodeScalars.allSatisfy { $0.value >= 0x20 } }
            answer = .json(status, Array(#"{"code":\#(code),"errorMessage":"\#(words)"}"#.utf8))
        }
        if status == 503 || status == 429 { answer.headers.append(("Retry-After", "1")) }
        return answer
    }

    /// There is nothing of that name.
    package static func unknownPath(_ request: HTTPRequest) -> HTTPResponse {
        failure(404, 40400, "there is no such path", to: request)
    }

    /// - Parameter allowed: what may be done there, for instance `POST`.
    package static func wrongMethod(_ request: HTTPRequest, allowed: String) -> HTTPResponse {
        var answer = failure(405, 40500, "only \(allowed) is answered here", to: request)
        answer.headers.append(("Allow", allowed))
        return answer
    }

    /// What the log and the caller know this request by: the caller's own `X-Request-ID`, or one drawn for it.
    package static func requestID(of request: HTTPRequest) -> String {
        guard let given = request.header("x-request-id"), (1...36).contains(given.utf8.count),
            given.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
        else { return SecureRandom.uuid() }
        return given
    }

    /// Older paths answer in shapes that were published long ago.
    private static func isPlain(_ path: String) -> Bool {
        path.hasPrefix("/v1/") || path.hasPrefix("/demo/")
    }
}

extension HTTPRequest {
    /// The members of an `application/x-www-form-urlencoded` body; nil where it is none.
    package var form: [String: String]? { HTTPText.query(Substring(String(decoding: body, as: UTF8.self))) }
}
