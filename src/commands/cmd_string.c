/* cmd_string.c - strings: reading, editing, counting, several at once; the family's rows.
 *
 * The commands that replace a value under options are in cmd_string_set.c, floats and INCREX
 * in cmd_string_float.c.
 *
 * G1  GET, INCR and their like look a key up once and allocate nothing of their own.
 * G2  Commands of several keys hash and prefetch a batch of them before the first is used.
 * Threads: the loop.
 * To add a command: a handler, a row at the end of this file.
 * Specification: Redis 7.2; see the rows for what is later.
 */
#include "base/num.h"
#include "commands/cmd_string_internal.h"
#include "commands/families.h"
#include "core/offload.h"
#include "types/lcs.h"

/* -- reading ------------------------------------------------------------------------- */

static void string_get(struct ctx *c) {
    const struct entry *e = db_read(c->db, ctx_key(c, 1));
    if (!e) {
        reply_null(c->r);
    } else if (likely(entry_type(e) == TYPE_STRING)) {
        string_reply(c->r, e);
    } else {
        reply_err(c->r, ERR_WRONGTYPE);
    }
}

static void string_strlen(struct ctx *c) {
    const struct entry *e = db_read(c->db, ctx_key(c, 1));
    if (!ctx_is_type(c, e, TYPE_STRING)) return;
    reply_int(c->r, e ? (int64_t)entry_strlen(e) : 0);
}

static void string_getrange(struct ctx *c) {
    char digits[ENTRY_DIGITS_MAX];
    int64_t first, last;
    if (!ctx_int(c, 2, &first) || !ctx_int(c, 3, &last)) return;
    const struct entry *e = db_read(c->db, ctx_key(c, 1));
    if (!ctx_is_type(c, e, TYPE_STRING)) return;
    struct slice s = string_bytes(e, digits);
    if (!string_range_ordered(&first, &last, (int64_t)s.n)) {
        reply_bulk(c->r, slice_of("", 0));
        return;
    }
    size_t n = (size_t)(last - first + 1);
    struct blob *b = entry_blob(e);
    if (b && first == 0) {
        reply_bulk_blob(c->r, b, n);
    } else {
        reply_bulk(c->r, slice_of(s.p + first, n));
    }
}

/* -- several keys -------------------------------------------------------------------- */

#define BATCH_KEYS 16
#define BATCH_DB_KEYS_MIN 16384 /* smaller tables stay in the cache by themselves */

/* Hashes the keys in arguments i, i + step ... as far as the batch goes, and asks for their
 * buckets and entries. Returns how many they are. */
static int batch_fill(struct ctx *c, int i, int step, struct key batch[BATCH_KEYS]) {
    int n = 0;
    for (; n < BATCH_KEYS && i < c->argc; i += step) batch[n++] = ctx_key(c, i);
    if (n > 1 && db_size(c->db) >= BATCH_DB_KEYS_MIN) {
        for (int j = 0; j < n; j++) db_prefetch(c->db, batch[j].hash);
        for (int j = 0; j < n; j++) db_prefetch_entry(c->db, batch[j].hash);
    }
    return n;
}

static void string_mget(struct ctx *c) {
    struct key batch[BATCH_KEYS];
    reply_array(c->r, (size_t)c->argc - 1);
    for (int i = 1, n; i < c->argc; i += n) {
        n = batch_fill(c, i, 1, batch);
        for (int j = 0; j < n; j++) {
            const struct entry *e = db_read(c->db, batch[j]);
            if (e && entry_type(e) == TYPE_STRING) {
                string_reply(c->r, e);
            } else {
                reply_null(c->r);
            }
        }
    }
}

static void set_pairs(struct ctx *c) {
    struct key batch[BATCH_KEYS];
    for (int i = 1, n; i < c->argc; i += 2 * n) {
        n = batch_fill(c, i, 2, batch);
        for (int j = 0; j < n; j++) {
            string_store(c, batch[j], i + 2 * j + 1, DB_NO_TTL);
            ctx_changed(c, batch[j], FEED_STRING, "set");
        }
    }
}

static void string_mset(struct ctx *c) {
    if (c->argc % 2 == 0) {
        ctx_arity_error(c);
        return;
    }
    set_pairs(c);
    reply_ok(c->r);
}

static void string_msetnx(struct ctx *c) {
    if (c->argc % 2 == 0) {
        ctx_arity_error(c);
        return;
    }
    for (int i = 1; i < c->argc; i += 2) {
        if (db_exists(c->db, ctx_key(c, i))) {
            reply_int(c->r, 0);
            return;
        }
    }
    set_pairs(c);
    reply_int(c->r, 1);
}

