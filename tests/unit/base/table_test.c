/* table_test.c - base/table against an array: presence, scan guarantee, expiry. */
#include "base/table.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/table_still.h"
#include "support/suite.h"

#define KEYS 40000

struct item {
    int64_t expire_ms;
    bool stays;
    int id;
    int n;
    char key[32];
};

static struct slice key_of(const void *p) {
    const struct item *it = p;
    return slice_of(it->key, (size_t)it->n);
}
static int64_t due_of(const void *p, bool *ends) {
    const struct item *it = p;
    *ends = !it->stays;
    return it->expire_ms;
}
static const struct table_ops ops = {key_of, due_of};

static struct wheel wheel;
static struct table table;
static struct item *items[KEYS]; /* NULL: absent */
static int seen[KEYS];
static struct random rnd;

static void begin_with(uint64_t seed, struct wheel *w) {
    hash_init(seed);
    random_seed(&rnd, seed);
    wheel_init(&wheel, 1000);
    table_init(&table, &ops, w);
    memset(items, 0, sizeof items);
}

static void begin(uint64_t seed) { begin_with(seed, &wheel); }

static struct item *item_new(int id, int64_t expire_ms) {
    struct item *it = mem_alloc(sizeof *it);
    it->expire_ms = expire_ms;
    it->stays = false;
    it->id = id;
    it->n = snprintf(it->key, sizeof it->key, "k:%d", id);
    return it;
}

static struct item *find(int id, uint64_t *hash, struct table_place *place) {
    char key[300]; /* the hash is compiled for every length */
    int n = snprintf(key, sizeof key, "k:%d", id);
    *hash = hash_bytes(key, (size_t)n);
    return table_find(&table, &ops, slice_of(key, (size_t)n), *hash, place);
}

static void toggle(int id, int64_t expire_ms) {
    uint64_t hash;
    struct table_place place;
    struct item *it = find(id, &hash, &place);
    CU_ASSERT_PTR_EQUAL_FATAL(it, items[id]);
    if (it) {
        table_remove(&table, hash, place);
        mem_free(it);
        items[id] = NULL;
    } else {
        items[id] = item_new(id, expire_ms);
        table_insert(&table, hash, items[id]);
    }
}

static void end(void) {
    for (int i = 0; i < KEYS; i++) {
        if (items[i]) toggle(i, -1);
    }
    CU_ASSERT_EQUAL(table.count, 0);
    table_fini(&table);
}

static void visit(void *ctx, void *item) {
    (void)ctx;
    seen[((struct item *)item)->id]++;
}

static void behaves_as_an_array(void) {
    begin(7);
    for (int phase = 0; phase < 6; phase++) {
        size_t n = 0;
        for (int i = 0; i < 3 * KEYS; i++) {
            int id = (int)random_next_below(&rnd, KEYS);
            bool grow = phase % 2 == 0;
            if ((items[id] != NULL) != grow || random_next_below(&rnd, 4) == 0) toggle(id, -1);
        }
        for (int i = 0; i < KEYS; i++) {
            uint64_t hash;
            struct table_place place;
            if (find(i, &hash, &place) != items[i]) CU_FAIL("find differs from the array");
            n += items[i] != NULL;
        }
        CU_ASSERT_EQUAL(table.count, n);
        memset(seen, 0, sizeof seen);
        table_each(&table, visit, NULL);
        for (int i = 0; i < KEYS; i++) {
            if (seen[i] != (items[i] != NULL)) CU_FAIL("each differs from the array");
        }
    }
    end();
}

/* What is there from the first call to the last is seen exactly once, whatever else comes and goes.
 */
static void scan_sees_once(void) {
    begin(8);
    for (int i = 0; i < KEYS; i += 8) toggle(i, -1);
    for (int round = 0; round < 6; round++) {
        memset(seen, 0, sizeof seen);
        uint64_t cursor = 0;
        int calls = 0;
        do {
            cursor = table_scan(&table, cursor, visit, NULL);
            CU_ASSERT_TRUE(cursor < (uint64_t)1 << 48);
            for (int i = 0; i < (calls++ % 50 == 0 ? 400 : 2); i++) {
                int id = (int)random_next_below(&rnd, KEYS);
                if (id % 8 && (items[id] == NULL) == (round % 2 == 0)) toggle(id, -1);
            }
        } while (cursor);
        for (int i = 0; i < KEYS; i++) {
            if (i % 8 == 0 && seen[i] != 1) CU_FAIL("a lasting key was not seen exactly once");
            if (seen[i] > 1 + (i % 8 != 0)) CU_FAIL("a key was seen too often");
        }
    }
    end();
}

