/* resp_read.c - requests; see resp.h. */
#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"
#include "wire/resp.h"
#include "wire/words.h"

#include <stdio.h>

/* ---- the short way ------------------------------------------------------------------ */

/* A number that stood in a header, and what stands behind it; p is NULL if there was none. */
struct cut {
    const char *p;
    size_t n;
};

/* Digits up to a line end, the number not above limit. */
static __attribute__((noinline)) struct cut cut_number(const char *p, const char *end,
                                                       size_t limit) {
    size_t v = 0;
    const char *first = p;
    for (; p < end && (unsigned char)(*p - '0') < 10; p++) {
        v = v * 10 + (size_t)(*p - '0');
        if (v > limit) return (struct cut){NULL, 0};
    }
    bool whole = p > first && end - p >= 2 && p[0] == '\r' && p[1] == '\n';
    if (!whole || (*first == '0' && p - first > 1)) return (struct cut){NULL, 0};
    return (struct cut){p + 2, v};
}

/* A header: nearly all have one or two digits ("*2", "$16"). As in Redis, the byte behind the
 * CR is not looked at. */
static inline struct cut cut_header(const char *p, const char *end, char type, size_t limit) {
    if (unlikely(end - p < 5 || *p != type)) {
        return (struct cut){NULL, 0}; /* no header ends a command this close */
    }
    const unsigned char *d = (const unsigned char *)p;
    unsigned tens = d[1] - (unsigned)'0', ones = d[2] - (unsigned)'0';
    if (d[3] == '\r' && tens - 1 < 9 && ones < 10) return (struct cut){p + 5, tens * 10 + ones};
    if (d[2] == '\r' && tens < 10) return (struct cut){p + 4, tens};
    return cut_number(p + 1, end, limit);
}

#define HEAD_BYTES ((ptrdiff_t)(RESP_HEAD_WORDS * sizeof(uint64_t)))

static inline bool head_matches(const struct resp_cutter *k, const char *p) {
    uint64_t a, b, c;
    memcpy(&a, p, 8);
    memcpy(&b, p + 8, 8);
    memcpy(&c, p + 16, 8);
    return (((a & k->masks[0]) ^ k->words[0]) | ((b & k->masks[1]) ^ k->words[1]) |
            ((c & k->masks[2]) ^ k->words[2])) == 0;
}

/* No command has the head that is kept: its mask is empty, but not its words. */
static void head_drop(struct resp_cutter *k) {
    memset(k->masks, 0, sizeof k->masks);
    k->words[0] = 1;
}

void resp_cutter_init(struct resp_cutter *k) {
    *k = (struct resp_cutter){0};
    head_drop(k);
}

/* Keeps the head of the command at p, whose name this is, if all of HEAD_BYTES can be read. */
static __attribute__((noinline)) void head_keep(struct resp_cutter *k, const char *p,
                                                const char *end, struct slice name, size_t argc) {
    char mask[HEAD_BYTES] = {0};
    ptrdiff_t n = name.p + name.n + 2 - p;
    head_drop(k);
    if (n > HEAD_BYTES || end - p < HEAD_BYTES) return;
    memset(mask, 0xff, (size_t)n);
    memcpy(k->masks, mask, sizeof mask);
    memcpy(k->words, p, sizeof mask);
    for (int i = 0; i < RESP_HEAD_WORDS; i++) k->words[i] &= k->masks[i];
    k->head_bytes = (size_t)n;
    k->argc = argc;
    k->name_at = (size_t)(name.p - p);
    k->name_bytes = name.n;
}

/* Arguments from argv to argv_end; returns behind the last, or NULL. */
static inline const char *cut_args(const char *p, const char *end, struct slice *argv,
                                   const struct slice *argv_end) {
    for (; argv < argv_end; argv++) {
        struct cut c = cut_header(p, end, '$', RESP_BLOB_BYTES_MIN - 1);
        if (unlikely(!c.p || (size_t)(end - c.p) < c.n + 2)) return NULL;
        *argv = slice_of(c.p, c.n);
        p = c.p + c.n + 2;
    }
    return p;
}