/* -- editing ------------------------------------------------------------------------- */

/* A copy for an edit on its way. */
struct copying {
    const struct entry *e;
    size_t length;
    struct blob *copy; /* NULL: there is no memory for it */
};

static void compute_copy(void *state, struct reply *r) {
    struct copying *x = state;
    (void)r;
    x->copy = db_edit_copy(x->e, x->length);
}

static void commit_copy(struct ctx *c, void *state) {
    struct copying *x = state;
    struct keyspace *ks = c->db->ks;
    if (!x->copy) {
        reply_err(c->r, ERR_NO_MEMORY);
        return;
    }
    ks->edit_copy = x->copy;
    c->row->run(c);
    x->copy = ks->edit_copy;
    ks->edit_copy = NULL;
}

static void copy_drop(void *state) {
    struct copying *x = state;
    if (x->copy) blob_unref(x->copy);
}

#define COPY_UNIT_BYTES 1024

bool string_edit_now(struct ctx *c, const struct entry *e, size_t length) {
    if (!e || c->db->ks->edit_copy || !db_edit_copies(e, length)) return true;
    uint64_t units = entry_strlen(e) / COPY_UNIT_BYTES;
    if (!offload_would(c, units)) return true;
    offload(c, &(struct offload){
                   .units = units,
                   .state = &(struct copying){e, length, NULL},
                   .state_bytes = sizeof(struct copying),
                   .compute = compute_copy,
                   .commit = commit_copy,
                   .drop = copy_drop,
               });
    return false;
}

static void string_append(struct ctx *c) {
    struct key k = ctx_key(c, 1);
    struct slice tail = c->argv[2];
    const struct entry *e = db_find(c->db, k);
    if (!ctx_is_type(c, e, TYPE_STRING)) return;
    size_t length = tail.n;
    if (!e) {
        string_store(c, k, 2, DB_NO_TTL);
    } else {
        size_t old = entry_strlen(e);
        if (!string_length_allowed(c, (uint64_t)old + tail.n)) return;
        if (!string_edit_now(c, e, old + tail.n)) return;
        char *p = db_edit(c->db, k, old + tail.n, &length);
        if (!p) {
            reply_err(c->r, ERR_NO_MEMORY);
            return;
        }
        memcpy(p + old, tail.p, tail.n);
    }
    ctx_changed(c, k, FEED_STRING, "append");
    reply_int(c->r, (int64_t)length);
}

static void string_setrange(struct ctx *c) {
    int64_t offset;
    if (!ctx_int(c, 2, &offset)) return;
    if (offset < 0) {
        reply_err(c->r, ERR_OFFSET_RANGE);
        return;
    }
    struct key k = ctx_key(c, 1);
    struct slice part = c->argv[3];
    const struct entry *e = db_find(c->db, k);
    if (!ctx_is_type(c, e, TYPE_STRING)) return;
    if (part.n == 0) {
        reply_int(c->r, e ? (int64_t)entry_strlen(e) : 0);
        return;
    }
    uint64_t end = (uint64_t)offset + part.n;
    if (!string_length_allowed(c, end) || !string_edit_now(c, e, end)) return;
    size_t length;
    char *p = db_edit(c->db, k, end, &length);
    if (!p) {
        reply_err(c->r, ERR_NO_MEMORY);
        return;
    }
    memcpy(p + offset, part.p, part.n);
    ctx_changed(c, k, FEED_STRING, "setrange");
    reply_int(c->r, (int64_t)length);
}

/* -- counting ------------------------------------------------------------------------ */

static void incr_by(struct ctx *c, int64_t delta) {
    struct key k = ctx_key(c, 1);
    int64_t sum;
    int err = db_incr(c->db, k, delta, &sum);
    if (unlikely(err)) {
        reply_err(c->r, err);
        return;
    }
    ctx_changed(c, k, FEED_STRING, "incrby");
    reply_int(c->r, sum);
}

static void string_incr(struct ctx *c) { incr_by(c, 1); }
static void string_decr(struct ctx *c) { incr_by(c, -1); }

static void string_incrby(struct ctx *c) {
    int64_t delta;
    if (ctx_int(c, 2, &delta)) incr_by(c, delta);
}

static void string_decrby(struct ctx *c) {
    int64_t delta;
    if (!ctx_int(c, 2, &delta)) return;
    if (delta == INT64_MIN) {
        reply_error(c->r, "ERR decrement would overflow");
        return;
    }
    incr_by(c, -delta);
}

