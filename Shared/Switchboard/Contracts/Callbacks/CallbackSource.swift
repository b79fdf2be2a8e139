/// Up to where the three logs of a partition have been rendered; stands with each record of `switchboard.callbacks.v1`,
/// so that the last one alone says where to go on. Where the logs go on without an event it stands in
/// `switchboard.callbacks.deliveries.v1` too, by itself.
package struct CallbackProgress: Message, Hashable {
    /// One log of the partition.
    package struct Place: Message, Hashable {
        /// The last record of the log that was rendered; -1 before the first.
        package var offset: Int64 = -1
        /// How many of its events stand in the topic; all, once the log has gone on.
        package var index = 0
        /// The marker from which the log must be read to know all that lived at `offset`.
        package var replayFrom: Int64 = 0

        package init() {}

        package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("offset", &offset)
            try c("index", &index)
            try c("replayFrom", &replayFrom)
        }
    }

    package var calls = Place()
    package var rooms = Place()
    package var users = Place()
    /// Of partition 0 alone: the last record of an endpoint that was told of; nil before the first.
    package var endpoints: Place?

    /// Of the records that carry it alone.
    package static let key = "progress"

    package init() {}

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("calls", &calls)
        try c("rooms", &rooms)
        try c("users", &users)
        try c("endpoints", &endpoints)
    }
}

/// The names of the headers that records of `switchboard.callbacks.v1` carry.
package enum CallbackHeader {
    package static let id: StaticString = "id"
    package static let type: StaticString = "type"
    package static let topic: StaticString = "source-topic"
    package static let offset: StaticString = "source-offset"
    /// The event's number among those of its record, from 0.
    package static let index: StaticString = "source-index"
    package static let progress: StaticString = "progress"
}
