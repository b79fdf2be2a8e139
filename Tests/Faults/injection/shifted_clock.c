// Preloaded into one process, whose wall clock is then off by CLOCK_SHIFT seconds, or by what stands in the file that
// CLOCK_SHIFT_FILE names (a 64-bit number in the machine's order, which may change while the process runs). Waiting until
// a moment of that clock takes as long as before: the moment is given to the system as its own clock counts.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int64_t fixed;
static volatile int64_t *seconds = &fixed;

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("CLOCK_SHIFT"), *path = getenv("CLOCK_SHIFT_FILE");
    if (text) fixed = atol(text);
    if (!path) return;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) abort();
    void *place = mmap(NULL, sizeof *seconds, PROT_READ, MAP_SHARED, file, 0);
    if (place == MAP_FAILED) abort();
    seconds = place;
    close(file);
}

static long shift(void) { return *seconds; }

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
