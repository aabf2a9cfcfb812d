/* Loaded before the C library: a disk with so many bytes left, and a clock that was set.
 *
 * Writes to regular files, standard streams aside, take from the room that is left; without room
 * they fail as on a full disk, the last one in the middle. Only the calls that files are written with here are covered. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static atomic_long room = LONG_MAX;
static atomic_long shift = 0;
static atomic_long refused = 0;

void set_room(long bytes) { room = bytes; refused = 0; }
long count_refused(void) { return refused; }
void shift_clock(long seconds) { shift = seconds; }

/* How many of `wanted` bytes there is room for; 0 where there is none. */
static size_t take(int file, size_t wanted) {
    struct stat found;
    if (room == LONG_MAX || file <= 2 || wanted == 0 || fstat(file, &found) || !S_ISREG(found.st_mode))
        return wanted;
    long left = atomic_load(&room), taken;
    do {
        taken = left < (long)wanted ? left : (long)wanted;
        if (taken <= 0) {
            refused++;
            return 0;
        }
    } while (!atomic_compare_exchange_weak(&room, &left, left - taken));
    return (size_t)taken;
}

#define REAL(type, name, ...)                                                                      \
    static type (*real)(__VA_ARGS__);                                                              \
    if (!real) real = dlsym(RTLD_NEXT, name)
#define TAKE(wanted)                                                                               \
    size_t taken = take(file, wanted);                                                             \
    if (taken == 0 && (wanted) > 0) {                                                              \
        errno = ENOSPC;                                                                            \
        return -1;                                                                                 \
    }

ssize_t write(int file, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    TAKE(size);
    return real(file, data, taken);
}

ssize_t pwrite(int file, const void *data, size_t size, off_t offset) {
    REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
    TAKE(size);
    return real(file, data, taken, offset);
}

ssize_t pwrite64(int file, const void *data, size_t size, off64_t offset) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    TAKE(size);
    return real(file, data, taken, offset);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    size_t size = 0;
    for (int part = 0; part < count; part++) size += parts[part].iov_len;
    TAKE(size);
    if (taken < size) {
        errno = ENOSPC;
        return -1;
    }
    return real(file, parts, count);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(int, "clock_gettime", clockid_t, struct timespec *);
    int result = real(clock, now);
    if (result == 0 && clock == CLOCK_REALTIME) now->tv_sec += shift;
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    REAL(int, "gettimeofday", struct timeval *restrict, void *restrict);
    int result = real(now, zone);
    if (result == 0) now->tv_sec += shift;
    return result;
}

time_t time(time_t *where) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (where) *where = now.tv_sec;
    return now.tv_sec;
}
