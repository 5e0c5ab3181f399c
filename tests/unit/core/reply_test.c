/* reply_test.c - replies beside a plain buffer of bytes: forms, chains, marks, rewinding, and
 * sending in portions of any size. */
#include "core/reply_run.h"

#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/random.h"
#include "support/suite.h"

#define ROOM ((size_t)4 << 20)
#define PIECES_MAX 64

static struct random rnd;
static char *text; /* random bytes to write from */

static uint64_t below(uint64_t n) { return random_next_below(&rnd, n); }

/* All that is queued, as one text; the caller frees it. */
static char *queued(struct reply *r, size_t *n) {
    struct iovec pieces[PIECES_MAX];
    char *all = mem_alloc(ROOM);
    *n = 0;
    struct reply copy = *r; /* walking must change nothing */
    int count = reply_pieces(r, pieces, PIECES_MAX);
    CU_ASSERT_FATAL(count < PIECES_MAX);
    for (int i = 0; i < count; i++) {
        memcpy(all + *n, pieces[i].iov_base, pieces[i].iov_len);
        *n += pieces[i].iov_len;
    }
    CU_ASSERT(memcmp(&copy, r, sizeof copy) == 0);
    CU_ASSERT_EQUAL(*n, reply_pending(r));
    return all;
}

static void expect(struct reply *r, const char *want) {
    size_t n;
    char *got = queued(r, &n);
    got[n] = 0;
    CU_ASSERT_STRING_EQUAL(got, want);
    if (strcmp(got, want) != 0) printf("got  %s\nwant %s\n", got, want);
    mem_free(got);
    reply_sent(r, n);
    CU_ASSERT_EQUAL(reply_pending(r), 0);
    CU_ASSERT_EQUAL(reply_memory(r), 0);
    CU_ASSERT_EQUAL(reply_chunks(r), 0);
}

/* ---- forms -------------------------------------------------------------------------- */

static void write_forms(struct reply *r) {
    reply_ok(r);
    reply_simple(r, "PONG");
    reply_int(r, 0);
    reply_int(r, -42);
    reply_int(r, INT64_MIN);
    reply_bulk(r, slice_of("a\r\nb", 4));
    reply_bulk(r, slice_of(NULL, 0));
    reply_bulk_cstr(r, "0123456789");
    reply_bulk_int(r, -7);
    reply_bulkf(r, "%d-%s", 5, "x");
    reply_null(r);
    reply_null_array(r);
    reply_bool(r, true);
    reply_bool(r, false);
    reply_double(r, 1.5);
    reply_long_double(r, 0.1L);
    reply_verbatim(r, slice_of("txt", 3), "txt");
    reply_array(r, 0);
    reply_map(r, 1);
    reply_set(r, 12);
    reply_push(r, 3);
    struct reply_mark m = reply_begin(r);
    reply_end_map(r, m, 2);
    m = reply_begin(r);
    reply_end_set(r, m, 100);
    m = reply_begin(r);
    reply_int(r, 1);
    reply_end_bulk(r, m, slice_of("behind", 6));
}

static void has_the_forms_of_resp2(void) {
    struct reply r;
    reply_init(&r);
    write_forms(&r);
    expect(&r, "+OK\r\n+PONG\r\n:0\r\n:-42\r\n:-9223372036854775808\r\n$4\r\na\r\nb\r\n$0\r\n\r\n"
               "$10\r\n0123456789\r\n$2\r\n-7\r\n$3\r\n5-x\r\n$-1\r\n*-1\r\n:1\r\n:0\r\n"
               "$3\r\n1.5\r\n$3\r\n0.1\r\n$3\r\ntxt\r\n*0\r\n*2\r\n*12\r\n*3\r\n*4\r\n*100\r\n"
               "$6\r\nbehind\r\n:1\r\n");
    reply_fini(&r);
}

