/* packed_oracle_test.c - listpacks and intsets beside redis-server: the same commands have to
 * leave the same bytes in DUMP, and payloads, whole and broken ones, have to be taken or refused
 * alike by RESTORE, which checks everything here (sanitize-dump-payload).
 */
#include "types/intset.h"
#include "types/listpack.h"
#include "types/ziplist.h"
#include "types/zipmap.h"

#include "base/hash.h"
#include "base/random.h"
#include "support/server.h"
#include "support/suite.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ROUNDS = 12,
    EDITS = 60,
    PAYLOADS = 1500,
    REPLY_MAX = 1 << 20,
    TEXT_MAX = 20000,
    TYPE_ZIPMAP = 9,
    TYPE_LIST_ZIPLIST = 10,
    TYPE_INTSET = 11,
    TYPE_HASH = 16,
    TYPE_ZSET = 17,
    TYPE_LIST = 18,
};

static struct random rng;

static size_t below(size_t n) { return random_next_below(&rng, n); }

/* ---- the oracle ---- */

static struct server *oracle;
static FILE *oracle_in, *oracle_out;
static char reply[REPLY_MAX];
static size_t reply_bytes;

/* Sends a command of n slices and reads its reply: '+', '-', ':' or '$'; a reply of several
 * parts does not occur. */
static char ask(size_t n, ...) {
    va_list ap;
    va_start(ap, n);
    fprintf(oracle_out, "*%zu\r\n", n);
    while (n--) {
        struct slice s = va_arg(ap, struct slice);
        fprintf(oracle_out, "$%zu\r\n", s.n);
        fwrite(s.p, 1, s.n, oracle_out);
        fputs("\r\n", oracle_out);
    }
    va_end(ap);
    fflush(oracle_out);
    CU_ASSERT_PTR_NOT_NULL_FATAL(fgets(reply, sizeof reply, oracle_in));
    char kind = reply[0];
    reply_bytes = 0;
    if (kind == '$' && reply[1] != '-') {
        reply_bytes = strtoul(reply + 1, NULL, 10);
        CU_ASSERT_FATAL(reply_bytes + 2 < sizeof reply);
        CU_ASSERT_EQUAL_FATAL(fread(reply, 1, reply_bytes + 2, oracle_in), reply_bytes + 2);
    }
    CU_ASSERT_FATAL(kind != '*');
    return kind;
}

#define W(word) slice_cstr(word)

static void oracle_open(void) {
    static const char *const args[] = {
        "--rdbcompression",
        "no",
        "--hash-max-listpack-entries",
        "1000000",
        "--hash-max-listpack-value",
        "100000",
        "--zset-max-listpack-entries",
        "1000000",
        "--zset-max-listpack-value",
        "100000",
        "--list-max-listpack-size",
        "-5",
        "--sanitize-dump-payload",
        "yes",
        NULL,
    };
    oracle = server_start_oracle(args);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)server_port(oracle)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    oracle_in = fdopen(fd, "r");
    oracle_out = fdopen(dup(fd), "w");
    CU_ASSERT_EQUAL(ask(3, W("DEBUG"), W("SET-SKIP-CHECKSUM-VALIDATION"), W("1")), '+');
}

static void oracle_close(void) {
    fclose(oracle_in);
    fclose(oracle_out);
    CU_ASSERT_EQUAL(server_stop(oracle), 0);
}

/* ---- payloads ---- */

/* The string behind the type byte of a DUMP, as it is stored without compression. */
static struct slice payload_string(void) {
    const uint8_t *p = (const uint8_t *)reply + 1;
    if (reply[0] == TYPE_LIST) {
        CU_ASSERT(p[0] == 1 && p[1] == 2); /* one node, packed */
        p += 2;
    }
    size_t n = *p & 0x3f;
    switch (*p >> 6) {
    case 0: p += 1; break;
    case 1:
        n = n << 8 | p[1];
        p += 2;
        break;
    default: n = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4]; p += 5;
    }
    return slice_of(p, n);
}

/* Whether the oracle's key k dumps as this type with these bytes (NULL: no key). */
static void expect_dump(int type, const uint8_t *want, size_t n) {
    CU_ASSERT_EQUAL_FATAL(ask(2, W("DUMP"), W("k")), '$');
    if (!want) {
        CU_ASSERT_EQUAL(reply_bytes, 0);
        return;
    }
    CU_ASSERT_FATAL(reply_bytes > 12);
    CU_ASSERT_EQUAL_FATAL(reply[0], type);
    struct slice is = payload_string();
    bool same = is.n == n && memcmp(is.p, want, n) == 0;
    CU_ASSERT(same);
    if (!same) printf("type %d: %zu bytes, redis-server has %zu\n", type, n, is.n);
}

