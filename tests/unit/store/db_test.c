/* db_test.c - random operations on the databases beside a model of plain arrays.
 *
 * The model keeps for each database and key the value's bytes and its expiry. After every
 * operation what it returned is compared, from time to time the whole contents: by lookup, by
 * scan, by count. The clock is the test's.
 */
#include "store/db.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/random.h"
#include "store/evict.h"
#include "store/garbage.h"
#include "support/suite.h"

#define DBS 3
#define KEYS 500
#define BIG_BYTES (300 * 1024)

struct value {
    bool there;
    char *bytes;
    size_t n;
    int64_t expire_ms; /* -1: none */
};

static struct keyspace *ks;
static struct value model[DBS][KEYS];
static struct key keys[KEYS];
static int seen[KEYS];
static char big[BIG_BYTES];
static struct random rnd;
static int64_t now_ms;

static uint64_t below(uint64_t n) { return random_next_below(&rnd, n); }

/* Lengths at which the layout of an entry changes. */
static const size_t edges[] = {0,   1,   4,   8,   20,  43,  44,   45,
                               100, 200, 253, 254, 255, 256, 1000, 32768};
#define EDGES (sizeof edges / sizeof *edges)

static void keys_make(void) {
    static char text[KEYS][300];
    for (int i = 0; i < KEYS; i++) {
        int n = snprintf(text[i], sizeof text[i], "key:%d:", i);
        size_t len = (size_t)n;
        if (i % 10 == 0) len = 200 + (size_t)(i / 10 * 2) % 99; /* 200 .. 298, odd ones below */
        if (i % 10 == 5) len = 253 + (size_t)(i / 10) % 4;
        memset(text[i] + n, 'x', sizeof text[i] - (size_t)n);
        keys[i] = key_of(slice_of(text[i], len));
    }
}

static void begin(uint64_t seed) {
    hash_init(seed);
    random_seed(&rnd, seed);
    keys_make();
    ks = keyspace_new(DBS);
    now_ms = 1700000000000;
    keyspace_set_now(ks, now_ms);
    memset(model, 0, sizeof model);
    for (size_t i = 0; i < sizeof big; i++) big[i] = (char)below(256);
}

/* ---- the model ---------------------------------------------------------------------- */

static void model_drop(struct value *v) {
    mem_free(v->bytes);
    *v = (struct value){0};
}

static void model_set(struct value *v, const char *p, size_t n, int64_t expire_ms) {
    char *bytes = mem_dup(p, n);
    if (expire_ms == DB_KEEP_TTL) expire_ms = v->there ? v->expire_ms : DB_NO_TTL;
    model_drop(v);
    *v = (struct value){true, bytes, n, expire_ms};
}

static struct value *model_at(int d, int i) {
    struct value *v = &model[d][i];
    if (v->there && v->expire_ms >= 0 && v->expire_ms < now_ms) model_drop(v);
    return v;
}

static void end(void) {
    for (int d = 0; d < DBS; d++) {
        for (int i = 0; i < KEYS; i++) model_drop(&model[d][i]);
    }
    keyspace_free(ks);
}

/* ---- comparing ---------------------------------------------------------------------- */

static bool same(const struct entry *e, const struct value *v) {
    char digits[ENTRY_DIGITS_MAX];
    if (!e || !v->there) return !e && !v->there;
    struct slice s = entry_bytes(e, digits);
    return s.n == v->n && memcmp(s.p, v->bytes, s.n) == 0 && entry_strlen(e) == v->n &&
           entry_expire_ms(e) == v->expire_ms;
}

static void see(void *ctx, const struct entry *e) {
    int id;
    char text[16] = {0};
    (void)ctx;
    struct slice k = entry_key(e);
    memcpy(text, k.p + 4, k.n - 4 < 8 ? k.n - 4 : 8);
    if (sscanf(text, "%d:", &id) == 1) seen[id]++;
}