/* The same by segments, which split and become one meanwhile. */
static void walk_sees_once(void) {
    begin(8);
    for (int i = 0; i < KEYS; i += 8) toggle(i, -1);
    for (int round = 0; round < 40; round++) {
        memset(seen, 0, sizeof seen);
        uint64_t from = 0;
        do {
            from = table_visit_from(&table, from, visit, NULL);
            for (int i = 0; i < KEYS / 2; i++) {
                int id = (int)random_next_below(&rnd, KEYS);
                if (id % 8 && (items[id] == NULL) == (round % 2 == 0)) toggle(id, -1);
            }
        } while (from);
        for (int i = 0; i < KEYS; i++) {
            if (i % 8 == 0 && seen[i] != 1) CU_FAIL("a lasting key was not seen exactly once");
            if (seen[i] > 1 + (i % 8 != 0)) CU_FAIL("a key was seen too often");
        }
    }
    end();
}

static int64_t now_ms;
static size_t gone_count;

static void *gone(void *ctx, struct table *t, void *item) {
    (void)ctx;
    CU_ASSERT_PTR_EQUAL(t, &table);
    struct item *it = item;
    if (it->expire_ms >= now_ms) CU_FAIL("gone before its time");
    items[it->id] = NULL;
    gone_count++;
    mem_free(it);
    return NULL;
}

static void all_of_the_past_have_left(void) {
    int64_t first_ms = INT64_MAX;
    for (int i = 0; i < KEYS; i++) {
        if (!items[i] || items[i]->expire_ms < 0) continue;
        if (items[i]->expire_ms < now_ms - WHEEL_TICK_MS) CU_FAIL("still there after its time");
        if (items[i]->expire_ms < first_ms) first_ms = items[i]->expire_ms;
    }
    CU_ASSERT_TRUE(first_ms == INT64_MAX || table_next_ms(&table) <= first_ms + TABLE_LATE_MS);
}

/* With a wheel of the keyspace's kind, and one that the table makes. */
static void items_leave_at_their_time(struct wheel *w) {
    begin_with(9, w);
    now_ms = 1000;
    for (int i = 0; i < KEYS; i++) {
        int64_t far = i % 5 == 0 ? 400000000 : 60000; /* days, or a minute */
        toggle(i, i % 3 == 0 ? -1 : now_ms + (int64_t)random_next_below(&rnd, (uint64_t)far));
    }
    for (int step = 0; step < 400; step++) {
        now_ms += step < 300 ? (int64_t)random_next_below(&rnd, 500) : 4000000;
        while (table_expire(&table, now_ms, gone, NULL)) continue;
        CU_ASSERT_TRUE(table_next_ms(&table) > now_ms);
        if (step % 20 == 0) all_of_the_past_have_left();
    }
    CU_ASSERT_EQUAL(table.count, (KEYS + 2) / 3);
    end();
}

static void items_leave_by_a_wheel(void) { items_leave_at_their_time(&wheel); }
static void items_leave_by_an_own_wheel(void) { items_leave_at_their_time(NULL); }

/* Of one segment's items none is late, and no wheel is made for them. */
static void small_tables_need_no_wheel(void) {
    begin_with(13, NULL);
    gone_count = 0;
    now_ms = 5000;
    CU_ASSERT_EQUAL(table_next_ms(&table), INT64_MAX);
    for (int i = 0; i < 300; i++) toggle(i, i < 200 ? now_ms + 10 * i : -1);
    CU_ASSERT_EQUAL(table_next_ms(&table), now_ms + 1);
    for (size_t i = 0; i < 200; i++) {
        now_ms = 5000 + 10 * (int64_t)i;
        while (table_expire(&table, now_ms, gone, NULL)) continue;
        CU_ASSERT_EQUAL(gone_count, i);
        CU_ASSERT_TRUE(table_next_ms(&table) > now_ms++);
        while (table_expire(&table, now_ms, gone, NULL)) continue;
        CU_ASSERT_EQUAL(gone_count, i + 1);
    }
    CU_ASSERT_PTR_NULL(table.wheel);
    now_ms = 9000;
    while (table_expire(&table, now_ms, gone, NULL)) continue;
    CU_ASSERT_EQUAL(table_next_ms(&table), INT64_MAX);
    CU_ASSERT_EQUAL(table.count, 100);
    end();
}

