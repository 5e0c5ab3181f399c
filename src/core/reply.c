/* reply.c - see reply.h: the chain of pieces, and RESP on top of it.
 *
 * A chunk is either room for bytes (REPLY_CHUNK_BYTES, kept in a small pool because each
 * busy connection takes and gives one per turn) or a reference to a blob, with bytes of its own
 * before those of the blob.
 */
#include "core/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/uio.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"
#include "core/reply_run.h"
#include "wire/resp.h"

/* What is put in at a mark: a header, with a short text behind it. */
#define LATE_BYTES_MAX (REPLY_LATE_TEXT_BYTES_MAX + 16)

struct reply_chunk {
    struct reply_chunk *next;
    struct blob *blob; /* behind the bytes in data, which are cap then; or NULL */
    uint32_t cap;      /* of data */
    size_t used;       /* not kept up to date in the last chunk while r->at is set */
    char data[];
};

#define CHUNK_CAP (REPLY_CHUNK_BYTES - sizeof(struct reply_chunk))
#define SMALL_CAP (REPLY_SMALL_CHUNK_BYTES - sizeof(struct reply_chunk))

static _Thread_local struct reply_chunk *pool;
static _Thread_local int pool_count;

static struct reply_chunk *chunk_new(size_t cap) {
    struct reply_chunk *c;
    if (cap == CHUNK_CAP && pool) {
        c = pool;
        pool = c->next;
        pool_count--;
    } else {
        c = mem_alloc(sizeof *c + cap);
    }
    c->next = NULL;
    c->blob = NULL;
    c->cap = (uint32_t)cap;
    c->used = 0;
    return c;
}

static void chunk_free(struct reply_chunk *c) {
    if (c->blob) blob_unref(c->blob);
    if (c->cap == CHUNK_CAP && pool_count < REPLY_POOL_CHUNKS_MAX) {
        c->next = pool;
        pool = c;
        pool_count++;
    } else {
        mem_free(c);
    }
}

/* ---- the chain ---------------------------------------------------------------------- */

void reply_init(struct reply *r) { *r = (struct reply){.proto = 2}; }

static void grow(struct reply *r, size_t n) {
    r->sealed_bytes += n;
    r->grown += n;
    if (r->grown >= REPLY_LARGE_BYTES) r->noted |= REPLY_IS_LARGE;
}

/* Ends writing into the last chunk. */
static void seal(struct reply *r) {
    if (!r->at) return;
    size_t used = (size_t)(r->at - r->last->data);
    grow(r, used - r->last->used);
    r->last->used = used;
    r->at = r->end = NULL;
}

static size_t chunk_bytes(const struct reply_chunk *c) {
    return sizeof *c + (c->blob ? c->used : c->cap);
}

static void chain(struct reply *r, struct reply_chunk *c) {
    seal(r);
    r->held_bytes += chunk_bytes(c);
    r->chunks++;
    if (r->last) {
        r->last->next = c;
    } else {
        r->first = c;
    }
    r->last = c;
}

void reply_take(struct reply *r, struct reply *from) {
    r->noted |= from->noted;
    if (from->noted & REPLY_HAS_ERROR)
        memcpy(r->error_prefix, from->error_prefix, sizeof r->error_prefix);
    seal(from);
    if (!from->first) return;
    seal(r);
    if (r->last) {
        r->last->next = from->first;
    } else {
        r->first = from->first;
    }
    r->last = from->last;
    r->chunks += from->chunks;
    r->held_bytes += from->held_bytes;
    grow(r, from->sealed_bytes);
    uint8_t proto = from->proto;
    reply_init(from);
    from->proto = proto;
}

/* Gives up a chunk that is sealed and out of the chain. */
static void unchain(struct reply *r, struct reply_chunk *c) {
    r->held_bytes -= chunk_bytes(c);
    r->chunks--;
    r->sealed_bytes -= c->used;
    chunk_free(c);
}

static void open_chunk_of(struct reply *r, size_t cap) {
    chain(r, chunk_new(cap));
    r->at = r->last->data;
    r->end = r->at + cap;
}

/* Opens room for at least n bytes, n at most what a chunk takes. */
static __attribute__((noinline)) void open_chunk(struct reply *r) { open_chunk_of(r, CHUNK_CAP); }

/* The same for a few bytes. What stands between the many blobs that a reader has not taken, or
 * comes each time that he has taken some, is mostly small, and is not to cost a whole chunk. */
static __attribute__((noinline)) void open_some(struct reply *r) {
    const struct reply_chunk *last = r->last;
    bool between = r->chunks > 1 && !r->at && (last->blob || last->used < last->cap / 2);
    open_chunk_of(r, between ? SMALL_CAP : CHUNK_CAP);
}

