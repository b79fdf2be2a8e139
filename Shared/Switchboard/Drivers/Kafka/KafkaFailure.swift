internal import CRdkafka

/// Why something asked of Kafka did not happen.
package struct KafkaFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The number that Kafka gives the error; negative when the client itself found it.
    package let code: Int32
    /// What was attempted, in words: "produce", "create topics".
    package let operation: String
    package let text: String
    /// The client will not work again; only a new one can.
    package let isFatal: Bool
    /// The same attempt may succeed later, without anybody changing anything.
    package let mayPass: Bool

    package var description: String { "\(operation): \(text) (\(code))" }

    /// A producer holds as many records as it may: backpressure, nothing is lost. Produce again when some were acknowledged.
    package static let queueFull = KafkaFailure(RD_KAFKA_RESP_ERR__QUEUE_FULL, during: "produce")

    package var isQueueFull: Bool { code == RD_KAFKA_RESP_ERR__QUEUE_FULL.rawValue }

    /// No broker takes it, now or later: for its own size, or for that of what it travels in.
    package var isTooLarge: Bool {
        code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE.rawValue
            || code == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE.rawValue
    }

    /// The offset asked for is not in the partition (any more): retention has passed over it, or it was never written.
    package var isOffsetOutOfRange: Bool {
        code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE.rawValue || code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET.rawValue
    }

    package init(code: Int32, operation: String, text: String, isFatal: Bool = false, mayPass: Bool = false) {
        self.code = code
        self.operation = operation
        self.text = text
        self.isFatal = isFatal
        self.mayPass = mayPass
    }

    init(_ error: rd_kafka_resp_err_t, during operation: String, text: String? = nil, isFatal: Bool = false) {
        self.init(
            code: error.rawValue, operation: operation, text: text ?? String(cString: rd_kafka_err2str(error)),
            isFatal: isFatal, mayPass: !isFatal && Self.passing.contains(error.rawValue))
    }

    /// Takes what a librdkafka call returned as its error, and frees it.
    init(taking error: OpaquePointer, during operation: String) {
        self.init(
            rd_kafka_error_code(error), during: operation, text: String(cString: rd_kafka_error_string(error)),
            isFatal: rd_kafka_error_is_fatal(error) != 0)
        rd_kafka_error_destroy(error)
    }

    /// A configuration, a topic or an answer that is not what it must be: someone has to change something.
    init(difference text: String, during operation: String) {
        self.init(code: RD_KAFKA_RESP_ERR__INVALID_ARG.rawValue, operation: operation, text: text)
    }

    private static let passing: Set<Int32> = Set(
        [
            RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__RESOLVE,
            RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT,
            RD_KAFKA_RESP_ERR__QUEUE_FULL, RD_KAFKA_RESP_ERR__WAIT_COORD, RD_KAFKA_RESP_ERR__WAIT_CACHE,
            RD_KAFKA_RESP_ERR__IN_PROGRESS, RD_KAFKA_RESP_ERR__RETRY, RD_KAFKA_RESP_ERR__STATE,
            RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
            RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
            RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
            RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION,
            RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
            RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
            RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
            RD_KAFKA_RESP_ERR_NOT_CONTROLLER, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
            RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE,
        ].map(\.rawValue))
}
