/* bitmap_test.c - BITOP with all operators, those of Redis 8.2 among them, and long bitmaps,
 * against a naive model of one bit at a time.
 * Specification: https://redis.io/commands/bitop
 */
#include <stdlib.h>
#include <string.h>

#include "replies.h"
#include "support/client.h"
#include "support/suite.h"

#define SOURCES_MAX 9
#define BYTES_MAX 5000

static struct server *server;
static redisContext *c;
static unsigned state = 12345;

struct bits {
    unsigned char bytes[BYTES_MAX];
    size_t n;
};

static struct bits sources[SOURCES_MAX];

static unsigned dice(unsigned n) {
    state = state * 1103515245u + 12345u;
    return (state >> 8) % n;
}

static int bit_of(const struct bits *b, size_t at) {
    return at / 8 < b->n ? b->bytes[at / 8] >> (7 - at % 8) & 1 : 0;
}

/* One bit of the result, by the operator's definition. */
static int combine(const char *op, size_t keys, size_t at) {
    size_t ones = 0;
    for (size_t i = 0; i < keys; i++) ones += (size_t)bit_of(&sources[i], at);
    int first = bit_of(&sources[0], at);
    size_t others = ones - (size_t)first;
    if (!strcmp(op, "AND")) return ones == keys;
    if (!strcmp(op, "OR")) return ones > 0;
    if (!strcmp(op, "XOR")) return ones % 2;
    if (!strcmp(op, "NOT")) return !first;
    if (!strcmp(op, "DIFF")) return first && others == 0;
    if (!strcmp(op, "DIFF1")) return !first && others > 0;
    if (!strcmp(op, "ANDOR")) return first && others > 0;
    return ones == 1;
}

static void make_sources(size_t keys, size_t bytes_max) {
    for (size_t i = 0; i < keys; i++) {
        struct bits *b = &sources[i];
        b->n = dice(4) ? dice((unsigned)bytes_max) : bytes_max;
        if (dice(8) == 0) b->n = 0;
        unsigned kind = dice(3);
        for (size_t k = 0; k < b->n; k++)
            b->bytes[k] = (unsigned char)(kind == 0   ? dice(256)
                                          : kind == 1 ? 255
                                          : dice(9)   ? 0
                                                      : 1);
        if (b->n)
            freeReplyObject(cmd(c, "SET s%d %b", (int)i, b->bytes, b->n));
        else
            freeReplyObject(cmd(c, "DEL s%d", (int)i));
    }
}

static void check_operator(const char *op, size_t keys) {
    static struct bits want;
    char line[200];
    int at = snprintf(line, sizeof line, "BITOP %s dest", op);
    memset(&want, 0, sizeof want);
    for (size_t i = 0; i < keys; i++) {
        at += snprintf(line + at, sizeof line - (size_t)at, " s%zu", i);
        if (sources[i].n > want.n) want.n = sources[i].n;
    }
    for (size_t i = 0; i < want.n * 8; i++)
        if (combine(op, keys, i)) want.bytes[i / 8] |= (unsigned char)(128 >> i % 8);
    if (!expect_int(c, (long long)want.n, line)) return;
    if (want.n)
        expect_bytes(c, want.bytes, want.n, "GET dest");
    else
        expect_int(c, 0, "EXISTS dest");
}

static void operators(const char *const *ops, size_t n, size_t keys_min) {
    for (int round = 0; round < 60; round++) {
        const char *op = ops[dice((unsigned)n)];
        size_t keys =
            !strcmp(op, "NOT") ? 1 : keys_min + dice(SOURCES_MAX - (unsigned)keys_min + 1);
        make_sources(keys, round % 3 ? 70 : BYTES_MAX);
        check_operator(op, keys);
    }
}

static void classic_operators(void) {
    static const char *const ops[] = {"AND", "OR", "XOR", "NOT"};
    operators(ops, 4, 1);
}

static void operators_of_8_2(void) {
    static const char *const ops[] = {"DIFF", "DIFF1", "ANDOR", "ONE"};
    operators(ops, 4, 2);
    make_sources(1, 100);
    check_operator("ONE", 1);
}

static void operators_refuse(void) {
    expect_ok(c, "SET s0 x");
    expect_ok(c, "SET dest kept");
    expect_err(c, "ERR BITOP DIFF must be called with at least two source keys.",
               "BITOP DIFF dest s0");
    expect_err(c, "ERR BITOP DIFF1 must be called with at least two source keys.",
               "BITOP DIFF1 dest s0");
    expect_err(c, "ERR BITOP ANDOR must be called with at least two source keys.",
               "BITOP ANDOR dest s0");
    expect_err(c, "ERR BITOP NOT must be called with a single source key.", "BITOP NOT dest s0 s0");
    expect_err(c, "ERR syntax error", "BITOP NAND dest s0 s0");
    expect_str(c, "kept", "GET dest");
}