static void compare_all(void) {
    for (int d = 0; d < DBS; d++) {
        size_t there = 0, ttl = 0;
        memset(seen, 0, sizeof seen);
        uint64_t cursor = 0;
        do {
            cursor = db_scan(&ks->dbs[d], cursor, 7, see, NULL, NULL);
        } while (cursor);
        for (int i = 0; i < KEYS; i++) {
            struct value *v = model_at(d, i);
            if (seen[i] != v->there) CU_FAIL("the scan differs");
            if (!same(db_peek(&ks->dbs[d], keys[i]), v)) CU_FAIL("a key differs");
            there += v->there;
            ttl += v->there && v->expire_ms >= 0;
        }
        CU_ASSERT_EQUAL(db_size(&ks->dbs[d]), there); /* all that expired was looked up */
        CU_ASSERT_EQUAL(db_ttl_size(&ks->dbs[d]), ttl);
        CU_ASSERT_EQUAL(ks->dbs[d].shelf->ttl_count, ttl);
    }
}

/* ---- operations --------------------------------------------------------------------- */

static size_t pick_length(void) {
    uint64_t r = below(100);
    if (r == 0) return sizeof big;
    if (r < 60) return edges[below(EDGES)];
    return below(300);
}

static int64_t pick_expiry(void) {
    switch (below(5)) {
    case 0: return now_ms + (int64_t)below(50);
    case 1: return now_ms + (int64_t)below(100000);
    case 2: return now_ms + (int64_t)below(40) * 86400000;
    case 3: return DB_KEEP_TTL;
    default: return DB_NO_TTL;
    }
}

static void op_set(int d, int i) {
    size_t n = pick_length(), from = below(sizeof big - n + 1);
    int64_t expire_ms = pick_expiry();
    struct slice s = slice_of(big + from, n);
    if (below(3) == 0) {
        struct blob *b = blob_new(n);
        memcpy(b->data, s.p, n);
        b->len = n;
        db_set_blob(&ks->dbs[d], keys[i], b, expire_ms);
    } else if (below(2)) {
        db_set(&ks->dbs[d], keys[i], s, expire_ms);
    } else {
        db_set_text(&ks->dbs[d], keys[i], s, expire_ms);
    }
    model_set(model_at(d, i), s.p, n, expire_ms);
}

static int64_t pick_int(void) {
    static const int64_t some[] = {0,         1,         -1,         INT32_MAX, INT32_MIN,
                                   INT64_MAX, INT64_MIN, 4294967296, 10000,     -128};
    return below(2) ? some[below(10)] : (int64_t)random_next(&rnd) >> below(64);
}

static void op_set_int(int d, int i) {
    char digits[ENTRY_DIGITS_MAX];
    int64_t v = pick_int(), expire_ms = pick_expiry();
    size_t n = num_format_i64(digits, v);
    if (below(2)) {
        db_set_int(&ks->dbs[d], keys[i], v, expire_ms);
    } else {
        db_set(&ks->dbs[d], keys[i], slice_of(digits, n), expire_ms);
    }
    model_set(model_at(d, i), digits, n, expire_ms);
    CU_ASSERT_EQUAL(entry_encoding(db_peek(&ks->dbs[d], keys[i])), ENC_INT);
}

static void op_incr(int d, int i) {
    struct value *v = model_at(d, i);
    int64_t delta = pick_int(), was = 0, sum, want;
    int rc = db_incr(&ks->dbs[d], keys[i], delta, &sum);
    if (v->there && !num_parse_i64(slice_of(v->bytes, v->n), &was)) {
        CU_ASSERT_EQUAL(rc, ERR_NOT_INT);
    } else if (__builtin_add_overflow(was, delta, &want)) {
        CU_ASSERT_EQUAL(rc, ERR_OVERFLOW);
    } else {
        char digits[ENTRY_DIGITS_MAX];
        CU_ASSERT_EQUAL(rc, 0);
        CU_ASSERT_EQUAL(sum, want);
        model_set(v, digits, num_format_i64(digits, want), v->there ? DB_KEEP_TTL : DB_NO_TTL);
    }
}

static void op_edit(int d, int i) {
    struct value *v = model_at(d, i);
    size_t len = below(40) ? below(600) : BIG_BYTES, got, want = len > v->n ? len : v->n;
    char *p = db_edit(&ks->dbs[d], keys[i], len, &got);
    CU_ASSERT_EQUAL_FATAL(got, want);
    char *bytes = mem_calloc(want + 1);
    if (v->n) memcpy(bytes, v->bytes, v->n);
    if (want) p[want - 1] = bytes[want - 1] = 'e';
    model_set(v, bytes, want, v->there ? DB_KEEP_TTL : DB_NO_TTL);
    mem_free(bytes);
}

