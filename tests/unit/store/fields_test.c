/* fields_test.c - hashes whose fields end, through everything that the store does with keys.
 *
 * The model keeps for each database and key the times of the fields. Hashes are made in all forms:
 * triples in the entry, in a blob, large. The clock is the test's.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "store/db.h"
#include "store/evict.h"
#include "store/garbage.h"
#include "store/hash_entry.h"
#include "support/suite.h"
#include "types/topic_ring.h"

enum { DBS = 2, KEYS = 60, FIELDS = 24, STEPS = 12000 };

struct value {
    bool there, hash, large;
    int64_t expire_ms;
    struct {
        bool there;
        int64_t time_ms;
    } fields[FIELDS];
};

static struct keyspace *ks;
static struct value model[DBS][KEYS];
static char names[KEYS][16];
static struct key keys[KEYS];
static struct random rnd;
static int64_t now_ms;
static size_t left, ended; /* as told */

static uint64_t below(uint64_t n) { return random_next_below(&rnd, n); }

static struct slice field_name(int i, char buf[16]) {
    return slice_of(buf, (size_t)snprintf(buf, 16, "f%d", i));
}

static void on_fields(void *ctx, struct db *db, const struct entry *e, bool all) {
    CU_ASSERT_PTR_EQUAL(ctx, ks);
    CU_ASSERT(db->ks == ks && entry_type(e) == TYPE_HASH);
    CU_ASSERT_EQUAL(all, hash_view_kept(hash_view_of(e, now_ms)) == 0);
    left++;
    ended += all;
}

static void begin(uint64_t seed) {
    hash_init(seed);
    random_seed(&rnd, seed);
    for (int i = 0; i < KEYS; i++)
        keys[i] = key_of(slice_of(names[i], (size_t)snprintf(names[i], 16, "key:%d", i)));
    ks = keyspace_new(DBS);
    ks->on_fields = on_fields;
    ks->on_fields_ctx = ks;
    now_ms = 1700000000000;
    keyspace_set_now(ks, now_ms);
    memset(model, 0, sizeof model);
    left = ended = 0;
}

static void take_out_garbage(void) { garbage_free(keyspace_take_garbage(ks)); }

static void end(void) {
    take_out_garbage();
    keyspace_free(ks);
    ks = NULL;
}

/* ---- the model ------------------------------------------------------------------------ */

static bool is_past(int64_t time_ms, int64_t late_ms) {
    return time_ms >= 0 && time_ms < now_ms - late_ms;
}

/* What must have left by now: tables may be a little late. */
static void model_expire(struct value *v, const struct entry *e) {
    size_t count = 0;
    if (!v->there || !v->hash) return;
    for (int i = 0; i < FIELDS; i++) {
        char name[16];
        int64_t time_ms;
        if (!v->fields[i].there) continue;
        bool late = !is_past(v->fields[i].time_ms, 2 * TABLE_LATE_MS);
        bool kept =
            e && hash_view_time(hash_view_of(e, HASH_ALL_TIMES), field_name(i, name), &time_ms);
        if (is_past(v->fields[i].time_ms, 0) && (!late || !kept)) v->fields[i].there = false;
        count += v->fields[i].there;
    }
    v->there = count != 0;
}

static size_t timed_of(const struct value *v) {
    size_t n = 0;
    for (int i = 0; v->there && v->hash && i < FIELDS; i++)
        n += v->fields[i].there && v->fields[i].time_ms >= 0;
    return n;
}

static void compare_value(const struct value *v, const struct entry *e) {
    CU_ASSERT_EQUAL_FATAL(e != NULL, v->there);
    if (!e) return;
    CU_ASSERT_EQUAL(entry_expire_ms(e), v->expire_ms);
    CU_ASSERT_EQUAL((e->flags & ENTRY_FIELDS) != 0, timed_of(v) != 0);
    CU_ASSERT_EQUAL(entry_type(e) == TYPE_HASH, v->hash);
    for (int i = 0; v->hash && i < FIELDS; i++) {
        char name[16];
        int64_t time_ms = 0;
        struct hash_view all = hash_view_of(e, HASH_ALL_TIMES);
        CU_ASSERT_EQUAL(hash_view_time(all, field_name(i, name), &time_ms), v->fields[i].there);
        if (v->fields[i].there) CU_ASSERT_EQUAL(time_ms, v->fields[i].time_ms);
    }
}

static void compare(void) {
    for (int d = 0; d < DBS; d++) {
        struct db *db = &ks->dbs[d];
        size_t timed = 0;
        for (int i = 0; i < KEYS; i++) {
            compare_value(&model[d][i], db_peek(db, keys[i]));
            timed += timed_of(&model[d][i]) != 0;
        }
        CU_ASSERT_EQUAL(db->shelf->timed_hashes, timed);
    }
}