static void replacing_moves_the_time(void) {
    begin(10);
    gone_count = 0;
    uint64_t hash;
    struct table_place place;
    toggle(1, 5000);
    struct item *it = find(1, &hash, &place);
    it->expire_ms = 3000;
    table_replace(&table, hash, place, it);
    now_ms = 3000;
    CU_ASSERT_FALSE(table_expire(&table, now_ms, gone, NULL));
    now_ms = 3100;
    CU_ASSERT_TRUE(table_expire(&table, now_ms, gone, NULL));
    CU_ASSERT_EQUAL(gone_count, 1);
    toggle(2, 5000);
    it = find(2, &hash, &place);
    it->expire_ms = -1;
    table_replace(&table, hash, place, it);
    toggle(3, 5000);
    items[3]->expire_ms = -1; /* found out when the time comes */
    now_ms = 9000;
    while (table_expire(&table, now_ms, gone, NULL)) continue;
    CU_ASSERT_EQUAL(gone_count, 1);
    CU_ASSERT_PTR_NOT_NULL(find(2, &hash, &place));
    CU_ASSERT_PTR_NOT_NULL(find(3, &hash, &place));
    end();
}

/* Lets some items stay with a later time, puts others in the place of some, lets the rest leave. */
static void *turn_into_another(void *ctx, struct table *t, void *item) {
    struct item *it = item;
    int *asked = ctx;
    ++*asked;
    if (it->expire_ms >= now_ms) CU_FAIL("asked before its time");
    if (it->id % 3 == 0) return gone(NULL, t, item);
    if (it->id % 3 == 1) {
        it->expire_ms += 100000;
        return it;
    }
    struct item *other = items[it->id] = item_new(it->id, -1);
    mem_free(it);
    return other;
}

static void items_may_stay(void) {
    int asked = 0;
    begin(14);
    gone_count = 0;
    now_ms = 1000;
    for (int i = 0; i < 9000; i++) toggle(i, 2000 + i);
    now_ms = 20000;
    while (table_expire(&table, now_ms, turn_into_another, &asked)) continue;
    CU_ASSERT_EQUAL(asked, 9000);
    CU_ASSERT_EQUAL(gone_count, 3000);
    CU_ASSERT_EQUAL(table.count, 6000);
    now_ms = 500000; /* their new times have come too, three times over */
    while (table_expire(&table, now_ms, turn_into_another, &asked)) continue;
    CU_ASSERT_EQUAL(asked, 9000 + 4 * 3000);
    now_ms = 600000;
    while (table_expire(&table, now_ms, gone, NULL)) continue;
    CU_ASSERT_EQUAL(table.count, 3000);
    CU_ASSERT_EQUAL(table_next_ms(&table), INT64_MAX);
    end();
}

/* One that stays is none of those that a volatile policy may pick. */
static void staying_items_are_not_picked(void) {
    begin(15);
    for (int i = 0; i < 20000; i++) {
        toggle(i, 5000);
        if (i == 777) continue;
        uint64_t hash;
        struct table_place place;
        struct item *it = find(i, &hash, &place);
        it->stays = true;
        table_replace(&table, hash, place, it);
    }
    for (int i = 0; i < 20; i++) {
        struct item *it = table_random(&table, true, random_u64);
        CU_ASSERT_PTR_NOT_NULL_FATAL(it);
        CU_ASSERT_EQUAL(it->id, 777);
    }
    toggle(777, -1);
    CU_ASSERT_PTR_NULL(table_random(&table, true, random_u64));
    gone_count = 0;
    now_ms = 6000;
    while (table_expire(&table, now_ms, gone, NULL)) continue;
    CU_ASSERT_EQUAL(gone_count, 19999); /* their times were not lost in looking for one */
    end();
}

static void random_is_even(void) {
    begin(11);
    for (int i = 0; i < 1000; i++) toggle(i, i < 3 ? 100000 : -1);
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < 200000; i++)
        seen[((struct item *)table_random(&table, false, random_u64))->id]++;
    for (int i = 0; i < 1000; i++) {
        if (seen[i] < 100 || seen[i] > 320)
            CU_FAIL("an item is picked far from one time in a thousand");
    }
    for (int i = 0; i < 100; i++) {
        CU_ASSERT_TRUE(((struct item *)table_random(&table, true, random_u64))->id < 3);
    }
    for (int i = 0; i < 3; i++) toggle(i, -1);
    CU_ASSERT_PTR_NULL(table_random(&table, true, random_u64));
    end();
    begin(11);
    CU_ASSERT_PTR_NULL(table_random(&table, false, random_u64));
    end();
}