static void op_delete(int d, int i) {
    struct value *v = model_at(d, i);
    CU_ASSERT_EQUAL(db_delete(&ks->dbs[d], keys[i]), v->there);
    model_drop(v);
}

static void op_expire(int d, int i) {
    struct value *v = model_at(d, i);
    if (!db_exists(&ks->dbs[d], keys[i])) return;
    int64_t ms = pick_expiry();
    if (ms == DB_KEEP_TTL) ms = INT64_MAX - 1;
    db_set_expire(&ks->dbs[d], keys[i], ms);
    v->expire_ms = ms;
}

/* RENAME, MOVE and COPY. */
static void op_carry(int d, int i, bool copy) {
    int d2 = (int)below(DBS), i2 = (int)below(KEYS);
    struct value *from = model_at(d, i), *to = model_at(d2, i2);
    if (from == to || !db_exists(&ks->dbs[d], keys[i])) return;
    if (copy) {
        db_copy(&ks->dbs[d], keys[i], &ks->dbs[d2], keys[i2]);
    } else {
        db_rename(&ks->dbs[d], keys[i], &ks->dbs[d2], keys[i2]);
    }
    model_set(to, from->bytes, from->n, from->expire_ms);
    if (!copy) model_drop(from);
}

static void op_random(int d) {
    const struct entry *e = db_random(&ks->dbs[d]);
    if (!e) return;
    memset(seen, 0, sizeof seen);
    see(NULL, e);
    for (int i = 0; i < KEYS; i++) {
        if (seen[i] && !model_at(d, i)->there) CU_FAIL("a random key that is not there");
    }
}

static void op_rare(int d) {
    int d2 = (int)below(DBS);
    switch (below(12)) {
    case 0:
        db_flush(&ks->dbs[d]);
        for (int i = 0; i < KEYS; i++) model_drop(&model[d][i]);
        break;
    case 1:
    case 2:
        db_swap(&ks->dbs[d], &ks->dbs[d2]);
        for (int i = 0; d != d2 && i < KEYS; i++) {
            struct value v = model[d][i];
            model[d][i] = model[d2][i];
            model[d2][i] = v;
        }
        break;
    case 3: garbage_free(keyspace_take_garbage(ks)); break;
    case 4: ks->lfu = !ks->lfu; break;
    default: now_ms += (int64_t)below(below(10) ? 100 : 86400000); keyspace_set_now(ks, now_ms);
    }
}

static void operate(void) {
    int d = (int)below(DBS), i = (int)below(KEYS);
    switch (below(16)) {
    case 0:
    case 1:
    case 2: op_set(d, i); break;
    case 3: op_set_int(d, i); break;
    case 4:
    case 5: op_incr(d, i); break;
    case 6: op_edit(d, i); break;
    case 7:
    case 8: op_delete(d, i); break;
    case 9: op_expire(d, i); break;
    case 10: op_carry(d, i, false); break;
    case 11: op_carry(d, i, true); break;
    case 12: op_random(d); break;
    case 13:
        while (keyspace_expire_step(ks, 1000)) {
        }
        break;
    default:
        if (!same(db_read(&ks->dbs[d], keys[i]), model_at(d, i))) CU_FAIL("a read differs");
    }
    if (below(50) == 0) op_rare(d);
}

static void behaves_as_the_model(void) {
    for (uint64_t seed = 1; seed <= 4; seed++) {
        begin(seed);
        for (int i = 0; i < 30000; i++) {
            operate();
            if (i % 3000 == 0) compare_all();
        }
        compare_all();
        end();
    }
}

/* ---- memory ------------------------------------------------------------------------- */

