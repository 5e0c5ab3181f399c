/* dump_hash_test.c - hashes of which fields end, in bytes of RDB: what is written is read as the
 * same, what Redis' release candidates wrote too, and of broken bytes none becomes a hash on which
 * something fails.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/random.h"
#include "core/config.h"
#include "core/dump.h"
#include "store/garbage.h"
#include "store/hash_entry.h"
#include "support/suite.h"

enum { MUTATIONS = 60000, PAYLOAD_MAX = 600 };

static struct config *config;
static struct keyspace *ks;
static struct db *db;
static struct random rng;
static const int64_t now_ms = 1700000000000;

static struct key key_named(const char *name) { return key_of(slice_cstr(name)); }

static void begin(int64_t entries_max) {
    config->hash_listpack_entries = entries_max;
    config->hash_listpack_bytes = 64;
    ks = keyspace_new(1);
    db = &ks->dbs[0];
    keyspace_set_now(ks, now_ms);
}

static void end(void) {
    garbage_free(keyspace_take_garbage(ks));
    keyspace_free(ks);
}

/* -- payloads -- */

static struct rdb_writer w;

static struct slice finish(int version) {
    rdb_put_dump_end(&w, version);
    CU_ASSERT_EQUAL(w.err, 0);
    return rdb_writer_bytes(&w);
}

static struct lp_buf triples_of(const char *const *fields, const int64_t *times, size_t n) {
    struct lp_buf b = lp_buf_heap();
    CU_ASSERT(lp_init(&b));
    for (size_t i = 0; i < n; i++) {
        CU_ASSERT(lp_append_text(&b, slice_cstr(fields[i])) &&
                  lp_append_text(&b, slice_cstr("value")) && lp_append_i64(&b, times[i]));
    }
    return b;
}

/* A payload of the type, of these fields and times (0: none). */
static struct slice payload(unsigned type, const char *const *fields, const int64_t *times,
                            size_t n) {
    int64_t least_ms = 0;
    for (size_t i = 0; i < n; i++) {
        if (times[i] && (!least_ms || times[i] < least_ms)) least_ms = times[i];
    }
    rdb_writer_reset(&w);
    rdb_put_byte(&w, type);
    if (type == RDB_HASH_LISTPACK_RC || type == RDB_HASH_LISTPACK_EX) {
        struct lp_buf b = triples_of(fields, times, n);
        if (type == RDB_HASH_LISTPACK_EX) rdb_put_ms(&w, least_ms);
        rdb_put_string(&w, slice_of(b.p, b.len));
        lp_buf_free(&b);
        return finish(12);
    }
    if (type == RDB_HASH_EXPIRES) rdb_put_ms(&w, least_ms);
    rdb_put_len(&w, n);
    for (size_t i = 0; i < n; i++) {
        int64_t base_ms = type == RDB_HASH_EXPIRES && times[i] ? least_ms - 1 : 0;
        rdb_put_len(&w, (uint64_t)(times[i] - base_ms));
        rdb_put_field(&w, slice_cstr(fields[i]), slice_cstr("value"));
    }
    return finish(12);
}

static const unsigned types[] = {RDB_HASH_EXPIRES_RC, RDB_HASH_LISTPACK_RC, RDB_HASH_EXPIRES,
                                 RDB_HASH_LISTPACK_EX};

static int load(struct slice bytes, const char *name) {
    struct dump_value value;
    int err = dump_read_payload(bytes, config, &value);
    if (!err) dump_put_value(db, key_named(name), &value, DB_NO_TTL);
    return err;
}

static struct slice save(const char *name, enum rdb_type *as) {
    const struct entry *e = db_peek(db, key_named(name));
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    *as = dump_rdb_type(e, 10);
    rdb_writer_reset(&w);
    rdb_put_byte(&w, *as);
    dump_put_body(&w, e, *as);
    return finish(rdb_version_of(*as));
}

/* -- tests -- */

