import CRdkafka
@testable import Switchboard

extension KafkaProducer {
    /// Its client gives up as when it has lost count of what a broker has.
    func breakDown() {
        _ = rd_kafka_test_fatal_error(
            client.handle, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "broken by a test")
    }
}

extension KafkaScene {
    func breakProducer() { producer?.breakDown() }
}
