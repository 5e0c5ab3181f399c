/* row.c - the table of commands: finding rows, counting, and where keys stand.
 *
 * A name is found by a perfect hash that is searched for at start-up. A name of less than 8
 * bytes is loaded as one word, a longer one as its first and its last 8 bytes, which with the
 * length tell names of up to 16 bytes apart completely. The upper bits of the hash choose a
 * bucket, the bucket has a displacement, and slot = lower hash bits + displacement; the
 * displacements are such that no two names share a slot. So a lookup is one multiplication,
 * one load of a displacement and one comparison with the words in the slot.
 *
 * T1  all[] holds the top-level rows in order, then each container's subcommands with a
 *     terminating empty row, then the other rows of commands that have one (row->retained);
 *     parent[], stats[] go by the same index.
 * T2  A slot's masks keep bit 5 of a letter out of the comparison, and of nothing else.
 * Threads: see row.h.
 */
#include "core/row.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "core/row_internal.h"

#define FOLD UINT64_C(0xdfdfdfdfdfdfdfdf) /* upper case of every letter */
#define SLOT_BITS 10
#define SLOT_COUNT (1u << SLOT_BITS)
#define BUCKET_BITS 8
#define BUCKET_COUNT (1u << BUCKET_BITS)
#define ROWS_MAX (SLOT_COUNT * 3 / 4) /* above, the search would take long */
#define TRIES_MAX 10000

struct words {
    uint64_t a, b;
};

struct slot {
    uint64_t a, b, mask_a, mask_b;
    size_t n; /* 0: empty */
    const struct row *row;
};

struct row_table {
    uint64_t multiplier;
    uint16_t displacements[BUCKET_COUNT];
    struct slot slots[SLOT_COUNT];

    struct row *all;
    int16_t *parent; /* index of the container, -1 for top-level rows */
    struct row_stats *stats;
    size_t all_count, top_count;
    struct slice *names; /* what each top-level row is called by; empty: cannot be called */
    const struct row **order;
    size_t order_count;
};

/* -- finding ------------------------------------------------------------------------- */

static inline uint64_t load(const char *p, size_t n) {
    uint64_t v = 0;
    memcpy(&v, p, n);
    return v;
}

static inline uint64_t short_word(struct slice s) {
    if (s.n >= 4) return load(s.p, 4) | load(s.p + s.n - 4, 4) << 32;
    if (s.n >= 2) return load(s.p, 2) | load(s.p + s.n - 1, 1) << 16;
    return s.n ? load(s.p, 1) : 0;
}

static inline struct words words_of(struct slice s) {
    if (s.n < 8) return (struct words){short_word(s), 0};
    return (struct words){load(s.p, 8), load(s.p + s.n - 8, 8)};
}

static inline uint64_t hash_words(struct words w, uint64_t multiplier) {
    uint64_t b = w.b & FOLD;
    return ((w.a & FOLD) ^ (b << 27 | b >> 37)) * multiplier;
}

static inline size_t bucket_of(uint64_t h) { return h >> (64 - BUCKET_BITS); }

static inline size_t slot_of(const struct row_table *t, uint64_t h) {
    return ((h >> (64 - BUCKET_BITS - SLOT_BITS)) + t->displacements[bucket_of(h)]) &
           (SLOT_COUNT - 1);
}

static char upper(char c) { return c >= 'a' && c <= 'z' ? (char)(c - 32) : c; }

static bool equal_fold(struct slice a, struct slice b) {
    if (a.n != b.n) return false;
    for (size_t i = 0; i < a.n; i++) {
        if (upper(a.p[i]) != upper(b.p[i])) return false;
    }
    return true;
}

const struct row *row_find(const struct row_table *t, struct slice name) {
    struct words w = words_of(name);
    const struct slot *s = &t->slots[slot_of(t, hash_words(w, t->multiplier))];
    if (name.n != s->n || (w.a ^ s->a) & s->mask_a) return NULL;
    if (likely(name.n < 8)) return s->row;
    if ((w.b ^ s->b) & s->mask_b) return NULL;
    if (name.n > 16 && !equal_fold(name, t->names[s->row - t->all])) return NULL;
    return s->row;
}

