/* patterns.c - see patterns.h.
 *
 * Nodes (a prefix) lie in a table, the groups of a node by suffix in a table of its own; the group
 * of the empty suffix, which most patterns have, is a field of the node, as is that of the exact
 * ones.
 */
#include "topic/patterns.h"

#include "base/glob.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"

struct pattern_group {
    struct pattern_node *node;
    struct slice suffix; /* its own */
    struct pattern_item {
        uint64_t needs; /* a name that matches has all of these marks */
        struct pattern *p;
    } * items;
    size_t count, room;
};

struct pattern_node {
    struct slice prefix;        /* its own */
    size_t count;               /* patterns of all groups */
    struct pattern_group exact; /* the prefix is all that they are */
    struct pattern_group open;  /* no suffix */
    struct table suffixes;      /* groups, while there are any */
    struct pattern_lengths lengths;
};

/* ---- tables ------------------------------------------------------------------------- */

static struct slice node_key(const void *item) {
    return ((const struct pattern_node *)item)->prefix;
}
static struct slice group_key(const void *item) {
    return ((const struct pattern_group *)item)->suffix;
}
static const struct table_ops node_ops = {.key = node_key};
static const struct table_ops group_ops = {.key = group_key};

static uint64_t hash_of(struct slice s) { return hash_bytes(s.p, s.n); }

static struct slice copy_of(struct slice s) { return slice_of(mem_dup(s.p, s.n), s.n); }

static void lengths_add(struct pattern_lengths *l, size_t bytes) {
    size_t i = 0;
    while (i < l->n && l->at[i].bytes < bytes) i++;
    if (i < l->n && l->at[i].bytes == bytes) {
        l->at[i].count++;
        return;
    }
    if (l->n == l->room) {
        l->room = l->room ? 2 * l->room : 4;
        l->at = mem_realloc(l->at, l->room * sizeof *l->at);
    }
    memmove(l->at + i + 1, l->at + i, (l->n++ - i) * sizeof *l->at);
    l->at[i] = (struct pattern_length){bytes, 1};
}

static void lengths_remove(struct pattern_lengths *l, size_t bytes) {
    size_t i = 0;
    while (l->at[i].bytes != bytes) i++;
    if (--l->at[i].count) return;
    memmove(l->at + i, l->at + i + 1, (--l->n - i) * sizeof *l->at);
    if (l->n) return;
    mem_free(l->at);
    *l = (struct pattern_lengths){0};
}

void patterns_init(struct patterns *ix) {
    *ix = (struct patterns){0};
    table_init(&ix->nodes, &node_ops, NULL);
}

void patterns_fini(struct patterns *ix) {
    ASSERT(!ix->count);
    table_fini(&ix->nodes);
    mem_free(ix->hits);
}

/* ---- marks -------------------------------------------------------------------------- */

/* Each byte of a text, and each two that follow one another, have a mark, a bit that they share
 * with others. A name without a mark of a pattern's literal bytes does not match it: so most of
 * those that have to be tested need not be. */

static inline uint64_t mark_of_byte(unsigned char c) { return (uint64_t)1 << (c * 37 >> 2 & 31); }

static inline uint64_t mark_of_pair(unsigned char a, unsigned char b) {
    return (uint64_t)1 << (32 + ((a * 31u + b) * 0x9e3779b1u >> 27));
}

static uint64_t marks_of(struct slice name) {
    uint64_t marks = 0;
    for (size_t i = 0; i < name.n; i++) {
        marks |= mark_of_byte((unsigned char)name.p[i]);
        if (i) marks |= mark_of_pair((unsigned char)name.p[i - 1], (unsigned char)name.p[i]);
    }
    return marks;
}

/* ---- what a pattern is -------------------------------------------------------------- */

/* The literal bytes at its ends, in memory of the caller's of twice the text's size. */
struct ends {
    struct slice prefix, suffix;
    bool is_exact;
    uint64_t needs; /* marks of all literal bytes */
};

static struct ends take_apart(struct pattern *p, char *memory) {
    struct slice text = p->text;
    char *prefix = memory, *suffix = memory + text.n;
    size_t prefix_n = 0, suffix_n = 0, runs = 0; /* of runs: groups of stars */
    bool literal_only = true, in_run = false, has_ones = false;
    uint64_t needs = 0;
    p->bytes_min = 0;
    for (size_t at = 0; at < text.n;) {
        char byte;
        enum glob_element e = glob_element(text, &at, &byte);
        p->bytes_min += e != GLOB_RUN;
        if (e == GLOB_LITERAL) {
            if (literal_only) prefix[prefix_n++] = byte;
            suffix[suffix_n++] = byte;
            needs |= mark_of_byte((unsigned char)byte);
            if (suffix_n > 1)
                needs |= mark_of_pair((unsigned char)suffix[suffix_n - 2], (unsigned char)byte);
            in_run = false;
            continue;
        }
        literal_only = false;
        suffix_n = 0;
        if (e == GLOB_RUN && !in_run) runs++;
        in_run = e == GLOB_RUN;
        has_ones = has_ones || e == GLOB_ONE;
    }
    p->has_run = runs;
    p->is_tested = has_ones || runs > 1;
    return (struct ends){slice_of(prefix, prefix_n),
                         literal_only ? slice_of(NULL, 0) : slice_of(suffix, suffix_n),
                         literal_only, needs};
}

/* ---- adding and removing ------------------------------------------------------------ */

static struct pattern_node *find_node(const struct patterns *ix, struct slice prefix) {
    struct table_place place;
    return table_find(&ix->nodes, &node_ops, prefix, hash_of(prefix), &place);
}

