/* capture_test.c - what captures give is the keyspace at the cut, whatever happens meanwhile.
 *
 * At the cut each key's database, value and time are noted. Then random changes of all kinds (keys
 * and values, splits and merges, expiry, eviction, emptied and swapped databases) go on between
 * slices of the walk; captures lie around for a while before the simulated worker reads them, so
 * that a value that was changed under it is seen. In the end what was read is what was noted.
 */
#include "store/capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "store/evict.h"
#include "store/garbage.h"
#include "store/hash_entry.h"
#include "support/suite.h"
#include "types/list.h"
#include "types/listpack.h"
#include "types/lp_buf.h"
#include "types/topic_ring.h"

#define DBS 3
#define KEYS_MAX 20000
#define TIMES_MS 3000

/* A key as it was seen: what tells it, and what it held. */
struct fact {
    uint64_t key, value;
};

struct facts {
    struct fact *at;
    size_t n, room;
};

static struct keyspace *ks;
static struct random rnd;
static int64_t now_ms;
static struct cut *cut;
static struct facts noted, given;
static struct capture *away, **away_last; /* given, and not read yet */
static bool last_given;
static int key_count;
static char filler[200000];

static uint64_t below(uint64_t n) { return random_next_below(&rnd, n); }

/* ---- facts -------------------------------------------------------------------------- */

static void facts_add(struct facts *f, struct fact what) {
    if (f->n == f->room) {
        f->room = f->room ? 2 * f->room : 64;
        f->at = mem_realloc(f->at, f->room * sizeof *f->at);
    }
    f->at[f->n++] = what;
}

static int fact_cmp(const void *a, const void *b) { return memcmp(a, b, sizeof(struct fact)); }

static void facts_free(struct facts *f) {
    mem_free(f->at);
    *f = (struct facts){0};
}

static void add_member(void *ctx, const struct hash_member *m) {
    struct slice field = hash_member_field(m), value = hash_member_value(m);
    *(uint64_t *)ctx += hash_bytes(field.p, field.n) * 3 + hash_bytes(value.p, value.n) * 5 +
                        (uint64_t)hash_member_time(m) * 7;
}

static void add_elements(void *ctx, struct chunk chunk) {
    uint64_t *d = ctx;
    char digits[LP_INT_TEXT_BYTES];
    struct lp_buf scratch = lp_buf_heap();
    struct list_element element;
    ASSERT(!list_chunk_blob(chunk)); /* none is so long */
    struct list_cursor cursor = list_cursor_packed(list_chunk_packed(chunk, &scratch), 0, false);
    while (list_cursor_next(&cursor, &element)) {
        struct slice s = lp_text(&element.value, digits);
        *d = *d * 31 + hash_bytes(s.p, s.n);
    }
    lp_buf_free(&scratch);
}

static uint64_t list_digest(const struct list_value *l) {
    uint64_t d = list_value_count(l);
    chunk_tree_each(&l->chunks, add_elements, &d);
    return d;
}

static uint64_t ring_digest(const struct topic_ring *t) {
    struct topic_cursor cursor = topic_cursor_at(t, 0);
    struct topic_message m;
    uint64_t d = 0;
    while (topic_cursor_next(&cursor, &m)) d = d * 31 + hash_bytes(m.payload.p, m.payload.n);
    return d;
}

static uint64_t value_digest(const struct entry *e) {
    char digits[ENTRY_DIGITS_MAX];
    uint64_t d = e->kind * 1000003u + (uint64_t)entry_expire_ms(e) * 11;
    if (entry_type(e) == TYPE_STRING) {
        struct slice s = entry_bytes(e, digits);
        return d + hash_bytes(s.p, s.n);
    }
    if (entry_encoding(e) != ENC_OBJECT) {
        struct slice s = entry_packed(e);
        return d + hash_bytes(s.p, s.n);
    }
    if (entry_type(e) == TYPE_LIST) return d + list_digest(entry_object(e));
    if (entry_type(e) == TYPE_TOPIC) return d + ring_digest(entry_object(e));
    hash_value_each(entry_object(e), add_member, &d);
    return d;
}

