// What librdkafka costs without us: writes or reads the records of Tests/Load/LogLoad.swift with the same settings, in
// the plainest way, and prints the same line.
//
//     bare_client produce|consume BOOTSTRAP TOPIC RATE COUNT        (RATE 0: as fast as it goes, in batches)
#include <librdkafka/rdkafka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RECORD_BYTES = 200 };
static uint32_t *microseconds;
static size_t count, wanted, out_of_order;
static uint64_t start;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void note(uint64_t sent_at) { microseconds[count++] = (uint32_t)((now() - sent_at) / 1000); }

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void report(const char *what) {
    uint64_t milliseconds = (now() - start) / 1000000;
    uint32_t *sorted = microseconds + count / 10;
    size_t n = count - count / 10;
    qsort(sorted, n, sizeof *sorted, ascending);
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    printf("{\"what\":\"%s\",\"count\":%zu,\"milliseconds\":%llu,\"p50Microseconds\":%u,\"p99Microseconds\":%u,"
           "\"outOfOrder\":%zu,\"cpuMicroseconds\":%lld}\n",
           what, count, (unsigned long long)milliseconds, sorted[n / 2], sorted[n * 99 / 100], out_of_order,
           (long long)used.tv_sec * 1000000 + used.tv_nsec / 1000);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char text[512];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "%s\n", text);
        exit(1);
    }
}

static void delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
    (void)client, (void)opaque;
    if (message->err) {
        fprintf(stderr, "%s\n", rd_kafka_err2str(message->err));
        exit(1);
    }
    note((uint64_t)(uintptr_t)message->_private);
}

static void produce(rd_kafka_conf_t *conf, const char *name, uint64_t rate) {
    char text[512], value[RECORD_BYTES];
    set(conf, "acks", "all");
    set(conf, "enable.idempotence", "true");
    set(conf, "linger.ms", rate ? "0" : "5");
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (!client) exit(1);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
    const struct rd_kafka_metadata *metadata;
    if (rd_kafka_metadata(client, 0, topic, &metadata, 10000)) exit(1);
    rd_kafka_metadata_destroy(metadata);
    struct timespec settle = {1, 0};
    nanosleep(&settle, NULL); // For the producer id, of which no call tells.
    puts("ready");
    fflush(stdout);
    memset(value, 'a', sizeof value);
    start = now();
    for (uint64_t sent = 0; sent < wanted; sent++) {
        while (rate && now() < start + sent * (1000000000 / rate)) {
            uint64_t left = start + sent * (1000000000 / rate) - now();
            rd_kafka_poll(client, left > 1000000 && left < 1000000000 ? (int)(left / 1000000) : left < 1000000 ? 1 : 0);
        }
        uint64_t time = now();
        memcpy(value, &sent, 8);
        memcpy(value + 8, &time, 8);
        while (rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY, value, sizeof value, NULL, 0, (void *)(uintptr_t)time))
            rd_kafka_poll(client, 1);
        rd_kafka_poll(client, 0);
    }
    while (count < wanted) rd_kafka_poll(client, 100);
    report("acknowledged");
}

static void consume(rd_kafka_conf_t *conf, const char *name) {
    char text[512];
    set(conf, "group.id", "bare");
    set(conf, "enable.auto.commit", "false");
    set(conf, "enable.partition.eof", "true");
    set(conf, "fetch.wait.max.ms", "500");
    set(conf, "fetch.error.backoff.ms", "50");
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (!client) exit(1);
    rd_kafka_poll_set_consumer(client);
    rd_kafka_topic_partition_list_t *place = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(place, name, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(client, place);
    int is_ready = 0;
    while (count < wanted) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, 100);
        if (!message) continue;
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && !is_ready) {
            is_ready = 1;
            puts("ready");
            fflush(stdout);
        } else if (!message->err) {
            uint64_t number, time;
            memcpy(&number, message->payload, 8);
            memcpy(&time, (char *)message->payload + 8, 8);
            if (!count) start = time;
            if (number != count) out_of_order++;
            note(time);
        }
        rd_kafka_message_destroy(message);
    }
    report("read");
}

int main(int argc, char **argv) {
    if (argc != 6) {
        fprintf(stderr, "usage: bare_client produce|consume BOOTSTRAP TOPIC RATE COUNT\n");
        return 2;
    }
    wanted = strtoul(argv[5], NULL, 10);
    microseconds = calloc(wanted, sizeof *microseconds);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", argv[2]);
    set(conf, "socket.nagle.disable", "true");
    set(conf, "log_level", "0");
    if (strcmp(argv[1], "produce") == 0)
        produce(conf, argv[3], strtoul(argv[4], NULL, 10));
    else
        consume(conf, argv[3]);
    return 0;
}
