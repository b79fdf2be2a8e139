#pragma once
#include <sys/types.h>
#include <sys/select.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <sys/eventfd.h>