const struct row *row_find_sub(const struct row *row, struct slice name) {
    for (const struct row *sub = row->subs; sub && sub->name; sub++) {
        if (slice_is(name, sub->name)) return sub;
    }
    return NULL;
}

const struct row *row_find_full(const struct row_table *t, struct slice full_name) {
    const char *bar = full_name.n ? memchr(full_name.p, '|', full_name.n) : NULL;
    if (!bar) return row_find(t, full_name);
    size_t n = (size_t)(bar - full_name.p);
    const struct row *row = row_find(t, slice_of(full_name.p, n));
    return row ? row_find_sub(row, slice_of(bar + 1, full_name.n - n - 1)) : NULL;
}

/* -- the search for a perfect hash ----------------------------------------------------- */

/* Bit 5 of each letter cleared, all other bits set. */
static uint64_t letter_mask(uint64_t word) {
    uint64_t mask = ~UINT64_C(0);
    for (int shift = 0; shift < 64; shift += 8) {
        char c = upper((char)(word >> shift));
        if (c >= 'A' && c <= 'Z') mask ^= UINT64_C(0x20) << shift;
    }
    return mask;
}

static void fill_slot(struct slot *s, const struct row *row, struct slice name) {
    struct words w = words_of(name);
    uint64_t mask_a = letter_mask(w.a), mask_b = letter_mask(w.b);
    *s = (struct slot){w.a & mask_a, w.b & mask_b, mask_a, mask_b, name.n, row};
}

/* Finds a displacement for the names in group[], which share a bucket, and places them. */
static bool place_bucket(struct row_table *t, const uint16_t *group, size_t count,
                         const uint64_t *hashes) {
    size_t bucket = bucket_of(hashes[group[0]]);
    for (unsigned d = 0; d < SLOT_COUNT; d++) {
        size_t placed = 0;
        t->displacements[bucket] = (uint16_t)d;
        for (; placed < count; placed++) {
            struct slot *s = &t->slots[slot_of(t, hashes[group[placed]])];
            if (s->n) break;
            fill_slot(s, &t->all[group[placed]], t->names[group[placed]]);
        }
        if (placed == count) return true;
        while (placed-- > 0) t->slots[slot_of(t, hashes[group[placed]])] = (struct slot){0};
    }
    return false;
}

/* Places all names with the table's multiplier, fullest buckets first; false if it cannot be. */
static bool place_all(struct row_table *t) {
    uint64_t hashes[ROWS_MAX];
    uint16_t group[ROWS_MAX], sizes[BUCKET_COUNT] = {0};
    size_t largest = 0;
    memset(t->displacements, 0, sizeof t->displacements);
    memset(t->slots, 0, sizeof t->slots);
    for (size_t i = 0; i < t->top_count; i++) {
        hashes[i] = hash_words(words_of(t->names[i]), t->multiplier);
        if (t->names[i].n == 0) continue;
        size_t size = ++sizes[bucket_of(hashes[i])];
        if (size > largest) largest = size;
    }
    for (size_t size = largest; size > 0; size--) {
        for (size_t bucket = 0; bucket < BUCKET_COUNT; bucket++) {
            if (sizes[bucket] != size) continue;
            size_t n = 0;
            for (size_t i = 0; i < t->top_count; i++) {
                if (t->names[i].n && bucket_of(hashes[i]) == bucket) group[n++] = (uint16_t)i;
            }
            if (!place_bucket(t, group, n, hashes)) return false;
        }
    }
    return true;
}

static void build_index(struct row_table *t) {
    uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);
    int tries = 0;
    do {
        ASSERT(tries++ < TRIES_MAX);
        seed = (seed ^ seed >> 29) * UINT64_C(0xbf58476d1ce4e5b9) + 1;
        t->multiplier = seed | 1;
    } while (!place_all(t));
    t->order_count = 0;
    for (size_t i = 0; i < t->top_count; i++) {
        if (t->names[i].n) t->order[t->order_count++] = &t->all[i];
    }
}

/* -- the table ----------------------------------------------------------------------- */

static size_t count_rows(const struct row *rows) {
    size_t n = 0;
    while (rows && rows[n].name) n++;
    return n;
}

static void copy_subs(struct row_table *t, size_t container, size_t *next) {
    const struct row *subs = t->all[container].subs;
    size_t n = count_rows(subs);
    if (!subs) return;
    t->all[container].subs = &t->all[*next];
    for (size_t i = 0; i < n; i++) {
        row_check(&subs[i], &t->all[container]);
        for (size_t k = 0; k < i; k++) {
            if (strcmp(subs[i].name, subs[k].name) == 0)
                panic(__FILE__, __LINE__, "two subcommands '%s'", subs[i].name);
        }
        t->all[*next + i] = subs[i];
        t->parent[*next + i] = (int16_t)container;
    }
    *next += n + 1;
}

/* A command's other row: it is found by nobody, and counts for the first. */
static void copy_retained(struct row_table *t, size_t plain, size_t *next) {
    struct row *row = &t->all[plain], *other = &t->all[*next];
    if (!row->retained) return;
    row_check(row->retained, NULL);
    *other = *row->retained;
    other->plain = row->plain = row;
    other->retained = row->retained = other;
    other->stats = row->stats;
    t->parent[(*next)++] = -1;
}

struct row_table *row_table_new(const struct row *const *families) {
    struct row_table *t = mem_calloc(sizeof *t);
    for (const struct row *const *f = families; *f; f++) {
        t->top_count += count_rows(*f);
        for (const struct row *row = *f; row->name; row++) {
            if (row->subs) t->all_count += count_rows(row->subs) + 1;
            if (row->retained) t->all_count++;
        }
    }
    t->all_count += t->top_count;
    ASSERT(t->top_count <= ROWS_MAX && t->all_count <= INT16_MAX);
    t->all = mem_calloc((t->all_count + 1) * sizeof *t->all);
    t->parent = mem_alloc((t->all_count + 1) * sizeof *t->parent);
    t->stats = mem_calloc((t->all_count + 1) * sizeof *t->stats);
    t->names = mem_calloc((t->top_count + 1) * sizeof *t->names);
    t->order = mem_alloc((t->top_count + 1) * sizeof *t->order);

    size_t n = 0;
    for (const struct row *const *f = families; *f; f++) {
        for (const struct row *row = *f; row->name; row++) {
            row_check(row, NULL);
            for (size_t i = 0; i < n; i++) {
                if (strcmp(row->name, t->all[i].name) == 0)
                    panic(__FILE__, __LINE__, "two commands '%s'", row->name);
            }
            t->all[n] = *row;
            t->names[n] = slice_of(mem_dup(row->name, strlen(row->name)), strlen(row->name));
            t->parent[n++] = -1;
        }
    }
    for (size_t i = 0; i < t->top_count; i++) copy_subs(t, i, &n);
    for (size_t i = 0; i < n; i++) {
        t->all[i].stats = &t->stats[i];
        if (t->all[i].subs) t->all[i].flags |= ROW_CONTAINER;
    }
    for (size_t i = 0; i < t->top_count; i++) copy_retained(t, i, &n);
    ASSERT(n == t->all_count);
    build_index(t);
    return t;
}

void row_table_free(struct row_table *t) {
    row_stats_reset(t);
    for (size_t i = 0; i < t->top_count; i++) mem_free((char *)t->names[i].p);
    mem_free(t->all);
    mem_free(t->parent);
    mem_free(t->stats);
    mem_free(t->names);
    mem_free(t->order);
    mem_free(t);
}

const char *row_table_rename(struct row_table *t, struct slice from, struct slice to) {
    const struct row *row = row_find(t, from);
    if (!row) return "no such command";
    if (to.n && row_find(t, to)) return "the new name belongs to a command already";
    size_t i = (size_t)(row - t->all);
    mem_free((char *)t->names[i].p);
    t->names[i] = to.n ? slice_of(mem_dup(to.p, to.n), to.n) : slice_of(NULL, 0);
    build_index(t);
    return NULL;
}

size_t row_count(const struct row_table *t) { return t->order_count; }

const struct row *row_at(const struct row_table *t, size_t i) {
    ASSERT(i < t->order_count);
    return t->order[i];
}

static size_t row_index(const struct row_table *t, const struct row *row) {
    size_t i = (size_t)(row - t->all);
    DASSERT(i < t->all_count);
    return i;
}

void row_stats_reset(struct row_table *t) {
    for (size_t i = 0; i < t->all_count; i++) {
        mem_free(t->stats[i].histogram);
        t->stats[i] = (struct row_stats){0};
    }
}

void row_stats_time(struct row_stats *stats, uint64_t ticks) {
    uint64_t ns = clock_ticks_to_ns(ticks);
    if (unlikely(!stats->histogram))
        stats->histogram = mem_calloc(ROW_HISTOGRAM_BUCKETS * sizeof *stats->histogram);
    stats->histogram[63 - __builtin_clzll(ns | 1)]++;
}

const struct row *row_parent(const struct row_table *t, const struct row *row) {
    int parent = t->parent[row_index(t, row)];
    return parent < 0 ? NULL : &t->all[parent];
}

const char *row_full_name(const struct row_table *t, const struct row *row,
                          char buf[ROW_FULL_NAME_BYTES_MAX]) {
    const struct row *parent = row_parent(t, row);
    int n = snprintf(buf, ROW_FULL_NAME_BYTES_MAX, "%s%s%s", parent ? parent->name : "",
                     parent ? "|" : "", row->name);
    ASSERT(n > 0 && n < ROW_FULL_NAME_BYTES_MAX);
    return buf;
}

/* -- ACL categories -------------------------------------------------------------------- */

uint32_t row_acl(const struct row *row) {
    uint32_t acl = row->acl;
    if (row->flags & ROW_WRITE) acl |= ACL_WRITE;
    /* Scripts are read-only only as far as their keys go. */
    if (row->flags & ROW_READONLY && !(acl & ACL_SCRIPTING)) acl |= ACL_READ;
    if (row->flags & ROW_ADMIN) acl |= ACL_ADMIN | ACL_DANGEROUS;
    if (row->flags & ROW_PUBSUB) acl |= ACL_PUBSUB;
    if (row->flags & ROW_BLOCKING) acl |= ACL_BLOCKING;
    return acl | (row->flags & ROW_FAST ? ACL_FAST : ACL_SLOW);
}

const char *row_acl_name(unsigned bit) {
    static const char *const names[] = {
        "keyspace", "read",   "write",       "set",       "sortedset",  "list",        "hash",
        "string",   "bitmap", "hyperloglog", "geo",       "stream",     "pubsub",      "admin",
        "fast",     "slow",   "blocking",    "dangerous", "connection", "transaction", "scripting",
    };
    return bit < sizeof names / sizeof *names ? names[bit] : NULL;
}

/* -- keys ---------------------------------------------------------------------------- */

bool row_has_keys(const struct row *row) {
    for (int i = 0; i < ROW_KEYSPECS_MAX && row->keys[i].begin != BEGIN_NONE; i++) {
        if (!(row->keys[i].flags & KEY_NOT_KEY)) return true;
    }
    return row->find_keys != NULL;
}

bool row_has_movable_keys(const struct row *row) {
    for (int i = 0; i < ROW_KEYSPECS_MAX && row->keys[i].begin != BEGIN_NONE; i++) {
        if (row->keys[i].begin != BEGIN_INDEX || row->keys[i].find != FIND_RANGE) return true;
    }
    return row->find_keys != NULL;
}

/* Where the keys of a specification begin: a position (it may lie behind the last argument),
 * 0 if its keyword is not there, -1 if that cannot be told. */
