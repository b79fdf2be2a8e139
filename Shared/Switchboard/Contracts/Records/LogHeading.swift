/// The beginning of a log record, read without the rest: whose it is, and from where on the log is needed.
package struct LogHeading: Message {
    package var level = 0
    package var incarnation = ""
    package var ordinal: Int64 = 0
    package var kind = ""
    package var inboxOffset: Int64 = -1
    package var time = Timestamp()
    package var performedThrough: Int64 = -1
    package var replayFrom: Int64 = 0

    package init() {}

    /// - Throws: also where the rest is malformed and that has shown by then.
    package init(beginning bytes: UnsafeRawBufferPointer) throws(CodingFailure) {
        var coder = Coder(reading: bytes, limits: .standard)
        coder.skipSpace()
        _ = try coder.enterObject()
        try fields(&coder)
    }

    package var isMarker: Bool { kind == "marker" }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("level", &level)
        try c("incarnation", &incarnation)
        try c("ordinal", &ordinal)
        // Of a level above ours the rest is not read: its words may be others.
        guard level <= RecordLevel.highest else { return }
        try c("kind", &kind)
        try c("inboxOffset", &inboxOffset)
        try c("time", &time)
        try c("performedThrough", &performedThrough)
        try c("replayFrom", &replayFrom)
    }
}