static inline char *room(struct reply *r, size_t n) {
    if (unlikely((size_t)(r->end - r->at) < n)) open_some(r);
    return r->at;
}

/* A chunk of some bytes and the first n of a blob. */
static void chain_blob(struct reply *r, struct slice head, struct blob *b, size_t n) {
    struct reply_chunk *c = chunk_new(head.n);
    if (head.n) memcpy(c->data, head.p, head.n);
    c->blob = blob_ref(b);
    c->used = head.n + n;
    chain(r, c);
    grow(r, c->used);
}

static void drop_all(struct reply *r) {
    seal(r);
    for (struct reply_chunk *c = r->first, *next; c; c = next) {
        next = c->next;
        unchain(r, c);
    }
    r->first = r->last = NULL;
    r->sent = 0;
}

void reply_fini(struct reply *r) { drop_all(r); }

static size_t open_bytes(const struct reply *r) {
    return r->at ? (size_t)(r->at - r->last->data) - r->last->used : 0;
}

size_t reply_pending(const struct reply *r) { return r->sealed_bytes + open_bytes(r) - r->sent; }

int reply_pieces(struct reply *r, struct iovec *pieces, int max) {
    int n = 0;
    size_t skip = r->sent;
    for (struct reply_chunk *c = r->first; c && n < max; c = c->next) {
        bool is_open = c == r->last && r->at;
        size_t used = is_open ? (size_t)(r->at - c->data) : c->used;
        size_t own = c->blob ? c->cap : used;
        if (own > skip) {
            pieces[n++] = (struct iovec){c->data + skip, own - skip};
            skip = own;
        }
        if (c->blob && used > skip && n < max)
            pieces[n++] = (struct iovec){c->blob->data + (skip - own), used - skip};
        skip = 0;
    }
    return n;
}

void reply_sent(struct reply *r, size_t n) {
    seal(r);
    n += r->sent;
    while (r->first && n >= r->first->used) {
        struct reply_chunk *c = r->first;
        n -= c->used;
        r->first = c->next;
        unchain(r, c);
    }
    if (!r->first) r->last = NULL;
    r->sent = n;
}

struct reply_place reply_here(const struct reply *r) {
    return (struct reply_place){r->last, r->last ? r->last->used + open_bytes(r) : 0};
}

void reply_rewind(struct reply *r, struct reply_place since) {
    seal(r);
    if (!since.chunk) {
        drop_all(r);
        return;
    }
    struct reply_chunk *next;
    for (struct reply_chunk *c = since.chunk->next; c; c = next) {
        next = c->next;
        unchain(r, c);
    }
    r->sealed_bytes -= since.chunk->used - since.used;
    since.chunk->used = since.used;
    since.chunk->next = NULL;
    r->last = since.chunk;
    if (since.chunk->cap == CHUNK_CAP && !since.chunk->blob) {
        r->at = since.chunk->data + since.used;
        r->end = since.chunk->data + CHUNK_CAP;
    }
}

void reply_raw(struct reply *r, const char *p, size_t n) {
    while (n) {
        room(r, 1);
        size_t part = (size_t)(r->end - r->at);
        if (part > n) part = n;
        memcpy(r->at, p, part);
        r->at += part;
        p += part;
        n -= part;
    }
}

/* ---- RESP --------------------------------------------------------------------------- */

static void header(struct reply *r, char type, uint64_t n) {
    r->at = resp_put_header(room(r, RESP_HEADER_BYTES_MAX), type, n);
}

static void line_end(struct reply *r) {
    char *p = room(r, 2);
    memcpy(p, "\r\n", 2);
    r->at = p + 2;
}

static void literal(struct reply *r, const char *text, size_t n) {
    memcpy(room(r, n), text, n);
    r->at += n;
}

void reply_ok(struct reply *r) { literal(r, "+OK\r\n", 5); }

void reply_simple(struct reply *r, const char *text) {
    literal(r, "+", 1);
    reply_raw(r, text, strlen(text));
    line_end(r);
}

void reply_int(struct reply *r, int64_t v) {
    r->at = resp_put_int(room(r, RESP_HEADER_BYTES_MAX), v);
}

static void text_with(struct reply *r, char type, const char *ext, struct slice s) {
    size_t ext_bytes = ext ? 4 : 0;
    header(r, type, s.n + ext_bytes);
    if (ext) {
        literal(r, ext, 3);
        literal(r, ":", 1);
    }
    reply_raw(r, s.p, s.n);
    line_end(r);
}

