/// Reads requests out of bytes as they come: a head, then its body. Pure: it knows no socket and no clock.
struct HTTPParser {
    /// Where in a message the next byte lies.
    enum Phase: Equatable {
        /// Nothing of a request has come yet.
        case idle
        case head
        case body
        /// `take` it before reading on.
        case complete
    }

    private enum Body: Equatable {
        case remaining(Int)
        case chunkSize
        case chunkData(Int)
        case chunkEnd
        case trailer
    }

    let limits: HTTPLimits
    private(set) var phase = Phase.idle
    private(set) var head: HTTPHead?
    private var body = Body.remaining(0)
    private var content: [UInt8] = []
    /// The beginning of a head, or of a line within a chunked body, that is not all there yet.
    private var partial: [UInt8] = []

    init(limits: HTTPLimits) { self.limits = limits }

    /// Reads on until a request is complete or the bytes are used up.
    /// - Returns: how many bytes were used.
    mutating func read(_ bytes: UnsafeRawBufferPointer) throws(HTTPRefusal) -> Int {
        var used = 0
        while used < bytes.count, phase != .complete {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[used...])
            used += phase == .body ? try readBody(rest) : try readHead(rest)
        }
        return used
    }

    /// The complete request, and its head with what the connection needs to know.
    mutating func take(remoteAddress: String) -> (HTTPRequest, HTTPHead) {
        guard phase == .complete, let head = exchange(&head, with: nil) else {
            preconditionFailure("a request was taken before it was complete")
        }
        phase = .idle
        var request = HTTPRequest(
            method: head.method, target: head.target, path: head.path, query: head.query, body: content,
            remoteAddress: remoteAddress)
        request.headers = head.headers
        content = []
        return (request, head)
    }

    // MARK: the head

    private mutating func readHead(_ bytes: UnsafeRawBufferPointer) throws(HTTPRefusal) -> Int {
        phase = .head
        guard let end = try endOfHead(bytes) else {
            partial.append(contentsOf: bytes)
            return bytes.count
        }
        let whole: HTTPHead
        if partial.isEmpty {
            whole = try HTTPHead(UnsafeRawBufferPointer(rebasing: bytes[..<end]), limits: limits)
        } else {
            partial.append(contentsOf: bytes[..<end])
            let gathered = exchange(&partial, with: [])
            // Typed throws do not pass through `withUnsafeBytes`.
            whole = try gathered.withUnsafeBytes { bytes in
                Result { () throws(HTTPRefusal) in try HTTPHead(bytes, limits: limits) }
            }.get()
        }
        switch whole.framing {
        case .none: phase = .complete
        case .length(let length):
            phase = .body
            body = .remaining(length)
            content.reserveCapacity(min(length, HTTPParser.bodyReservedMax))
        case .chunked:
            phase = .body
            body = .chunkSize
        }
        head = whole
        return end
    }

    /// Space is set aside for what has been announced only up to here.
    private static let bodyReservedMax = 64 << 10

    /// Looks at each byte once, and refuses at once what can never become a head.
    private func endOfHead(_ bytes: UnsafeRawBufferPointer) throws(HTTPRefusal) -> Int? {
        // The last three bytes before these, newest first: enough to see CR LF CR LF across buffers.
        var last = partial.last ?? 0
        var beforeLast = partial.dropLast().last ?? 0
        for at in 0..<bytes.count {
            let byte = bytes[at]
            if last == 0x0D, byte != 0x0A { throw HTTPRefusal(400, "CR without LF") }
            switch byte {
            case 0x0A:
                guard last == 0x0D else { throw HTTPRefusal(400, "LF without CR") }
                // The line that ends here is empty if the one before ended right before its CR.
                if beforeLast == 0x0A { return try checked(at + 1) }
                if partial.count + at == 1 { throw HTTPRefusal(400, "no request line") }
            case 0: throw HTTPRefusal(400, "NUL in the head")
            default: break
            }
            beforeLast = last
            last = byte
        }
        _ = try checked(bytes.count)
        return nil
    }

    private func checked(_ more: Int) throws(HTTPRefusal) -> Int {
        guard partial.count + more <= limits.headBytesMax else { throw HTTPRefusal(431, "head too large") }
        return more
    }

    // MARK: the body

    private mutating func readBody(_ bytes: UnsafeRawBufferPointer) throws(HTTPRefusal) -> Int {
        switch body {
        case .remaining(let count):
            let taken = min(count, bytes.count)
            content.append(contentsOf: bytes[..<taken])
            body = .remaining(count - taken)
            if taken == count { phase = .complete }
            return taken
        case .chunkData(let count):
            let taken = min(count, bytes.count)
            content.append(contentsOf: bytes[..<taken])
            body = taken == count ? .chunkEnd : .chunkData(count - taken)
            return taken
        case .chunkSize, .chunkEnd, .trailer:
            try readLineByte(bytes[0])
            return 1
        }
    }

    private static let chunkLineBytesMax = 10

    /// The lines between chunks are short: one byte at a time.
    private mutating func readLineByte(_ byte: UInt8) throws(HTTPRefusal) {
        guard partial.last != 0x0D || byte == 0x0A else { throw HTTPRefusal(400, "CR without LF") }
        guard byte == 0x0A else {
            guard partial.count < HTTPParser.chunkLineBytesMax else { throw HTTPRefusal(400, "bad chunk") }
            partial.append(byte)
            return
        }
        guard partial.popLast() == 0x0D else { throw HTTPRefusal(400, "LF without CR") }
        let line = exchange(&partial, with: [])
        switch body {
        case .chunkSize: try readChunkSize(line)
        case .chunkEnd:
            guard line.isEmpty else { throw HTTPRefusal(400, "bad chunk") }
            body = .chunkSize
        case .trailer:
            guard line.isEmpty else { throw HTTPRefusal(400, "trailers are not taken") }
            phase = .complete
        case .remaining, .chunkData: break
        }
    }

    /// Digits alone: chunk extensions mean nothing to anybody here.
    private mutating func readChunkSize(_ line: [UInt8]) throws(HTTPRefusal) {
        guard (1...8).contains(line.count) else { throw HTTPRefusal(400, "bad chunk size") }
        var size = 0
        for byte in line {
            guard let digit = HTTPText.hexValue(byte) else { throw HTTPRefusal(400, "bad chunk size") }
            size = size << 4 | Int(digit)
        }
        guard content.count + size <= limits.bodyBytesMax else { throw .bodyTooLarge }
        body = size == 0 ? .trailer : .chunkData(size)
    }
}
