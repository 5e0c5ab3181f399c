/* evict_test.c - which keys each policy takes, and what it costs where few qualify. */
#include "store/evict.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/db.h"
#include "support/suite.h"

#define SAMPLES 5

static struct keyspace *ks;
static int64_t now_ms;

static void begin(int dbs) {
    hash_init(3);
    clock_init();
    ks = keyspace_new(dbs);
    now_ms = 1700000000000;
    keyspace_set_now(ks, now_ms);
    ks->lfu_log_factor = 10;
    ks->lfu_decay_minutes = 1;
}

static struct key name(int i) {
    static char text[300]; /* the hash is compiled for every length */
    return key_of(slice_of(text, (size_t)snprintf(text, sizeof text, "key:%d", i)));
}

static void set(int d, int i, int64_t expire_ms) {
    db_set(&ks->dbs[d], name(i), slice_of("v", 1), expire_ms);
}

static int count(int from, int to) {
    int n = 0;
    for (int i = from; i < to; i++) n += db_exists(&ks->dbs[0], name(i));
    return n;
}

static int evict(enum evict_policy policy, int times) {
    int n = 0;
    while (n < times && keyspace_evict_one(ks, policy, SAMPLES)) n++;
    return n;
}

static void noeviction_takes_nothing(void) {
    begin(1);
    set(0, 1, DB_NO_TTL);
    CU_ASSERT_EQUAL(evict(EVICT_NOEVICTION, 1), 0);
    CU_ASSERT_EQUAL(count(1, 2), 1);
    keyspace_free(ks);
}

/* 1,000 keys of old and 1,000 of today; after 1,000 evictions most that went were old. */
static void lru_takes_the_idle(void) {
    begin(1);
    for (int i = 0; i < 2000; i++) set(0, i, DB_NO_TTL);
    keyspace_set_now(ks, now_ms += 100000);
    for (int i = 1000; i < 2000; i++) db_read(&ks->dbs[0], name(i));
    CU_ASSERT_EQUAL(evict(EVICT_ALLKEYS_LRU, 1000), 1000);
    CU_ASSERT(count(0, 1000) < 150);
    CU_ASSERT(count(1000, 2000) > 850);
    CU_ASSERT_EQUAL(ks->evicted, 1000);
    keyspace_free(ks);
}

static void lfu_takes_the_rare(void) {
    begin(1);
    ks->lfu = true;
    for (int i = 0; i < 2000; i++) set(0, i, DB_NO_TTL);
    for (int round = 0; round < 100; round++) {
        for (int i = 1000; i < 2000; i++) db_read(&ks->dbs[0], name(i));
    }
    const struct entry *e = db_peek(&ks->dbs[0], name(1500));
    int counter = db_lfu_counter(&ks->dbs[0], e);
    CU_ASSERT(counter > 5 && counter < 30);
    CU_ASSERT_EQUAL(evict(EVICT_ALLKEYS_LFU, 1000), 1000);
    CU_ASSERT(count(0, 1000) < 150);
    keyspace_set_now(ks, now_ms += 3 * 60000); /* three periods: each takes one off */
    e = db_peek(&ks->dbs[0], name(1500));
    if (e) CU_ASSERT_EQUAL(db_lfu_counter(&ks->dbs[0], e), counter - 3);
    keyspace_free(ks);
}

static void ttl_takes_the_soonest(void) {
    begin(1);
    for (int i = 0; i < 2000; i++) set(0, i, i < 1000 ? now_ms + 10000 + i : now_ms + 1000000 + i);
    for (int i = 2000; i < 3000; i++) set(0, i, DB_NO_TTL);
    CU_ASSERT_EQUAL(evict(EVICT_VOLATILE_TTL, 1000), 1000);
    CU_ASSERT(count(0, 1000) < 150);
    CU_ASSERT_EQUAL(count(2000, 3000), 1000);
    keyspace_free(ks);
}

