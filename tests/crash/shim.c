/* shim.c - a power failure at the n-th write, for a server that is started with this library before
 * libc (LD_PRELOAD).
 *
 *     SHIM_FAIL_AT=n   the n-th write to a file of data is the last thing that happens
 *     SHIM_SEED=s      what is left of what was not synced then: none of it, some of it, or
 *                      some with its end turned to zeros
 *
 * Files of data are those in a directory appendonlydir and those of RDBs. What was written to them
 * behind their last fsync is dropped or torn; then the process ends at once, with status 137.
 * Threads: any, under one lock.
 */
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES_MAX 1024
#define PATH_BYTES 512

struct file {
    dev_t dev;
    ino_t ino;
    int fd; /* our own */
    off_t synced;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct file files[FILES_MAX];
static int file_count;
static long writes, fail_at = -1;
static unsigned seed;

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

static void prepare(void) {
    if (fail_at >= 0) return;
    const char *at = getenv("SHIM_FAIL_AT"), *s = getenv("SHIM_SEED");
    fail_at = at ? atol(at) : 0;
    seed = s ? (unsigned)atoi(s) : 1;
}

static int is_data(int fd) {
    char link[64], path[PATH_BYTES];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    return strstr(path, "appendonlydir/") || strstr(path, ".rdb");
}

/* What is known of the file, before something is written to it; NULL: it is none of data. */
static struct file *track(int fd) {
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) return NULL;
    for (int i = 0; i < file_count; i++) {
        if (files[i].dev == st.st_dev && files[i].ino == st.st_ino) return &files[i];
    }
    if (file_count == FILES_MAX || !is_data(fd)) return NULL;
    files[file_count] = (struct file){st.st_dev, st.st_ino, dup(fd), st.st_size};
    return &files[file_count++];
}

static void tear(const struct file *f) {
    struct stat st;
    if (fstat(f->fd, &st) < 0 || st.st_size <= f->synced) return;
    off_t loose = st.st_size - f->synced, kept = 0;
    if (rand_r(&seed) % 3) kept = (off_t)(rand_r(&seed) % (unsigned)(loose + 1));
    if (ftruncate(f->fd, f->synced + kept) < 0) return;
    if (!kept || rand_r(&seed) % 2) return;
    char zeros[512] = {0};
    off_t n = kept < (off_t)sizeof zeros ? kept : (off_t)sizeof zeros;
    ssize_t (*real)(int, const void *, size_t, off_t) = next("pwrite");
    if (real(f->fd, zeros, (size_t)n, f->synced + kept - n) < 0) return;
}

/* Under the lock. */
static void count_write(void) {
    prepare();
    if (++writes != fail_at) return;
    for (int i = 0; i < file_count; i++) tear(&files[i]);
    _exit(137);
}

ssize_t write(int fd, const void *p, size_t n) {
    ssize_t (*real)(int, const void *, size_t) = next("write");
    pthread_mutex_lock(&lock);
    struct file *f = track(fd);
    ssize_t done = real(fd, p, n);
    if (f) count_write();
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at) {
    ssize_t (*real)(int, const struct iovec *, int, off_t) = next("pwritev");
    pthread_mutex_lock(&lock);
    struct file *f = track(fd);
    ssize_t done = real(fd, v, n, at);
    if (f) count_write();
    pthread_mutex_unlock(&lock);
    return done;
}

/* What was there when the sync began is on disk when it has ended. */
static int synced(int fd, int (*real)(int)) {
    struct stat st;
    pthread_mutex_lock(&lock);
    struct file *f = track(fd);
    int sized = f && fstat(fd, &st) == 0;
    pthread_mutex_unlock(&lock);
    int rc = real(fd);
    pthread_mutex_lock(&lock);
    if (sized && rc == 0 && st.st_size > f->synced) f->synced = st.st_size;
    pthread_mutex_unlock(&lock);
    return rc;
}

int fdatasync(int fd) { return synced(fd, next("fdatasync")); }
int fsync(int fd) { return synced(fd, next("fsync")); }