static void comes_back_to_the_start(void) {
    begin(9);
    size_t start_bytes = keyspace_memory(ks), table_bytes = ks->dbs[0].shelf->table.bytes;
    char name[300]; /* the hash is compiled for every length */
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 100000; i++) {
            struct key k = key_of(slice_of(name, (size_t)snprintf(name, sizeof name, "k%d", i)));
            db_set(&ks->dbs[0], k, slice_of(big, i % 1000 ? 20 : 3000), i % 3 ? -1 : now_ms + i);
        }
        CU_ASSERT(keyspace_memory(ks) > start_bytes + 4000000);
        if (round == 0) {
            for (int i = 0; i < 100000; i++) {
                struct key k =
                    key_of(slice_of(name, (size_t)snprintf(name, sizeof name, "k%d", i)));
                CU_ASSERT(db_delete(&ks->dbs[0], k));
            }
            CU_ASSERT_EQUAL(ks->dbs[0].shelf->table.bytes, table_bytes);
            CU_ASSERT_EQUAL(ks->dbs[0].shelf->slab.live, 0);
        } else {
            CU_ASSERT_EQUAL(db_flush(&ks->dbs[0]), 100000);
        }
        garbage_free(keyspace_take_garbage(ks));
        CU_ASSERT(keyspace_memory(ks) <= start_bytes + 4096);
        CU_ASSERT_EQUAL(ks->dbs[0].shelf->ttl_count, 0);
        CU_ASSERT(ks->dbs[0].shelf->ttl_sum_ms == 0);
    }
    end();
}

/* What waits to be freed does not count against the limit. */
static void garbage_counts_as_gone(void) {
    begin(10);
    size_t start_bytes = keyspace_memory(ks);
    db_set(&ks->dbs[0], keys[1], slice_of(big, sizeof big), DB_NO_TTL);
    CU_ASSERT(!keyspace_fits(ks, start_bytes + sizeof big / 2));
    db_delete(&ks->dbs[0], keys[1]);
    CU_ASSERT(keyspace_memory(ks) > start_bytes + sizeof big);
    CU_ASSERT(keyspace_fits(ks, start_bytes + sizeof big / 2));
    garbage_free(keyspace_take_garbage(ks));
    CU_ASSERT(keyspace_memory(ks) < start_bytes + sizeof big / 2);
    CU_ASSERT_EQUAL(ks->leaving_bytes, 0);

    for (int i = 0; i < 100; i++) db_set(&ks->dbs[0], keys[i], slice_of(big, 5000), DB_NO_TTL);
    db_flush(&ks->dbs[0]);
    CU_ASSERT(keyspace_memory(ks) > start_bytes + 100 * 5000);
    CU_ASSERT(keyspace_fits(ks, start_bytes + 5000));
    garbage_free(keyspace_take_garbage(ks));
    CU_ASSERT_EQUAL(ks->leaving_shelves, 0);
    CU_ASSERT(keyspace_fits(ks, start_bytes + 8192));
    end();
}

/* ---- shared values ------------------------------------------------------------------ */

static void editing_leaves_other_holders_alone(void) {
    static const size_t lengths[] = {255, 1000, 40000, BIG_BYTES};
    begin(11);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t n = lengths[i], len;
        struct db *db = &ks->dbs[0];
        db_set(db, keys[1], slice_of(big, n), DB_NO_TTL);
        struct blob *held = blob_ref(entry_blob(db_peek(db, keys[1]))); /* as a reply does */
        db_copy(db, keys[1], &ks->dbs[1], keys[2]);
        memset(db_edit(db, keys[1], n + 10, &len), '-', n + 10);
        CU_ASSERT_EQUAL(len, n + 10);
        CU_ASSERT(memcmp(held->data, big, n) == 0);
        const struct entry *copy = db_peek(&ks->dbs[1], keys[2]);
        CU_ASSERT(entry_strlen(copy) == n && memcmp(entry_blob(copy)->data, big, n) == 0);
        db_delete(db, keys[1]);
        db_delete(&ks->dbs[1], keys[2]);
        garbage_free(keyspace_take_garbage(ks));
        CU_ASSERT(memcmp(held->data, big, n) == 0);
        blob_unref(held);
    }
    end();
}

/* ---- time --------------------------------------------------------------------------- */