/* Not inlined: the loop needs the registers for itself. */
__attribute__((noinline)) int resp_cut(struct resp_cutter *k, const char **at, const char *end,
                                       struct resp_command *out, int max) {
    const char *p = *at, *next;
    struct slice *argv = k->argv + k->args;
    const struct slice *argv_max = k->argv + RESP_CUT_ARGS_MAX;
    int n = 0;
    for (; n < max; n++, p = next) {
        size_t argc;
        bool same = end - p >= HEAD_BYTES && head_matches(k, p);
        if (likely(same)) {
            argc = k->argc;
            if (unlikely(argv + argc > argv_max)) break;
            argv[0] = slice_of(p + k->name_at, k->name_bytes);
            next = cut_args(p + k->head_bytes, end, argv + 1, argv + argc);
            if (unlikely(!next)) break;
        } else {
            size_t room = (size_t)(argv_max - argv);
            struct cut count = cut_header(p, end, '*', room);
            argc = count.n;
            if (!count.p || argc - 1 >= room) break;
            next = cut_args(count.p, end, argv, argv + argc);
            if (!next) break;
            head_keep(k, p, end, argv[0], argc);
        }
        out[n] = (struct resp_command){argv, next, (int)argc, same};
        argv += argc;
    }
    k->args = (size_t)(argv - k->argv);
    *at = p;
    return n;
}

/* ---- the long way ------------------------------------------------------------------- */

#define AT_START (-1)
#define IN_INLINE (-2)
#define AT_HEADER (-1)
#define LINE_END_BYTES 2

/* Packed arguments, which stay where they are while more come. */
struct resp_chunk {
    struct resp_chunk *next;
    size_t size; /* with this head */
    char data[];
};

struct resp_reader *resp_reader_new(void) {
    struct resp_reader *r = mem_calloc(sizeof *r);
    r->args_left = AT_START;
    r->bulk_left = AT_HEADER;
    return r;
}

static void chunks_free(struct resp_reader *r, struct resp_chunk *from) {
    for (struct resp_chunk *next; from; from = next) {
        next = from->next;
        r->chunk_bytes -= from->size;
        mem_free(from);
    }
}

/* Room for n bytes, which lie in one chunk. */
static char *room_take(struct resp_reader *r, size_t n) {
    if ((size_t)(r->room_end - r->room) < n) {
        size_t size = r->chunk_bytes;
        if (size < RESP_CHUNK_BYTES_MIN) size = RESP_CHUNK_BYTES_MIN;
        if (size > RESP_CHUNK_BYTES_MAX) size = RESP_CHUNK_BYTES_MAX;
        if (size < sizeof(struct resp_chunk) + n) size = sizeof(struct resp_chunk) + n;
        struct resp_chunk *c = mem_alloc(size);
        *c = (struct resp_chunk){r->chunks, size};
        r->chunks = c;
        r->chunk_bytes += size;
        r->room = c->data;
        r->room_end = (char *)c + size;
    }
    char *p = r->room;
    r->room += n;
    return p;
}

/* Forgets the command that was given out, but for the newest chunk. */
static void begin(struct resp_reader *r) {
    if (r->blobs) {
        for (int i = 0; i < r->argc; i++) {
            if (r->blobs[i]) blob_unref(r->blobs[i]);
        }
        mem_free(r->blobs);
        r->blobs = NULL;
    }
    if (r->chunks) {
        chunks_free(r, r->chunks->next);
        r->chunks->next = NULL;
        r->room = r->chunks->data;
    }
    r->argc = 0;
    r->line_len = r->request_bytes = r->blob_bytes = 0;
    r->args_left = AT_START;
    r->bulk_left = AT_HEADER;
    r->done = false;
}

void resp_reader_free(struct resp_reader *r) {
    if (!r) return;
    begin(r);
    chunks_free(r, r->chunks);
    mem_free(r->argv);
    mem_free(r->line);
    mem_free(r);
}

bool resp_reader_idle(const struct resp_reader *r) {
    return r->done ? !r->skip : r->args_left == AT_START && !r->line_len && !r->skip;
}

size_t resp_reader_memory(const struct resp_reader *r) {
    size_t per_arg = sizeof *r->argv + (r->blobs ? sizeof *r->blobs : 0);
    return r->chunk_bytes + r->line_size + (size_t)r->cap * per_arg + r->blob_bytes;
}

static enum resp_state fail(struct resp_reader *r, const char *text) {
    snprintf(r->error, sizeof r->error, "%s", text);
    return RESP_FAILED;
}

