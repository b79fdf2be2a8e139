// A disk that remembers in which order it was given what: preloaded into a broker, it writes down each change of a file
// or a name under DISK_ROOT, and the beginning and the end of each fsync, in the order in which they happened.
// lost_power.py reads that, and knows what a loss of power at any of these moments may have left.
//
//     LD_PRELOAD=disk_recorder.so DISK_ROOT=folder DISK_JOURNAL=file DISK_SYNC_MICROSECONDS=2000 broker
//
// The disk itself is not asked to sync: an fsync takes as long as it is told to. An entry of the journal: when
// (monotonic nanoseconds), what, a descriptor, a number, how many bytes follow, and those: a path, two paths, or what
// was written.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { DESCRIPTORS = 65536 };
struct entry {
    uint64_t when;
    int32_t what, descriptor;
    int64_t number;
    uint64_t byte_count;
} __attribute__((packed));

static int journal = -1;
static char root[PATH_MAX];
static unsigned sync_microseconds;
static volatile char is_watched[DESCRIPTORS];

// The libc's own function of that name.
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("DISK_ROOT"), *path = getenv("DISK_JOURNAL"), *time = getenv("DISK_SYNC_MICROSECONDS");
    if (!folder || !path) return;
    snprintf(root, sizeof root, "%s", folder);
    sync_microseconds = time ? (unsigned)atoi(time) : 0;
    journal = REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (journal < 0) abort();
}

static int is_ours(const char *path) {
    size_t count = strlen(root);
    return journal >= 0 && strncmp(path, root, count) == 0 && (path[count] == 0 || path[count] == '/');
}
static int is_open(int descriptor) { return descriptor >= 0 && descriptor < DESCRIPTORS && is_watched[descriptor]; }

// One write: entries of several threads do not mix, and each is there before the call that it tells of returns.
static void note(char what, int descriptor, int64_t number, const void *bytes, size_t count) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    struct entry entry = {
        (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec, what, descriptor, number, count};
    struct iovec pieces[] = {{&entry, sizeof entry}, {(void *)bytes, count}};
    int code = errno;
    if (writev(journal, pieces, 2) != (ssize_t)(sizeof entry + count)) abort();
    errno = code;
}

static void note_path(char what, int descriptor, int64_t number, const char *path) {
    note(what, descriptor, number, path, strlen(path));
}

static int opened(int descriptor, const char *path, int flags) {
    if (descriptor < 0 || !is_ours(path)) return descriptor;
    if (descriptor >= DESCRIPTORS) abort();
    is_watched[descriptor] = 1;
    note_path('O', descriptor, flags & O_TRUNC ? 1 : 0, path);
    return descriptor;
}

#define MODE(flags, mode) \
    mode_t mode = 0; \
    if ((flags) & O_CREAT) { va_list list; va_start(list, flags); mode = va_arg(list, mode_t); va_end(list); }

int open(const char *path, int flags, ...) {
    MODE(flags, mode)
    return opened(REAL(open)(path, flags, mode), path, flags);
}

int open64(const char *path, int flags, ...) {
    MODE(flags, mode)
    return opened(REAL(open64)(path, flags, mode), path, flags);
}

int openat(int at, const char *path, int flags, ...) {
    MODE(flags, mode)
    return opened(REAL(openat)(at, path, flags, mode), path, flags);
}

int close(int descriptor) {
    if (is_open(descriptor)) {
        is_watched[descriptor] = 0;
        note('C', descriptor, 0, NULL, 0);
    }
    return REAL(close)(descriptor);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t position) {
    ssize_t done = REAL(pwrite)(descriptor, bytes, count, position);
    if (done > 0 && is_open(descriptor)) note('W', descriptor, position, bytes, (size_t)done);
    return done;
}

int ftruncate(int descriptor, off_t size) {
    int failed = REAL(ftruncate)(descriptor, size);
    if (!failed && is_open(descriptor)) note('T', descriptor, size, NULL, 0);
    return failed;
}

int posix_fallocate(int descriptor, off_t position, off_t count) {
    int code = REAL(posix_fallocate)(descriptor, position, count);
    if (!code && is_open(descriptor)) note('A', descriptor, position + count, NULL, 0);
    return code;
}

static int synced(int descriptor) {
    note('S', descriptor, 0, NULL, 0);
    usleep(sync_microseconds);
    note('E', descriptor, 0, NULL, 0);
    return 0;
}

int fsync(int descriptor) { return is_open(descriptor) ? synced(descriptor) : REAL(fsync)(descriptor); }
int fdatasync(int descriptor) { return is_open(descriptor) ? synced(descriptor) : REAL(fdatasync)(descriptor); }

int rename(const char *from, const char *to) {
    char both[2 * PATH_MAX];
    int failed = REAL(rename)(from, to);
    if (failed || !is_ours(from)) return failed;
    int count = snprintf(both, sizeof both, "%s\n%s", from, to);
    note('R', -1, 0, both, (size_t)count);
    return 0;
}

#define OF_A_NAME(name, what, parameters, ...) \
    int name parameters { \
        int failed = REAL(name)(__VA_ARGS__); \
        if (!failed && is_ours(path)) note_path(what, -1, 0, path); \
        return failed; \
    }
OF_A_NAME(unlink, 'U', (const char *path), path)
OF_A_NAME(rmdir, 'U', (const char *path), path)
OF_A_NAME(mkdir, 'M', (const char *path, mode_t mode), path, mode)