static void expect_time(const char *field, int64_t want_ms) {
    int64_t ms = 0;
    struct hash_view v = hash_view_of(db_peek(db, key_named("h")), HASH_ALL_TIMES);
    CU_ASSERT(hash_view_time(v, slice_cstr(field), &ms));
    CU_ASSERT_EQUAL(ms, want_ms);
}

static void loads_every_form(void) {
    static const char *const fields[] = {"past", "soon", "late", "17"};
    static const int64_t times[] = {5, now_ms + 5, now_ms + 500000, 0};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        for (int64_t max = 2; max < 600; max += 500) {
            begin(max);
            CU_ASSERT_EQUAL(load(payload(types[i], fields, times, 4), "h"), 0);
            enum entry_encoding enc = entry_encoding(db_peek(db, key_named("h")));
            CU_ASSERT_EQUAL(enc, max < 4 ? ENC_OBJECT : ENC_LISTPACK_EX);
            expect_time("past", 5);
            expect_time("soon", now_ms + 5);
            expect_time("late", now_ms + 500000);
            expect_time("17", HASH_NO_TIME);
            CU_ASSERT_EQUAL(db->shelf->timed_hashes, 1);
            while (keyspace_expire_step(ks, 1000)) continue;
            CU_ASSERT_EQUAL(ks->expired_fields, 1);
            end();
        }
    }
}

static void writes_what_it_reads(void) {
    static const char *const fields[] = {"a", "b", "c", "d"};
    static const int64_t times[] = {now_ms + 5, now_ms + 5, now_ms + 6, 0}, none[] = {0, 0, 0, 0};
    for (int64_t max = 2; max < 600; max += 500) {
        enum rdb_type as;
        begin(max);
        CU_ASSERT_EQUAL(load(payload(RDB_HASH_LISTPACK_EX, fields, times, 4), "h"), 0);
        struct slice bytes = save("h", &as);
        CU_ASSERT_EQUAL(as, max < 4 ? RDB_HASH_EXPIRES : RDB_HASH_LISTPACK_EX);
        if (max > 4) {
            char *kept = mem_dup(bytes.p, bytes.n);
            struct slice as_made = payload(RDB_HASH_LISTPACK_EX, fields, times, 4);
            CU_ASSERT(slice_eq(slice_of(kept, as_made.n), as_made));
            mem_free(kept);
        } else {
            char *kept = mem_dup(bytes.p, bytes.n);
            CU_ASSERT(db_delete(db, key_named("h")));
            CU_ASSERT_EQUAL(load(slice_of(kept, bytes.n), "h"), 0);
            expect_time("b", now_ms + 5);
            expect_time("d", HASH_NO_TIME);
            mem_free(kept);
        }
        CU_ASSERT(db_delete(db, key_named("h")));
        /* Of no times nothing is written. */
        CU_ASSERT_EQUAL(load(payload(RDB_HASH_LISTPACK_EX, fields, none, 4), "h"), 0);
        save("h", &as);
        CU_ASSERT_EQUAL(as, max < 4 ? RDB_HASH : RDB_HASH_LISTPACK);
        CU_ASSERT_EQUAL(db->shelf->timed_hashes, 0);
        end();
    }
}

static void refuses(unsigned type, const char *const *fields, const int64_t *times, size_t n) {
    for (int64_t max = 1; max < 600; max += 500) {
        begin(max);
        int err = load(payload(type, fields, times, n), "h");
        CU_ASSERT(err == RDB_CORRUPT || err == RDB_EMPTY);
        CU_ASSERT_EQUAL(db_size(db), 0);
        end();
    }
}

