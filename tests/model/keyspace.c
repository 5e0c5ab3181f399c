/* keyspace.c - compares everything that two servers hold. See keyspace.h. */
#define _GNU_SOURCE 1 /* memmem */
#include "keyspace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resp.h"

#define DATABASES 16
#define CHUNK_KEYS 200
#define SCAN_ROUNDS_MAX 1000000
#define DEADLINE_MS 20000
#define SHOWN_BYTES_MAX 300
#define WORDS_MAX 8

/* Where the scores are, which either server writes in digits of its own. */
#define ROW_ZSET 4
/* Where times are, which are not quite the same. */
#define ROW_STREAM 5

/* How the value of each type is read, %s being the key; unit as in resp_sorted, 0 when the
 * order counts. */
static const struct {
    const char *type;
    const char *words[WORDS_MAX];
    size_t unit;
} values[] = {
    {"string", {"GET", "%s"}, 0},
    {"list", {"LRANGE", "%s", "0", "-1"}, 0},
    {"set", {"SMEMBERS", "%s"}, 1},
    {"hash", {"HGETALL", "%s"}, 2},
    [ROW_ZSET] = {"zset", {"ZRANGE", "%s", "0", "-1", "WITHSCORES"}, 0},
    [ROW_STREAM] = {"stream", {"XINFO", "STREAM", "%s", "FULL", "COUNT", "0"}, 0},
};

bool keyspace_scan(struct link *l, size_t argc, const struct span *argv, size_t cursor,
                   struct words *out, struct text *odd) {
    struct span words[64];
    struct text at = {0};
    if (argc > 64 || cursor >= argc) return false;
    memcpy(words, argv, argc * sizeof *words);
    text_add(&at, argv[cursor].p, argv[cursor].n);
    bool ok = false;
    for (unsigned rounds = 0; rounds < SCAN_ROUNDS_MAX; rounds++) {
        struct text query = {0};
        words[cursor] = text_span(&at);
        link_encode(&query, argc, words);
        struct exchange x = {{text_span(&query)}, SIZE_MAX, 1, false, DEADLINE_MS};
        link_ask(l, &x);
        text_free(&query);
        struct span reply = link_reply(l, 0);
        struct span *top = NULL;
        struct span *list = NULL;
        struct span next;
        size_t n = 0;
        ok = resp_elements(reply, &top, &n) && n == 2 && resp_string(top[1], &next) &&
             resp_elements(top[2], &list, &n);
        for (size_t i = 1; ok && i <= n; i++) words_add(out, list[i]);
        if (!ok) text_reply(odd, reply, SHOWN_BYTES_MAX);
        if (ok) {
            text_clear(&at);
            text_add(&at, next.p, next.n);
        }
        free(top);
        free(list);
        if (!ok || span_is(text_span(&at), "0")) break;
        ok = false;
    }
    if (!ok && odd->n == 0) text_cstr(odd, "the cursor does not come back to 0");
    text_free(&at);
    return ok;
}

static bool list_keys(struct link *l, int db, struct words *keys, struct text *why) {
    char number[16];
    snprintf(number, sizeof number, "%d", db);
    const char *select[] = {"SELECT", number, NULL};
    link_command(l, select);
    struct span scan[] = {{"SCAN", 4}, {"0", 1}, {"COUNT", 5}, {"500", 3}};
    struct words found = {0};
    bool ok = keyspace_scan(l, 4, scan, 1, &found, why);
    for (size_t i = 0; i < found.n; i++) {
        struct span key;
        if (resp_string(words_at(&found, i), &key)) words_add(keys, key);
    }
    words_free(&found);
    return ok;
}

static void name_key(struct text *why, int db, struct span key) {
    text_fmt(why, "database %d, key ", db);
    text_escape(why, key, SHOWN_BYTES_MAX);
}

static void explain(struct text *why, const char *what, struct span oracle, struct span ours) {
    text_fmt(why, ": %s: oracle ", what);
    text_reply(why, oracle, SHOWN_BYTES_MAX);
    text_cstr(why, ", ours ");
    text_reply(why, ours, SHOWN_BYTES_MAX);
}

/* The first key that only one side has. */
static bool same_keys(const struct span *a, size_t na, const struct span *b, size_t nb, int db,
                      struct text *why) {
    for (size_t i = 0; i < na || i < nb; i++) {
        int c = i >= na ? 1 : i >= nb ? -1 : span_cmp(a[i], b[i]);
        if (c == 0) continue;
        name_key(why, db, c < 0 ? a[i] : b[i]);
        text_cstr(why, c < 0 ? ": only the oracle has it" : ": only ours has it");
        return false;
    }
    return true;
}

