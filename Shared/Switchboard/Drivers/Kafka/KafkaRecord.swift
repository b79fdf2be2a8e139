internal import CRdkafka

/// A topic's place among those named to a client when it was made: the first is 0. Cheaper than a name for each record.
package struct KafkaTopicID: Hashable, Sendable {
    package let index: Int

    package init(_ index: Int) { self.index = index }
}

/// Where a reading begins.
package enum KafkaStart: Hashable, Sendable {
    /// The record with this offset, or the next one there is.
    case offset(Int64)
    /// The oldest record that retention has left.
    case beginning
    /// Behind the newest record.
    case end

    var offset: Int64 {
        switch self {
        case .offset(let offset): offset
        case .beginning: Int64(RD_KAFKA_OFFSET_BEGINNING)
        case .end: Int64(RD_KAFKA_OFFSET_END)
        }
    }
}

/// A record read from a partition. It and its bytes are there during the callback that got it, and no longer.
package struct KafkaRecord {
    package let topic: KafkaTopicID
    private let message: UnsafePointer<rd_kafka_message_t>

    init(_ message: UnsafePointer<rd_kafka_message_t>, topic: KafkaTopicID) {
        self.message = message
        self.topic = topic
    }

    package var partition: Int32 { message.pointee.partition }

    package var offset: Int64 { message.pointee.offset }

    /// When the broker appended it (our topics use the log's own time).
    package var timestamp: Timestamp {
        Timestamp(milliseconds: rd_kafka_message_timestamp(message, nil))
    }

    /// Empty when the record has none.
    package var key: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: message.pointee.key, count: message.pointee.key_len)
    }

    /// Empty when the record has none.
    package var value: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: message.pointee.payload, count: message.pointee.len)
    }

    /// The last header of that name, or nil.
    package func header(_ name: StaticString) -> UnsafeRawBufferPointer? {
        var headers: OpaquePointer?
        guard rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
        var start: UnsafeRawPointer?
        var count = 0
        let found = name.withUTF8Buffer { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                rd_kafka_header_get_last(headers, $0.baseAddress, &start, &count)
            }
        }
        return found == RD_KAFKA_RESP_ERR_NO_ERROR ? UnsafeRawBufferPointer(start: start, count: count) : nil
    }
}

/// Where the broker put a record, and when.
package struct KafkaAcknowledgement: Hashable, Sendable {
    /// -1 when the broker only said that it had this record already: it is there, somewhere.
    package let offset: Int64
    package let timestamp: Timestamp
}