/* Whether the oracle takes the payload of a type with the bytes p as its one string. */
static bool restores(int type, const uint8_t *p, size_t n) {
    uint8_t *dump = malloc(n + 32), *to = dump;
    *to++ = (uint8_t)type;
    *to++ = 0x80;
    for (int shift = 24; shift >= 0; shift -= 8) *to++ = (uint8_t)(n >> shift);
    memcpy(to, p, n);
    to += n;
    memcpy(to, "\x0a\0........", 10);
    char kind = ask(5, W("RESTORE"), W("k"), W("0"), slice_of(dump, (size_t)(to + 10 - dump)),
                    W("REPLACE"));
    free(dump);
    CU_ASSERT_FATAL(kind == '+' || kind == '-');
    return kind == '+';
}

/* ---- the same commands ---- */

static struct slice random_text(char *p) {
    /* Where the form of the head or of the size behind changes. */
    static const size_t sizes[] = {0,   1,   3,    8,    20,   62,    63,    64,    124,
                                   125, 126, 4094, 4095, 4096, 16376, 16377, 16378, 16379};
    switch (below(4)) {
    case 0: return slice_of(p, (size_t)snprintf(p, TEXT_MAX, "%d", (int)below(300) - 150));
    case 1: {
        int64_t edge = (int64_t)1 << below(63), v = below(2) ? edge : -edge;
        v += (int64_t)below(3) - 1;
        return slice_of(p, (size_t)snprintf(p, TEXT_MAX, "%lld", (long long)v));
    }
    case 2: return slice_of(p, (size_t)snprintf(p, TEXT_MAX, "0%d", (int)below(50)));
    default: break;
    }
    size_t n = sizes[below(below(8) ? 11 : sizeof sizes / sizeof *sizes)];
    memset(p, "xyz"[below(3)], n);
    return slice_of(p, n);
}

/* A listpack that was emptied is a key that is gone. */
static void compare_listpack(int type, const struct lp_buf *b) {
    CU_ASSERT_FATAL(lp_check(b->p, b->len, 1));
    expect_dump(type, lp_count(b->p) ? b->p : NULL, b->len);
}

static void edit_hash(struct lp_buf *b) {
    static char field_bytes[TEXT_MAX], value_bytes[TEXT_MAX];
    struct slice field = random_text(field_bytes), value = random_text(value_bytes);
    size_t at = lp_find(b->p, lp_first(b->p), field, 1);
    if (below(3) == 0) {
        ask(3, W("HDEL"), W("k"), field);
        if (at) lp_delete(b, at, 2);
        return;
    }
    struct lp_item pair[2] = {lp_item_text(field), lp_item_text(value)};
    ask(4, W("HSET"), W("k"), field, value);
    if (at) {
        CU_ASSERT(lp_replace(b, lp_next(b->p, at), &pair[1]));
    } else {
        CU_ASSERT(lp_append(b, pair, 2));
    }
}

/* Where a member of a score goes: by score, then by bytes. */
static size_t zset_place(const uint8_t *lp, double score, struct slice member) {
    char digits[LP_INT_TEXT_BYTES], score_text[64];
    size_t at = LP_HEAD_BYTES, end = lp_end(lp);
    while (at != end) {
        struct lp_value m, s;
        size_t next = lp_read(lp, lp_read(lp, at, &m), &s);
        struct slice text = lp_text(&s, digits);
        snprintf(score_text, sizeof score_text, "%.*s", (int)text.n, text.p);
        double other = strtod(score_text, NULL);
        if (other > score) break;
        if (other == score && slice_cmp(lp_text(&m, digits), member) > 0) break;
        at = next;
    }
    return at;
}