static bool ask_both(struct link *links[SIDES], const struct text *query, size_t replies,
                     struct text *why) {
    struct exchange x = {
        {text_span(query), text_span(query)}, SIZE_MAX, replies, false, DEADLINE_MS};
    if (link_exchange(links, &x) && links[ORACLE]->n_replies == replies &&
        links[OURS]->n_replies == replies)
        return true;
    text_fmt(why, "no answer while comparing keys (oracle %zu, ours %zu of %zu replies)",
             links[ORACLE]->n_replies, links[OURS]->n_replies, replies);
    return false;
}

static bool same_time(struct span a, struct span b, int64_t slack_ms) {
    int64_t x;
    int64_t y;
    if (span_eq(a, b)) return true;
    if (!resp_integer(a, &x) || !resp_integer(b, &y) || x < 0 || y < 0) return false;
    return llabs(x - y) <= slack_ms;
}

static void add_command(struct text *query, const char *const *words, struct span key) {
    struct span argv[WORDS_MAX];
    size_t n = 0;
    for (; n < WORDS_MAX && words[n]; n++)
        argv[n] = strcmp(words[n], "%s") ? (struct span){words[n], strlen(words[n])} : key;
    link_encode(query, n, argv);
}

static size_t type_row(struct span reply) {
    struct span type;
    size_t rows = sizeof values / sizeof *values;
    if (!resp_string(reply, &type)) return rows;
    for (size_t i = 0; i < rows; i++)
        if (span_is(type, values[i].type)) return i;
    return rows;
}

/* HyperLogLogs of the two encodings, of which hll-sparse-max-bytes chose one. */
static bool are_hlls(const struct span reply[SIDES]) {
    struct span v[SIDES];
    for (int s = 0; s < SIDES; s++) {
        if (!resp_string(reply[s], &v[s]) || v[s].n < 16 || memcmp(v[s].p, "HYLL", 4) != 0)
            return false;
    }
    return v[ORACLE].p[4] != v[OURS].p[4];
}

/* The reply without what tells of nodes, whose size the configuration chose. */
static void without_nodes(struct text *out, struct span reply) {
    static const char from[] = "radix-tree-keys", to[] = "last-generated-id";
    const char *a = memmem(reply.p, reply.n, from, sizeof from - 1);
    const char *b = a ? memmem(a, (size_t)(reply.p + reply.n - a), to, sizeof to - 1) : NULL;
    if (!b) a = b = reply.p;
    static const char numbers[] =
        "radix-tree-keys\r\n:0\r\n$16\r\nradix-tree-nodes\r\n:0\r\n$17\r\n";
    text_add(out, reply.p, (size_t)(a - reply.p));
    if (b != reply.p) text_add(out, numbers, sizeof numbers - 1);
    text_add(out, b, (size_t)(reply.p + reply.n - b));
}

static bool same_stream(const struct span reply[SIDES], struct leeway leeway) {
    struct text t[SIDES] = {{0}, {0}};
    for (int s = 0; s < SIDES; s++) {
        if (leeway.any_encoding) {
            without_nodes(&t[s], reply[s]);
        } else {
            text_add(&t[s], reply[s].p, reply[s].n);
        }
    }
    bool same = resp_timed_equal(text_span(&t[ORACLE]), text_span(&t[OURS]), leeway.streams_ms);
    for (int s = 0; s < SIDES; s++) text_free(&t[s]);
    return same;
}

/* A sorted set's listpack, which what was loaded may have become, has no score of -0. */
static void without_negative_zeros(struct text *t) {
    static const char negative[] = "$2\r\n-0\r\n", zero[] = "$1\r\n0\r\n";
    const size_t n = sizeof negative - 1;
    struct text out = {0};
    for (size_t i = 0; i < t->n;) {
        bool found = t->n - i >= n && memcmp(t->p + i, negative, n) == 0;
        text_add(&out, found ? zero : t->p + i, found ? sizeof zero - 1 : 1);
        i += found ? n : 1;
    }
    text_free(t);
    *t = out;
}

static bool same_values(struct link *links[SIDES], const struct span *keys, const size_t *rows,
                        size_t n, int db, struct leeway leeway, struct text *why) {
    struct text query = {0};
    for (size_t i = 0; i < n; i++) {
        static const char *const odd[] = {"TYPE", "%s", NULL};
        bool known = rows[i] < sizeof values / sizeof *values;
        const char *words[WORDS_MAX] = {0};
        if (known) memcpy(words, values[rows[i]].words, sizeof values[0].words);
        add_command(&query, known ? words : odd, keys[i]);
    }
    bool ok = ask_both(links, &query, n, why);
    for (size_t i = 0; ok && i < n; i++) {
        size_t unit = rows[i] < sizeof values / sizeof *values ? values[rows[i]].unit : 0;
        struct span reply[SIDES] = {link_reply(links[ORACLE], i), link_reply(links[OURS], i)};
        if (span_eq(reply[ORACLE], reply[OURS])) continue;
        if (leeway.any_encoding && are_hlls(reply)) continue;
        if (rows[i] == ROW_STREAM && same_stream(reply, leeway)) continue;
        struct text sorted[SIDES] = {{0}, {0}};
        for (int s = 0; s < SIDES; s++) {
            if (unit) {
                resp_sorted(&sorted[s], reply[s], unit, false);
            } else if (rows[i] == ROW_ZSET) {
                resp_plain_floats(&sorted[s], reply[s]);
                if (leeway.any_encoding) without_negative_zeros(&sorted[s]);
            }
        }
        ok = sorted[OURS].n && span_eq(text_span(&sorted[ORACLE]), text_span(&sorted[OURS]));
        text_free(&sorted[ORACLE]);
        text_free(&sorted[OURS]);
        if (ok) continue;
        name_key(why, db, keys[i]);
        explain(why, "value", reply[ORACLE], reply[OURS]);
    }
    text_free(&query);
    return ok;
}