/* -- LCS ----------------------------------------------------------------------------- */

struct lcs_options {
    bool length, index, with_lengths;
    int64_t range_bytes_min;
    const struct entry *a, *b; /* NULL: no key */
    size_t table_bytes_max;
};

static bool lcs_options_parse(struct ctx *c, struct lcs_options *o) {
    for (int i = 3; i < c->argc; i++) {
        if (slice_is(c->argv[i], "LEN")) {
            o->length = true;
        } else if (slice_is(c->argv[i], "IDX")) {
            o->index = true;
        } else if (slice_is(c->argv[i], "WITHMATCHLEN")) {
            o->with_lengths = true;
        } else if (slice_is(c->argv[i], "MINMATCHLEN") && i + 1 < c->argc) {
            if (!ctx_int(c, ++i, &o->range_bytes_min)) return false;
            if (o->range_bytes_min < 0) o->range_bytes_min = 0;
        } else {
            reply_err(c->r, ERR_SYNTAX);
            return false;
        }
    }
    if (o->length && o->index) {
        reply_error(c->r, "ERR If you want both the length and indexes, please just use IDX.");
        return false;
    }
    return true;
}

static void lcs_reply_range(struct reply *r, uint32_t first, uint32_t last) {
    reply_array(r, 2);
    reply_int(r, first);
    reply_int(r, last);
}

static void lcs_reply_index(struct reply *r, const struct lcs_result *found, bool with_lengths) {
    reply_map(r, 2);
    reply_bulk_cstr(r, "matches");
    reply_array(r, found->range_count);
    for (size_t i = 0; i < found->range_count; i++) {
        const struct lcs_range *range = &found->ranges[i];
        reply_array(r, with_lengths ? 3 : 2);
        lcs_reply_range(r, range->a_first, range->a_last);
        lcs_reply_range(r, range->b_first, range->b_last);
        if (with_lengths) reply_int(r, (int64_t)range->a_last - range->a_first + 1);
    }
    reply_bulk_cstr(r, "len");
    reply_int(r, (int64_t)found->length);
}

#define LCS_UNIT_PAIRS 512 /* of bytes that are compared in a unit of work */

static void compute_lcs(void *state, struct reply *r) {
    const struct lcs_options *o = state;
    char digits_a[ENTRY_DIGITS_MAX], digits_b[ENTRY_DIGITS_MAX];
    struct slice a = string_bytes(o->a, digits_a), b = string_bytes(o->b, digits_b);
    struct lcs_result found = {0};
    int err = o->length ? lcs_length(a, b, o->table_bytes_max, &found.length)
                        : lcs_find(a, b, (size_t)o->range_bytes_min, o->table_bytes_max, &found);
    if (err) {
        reply_error(r, lcs_err_text(err));
    } else if (o->length) {
        reply_int(r, (int64_t)found.length);
    } else {
        if (o->index) {
            lcs_reply_index(r, &found, o->with_lengths);
        } else {
            reply_bulk(r, slice_of(found.text, found.length));
        }
        lcs_result_fini(&found);
    }
}

static void string_lcs(struct ctx *c) {
    struct lcs_options o = {.table_bytes_max = (size_t)c->core->config->proto_max_bulk_bytes};
    db_read(c->db, ctx_key(c, 1)); /* a key past its time goes now, not below */
    o.b = db_read(c->db, ctx_key(c, 2));
    o.a = db_peek(c->db, ctx_key(c, 1));
    if ((o.a && entry_type(o.a) != TYPE_STRING) || (o.b && entry_type(o.b) != TYPE_STRING)) {
        reply_error(c->r, "ERR The specified keys must contain string values");
        return;
    }
    if (!lcs_options_parse(c, &o)) return;
    uint64_t a = o.a ? entry_strlen(o.a) : 0, b = o.b ? entry_strlen(o.b) : 0;
    offload(c, &(struct offload){
                   .units = (uint64_t)((unsigned __int128)a * b / LCS_UNIT_PAIRS),
                   .state = &o,
                   .state_bytes = sizeof o,
                   .compute = compute_lcs,
               });
}

/* -- rows: arguments ----------------------------------------------------------------- */

#define ARG_KEY_FIRST                                                                              \
    { .name = "key", .type = ARG_KEY }

