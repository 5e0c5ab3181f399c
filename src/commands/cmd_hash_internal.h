/* cmd_hash_internal.h - what the files of the hash family share.
 *
 * cmd_hash.c reads and has the rows, cmd_hash_write.c changes, cmd_hash_pick.c gives a part:
 * HSCAN, HRANDFIELD; cmd_hash_import.c is HIMPORT.
 * Threads: the loop.
 */
#ifndef COMMANDS_CMD_HASH_INTERNAL_H
#define COMMANDS_CMD_HASH_INTERNAL_H

#include "core/exec.h"
#include "types/hash.h"

/* What a key of the type, or NULL, holds; good until the key is written. */
static inline struct hash_view hash_view_of(const struct entry *e) {
    if (!e) return (struct hash_view){NULL, NULL};
    if (entry_encoding(e) == ENC_OBJECT) return (struct hash_view){.large = entry_object(e)};
    return (struct hash_view){.packed = (const uint8_t *)entry_packed(e).p};
}

/* The hash of argument 1 for a command that reads; false: it is of another type, as replied. */
static inline bool hash_read(struct ctx *c, const struct entry **e, struct hash_view *v) {
    *e = db_read(c->db, ctx_key(c, 1));
    if (!ctx_is_type(c, *e, TYPE_HASH)) return false;
    *v = hash_view_of(*e);
    return true;
}

/* From this many fields on a large hash hardly fits into the cache. */
#define HASH_PREFETCH_COUNT_MIN 4096

/* Before the field at `i` of several, `step` texts apart, is looked for in h (or NULL). */
static inline void hash_prefetch(const struct hash_value *h, const struct slice *texts, size_t n,
                                 size_t i, size_t step) {
    if (!h || n <= step || i % (HASH_PREFETCH_MAX * step)) return;
    if (hash_value_count(h) < HASH_PREFETCH_COUNT_MIN) return;
    hash_value_prefetch(h, texts + i, (n - i) / step, step);
}

/* A field or a value as a bulk string. */
static inline void hash_reply_text(struct reply *r, const struct lp_value *v) {
    if (v->text.p) {
        reply_bulk(r, v->text);
    } else {
        reply_bulk_int(r, v->i);
    }
}

static inline void hash_reply_field(struct reply *r, struct hash_view v, struct slice field) {
    struct lp_value value;
    if (hash_view_get(v, field, &value)) {
        hash_reply_text(r, &value);
    } else {
        reply_null(r);
    }
}

/* Makes k a hash of n pairs, whose fields differ, and of nothing else, without an expiry; tells it.
 * False: an error is replied. */
bool hash_replace(struct ctx *c, struct key k, const struct slice *pairs, size_t n);

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