struct noting {
    struct facts *to;
    int db;
};

static void note(void *ctx, const struct entry *e) {
    const struct noting *n = ctx;
    struct slice k = entry_key(e);
    facts_add(n->to, (struct fact){hash_bytes(k.p, k.n) * 8 + (uint64_t)n->db, value_digest(e)});
}

static void note_item(void *ctx, void *item) { note(ctx, item); }

/* ---- the worker --------------------------------------------------------------------- */

static void give(void *ctx, struct capture *c) {
    CU_ASSERT_PTR_EQUAL(ctx, &away);
    CU_ASSERT(!last_given);
    last_given = c->last;
    c->next = NULL;
    *away_last = c;
    away_last = &c->next;
}

static void read_one(void) {
    struct capture *c = away;
    if (!c) return;
    away = c->next;
    if (!away) away_last = &away;
    capture_each(c, note, &(struct noting){&given, c->db});
    capture_unref(c);
    cut_take_back(cut, c);
}

/* ---- changes ------------------------------------------------------------------------ */

static struct key some_key(void) {
    static char text[2][32];
    static int turn;
    char *t = text[turn ^= 1];
    int n = snprintf(t, sizeof text[0], "key:%d", (int)below((uint64_t)key_count));
    return key_of(slice_of(t, (size_t)n));
}

static int64_t some_expiry(void) {
    if (below(3)) return DB_NO_TTL;
    return now_ms + (int64_t)below(TIMES_MS);
}

static struct slice some_text(size_t most) {
    size_t n = below(most);
    return slice_of(filler + below(sizeof filler - n), n);
}

static size_t some_length(void) {
    uint64_t r = below(400);
    return r == 0 ? 150000 : r < 40 ? 3000 : 100;
}

static void set_field(struct db *db, struct key k, struct entry *e) {
    char name[16];
    int n = snprintf(name, sizeof name, "f%d", (int)below(300));
    int64_t time_ms = below(20) ? HASH_NO_TIME : now_ms + (int64_t)below(TIMES_MS);
    hash_value_set(entry_object(e), slice_of(name, (size_t)n), some_text(100), time_ms);
    db_fields_changed(db, k, e);
}

static void edit_hash(struct db *db, struct key k) {
    struct entry *e = below(2) ? db_find(db, k) : db_own(db, k);
    if (!e || entry_type(e) != TYPE_HASH || entry_encoding(e) != ENC_OBJECT) {
        db_put_object(db, k, TYPE_HASH, hash_value_new());
        e = db_find(db, k);
    }
    for (uint64_t i = below(below(30) ? 8 : 800) + 1; i; i--) set_field(db, k, e);
}

static void edit_list(struct db *db, struct key k) {
    struct entry *e = db_find(db, k);
    if (!e || entry_type(e) != TYPE_LIST) {
        db_put_object(db, k, TYPE_LIST, list_value_new(list_limit_of(-2)));
        e = db_find(db, k);
    }
    struct list_value *l = entry_object(e);
    for (uint64_t i = below(below(40) ? 20 : 600) + 1; i; i--)
        list_value_push(l, below(2), (struct list_item){some_text(100), NULL});
    for (uint64_t i = below(4); i; i--)
        list_value_replace(l, below(list_value_count(l)), (struct list_item){some_text(100), NULL});
    if (below(3) == 0)
        list_value_drop(l, list_value_count(l) / 2, below(list_value_count(l) / 2 + 1));
}

static void edit_packed(struct db *db, struct key k) {
    struct entry *e = db_find(db, k);
    struct lp_buf lp = lp_buf_heap();
    struct lp_item item[2] = {lp_item_i64((int64_t)below(1000)), lp_item_text(some_text(60))};
    struct blob *own = e && entry_encoding(e) == ENC_LISTPACK ? db_own_packed(e, 200) : NULL;
    if (own) {
        struct lp_buf b = lp_buf_fixed(own->data, own->len, own->cap);
        CU_ASSERT(lp_append(&b, item, 2));
        own->len = b.len;
        return;
    }
    lp_init(&lp);
    for (uint64_t i = below(30) + 1; i; i--) lp_append(&lp, item, 2);
    db_put_packed(db, k, TYPE_HASH, ENC_LISTPACK, slice_of(lp.p, lp.len));
    lp_buf_free(&lp);
}

