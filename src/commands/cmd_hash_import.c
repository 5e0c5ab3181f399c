/* cmd_hash_import.c - HIMPORT: many hashes of the same fields, whose names are sent once.
 *
 * The names are kept with the session (core/fieldsets.h). The hashes are like any other, in their
 * encodings too: Redis has encodings of its own for them, which share the names.
 * Threads: the loop.
 * To add a subcommand: its handler and its row in himport_subs.
 * Specification: Redis 8.10's replies and errors.
 */
#include "base/err.h"
#include "base/mem.h"
#include "commands/cmd_generic_internal.h"
#include "commands/cmd_hash_internal.h"
#include "commands/families.h"

static void himport_prepare(struct ctx *c) {
    if (fieldsets_prepare(&c->s->fieldsets, c->argv[2], c->argv + 3, (size_t)c->argc - 3)) {
        reply_ok(c->r);
    } else {
        reply_error(c->r, "ERR duplicate field name in fieldset");
    }
}

static void himport_set(struct ctx *c) {
    struct key k = ctx_key(c, 2);
    if (!ctx_is_type(c, db_find(c->db, k), TYPE_HASH)) return;
    const struct fieldset *f = fieldsets_find(&c->s->fieldsets, c->argv[3]);
    if (!f) {
        reply_error(c->r, "ERR no such fieldset");
        return;
    }
    if ((size_t)c->argc - 4 != f->count) {
        reply_error(c->r, "ERR value count does not match fieldset field count");
        return;
    }
    struct slice *pairs = mem_alloc(2 * f->count * sizeof *pairs);
    for (size_t i = 0; i < f->count; i++) {
        pairs[2 * i] = f->fields[i].text;
        pairs[2 * i + 1] = c->argv[4 + f->fields[i].value];
    }
    if (hash_replace(c, k, pairs, f->count)) reply_ok(c->r);
    mem_free(pairs);
}

static void himport_discard(struct ctx *c) {
    reply_int(c->r, fieldsets_discard(&c->s->fieldsets, c->argv[2]));
}

static void himport_discard_all(struct ctx *c) {
    reply_int(c->r, (int64_t)fieldsets_discard_all(&c->s->fieldsets));
}

/* -- rows ---------------------------------------------------------------------------- */

static const struct row_arg prepare_args[] = {
    {.name = "fieldset-name", .type = ARG_STRING},
    {.name = "field", .type = ARG_STRING, .flags = ARG_MULTIPLE},
    {0},
};
static const struct row_arg set_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "fieldset-name", .type = ARG_STRING},
    {.name = "value", .type = ARG_STRING, .flags = ARG_MULTIPLE},
    {0},
};
static const struct row_arg discard_args[] = {
    {.name = "fieldset-name", .type = ARG_STRING},
    {0},
};
static const char *const all_shards_tips[] = {"request_policy:all_shards", NULL};

static const struct row himport_subs[] = {
    {
        .name = "discard",
        .run = himport_discard,
        .arity = 3,
        .acl = ACL_HASH,
        .since = "8.10.0",
        .summary = "Forgets a fieldset of this connection.",
        .complexity = "O(N) in the fieldsets of the connection",
        .group = GROUP_HASH,
        .args = discard_args,
        .tips = all_shards_tips,
    },
    {
        .name = "discardall",
        .run = himport_discard_all,
        .arity = 2,
        .acl = ACL_HASH,
        .since = "8.10.0",
        .summary = "Forgets all fieldsets of this connection.",
        .complexity = "O(N) in the fieldsets of the connection",
        .group = GROUP_HASH,
        .tips = all_shards_tips,
    },
    {
        .name = "prepare",
        .run = himport_prepare,
        .arity = -4,
        .flags = ROW_DENYOOM,
        .acl = ACL_HASH,
        .since = "8.10.0",
        .summary = "Keeps the names of fields for this connection, as a fieldset.",
        .complexity = "O(N log N) in the fields",
        .group = GROUP_HASH,
        .args = prepare_args,
        .tips = all_shards_tips,
    },
    {
        .name = "set",
        .run = himport_set,
        .arity = -5,
        .flags = ROW_WRITE | ROW_DENYOOM,
        .acl = ACL_HASH,
        .keys = {KEY_IN(2, KEY_OW | KEY_UPDATE)},
        .since = "8.10.0",
        .summary = "Makes a key a hash of a fieldset's fields and these values.",
        .complexity = "O(N) in the fields",
        .group = GROUP_HASH,
        .args = set_args,
    },
    {0},
};

const struct row hash_import_rows[] = {
    {
        .name = "himport",
        .arity = -2,
        .acl = ACL_HASH,
        .subs = himport_subs,
        .since = "8.10.0",
        .summary = "Makes hashes of fields that were named before.",
        .complexity = "Depends on subcommand.",
        .group = GROUP_HASH,
    },
    {0},
};