static void memory_comes_back(void) {
    begin(12);
    size_t empty = table.bytes;
    for (int i = 0; i < KEYS; i++) toggle(i, -1);
    size_t full = table.bytes;
    CU_ASSERT_TRUE(full < 15 * KEYS);
    CU_ASSERT_TRUE(table_load_permille(&table) > 550);
    for (int i = 0; i < KEYS; i++) toggle(i, -1);
    CU_ASSERT_TRUE(table.bytes - empty < full / 10);
    end();
}

/* A table that knows what comes has it in no more memory, whether it is right or not. */
static void what_is_expected_has_room(void) {
    static const struct {
        size_t expected, bytes_max;
    } cases[] = {
        {KEYS, 15 * KEYS},
        {KEYS / 3, 15 * KEYS},
        {KEYS * 5, 5 * 15 * KEYS},
        {SIZE_MAX, 15 * KEYS}, /* the table does not come to a part of it */
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        begin(13 + c);
        size_t empty = table.bytes;
        table_expect(&table, cases[c].expected);
        for (int i = 0; i < KEYS; i++) toggle(i, i % 3 ? -1 : 5000 + i);
        table_expect(&table, 0);
        CU_ASSERT_TRUE(table.bytes < cases[c].bytes_max);
        for (int i = 0; i < KEYS; i++) {
            uint64_t hash;
            struct table_place place;
            CU_ASSERT_PTR_EQUAL(find(i, &hash, &place), items[i]);
        }
        for (int i = 0; i < KEYS; i++) toggle(i, -1);
        CU_ASSERT_TRUE(table.bytes - empty < 2 * KEYS);
        end();
    }
}

/* ---- stills ---- */

#define STILLS 3

struct stilled {
    struct table table;
    struct item *items[KEYS]; /* that were there */
    size_t n;
    bool out;
};

static struct stilled stilled[STILLS];
static struct item *dead[60 * KEYS]; /* as long as there are stills */
static size_t dead_n, stills_out;

static void bury(struct item *it) {
    if (stills_out) {
        dead[dead_n++] = it;
    } else {
        mem_free(it);
    }
}

static void *expired(void *ctx, struct table *t, void *item) {
    (void)ctx;
    (void)t;
    items[((struct item *)item)->id] = NULL;
    bury(item);
    return NULL;
}

/* Adds, takes out, or puts another item with the same key in the place. */
static void change(int64_t now_ms) {
    int id = (int)random_next_below(&rnd, KEYS);
    int64_t ms = random_next_below(&rnd, 2) ? -1 : now_ms + (int64_t)random_next_below(&rnd, 5000);
    uint64_t hash;
    struct table_place place;
    struct item *it = find(id, &hash, &place);
    CU_ASSERT_PTR_EQUAL_FATAL(it, items[id]);
    if (!it) {
        table_insert(&table, hash, items[id] = item_new(id, ms));
        return;
    }
    if (random_next_below(&rnd, 2)) {
        table_replace(&table, hash, place, items[id] = item_new(id, ms));
    } else {
        table_remove(&table, hash, place);
        items[id] = NULL;
    }
    bury(it);
}

static void take_out(int id) {
    uint64_t hash;
    struct table_place place;
    struct item *it = find(id, &hash, &place);
    table_remove(&table, hash, place);
    items[id] = NULL;
    bury(it);
}

static void still_begin(struct stilled *s) {
    table_still(&table, &s->table);
    memcpy(s->items, items, sizeof items);
    s->n = table.count;
    s->out = true;
    stills_out++;
}

static void note_item(void *ctx, void *item) {
    const struct stilled *s = ctx;
    const struct item *it = item;
    if (s->items[it->id] != it) CU_FAIL("a still has what was not there");
    seen[it->id]++;
}