/* ---- operations ----------------------------------------------------------------------- */

static int64_t random_time(void) {
    static const uint64_t reach[] = {5, 50, 400, 5000, 200000000};
    if (below(4) == 0) return HASH_NO_TIME;
    return now_ms + (int64_t)below(reach[below(5)]);
}

static void make_packed(struct db *db, int i, const struct value *v, size_t value_bytes) {
    struct lp_buf b = lp_buf_heap();
    char name[16], text[64];
    bool added;
    memset(text, 'v', sizeof text);
    CU_ASSERT(lp_init(&b));
    for (int f = 0; f < FIELDS; f++) {
        if (!v->fields[f].there) continue;
        CU_ASSERT(hash_packed_set(&b, true, field_name(f, name), slice_of(text, value_bytes),
                                  v->fields[f].time_ms, &added));
    }
    db_put_packed(db, keys[i], TYPE_HASH, ENC_LISTPACK_EX, slice_of(b.p, b.len));
    lp_buf_free(&b);
}

static void make_large(struct db *db, int i, const struct value *v) {
    struct hash_value *h = hash_value_new();
    char name[16];
    for (int f = 0; f < FIELDS; f++) {
        if (!v->fields[f].there) continue;
        hash_value_set(h, field_name(f, name), slice_of("value", 5), v->fields[f].time_ms);
    }
    db_put_object(db, keys[i], TYPE_HASH, h);
}

static void make(int d, int i) {
    struct value *v = &model[d][i];
    int64_t expire_ms = v->there ? v->expire_ms : DB_NO_TTL;
    *v = (struct value){.there = true, .hash = true, .large = below(2), .expire_ms = expire_ms};
    size_t fields = 1 + below(below(2) ? 3 : FIELDS);
    for (size_t f = 0; f < fields; f++) {
        v->fields[f].there = true;
        v->fields[f].time_ms = random_time();
    }
    if (v->large) {
        make_large(&ks->dbs[d], i, v);
    } else {
        make_packed(&ks->dbs[d], i, v, below(2) ? 3 : 60);
    }
}

/* Changes the time of a field where the hash lies. */
static void change(int d, int i) {
    struct value *v = &model[d][i];
    struct entry *e = db_find(&ks->dbs[d], keys[i]);
    int f = (int)below(FIELDS);
    char name[16];
    if (!e || !v->hash || !v->fields[f].there) return;
    struct blob *own = v->large ? NULL : db_own_packed(e, 16);
    if (!v->large && !own) return;
    int64_t time_ms = v->fields[f].time_ms = random_time();
    if (v->large) {
        CU_ASSERT(hash_value_set_time(entry_object(e), field_name(f, name), time_ms));
    } else {
        struct lp_buf b = lp_buf_fixed(own->data, own->len, own->cap);
        size_t at = hash_packed_find(b.p, true, field_name(f, name));
        CU_ASSERT(hash_packed_set_time(&b, at, time_ms));
        own->len = b.len;
    }
    db_fields_changed(&ks->dbs[d], keys[i], e);
}

static void move(int d, int i, bool copy) {
    int to_d = (int)below(DBS), to = (int)below(KEYS);
    if (!model[d][i].there || (to_d == d && to == i)) return;
    if (copy) {
        db_copy(&ks->dbs[d], keys[i], &ks->dbs[to_d], keys[to]);
    } else {
        db_rename(&ks->dbs[d], keys[i], &ks->dbs[to_d], keys[to]);
    }
    model[to_d][to] = model[d][i];
    if (!copy) model[d][i].there = false;
}

static void set_string(int d, int i) {
    static const char text[300] = "text";
    size_t n = below(sizeof text);
    db_set(&ks->dbs[d], keys[i], slice_of(text, n), DB_NO_TTL);
    model[d][i] = (struct value){.there = true, .expire_ms = DB_NO_TTL};
}

static void set_expire(int d, int i) {
    if (!model[d][i].there) return;
    model[d][i].expire_ms = below(2) ? now_ms + 100000000 : DB_NO_TTL;
    db_set_expire(&ks->dbs[d], keys[i], model[d][i].expire_ms);
}

static void swap(void) {
    struct value other[KEYS];
    db_swap(&ks->dbs[0], &ks->dbs[1]);
    memcpy(other, model[0], sizeof other);
    memcpy(model[0], model[1], sizeof other);
    memcpy(model[1], other, sizeof other);
}

static void pass(void) {
    now_ms += (int64_t)below(below(8) ? 40 : 3000);
    keyspace_set_now(ks, now_ms);
    while (keyspace_expire_step(ks, 5)) continue;
    CU_ASSERT(keyspace_next_expire(ks) > now_ms);
    for (int d = 0; d < DBS; d++) {
        for (int i = 0; i < KEYS; i++) model_expire(&model[d][i], db_peek(&ks->dbs[d], keys[i]));
    }
    compare();
}

