/* writer.c - see writer.h. */
#include "persist/writer.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/nap.h"
#include "wire/aof.h"
#include "work/thread.h"

#define PART_BYTES_MIN (16 * 1024)
#define RETRY_MS 1000
#define GATHER_PARTS 4 /* what of the time of a sync is waited for a group to gather */
#define GATHER_US_MAX 1000
#define SYNC_MS 1000

/* Bytes for one file. */
struct part {
    struct part *next;
    struct outfile *file;
    char *bytes;
    size_t n, size;
    uint64_t end; /* offset of the stream */
    bool last;    /* of its file, which is closed behind it */
};

struct log_writer {
    pthread_t thread, syncer;
    void (*woken)(void *ctx);
    void *woken_ctx;
    struct part *writing; /* the thread's: taken, and not written */

    pthread_mutex_t lock;
    pthread_cond_t work, sync_work; /* for the two threads */
    pthread_cond_t done;            /* for log_writer_finish */
    pthread_cond_t synced;          /* no sync is under way any more */
    struct part *first, *last;      /* never empty: the last one is open */
    struct outfile *file;           /* that `written` is in; NULL while it is ended */
    struct log_writer_state state;
    enum log_sync sync;
    uint64_t synced_ms;       /* when the last sync ended */
    uint64_t sync_us;         /* what a sync takes */
    uint64_t gather_until_us; /* monotonic; 0: none gathers */
    uint64_t lost_to;         /* with a sync_error: bytes up to here may be lost */
    uint64_t hurry_to;        /* to be synced up to here at once */
    bool stop, idle, syncer_idle;
    _Atomic int delay_us;
    size_t expected; /* bytes that the next group may have */
};

static struct part *part_new(struct outfile *file, uint64_t end) {
    struct part *p = mem_calloc(sizeof *p);
    p->file = file;
    p->end = end;
    return p;
}

static void part_free(struct part *p) {
    mem_free(p->bytes);
    mem_free(p);
}

/* ---- syncing ------------------------------------------------------------------------ */

/* Under the lock: an error is told once, to whoever syncs then, so that one syncs at a time. */
static void begin_sync(struct log_writer *w) {
    while (w->state.syncing_since_ms) pthread_cond_wait(&w->synced, &w->lock);
    w->state.syncing_since_ms = clock_mono_ms();
}

static void end_sync(struct log_writer *w) {
    w->state.syncing_since_ms = 0;
    w->synced_ms = clock_mono_ms();
    pthread_cond_broadcast(&w->synced);
    pthread_cond_broadcast(&w->done);
}

/* Under the lock: a sync has failed. What is being written may be lost too. */
static void note_lost(struct log_writer *w, int err) {
    w->state.sync_error = err;
    w->lost_to = w->state.appended;
}

/* Under the lock: whether what is written is to be synced. */
static bool is_unsynced(const struct log_writer *w) {
    return w->file && w->state.written > w->state.synced && !w->state.sync_error;
}

/* Under the lock, which is let go meanwhile: syncs what is written. */
static void sync_written(struct log_writer *w) {
    begin_sync(w);
    if (!is_unsynced(w)) { /* the file has ended meanwhile */
        end_sync(w);
        return;
    }
    struct outfile *file = w->file;
    uint64_t up_to = w->state.written, begun_us = clock_mono_us();
    pthread_mutex_unlock(&w->lock);
    int err = outfile_sync(file);
    pthread_mutex_lock(&w->lock);
    uint64_t took_us = clock_mono_us() - begun_us;
    w->sync_us = w->sync_us ? (3 * w->sync_us + took_us) / 4 : took_us;
    w->expected = up_to - w->state.synced + w->state.waiting_bytes;
    if (err) {
        note_lost(w, err);
    } else {
        w->state.synced = up_to;
    }
    end_sync(w);
}

