/* prefixes.c - see prefixes.h. */
#include "topic/prefixes.h"

#include "base/assert.h"
#include "base/mem.h"

struct prefix_node {
    void *item; /* NULL: no prefix ends here */
    struct prefix_node **children;
    unsigned count, room;
    struct slice label; /* from the parent on; its own */
};

static unsigned char first_byte(const struct prefix_node *n) { return (unsigned char)*n->label.p; }

/* The place of the child that begins with this byte, or would. */
static unsigned child_rank(const struct prefix_node *n, unsigned char byte) {
    unsigned from = 0, to = n->count;
    while (from < to) {
        unsigned middle = (from + to) / 2;
        if (first_byte(n->children[middle]) < byte) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

static struct prefix_node *child_of(const struct prefix_node *n, unsigned char byte) {
    unsigned at = child_rank(n, byte);
    return at < n->count && first_byte(n->children[at]) == byte ? n->children[at] : NULL;
}

static struct slice copy_of(struct slice s) {
    return slice_of(s.n ? mem_dup(s.p, s.n) : NULL, s.n);
}

static struct prefix_node *node_new(struct slice label) {
    struct prefix_node *n = mem_calloc(sizeof *n);
    n->label = copy_of(label);
    return n;
}

static void node_free(struct prefix_node *n) {
    mem_free((void *)n->label.p);
    mem_free(n->children);
    mem_free(n);
}

static void add_child(struct prefix_node *n, struct prefix_node *child) {
    if (n->count == n->room) {
        n->room = n->room ? 2 * n->room : 2;
        n->children = mem_realloc(n->children, n->room * sizeof *n->children);
    }
    unsigned at = child_rank(n, first_byte(child));
    memmove(n->children + at + 1, n->children + at, (n->count++ - at) * sizeof *n->children);
    n->children[at] = child;
}

static size_t common_bytes(struct slice a, struct slice b) {
    size_t n = 0, most = a.n < b.n ? a.n : b.n;
    while (n < most && a.p[n] == b.p[n]) n++;
    return n;
}

static struct slice behind(struct slice s, size_t bytes) {
    return slice_of(s.p + bytes, s.n - bytes);
}

static void set_label(struct prefix_node *n, struct slice label) {
    struct slice old = n->label;
    n->label = copy_of(label);
    mem_free((void *)old.p);
}

/* A node in the midst of the child's label, which becomes its child. */
static struct prefix_node *split(struct prefix_node *parent, struct prefix_node *child,
                                 size_t bytes) {
    struct prefix_node *between = node_new(slice_of(child->label.p, bytes));
    parent->children[child_rank(parent, first_byte(child))] = between;
    set_label(child, behind(child->label, bytes));
    add_child(between, child);
    return between;
}

void **prefixes_at(struct prefixes *ix, struct slice prefix) {
    if (!ix->root) ix->root = node_new(slice_of(NULL, 0));
    struct prefix_node *n = ix->root;
    while (prefix.n) {
        struct prefix_node *child = child_of(n, (unsigned char)*prefix.p);
        size_t common = child ? common_bytes(child->label, prefix) : prefix.n;
        if (!child) {
            child = node_new(prefix);
            add_child(n, child);
        } else if (common < child->label.n) {
            child = split(n, child, common);
        }
        n = child;
        prefix = behind(prefix, common);
    }
    if (!n->item) ix->count++;
    return &n->item;
}

/* The child that the rest of a prefix leads to, if it leads on. */
static struct prefix_node *next_node(const struct prefix_node *n, struct slice rest) {
    struct prefix_node *child = rest.n ? child_of(n, (unsigned char)*rest.p) : NULL;
    return child && slice_begins(rest, child->label) ? child : NULL;
}

void *prefixes_find(const struct prefixes *ix, struct slice prefix) {
    const struct prefix_node *n = ix->root;
    while (n && prefix.n) {
        n = next_node(n, prefix);
        if (n) prefix = behind(prefix, n->label.n);
    }
    return n ? n->item : NULL;
}

/* A node without an item and with one child becomes one with it. */
static void join_child(struct prefix_node *n) {
    struct prefix_node *child = n->children[0];
    char *text = mem_alloc(n->label.n + child->label.n);
    memcpy(text, n->label.p, n->label.n);
    memcpy(text + n->label.n, child->label.p, child->label.n);
    mem_free((void *)n->label.p);
    mem_free(n->children);
    struct slice label = slice_of(text, n->label.n + child->label.n);
    mem_free((void *)child->label.p);
    *n = *child;
    n->label = label;
    mem_free(child);
}

static void drop_child(struct prefix_node *n, struct prefix_node *child) {
    unsigned at = child_rank(n, first_byte(child));
    memmove(n->children + at, n->children + at + 1, (--n->count - at) * sizeof *n->children);
    node_free(child);
}

void prefixes_remove(struct prefixes *ix, struct slice prefix) {
    struct prefix_node *parent = NULL, *n = ix->root;
    while (prefix.n) {
        parent = n;
        n = next_node(n, prefix);
        ASSERT(n);
        prefix = behind(prefix, n->label.n);
    }
    ASSERT(n->item);
    n->item = NULL;
    ix->count--;
    if (n != ix->root && n->count == 0) {
        drop_child(parent, n);
        n = parent;
    }
    if (n != ix->root && !n->item && n->count == 1) join_child(n);
    if (ix->count) return;
    node_free(ix->root);
    ix->root = NULL;
}

void prefixes_match(const struct prefixes *ix, struct slice name,
                    void (*visit)(void *ctx, void *item), void *ctx) {
    for (const struct prefix_node *n = ix->root; n; n = next_node(n, name)) {
        name = behind(name, n->label.n);
        if (n->item) visit(ctx, n->item);
    }
}

void prefixes_fini(struct prefixes *ix) { ASSERT(!ix->count && !ix->root); }