static void has_the_forms_of_resp3(void) {
    struct reply r;
    reply_init(&r);
    r.proto = 3;
    write_forms(&r);
    expect(&r, "+OK\r\n+PONG\r\n:0\r\n:-42\r\n:-9223372036854775808\r\n$4\r\na\r\nb\r\n$0\r\n\r\n"
               "$10\r\n0123456789\r\n$2\r\n-7\r\n$3\r\n5-x\r\n_\r\n_\r\n#t\r\n#f\r\n"
               ",1.5\r\n,0.1\r\n=7\r\ntxt:txt\r\n*0\r\n%1\r\n~12\r\n>3\r\n%2\r\n~100\r\n"
               "$6\r\nbehind\r\n:1\r\n");
    reply_fini(&r);
}

static void notes_errors(void) {
    struct reply r;
    reply_init(&r);
    reply_error(&r, "WRONGTYPE no");
    CU_ASSERT_STRING_EQUAL(r.error_prefix, "WRONGTYPE");
    reply_errorf(&r, "ERR a %s", "b\r\nc");
    CU_ASSERT_STRING_EQUAL(r.error_prefix, "ERR");
    reply_errorf(&r, "%050d", 0);
    CU_ASSERT_EQUAL(strlen(r.error_prefix), REPLY_ERROR_PREFIX_MAX - 1);
    CU_ASSERT_EQUAL(r.noted, REPLY_HAS_ERROR);
    reply_errorf(&r, "ERR %05000d\n", 0); /* longer than most */
    char want[5200];
    snprintf(want, sizeof want, "-WRONGTYPE no\r\n-ERR a b  c\r\n-%050d\r\n-ERR %05000d\r\n", 0, 0);
    expect(&r, want);
    r.noted = 0;
    reply_err(&r, ERR_SYNTAX);
    CU_ASSERT_EQUAL(r.noted, REPLY_HAS_ERROR);
    reply_fini(&r);
}

static void notes_large_replies(void) {
    struct reply r;
    reply_init(&r);
    char piece[1000];
    memset(piece, 'x', sizeof piece);
    size_t written = 0;
    while (written + sizeof piece < REPLY_LARGE_BYTES) {
        CU_ASSERT_EQUAL(r.noted, 0);
        reply_raw(&r, piece, sizeof piece);
        written += sizeof piece;
    }
    for (size_t i = 0; i <= REPLY_CHUNK_BYTES + sizeof piece; i += sizeof piece) {
        reply_raw(&r, piece, sizeof piece); /* the open end does not count yet */
    }
    CU_ASSERT_EQUAL(r.noted, REPLY_IS_LARGE);
    r.noted = 0;
    r.grown = 0;
    struct blob *b = blob_new(REPLY_LARGE_BYTES);
    b->len = REPLY_LARGE_BYTES;
    memset(b->data, 'y', b->len);
    reply_bulk_blob(&r, b, b->len);
    CU_ASSERT_EQUAL(r.noted, REPLY_IS_LARGE);
    blob_unref(b);
    reply_fini(&r);
}

/* ---- beside a buffer ---------------------------------------------------------------- */

struct want {
    char *p;
    size_t n;
};

static void want_add(struct want *w, const void *p, size_t n) {
    CU_ASSERT_FATAL(w->n + n <= ROOM);
    memcpy(w->p + w->n, p, n);
    w->n += n;
}

static void want_header(struct want *w, char type, size_t n) {
    char line[32];
    want_add(w, line, (size_t)snprintf(line, sizeof line, "%c%zu\r\n", type, n));
}

static size_t pick_length(void) {
    static const size_t some[] = {0, 1, 100, 1000};
    switch (below(12)) {
    case 0: return REPLY_CHUNK_BYTES / 2 - 60 + below(120);
    case 1: return REPLY_CHUNK_BYTES - 100 + below(200);
    case 2: return REPLY_SHARE_BYTES - 2 + below(4);
    case 3: return below(3 * REPLY_CHUNK_BYTES);
    default: return some[below(4)];
    }
}

static void write_bulk(struct reply *r, struct want *w, bool shared) {
    size_t n = pick_length();
    const char *p = text + below(1000);
    want_header(w, '$', n);
    want_add(w, p, n);
    want_add(w, "\r\n", 2);
    if (!shared) {
        reply_bulk(r, slice_of(p, n));
        return;
    }
    struct blob *b = blob_new(n);
    memcpy(b->data, p, n);
    b->len = n;
    reply_bulk_blob(r, b, n);
    blob_unref(b);
}

