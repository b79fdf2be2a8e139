internal import CCurl
internal import Glibc

/// One request on its way, and what has come of its answer. On the client's thread; curl knows it unretained.
final class HTTPTransfer {
    let order: HTTPClient.Order
    private let handle: UnsafeMutableRawPointer
    private let settings: HTTPClientSettings
    private var headerList: UnsafeMutablePointer<curl_slist>?
    private var resolveList: UnsafeMutablePointer<curl_slist>?
    private var headers: [(name: String, value: String)] = []
    private var headBytes = 0
    private var body: [UInt8] = []
    private var isBodyCut = false
    private var refusedAddress: String?

    init(order: HTTPClient.Order, handle: UnsafeMutableRawPointer, settings: HTTPClientSettings) {
        self.order = order
        self.handle = handle
        self.settings = settings
    }

    /// The lists are curl's until the transfer has left it.
    func free() {
        curl_slist_free_all(exchange(&headerList, with: nil))
        curl_slist_free_all(exchange(&resolveList, with: nil))
    }

    // MARK: the request

    /// - Returns: why it cannot be sent; nil: it can.
    func prepare(totalMilliseconds: Int) -> HTTPClientFailure? {
        let request = order.request
        guard let target = HTTPClientTarget(request.url) else {
            return HTTPClientFailure(.badRequest, "not an http or https URL")
        }
        guard !request.method.isEmpty, request.method.utf8.allSatisfy(HTTPBytes.isToken) else {
            return HTTPClientFailure(.badRequest, "bad method")
        }
        for (name, value) in request.headers {
            guard !name.isEmpty, name.utf8.allSatisfy(HTTPBytes.isToken),
                value.utf8.allSatisfy({ $0 >= 0x20 || $0 == 9 })
            else { return HTTPClientFailure(.badRequest, "bad header \(name)") }
        }
        setLimits(totalMilliseconds: totalMilliseconds)
        setMethod(request)
        ccurl_set_text(handle, CURLOPT_URL, request.url)
        // Empty headers take away what curl would add of its own accord.
        headerList = curl_slist_append(nil, "Expect:")
        if !request.body.isEmpty, !request.headers.contains(where: { $0.0.lowercased() == "content-type" }) {
            headerList = curl_slist_append(headerList, "Content-Type:")
        }
        for (name, value) in request.headers {
            headerList = curl_slist_append(headerList, value.isEmpty ? "\(name);" : "\(name): \(value)")
        }
        ccurl_set_list(handle, CURLOPT_HTTPHEADER, headerList)
        if !request.addresses.isEmpty {
            // The plus lets what is told here grow old as a look-up does.
            let addresses = request.addresses.map { $0.contains(":") ? "[\($0)]" : $0 }.joined(separator: ",")
            resolveList = curl_slist_append(nil, "+\(target.host):\(target.port):\(addresses)")
            ccurl_set_list(handle, CURLOPT_RESOLVE, resolveList)
        }
        setCallbacks()
        return nil
    }

