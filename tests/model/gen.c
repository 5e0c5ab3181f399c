/* gen.c - the built-in generators. See gen.h. */
#include "gen.h"

#include <stdio.h>
#include <string.h>

#define SERIAL_CALLS 4

/* {int} around every limit that a parser or an addition may have; {int a b} uniform. */
static void make_int(struct rng *r, int64_t low, int64_t high, struct text *out) {
    static const int64_t limits[] = {INT64_MIN, INT64_MAX,  INT32_MIN,    INT32_MAX, UINT32_MAX,
                                     INT16_MAX, UINT16_MAX, 9999,         10000,     512 << 20,
                                     1LL << 53, 1LL << 62,  -(1LL << 62), 127,       255};
    int64_t v;
    if (low != high) {
        v = rng_range(r, low, high);
    } else if (rng_percent(r, 50)) {
        v = rng_range(r, -20, 20);
    } else if (rng_percent(r, 60)) {
        uint64_t limit = (uint64_t)limits[rng_below(r, sizeof limits / sizeof *limits)];
        v = (int64_t)(limit + (uint64_t)rng_range(r, -2, 2));
    } else {
        v = (int64_t)rng_next(r) >> rng_below(r, 64);
    }
    text_fmt(out, "%lld", (long long)v);
}

/* {notint} things that look like integers but are not, or only for some parsers. */
static void make_notint(struct rng *r, int64_t low, int64_t high, struct text *out) {
    static const char *const all[] = {"",
                                      "-",
                                      "+5",
                                      "007",
                                      " 5",
                                      "5 ",
                                      "5a",
                                      "-0",
                                      "0x10",
                                      "1e3",
                                      "1.0",
                                      "9223372036854775808",
                                      "--1",
                                      "1-",
                                      "inf",
                                      "nan",
                                      "0 ",
                                      "-9223372036854775809",
                                      "\t1",
                                      "1\n",
                                      "00",
                                      "-00",
                                      "1,0",
                                      "18446744073709551616",
                                      "18446744073709551615",
                                      "99999999999999999999999999",
                                      "abc",
                                      "0b1"};
    (void)low, (void)high;
    text_cstr(out, all[rng_below(r, sizeof all / sizeof *all)]);
}

/* {float} plain, exact, huge, tiny, long, hexadecimal, infinite and broken ones. */
static void make_float(struct rng *r, int64_t low, int64_t high, struct text *out) {
    static const char *const odd[] = {"3.0",
                                      "0.1",
                                      "-0",
                                      "-0.0",
                                      "1e10",
                                      "1e-10",
                                      "inf",
                                      "-inf",
                                      "+inf",
                                      "nan",
                                      "1e400",
                                      "1e-400",
                                      "5.0e3",
                                      "1.5e2",
                                      "0x1p3",
                                      "0x.8",
                                      ".5",
                                      "5.",
                                      " 1",
                                      "1 ",
                                      "1.0.0",
                                      "1e",
                                      "e1",
                                      "infinity",
                                      "1e4932",
                                      "1e5000",
                                      "1e17",
                                      "1e18",
                                      "1e-17",
                                      "1e-18",
                                      "3.14159265358979323846",
                                      "1.7976931348623157e308",
                                      "1_0",
                                      ""};
    (void)low, (void)high;
    switch (rng_below(r, 5)) {
    case 0:
        text_fmt(out, "%.*f", (int)rng_below(r, 6), (double)rng_range(r, -1000, 1000) / 7);
        break;
    case 1: text_fmt(out, "%lld", (long long)rng_range(r, -100, 100)); break;
    case 2: text_fmt(out, "%.17g", (double)(int64_t)rng_next(r) / 1e9); break;
    case 3: text_fmt(out, "%.2f", (double)rng_range(r, -10000, 10000) / 100); break;
    default: text_cstr(out, odd[rng_below(r, sizeof odd / sizeof *odd)]);
    }
}

/* {bytes n m} n to m bytes, printable or not, or all the same. */
static void make_bytes(struct rng *r, int64_t low, int64_t high, struct text *out) {
    size_t n = (size_t)rng_range(r, low, high < low ? low : high);
    uint64_t kind = rng_below(r, 4);
    uint64_t same = rng_next(r);
    for (size_t i = 0; i < n; i++) {
        char c = (char)(kind == 0   ? rng_next(r)
                        : kind == 1 ? 'a' + rng_below(r, 26)
                        : kind == 2 ? (same & 1 ? 0xff : 0)
                                    : '!' + same % 90);
        text_add(out, &c, 1);
    }
}