/* What many share. */
static void write_shared(struct reply *r, struct want *w) {
    size_t head = below(40), n = pick_length();
    struct blob *tail = blob_new(n);
    memcpy(tail->data, text, n);
    tail->len = n;
    reply_shared(r, slice_of(text, head), tail);
    want_add(w, text, head);
    want_add(w, text, n);
    blob_unref(tail);
}

/* Many in a row, out of a block that is no larger than what is said to be readable. */
static void write_run(struct reply *r, struct want *w) {
    size_t n = 1 + below(60);
    char *block = mem_alloc(n), *end = block + n;
    memcpy(block, text, n);
    struct reply_run run = reply_run_begin(r, end);
    for (uint64_t left = below(200); left; left--) {
        if (below(8) == 0) {
            char digits[NUM_INT_BYTES_MAX];
            int64_t v = (int64_t)random_next(&rnd);
            size_t length = num_format_i64(digits, v);
            want_header(w, '$', length);
            want_add(w, digits, length);
            reply_run_bulk_int(&run, v);
        } else {
            const char *p = block + below(n);
            size_t length = below((uint64_t)(end - p) + 1);
            want_header(w, '$', length);
            want_add(w, p, length);
            reply_run_bulk(&run, slice_of(p, length));
        }
        want_add(w, "\r\n", 2);
    }
    reply_run_end(&run);
    mem_free(block);
}

/* One value, perhaps of values. */
static void write_value(struct reply *r, struct want *w, int depth) {
    uint64_t what = below(depth < 3 ? 10 : 8);
    if (what < 3) {
        write_bulk(r, w, false);
    } else if (what == 3) {
        write_bulk(r, w, true);
    } else if (what == 4) {
        int64_t v = (int64_t)below(100000);
        reply_int(r, v);
        want_header(w, ':', (size_t)v);
    } else if (what == 5) {
        size_t n = pick_length();
        reply_raw(r, text, n);
        want_add(w, text, n);
    } else if (what == 6) {
        write_shared(r, w);
    } else if (what == 7) {
        write_run(r, w);
    } else { /* its length comes late */
        size_t n = below(6), at = w->n;
        char line[32];
        struct reply_mark m = reply_begin(r);
        for (size_t i = 0; i < n; i++) write_value(r, w, depth + 1);
        reply_end_array(r, m, n);
        size_t head = (size_t)snprintf(line, sizeof line, "*%zu\r\n", n);
        memmove(w->p + at + head, w->p + at, w->n - at);
        memcpy(w->p + at, line, head);
        w->n += head;
    }
}

/* Sends a portion: what the pieces say must be what is wanted. */
static void send_some(struct reply *r, struct want *w) {
    struct iovec pieces[5];
    int n = reply_pieces(r, pieces, 1 + (int)below(5));
    size_t seen = 0;
    for (int i = 0; i < n; i++) {
        CU_ASSERT_FATAL(pieces[i].iov_len > 0 && seen + pieces[i].iov_len <= w->n);
        if (memcmp(pieces[i].iov_base, w->p + seen, pieces[i].iov_len) != 0) CU_FAIL("other bytes");
        seen += pieces[i].iov_len;
    }
    CU_ASSERT((n == 0) == (w->n == 0));
    size_t sent = below(3) ? seen : below(seen + 1);
    reply_sent(r, sent);
    memmove(w->p, w->p + sent, w->n - sent);
    w->n -= sent;
}

static void chain_is_a_buffer(void) {
    struct want w = {mem_alloc(2 * ROOM), 0};
    text = mem_alloc(ROOM);
    random_seed(&rnd, 5);
    for (size_t i = 0; i < ROOM; i++) text[i] = (char)below(256);
    for (int round = 0; round < 30; round++) {
        struct reply r;
        reply_init(&r);
        for (int i = 0; i < 100; i++) {
            write_value(&r, &w, 0);
            CU_ASSERT_EQUAL(reply_pending(&r), w.n);
            CU_ASSERT(reply_memory(&r) + 65536 > w.n);
            if (below(4) == 0) { /* and back */
                struct reply_place here = reply_here(&r);
                size_t n = w.n, memory = reply_memory(&r);
                for (uint64_t k = below(4); k; k--) write_value(&r, &w, 0);
                reply_rewind(&r, here);
                w.n = n;
                CU_ASSERT_EQUAL(reply_pending(&r), n);
                CU_ASSERT(reply_memory(&r) <= memory);
            }
            if (w.n > ROOM / 2 || below(3) == 0) send_some(&r, &w);
        }
        while (w.n && round % 2) send_some(&r, &w);
        if (round % 2) CU_ASSERT_EQUAL(reply_memory(&r), 0);
        w.n = 0;
        reply_fini(&r);
    }
    mem_free(text);
    mem_free(w.p);
}