static void refuses_what_no_writer_makes(void) {
    static const char *const twice[] = {"a", "b", "a"}, *const fields[] = {"a", "b", "c"};
    static const int64_t times[] = {5, 6, 7}, disordered[] = {5, 4, 7}, none_first[] = {0, 5, 6},
                         far[] = {5, 6, (int64_t)1 << 48}, negative[] = {-5, 6, 7};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        refuses(types[i], twice, times, 3);
        refuses(types[i], fields, far, 3);
        refuses(types[i], fields, times, 0);
        if (types[i] != RDB_HASH_LISTPACK_RC && types[i] != RDB_HASH_LISTPACK_EX) continue;
        refuses(types[i], fields, disordered, 3);
        refuses(types[i], fields, none_first, 3);
        refuses(types[i], fields, negative, 3);
    }
}

static void count_pair(void *ctx, const struct hash_pair *p) {
    (void)p;
    ++*(size_t *)ctx;
}

/* What a hash must bear. */
static void use(const char *name) {
    struct entry *e = db_peek(db, key_named(name));
    enum rdb_type as;
    size_t seen = 0;
    struct hash_view v = hash_view_of(e, now_ms);
    hash_view_each(v, count_pair, &seen);
    CU_ASSERT_EQUAL(seen, hash_view_count(v));
    CU_ASSERT(hash_view_kept(v) > 0);
    CU_ASSERT_EQUAL((e->flags & ENTRY_FIELDS) != 0, hash_view_next_ms(v) != INT64_MAX);
    struct slice bytes = save(name, &as);
    CU_ASSERT_EQUAL(load(bytes, "again"), 0);
    keyspace_set_now(ks, (int64_t)1 << 49);
    while (keyspace_expire_step(ks, 1000)) continue;
    keyspace_set_now(ks, now_ms);
    CU_ASSERT_EQUAL(db->shelf->timed_hashes, 0);
    db_delete(db, key_named(name));
    db_delete(db, key_named("again"));
}

/* A few bytes are others, and the checksum is right. */
static bool mutated_loads(char *bytes, size_t n) {
    for (size_t k = 1 + random_next_below(&rng, 4); k; k--) {
        size_t at = random_next_below(&rng, n - RDB_DUMP_END_BYTES);
        bytes[at] =
            (char)(random_next_below(&rng, 3) ? bytes[at] + (int)random_next_below(&rng, 5) - 2
                                              : (int)random_next_below(&rng, 256));
    }
    rdb_writer_reset(&w);
    rdb_put_raw(&w, bytes, n - RDB_DUMP_END_BYTES);
    if (load(finish(12), "h")) return false;
    struct entry *e = db_peek(db, key_named("h"));
    if (entry_type(e) == TYPE_HASH) use("h");
    db_delete(db, key_named("h"));
    return true;
}

static void bears_mutations(void) {
    static const char *const fields[] = {"a", "field", "c", "1234", "e"};
    static const int64_t times[] = {now_ms - 7, now_ms + 5, now_ms + 5, now_ms + 500000, 0};
    size_t loaded = 0;
    random_seed(&rng, 99);
    begin(3);
    for (int i = 0; i < MUTATIONS; i++) {
        char bytes[PAYLOAD_MAX];
        config->hash_listpack_entries = i % 2 ? 3 : 512;
        struct slice made = payload(types[i % 4], fields, times, 5);
        CU_ASSERT_FATAL(made.n < sizeof bytes);
        memcpy(bytes, made.p, made.n);
        loaded += mutated_loads(bytes, made.n);
        if (i % 1000 == 0) garbage_free(keyspace_take_garbage(ks));
    }
    CU_ASSERT(loaded > MUTATIONS / 50);
    CU_ASSERT_EQUAL(db_size(db), 0);
    end();
}

int main(void) {
    static const struct suite_test tests[] = {
        {"loads_every_form", loads_every_form},
        {"writes_what_it_reads", writes_what_it_reads},
        {"refuses_what_no_writer_makes", refuses_what_no_writer_makes},
        {"bears_mutations", bears_mutations},
        {NULL, NULL},
    };
    mem_thread_init();
    hash_init(5);
    config = config_new();
    rdb_writer_init(&w, NULL, NULL);
    int status = suite_main("dump_hash", tests);
    rdb_writer_fini(&w);
    config_free(config);
    return status;
}
