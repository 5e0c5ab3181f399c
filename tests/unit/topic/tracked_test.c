/* tracked_test.c - keys and the ids of those who have them, against a model. */
#include "topic/tracked.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"
#include "support/suite.h"

#define KEYS 50
#define IDS 200

static struct random dice;
static struct tracked t;
static bool has[KEYS][IDS]; /* the model: also dead ones, until they are found to be gone */
static bool dead[IDS];

static bool lives(void *ctx, uint64_t id) {
    (void)ctx;
    return !dead[id];
}

static struct slice name_of(char room[32], size_t key) {
    return slice_of(
        room,
        key ? (size_t)snprintf(room, 32, "%zu%.*s", key, (int)(key % 12), "abcdefghijkl") : 0);
}

static uint64_t hash_of(struct slice s) { return hash_bytes(s.p, s.n); }

static bool add(size_t key, uint64_t id) {
    char room[32];
    struct slice name = name_of(room, key);
    return tracked_add(&t, name, hash_of(name), id);
}

/* The living ids of a key are those of the model, and in order. */
static void check_key(const struct tracked_key *k, size_t key) {
    char room[32];
    size_t n, living = 0, wanted = 0;
    const uint64_t *ids = tracked_ids(k, &n);
    CU_ASSERT(slice_eq(tracked_name(k), name_of(room, key)));
    for (size_t i = 0; i < n; i++) {
        CU_ASSERT(i == 0 || ids[i - 1] < ids[i]);
        CU_ASSERT(has[key][ids[i]]);
        living += !dead[ids[i]];
    }
    for (size_t id = 0; id < IDS; id++) wanted += has[key][id] && !dead[id];
    CU_ASSERT_EQUAL(living, wanted);
    CU_ASSERT(n >= 1);
}

static void take(size_t key) {
    char room[32];
    bool any = false;
    struct slice name = name_of(room, key);
    struct tracked_key *k = tracked_take(&t, name, hash_of(name));
    for (size_t id = 0; id < IDS; id++) any = any || has[key][id];
    CU_ASSERT_EQUAL(k != NULL, any);
    if (!k) return;
    check_key(k, key);
    tracked_key_free(k);
    memset(has[key], 0, sizeof has[key]);
}

static size_t key_of_name(struct slice name) {
    char room[32];
    size_t key = 0;
    while (!slice_eq(name_of(room, key), name)) key++;
    return key;
}

static void does_as_the_model(void) {
    tracked_init(&t, lives, NULL);
    for (int i = 0; i < 200000; i++) {
        size_t key = random_next_below(&dice, KEYS), id = random_next_below(&dice, IDS);
        if (i % 97 == 0) dead[id] = !dead[id];
        if (i % 97 == 0 && !dead[id]) { /* as if another had come: ids are not used twice */
            for (size_t k = 0; k < KEYS; k++) take(k);
        }
        if (!dead[id] && random_next_below(&dice, 40)) {
            CU_ASSERT(add(key, id));
            has[key][id] = true;
        } else if (i % 2) {
            take(key);
        } else {
            struct tracked_key *k = tracked_take_any(&t);
            if (!k) continue;
            size_t any = key_of_name(tracked_name(k));
            check_key(k, any);
            tracked_key_free(k);
            memset(has[any], 0, sizeof has[any]);
        }
    }
    for (size_t k = 0; k < KEYS; k++) take(k);
    CU_ASSERT_EQUAL(t.items, 0);
    CU_ASSERT_EQUAL(t.keys.count, 0);
    CU_ASSERT_PTR_NULL(tracked_take_any(&t));
    tracked_fini(&t);
}

/* One key read by clients that come and go does not keep them all. */
static void the_dead_go(void) {
    tracked_init(&t, lives, NULL);
    memset(dead, 0, sizeof dead);
    for (uint64_t id = 0; id < IDS; id++) {
        if (id >= 2) dead[id - 2] = true;
        CU_ASSERT(add(1, id));
        CU_ASSERT(t.items <= 6);
    }
    memset(dead, 0, sizeof dead);
    for (uint64_t id = 0; id < IDS; id++) CU_ASSERT(add(2, IDS - 1 - id)); /* falling */
    char room[32];
    struct slice name = name_of(room, 2);
    struct tracked_key *k = tracked_take(&t, name, hash_of(name));
    size_t n;
    const uint64_t *ids = tracked_ids(k, &n);
    CU_ASSERT_EQUAL(n, IDS);
    for (size_t i = 0; i < n; i++) CU_ASSERT_EQUAL(ids[i], i);
    tracked_key_free(k);
    tracked_fini(&t);
    CU_ASSERT_EQUAL(t.items, 0);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"does_as_the_model", does_as_the_model},
        {"the_dead_go", the_dead_go},
        {NULL, NULL},
    };
    random_seed(&dice, 11);
    return suite_main("tracked", tests);
}