static const struct row_arg args_key[] = {ARG_KEY_FIRST, {0}};
static const struct row_arg args_keys[] = {
    {.name = "key", .type = ARG_KEY, .flags = ARG_MULTIPLE},
    {0},
};
static const struct row_arg args_key_value[] = {
    ARG_KEY_FIRST,
    {.name = "value", .type = ARG_STRING},
    {0},
};
static const struct row_arg args_pairs[] = {
    {.name = "data", .type = ARG_BLOCK, .flags = ARG_MULTIPLE, .sub = args_key_value},
    {0},
};
static const struct row_arg args_increment[] = {
    ARG_KEY_FIRST,
    {.name = "increment", .type = ARG_INTEGER},
    {0},
};
static const struct row_arg args_decrement[] = {
    ARG_KEY_FIRST,
    {.name = "decrement", .type = ARG_INTEGER},
    {0},
};
static const struct row_arg args_float_increment[] = {
    ARG_KEY_FIRST,
    {.name = "increment", .type = ARG_DOUBLE},
    {0},
};
static const struct row_arg args_range[] = {
    ARG_KEY_FIRST,
    {.name = "start", .type = ARG_INTEGER},
    {.name = "end", .type = ARG_INTEGER},
    {0},
};
static const struct row_arg args_setrange[] = {
    ARG_KEY_FIRST,
    {.name = "offset", .type = ARG_INTEGER},
    {.name = "value", .type = ARG_STRING},
    {0},
};
static const struct row_arg args_setex[] = {
    ARG_KEY_FIRST,
    {.name = "seconds", .type = ARG_INTEGER},
    {.name = "value", .type = ARG_STRING},
    {0},
};
static const struct row_arg args_psetex[] = {
    ARG_KEY_FIRST,
    {.name = "milliseconds", .type = ARG_INTEGER},
    {.name = "value", .type = ARG_STRING},
    {0},
};

#define ARG_EX                                                                                     \
    { .name = "seconds", .type = ARG_INTEGER, .token = "EX" }
#define ARG_PX                                                                                     \
    { .name = "milliseconds", .type = ARG_INTEGER, .token = "PX" }
#define ARG_EXAT                                                                                   \
    { .name = "unix-time-seconds", .type = ARG_UNIX_TIME, .token = "EXAT" }
#define ARG_PXAT                                                                                   \
    { .name = "unix-time-milliseconds", .type = ARG_UNIX_TIME, .token = "PXAT" }
#define ARG_WORD(name_, token_)                                                                    \
    { .name = name_, .type = ARG_PURE_TOKEN, .token = token_ }