static void edit_zset(struct lp_buf *b) {
    static char member_bytes[TEXT_MAX];
    char score_bytes[32];
    struct slice member = random_text(member_bytes);
    double score = (double)below(2000) / 2 - 500;
    struct slice text = slice_of(score_bytes, (size_t)sprintf(score_bytes, "%.17g", score));
    size_t at = lp_find(b->p, lp_first(b->p), member, 1);
    if (below(3) == 0) {
        ask(3, W("ZREM"), W("k"), member);
        if (at) lp_delete(b, at, 2);
        return;
    }
    ask(4, W("ZADD"), W("k"), text, member);
    struct lp_item pair[2] = {lp_item_text(member), lp_item_text(text)};
    if (at) {
        if (lp_equals(b->p, lp_next(b->p, at), text)) return;
        lp_delete(b, at, 2);
    }
    CU_ASSERT(lp_insert(b, zset_place(b->p, score, member), pair, 2));
}

static void edit_list(struct lp_buf *b) {
    static char bytes[TEXT_MAX], pivot_bytes[TEXT_MAX];
    struct slice s = random_text(bytes), pivot = random_text(pivot_bytes);
    struct lp_item item = lp_item_text(s);
    size_t at, count = lp_count(b->p), index;
    char number[32];
    switch (below(8)) {
    case 0:
    case 1:
        ask(3, W("LPUSH"), W("k"), s);
        CU_ASSERT(lp_prepend(b, &item, 1));
        break;
    case 2:
    case 3:
        ask(3, W("RPUSH"), W("k"), s);
        CU_ASSERT(lp_append(b, &item, 1));
        break;
    case 4:
        at = lp_find(b->p, lp_first(b->p), pivot, 0);
        bool before = below(2);
        ask(5, W("LINSERT"), W("k"), W(before ? "BEFORE" : "AFTER"), pivot, s);
        if (at) CU_ASSERT(lp_insert(b, before ? at : lp_after(b->p, at), &item, 1));
        break;
    case 5:
        if (count == 0) break;
        index = below(count);
        sprintf(number, "%zu", index);
        ask(4, W("LSET"), W("k"), W(number), s);
        CU_ASSERT(lp_replace(b, lp_seek(b->p, (int64_t)index), &item));
        break;
    case 6:
        ask(4, W("LREM"), W("k"), W("1"), s);
        at = lp_find(b->p, lp_first(b->p), s, 0);
        if (at) lp_delete(b, at, 1);
        break;
    default:
        ask(2, W(count % 2 ? "LPOP" : "RPOP"), W("k"));
        if (count) lp_delete(b, count % 2 ? lp_first(b->p) : lp_last(b->p), 1);
    }
}

static void same_commands(int type, void (*edit)(struct lp_buf *b)) {
    for (int round = 0; round < ROUNDS; round++) {
        struct lp_buf b = lp_buf_heap();
        ask(2, W("DEL"), W("k"));
        CU_ASSERT_FATAL(lp_init(&b));
        for (int i = 0; i < EDITS; i++) {
            edit(&b);
            if (lp_count(b.p) == 0) CU_ASSERT_FATAL(lp_init(&b));
            if (i % 4 == 0) compare_listpack(type, &b);
        }
        compare_listpack(type, &b);
        lp_buf_free(&b);
    }
}

static void hashes(void) { same_commands(TYPE_HASH, edit_hash); }
static void zsets(void) { same_commands(TYPE_ZSET, edit_zset); }
static void lists(void) { same_commands(TYPE_LIST, edit_list); }

static void intsets(void) {
    static const int bits_of[] = {4, 8, 16, 17, 32, 33, 64};
    for (int round = 0; round < ROUNDS; round++) {
        struct lp_buf b = lp_buf_heap();
        size_t widths = 1 + below(sizeof bits_of / sizeof *bits_of), place;
        ask(2, W("DEL"), W("k"));
        CU_ASSERT_FATAL(intset_init(&b));
        for (int i = 0; i < 4 * EDITS; i++) {
            int64_t v = (int64_t)random_next(&rng) >> (64 - bits_of[below(widths)]);
            char number[32];
            sprintf(number, "%lld", (long long)v);
            bool there = intset_find(b.p, v, &place);
            if (below(3) == 0) {
                ask(3, W("SREM"), W("k"), W(number));
                if (there) intset_remove(&b, place);
                if (intset_count(b.p) == 0) CU_ASSERT_FATAL(intset_init(&b));
            } else {
                ask(3, W("SADD"), W("k"), W(number));
                if (!there) CU_ASSERT(intset_insert(&b, place, v));
            }
            if (i % 8 == 0) expect_dump(TYPE_INTSET, intset_count(b.p) ? b.p : NULL, b.len);
        }
        lp_buf_free(&b);
    }
}

/* ---- payloads, whole and broken ---- */