static __attribute__((noinline)) void bulk_long(struct reply *r, struct slice s) {
    if ((size_t)(r->end - r->at) < s.n + RESP_HEADER_BYTES_MAX + 2) {
        if (s.n > CHUNK_CAP / 2) {
            text_with(r, '$', NULL, s);
            return;
        }
        open_chunk(r);
    }
    char *p = resp_put_header(r->at, '$', s.n);
    memcpy(p, s.p, s.n);
    memcpy(p + s.n, "\r\n", 2);
    r->at = p + s.n + 2;
}

void reply_bulk(struct reply *r, struct slice s) {
    if (likely(s.n <= REPLY_SHORT_BYTES && (size_t)(r->end - r->at) >= REPLY_SHORT_ROOM)) {
        r->at = reply_put_short(r->at, s);
    } else {
        bulk_long(r, s);
    }
}

void reply_bulk_cstr(struct reply *r, const char *s) { reply_bulk(r, slice_cstr(s)); }

void reply_bulk_int(struct reply *r, int64_t v) {
    char digits[NUM_INT_BYTES_MAX];
    reply_bulk(r, slice_of(digits, num_format_i64(digits, v)));
}

void reply_bulkf(struct reply *r, const char *fmt, ...) {
    char buf[1024];
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(buf, sizeof buf, fmt, ap);
    va_end(ap);
    ASSERT(n >= 0);
    if ((size_t)n < sizeof buf) {
        reply_bulk(r, slice_of(buf, (size_t)n));
    } else {
        char *big = mem_alloc((size_t)n + 1);
        vsnprintf(big, (size_t)n + 1, fmt, again);
        reply_bulk(r, slice_of(big, (size_t)n));
        mem_free(big);
    }
    va_end(again);
}

void reply_bulk_blob(struct reply *r, struct blob *b, size_t n) {
    if (n < REPLY_SHARE_BYTES) {
        reply_bulk(r, slice_of(b->data, n));
        return;
    }
    header(r, '$', n);
    chain_blob(r, slice_of(NULL, 0), b, n);
    line_end(r);
}

void reply_shared(struct reply *r, struct slice head, struct blob *tail) {
    size_t n = head.n + tail->len;
    bool fits = r->at && (size_t)(r->end - r->at) >= n;
    if (n >= REPLY_PUSH_SHARE_BYTES || (!fits && r->first)) {
        chain_blob(r, head, tail, tail->len);
        return;
    }
    if (!fits) open_chunk(r);
    memcpy(r->at, head.p, head.n);
    memcpy(r->at + head.n, tail->data, tail->len);
    r->at += n;
}

void reply_null(struct reply *r) {
    if (r->proto == 3) {
        literal(r, "_\r\n", 3);
    } else {
        literal(r, "$-1\r\n", 5);
    }
}

void reply_null_array(struct reply *r) {
    if (r->proto == 3) {
        literal(r, "_\r\n", 3);
    } else {
        literal(r, "*-1\r\n", 5);
    }
}

void reply_bool(struct reply *r, bool v) {
    if (r->proto == 3) {
        literal(r, v ? "#t\r\n" : "#f\r\n", 4);
    } else {
        reply_int(r, v);
    }
}

static void double_text(struct reply *r, struct slice text) {
    if (r->proto == 2) {
        reply_bulk(r, text);
        return;
    }
    literal(r, ",", 1);
    reply_raw(r, text.p, text.n);
    line_end(r);
}

void reply_double(struct reply *r, double v) {
    char digits[NUM_DOUBLE_BYTES_MAX];
    double_text(r, slice_of(digits, num_format_double(digits, v)));
}

void reply_long_double(struct reply *r, long double v) {
    char digits[NUM_FLOAT_BYTES_MAX];
    double_text(r, slice_of(digits, num_format_ld_human(digits, v)));
}

void reply_verbatim(struct reply *r, struct slice s, const char ext[3]) {
    if (r->proto == 3) {
        text_with(r, '=', ext, s);
    } else {
        reply_bulk(r, s);
    }
}

void reply_array(struct reply *r, size_t n) { header(r, '*', n); }

void reply_map(struct reply *r, size_t pairs) {
    if (r->proto == 3) {
        header(r, '%', pairs);
    } else {
        header(r, '*', pairs * 2);
    }
}

void reply_set(struct reply *r, size_t n) { header(r, r->proto == 3 ? '~' : '*', n); }

void reply_push(struct reply *r, size_t n) { header(r, r->proto == 3 ? '>' : '*', n); }

/* ---- errors ------------------------------------------------------------------------- */

static void error_note(struct reply *r, const char *text, size_t n) {
    size_t prefix = 0;
    while (prefix < n && text[prefix] != ' ' && prefix < REPLY_ERROR_PREFIX_MAX - 1) prefix++;
    memcpy(r->error_prefix, text, prefix);
    r->error_prefix[prefix] = 0;
    r->noted |= REPLY_HAS_ERROR;
}