static void edit_string(struct db *db, struct key k) {
    const struct entry *e = db_find(db, k);
    size_t len;
    if (e && entry_type(e) != TYPE_STRING) return;
    char *p = db_edit(db, k, (e ? entry_strlen(e) : 0) + below(100) + 1, &len);
    p[below(len)] ^= 0x55;
}

static void change_key(struct db *db, struct key k) {
    int64_t sum;
    struct db *other = &ks->dbs[below(DBS)];
    switch (below(12)) {
    case 0: db_set_int(db, k, (int64_t)below(100000), some_expiry()); break;
    case 1: db_incr(db, k, 7, &sum); break;
    case 2: db_delete(db, k); break;
    case 3:
        if (db_exists(db, k)) db_set_expire(db, k, some_expiry());
        break;
    case 4:
    case 5: {
        struct key to = some_key();
        if (!db_exists(db, k) || (other == db && to.hash == k.hash)) break;
        (below(2) ? db_rename : db_copy)(db, k, other, to);
        break;
    }
    case 6: edit_hash(db, k); break;
    case 7: edit_list(db, k); break;
    case 8: edit_packed(db, k); break;
    case 9: edit_string(db, k); break;
    default: db_set(db, k, some_text(some_length()), some_expiry());
    }
}

/* What happens to many keys. */
static void change_much(void) {
    struct db *db = &ks->dbs[below(DBS)];
    switch (below(40)) {
    case 0: db_flush(db); break;
    case 1: db_swap(db, &ks->dbs[below(DBS)]); break;
    case 2:
        for (int i = 0; i < 2000; i++) db_delete(db, some_key());
        break;
    case 3:
        for (int i = 0; i < 2000; i++) db_set(db, some_key(), some_text(50), DB_NO_TTL);
        break;
    case 4:
        for (int i = 0; i < 20; i++) keyspace_evict_one(ks, EVICT_ALLKEYS_LRU, 5);
        break;
    case 5: db_fields_expire(db, some_key(), 100); break;
    default: keyspace_set_now(ks, now_ms += (int64_t)below(20)); keyspace_expire_step(ks, 1000);
    }
    garbage_free(keyspace_take_garbage(ks));
}

static void change_some(void) {
    for (uint64_t i = below(60); i; i--) change_key(&ks->dbs[below(DBS)], some_key());
    if (below(10) == 0) change_much();
}

/* ---- the tests ---------------------------------------------------------------------- */

static void begin(uint64_t seed) {
    hash_init(seed);
    random_seed(&rnd, seed);
    ks = keyspace_new(DBS);
    keyspace_set_now(ks, now_ms = 1700000000000);
    away = NULL;
    away_last = &away;
    for (size_t i = 0; i < sizeof filler; i++) filler[i] = (char)below(256);
}

static void make_cut(void) {
    for (int i = 0; i < DBS; i++)
        table_each(&ks->dbs[i].shelf->table, note_item, &(struct noting){&noted, i});
    last_given = false;
    cut = cut_begin(ks, give, &away);
    CU_ASSERT_EQUAL(cut_figures(cut).keys_total, noted.n);
}

static void compare(void) {
    CU_ASSERT_EQUAL_FATAL(noted.n, given.n);
    if (!noted.n) return;
    qsort(noted.at, noted.n, sizeof *noted.at, fact_cmp);
    qsort(given.at, given.n, sizeof *given.at, fact_cmp);
    CU_ASSERT(memcmp(noted.at, given.at, noted.n * sizeof *noted.at) == 0);
    facts_free(&noted);
    facts_free(&given);
}