/* Changes a few bytes, or sizes by little; none of it in one payload of three. */
static void mutate(uint8_t *p, size_t n) {
    if (below(3) == 0) return;
    for (size_t i = 1 + below(3); i; i--) {
        uint8_t *at = p + below(below(2) ? n : n < 16 ? n : 16);
        switch (below(4)) {
        case 0: *at = (uint8_t)random_next(&rng); break;
        case 1: *at ^= (uint8_t)(1 << below(8)); break;
        case 2: *at += (uint8_t)(below(2) ? 1 : -1); break;
        default: *at = (uint8_t) "\0\x7f\x80\xfe\xff\xf0"[below(6)];
        }
    }
}

/* Redis takes a size behind an entry that has leading zeros, as they vanish in the sum; lp_check
 * does not, as lp_prev would read them. No writer makes them, and chance rarely. */
static int stricter;

static void compare_verdict(int type, const uint8_t *p, size_t n, bool taken) {
    bool theirs = restores(type, p, n);
    if (taken == theirs) return;
    if (type == TYPE_HASH && theirs) {
        stricter++;
        return;
    }
    CU_FAIL("verdicts differ");
    printf("type %d, %s:", type, theirs ? "taken by redis-server only" : "taken here only");
    for (size_t i = 0; i < n && i < 200; i++) printf(" %02x", p[i]);
    printf("\n");
}

static struct slice small_text(char *p) {
    if (below(2)) return slice_of(p, (size_t)sprintf(p, "%d", (int)below(100000) - 50000));
    size_t n = below(4) ? below(6) : below(200);
    memset(p, 'a', n);
    if (n) p[n - 1] = (char)('a' + below(26));
    return slice_of(p, n);
}

static void broken_listpacks(void) {
    for (int i = 0; i < PAYLOADS; i++) {
        char text[256];
        struct lp_buf b = lp_buf_heap();
        CU_ASSERT_FATAL(lp_init(&b));
        for (size_t n = below(8); n; n--) CU_ASSERT(lp_append_text(&b, small_text(text)));
        mutate(b.p, b.len);
        bool taken = lp_check(b.p, b.len, 2) && lp_count(b.p) && lp_unique(b.p, 2);
        compare_verdict(TYPE_HASH, b.p, b.len, taken);
        if (taken) expect_dump(TYPE_HASH, b.p, b.len);
        lp_buf_free(&b);
    }
    CU_ASSERT(stricter <= PAYLOADS / 300);
}

static void broken_intsets(void) {
    for (int i = 0; i < PAYLOADS; i++) {
        struct lp_buf b = lp_buf_heap();
        size_t place;
        CU_ASSERT_FATAL(intset_init(&b));
        for (size_t n = below(6); n; n--) {
            int64_t v = (int64_t)random_next(&rng) >> (48 - 16 * below(3));
            if (!intset_find(b.p, v, &place)) CU_ASSERT(intset_insert(&b, place, v));
        }
        mutate(b.p, b.len);
        bool taken = intset_check(b.p, b.len);
        compare_verdict(TYPE_INTSET, b.p, b.len, taken);
        if (taken) expect_dump(TYPE_INTSET, b.p, b.len);
        lp_buf_free(&b);
    }
}

/* ---- what old servers wrote ---- */

/* The head and the text of an element of a ziplist, in a form by chance. */
static size_t put_zip_element(uint8_t *p) {
    char text[256];
    int64_t v = (int64_t)random_next(&rng);
    switch (below(8)) {
    case 0: *p = (uint8_t)(0xf1 + below(13)); return 1;
    case 1: *p = 0xfe; return memcpy(p + 1, &v, 1), 2;
    case 2: *p = 0xc0; return memcpy(p + 1, &v, 2), 3;
    case 3: *p = 0xf0; return memcpy(p + 1, &v, 3), 4;
    case 4: *p = 0xd0; return memcpy(p + 1, &v, 4), 5;
    case 5: *p = 0xe0; return memcpy(p + 1, &v, 8), 9;
    default: break;
    }
    struct slice s = small_text(text);
    size_t head = 1, form = below(4);
    if (form == 0) {
        uint32_t n = htonl((uint32_t)s.n);
        *p = 0x80;
        memcpy(p + 1, &n, 4);
        head = 5;
    } else if (form == 1 || s.n > 63) {
        p[0] = 0x40;
        p[1] = (uint8_t)s.n;
        head = 2;
    } else {
        *p = (uint8_t)s.n;
    }
    if (s.n) memcpy(p + head, s.p, s.n);
    return head + s.n;
}