static const struct row_arg sub_expire_or_keep[] = {
    ARG_EX, ARG_PX, ARG_EXAT, ARG_PXAT, ARG_WORD("keepttl", "KEEPTTL"), {0},
};
static const struct row_arg sub_expire_or_persist[] = {
    ARG_EX, ARG_PX, ARG_EXAT, ARG_PXAT, ARG_WORD("persist", "PERSIST"), {0},
};
static const struct row_arg sub_nx_or_xx[] = {
    ARG_WORD("nx", "NX"),
    ARG_WORD("xx", "XX"),
    {0},
};
static const struct row_arg sub_set_condition[] = {
    {.name = "nx", .type = ARG_PURE_TOKEN, .token = "NX", .since = "2.6.12"},
    {.name = "xx", .type = ARG_PURE_TOKEN, .token = "XX", .since = "2.6.12"},
    {.name = "ifeq-value", .type = ARG_STRING, .token = "IFEQ", .since = "8.4.0"},
    {.name = "ifne-value", .type = ARG_STRING, .token = "IFNE", .since = "8.4.0"},
    {.name = "ifdeq-digest", .type = ARG_STRING, .token = "IFDEQ", .since = "8.4.0"},
    {.name = "ifdne-digest", .type = ARG_STRING, .token = "IFDNE", .since = "8.4.0"},
    {0},
};
static const struct row_arg sub_set_expiration[] = {
    {.name = "seconds", .type = ARG_INTEGER, .token = "EX", .since = "2.6.12"},
    {.name = "milliseconds", .type = ARG_INTEGER, .token = "PX", .since = "2.6.12"},
    {.name = "unix-time-seconds", .type = ARG_UNIX_TIME, .token = "EXAT", .since = "6.2.0"},
    {.name = "unix-time-milliseconds", .type = ARG_UNIX_TIME, .token = "PXAT", .since = "6.2.0"},
    {.name = "keepttl", .type = ARG_PURE_TOKEN, .token = "KEEPTTL", .since = "6.0.0"},
    {0},
};
static const struct row_arg args_set[] = {
    ARG_KEY_FIRST,
    {.name = "value", .type = ARG_STRING},
    {.name = "condition", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = sub_set_condition},
    {.name = "get",
     .type = ARG_PURE_TOKEN,
     .flags = ARG_OPTIONAL,
     .token = "GET",
     .since = "6.2.0"},
    {.name = "expiration", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = sub_set_expiration},
    {0},
};
static const struct row_arg args_getex[] = {
    ARG_KEY_FIRST,
    {.name = "expiration", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = sub_expire_or_persist},
    {0},
};
static const struct row_arg args_msetex[] = {
    {.name = "numkeys", .type = ARG_INTEGER},
    {.name = "data", .type = ARG_BLOCK, .flags = ARG_MULTIPLE, .sub = args_key_value},
    {.name = "condition", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = sub_nx_or_xx},
    {.name = "expiration", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = sub_expire_or_keep},
    {0},
};
static const struct row_arg sub_comparison[] = {
    {.name = "ifeq-value", .type = ARG_STRING, .token = "IFEQ"},
    {.name = "ifne-value", .type = ARG_STRING, .token = "IFNE"},
    {.name = "ifdeq-digest", .type = ARG_STRING, .token = "IFDEQ"},
    {.name = "ifdne-digest", .type = ARG_STRING, .token = "IFDNE"},
    {0},
};
static const struct row_arg args_delex[] = {
    ARG_KEY_FIRST,
    {.name = "condition", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = sub_comparison},
    {0},
};
static const struct row_arg sub_increment[] = {
    {.name = "float", .type = ARG_DOUBLE, .token = "BYFLOAT"},
    {.name = "integer", .type = ARG_INTEGER, .token = "BYINT"},
    {0},
};
static const struct row_arg args_increx[] = {
    ARG_KEY_FIRST,
    {.name = "increment", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = sub_increment},
    {.name = "saturate",
     .type = ARG_PURE_TOKEN,
     .flags = ARG_OPTIONAL,
     .token = "SATURATE",
     .summary = "Stop at the bound (given, or the type's) instead of refusing."},
    {.name = "lowerbound",
     .type = ARG_STRING,
     .flags = ARG_OPTIONAL,
     .token = "LBOUND",
     .summary = "An integer, or a float with BYFLOAT."},
    {.name = "upperbound",
     .type = ARG_STRING,
     .flags = ARG_OPTIONAL,
     .token = "UBOUND",
     .summary = "An integer, or a float with BYFLOAT."},
    {.name = "expiration", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = sub_expire_or_persist},
    {.name = "enx",
     .type = ARG_PURE_TOKEN,
     .flags = ARG_OPTIONAL,
     .token = "ENX",
     .summary = "Set the expiration only on a key that has none."},
    {0},
};
static const struct row_arg args_lcs[] = {
    {.name = "key1", .type = ARG_KEY},
    {.name = "key2", .type = ARG_KEY},
    {.name = "len", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "LEN"},
    {.name = "idx", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "IDX"},
    {.name = "min-match-len", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "MINMATCHLEN"},
    {.name = "withmatchlen",
     .type = ARG_PURE_TOKEN,
     .flags = ARG_OPTIONAL,
     .token = "WITHMATCHLEN"},
    {0},
};

/* -- rows: history and tips ---------------------------------------------------------- */

static const struct row_change history_set[] = {
    {"2.6.12", "The `EX`, `PX`, `NX` and `XX` options."},
    {"6.0.0", "The `KEEPTTL` option."},
    {"6.2.0", "The `GET`, `EXAT` and `PXAT` options."},
    {"7.0.0", "`NX` and `GET` may be given together."},
    {"8.4.0", "The `IFEQ`, `IFNE`, `IFDEQ` and `IFDNE` options."},
    {0},
};
static const char *const tips_by_shard[] = {"request_policy:multi_shard", NULL};
static const char *const tips_write_by_shard[] = {
    "request_policy:multi_shard",
    "response_policy:all_succeeded",
    NULL,
};

/* -- rows: what the options do to the keys ------------------------------------------- */

/* SET reads the old value for GET and for a comparison. */
static uint16_t set_key_flags(const struct slice *argv, int argc) {
    static const char *const reading[] = {"GET", "IFEQ", "IFNE", "IFDEQ", "IFDNE"};
    for (int i = 3; i < argc; i++) {
        for (size_t w = 0; w < sizeof reading / sizeof *reading; w++) {
            if (slice_is(argv[i], reading[w])) return KEY_RW | KEY_ACCESS | KEY_UPDATE;
        }
    }
    return KEY_OW | KEY_UPDATE;
}

static uint16_t delex_key_flags(const struct slice *argv, int argc) {
    (void)argv;
    return argc > 2 ? KEY_RW | KEY_ACCESS | KEY_DELETE : KEY_RM | KEY_DELETE;
}