static void give_back_all(void) {
    while (away) read_one();
    struct cut_figures f = cut_figures(cut);
    CU_ASSERT(!f.through || (f.work_bytes == 0 && f.held_bytes == 0));
    cut_end(cut);
    CU_ASSERT_PTR_NULL(ks->cut);
    garbage_free(keyspace_take_garbage(ks));
}

/* One snapshot with changes between the slices; or one that is given up. */
static void snapshot(bool to_the_end) {
    make_cut();
    for (bool more = true; more;) {
        change_some();
        more = cut_step(cut, below(3) ? 100000 : 1000, below(2) ? 1 : 50);
        if (below(3) == 0) read_one();
        if (away && away->next && below(3)) read_one();
        if (!to_the_end && below(30) == 0) break;
        if (!away && more) cut_step(cut, SIZE_MAX, 1);
    }
    CU_ASSERT(last_given || !to_the_end);
    give_back_all();
    if (to_the_end) compare();
    facts_free(&noted);
    facts_free(&given);
}

static void gives_the_keyspace_of_the_cut(void) {
    for (uint64_t seed = 1; seed < 12; seed++) {
        begin(seed);
        key_count = seed % 3 == 0 ? 300 : seed % 3 == 1 ? 3000 : KEYS_MAX;
        for (int round = 0; round < 6; round++) {
            for (int i = 0; i < 20; i++) change_some();
            snapshot(round % 3 != 1);
        }
        keyspace_free(ks);
    }
}

static void gives_nothing_of_nothing(void) {
    begin(50);
    key_count = 10;
    make_cut();
    CU_ASSERT_FALSE(cut_step(cut, SIZE_MAX, 0));
    CU_ASSERT(last_given && away && away->count == 0);
    change_some();
    give_back_all();
    compare();
    keyspace_free(ks);
}

/* ---- large values -------------------------------------------------------------------- */

static int returns;
static void returned(void *ctx) {
    CU_ASSERT_PTR_EQUAL(ctx, &returns);
    returns++;
}

static void set_vs(struct hash_value *h, int n, const char *value) {
    for (int i = 0; i < n; i++) {
        char name[16];
        struct slice field = slice_of(name, (size_t)snprintf(name, sizeof name, "%d", i));
        hash_value_set(h, field, slice_cstr(value), HASH_NO_TIME);
    }
}

/* The object is edited where it lies; those who can wait do it when too much is kept for that. */
static void makes_stills_of_large_values(void) {
    begin(60);
    struct db *db = &ks->dbs[0];
    struct key h = key_of(slice_cstr("hash"));
    returns = 0;
    db_put_object(db, h, TYPE_HASH, hash_value_new());
    struct hash_value *object = entry_object(db_find(db, h));
    set_vs(object, 5000, "vvvvvvvvvvvvvvv");
    make_cut();
    CU_ASSERT_PTR_NULL(cut_find_lent(cut, db, h));
    CU_ASSERT_FATAL(away != NULL);
    CU_ASSERT_PTR_EQUAL(entry_object(db_find(db, h)), object);
    set_vs(object, 2500, "w");
    CU_ASSERT_PTR_NULL(cut_find_lent(cut, db, h));
    cut_set_still_max(cut, 100);
    struct lent *l = cut_find_lent(cut, db, h);
    CU_ASSERT_PTR_EQUAL_FATAL(lent_capture(l), away);
    lent_on_return(l, returned, &returns);
    read_one();
    CU_ASSERT_EQUAL(returns, 1);
    CU_ASSERT_PTR_NULL(cut_find_lent(cut, db, h));
    cut_step(cut, SIZE_MAX, 0);
    give_back_all();
    compare();
    keyspace_free(ks);
}

/* One that loses its key while its still is read goes when that comes back. */
static void frees_what_has_a_still(void) {
    begin(61);
    struct db *db = &ks->dbs[0];
    struct key h = key_of(slice_cstr("hash"));
    db_put_object(db, h, TYPE_HASH, hash_value_new());
    set_vs(entry_object(db_find(db, h)), 5000, "vvvvvvvvvvvvvvv");
    make_cut();
    CU_ASSERT_PTR_NULL(cut_find_lent(cut, db, h));
    set_vs(entry_object(db_find(db, h)), 100, "w");
    db_delete(db, h);
    CU_ASSERT_FATAL(away != NULL);
    cut_step(cut, SIZE_MAX, 0);
    give_back_all();
    compare();
    keyspace_free(ks);
}

