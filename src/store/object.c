/* object.c - see object.h. */
#include "store/object.h"

#include "base/assert.h"
#include "types/hash.h"

static void hash_free(void *h) { hash_value_free(h); }
static size_t hash_free_cost(const void *h) { return hash_value_free_cost(h); }
static size_t hash_memory(const void *h) { return hash_value_memory(h); }
static void *hash_copy(const void *h) { return hash_value_copy(h); }

/* A row a type; a type's functions take their own struct, hence the thin ones here. */
const struct object_ops *object_ops(enum entry_type type) {
    static const struct object_ops ops[TYPE_COUNT] = {
        [TYPE_HASH] = {"hashtable", hash_free, hash_free_cost, hash_memory, hash_copy},
    };
    ASSERT(type < TYPE_COUNT && ops[type].free);
    return &ops[type];
}