static void destination_is_a_source(void) {
    static const char *const ops[] = {"AND", "OR", "XOR"};
    for (size_t i = 0; i < 3; i++) {
        make_sources(3, 100);
        freeReplyObject(cmd(c, "COPY s0 dest REPLACE"));
        char *want = reply_text(cmd(c, "BITOP %s other s0 s1 s2", ops[i]));
        expect_text(c, want, "BITOP %s s0 s0 s1 s2", ops[i]);
        free(want);
        want = reply_text(cmd(c, "GET other"));
        expect_text(c, want, "GET s0");
        free(want);
    }
    expect_ok(c, "SET s0 x EX 1000");
    expect_ok(c, "SET s1 y");
    expect_int(c, 1, "BITOP AND s0 s0 s1");
    expect_int(c, -1, "TTL s0");
    expect_int(c, 0, "BITOP OR s0 none none2");
    expect_int(c, 0, "EXISTS s0");
}

/* BITCOUNT and BITPOS over every alignment of both ends. */
static void counts_at_all_alignments(void) {
    make_sources(1, 200);
    struct bits *b = &sources[0];
    b->n = 90;
    for (size_t i = 0; i < b->n; i++) b->bytes[i] = (unsigned char)dice(256);
    freeReplyObject(cmd(c, "SET s0 %b", b->bytes, b->n));
    for (int round = 0; round < 400; round++) {
        size_t from = dice(720);
        size_t to = from + dice(720 - (unsigned)from);
        long long ones = 0;
        long long first[2] = {-1, -1};
        for (size_t i = from; i <= to; i++) {
            int bit = bit_of(b, i);
            ones += bit;
            if (first[bit] < 0) first[bit] = (long long)i;
        }
        expect_int(c, ones, "BITCOUNT s0 %d %d BIT", (int)from, (int)to);
        expect_int(c, first[0], "BITPOS s0 0 %d %d BIT", (int)from, (int)to);
        expect_int(c, first[1], "BITPOS s0 1 %d %d BIT", (int)from, (int)to);
        expect_int(c, ones, "BITCOUNT s0 %d %d BIT", (int)from - 720, (int)to - 720);
    }
}

/* Megabytes: whatever path long work takes has the same results. */
static void long_bitmaps(void) {
    expect_ok(c, "FLUSHALL");
    expect_int(c, 0, "SETBIT a 50000000 1");
    expect_int(c, 0, "SETBIT b 60000000 1");
    expect_int(c, 0, "SETBIT b 50000000 1");
    expect_int(c, 6250001, "STRLEN a");
    expect_int(c, 7500001, "BITOP OR o a b");
    expect_int(c, 2, "BITCOUNT o");
    expect_int(c, 7500001, "BITOP AND n a b");
    expect_int(c, 1, "BITCOUNT n");
    expect_int(c, 50000000, "BITPOS n 1");
    expect_int(c, 7500001, "BITOP XOR x a b");
    expect_int(c, 60000000, "BITPOS x 1");
    expect_int(c, 6250001, "BITOP NOT t a");
    expect_int(c, 50000007, "BITCOUNT t");
    expect_int(c, 50000000, "BITPOS t 0");
    expect_int(c, 50000001, "BITPOS t 1 50000000 -1 BIT");
    expect_ok(c, "FLUSHALL");
}

static void bitfield_wide(void) {
    expect_ok(c, "FLUSHALL");
    expect_text(c, "[0, 1, 0]", "BITFIELD k SET i64 1 -1 INCRBY u63 1000001 1 GET u8 500000");
    expect_text(c, "[-1]", "BITFIELD_RO k GET i64 1");
    expect_text(c, "[9223372036854775807]", "BITFIELD_RO k GET u63 2");
    expect_text(c, "[nil, 255, 0]",
                "BITFIELD f OVERFLOW FAIL INCRBY u8 0 256 OVERFLOW SAT INCRBY u8 0 300 OVERFLOW "
                "WRAP INCRBY u8 0 1");
    expect_err_prefix(c, "ERR BITFIELD_RO only supports the GET subcommand",
                      "BITFIELD_RO k SET u8 0 1");
}

int main(void) {
    static const struct suite_test tests[] = {
        {"classic_operators", classic_operators},
        {"operators_of_8_2", operators_of_8_2},
        {"operators_refuse", operators_refuse},
        {"destination_is_a_source", destination_is_a_source},
        {"counts_at_all_alignments", counts_at_all_alignments},
        {"long_bitmaps", long_bitmaps},
        {"bitfield_wide", bitfield_wide},
        {NULL, NULL},
    };
    server = server_start(NULL);
    c = client_open(server);
    int status = suite_main("bitmap", tests);
    redisFree(c);
    return server_stop(server) ? 1 : status;
}