static struct pattern_node *node_of(struct patterns *ix, struct slice prefix) {
    struct pattern_node *node = find_node(ix, prefix);
    if (node) return node;
    node = mem_calloc(sizeof *node);
    node->prefix = copy_of(prefix);
    node->exact.node = node->open.node = node;
    table_insert(&ix->nodes, hash_of(prefix), node);
    lengths_add(&ix->lengths, prefix.n);
    return node;
}

static void drop_node(struct patterns *ix, struct pattern_node *node) {
    struct table_place place;
    uint64_t hash = hash_of(node->prefix);
    table_find(&ix->nodes, &node_ops, node->prefix, hash, &place);
    table_remove(&ix->nodes, hash, place);
    lengths_remove(&ix->lengths, node->prefix.n);
    mem_free((void *)node->prefix.p);
    mem_free(node);
}

static struct pattern_group *find_group(const struct pattern_node *node, struct slice suffix) {
    struct table_place place;
    return table_find(&node->suffixes, &group_ops, suffix, hash_of(suffix), &place);
}

static struct pattern_group *group_of(struct pattern_node *node, const struct ends *ends) {
    if (ends->is_exact) return &node->exact;
    if (!ends->suffix.n) return &node->open;
    struct pattern_group *group = NULL;
    if (node->lengths.n) {
        group = find_group(node, ends->suffix);
    } else {
        table_init(&node->suffixes, &group_ops, NULL);
    }
    if (group) return group;
    group = mem_calloc(sizeof *group);
    group->node = node;
    group->suffix = copy_of(ends->suffix);
    table_insert(&node->suffixes, hash_of(group->suffix), group);
    lengths_add(&node->lengths, group->suffix.n);
    return group;
}

/* It has lost its last pattern. */
static void drop_group(struct pattern_group *group) {
    struct pattern_node *node = group->node;
    mem_free(group->items);
    if (!group->suffix.n) { /* a field of the node */
        group->items = NULL;
        group->room = 0;
        return;
    }
    struct table_place place;
    uint64_t hash = hash_of(group->suffix);
    table_find(&node->suffixes, &group_ops, group->suffix, hash, &place);
    table_remove(&node->suffixes, hash, place);
    lengths_remove(&node->lengths, group->suffix.n);
    if (!node->lengths.n) table_fini(&node->suffixes);
    mem_free((void *)group->suffix.p);
    mem_free(group);
}

void patterns_add(struct patterns *ix, struct pattern *p, struct slice text) {
    *p = (struct pattern){.text = text};
    char *memory = mem_alloc(2 * text.n + 1);
    struct ends ends = take_apart(p, memory);
    struct pattern_node *node = node_of(ix, ends.prefix);
    struct pattern_group *group = group_of(node, &ends);
    mem_free(memory);
    if (group->count == group->room) {
        group->room = group->room ? 2 * group->room : 1;
        group->items = mem_realloc(group->items, group->room * sizeof *group->items);
    }
    p->group = group;
    p->at = group->count;
    group->items[group->count++] = (struct pattern_item){ends.needs, p};
    node->count++;
    ix->count++;
}

void patterns_remove(struct patterns *ix, struct pattern *p) {
    struct pattern_group *group = p->group;
    struct pattern_node *node = group->node;
    struct pattern_item last = group->items[--group->count];
    group->items[p->at] = last;
    last.p->at = p->at;
    if (!group->count) drop_group(group);
    if (!--node->count) drop_node(ix, node);
    ix->count--;
}

/* ---- matching ----------------------------------------------------------------------- */

static void hit(struct patterns *ix, struct pattern *p) {
    if (ix->hit_count == ix->hits_room) {
        ix->hits_room = ix->hits_room ? 2 * ix->hits_room : 16;
        ix->hits = mem_realloc(ix->hits, ix->hits_room * sizeof *ix->hits);
    }
    ix->hits[ix->hit_count++] = p;
}

/* A name, and its marks. */
struct asked {
    struct slice name;
    uint64_t marks;
};

/* The name begins and ends as those of the group do. */
static void match_group(struct patterns *ix, const struct pattern_group *group,
                        const struct asked *asked) {
    size_t n = asked->name.n;
    for (size_t i = 0; i < group->count; i++) {
        if (group->items[i].needs & ~asked->marks) continue;
        struct pattern *p = group->items[i].p;
        if (n < p->bytes_min || (n > p->bytes_min && !p->has_run)) continue;
        if (!p->is_tested || glob_match_bounded(p->text, asked->name)) hit(ix, p);
    }
}

static void match_node(struct patterns *ix, const struct pattern_node *node,
                       const struct asked *asked) {
    struct slice name = asked->name;
    match_group(ix, &node->exact, asked);
    if (!name.n) return; /* the empty name matches the empty pattern only */
    match_group(ix, &node->open, asked);
    for (size_t i = 0; i < node->lengths.n; i++) {
        size_t n = node->lengths.at[i].bytes;
        if (n > name.n - node->prefix.n) break;
        const struct pattern_group *group = find_group(node, slice_of(name.p + name.n - n, n));
        if (group) match_group(ix, group, asked);
    }
}

size_t patterns_match(struct patterns *ix, struct slice name) {
    ix->hit_count = 0;
    if (!ix->count) return 0;
    struct asked asked = {name, marks_of(name)};
    for (size_t i = 0; i < ix->lengths.n; i++) {
        size_t n = ix->lengths.at[i].bytes;
        if (n > name.n) break;
        const struct pattern_node *node = find_node(ix, slice_of(name.p, n));
        if (node) match_node(ix, node, &asked);
    }
    return ix->hit_count;
}
