internal import Glibc

/// A log line being written: one JSON object, bounded, with everything escaped that could end it early.
struct LogLine {
    private var bytes: [UInt8] = [UInt8(ascii: "{")]
    private var isFull = false

    /// Adds one member, cut to `Log.valueBytesMax`. What would make the line longer than `Log.lineBytesMax` is left
    /// out, and the line says so.
    mutating func add(_ name: String, _ value: LogData.Value) {
        guard !isFull else { return }
        let mark = bytes.count
        if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
        quote(name)
        bytes.append(UInt8(ascii: ":"))
        switch value {
        case let number as Int: bytes.append(contentsOf: "\(number)".utf8)
        case let number as Int64: bytes.append(contentsOf: "\(number)".utf8)
        case let flag as Bool: bytes.append(contentsOf: (flag ? "true" : "false").utf8)
        default: quote(value.description)
        }
        if bytes.count > Log.lineBytesMax - Self.tail.count {
            bytes.removeSubrange(mark...)
            isFull = true
        }
    }

    consuming func finished() -> [UInt8] {
        if isFull { bytes.append(contentsOf: Self.tail) }
        bytes.append(UInt8(ascii: "}"))
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    /// The time in UTC, as RFC 3339 with milliseconds.
    static func now() -> String {
        var clock = timespec()
        clock_gettime(CLOCK_REALTIME, &clock)
        var parts = tm()
        gmtime_r(&clock.tv_sec, &parts)
        func padded(_ value: Int, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let day = [Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1, Int(parts.tm_mday)]
        let time = [Int(parts.tm_hour), Int(parts.tm_min), Int(parts.tm_sec)]
        return padded(day[0], 4) + "-" + padded(day[1], 2) + "-" + padded(day[2], 2) + "T" + padded(time[0], 2) + ":"
            + padded(time[1], 2) + ":" + padded(time[2], 2) + "." + padded(clock.tv_nsec / 1_000_000, 3) + "Z"
    }

    private static let tail = Array(#","cut":true"#.utf8)

    private mutating func quote(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        var count = 0
        for byte in text.utf8 {
            // A cut never falls into the middle of a character: continuation bytes are 10xxxxxx.
            if count >= Log.valueBytesMax, byte & 0xC0 != 0x80 {
                bytes.append(contentsOf: "…".utf8)
                break
            }
            count += 1
            escape(byte)
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            bytes.append(UInt8(ascii: "\\"))
            bytes.append(byte)
        case UInt8(ascii: "\n"): bytes.append(contentsOf: "\\n".utf8)
        case UInt8(ascii: "\r"): bytes.append(contentsOf: "\\r".utf8)
        case UInt8(ascii: "\t"): bytes.append(contentsOf: "\\t".utf8)
        case 0..<0x20, 0x7f:
            bytes.append(contentsOf: "\\u00".utf8)
            bytes.append(Self.hex[Int(byte >> 4)])
            bytes.append(Self.hex[Int(byte & 15)])
        default: bytes.append(byte)
        }
    }

    private static let hex = Array("0123456789abcdef".utf8)
}
