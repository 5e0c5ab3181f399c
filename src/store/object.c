/* object.c - see object.h. */
#include "store/object.h"

#include "base/assert.h"

/* A row a type; a type's functions take their own struct, hence the thin ones here. */
const struct object_ops *object_ops(enum entry_type type) {
    static const struct object_ops ops[TYPE_COUNT];
    ASSERT(type < TYPE_COUNT && ops[type].free);
    return &ops[type];
}