    private func setLimits(totalMilliseconds: Int) {
        let connect = Int(settings.connectWithin.wholeNanoseconds / 1_000_000)
        ccurl_set_long(handle, CURLOPT_NOSIGNAL, 1)
        ccurl_set_long(handle, CURLOPT_HTTP_VERSION, HTTPTransfer.http11)
        ccurl_set_long(handle, CURLOPT_FOLLOWLOCATION, 0)
        ccurl_set_long(handle, CURLOPT_HTTP09_ALLOWED, 0)
        ccurl_set_text(handle, CURLOPT_PROTOCOLS_STR, "http,https")
        ccurl_set_text(handle, CURLOPT_PROXY, "")
        ccurl_set_text(handle, CURLOPT_USERAGENT, settings.userAgent)
        ccurl_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, max(1, connect))
        ccurl_set_long(handle, CURLOPT_TIMEOUT_MS, totalMilliseconds)
        if let file = settings.certificatesFile { ccurl_set_text(handle, CURLOPT_CAINFO, file) }
    }

    /// `CURL_HTTP_VERSION_1_1`: over HTTP/2 a server that answers before it has read the body breaks the request.
    private static let http11 = 2

    private func setMethod(_ request: HTTPClientRequest) {
        switch request.method {
        case "GET" where request.body.isEmpty: ccurl_set_long(handle, CURLOPT_HTTPGET, 1)
        case "HEAD": ccurl_set_long(handle, CURLOPT_NOBODY, 1)
        default:
            let hasBody = !request.body.isEmpty || ["POST", "PUT", "PATCH"].contains(request.method)
            if hasBody {
                ccurl_set_long(handle, CURLOPT_POST, 1)
                ccurl_set_size(handle, CURLOPT_POSTFIELDSIZE_LARGE, Int(request.body.count))
                // Copied: what Swift lends may move once the call is over.
                if request.body.isEmpty {
                    ccurl_set_text(handle, CURLOPT_COPYPOSTFIELDS, "")
                } else {
                    _ = request.body.withUnsafeBytes { bytes in
                        ccurl_set_bytes(handle, CURLOPT_COPYPOSTFIELDS, bytes.baseAddress)
                    }
                }
            }
            if request.method != "POST" { ccurl_set_text(handle, CURLOPT_CUSTOMREQUEST, request.method) }
        }
    }

    private func setCallbacks() {
        let me = Unmanaged.passUnretained(self).toOpaque()
        ccurl_set_pointer(handle, CURLOPT_WRITEDATA, me)
        ccurl_set_received(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            let transfer = Unmanaged<HTTPTransfer>.fromOpaque(context!).takeUnretainedValue()
            return transfer.receivedBody(UnsafeRawBufferPointer(start: bytes, count: size * count))
        }
        ccurl_set_pointer(handle, CURLOPT_HEADERDATA, me)
        ccurl_set_received(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            let transfer = Unmanaged<HTTPTransfer>.fromOpaque(context!).takeUnretainedValue()
            return transfer.receivedHeader(UnsafeRawBufferPointer(start: bytes, count: size * count))
        }
        ccurl_set_pointer(handle, CURLOPT_OPENSOCKETDATA, me)
        ccurl_set_open(handle) { context, _, address in
            let transfer = Unmanaged<HTTPTransfer>.fromOpaque(context!).takeUnretainedValue()
            return transfer.open(address!)
        }
    }

    // MARK: from curl

    /// The address is checked here, where it is used, and not before.
    private func open(_ address: UnsafeMutablePointer<curl_sockaddr>) -> Int32 {
        let name = withUnsafePointer(to: &address.pointee.addr) { SocketAddress.name(of: $0) } ?? ""
        guard settings.allows(name) else {
            refusedAddress = name
            return -1
        }
        let kind = address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue)
        return socket(address.pointee.family, kind, address.pointee.protocol)
    }

    /// Fewer bytes than were given end the transfer.
    private func receivedBody(_ bytes: UnsafeRawBufferPointer) -> Int {
        let room = settings.answerBytesMax - body.count
        guard bytes.count <= room else {
            body.append(contentsOf: bytes[..<room])
            isBodyCut = true
            return 0
        }
        body.append(contentsOf: bytes)
        return bytes.count
    }

    private func receivedHeader(_ bytes: UnsafeRawBufferPointer) -> Int {
        headBytes += bytes.count
        guard headBytes <= settings.answerHeadBytesMax else { return 0 }
        let line = String(decoding: bytes, as: UTF8.self)
        if line.hasPrefix("HTTP/") {
            headers = []
        } else if let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")) {
            let value = line.utf8[line.utf8.index(after: colon)...].filter { $0 != 0x0D && $0 != 0x0A }
            headers.append(
                (line[..<colon].lowercased(), HTTPText.trimmed(String(decoding: value, as: UTF8.self))))
        }
        return bytes.count
    }

    // MARK: the outcome

    func outcome(_ code: CURLcode) -> Result<HTTPClientResponse, HTTPClientFailure> {
        let status = Int(ccurl_status(handle))
        if code == CURLE_OK || code == CURLE_WRITE_ERROR && isBodyCut {
            return .success(
                HTTPClientResponse(status: status, headers: headers, body: body, isBodyCut: isBodyCut))
        }
        return .failure(failure(code))
    }

    private func failure(_ code: CURLcode) -> HTTPClientFailure {
        let reason = String(cString: curl_easy_strerror(code))
        switch code {
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL: return HTTPClientFailure(.badRequest, reason)
        case CURLE_COULDNT_RESOLVE_HOST: return HTTPClientFailure(.nameUnknown, reason)
        case CURLE_COULDNT_CONNECT:
            if let refusedAddress { return HTTPClientFailure(.addressRefused, refusedAddress) }
            return HTTPClientFailure(.connectFailed, reason)
        case CURLE_OPERATION_TIMEDOUT: return HTTPClientFailure(.timedOut, reason)
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE:
            return HTTPClientFailure(.tlsFailed, reason)
        default: return HTTPClientFailure(.answerBroken, reason)
        }
    }
}

/// The host and port of a URL, as curl understands them.
struct HTTPClientTarget {
    let host: String
    let port: Int

    init?(_ url: String) {
        guard let parts = curl_url() else { return nil }
        defer { curl_url_cleanup(parts) }
        guard curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK,
            let scheme = HTTPClientTarget.part(CURLUPART_SCHEME, of: parts), ["http", "https"].contains(scheme),
            let host = HTTPClientTarget.part(CURLUPART_HOST, of: parts),
            let port = HTTPClientTarget.part(CURLUPART_PORT, of: parts).flatMap({ Int($0) })
        else { return nil }
        self.host = host
        self.port = port
    }

    private static func part(_ part: CURLUPart, of parts: OpaquePointer) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(parts, part, &text, UInt32(CURLU_DEFAULT_PORT)) == CURLUE_OK, let text else { return nil }
        defer { curl_free(text) }
        return String(cString: text)
    }
}