static void error_text(struct reply *r, const char *text, size_t n) {
    error_note(r, text, n);
    literal(r, "-", 1);
    reply_raw(r, text, n);
    line_end(r);
}

void reply_error(struct reply *r, const char *text) { error_text(r, text, strlen(text)); }

void reply_err(struct reply *r, int err) { reply_error(r, err_text(err)); }

static bool is_line_end(char c) { return c == '\r' || c == '\n'; }

void reply_errorf(struct reply *r, const char *fmt, ...) {
    char few[2048], *buf = few;
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(few, sizeof few, fmt, ap);
    va_end(ap);
    ASSERT(n >= 0);
    if ((size_t)n >= sizeof few) {
        buf = mem_alloc((size_t)n + 1);
        vsnprintf(buf, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    while (n > 0 && is_line_end(buf[n - 1])) n--;
    for (int i = 0; i < n; i++) {
        if (is_line_end(buf[i])) buf[i] = ' ';
    }
    error_text(r, buf, (size_t)n);
    if (buf != few) mem_free(buf);
}

/* Raw bytes without line ends. */
static void one_line(struct reply *r, struct slice text) {
    for (size_t i = 0; i < text.n;) {
        size_t n = i;
        while (n < text.n && !is_line_end(text.p[n])) n++;
        reply_raw(r, text.p + i, n - i);
        if (n < text.n) literal(r, " ", 1);
        i = n + 1;
    }
}

void reply_error_slice(struct reply *r, struct slice text) {
    while (text.n && is_line_end(text.p[text.n - 1])) text.n--;
    error_note(r, text.p, text.n);
    literal(r, "-", 1);
    one_line(r, text);
    line_end(r);
}

void reply_simple_slice(struct reply *r, struct slice text) {
    literal(r, "+", 1);
    one_line(r, text);
    line_end(r);
}

void reply_big_number(struct reply *r, struct slice digits) {
    if (r->proto == 2) {
        header(r, '$', digits.n);
    } else {
        literal(r, "(", 1);
    }
    one_line(r, digits);
    line_end(r);
}

/* ---- lengths that come late --------------------------------------------------------- */

struct reply_mark reply_begin(struct reply *r) {
    room(r, LATE_BYTES_MAX);
    return (struct reply_mark){r->last, (size_t)(r->at - r->last->data)};
}

/* Puts bytes in at a mark. What was written since moves up, or, where there is no room for that,
 * becomes a chunk of its own as far as it stands in the mark's. */
static void put_in(struct reply *r, struct reply_mark m, const char *p, size_t n) {
    struct reply_chunk *c = m.chunk;
    char *at = c->data + m.at;
    if (likely(c == r->last && (size_t)(r->end - r->at) >= n)) {
        memmove(at + n, at, (size_t)(r->at - at));
        memcpy(at, p, n);
        r->at += n;
        return;
    }
    seal(r);
    size_t rest_bytes = c->used - m.at;
    if (rest_bytes) {
        struct reply_chunk *rest = chunk_new(rest_bytes);
        memcpy(rest->data, at, rest_bytes);
        rest->used = rest_bytes;
        rest->next = c->next;
        c->next = rest;
        if (r->last == c) r->last = rest;
        r->held_bytes += chunk_bytes(rest);
        r->chunks++;
    }
    memcpy(at, p, n);
    c->used = m.at + n;
    grow(r, n);
}

static void end_with(struct reply *r, struct reply_mark m, char type, size_t n) {
    char head[RESP_HEADER_BYTES_MAX];
    put_in(r, m, head, (size_t)(resp_put_header(head, type, n) - head));
}

void reply_end_bulk(struct reply *r, struct reply_mark m, struct slice text) {
    char all[LATE_BYTES_MAX];
    ASSERT(text.n <= REPLY_LATE_TEXT_BYTES_MAX);
    char *p = resp_put_header(all, '$', text.n);
    memcpy(p, text.p, text.n);
    memcpy(p + text.n, "\r\n", 2);
    put_in(r, m, all, (size_t)(p + text.n + 2 - all));
}

void reply_end_array(struct reply *r, struct reply_mark m, size_t n) { end_with(r, m, '*', n); }

void reply_end_map(struct reply *r, struct reply_mark m, size_t pairs) {
    end_with(r, m, r->proto == 3 ? '%' : '*', r->proto == 3 ? pairs : pairs * 2);
}

void reply_end_set(struct reply *r, struct reply_mark m, size_t n) {
    end_with(r, m, r->proto == 3 ? '~' : '*', n);
}