/* Asking for places does not cost a chunk each: a gated command asks for one every time. */
static void places_cost_nothing(void) {
    struct reply r;
    reply_init(&r);
    for (int i = 0; i < 10; i++) {
        struct reply_place here = reply_here(&r);
        reply_ok(&r);
        if (i % 2) reply_rewind(&r, here);
    }
    CU_ASSERT_EQUAL(reply_chunks(&r), 1);
    expect(&r, "+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n");
    reply_fini(&r);
}

static void a_shared_blob_lives_until_sent(void) {
    struct reply r;
    reply_init(&r);
    struct blob *b = blob_new(REPLY_SHARE_BYTES);
    memset(b->data, 'x', b->len = REPLY_SHARE_BYTES);
    for (int i = 0; i < 3; i++) reply_bulk_blob(&r, b, b->len);
    CU_ASSERT_EQUAL(b->refs, 4);
    CU_ASSERT(reply_memory(&r) >= 3 * REPLY_SHARE_BYTES);
    struct reply_place here = reply_here(&r);
    reply_bulk_blob(&r, b, b->len);
    CU_ASSERT_EQUAL(b->refs, 5);
    reply_rewind(&r, here);
    CU_ASSERT_EQUAL(b->refs, 4);
    size_t one = reply_pending(&r) / 3;
    reply_sent(&r, one + 3);
    CU_ASSERT_EQUAL(b->refs, 3);
    reply_fini(&r);
    CU_ASSERT_EQUAL(b->refs, 1);
    blob_unref(b);
}

/* A reader who falls behind costs little more than what all of them share. */
static void what_many_share_is_there_once(void) {
    struct reply r;
    reply_init(&r);
    struct blob *tail = blob_new(REPLY_CHUNK_BYTES);
    tail->len = REPLY_PUSH_SHARE_BYTES / 2;
    memset(tail->data, 'x', tail->len);
    for (int i = 0; i < 1000; i++) reply_shared(&r, slice_of("head", 4), tail);
    CU_ASSERT_EQUAL(reply_pending(&r), 1000 * (4 + tail->len));
    CU_ASSERT(tail->refs > 1); /* the first chunk is full */
    CU_ASSERT(tail->refs < 1000);
    reply_fini(&r);
    CU_ASSERT_EQUAL(tail->refs, 1);
    tail->len = REPLY_PUSH_SHARE_BYTES;
    reply_shared(&r, slice_of("head", 4), tail);
    CU_ASSERT_EQUAL(tail->refs, 2);
    CU_ASSERT_EQUAL(reply_chunks(&r), 1);
    reply_sent(&r, 3);
    reply_sent(&r, 2);
    CU_ASSERT_EQUAL(reply_pending(&r), tail->len - 1);
    reply_sent(&r, tail->len - 1);
    CU_ASSERT_EQUAL(tail->refs, 1);
    reply_fini(&r);
    blob_unref(tail);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"has_the_forms_of_resp2", has_the_forms_of_resp2},
        {"has_the_forms_of_resp3", has_the_forms_of_resp3},
        {"notes_errors", notes_errors},
        {"notes_large_replies", notes_large_replies},
        {"chain_is_a_buffer", chain_is_a_buffer},
        {"places_cost_nothing", places_cost_nothing},
        {"a_shared_blob_lives_until_sent", a_shared_blob_lives_until_sent},
        {"what_many_share_is_there_once", what_many_share_is_there_once},
        {NULL, NULL},
    };
    return suite_main("reply", tests);
}