/* The end of a file: all of it is on disk before another one is written. */
static void end_file(struct log_writer *w, struct outfile *file) {
    pthread_mutex_lock(&w->lock);
    begin_sync(w);
    w->file = NULL;
    pthread_mutex_unlock(&w->lock);
    int err = outfile_sync(file);
    outfile_close(file);
    pthread_mutex_lock(&w->lock);
    if (err) note_lost(w, err);
    end_sync(w);
    pthread_mutex_unlock(&w->lock);
}

static void wait_until(struct log_writer *w, pthread_cond_t *cond, uint64_t mono_us) {
    struct timespec at = {(time_t)(mono_us / 1000000), (long)(mono_us % 1000000) * 1000};
    pthread_cond_timedwait(cond, &w->lock, &at);
}

/* Under the lock, which is let go meanwhile. */
static void tell(struct log_writer *w) {
    pthread_mutex_unlock(&w->lock);
    w->woken(w->woken_ctx);
    pthread_mutex_lock(&w->lock);
}

/* Under the lock: whether somebody waits for a sync. */
static bool is_asked(const struct log_writer *w) { return w->hurry_to > w->state.synced; }

/* Under the lock: whether the writing thread is to sync, at once; whether the other one is to, at
 * once or when the second is over. */
static bool is_for_writer(const struct log_writer *w) {
    return is_unsynced(w) && w->sync == LOG_SYNC_ALWAYS;
}

static bool is_for_syncer(const struct log_writer *w) {
    if (!is_unsynced(w) || w->sync == LOG_SYNC_ALWAYS) return false;
    return w->sync == LOG_SYNC_EVERY_SECOND || is_asked(w);
}

static void run_syncer(void *arg) {
    struct log_writer *w = arg;
    pthread_mutex_lock(&w->lock);
    while (!w->stop) {
        if (!is_for_syncer(w)) {
            w->syncer_idle = true;
            pthread_cond_wait(&w->sync_work, &w->lock);
            w->syncer_idle = false;
        } else if (!is_asked(w) && clock_mono_ms() - w->synced_ms < SYNC_MS) {
            wait_until(w, &w->sync_work, (w->synced_ms + SYNC_MS) * 1000);
        } else {
            sync_written(w);
            tell(w);
        }
    }
    pthread_mutex_unlock(&w->lock);
}

/* ---- writing ------------------------------------------------------------------------ */

/* The group, and the end of the file if it is its last one. A stamp that the group would begin with
 * stands before it, where other readers look for one. */
static int write_part(struct part *p) {
    char line[AOF_GROUP_LINE_BYTES_MAX];
    const char *at = p->bytes, *end = at + p->n;
    if (p->n && *at == '#') aof_take_comment(&at, end);
    struct slice stamp = slice_of(p->bytes, (size_t)(at - p->bytes));
    struct slice group = slice_of(at, (size_t)(end - at));
    struct slice parts[] = {stamp, slice_of(line, aof_put_group(line, group)), group};
    int err = p->n ? outfile_write(p->file, parts, group.n ? 3 : 1) : 0;
    if (err) return err;
    p->n = 0;
    return p->last ? outfile_end(p->file) : 0;
}

/* Writes what was taken as far as possible, up to *written; 0 or a negative errno. */
static int write_taken(struct log_writer *w, uint64_t *written) {
    for (struct part *p; (p = w->writing);) {
        int err = write_part(p);
        if (err) return err;
        *written = p->end;
        w->writing = p->next;
        if (p->last) end_file(w, p->file);
        part_free(p);
    }
    return 0;
}

/* Under the lock: takes all that has gathered. */
static void take(struct log_writer *w) {
    struct part *open = w->last, **end = &w->writing;
    if (w->first == open && !open->n) return;
    while (*end) end = &(*end)->next;
    *end = w->first;
    w->first = w->last = part_new(open->file, open->end);
    w->state.waiting_bytes = 0;
}