static void lends_large_values(void) {
    begin(62);
    struct db *db = &ks->dbs[0];
    struct key t = key_of(slice_cstr("topic")), s = key_of(slice_cstr("small"));
    struct key b = key_of(slice_cstr("blob"));
    struct blob *shared;
    returns = 0;
    db_put_object(db, t, TYPE_TOPIC, topic_ring_new(1, 0));
    struct topic_ring *object = entry_object(db_find(db, t));
    for (int i = 0; i < 1000; i++)
        CU_ASSERT(topic_ring_append(object, now_ms, slice_of(filler + i, 100), &shared));
    db_set(db, s, slice_cstr("s"), DB_NO_TTL);
    db_set(db, b, slice_of(filler, sizeof filler), DB_NO_TTL);
    make_cut();
    CU_ASSERT_PTR_NULL(cut_find_lent(cut, db, s));
    struct lent *l = cut_find_lent(cut, db, t), *blob = cut_find_lent(cut, db, b);
    CU_ASSERT_FATAL(l && blob && away && away->next);
    CU_ASSERT_PTR_EQUAL(lent_capture(l), away);
    CU_ASSERT_EQUAL(cut_find_lent(cut, db, t), l);
    lent_on_return(l, returned, &returns);
    lent_on_return(blob, returned, &returns);
    db_find(db, t); /* an editor that does not wait has a copy */
    CU_ASSERT(entry_object(db_peek(db, t)) != object);
    CU_ASSERT_PTR_NULL(cut_find_lent(cut, db, t));
    CU_ASSERT(cut_figures(cut).copied_bytes > 1000 * 100);
    read_one();
    CU_ASSERT_EQUAL(returns, 1);
    read_one();
    CU_ASSERT_EQUAL(returns, 2);
    CU_ASSERT_PTR_NULL(cut_find_lent(cut, db, b));
    cut_step(cut, SIZE_MAX, 0);
    give_back_all();
    compare();
    keyspace_free(ks);
}

static void counts_what_it_holds(void) {
    begin(70);
    struct db *db = &ks->dbs[1];
    key_count = 1000;
    for (int i = 0; i < 2000; i++) db_set(db, some_key(), some_text(200), DB_NO_TTL);
    make_cut();
    struct cut_db dbs[DBS];
    CU_ASSERT_EQUAL(cut_dbs(cut, dbs, DBS), 1);
    CU_ASSERT_EQUAL(dbs[0].db, 1);
    CU_ASSERT_EQUAL(dbs[0].keys, db_size(db));
    CU_ASSERT(cut_step(cut, 1, 0));
    CU_ASSERT(cut_figures(cut).work_bytes > 0 && cut_figures(cut).held_bytes > 0);
    size_t before = cut_figures(cut).keys_given;
    CU_ASSERT(cut_step(cut, 1, 0)); /* no further: enough is on the way */
    CU_ASSERT_EQUAL(cut_figures(cut).keys_given, before);
    cut_step(cut, SIZE_MAX, 0);
    CU_ASSERT_EQUAL(cut_figures(cut).keys_given, noted.n);
    while (away) read_one();
    CU_ASSERT_EQUAL(cut_figures(cut).held_bytes, 0);
    give_back_all();
    compare();
    keyspace_free(ks);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"gives_the_keyspace_of_the_cut", gives_the_keyspace_of_the_cut},
        {"gives_nothing_of_nothing", gives_nothing_of_nothing},
        {"makes_stills_of_large_values", makes_stills_of_large_values},
        {"frees_what_has_a_still", frees_what_has_a_still},
        {"lends_large_values", lends_large_values},
        {"counts_what_it_holds", counts_what_it_holds},
        {NULL, NULL},
    };
    mem_thread_init();
    return suite_main("capture", tests);
}