/* A key that a pause keeps past its time is hidden, and gives way to a new value. */
static void a_pause_hides_and_makes_way(void) {
    begin(12);
    struct db *db = &ks->dbs[0];
    for (int i = 0; i < 4; i++) db_set(db, keys[i], slice_of("old", 3), now_ms + 10);
    db_set(db, keys[4], slice_of("from", 4), DB_NO_TTL);
    db_set(db, keys[5], slice_of("from", 4), DB_NO_TTL);
    ks->expire_paused = true;
    keyspace_set_now(ks, now_ms += 100);
    CU_ASSERT_PTR_NULL(db_read(db, keys[0]));
    CU_ASSERT_EQUAL(db_size(db), 6);
    db_set(db, keys[0], slice_of("new", 3), DB_KEEP_TTL);
    db_rename(db, keys[4], db, keys[1]);
    db_copy(db, keys[5], db, keys[2]);
    CU_ASSERT_EQUAL(db_size(db), 5);
    ks->expire_paused = false;
    CU_ASSERT_EQUAL(entry_expire_ms(db_peek(db, keys[0])), -1);
    CU_ASSERT(db_exists(db, keys[1]) && db_exists(db, keys[2]) && !db_exists(db, keys[3]));
    for (int i = 0; i < 6; i++) db_delete(db, keys[i]);
    CU_ASSERT_EQUAL(db_size(db), 0);
    end();
}

static void expire_all_due(void) {
    for (int i = 0; keyspace_expire_step(ks, 1000); i++) CU_ASSERT_FATAL(i < 1000);
}

/* The clock is set back by a day: keys end by the clock as it is, and nothing spins. */
static void follows_a_clock_set_back(void) {
    begin(13);
    struct db *db = &ks->dbs[0];
    for (int i = 0; i < 100; i++) db_set(db, keys[i], slice_of("v", 1), now_ms + 1000 + i);
    keyspace_set_now(ks, now_ms += 500);
    expire_all_due();
    keyspace_set_now(ks, now_ms -= 86400000);
    for (int i = 100; i < 200; i++) db_set(db, keys[i], slice_of("v", 1), now_ms + 1000);
    expire_all_due();
    CU_ASSERT_EQUAL(db_size(db), 200);
    CU_ASSERT(keyspace_next_expire(ks) > now_ms);
    keyspace_set_now(ks, now_ms += 1010);
    expire_all_due();
    CU_ASSERT_EQUAL(db_size(db), 100);
    CU_ASSERT(keyspace_next_expire(ks) > now_ms);
    keyspace_set_now(ks, now_ms += 86400000);
    expire_all_due();
    CU_ASSERT_EQUAL(db_size(db), 0);
    end();
}

static int left_count;

static void on_leave(void *ctx, struct db *db, const struct entry *e, enum leave_reason why) {
    CU_ASSERT_PTR_EQUAL(ctx, ks);
    CU_ASSERT(entry_key(e).n > 0 && db->ks == ks);
    CU_ASSERT_EQUAL(why, LEAVE_EXPIRED);
    left_count++;
}

static void tells_of_each_key_that_expires(void) {
    begin(14);
    left_count = 0;
    ks->on_leave = on_leave;
    ks->on_leave_ctx = ks;
    for (int i = 0; i < KEYS; i++) db_set(&ks->dbs[i % DBS], keys[i], slice_of("v", 1), now_ms + i);
    keyspace_set_now(ks, now_ms += KEYS);
    for (int i = 0; i < KEYS; i += 2) CU_ASSERT_PTR_NULL(db_read(&ks->dbs[i % DBS], keys[i]));
    expire_all_due();
    CU_ASSERT_EQUAL(left_count, KEYS);
    CU_ASSERT_EQUAL(ks->expired, KEYS);
    end();
}

int main(void) {
    static const struct suite_test tests[] = {
        {"behaves_as_the_model", behaves_as_the_model},
        {"comes_back_to_the_start", comes_back_to_the_start},
        {"garbage_counts_as_gone", garbage_counts_as_gone},
        {"editing_leaves_other_holders_alone", editing_leaves_other_holders_alone},
        {"a_pause_hides_and_makes_way", a_pause_hides_and_makes_way},
        {"follows_a_clock_set_back", follows_a_clock_set_back},
        {"tells_of_each_key_that_expires", tells_of_each_key_that_expires},
        {NULL, NULL},
    };
    mem_thread_init();
    return suite_main("db", tests);
}