/* Under the lock, with something to write: whether to wait for more of it. */
static bool gathers(struct log_writer *w) {
    if (w->sync != LOG_SYNC_ALWAYS || w->first != w->last || w->writing) {
        w->gather_until_us = 0;
        return false;
    }
    uint64_t now_us = clock_mono_us();
    if (!w->gather_until_us) {
        uint64_t most_us = w->sync_us / GATHER_PARTS;
        w->gather_until_us = now_us + (most_us < GATHER_US_MAX ? most_us : GATHER_US_MAX);
    }
    if (w->state.waiting_bytes < w->expected && now_us < w->gather_until_us) return true;
    w->gather_until_us = 0;
    return false;
}

/* Under the lock: waits for something to do. */
static void wait_for_work(struct log_writer *w) {
    for (;;) {
        bool failed = w->writing != NULL;
        bool more = !failed && (w->first != w->last || w->last->n);
        if (w->stop || is_for_writer(w)) return;
        if (more && !gathers(w)) return;
        w->idle = true;
        if (more) {
            wait_until(w, &w->work, w->gather_until_us);
            w->idle = false;
            continue;
        }
        pthread_cond_broadcast(&w->done);
        if (failed) {
            wait_until(w, &w->work, (clock_mono_ms() + RETRY_MS) * 1000);
            w->idle = false;
            return;
        }
        pthread_cond_wait(&w->work, &w->lock);
        w->idle = false;
    }
}

/* Under the lock, which is let go meanwhile: writes what has gathered. */
static void write_gathered(struct log_writer *w) {
    uint64_t written = w->state.written;
    take(w);
    struct outfile *open = w->last->file;
    pthread_mutex_unlock(&w->lock);
    if (w->delay_us) nap_delay(w->delay_us, 0, NULL);
    int err = write_taken(w, &written);
    pthread_mutex_lock(&w->lock);
    w->state.written = written;
    w->state.write_error = err;
    if (err) return;
    bool more = w->first != w->last || w->last->n;
    w->state.waiting_since_ms = more ? clock_mono_ms() : 0;
    w->state.bytes = open->bytes;
    w->file = open;
}

static void turn(struct log_writer *w) {
    struct log_writer_state before = w->state;
    const struct log_writer_state *s = &w->state;
    write_gathered(w);
    bool news = s->written != before.written && w->sync != LOG_SYNC_ALWAYS;
    if (!s->write_error && is_for_writer(w)) sync_written(w);
    if ((w->syncer_idle || is_asked(w)) && is_for_syncer(w)) pthread_cond_signal(&w->sync_work);
    if (news || s->synced != before.synced || s->write_error != before.write_error ||
        s->sync_error != before.sync_error)
        tell(w);
}

static void run(void *arg) {
    struct log_writer *w = arg;
    pthread_mutex_lock(&w->lock);
    while (wait_for_work(w), !w->stop) turn(w);
    pthread_mutex_unlock(&w->lock);
}

/* ---- the loop ----------------------------------------------------------------------- */

struct log_writer *log_writer_new(struct outfile *file, uint64_t end, void (*woken)(void *ctx),
                                  void *ctx) {
    struct log_writer *w = mem_calloc(sizeof *w);
    pthread_condattr_t attr;
    w->woken = woken;
    w->woken_ctx = ctx;
    w->first = w->last = part_new(file, end);
    w->state.appended = w->state.written = w->state.synced = end;
    w->state.bytes = file->bytes;
    w->file = file;
    w->synced_ms = clock_mono_ms();
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->work, &attr);
    pthread_cond_init(&w->sync_work, &attr);
    pthread_cond_init(&w->done, &attr);
    pthread_cond_init(&w->synced, &attr);
    pthread_condattr_destroy(&attr);
    const struct work_thread_kind kind = {"log", 0, NULL}; /* replies wait for it */
    const struct work_thread_kind syncer = {"log sync", 0, NULL};
    if (!work_thread_start(&w->thread, kind, run, w) ||
        !work_thread_start(&w->syncer, syncer, run_syncer, w))
        panic(__FILE__, __LINE__, "the system gives no thread for the log");
    return w;
}

