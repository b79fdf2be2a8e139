/// Where a record was caused: an effect of one log record, by its place. A receiver that remembers the highest place
/// per source partition takes each effect once, however often it is sent.
package struct SourceMark: Hashable, Sendable, Comparable, Message {
    package var ledger = LedgerName.calls
    package var partition: Int32 = 0
    package var offset: Int64 = 0
    package var index: Int32 = 0

    package init() {}

    package init(ledger: LedgerName, partition: Int32, offset: Int64, index: Int32) {
        self.ledger = ledger
        self.partition = partition
        self.offset = offset
        self.index = index
    }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("ledger", &ledger)
        try c("partition", &partition)
        try c("offset", &offset)
        try c("index", &index)
    }

    /// Within one source partition only.
    package static func < (a: SourceMark, b: SourceMark) -> Bool { (a.offset, a.index) < (b.offset, b.index) }
}

/// Who is answered, and what was asked.
package struct Reply: Hashable, Sendable, Message {
    package var asker = Asker()
    /// The request's type, for instance `call.accept`.
    package var type = ""
    /// Whose device asks, where no fact says so and the answer shows it something.
    package var user: UserID?
    package var device: DeviceID?

    package init() {}
    package init(asker: Asker, type: String) {
        self.asker = asker
        self.type = type
    }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("asker", &asker)
        try c("type", &type)
        try c("userId", &user)
        try c("deviceId", &device)
    }
}

/// A record of an inbox that asks nothing: without a value, with this key. Its acknowledgement tells where the inbox ends
/// and what time it is there.
package enum InboxProbe {
    package static let key = "probe"
}

/// What stands in an inbox: a command of a client, or the effect of another log's record.
package struct InboxRecord<Input: Message>: Message {
    /// `appKey/userId/deviceId/cmd`: the same command has one effect.
    package var command: String?
    package var reply: Reply?
    package var source: SourceMark?
    /// When a gateway took the command. One that is appended long after that is refused: its asker was told 50300.
    package var sentAt: Timestamp?
    package var input = Input()

    package init() {}
    package init(
        _ input: Input, command: String? = nil, reply: Reply? = nil, source: SourceMark? = nil, sentAt: Timestamp? = nil
    ) {
        self.input = input
        self.sentAt = sentAt
        self.command = command
        self.reply = reply
        self.source = source
    }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("command", &command)
        try c("reply", &reply)
        try c("source", &source)
        try c("sentAt", &sentAt)
        try c("input", &input)
    }
}

/// An inbox record without its input: who asked, and where it was caused.
package struct InboxEnvelope: Message {
    package var command: String?
    package var reply: Reply?
    package var source: SourceMark?

    package init() {}

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("command", &command)
        try c("reply", &reply)
        try c("source", &source)
    }
}
