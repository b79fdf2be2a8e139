#pragma once
// What the C library declares is the C library's, whichever of our modules the compiler happens to load first.
#pragma clang module import SwiftGlibc
#include <sys/types.h>
#include <sys/select.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <sys/eventfd.h>
// rd_kafka_producev is variadic, and reads its tagged arguments one by one: only headers need it. Key and value are copied; `headers` belong to librdkafka when this succeeds.
static inline rd_kafka_resp_err_t crdkafka_produce(rd_kafka_t *client, rd_kafka_topic_t *topic, int32_t partition,
        const void *key, size_t keySize, const void *value, size_t valueSize, rd_kafka_headers_t *headers, void *opaque) {
    if (headers)
        return rd_kafka_producev(client, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(partition),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, keySize),
            RD_KAFKA_V_VALUE((void *)value, valueSize), RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    return rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_COPY, (void *)value, valueSize, key, keySize, opaque)
        ? rd_kafka_last_error() : RD_KAFKA_RESP_ERR_NO_ERROR;
}
// Whether the names of sys/eventfd.h can be seen from Swift depends on which module included it first.
static inline int crdkafka_wake_descriptor(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }
static inline void crdkafka_wake(int descriptor) { eventfd_write(descriptor, 1); }