/* Since 7.2 small lists, and small sets of texts, are listpacks. A small sorted set stays one here
 * when it is sorted, which grammar/sort.txt does to keys with this prefix only. What SDIFFSTORE
 * left of a set may keep the encoding of all of it there (sets-that-lost-their-texts). */
static bool same_encoding(struct span key, struct span type, struct span a, struct span b) {
    struct span of, oracle, ours;
    bool sorted = key.n > 2 && memcmp(key.p, "sz", 2) == 0;
    if (span_eq(a, b)) return true;
    if (!resp_string(type, &of) || !resp_string(a, &oracle) || !resp_string(b, &ours)) return false;
    if (span_is(ours, "intset")) return span_is(of, "set") && span_is(oracle, "hashtable");
    if (!span_is(ours, "listpack")) return false;
    return (span_is(of, "set") && span_is(oracle, "hashtable")) ||
           (span_is(of, "list") && span_is(oracle, "quicklist")) ||
           (span_is(of, "zset") && span_is(oracle, "skiplist") && sorted);
}

static bool same_chunk(struct link *links[SIDES], const struct span *keys, size_t n, int db,
                       struct leeway leeway, struct text *why) {
    static const char *const queries[3][4] = {
        {"TYPE", "%s", NULL}, {"OBJECT", "ENCODING", "%s", NULL}, {"PEXPIRETIME", "%s", NULL}};
    static const char *const names[3] = {"type", "encoding", "time of expiry"};
    size_t rows[CHUNK_KEYS];
    struct text query = {0};
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < 3; k++) add_command(&query, queries[k], keys[i]);
    bool ok = ask_both(links, &query, n * 3, why);
    text_free(&query);
    for (size_t i = 0; ok && i < n * 3; i++) {
        struct span a = link_reply(links[ORACLE], i);
        struct span b = link_reply(links[OURS], i);
        if (i % 3 == 0) rows[i / 3] = type_row(a);
        struct span before = i ? link_reply(links[ORACLE], i - 1) : a;
        bool same = i % 3 == 0   ? span_eq(a, b)
                    : i % 3 == 1 ? leeway.any_encoding || same_encoding(keys[i / 3], before, a, b)
                                 : same_time(a, b, leeway.expiry_ms);
        if (same) continue;
        name_key(why, db, keys[i / 3]);
        explain(why, names[i % 3], a, b);
        ok = false;
    }
    return ok && same_values(links, keys, rows, n, db, leeway, why);
}

static bool same_database(struct link *links[SIDES], int db, struct leeway leeway,
                          struct text *why) {
    struct words keys[SIDES] = {{{0}, 0, 0, 0}, {{0}, 0, 0, 0}};
    struct span *sorted[SIDES];
    size_t n[SIDES];
    bool ok = list_keys(links[ORACLE], db, &keys[ORACLE], why) &&
              list_keys(links[OURS], db, &keys[OURS], why);
    for (int s = 0; s < SIDES; s++) sorted[s] = words_sorted(&keys[s], true, &n[s]);
    ok = ok && same_keys(sorted[0], n[0], sorted[1], n[1], db, why);
    for (size_t at = 0; ok && at < n[0]; at += CHUNK_KEYS) {
        size_t some = n[0] - at < CHUNK_KEYS ? n[0] - at : CHUNK_KEYS;
        ok = same_chunk(links, sorted[0] + at, some, db, leeway, why);
    }
    for (int s = 0; s < SIDES; s++) {
        free(sorted[s]);
        words_free(&keys[s]);
    }
    return ok;
}

bool keyspace_equal(struct link *links[SIDES], struct leeway leeway, struct text *why) {
    bool ok = true;
    for (int db = 0; ok && db < DATABASES; db++) ok = same_database(links, db, leeway, why);
    static const char *const home[] = {"SELECT", "0", NULL};
    for (int s = 0; s < SIDES; s++) link_command(links[s], home);
    return ok;
}