static void step(void) {
    int d = (int)below(DBS), i = (int)below(KEYS);
    switch (below(14)) {
    case 0:
    case 1:
    case 2: make(d, i); break;
    case 3:
    case 4:
    case 5:
    case 6: change(d, i); break;
    case 7: move(d, i, false); break;
    case 8: move(d, i, true); break;
    case 9: set_string(d, i); break;
    case 10: set_expire(d, i); break;
    case 11:
        CU_ASSERT_EQUAL(db_delete(&ks->dbs[d], keys[i]), model[d][i].there);
        model[d][i].there = false;
        break;
    case 12: pass(); break;
    default:
        if (below(200) == 0) {
            db_flush(&ks->dbs[d]);
            memset(model[d], 0, sizeof model[d]);
        } else if (below(20) == 0) {
            swap();
        }
        break;
    }
}

static void behaves_as_the_model(void) {
    begin(21);
    for (int i = 0; i < STEPS; i++) {
        step();
        if (i % 500 == 0) take_out_garbage();
    }
    CU_ASSERT(left > 1000 && ended > 100);
    CU_ASSERT(ks->expired_fields >= left);
    end();
}

/* ---- slices --------------------------------------------------------------------------- */

static struct hash_value *fields_due(int n, int64_t time_ms) {
    struct hash_value *h = hash_value_new();
    char name[16];
    for (int i = 0; i < n; i++)
        hash_value_set(h, field_name(i, name), slice_of("value", 5), time_ms);
    return h;
}

/* One hash with very many due fields keeps the others waiting for a few steps only. */
static void a_large_hash_takes_turns(void) {
    begin(22);
    struct db *db = &ks->dbs[0];
    db_put_object(db, keys[0], TYPE_HASH, fields_due(200000, now_ms + 5));
    for (int i = 1; i < KEYS; i++) {
        struct value v = {.fields[0] = {true, now_ms + 6}};
        make_packed(db, i, &v, 3);
    }
    CU_ASSERT_EQUAL(db->shelf->timed_hashes, KEYS);
    keyspace_set_now(ks, now_ms += 20);
    int steps = 0, others = 0;
    while (keyspace_expire_step(ks, 50)) {
        steps++;
        if (db_size(db) > 1) others = steps;
    }
    CU_ASSERT(steps > 20);
    CU_ASSERT(others < steps / 2);
    CU_ASSERT_EQUAL(db_size(db), 0);
    CU_ASSERT_EQUAL(ks->expired_fields, 200000 + KEYS - 1);
    CU_ASSERT_EQUAL(ended, KEYS);
    CU_ASSERT_EQUAL(db->shelf->timed_hashes, 0);
    CU_ASSERT_EQUAL(keyspace_next_expire(ks), INT64_MAX);
    end();
}

static void a_pause_keeps_fields(void) {
    begin(23);
    struct db *db = &ks->dbs[1];
    struct value v = {.fields[0] = {true, now_ms + 5}};
    make_packed(db, 0, &v, 3);
    ks->expire_paused = true;
    keyspace_set_now(ks, now_ms += 1000);
    CU_ASSERT_FALSE(keyspace_expire_step(ks, 1000));
    CU_ASSERT_EQUAL(keyspace_next_expire(ks), INT64_MAX);
    CU_ASSERT_FALSE(db_fields_expire(db, keys[0], 1000));
    CU_ASSERT_PTR_NOT_NULL(db_peek(db, keys[0]));
    ks->expire_paused = false;
    CU_ASSERT_FALSE(db_fields_expire(db, keys[0], 1000));
    CU_ASSERT_PTR_NULL(db_peek(db, keys[0]));
    CU_ASSERT_FALSE(db_fields_expire(db, keys[0], 1000));
    end();
}

/* By db_fields_expire, what does not end in the time given goes on later. */
static void one_hash_by_request(void) {
    begin(24);
    struct db *db = &ks->dbs[0];
    struct hash_value *h = fields_due(50000, now_ms + 1);
    hash_value_set(h, slice_of("stays", 5), slice_of("x", 1), HASH_NO_TIME);
    db_put_object(db, keys[3], TYPE_HASH, h);
    keyspace_set_now(ks, now_ms += 20);
    int times = 1;
    while (db_fields_expire(db, keys[3], 0)) times++;
    CU_ASSERT(times > 10);
    CU_ASSERT_EQUAL(hash_value_count(h), 1);
    CU_ASSERT_EQUAL(left, (size_t)times);
    CU_ASSERT_EQUAL(ended, 0);
    end();
}

static bool evict(enum evict_policy policy) { return keyspace_evict_one(ks, policy, 5); }

