#pragma once
// What the C library declares is the C library's, whichever of our modules the compiler happens to load first.
#pragma clang module import SwiftGlibc
#include <sys/types.h>
#include <sys/select.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <netinet/tcp.h>
#include <event2/event.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <event2/thread.h>
#include <sys/prctl.h>
static inline void clibevent_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }
