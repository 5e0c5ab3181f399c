/* cmd_hll.c - HyperLogLog: how many different items were added to keys.
 *
 * The values are strings of Redis' bytes (types/hll.h). What these commands write has the
 * encoding "raw", also what they would have written and need not.
 * H1  A command that is refused leaves the key as it was. Redis keeps the items that it had
 *     added to a sparse value before it came to the corrupt part.
 * H2  The count that PFCOUNT keeps in the value, and another form of the same registers, are no
 *     change of the key: no event.
 * Specification: Redis 7.2's replies, errors and events. PFSELFTEST adds fewer items than Redis
 * does, which takes a second for it.
 * To add a command: its handler and its row at the bottom.
 * Threads: the loop.
 */
#include "base/err.h"
#include "base/mem.h"
#include "base/nap.h"
#include "base/random.h"
#include "commands/cmd_generic_internal.h"
#include "commands/cmd_string_internal.h"
#include "commands/families.h"
#include "core/offload.h"
#include "core/places.h"
#include "types/hll.h"

#define SELF_TEST_ITEMS 100000 /* some milliseconds */

#define CACHE_INVALID_AT 15 /* the byte of the header whose highest bit says so */

#define UNITS_OF_VALUE 16 /* of work, for one that is united with others */

/* Why e may not be used; 0 if it may (NULL too). */
static int hll_err(const struct entry *e) {
    char digits[ENTRY_DIGITS_MAX];
    if (!e) return 0;
    if (entry_type(e) != TYPE_STRING) return ERR_WRONGTYPE;
    return hll_is(entry_bytes(e, digits)) ? 0 : ERR_NOT_HLL;
}

/* Replies the error. */
static bool is_hll(struct ctx *c, const struct entry *e) {
    int err = hll_err(e);
    if (err) reply_err(c->r, err);
    return !err;
}

/* The bytes of an existing key for writing. NULL, replied, without memory. */
static uint8_t *edit_bytes(struct ctx *c, struct key k, size_t *n) {
    char *p = db_edit(c->db, k, 0, n);
    if (!p) reply_err(c->r, ERR_NO_MEMORY);
    return (uint8_t *)p;
}

/* Makes k hold h's bytes, as a string that can be edited. False, replied, without memory. */
static bool store(struct ctx *c, struct key k, const struct hll *h) {
    const struct entry *e = db_peek(c->db, k);
    size_t n;
    if (e && entry_strlen(e) > h->n) db_set_text(c->db, k, slice_of("", 0), DB_KEEP_TTL);
    char *p = db_edit(c->db, k, h->n, &n);
    if (!p) {
        reply_err(c->r, ERR_NO_MEMORY);
        return false;
    }
    memcpy(p, h->p, h->n);
    return true;
}

/* -- adding and counting --------------------------------------------------------------- */

/* Adds the arguments to the dense value in place. */
static void add_dense(struct ctx *c, struct key k) {
    size_t n;
    bool changed = false;
    uint8_t *p = edit_bytes(c, k, &n);
    if (!p) return;
    for (int i = 2; i < c->argc; i++) changed |= hll_add_dense(p, c->argv[i]) == HLL_CHANGED;
    if (changed) ctx_changed(c, k, FEED_STRING, "pfadd");
    reply_int(c->r, changed);
}

/* Adds the arguments to h: whether that changed it, or HLL_CORRUPT. */
static enum hll_change add_arguments(struct ctx *c, struct hll *h) {
    size_t sparse_bytes_max = (size_t)c->core->config->hll_sparse_bytes;
    bool changed = false;
    for (int i = 2; i < c->argc; i++) {
        enum hll_change change = hll_add(h, c->argv[i], sparse_bytes_max);
        if (change == HLL_CORRUPT) return HLL_CORRUPT;
        changed |= change == HLL_CHANGED;
    }
    return changed ? HLL_CHANGED : HLL_SAME;
}

static void add_sparse(struct ctx *c, struct key k, bool exists) {
    struct hll h;
    size_t n;
    uint8_t *p = exists ? edit_bytes(c, k, &n) : NULL;
    if (exists && !p) return;
    if (exists) {
        hll_init_copy(&h, slice_of(p, n));
    } else {
        hll_init(&h);
    }
    enum hll_change change = add_arguments(c, &h);
    if (change == HLL_CORRUPT) {
        reply_err(c->r, ERR_CORRUPT_HLL);
    } else if (change == HLL_SAME && exists) {
        reply_int(c->r, 0);
    } else {
        h.p[CACHE_INVALID_AT] |= 0x80; /* a new one without items has a count, which Redis drops */
        if (store(c, k, &h)) {
            ctx_changed(c, k, FEED_STRING, "pfadd");
            reply_int(c->r, 1);
        }
    }
    hll_fini(&h);
}

static void hll_pfadd(struct ctx *c) {
    char digits[ENTRY_DIGITS_MAX];
    struct key k = ctx_key(c, 1);
    const struct entry *e = db_find(c->db, k);
    if (!is_hll(c, e)) return;
    if (e && hll_is_dense(entry_bytes(e, digits))) {
        add_dense(c, k);
    } else {
        add_sparse(c, k, e != NULL);
    }
}

/* Some values that are united (core/offload). */
struct merging {
    const struct entry **e; /* NULL: no key */
    size_t n;
    int err; /* of the value behind those; 0: there is none */
    bool corrupt;
    size_t sparse_bytes_max;
    struct hll result; /* of PFMERGE, if `made` */
    bool made;
};

/* False, with the error replied that the first bad one of them is. */
static bool unite(struct merging *x, struct hll_union *u, struct reply *r) {
    char digits[ENTRY_DIGITS_MAX];
    hll_union_init(u);
    for (size_t i = 0; i < x->n && !nap_point(); i++) {
        if (!x->e[i] || hll_union_add(u, entry_bytes(x->e[i], digits))) continue;
        reply_err(r, ERR_CORRUPT_HLL);
        return false;
    }
    if (x->err) reply_err(r, x->err);
    return !x->err;
}

static void compute_count(void *state, struct reply *r) {
    struct hll_union u;
    if (unite(state, &u, r)) reply_int(r, (int64_t)hll_union_count(&u));
}

/* The first value is the destination's. */
static void compute_merge(void *state, struct reply *r) {
    struct merging *x = state;
    char digits[ENTRY_DIGITS_MAX];
    struct hll_union u;
    if (!unite(x, &u, r)) return;
    if (x->e[0]) {
        hll_init_copy(&x->result, entry_bytes(x->e[0], digits));
    } else {
        hll_init(&x->result);
    }
    x->made = true;
    x->corrupt = !hll_put_union(&x->result, &u, x->sparse_bytes_max);
    if (x->corrupt) reply_err(r, ERR_CORRUPT_HLL);
}

static void commit_merge(struct ctx *c, void *state) {
    const struct merging *x = state;
    struct key k = ctx_key(c, 1);
    if (!x->made || x->corrupt || !store(c, k, &x->result)) return;
    ctx_changed(c, k, FEED_STRING, "pfadd");
    reply_ok(c->r);
}

static void merging_drop(void *state) {
    struct merging *x = state;
    if (x->made) hll_fini(&x->result);
    mem_free(x->e);
}

/* The values of the keys from argument 1 on, up to the first that is none. */
static void merge(struct ctx *c, void (*compute)(void *state, struct reply *r),
                  void (*commit)(struct ctx *c, void *state)) {
    struct merging x = {.e = mem_alloc((size_t)c->argc * sizeof *x.e),
                        .sparse_bytes_max = (size_t)c->core->config->hll_sparse_bytes};
    for (int i = 1; i < c->argc && !x.err; i++) {
        const struct entry *e = db_read(c->db, ctx_key(c, i));
        x.err = hll_err(e);
        if (!x.err) x.e[x.n++] = e;
    }
    offload(c, &(struct offload){
                   .units = x.n * UNITS_OF_VALUE,
                   .state = &x,
                   .state_bytes = sizeof x,
                   .compute = compute,
                   .commit = commit,
                   .drop = merging_drop,
               });
}

/* Of one key: the count is kept in the value, until the next change of it; but not while somebody
 * else reads the value (core/offload). */
static void count_one(struct ctx *c) {
    struct key k = ctx_key(c, 1);
    const struct entry *e = db_read(c->db, k);
    char digits[ENTRY_DIGITS_MAX];
    uint64_t count;
    size_t n;
    if (!is_hll(c, e)) return;
    if (!e) {
        reply_int(c->r, 0);
        return;
    }
    bool keeps = !places_are_read(c->core, k.hash);
    struct slice value = entry_bytes(e, digits);
    uint8_t *p = keeps ? edit_bytes(c, k, &n) : NULL;
    if (keeps && !p) return;
    if (keeps) value = slice_of(p, n);
    if (!hll_cached_count(value, &count)) {
        if (!hll_count(value, &count)) {
            reply_err(c->r, ERR_CORRUPT_HLL);
            return;
        }
        if (keeps) {
            hll_store_count(p, count);
            effect_always(c);
        }
    }
    reply_int(c->r, (int64_t)count);
}

static void hll_pfcount(struct ctx *c) {
    if (c->argc == 2) {
        count_one(c);
    } else {
        merge(c, compute_count, NULL);
    }
}

static void hll_pfmerge(struct ctx *c) { merge(c, compute_merge, commit_merge); }

/* -- looking inside -------------------------------------------------------------------- */

/* Makes the value dense if it is not; replies and returns false if it cannot be. */
static bool make_dense(struct ctx *c, struct key k, struct slice s) {
    struct hll h;
    if (hll_is_dense(s)) return true;
    hll_init_copy(&h, s);
    bool ok = hll_make_dense(&h);
    if (!ok) reply_err(c->r, ERR_CORRUPT_HLL);
    ok = ok && store(c, k, &h);
    hll_fini(&h);
    return ok;
}

static void debug_getreg(struct ctx *c, struct key k, struct slice s) {
    struct hll_union u;
    hll_union_init(&u);
    if (!hll_union_add(&u, s)) {
        reply_err(c->r, ERR_CORRUPT_HLL);
        return;
    }
    if (!make_dense(c, k, s)) return; /* as Redis does */
    reply_array(c->r, HLL_REGISTERS);
    for (int i = 0; i < HLL_REGISTERS; i++) reply_int(c->r, u.registers[i]);
}

static void debug_decode(struct ctx *c, struct key k, struct slice s) {
    (void)k;
    if (hll_is_dense(s)) {
        reply_error(c->r, "ERR HLL encoding is not sparse");
        return;
    }
    char *text = mem_try(HLL_DECODE_BYTES_MAX(s.n));
    if (!text) {
        reply_err(c->r, ERR_NO_MEMORY);
        return;
    }
    reply_bulk(c->r, slice_of(text, hll_decode(s, text)));
    mem_free(text);
}

static void debug_encoding(struct ctx *c, struct key k, struct slice s) {
    (void)k;
    reply_simple(c->r, hll_is_dense(s) ? "dense" : "sparse");
}

static void debug_todense(struct ctx *c, struct key k, struct slice s) {
    bool sparse = !hll_is_dense(s);
    if (make_dense(c, k, s)) reply_int(c->r, sparse);
}

static void hll_pfdebug(struct ctx *c) {
    static const struct {
        const char *name;
        void (*run)(struct ctx *c, struct key k, struct slice s);
    } subs[] = {
        {"getreg", debug_getreg},
        {"decode", debug_decode},
        {"encoding", debug_encoding},
        {"todense", debug_todense},
    };
    struct key k = ctx_key(c, 2);
    const struct entry *e = db_find(c->db, k);
    size_t n;
    if (!e) {
        reply_error(c->r, "ERR The specified key does not exist");
        return;
    }
    if (!is_hll(c, e)) return;
    const uint8_t *p = edit_bytes(c, k, &n);
    if (!p) return;
    for (size_t i = 0; i < sizeof subs / sizeof *subs; i++) {
        if (!slice_is(c->argv[1], subs[i].name)) continue;
        subs[i].run(c, k, slice_of(p, n));
        return;
    }
    reply_errorf(c->r, "ERR Unknown PFDEBUG subcommand '%.*s'", (int)c->argv[1].n, c->argv[1].p);
}

static void hll_pfselftest(struct ctx *c) {
    char error[128];
    size_t sparse_bytes_max = (size_t)c->core->config->hll_sparse_bytes;
    if (hll_self_test(random_u64(), SELF_TEST_ITEMS, sparse_bytes_max, error, sizeof error)) {
        reply_ok(c->r);
    } else {
        reply_error(c->r, error);
    }
}

/* -- rows ------------------------------------------------------------------------------ */

static const struct row_arg pfadd_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "element", .type = ARG_STRING, .flags = ARG_OPTIONAL | ARG_MULTIPLE},
    {0},
};
static const struct row_arg pfcount_args[] = {
    {.name = "key", .type = ARG_KEY, .flags = ARG_MULTIPLE},
    {0},
};
static const struct row_arg pfdebug_args[] = {
    {.name = "subcommand", .type = ARG_STRING},
    {.name = "key", .type = ARG_KEY},
    {0},
};
static const struct row_arg pfmerge_args[] = {
    {.name = "destkey", .type = ARG_KEY},
    {.name = "sourcekey", .type = ARG_KEY, .flags = ARG_OPTIONAL | ARG_MULTIPLE, .key_spec = 1},
    {0},
};

const struct row hll_rows[] = {
    {
        .name = "pfadd",
        .run = hll_pfadd,
        .arity = -2,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_FAST,
        .acl = ACL_HYPERLOGLOG,
        .keys = {KEY_IN(1, KEY_RW | KEY_INSERT)},
        .since = "2.8.9",
        .summary = "Adds items to a HyperLogLog, which is created if it is absent.",
        .complexity = "O(1) for each item",
        .group = GROUP_HYPERLOGLOG,
        .args = pfadd_args,
    },
    {
        .name = "pfcount",
        .run = hll_pfcount,
        .arity = -2,
        .flags = ROW_READONLY | ROW_MAY_REPLICATE,
        .acl = ACL_HYPERLOGLOG,
        .keys = {{.notes = "RW: a count that is out of date is renewed in the value",
                  .flags = KEY_RW | KEY_ACCESS,
                  .begin = BEGIN_INDEX,
                  .index = 1,
                  .find = FIND_RANGE,
                  .last = -1,
                  .step = 1}},
        .since = "2.8.9",
        .summary = "Estimates how many different items one HyperLogLog, or several together, saw.",
        .complexity =
            "O(1) for one key whose count is up to date, O(N) in the keys otherwise, with "
            "some microseconds for each",
        .group = GROUP_HYPERLOGLOG,
        .args = pfcount_args,
    },
    {
        .name = "pfdebug",
        .run = hll_pfdebug,
        .arity = 3,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_ADMIN,
        .acl = ACL_HYPERLOGLOG,
        .keys = {KEY_IN(2, KEY_RW | KEY_ACCESS)},
        .since = "2.8.9",
        .summary = "Looks into a HyperLogLog, for tests.",
        .complexity = "O(1): at most all of the registers",
        .group = GROUP_HYPERLOGLOG,
        .for_servers = true,
        .args = pfdebug_args,
    },
    {
        .name = "pfmerge",
        .run = hll_pfmerge,
        .arity = -2,
        .flags = ROW_WRITE | ROW_DENYOOM,
        .acl = ACL_HYPERLOGLOG,
        .keys = {KEY_IN(1, KEY_RW | KEY_ACCESS | KEY_INSERT), KEYS_TO_END(2, KEY_RO | KEY_ACCESS)},
        .since = "2.8.9",
        .summary = "Makes a HyperLogLog the union of itself and others.",
        .complexity = "O(N) in the keys, with about a microsecond for each",
        .group = GROUP_HYPERLOGLOG,
        .args = pfmerge_args,
    },
    {
        .name = "pfselftest",
        .run = hll_pfselftest,
        .arity = 1,
        .flags = ROW_ADMIN,
        .acl = ACL_HYPERLOGLOG,
        .since = "2.8.9",
        .summary = "Checks the estimates of HyperLogLogs against known numbers.",
        .complexity = "O(1): some milliseconds",
        .group = GROUP_HYPERLOGLOG,
        .for_servers = true,
    },
    {0},
};
