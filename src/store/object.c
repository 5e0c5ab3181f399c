/* object.c - see object.h. */
#include "store/object.h"

#include "base/assert.h"
#include "types/hash.h"
#include "types/list.h"
#include "types/set.h"
#include "types/stream.h"
#include "types/topic_ring.h"
#include "types/zset.h"

static void list_free(void *object) { list_value_free(object); }
static size_t list_free_cost(const void *object) { return list_value_free_cost(object); }
static size_t list_memory(const void *object) { return list_value_memory(object); }
static void *list_copy(const void *object) { return list_value_copy(object); }
static void *list_still(void *object) { return list_value_still(object); }
static void list_still_end(void *object, void *still) { list_value_still_end(object, still); }
static size_t list_still_bytes(const void *object) { return list_value_still_bytes(object); }

static void set_free(void *object) { set_value_free(object); }
static size_t set_free_cost(const void *object) { return set_value_free_cost(object); }
static size_t set_memory(const void *object) { return set_value_memory(object); }
static void *set_copy(const void *object) { return set_value_copy(object); }
static void *set_still(void *object) { return set_value_still(object); }
static void set_still_end(void *object, void *still) { set_value_still_end(object, still); }
static size_t set_still_bytes(const void *object) { return set_value_still_bytes(object); }

static void zset_free(void *object) { zset_value_free(object); }
static size_t zset_free_cost(const void *object) { return zset_value_free_cost(object); }
static size_t zset_memory(const void *object) { return zset_value_memory(object); }
static void *zset_copy(const void *object) { return zset_value_copy(object); }
static void *zset_still(void *object) { return zset_value_still(object); }
static void zset_still_end(void *object, void *still) { zset_value_still_end(object, still); }
static size_t zset_still_bytes(const void *object) { return zset_value_still_bytes(object); }

static void hash_free(void *object) { hash_value_free(object); }
static size_t hash_free_cost(const void *object) { return hash_value_free_cost(object); }
static size_t hash_memory(const void *object) { return hash_value_memory(object); }
static void *hash_copy(const void *object) { return hash_value_copy(object); }
static void *hash_still(void *object) { return hash_value_still(object); }
static void hash_still_end(void *object, void *still) { hash_value_still_end(object, still); }
static size_t hash_still_bytes(const void *object) { return hash_value_still_bytes(object); }

static void free_stream(void *object) { stream_free(object); }
static size_t free_stream_cost(const void *object) { return stream_free_cost(object); }
static size_t memory_of_stream(const void *object) { return stream_memory(object); }
static void *copy_stream(const void *object) { return stream_copy(object); }
static void *still_of_stream(void *object) { return stream_still(object); }
static void end_still_of_stream(void *object, void *still) { stream_still_end(object, still); }
static size_t still_bytes_of_stream(const void *object) { return stream_still_bytes(object); }

static void free_topic(void *object) { topic_ring_free(object); }
static size_t free_topic_cost(const void *object) { return topic_ring_free_cost(object); }
static size_t memory_of_topic(const void *object) { return topic_ring_memory(object); }
static void *copy_topic(const void *object) { return topic_ring_copy(object); }

/* A row a type; a type's functions take their own struct, hence the thin ones above. */
const struct object_ops *object_ops(enum entry_type type) {
    static const struct object_ops ops[TYPE_COUNT] = {
        [TYPE_LIST] = {"quicklist", list_free, list_free_cost, list_memory, list_copy, list_still,
                       list_still_end, list_still_bytes},
        [TYPE_SET] = {"hashtable", set_free, set_free_cost, set_memory, set_copy, set_still,
                      set_still_end, set_still_bytes},
        [TYPE_ZSET] = {"skiplist", zset_free, zset_free_cost, zset_memory, zset_copy, zset_still,
                       zset_still_end, zset_still_bytes},
        [TYPE_HASH] = {"hashtable", hash_free, hash_free_cost, hash_memory, hash_copy, hash_still,
                       hash_still_end, hash_still_bytes},
        [TYPE_STREAM] = {"stream", free_stream, free_stream_cost, memory_of_stream, copy_stream,
                         still_of_stream, end_still_of_stream, still_bytes_of_stream},
        [TYPE_TOPIC] = {"ring", free_topic, free_topic_cost, memory_of_topic, copy_topic},
    };
    ASSERT(type < TYPE_COUNT && ops[type].free);
    return &ops[type];
}
