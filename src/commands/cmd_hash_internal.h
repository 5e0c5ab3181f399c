/* cmd_hash_internal.h - what the files of the hash family share.
 *
 * cmd_hash.c reads and has the rows, cmd_hash_write.c changes, cmd_hash_pick.c gives a part:
 * HSCAN, HRANDFIELD.
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
