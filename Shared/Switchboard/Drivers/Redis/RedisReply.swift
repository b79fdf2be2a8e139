internal import CHiredis

/// What Redis answered.
package enum RedisReply: Hashable, Sendable {
    case null
    case integer(Int64)
    /// A bulk string, or a status such as OK.
    case bytes([UInt8])
    case list([RedisReply])
    /// An error inside a list; one that is the whole answer is a `RedisFailure`.
    case error(String)

    /// As UTF-8; bytes that are none are replaced.
    package var text: String? {
        guard case .bytes(let bytes) = self else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Also of a number written as text.
    package var integer: Int64? {
        switch self {
        case .integer(let number): number
        case .bytes: text.flatMap { Int64($0) }
        case .null, .list, .error: nil
        }
    }

    package var bytes: [UInt8]? {
        guard case .bytes(let bytes) = self else { return nil }
        return bytes
    }

    package var list: [RedisReply]? {
        guard case .list(let list) = self else { return nil }
        return list
    }

    init(_ reply: redisReply) {
        switch reply.type {
        case REDIS_REPLY_INTEGER: self = .integer(reply.integer)
        case REDIS_REPLY_STRING, REDIS_REPLY_STATUS:
            self = .bytes(Array(UnsafeRawBufferPointer(start: reply.str, count: reply.len)))
        case REDIS_REPLY_ERROR:
            let bytes = UnsafeRawBufferPointer(start: reply.str, count: reply.len)
            self = .error(String(decoding: bytes, as: UTF8.self))
        case REDIS_REPLY_ARRAY:
            self = .list(
                UnsafeBufferPointer(start: reply.element, count: reply.elements).map { element in
                    element.map { RedisReply($0.pointee) } ?? .null
                })
        default: self = .null
        }
    }
}

/// Why there is no answer.
package enum RedisFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// Never sent.
    case notConnected
    /// Never sent: `waitingMax` commands wait already.
    case tooManyWaiting
    /// Sent, and perhaps done: the connection ended before the answer.
    case disconnected(String)
    /// Sent, and perhaps done: the answer did not come within the command's own deadline.
    case tooLate
    /// Redis' own words.
    case refused(String)
    case badAddress(String)

    /// Whether the same may succeed later.
    package var mayPass: Bool {
        switch self {
        case .notConnected, .tooManyWaiting, .disconnected, .tooLate: true
        case .refused(let words):
            ["LOADING", "BUSY", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "READONLY", "OOM"].contains {
                words.hasPrefix($0)
            }
        case .badAddress: false
        }
    }

    package var description: String {
        switch self {
        case .notConnected: "not connected to Redis"
        case .tooManyWaiting: "too many commands wait for Redis"
        case .disconnected(let cause): "the connection to Redis ended: \(cause)"
        case .tooLate: "no answer from Redis within the deadline"
        case .refused(let words): "Redis refused: \(words)"
        case .badAddress(let cause): "bad Redis address: \(cause)"
        }
    }
}