static int begin_of(const struct keyspec *spec, const struct slice *argv, int argc) {
    if (spec->begin == BEGIN_INDEX) return spec->index;
    if (spec->begin != BEGIN_KEYWORD) return -1;
    int step = spec->index > 0 ? 1 : -1;
    int i = spec->index > 0 ? spec->index : argc + spec->index;
    for (; i > 0 && i < argc; i += step) {
        if (slice_is(argv[i], spec->keyword)) return i + 1;
    }
    return 0;
}

/* A number of keys among the arguments: small digits only. */
static int parse_count(struct slice s) {
    int v = 0;
    if (s.n == 0 || s.n > 8) return -1;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') return -1;
        v = v * 10 + (s.p[i] - '0');
    }
    return v;
}

struct span {
    int first, last, step;
};

/* The keys of one specification: false if the arguments are not well-formed; first == 0 if
 * it names none. */
static bool span_of(const struct keyspec *spec, const struct slice *argv, int argc,
                    struct span *span) {
    int first = begin_of(spec, argv, argc);
    *span = (struct span){0, 0, 1};
    if (first <= 0) return first == 0;
    if (spec->find == FIND_RANGE) {
        span->step = spec->step;
        if (spec->last >= 0) {
            span->last = first + spec->last;
        } else if (spec->limit <= 1) {
            span->last = argc + spec->last;
        } else {
            span->last = first + (argc - first) / spec->limit + spec->last;
        }
    } else if (spec->find == FIND_KEYNUM) {
        if (first + spec->keynum >= argc) return false;
        int count = parse_count(argv[first + spec->keynum]);
        if (count < 0) return false;
        if (count == 0) return true;
        first += spec->first_key;
        span->step = spec->key_step;
        span->last = first + (count - 1) * spec->key_step;
    } else {
        return false;
    }
    span->first = first;
    return first < argc && span->last < argc && span->last >= first;
}

static int keys_by_specs(const struct row *row, const struct slice *argv, int argc, int *out,
                         uint16_t *flags, int max) {
    int count = 0;
    for (int i = 0; i < ROW_KEYSPECS_MAX && row->keys[i].begin != BEGIN_NONE; i++) {
        const struct keyspec *spec = &row->keys[i];
        struct span span;
        if (spec->flags & KEY_NOT_KEY) continue;
        if (!span_of(spec, argv, argc, &span) || spec->flags & KEY_INCOMPLETE) return -1;
        if (span.first == 0) continue;
        for (int at = span.first; at <= span.last; at += span.step, count++) {
            if (count >= max) continue;
            out[count] = at;
            if (flags) flags[count] = spec->flags;
        }
    }
    return count;
}

int row_keys(const struct row *row, const struct slice *argv, int argc, int *out, uint16_t *flags,
             int max) {
    int count;
    if (row->find_keys) {
        count = row->find_keys(argv, argc, out, flags, max);
    } else {
        count = keys_by_specs(row, argv, argc, out, flags, max);
    }
    if (flags && row->key_flags && count > 0) {
        uint16_t now = row->key_flags(argv, argc);
        for (int i = 0; i < count && i < max; i++) flags[i] = now;
    }
    return count;
}

bool row_hides_keys(const struct row *row, const struct slice *argv, int argc, int n) {
    if (n > 0) return row_hides(row, argv, argc) == HIDES_NAMES;
    return n < 0 || row->flags & (ROW_WRITE | ROW_NOT_BESIDE);
}

void row_key_range(const struct row *row, int *first, int *last, int *step) {
    *first = *last = *step = 0;
    for (int i = 0; i < ROW_KEYSPECS_MAX && row->keys[i].begin != BEGIN_NONE; i++) {
        const struct keyspec *spec = &row->keys[i];
        if (spec->begin != BEGIN_INDEX || spec->find != FIND_RANGE) continue;
        int spec_last = spec->last < 0 ? spec->last : spec->index + spec->last;
        if (*first == 0) {
            *first = spec->index;
            *last = spec_last;
            *step = spec->step;
        } else if (*step == 1 && spec->step == 1 && *last == spec->index - 1) {
            *last = spec_last; /* the old form can join ranges that touch, and no others */
        }
    }
}