/* A hash is volatile by an expiry of its own only. */
static void fields_do_not_make_a_key_volatile(void) {
    static const enum evict_policy volatile_ones[] = {EVICT_VOLATILE_LRU, EVICT_VOLATILE_RANDOM,
                                                      EVICT_VOLATILE_TTL, EVICT_VOLATILE_LFU};
    for (size_t p = 0; p < sizeof volatile_ones / sizeof *volatile_ones; p++) {
        begin(25);
        struct db *db = &ks->dbs[0];
        for (int i = 0; i < KEYS; i++) {
            struct value v = {.fields[0] = {true, now_ms + 5000}};
            make_packed(db, i, &v, 3);
        }
        db_set_expire(db, keys[7], now_ms + 9000);
        CU_ASSERT(evict(volatile_ones[p]));
        CU_ASSERT_FALSE(evict(volatile_ones[p]));
        CU_ASSERT_PTR_NULL(db_peek(db, keys[7]));
        CU_ASSERT_EQUAL(db_size(db), KEYS - 1);
        CU_ASSERT_EQUAL(db->shelf->timed_hashes, KEYS - 1);
        end();
    }
}

/* ---- retained topics ---------------------------------------------------------------- */

static int topics_come; /* as told */

static void on_topic(void *ctx) {
    CU_ASSERT_PTR_EQUAL(ctx, ks);
    topics_come++;
}

static void add_messages(struct topic_ring *t, int n, int64_t ms) {
    struct blob *b;
    for (int i = 0; i < n; i++) CU_ASSERT(topic_ring_append(t, ms, slice_cstr("message"), &b));
}

static const struct topic_ring *ring_at(int db, int key) {
    const struct entry *e = db_peek(&ks->dbs[db], keys[key]);
    return e ? entry_object(e) : NULL;
}

static void let_pass(int64_t ms) {
    now_ms += ms;
    keyspace_set_now(ks, now_ms);
    while (keyspace_expire_step(ks, 1000)) continue;
}

static uint64_t kept(const struct topic_ring *t) {
    return topic_ring_state(t)->next - topic_ring_state(t)->first;
}

/* Messages that are too old leave by themselves, wherever the key has gone meanwhile. */
static void messages_leave(void) {
    begin(3);
    ks->on_topic = on_topic;
    ks->on_leave_ctx = ks;
    topics_come = 0;
    struct db *db = &ks->dbs[0];
    struct topic_ring *t = topic_ring_new(1, 0);
    topic_ring_limit(t, (struct topic_limits){0, 0, 8000});
    db_put_object(db, keys[0], TYPE_TOPIC, t);
    CU_ASSERT_EQUAL(topics_come, 1);
    CU_ASSERT_EQUAL(db->shelf->timed_topics, 0);
    add_messages(t, 10000, now_ms);
    db_fields_changed(db, keys[0], db_find(db, keys[0]));
    CU_ASSERT(db->shelf->timed_topics == 1 && db->shelf->timed_hashes == 0);
    db_rename(db, keys[0], db, keys[1]);
    db_copy(db, keys[1], &ks->dbs[1], keys[2]);
    db_set_expire(db, keys[1], now_ms + 1000000);
    CU_ASSERT_EQUAL(topics_come, 3);
    CU_ASSERT_EQUAL(ks->dbs[1].shelf->timed_topics, 1);
    let_pass(4000);
    add_messages(entry_object(db_find(db, keys[1])), 5, now_ms);
    let_pass(4000);
    CU_ASSERT(kept(ring_at(0, 1)) == 10005 && kept(ring_at(1, 2)) == 10000);
    let_pass(1000 + TABLE_LATE_MS + 10);
    CU_ASSERT(kept(ring_at(0, 1)) == 5 && kept(ring_at(1, 2)) == 0);
    CU_ASSERT(db->shelf->timed_topics == 1 && ks->dbs[1].shelf->timed_topics == 0);
    db_swap(db, &ks->dbs[1]);
    CU_ASSERT(db_delete(db, keys[2]));
    let_pass(5000);
    CU_ASSERT_EQUAL(kept(ring_at(1, 1)), 0);
    CU_ASSERT_EQUAL(ks->dbs[1].shelf->timed_topics, 0);
    CU_ASSERT(db_delete(&ks->dbs[1], keys[1]));
    end();
    CU_ASSERT_EQUAL(topic_ring_count(), 0);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"behaves_as_the_model", behaves_as_the_model},
        {"a_large_hash_takes_turns", a_large_hash_takes_turns},
        {"a_pause_keeps_fields", a_pause_keeps_fields},
        {"one_hash_by_request", one_hash_by_request},
        {"fields_do_not_make_a_key_volatile", fields_do_not_make_a_key_volatile},
        {"messages_leave", messages_leave},
        {NULL, NULL},
    };
    mem_thread_init();
    return suite_main("fields", tests);
}
