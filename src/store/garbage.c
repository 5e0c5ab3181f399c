/* garbage.c - see garbage.h. To add a kind of value that is long to free: a kind here. */
#include "store/garbage.h"

#include "base/mem.h"
#include "store/object.h"

struct garbage {
    struct garbage *next;
    struct keyspace *ks;
    size_t bytes;      /* of a blob, as far as they go with it */
    struct blob *blob; /* one of the three */
    enum entry_type type;
    void *object;
    struct shelf *shelf;
};

static void garbage_add(struct keyspace *ks, struct garbage what) {
    struct garbage *g = mem_alloc(sizeof *g);
    *g = what;
    g->ks = ks;
    g->next = ks->garbage;
    atomic_fetch_add_explicit(&ks->leaving_bytes, g->bytes, memory_order_relaxed);
    if (g->shelf) atomic_fetch_add_explicit(&ks->leaving_shelves, 1, memory_order_relaxed);
    ks->garbage = g;
}

void garbage_add_blob(struct keyspace *ks, struct blob *b) {
    garbage_add(ks, (struct garbage){.blob = b, .bytes = b->refs == 1 ? b->cap : 0});
}

void garbage_add_object(struct keyspace *ks, enum entry_type type, void *object) {
    garbage_add(ks, (struct garbage){
                        .type = type, .object = object, .bytes = object_ops(type)->memory(object)});
}

void garbage_add_shelf(struct keyspace *ks, struct shelf *s) {
    garbage_add(ks, (struct garbage){.shelf = s});
}

struct garbage *keyspace_take_garbage(struct keyspace *ks) {
    struct garbage *g = ks->garbage;
    ks->garbage = NULL;
    return g;
}

/* The slab's runs go at once with the slab; what lies elsewhere goes here. */
static void entry_release_outside(void *ctx, void *item) {
    (void)ctx;
    struct entry *e = item;
    struct blob *b = entry_blob(e);
    if (b) blob_unref_now(b);
    if (entry_encoding(e) == ENC_OBJECT) object_ops(entry_type(e))->free(entry_object(e));
    if (!e->cls) mem_free(e);
}

static void shelf_free(struct shelf *s) {
    table_each(&s->table, entry_release_outside, NULL);
    slab_fini(&s->slab);
    table_fini(&s->table);
    mem_free(s);
}

void garbage_free(struct garbage *g) {
    while (g) {
        struct garbage *next = g->next;
        if (g->blob) blob_unref_now(g->blob);
        if (g->object) object_ops(g->type)->free(g->object);
        if (g->shelf) {
            shelf_free(g->shelf);
            atomic_fetch_sub_explicit(&g->ks->leaving_shelves, 1, memory_order_relaxed);
        }
        atomic_fetch_sub_explicit(&g->ks->leaving_bytes, g->bytes, memory_order_relaxed);
        mem_free(g);
        g = next;
    }
}

size_t garbage_count(const struct garbage *g) {
    size_t n = 0;
    for (; g; g = g->next) n += g->shelf ? g->shelf->table.count : 1;
    return n;
}