/* Room for one more argument: twice as many, but from RESP_ARGS_FAST_FROM on at once for all that
 * are announced, up to RESP_ARGS_FAST_MAX. To move a large array takes long, and pages that nothing
 * is in are none yet; but who announces a million has to send many before address space is taken.
 */
static void argv_room(struct resp_reader *r) {
    if (r->argc < r->cap) return;
    int old = r->cap;
    int64_t announced = r->argc + r->args_left;
    if (announced > RESP_ARGS_FAST_MAX) announced = RESP_ARGS_FAST_MAX;
    r->cap = old ? old * 2 : 16;
    if (old >= RESP_ARGS_FAST_FROM && announced > r->cap) r->cap = (int)announced;
    r->argv = mem_realloc(r->argv, (size_t)r->cap * sizeof *r->argv);
    if (!r->blobs) return;
    r->blobs = mem_realloc(r->blobs, (size_t)r->cap * sizeof *r->blobs);
    memset(r->blobs + old, 0, (size_t)(r->cap - old) * sizeof *r->blobs);
}

static void arg_add(struct resp_reader *r, struct blob *b, struct slice s) {
    argv_room(r);
    if (b && !r->blobs) r->blobs = mem_calloc((size_t)r->cap * sizeof *r->blobs);
    r->argv[r->argc] = s;
    if (r->blobs) r->blobs[r->argc] = b;
    if (b) r->blob_bytes += b->cap;
    r->argc++;
}

static struct blob *last_blob(const struct resp_reader *r) {
    return r->blobs && r->argc ? r->blobs[r->argc - 1] : NULL;
}

static enum resp_state complete(struct resp_reader *r) {
    r->done = true;
    return RESP_COMMAND;
}

/* Collects a line up to `stop`. True when it is complete; then the stop byte is taken too. */
static bool line_take(struct resp_reader *r, char stop, const char **p, const char *end,
                      bool *too_long) {
    size_t n = (size_t)(end - *p);
    const char *at = n ? memchr(*p, stop, n) : NULL;
    if (at) n = (size_t)(at - *p);
    *too_long = r->line_len + n > RESP_LINE_BYTES_MAX;
    if (*too_long) return false;
    if (r->line_len + n > r->line_size) {
        r->line_size = (r->line_len + n) * 2;
        r->line = mem_realloc(r->line, r->line_size);
    }
    if (n) memcpy(r->line + r->line_len, *p, n);
    r->line_len += n;
    *p += at ? n + 1 : n;
    return at != NULL;
}

static struct slice line_of(struct resp_reader *r) {
    struct slice line = slice_of(r->line, r->line_len);
    r->line_len = 0;
    return line;
}

static enum resp_state count_line(struct resp_reader *r, const struct resp_limits *limits) {
    struct slice line = line_of(r);
    int64_t n;
    line.p++; /* the '*' */
    line.n--;
    if (!num_parse_i64(line, &n) || n > INT32_MAX) return fail(r, "invalid multibulk length");
    if (limits->unauthenticated && n > RESP_UNAUTH_ARGS_MAX) {
        return fail(r, "unauthenticated multibulk length");
    }
    r->skip = 1;
    if (n <= 0) {
        begin(r);
        r->skip = 1;
        return RESP_NOTHING;
    }
    r->args_left = n;
    return RESP_MORE;
}

static enum resp_state bulk_line(struct resp_reader *r, const struct resp_limits *limits) {
    struct slice line = line_of(r);
    int64_t n;
    if (line.n == 0 || line.p[0] != '$') {
        snprintf(r->error, sizeof r->error, "expected '$', got '%c'", line.n ? line.p[0] : '\r');
        return RESP_FAILED;
    }
    line.p++;
    line.n--;
    if (!num_parse_i64(line, &n) || n < 0 || (uint64_t)n > limits->bulk_bytes_max) {
        return fail(r, "invalid bulk length");
    }
    if (limits->unauthenticated && n > RESP_UNAUTH_BULK_BYTES_MAX) {
        return fail(r, "unauthenticated bulk length");
    }
    r->request_bytes += (size_t)n;
    if (r->request_bytes + (size_t)r->argc * sizeof *r->argv > limits->request_bytes_max) {
        r->too_large = true;
        return fail(r, "too big request");
    }
    struct blob *b = NULL;
    if (n >= RESP_BLOB_BYTES_MIN) {
        b = blob_try((size_t)n);
        if (!b) return fail(r, "not enough memory for this bulk");
    }
    arg_add(r, b, slice_of(b ? b->data : room_take(r, (size_t)n), (size_t)n));
    r->bulk_left = n + LINE_END_BYTES;
    r->skip = 1;
    return RESP_MORE;
}