/* -- rows ---------------------------------------------------------------------------- */

#define READ_FAST (ROW_READONLY | ROW_FAST)
#define WRITE_GROWS (ROW_WRITE | ROW_DENYOOM)
#define WRITE_GROWS_FAST (ROW_WRITE | ROW_DENYOOM | ROW_FAST)

const struct row string_rows[] = {
    {
        .name = "append",
        .run = string_append,
        .arity = 3,
        .flags = WRITE_GROWS_FAST,
        .acl = ACL_STRING,
        .keys = KEY_FIRST(KEY_RW | KEY_INSERT),
        .since = "2.0.0",
        .summary = "Adds bytes at the end of a string; an absent key becomes the bytes.",
        .complexity =
            "O(1) amortised over the appended bytes: a string grows by more than it needs",
        .group = GROUP_STRING,
        .args = args_key_value,
    },
    {
        .name = "decr",
        .run = string_decr,
        .arity = 2,
        .flags = WRITE_GROWS_FAST,
        .acl = ACL_STRING,
        .keys = KEY_FIRST(KEY_RW | KEY_ACCESS | KEY_UPDATE),
        .since = "1.0.0",
        .summary = "Subtracts one from the integer in a key; an absent key counts as 0.",
        .complexity = "O(1)",
        .group = GROUP_STRING,
        .args = args_key,
    },
    {
        .name = "decrby",
        .run = string_decrby,
        .arity = 3,
        .flags = WRITE_GROWS_FAST,
        .acl = ACL_STRING,
        .keys = KEY_FIRST(KEY_RW | KEY_ACCESS | KEY_UPDATE),
        .since = "1.0.0",
        .summary = "Subtracts a number from the integer in a key; an absent key counts as 0.",
        .complexity = "O(1)",
        .group = GROUP_STRING,
        .args = args_decrement,
    },
    {
        .name = "delex",
        .run = string_delex,
        .arity = -2,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_STRING,
        .keys = KEY_FIRST(KEY_RW | KEY_DELETE | KEY_VARIABLE_FLAGS),
        .key_flags = delex_key_flags,
        .since = "8.4.0",
        .summary = "Removes a key, if its value or its digest compares as asked.",
        .complexity = "O(1); O(N) in the length of the value for IFDEQ and IFDNE",
        .group = GROUP_STRING,
        .args = args_delex,
    },
    {
        .name = "delifeq",
        .run = string_delifeq,
        .arity = 3,
        .flags = ROW_WRITE,
        .acl = ACL_STRING,
        .keys = KEY_FIRST(KEY_RM | KEY_ACCESS | KEY_DELETE),
        .since = "9.0.0",
        .summary = "Removes a key if its value is the one given.",
        .complexity = "O(1)",
        .group = GROUP_STRING,
        .args = args_key_value,
    },
    {
        .name = "digest",
        .run = string_digest,
        .arity = 2,
        .flags = READ_FAST,
        .acl = ACL_STRING,
        .keys = KEY_FIRST(KEY_RO | KEY_ACCESS),
        .since = "8.4.0",
        .summary = "Returns the XXH3 digest of a string, in hexadecimal.",
        .complexity = "O(N) in the length of the value",
        .group = GROUP_STRING,
        .args = args_key,
    },
    {
        .name = "get",
        .run = string_get,
        .arity = 2,
        .flags = READ_FAST,
        .acl = ACL_STRING,
        .keys = KEY_FIRST(KEY_RO | KEY_ACCESS),
        .since = "1.0.0",
        .summary = "Returns the string in a key.",
        .complexity = "O(1)",
        .group = GROUP_STRING,
        .args = args_key,
    },
    {
        .name = "getdel",
        .run = string_getdel,
        .arity = 2,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_STRING,
        .keys = KEY_FIRST(KEY_RW | KEY_ACCESS | KEY_DELETE),
        .since = "6.2.0",
        .summary = "Returns the string in a key and removes the key.",
        .complexity = "O(1)",
        .group = GROUP_STRING,
        .args = args_key,
    },
    {
        .name = "getex",
        .run = string_getex,
        .arity = -2,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_STRING,
        .keys = {{.notes = "RW and UPDATE since the expiration may change",
                  .flags = KEY_RW | KEY_ACCESS | KEY_UPDATE,
                  .begin = BEGIN_INDEX,
                  .find = FIND_RANGE,
                  .index = 1,
                  .step = 1}},
        .since = "6.2.0",
        .summary = "Returns the string in a key and sets or removes its expiration.",
        .complexity = "O(1)",
        .group = GROUP_STRING,
        .args = args_getex,
    },
    {
        .name = "getrange",
        .run = string_getrange,
        .arity = 4,
        .flags = ROW_READONLY,
        .acl = ACL_STRING,
        .keys = KEY_FIRST(KEY_RO | KEY_ACCESS),
        .since = "2.4.0",
        .summary = "Returns a part of the string in a key.",
        .complexity = "O(N) in the length of the part returned",
        .group = GROUP_STRING,
        .args = args_range,
    },
    {
        .name = "getset",
        .run = string_getset,
        .arity = 3,
        .flags = WRITE_GROWS_FAST,
        .acl = ACL_STRING,
        .keys = KEY_FIRST(KEY_RW | KEY_ACCESS | KEY_UPDATE),
        .since = "1.0.0",
        .summary = "Sets the string in a key and returns the one that was there.",
        .complexity = "O(1)",
        .group = GROUP_STRING,
        .args = args_key_value,
        .deprecated_since = "6.2.0",
        .replaced_by = "`SET` with the `GET` option",
    },
    {
        .name = "incr",
        .run = string_incr,
        .arity = 2,
        .flags = WRITE_GROWS_FAST,
        .acl = ACL_STRING,
        .keys = KEY_FIRST(KEY_RW | KEY_ACCESS | KEY_UPDATE),
        .since = "1.0.0",
        .summary = "Adds one to the integer in a key; an absent key counts as 0.",
        .complexity = "O(1)",
        .group = GROUP_STRING,
        .args = args_key,
    },
    {
        .name = "incrby",
        .run = string_incrby,
        .arity = 3,
        .flags = WRITE_GROWS_FAST,
        .acl = ACL_STRING,
        .keys = KEY_FIRST(KEY_RW | KEY_ACCESS | KEY_UPDATE),
        .since = "1.0.0",
        .summary = "Adds a number to the integer in a key; an absent key counts as 0.",
        .complexity = "O(1)",
        .group = GROUP_STRING,
        .args = args_increment,
    },
    {
        .name = "incrbyfloat",
        .run = string_incrbyfloat,
        .arity = 3,
        .flags = WRITE_GROWS_FAST,
        .acl = ACL_STRING,
        .keys = KEY_FIRST(KEY_RW | KEY_ACCESS | KEY_UPDATE),
        .since = "2.6.0",
        .summary = "Adds a number to the float in a key; an absent key counts as 0.",
        .complexity = "O(1)",
        .group = GROUP_STRING,
        .args = args_float_increment,
    },
    {
        .name = "increx",
        .run = string_increx,
        .arity = -2,
        .flags = WRITE_GROWS_FAST,
        .acl = ACL_STRING,
        .keys = KEY_FIRST(KEY_RW | KEY_ACCESS | KEY_UPDATE),
        .since = "8.8.0",
        .summary = "Adds to the number in a key, within bounds, and sets its expiration.",
        .complexity = "O(1)",
        .group = GROUP_STRING,
        .args = args_increx,
    },
    {
        .name = "lcs",
        .run = string_lcs,
        .arity = -3,
        .flags = ROW_READONLY,
        .acl = ACL_STRING,
        .keys = KEYS_FROM_FIRST(KEY_RO | KEY_ACCESS, 1, 1),
        .since = "7.0.0",
        .summary = "Finds the longest common subsequence of two strings.",
        .complexity = "O(N*M) in the lengths of the strings",
        .group = GROUP_STRING,
        .args = args_lcs,
    },
    {
        .name = "mget",
        .run = string_mget,
        .arity = -2,
        .flags = READ_FAST,
        .acl = ACL_STRING,
        .keys = KEYS_FROM_FIRST(KEY_RO | KEY_ACCESS, -1, 1),
        .since = "1.0.0",
        .summary = "Returns the strings in several keys.",
        .complexity = "O(N) in the number of keys",
        .group = GROUP_STRING,
        .args = args_keys,
        .tips = tips_by_shard,
    },
    {
        .name = "mset",
        .run = string_mset,
        .arity = -3,
        .flags = WRITE_GROWS,
        .acl = ACL_STRING,
        .keys = KEYS_FROM_FIRST(KEY_OW | KEY_UPDATE, -1, 2),
        .since = "1.0.1",
        .summary = "Sets the strings in several keys at once.",
        .complexity = "O(N) in the number of keys",
        .group = GROUP_STRING,
        .args = args_pairs,
        .tips = tips_write_by_shard,
    },
    {
        .name = "msetex",
        .run = string_msetex,
        .arity = -4,
        .flags = WRITE_GROWS | ROW_MOVABLEKEYS,
        .acl = ACL_STRING,
        .keys = {{.flags = KEY_OW | KEY_UPDATE,
                  .begin = BEGIN_INDEX,
                  .find = FIND_KEYNUM,
                  .index = 1,
                  .keynum = 0,
                  .first_key = 1,
                  .key_step = 2}},
        .since = "8.4.0",
        .summary = "Sets the strings in several keys at once, with one expiration for all.",
        .complexity = "O(N) in the number of keys",
        .group = GROUP_STRING,
        .args = args_msetex,
        .tips = tips_write_by_shard,
    },
    {
        .name = "msetnx",
        .run = string_msetnx,
        .arity = -3,
        .flags = WRITE_GROWS,
        .acl = ACL_STRING,
        .keys = KEYS_FROM_FIRST(KEY_OW | KEY_INSERT, -1, 2),
        .since = "1.0.1",
        .summary = "Sets the strings in several keys at once, if none of the keys exists.",
        .complexity = "O(N) in the number of keys",
        .group = GROUP_STRING,
        .args = args_pairs,
    },
    {
        .name = "psetex",
        .run = string_psetex,
        .arity = 4,
        .flags = WRITE_GROWS,
        .acl = ACL_STRING,
        .keys = KEY_FIRST(KEY_OW | KEY_UPDATE),
        .since = "2.6.0",
        .summary = "Sets the string in a key and its expiration in milliseconds.",
        .complexity = "O(1)",
        .group = GROUP_STRING,
        .args = args_psetex,
    },
    {
        .name = "set",
        .run = string_set,
        .arity = -3,
        .flags = WRITE_GROWS,
        .acl = ACL_STRING,
        .keys = {{.notes = "RW and ACCESS since `GET` returns the old value",
                  .flags = KEY_RW | KEY_ACCESS | KEY_UPDATE | KEY_VARIABLE_FLAGS,
                  .begin = BEGIN_INDEX,
                  .find = FIND_RANGE,
                  .index = 1,
                  .step = 1}},
        .key_flags = set_key_flags,
        .since = "1.0.0",
        .summary = "Sets the string in a key, whatever the key held.",
        .complexity = "O(1)",
        .group = GROUP_STRING,
        .args = args_set,
        .history = history_set,
    },
    {
        .name = "setex",
        .run = string_setex,
        .arity = 4,
        .flags = WRITE_GROWS,
        .acl = ACL_STRING,
        .keys = KEY_FIRST(KEY_OW | KEY_UPDATE),
        .since = "2.0.0",
        .summary = "Sets the string in a key and its expiration in seconds.",
        .complexity = "O(1)",
        .group = GROUP_STRING,
        .args = args_setex,
    },
    {
        .name = "setnx",
        .run = string_setnx,
        .arity = 3,
        .flags = WRITE_GROWS_FAST,
        .acl = ACL_STRING,
        .keys = KEY_FIRST(KEY_OW | KEY_INSERT),
        .since = "1.0.0",
        .summary = "Sets the string in a key that does not exist.",
        .complexity = "O(1)",
        .group = GROUP_STRING,
        .args = args_key_value,
    },
    {
        .name = "setrange",
        .run = string_setrange,
        .arity = 4,
        .flags = WRITE_GROWS,
        .acl = ACL_STRING,
        .keys = KEY_FIRST(KEY_RW | KEY_UPDATE),
        .since = "2.2.0",
        .summary = "Overwrites a part of a string, which grows as needed.",
        .complexity = "O(N) in the bytes written and in those that the string grows by",
        .group = GROUP_STRING,
        .args = args_setrange,
    },
    {
        .name = "strlen",
        .run = string_strlen,
        .arity = 2,
        .flags = READ_FAST,
        .acl = ACL_STRING,
        .keys = KEY_FIRST(KEY_RO),
        .since = "2.2.0",
        .summary = "Returns the length of the string in a key.",
        .complexity = "O(1)",
        .group = GROUP_STRING,
        .args = args_key,
    },
    {
        .name = "substr",
        .run = string_getrange,
        .arity = 4,
        .flags = ROW_READONLY,
        .acl = ACL_STRING,
        .keys = KEY_FIRST(KEY_RO | KEY_ACCESS),
        .since = "1.0.0",
        .summary = "Returns a part of the string in a key.",
        .complexity = "O(N) in the length of the part returned",
        .group = GROUP_STRING,
        .args = args_range,
        .deprecated_since = "2.0.0",
        .replaced_by = "`GETRANGE`",
    },
    {0},
};
