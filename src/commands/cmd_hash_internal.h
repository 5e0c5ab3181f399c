/* cmd_hash_internal.h - what the files of the hash family share.
 *
 * cmd_hash.c reads and has the rows, cmd_hash_write.c changes, cmd_hash_pick.c gives a part:
 * HSCAN, HRANDFIELD; cmd_hash_expire.c has the commands about the times of fields, with rows of
 * their own; cmd_hash_edit.h is how all of them change a hash;
 * cmd_hash_import.c is HIMPORT.
 *
 * A field whose time has come, and that has not left yet, is not there for commands that read or
 * set it: they let it leave. HLEN and HDEL count it still, as in Redis.
 * Threads: the loop.
 */
#ifndef COMMANDS_CMD_HASH_INTERNAL_H
#define COMMANDS_CMD_HASH_INTERNAL_H

#include "core/exec.h"
#include "store/hash_entry.h"

/* What a key of the type, or NULL, holds now; good until the key is written. */
static inline struct hash_view hash_look(const struct ctx *c, const struct entry *e) {
    if (!e) return (struct hash_view){.now_ms = c->db->ks->now_ms};
    return hash_view_of(e, c->db->ks->now_ms);
}

/* The hash of argument 1 for a command that reads; false: it is of another type, as replied. */
static inline bool hash_read(struct ctx *c, const struct entry **e, struct hash_view *v) {
    *e = db_read(c->db, ctx_key(c, 1));
    if (!ctx_is_type(c, *e, TYPE_HASH)) return false;
    *v = hash_look(c, *e);
    return true;
}

/* The entry of the hash in argument 1 for a command that writes, NULL if absent; false: another
 * type, as replied. */
static inline bool hash_find(struct ctx *c, struct key k, struct entry **e) {
    *e = db_find(c->db, k);
    return ctx_is_type(c, *e, TYPE_HASH);
}

/* Texts of a command: fields alone, or with their values behind them. */
struct hash_texts {
    const struct slice *v;
    size_t n;
    size_t step; /* from a field to the next */
};

/* From this many fields on a large hash hardly fits into the cache. */
#define HASH_PREFETCH_COUNT_MIN 4096

/* Before the field at `i` is looked for in h (or NULL). */
static inline void hash_prefetch(const struct hash_value *h, struct hash_texts texts, size_t i) {
    if (!h || texts.n <= texts.step || i % (HASH_PREFETCH_MAX * texts.step)) return;
    if (hash_value_count(h) < HASH_PREFETCH_COUNT_MIN) return;
    hash_value_prefetch(h, texts.v + i, (texts.n - i) / texts.step, texts.step);
}

/* A field or a value as a bulk string. */
static inline void hash_reply_text(struct reply *r, const struct lp_value *v) {
    if (v->text.p) {
        reply_bulk(r, v->text);
    } else {
        reply_bulk_int(r, v->i);
    }
}

/* The value of a field, or null and false. */
static inline bool hash_reply_field(struct reply *r, struct hash_view v, struct slice field) {
    struct lp_value value;
    bool there = hash_view_get(v, field, &value);
    if (there) {
        hash_reply_text(r, &value);
    } else {
        reply_null(r);
    }
    return there;
}

/* Makes k a hash of n pairs, whose fields differ, and of nothing else, without an expiry; tells it.
 * False: an error is replied. */
bool hash_replace(struct ctx *c, struct key k, const struct slice *pairs, size_t n);

/* Lets those of the fields leave whose time has come, not all having been found in v, the hash in
 * argument 1, which may be gone then. */
void hash_let_leave(struct ctx *c, struct hash_view v, struct hash_texts fields);

/* Reads FIELDS, a number and as many fields from argument `at` on, nothing behind them; false: an
 * error was replied, `not_positive` for a number that is none. */
bool hash_parse_fields(struct ctx *c, int at, const char *not_positive, struct hash_texts *fields);

/* Tells as an effect that fields have a time, or have none (HASH_NO_TIME); that they have gone,
 * some of which may not have been there. */
void hash_tell_time(struct ctx *c, struct key k, const struct slice *fields, size_t n,
                    int64_t time_ms);
void hash_tell_deleted(struct ctx *c, struct key k, struct hash_texts fields);

#define HASH_NUMFIELDS_ERROR "ERR Number of fields must be a positive integer"

#define HASH_KEY(how)                                                                              \
    {                                                                                              \
        { .flags = (how), .begin = BEGIN_INDEX, .index = 1, .find = FIND_RANGE, .step = 1 }        \
    }

void hash_del(struct ctx *c);
void hash_getdel(struct ctx *c);
void hash_incrby(struct ctx *c);
void hash_incrbyfloat(struct ctx *c);
void hash_mset(struct ctx *c);
void hash_randfield(struct ctx *c);
void hash_scan(struct ctx *c);
void hash_set(struct ctx *c);
void hash_setnx(struct ctx *c);

#endif