/* Bytes of the current argument and its line end, which is counted but not looked at. */
static void bulk_take(struct resp_reader *r, const char **p, const char *end) {
    size_t n = (size_t)(end - *p), left = 0; /* of the argument alone */
    struct slice arg = r->argv[r->argc - 1];
    struct blob *b = last_blob(r);
    if ((int64_t)n > r->bulk_left) n = (size_t)r->bulk_left;
    if (r->bulk_left > LINE_END_BYTES) left = (size_t)r->bulk_left - LINE_END_BYTES;
    size_t taken = left < n ? left : n;
    if (taken) memcpy((char *)arg.p + (arg.n - left), *p, taken);
    if (b) b->len += taken;
    *p += n;
    r->bulk_left -= (int64_t)n;
}

/* ---- inline commands ---------------------------------------------------------------- */

static enum resp_state inline_line(struct resp_reader *r) {
    struct slice line = line_of(r);
    if (line.n && line.p[line.n - 1] == '\r') line.n--;
    char *to = r->line; /* the words lie in it */
    const char *at = line.p, *end = line.p + line.n;
    while (words_more(&at, end)) {
        char *word = to;
        if (!words_take(&at, end, &to)) return fail(r, "unbalanced quotes in request");
        arg_add(r, NULL, slice_of(word, (size_t)(to - word)));
    }
    if (r->argc) return complete(r);
    begin(r);
    return RESP_NOTHING;
}

/* ---- feeding ------------------------------------------------------------------------ */

/* One step; RESP_MORE means "go on" as long as bytes are left. */
static enum resp_state step(struct resp_reader *r, const char **p, const char *end,
                            const struct resp_limits *limits) {
    bool too_long;
    if (r->args_left == AT_START) {
        if (!r->line_len && **p != '*') {
            r->args_left = IN_INLINE;
            return RESP_MORE;
        }
        bool whole = line_take(r, '\r', p, end, &too_long);
        if (too_long) return fail(r, "too big mbulk count string");
        return whole ? count_line(r, limits) : RESP_MORE;
    }
    if (r->args_left == IN_INLINE) {
        bool whole = line_take(r, '\n', p, end, &too_long);
        if (too_long) return fail(r, "too big inline request");
        return whole ? inline_line(r) : RESP_MORE;
    }
    if (r->bulk_left == AT_HEADER) {
        bool whole = line_take(r, '\r', p, end, &too_long);
        if (too_long) return fail(r, "too big bulk count string");
        return whole ? bulk_line(r, limits) : RESP_MORE;
    }
    bulk_take(r, p, end);
    return RESP_MORE;
}

/* The current argument has all of its bytes. */
static enum resp_state bulk_end(struct resp_reader *r) {
    r->bulk_left = AT_HEADER;
    if (--r->args_left > 0) return RESP_MORE;
    return complete(r);
}

enum resp_state resp_reader_feed(struct resp_reader *r, const char *p, size_t n,
                                 const struct resp_limits *limits, size_t *used) {
    const char *at = p, *end = p + n;
    enum resp_state state = RESP_MORE;
    if (r->done) begin(r);
    while (state == RESP_MORE) {
        if (r->bulk_left == 0) {
            state = bulk_end(r);
            continue;
        }
        if (at == end) break;
        if (r->skip) {
            at++;
            r->skip--;
        } else {
            state = step(r, &at, end, limits);
        }
    }
    *used = (size_t)(at - p);
    return state;
}

struct resp_room resp_reader_room(const struct resp_reader *r) {
    struct blob *b = r->done || r->skip || r->bulk_left <= LINE_END_BYTES ? NULL : last_blob(r);
    if (!b) return (struct resp_room){NULL, 0};
    return (struct resp_room){b->data + b->len, (size_t)r->bulk_left - LINE_END_BYTES};
}

void resp_reader_filled(struct resp_reader *r, size_t n) {
    last_blob(r)->len += n;
    r->bulk_left -= (int64_t)n;
}