/* {edge} bytes of a length at or beside a size where a representation may change. */
static void make_edge(struct rng *r, int64_t low, int64_t high, struct text *out) {
    static const int64_t sizes[] = {0,   1,   8,   12,  16,   20,   32,   44,    64,    96,
                                    128, 200, 256, 512, 1024, 4096, 8192, 16384, 32768, 65536};
    uint64_t common = rng_percent(r, 90) ? 14 : sizeof sizes / sizeof *sizes;
    int64_t n = sizes[rng_below(r, common)] + rng_range(r, -2, 2);
    (void)low, (void)high;
    make_bytes(r, n < 0 ? 0 : n, n < 0 ? 0 : n, out);
}

/* {text n m} few letters, so that two texts have something in common. */
static void make_text(struct rng *r, int64_t low, int64_t high, struct text *out) {
    size_t n = (size_t)rng_range(r, low, high);
    for (size_t i = 0; i < n; i++) text_add(out, &"abcd"[rng_below(r, 4)], 1);
}

/* {glob} a pattern over the alphabet of the keys. */
static void make_glob(struct rng *r, int64_t low, int64_t high, struct text *out) {
    static const char *const parts[] = {"*",   "?",    "k",     "[a-z]", "[^k]", "\\*", "1",
                                        "[12", "[k-]", "[z-a]", "**",    "s:",   "{t}", "\\",
                                        "[]",  "[^",   "]",     "a",     "-",    "\\k", "h"};
    size_t n = 1 + rng_below(r, 4);
    (void)low, (void)high;
    for (size_t i = 0; i < n; i++)
        text_cstr(out, parts[rng_below(r, sizeof parts / sizeof *parts)]);
}

/* {field} a bit field's type: u1..u63, i1..i64, and beyond. */
static void make_field(struct rng *r, int64_t low, int64_t high, struct text *out) {
    static const char *const odd[] = {"u64", "i65", "u0", "i0", "x8", "u", "i", "u-1", "i 8", "U8"};
    (void)low, (void)high;
    if (rng_percent(r, 3))
        text_cstr(out, odd[rng_below(r, sizeof odd / sizeof *odd)]);
    else if (rng_percent(r, 50))
        text_fmt(out, "u%u", (unsigned)(1 + rng_below(r, 63)));
    else
        text_fmt(out, "i%u", (unsigned)(1 + rng_below(r, 64)));
}

/* {junk} one word that hardly fits anywhere. */
static void make_junk(struct rng *r, int64_t low, int64_t high, struct text *out) {
    static const char *const all[] = {"",        "*",  "-1",      "0",    "NX",   "XX",    "GET",
                                      "EX",      "PX", "KEEPTTL", "GT",   "LT",   "MATCH", "COUNT",
                                      "REPLACE", "DB", "BIT",     "BYTE", "junk", "\r\n",  "'",
                                      "\"",      "\\", "%s%n",    "LEN",  "IDX",  "nosuch"};
    (void)low, (void)high;
    uint64_t kind = rng_below(r, 10);
    if (kind < 7)
        text_cstr(out, all[rng_below(r, sizeof all / sizeof *all)]);
    else if (kind < 9)
        make_notint(r, 0, 0, out);
    else
        make_bytes(r, 1, 200, out);
}

/* {serial} a number that rises, every few times by one; {serial n m} one from n to m below it. */
static void make_serial(struct rng *r, int64_t low, int64_t high, struct text *out) {
    static int64_t calls;
    int64_t now = 1 + calls / SERIAL_CALLS;
    if (low == high) {
        calls++;
    } else {
        now -= rng_range(r, low, high);
    }
    text_fmt(out, "%lld", (long long)(now < 0 ? 0 : now));
}

struct gen {
    const char *name;
    void (*make)(struct rng *r, int64_t low, int64_t high, struct text *out);
};

static const struct gen gens[] = {
    {"int", make_int},   {"notint", make_notint}, {"float", make_float}, {"bytes", make_bytes},
    {"edge", make_edge}, {"text", make_text},     {"glob", make_glob},   {"field", make_field},
    {"junk", make_junk}, {"serial", make_serial},
};

const struct gen *gen_find(struct span name) {
    for (size_t i = 0; i < sizeof gens / sizeof *gens; i++)
        if (span_eq(name, (struct span){gens[i].name, strlen(gens[i].name)})) return &gens[i];
    return NULL;
}

void gen_make(const struct gen *g, struct rng *r, int64_t low, int64_t high, struct text *out) {
    g->make(r, low, high, out);
}
