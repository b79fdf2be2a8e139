// Preloaded into one process, whose wall clock is then CLOCK_SHIFT seconds off. Waiting until a moment of that clock
// takes as long as before: the moment is given to the system as its own clock counts.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long shift(void) {
    static long known, is_known;
    if (!is_known) {
        const char *text = getenv("CLOCK_SHIFT");
        known = text ? atol(text) : 0;
        is_known = 1;
    }
    return known;
}

static int is_wall(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE; }

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (syscall(SYS_clock_gettime, clock, now) != 0) return -1;
    if (is_wall(clock)) now->tv_sec += shift();
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *place) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (place) *place = now.tv_sec;
    return now.tv_sec;
}

typedef int (*Wait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);

int pthread_cond_timedwait(
    pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex, const struct timespec *restrict until) {
    static Wait real;
    if (!real) real = (Wait)dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    struct timespec moment = *until, up;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &up);
    // A condition may wait by the clock that counts from the start of the machine: that one is left as it is.
    const long year = 365L * 86400;
    if (moment.tv_sec > up.tv_sec + year) moment.tv_sec -= shift();
    return real(condition, mutex, &moment);
}