/* Under the lock. */
static void wake_both(struct log_writer *w) {
    pthread_cond_signal(&w->work);
    pthread_cond_signal(&w->sync_work);
}

void log_writer_free(struct log_writer *w) {
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    wake_both(w);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_join(w->syncer, NULL);
    struct outfile *open = w->last->file;
    if (!w->writing && w->first == w->last && !open->pending && outfile_end(open) == 0)
        outfile_sync(open);
    for (struct part *p = w->writing, *next; p; p = next) {
        next = p->next;
        if (p->last) outfile_close(p->file);
        part_free(p);
    }
    for (struct part *p = w->first, *next; p; p = next) {
        next = p->next;
        if (p->last) outfile_close(p->file);
        part_free(p);
    }
    outfile_close(open);
    pthread_cond_destroy(&w->work);
    pthread_cond_destroy(&w->sync_work);
    pthread_cond_destroy(&w->done);
    pthread_cond_destroy(&w->synced);
    pthread_mutex_destroy(&w->lock);
    mem_free(w);
}

void log_writer_set_sync(struct log_writer *w, enum log_sync sync) {
    pthread_mutex_lock(&w->lock);
    w->sync = sync;
    wake_both(w);
    pthread_mutex_unlock(&w->lock);
}

void log_writer_set_delay(struct log_writer *w, int us) { w->delay_us = us; }

static void add(struct part *p, const char *bytes, size_t n) {
    if (p->n + n > p->size) {
        size_t size = p->size ? p->size : PART_BYTES_MIN;
        while (size < p->n + n) size *= 2;
        p->bytes = mem_realloc(p->bytes, size);
        p->size = size;
    }
    memcpy(p->bytes + p->n, bytes, n);
    p->n += n;
}

void log_writer_append(struct log_writer *w, const char *p, size_t n, uint64_t end) {
    pthread_mutex_lock(&w->lock);
    add(w->last, p, n);
    w->last->end = w->state.appended = end;
    w->state.waiting_bytes += n;
    if (!w->state.waiting_since_ms) w->state.waiting_since_ms = clock_mono_ms();
    bool gathering = w->gather_until_us && w->state.waiting_bytes < w->expected;
    if (w->idle && !gathering) pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
}

void log_writer_switch(struct log_writer *w, struct outfile *next) {
    pthread_mutex_lock(&w->lock);
    struct part *open = part_new(next, w->last->end);
    w->last->last = true;
    w->last->next = open;
    w->last = open;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
}

void log_writer_hurry(struct log_writer *w) {
    pthread_mutex_lock(&w->lock);
    w->hurry_to = w->last->end;
    wake_both(w);
    pthread_mutex_unlock(&w->lock);
}

bool log_writer_finish(struct log_writer *w) {
    pthread_mutex_lock(&w->lock);
    uint64_t end = w->hurry_to = w->last->end;
    wake_both(w);
    const struct log_writer_state *s = &w->state;
    while (s->synced < end && !(s->sync_error && s->written >= end) &&
           !(s->write_error && w->idle)) {
        pthread_cond_wait(&w->done, &w->lock);
    }
    bool ok = s->synced >= end;
    pthread_mutex_unlock(&w->lock);
    return ok;
}

void log_writer_forgive(struct log_writer *w, uint64_t up_to) {
    pthread_mutex_lock(&w->lock);
    if (w->state.sync_error && up_to > w->state.synced) w->state.synced = up_to;
    if (up_to >= w->lost_to) w->state.sync_error = 0;
    wake_both(w);
    pthread_mutex_unlock(&w->lock);
}

struct log_writer_state log_writer_state(struct log_writer *w) {
    pthread_mutex_lock(&w->lock);
    struct log_writer_state s = w->state;
    pthread_mutex_unlock(&w->lock);
    return s;
}
