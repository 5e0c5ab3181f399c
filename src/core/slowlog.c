/* slowlog.c - see slowlog.h. */
#include "core/slowlog.h"

#include <stdio.h>

#include "base/mem.h"
#include "core/config.h"
#include "core/exec.h"
#include "core/redact.h"

#define MORE_BYTES_MAX 48 /* of "... (n more bytes)" */

struct log {
    struct list entries;
    size_t count;
    int64_t next_id;
};

struct slowlog {
    const struct config *conf;
    struct log logs[SLOWLOG_KINDS];
};

struct slowlog *slowlog_new(const struct config *conf) {
    struct slowlog *sl = mem_calloc(sizeof *sl);
    sl->conf = conf;
    for (int i = 0; i < SLOWLOG_KINDS; i++) list_init(&sl->logs[i].entries);
    return sl;
}

void slowlog_free(struct slowlog *sl) {
    for (int i = 0; i < SLOWLOG_KINDS; i++) slowlog_reset(sl, i);
    mem_free(sl);
}

static struct slowlog_entry *entry_of(struct list_link *l) {
    return l ? LIST_MEMBER(l, struct slowlog_entry, link) : NULL;
}

static void trim(struct log *log, size_t count_max) {
    for (; log->count > count_max; log->count--) {
        struct slowlog_entry *e = entry_of(list_last(&log->entries));
        list_unlink(&e->link);
        mem_free(e);
    }
}

/* -- making entries ------------------------------------------------------------------ */

/* Where the bytes of an entry go, behind its arguments. */
struct pen {
    char *at;
};

static struct slice pen_put(struct pen *pen, const void *p, size_t n) {
    char *start = pen->at;
    memcpy(start, p, n);
    pen->at += n;
    return slice_of(start, n);
}

static struct slice pen_argument(struct pen *pen, struct slice arg) {
    char more[MORE_BYTES_MAX];
    if (arg.n <= SLOWLOG_ARG_BYTES_MAX) return pen_put(pen, arg.p, arg.n);
    int n = snprintf(more, sizeof more, "... (%zu more bytes)", arg.n - SLOWLOG_ARG_BYTES_MAX);
    struct slice head = pen_put(pen, arg.p, SLOWLOG_ARG_BYTES_MAX);
    pen_put(pen, more, (size_t)n);
    return slice_of(head.p, head.n + (size_t)n);
}

static size_t argument_bytes(struct slice arg) {
    return arg.n <= SLOWLOG_ARG_BYTES_MAX ? arg.n : SLOWLOG_ARG_BYTES_MAX + MORE_BYTES_MAX;
}

static struct slowlog_entry *entry_new(const struct session *s, const struct request *req) {
    enum redact_rule rule = redact_rule(s->core->rows, req->row);
    bool cut = req->argc > SLOWLOG_ARGS_MAX;
    int argc = cut ? SLOWLOG_ARGS_MAX : req->argc, whole = cut ? argc - 1 : argc;
    struct slice addr = slice_cstr(s->addr), name = slice_cstr(s->name ? s->name : "");
    size_t bytes = addr.n + name.n + MORE_BYTES_MAX;
    for (int i = 0; i < whole; i++) bytes += argument_bytes(redact_argument(rule, req->argv, i));

    struct slowlog_entry *e = mem_alloc(sizeof *e + (size_t)argc * sizeof *e->argv + bytes);
    struct pen pen = {(char *)&e->argv[argc]};
    e->argc = argc;
    e->addr = pen_put(&pen, addr.p, addr.n);
    e->name = pen_put(&pen, name.p, name.n);
    for (int i = 0; i < whole; i++)
        e->argv[i] = pen_argument(&pen, redact_argument(rule, req->argv, i));
    if (cut) {
        int n = snprintf(pen.at, MORE_BYTES_MAX, "... (%d more arguments)", req->argc - whole);
        e->argv[whole] = slice_of(pen.at, (size_t)n);
    }
    return e;
}

static void note(struct log *log, size_t count_max, const struct session *s,
                 const struct request *req, int64_t value) {
    struct slowlog_entry *e = entry_new(s, req);
    e->id = log->next_id++;
    e->unix_s = s->core->now_ms / 1000;
    e->value = value;
    list_link_init(&e->link);
    list_push_front(&log->entries, &e->link);
    log->count++;
    trim(log, count_max);
}

void slowlog_note(struct slowlog *sl, const struct session *s, const struct request *req,
                  int64_t us) {
    if (sl->conf->slowlog_slower_than_us < 0 || us < sl->conf->slowlog_slower_than_us) return;
    note(&sl->logs[SLOWLOG_SLOW], (size_t)sl->conf->slowlog_max_len, s, req, us);
}

void slowlog_note_bytes(struct slowlog *sl, enum slowlog_kind kind, const struct session *s,
                        const struct request *req, size_t bytes) {
    if (bytes < SLOWLOG_LARGE_BYTES_MIN) return;
    note(&sl->logs[kind], SLOWLOG_LARGE_COUNT_MAX, s, req, (int64_t)bytes);
}

/* -- reading ------------------------------------------------------------------------- */

size_t slowlog_length(const struct slowlog *sl, enum slowlog_kind kind) {
    return sl->logs[kind].count;
}

void slowlog_reset(struct slowlog *sl, enum slowlog_kind kind) { trim(&sl->logs[kind], 0); }

const struct slowlog_entry *slowlog_newest(const struct slowlog *sl, enum slowlog_kind kind) {
    return entry_of(list_first(&sl->logs[kind].entries));
}

const struct slowlog_entry *slowlog_older(const struct slowlog *sl, enum slowlog_kind kind,
                                          const struct slowlog_entry *e) {
    return entry_of(list_next(&sl->logs[kind].entries, &e->link));
}