/* Every policy for keys with an expiry takes exactly those, then says that there is no more. */
static void volatile_policies_leave_the_rest(void) {
    static const enum evict_policy policies[] = {EVICT_VOLATILE_LRU, EVICT_VOLATILE_LFU,
                                                 EVICT_VOLATILE_RANDOM, EVICT_VOLATILE_TTL};
    for (int p = 0; p < 4; p++) {
        begin(2);
        for (int i = 0; i < 500; i++) set(0, i, i % 5 ? DB_NO_TTL : now_ms + 100000);
        for (int i = 0; i < 50; i++) set(1, i, now_ms + 100000);
        CU_ASSERT_EQUAL(evict(policies[p], 1000), 150);
        CU_ASSERT_EQUAL(db_size(&ks->dbs[0]), 400);
        CU_ASSERT_EQUAL(db_size(&ks->dbs[1]), 0);
        CU_ASSERT_EQUAL(db_ttl_size(&ks->dbs[0]), 0);
        keyspace_free(ks);
    }
}

static void allkeys_takes_all_of_all_databases(void) {
    static const enum evict_policy policies[] = {EVICT_ALLKEYS_LRU, EVICT_ALLKEYS_LFU,
                                                 EVICT_ALLKEYS_RANDOM};
    for (int p = 0; p < 3; p++) {
        begin(16);
        for (int i = 0; i < 1600; i++) set(i % 16, i, i % 3 ? DB_NO_TTL : now_ms + 100);
        CU_ASSERT_EQUAL(evict(policies[p], 5000), 1600);
        keyspace_free(ks);
    }
}

/* What the pool remembers may be gone, used since, or of another policy. */
static void remembered_keys_are_looked_at_again(void) {
    begin(2);
    for (int i = 0; i < 100; i++) set(0, i, now_ms + 100000 + i);
    keyspace_set_now(ks, now_ms += 50000);
    evict(EVICT_VOLATILE_TTL, 3);
    for (int i = 0; i < 100; i++) db_read(&ks->dbs[0], name(i));
    for (int i = 100; i < 110; i++) set(0, i, DB_NO_TTL);
    CU_ASSERT_EQUAL(evict(EVICT_ALLKEYS_LRU, 5), 5);
    db_flush(&ks->dbs[0]);
    set(1, 7, DB_NO_TTL);
    db_swap(&ks->dbs[0], &ks->dbs[1]);
    CU_ASSERT_EQUAL(evict(EVICT_VOLATILE_LRU, 1), 0);
    CU_ASSERT_EQUAL(evict(EVICT_ALLKEYS_LRU, 5), 1);
    CU_ASSERT_EQUAL(db_size(&ks->dbs[0]), 0);
    keyspace_free(ks);
}

/* A dozen keys with an expiry among 300,000 are found without a pass over the table. */
static void few_volatile_keys_are_found_fast(void) {
    begin(1);
    for (int i = 0; i < 300000; i++) set(0, i, i < 100000 ? now_ms + 1000000 : DB_NO_TTL);
    for (int i = 0; i < 100000; i++) db_set_expire(&ks->dbs[0], name(i), DB_NO_TTL);
    for (int i = 0; i < 12; i++) set(0, i * 1000, now_ms + 2000000 + i * 100000);
    table_random(&ks->dbs[0].shelf->table, true, clock_mono_ns); /* stale segments leave once */
    uint64_t start = clock_mono_us();
    CU_ASSERT_EQUAL(evict(EVICT_VOLATILE_LRU, 100), 12);
    CU_ASSERT(clock_mono_us() - start < 500000);
    CU_ASSERT_EQUAL(db_size(&ks->dbs[0]), 300000 - 12);
    keyspace_free(ks);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"noeviction_takes_nothing", noeviction_takes_nothing},
        {"lru_takes_the_idle", lru_takes_the_idle},
        {"lfu_takes_the_rare", lfu_takes_the_rare},
        {"ttl_takes_the_soonest", ttl_takes_the_soonest},
        {"volatile_policies_leave_the_rest", volatile_policies_leave_the_rest},
        {"allkeys_takes_all_of_all_databases", allkeys_takes_all_of_all_databases},
        {"remembered_keys_are_looked_at_again", remembered_keys_are_looked_at_again},
        {"few_volatile_keys_are_found_fast", few_volatile_keys_are_found_fast},
        {NULL, NULL},
    };
    mem_thread_init();
    return suite_main("evict", tests);
}
