/// One word of a command.
package enum RedisArgument: Sendable, ExpressibleByStringLiteral, ExpressibleByStringInterpolation,
    ExpressibleByIntegerLiteral
{
    case text(String)
    case bytes([UInt8])
    case number(Int64)

    package init(stringLiteral value: String) { self = .text(value) }
    package init(integerLiteral value: Int64) { self = .number(value) }
}

/// A Lua script, known to Redis by the sum of its text.
package struct RedisScript: Sendable {
    package let source: String
    package let sha1: String

    package init(_ source: String) {
        self.source = source
        sha1 = Digest.sha1Hex(source)
    }
}

/// A command that was sent; its callback is called once, by the answer, the deadline or the end of the connection,
/// whichever comes first.
final class RedisCommand {
    private var reply: ((Result<RedisReply, RedisFailure>) -> Void)?

    init(_ reply: @escaping (Result<RedisReply, RedisFailure>) -> Void) { self.reply = reply }

    var isWaiting: Bool { reply != nil }

    func finish(_ result: @autoclosure () -> Result<RedisReply, RedisFailure>) {
        guard let reply = exchange(&reply, with: nil) else { return }
        reply(result())
    }
}

/// Appends a command in Redis' protocol.
func appendCommand(_ arguments: some Collection<RedisArgument>, to bytes: inout [UInt8]) {
    appendCount(UInt8(ascii: "*"), arguments.count, &bytes)
    for argument in arguments {
        switch argument {
        case .text(var text): text.withUTF8 { appendWord($0, &bytes) }
        case .bytes(let word): word.withUnsafeBufferPointer { appendWord($0, &bytes) }
        case .number(let number):
            var text = String(number)
            text.withUTF8 { appendWord($0, &bytes) }
        }
    }
}

private func appendWord(_ word: UnsafeBufferPointer<UInt8>, _ bytes: inout [UInt8]) {
    appendCount(UInt8(ascii: "$"), word.count, &bytes)
    bytes.append(contentsOf: word)
    bytes.append(contentsOf: lineEnd)
}

private func appendCount(_ mark: UInt8, _ count: Int, _ bytes: inout [UInt8]) {
    bytes.append(mark)
    if count < 10 {
        bytes.append(UInt8(ascii: "0") + UInt8(count))
    } else {
        bytes.append(contentsOf: String(count).utf8)
    }
    bytes.append(contentsOf: lineEnd)
}

private let lineEnd: [UInt8] = [0x0d, 0x0a]
