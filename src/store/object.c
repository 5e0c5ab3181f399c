/* object.c - see object.h. */
#include "store/object.h"

#include "base/assert.h"
#include "types/zset.h"

static void zset_free(void *z) { zset_value_free(z); }
static size_t zset_free_cost(const void *z) { return zset_value_free_cost(z); }
static size_t zset_memory(const void *z) { return zset_value_memory(z); }
static void *zset_copy(const void *z) { return zset_value_copy(z); }

/* A row a type; a type's functions take their own struct, hence the thin ones here. */
const struct object_ops *object_ops(enum entry_type type) {
    static const struct object_ops ops[TYPE_COUNT] = {
        [TYPE_ZSET] = {"skiplist", zset_free, zset_free_cost, zset_memory, zset_copy},
    };
    ASSERT(type < TYPE_COUNT && ops[type].free);
    return &ops[type];
}