static void still_check(struct stilled *s) {
    struct table_walk walk = {0, 0};
    size_t n = 0;
    CU_ASSERT_EQUAL(s->table.count, s->n);
    memset(seen, 0, sizeof seen);
    if (random_next_below(&rnd, 2)) {
        table_each(&s->table, note_item, s);
    } else {
        while (table_step(&s->table, &walk, note_item, s)) {
        }
    }
    for (int i = 0; i < KEYS; i++) {
        if (seen[i] != (s->items[i] != NULL)) CU_FAIL("a still differs from what was there");
        n += (size_t)seen[i];
    }
    CU_ASSERT_EQUAL(n, s->n);
    for (int i = 0; i < 1000; i++) {
        int id = (int)random_next_below(&rnd, KEYS);
        char key[300];
        struct slice k = slice_of(key, (size_t)snprintf(key, sizeof key, "k:%d", id));
        struct table_place place;
        void *found = table_find(&s->table, &ops, k, hash_bytes(k.p, k.n), &place);
        if (found != s->items[id]) CU_FAIL("find in a still differs from what was there");
    }
}

static void still_end(struct stilled *s) {
    still_check(s);
    table_still_end(&table, &s->table);
    s->out = false;
    if (--stills_out) return;
    CU_ASSERT_EQUAL(table_still_bytes(&table), 0);
    while (dead_n) mem_free(dead[--dead_n]);
}

/* Grows and shrinks the table while up to three stills are out. */
static void stills_stay(void) {
    int64_t now_ms = 1000;
    size_t shared_bytes = 0;
    begin_with(21, NULL);
    for (int round = 0; round < 150; round++) {
        struct stilled *s = &stilled[random_next_below(&rnd, STILLS)];
        if (s->out) {
            still_end(s);
        } else {
            still_begin(s);
        }
        int changes = (int)random_next_below(&rnd, 6000);
        for (int i = 0; i < changes; i++) change(now_ms);
        for (int i = 0; round % 10 > 6 && i < KEYS; i++) {
            if (items[i] && random_next_below(&rnd, 10)) take_out(i);
        }
        now_ms += (int64_t)random_next_below(&rnd, 2000);
        while (table_expire(&table, now_ms, expired, NULL)) {
        }
        if (table_still_bytes(&table) > shared_bytes) shared_bytes = table_still_bytes(&table);
    }
    CU_ASSERT_TRUE(shared_bytes > 0);
    for (int i = 0; i < STILLS; i++) {
        if (stilled[i].out) still_end(&stilled[i]);
    }
    end();
}

static atomic_bool reading;

static void add_id(void *ctx, void *item) { *(size_t *)ctx += (size_t)((struct item *)item)->id; }

static void *read_on(void *arg) {
    const struct table *still = arg;
    size_t first = 0, sum = 0;
    table_each(still, add_id, &first);
    while (atomic_load_explicit(&reading, memory_order_relaxed)) {
        sum = 0;
        table_each(still, add_id, &sum);
        if (sum != first) break;
    }
    return (void *)(uintptr_t)(sum == 0 || sum == first);
}

/* Another thread reads a still while the table grows, shrinks and loses what ends. */
static void threads_read_stills(void) {
    int64_t now_ms = 1000;
    begin_with(22, NULL);
    for (int i = 0; i < KEYS; i++) change(now_ms);
    for (int round = 0; round < 10; round++) {
        pthread_t thread;
        void *same;
        still_begin(&stilled[0]);
        atomic_store(&reading, true);
        CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, read_on, &stilled[0].table), 0);
        for (int i = 0; i < 20000; i++) {
            change(now_ms);
            if (i % 1000 == 0) now_ms += 300;
            if (i % 1000 == 0) table_expire(&table, now_ms, expired, NULL);
        }
        atomic_store(&reading, false);
        pthread_join(thread, &same);
        CU_ASSERT_TRUE(same != NULL);
        still_end(&stilled[0]);
    }
    end();
}

int main(void) {
    static const struct suite_test tests[] = {
        {"behaves_as_an_array", behaves_as_an_array},
        {"scan_sees_once", scan_sees_once},
        {"walk_sees_once", walk_sees_once},
        {"items_leave_by_a_wheel", items_leave_by_a_wheel},
        {"items_leave_by_an_own_wheel", items_leave_by_an_own_wheel},
        {"small_tables_need_no_wheel", small_tables_need_no_wheel},
        {"replacing_moves_the_time", replacing_moves_the_time},
        {"items_may_stay", items_may_stay},
        {"staying_items_are_not_picked", staying_items_are_not_picked},
        {"random_is_even", random_is_even},
        {"memory_comes_back", memory_comes_back},
        {"what_is_expected_has_room", what_is_expected_has_room},
        {"stills_stay", stills_stay},
        {"threads_read_stills", threads_read_stills},
        {NULL, NULL},
    };
    return suite_main("table", tests);
}
