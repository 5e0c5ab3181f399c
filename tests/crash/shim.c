/* shim.c - a power failure at the n-th write, or a sync that fails, for a server that is started
 * with this library before libc (LD_PRELOAD).
 *
 *     SHIM_FAIL_AT=n   the n-th write to a file of data is the last thing that happens
 *     SHIM_SEED=s      what is left of what was not synced then: none of it, some of it, or
 *                      some with its end turned to zeros
 *
 *     SHIM_SYNC_FAIL_AT=n, SHIM_SYNC_ERRNO=e     the n-th sync of a file of commands fails so, and
 *                      what was written to it behind the sync before it is zeros from then on, as
 *                      when a disk has lost it
 *     SHIM_SYNC_FAILURES=m     and the m - 1 syncs after it (usually 1 in all)
 *
 *     SHIM_MANIFEST_FAIL_AT=n     the n-th manifest is renamed, but its directory not synced
 *
 *     SHIM_SLOW_MS=t     a slow disk: syncs, renaming and removing a file take so long more
 *     SHIM_DATASYNC_MS=t     ... fdatasync alone
 *
 * Files of data are those in a directory appendonlydir and those of RDBs. What was written to them
 * behind their last fsync is dropped or torn; then the process ends at once, with status 137.
 * Threads: any, under one lock.
 */
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <errno.h>
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
static long writes, fail_at = -1, syncs, sync_fail_at, sync_failures;
static long manifests, manifest_fail_at;
static int manifest_is_loose; /* renamed, and its directory not synced yet */
static int sync_errno;
static unsigned slow_ms, datasync_ms;
static unsigned seed;

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

static long number_of(const char *name, long otherwise) {
    const char *text = getenv(name);
    return text ? atol(text) : otherwise;
}

static void prepare(void) {
    if (fail_at >= 0) return;
    const char *at = getenv("SHIM_FAIL_AT"), *s = getenv("SHIM_SEED");
    fail_at = at ? atol(at) : 0;
    seed = s ? (unsigned)atoi(s) : 1;
    sync_fail_at = number_of("SHIM_SYNC_FAIL_AT", 0);
    sync_failures = number_of("SHIM_SYNC_FAILURES", 1);
    manifest_fail_at = number_of("SHIM_MANIFEST_FAIL_AT", 0);
    sync_errno = (int)number_of("SHIM_SYNC_ERRNO", EIO);
    slow_ms = (unsigned)number_of("SHIM_SLOW_MS", 0);
    datasync_ms = (unsigned)number_of("SHIM_DATASYNC_MS", 0);
}

static int path_of(int fd, char path[PATH_BYTES]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, PATH_BYTES - 1);
    path[n > 0 ? n : 0] = 0;
    return n > 0;
}

static int is_data(int fd) {
    char path[PATH_BYTES];
    return path_of(fd, path) && (strstr(path, "appendonlydir/") || strstr(path, ".rdb"));
}

static int is_commands(int fd) {
    char path[PATH_BYTES];
    return path_of(fd, path) && strstr(path, "appendonlydir/") && strstr(path, "incr");
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

/* Under the lock: whether this sync is one that fails. The lost bytes count as synced: that is what
 * a later sync would say of them. */
static int fails(int fd, struct file *f, off_t size) {
    prepare();
    if (!sync_fail_at || !is_commands(fd)) return 0;
    syncs++;
    if (syncs < sync_fail_at || syncs >= sync_fail_at + sync_failures) return 0;
    ssize_t (*real)(int, const void *, size_t, off_t) = next("pwrite");
    for (; f->synced < size; f->synced++) {
        if (real(f->fd, "", 1, f->synced) < 0) break;
    }
    return 1;
}

static void be_slow(const unsigned *ms) {
    pthread_mutex_lock(&lock);
    prepare();
    pthread_mutex_unlock(&lock);
    if (*ms) usleep(*ms * 1000);
}

/* What was there when the sync began is on disk when it has ended. */
static int synced(int fd, int (*real)(int)) {
    struct stat st;
    be_slow(&slow_ms);
    pthread_mutex_lock(&lock);
    struct file *f = track(fd);
    int sized = f && fstat(fd, &st) == 0;
    int failed = sized && fails(fd, f, st.st_size);
    pthread_mutex_unlock(&lock);
    if (failed) {
        errno = sync_errno;
        return -1;
    }
    int rc = real(fd);
    pthread_mutex_lock(&lock);
    if (sized && rc == 0 && st.st_size > f->synced) f->synced = st.st_size;
    pthread_mutex_unlock(&lock);
    return rc;
}

int fdatasync(int fd) {
    be_slow(&datasync_ms);
    return synced(fd, next("fdatasync"));
}

/* Whether this is the sync of the directory behind the manifest that is meant. */
static int leaves_manifest_loose(int fd) {
    struct stat st;
    pthread_mutex_lock(&lock);
    prepare();
    int of_manifest = manifest_is_loose && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
    if (of_manifest) manifest_is_loose = 0;
    int fails = of_manifest && ++manifests == manifest_fail_at;
    pthread_mutex_unlock(&lock);
    return fails;
}

int fsync(int fd) {
    if (!leaves_manifest_loose(fd)) return synced(fd, next("fsync"));
    errno = EIO;
    return -1;
}

int rename(const char *from, const char *to) {
    int (*real)(const char *, const char *) = next("rename");
    be_slow(&slow_ms);
    int rc = real(from, to);
    pthread_mutex_lock(&lock);
    if (rc == 0 && strstr(to, ".manifest")) manifest_is_loose = 1;
    pthread_mutex_unlock(&lock);
    return rc;
}

int unlink(const char *path) {
    int (*real)(const char *) = next("unlink");
    be_slow(&slow_ms);
    return real(path);
}