/* The caller's block has room for 16 elements. */
static size_t make_ziplist(uint8_t *p) {
    uint16_t count = (uint16_t)below(16);
    uint32_t at = 10, last = 10, before = 0, bytes;
    for (int i = 0; i < count; i++) {
        last = at;
        if (before < 254 && below(20)) {
            p[at++] = (uint8_t)before;
        } else {
            p[at] = 0xfe;
            memcpy(p + at + 1, &before, 4);
            at += 5;
        }
        at += (uint32_t)put_zip_element(p + at);
        before = at - last;
    }
    p[at++] = 0xff;
    bytes = at;
    memcpy(p, &bytes, 4);
    memcpy(p + 4, &last, 4);
    if (below(10) == 0) count = UINT16_MAX;
    memcpy(p + 8, &count, 2);
    return at;
}

static void ziplists(void) {
    for (int i = 0; i < PAYLOADS; i++) {
        uint8_t zl[16 * 260];
        size_t n = make_ziplist(zl);
        mutate(zl, n);
        struct lp_buf b = lp_buf_heap();
        bool taken = ziplist_to_listpack(zl, n, &b) && lp_count(b.p);
        compare_verdict(TYPE_LIST_ZIPLIST, zl, n, taken);
        if (taken) compare_listpack(TYPE_LIST, &b);
        lp_buf_free(&b);
    }
}

static size_t put_zipmap_size(uint8_t *p, size_t n) {
    if (n < 254 && below(50)) return *p = (uint8_t)n, 1;
    uint32_t v = (uint32_t)n;
    *p = 0xfe;
    memcpy(p + 1, &v, 4);
    return 5;
}

static size_t make_zipmap(uint8_t *p) {
    char text[256];
    size_t count = below(8), at = 1;
    p[0] = below(10) ? (uint8_t)count : 254;
    for (size_t i = 0; i < count; i++) {
        struct slice s = small_text(text);
        at += put_zipmap_size(p + at, s.n);
        memcpy(p + at, s.p, s.n);
        at += s.n;
        s = small_text(text);
        size_t unused = below(3) ? 0 : below(10);
        at += put_zipmap_size(p + at, s.n);
        p[at++] = (uint8_t)unused;
        memcpy(p + at, s.p, s.n);
        memset(p + at + s.n, 'u', unused);
        at += s.n + unused;
    }
    p[at++] = 0xff;
    return at;
}

/* Whether a size that fits into one byte is in five. 7.0.15 refuses that only since an update of
 * Debian's (it was 7.0.15-1~deb12u7 that did not); before it reads on at a wrong place. */
static bool zipmap_is_loose(const uint8_t *p, size_t n) {
    size_t at = 1, size;
    for (bool value = false; at < n && p[at] != 0xff; value = !value) {
        size = p[at];
        if (size == 0xfe) {
            uint32_t v;
            if (n - at < 5) return false;
            memcpy(&v, p + at + 1, 4);
            if (v < 254) return true;
            size = v;
            at += 4;
        }
        at++;
        if (value) size += at < n ? p[at++] : 0;
        if (size > n - at) return false;
        at += size;
    }
    return false;
}

static void zipmaps(void) {
    for (int i = 0; i < PAYLOADS; i++) {
        uint8_t map[16 * 260];
        size_t n = make_zipmap(map);
        mutate(map, n);
        struct lp_buf b = lp_buf_heap();
        bool taken = zipmap_to_listpack(map, n, &b) && lp_count(b.p) && lp_unique(b.p, 2);
        if (zipmap_is_loose(map, n)) {
            CU_ASSERT_FALSE(taken);
        } else {
            compare_verdict(TYPE_ZIPMAP, map, n, taken);
            if (taken) compare_listpack(TYPE_HASH, &b);
        }
        lp_buf_free(&b);
    }
}

int main(void) {
    static const struct suite_test tests[] = {
        {"open", oracle_open},
        {"hashes", hashes},
        {"zsets", zsets},
        {"lists", lists},
        {"intsets", intsets},
        {"broken_listpacks", broken_listpacks},
        {"broken_intsets", broken_intsets},
        {"ziplists", ziplists},
        {"zipmaps", zipmaps},
        {"close", oracle_close},
        {NULL, NULL},
    };
    hash_init(1);
    random_seed(&rng, 1);
    return suite_main("packed_oracle", tests);
}
