/* entry.c - reading entries; see entry.h. */
#include "store/entry.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/slab.h"
#include "store/object.h"

struct slice entry_bytes(const struct entry *e, char digits[ENTRY_DIGITS_MAX]) {
    if (entry_encoding(e) == ENC_INT) return slice_of(digits, num_format_i64(digits, entry_int(e)));
    if (e->vlen != ENTRY_ELSEWHERE) return slice_of(entry_value(e), e->vlen);
    struct blob *b = entry_blob(e);
    return slice_of(b->data, b->len);
}

size_t entry_strlen(const struct entry *e) {
    if (entry_encoding(e) == ENC_INT) {
        int64_t v = entry_int(e);
        return num_digits_u64(v < 0 ? -(uint64_t)v : (uint64_t)v) + (v < 0);
    }
    return e->vlen != ENTRY_ELSEWHERE ? e->vlen : entry_blob(e)->len;
}

const char *entry_encoding_name(const struct entry *e) {
    static const char *const names[] = {
        [ENC_INT] = "int",           [ENC_EMBSTR] = "embstr", [ENC_RAW] = "raw",
        [ENC_LISTPACK] = "listpack", [ENC_INTSET] = "intset", [ENC_LISTPACK_EX] = "listpackex",
    };
    if (entry_encoding(e) == ENC_OBJECT) return object_ops(entry_type(e))->encoding;
    return names[entry_encoding(e)];
}

const char *entry_type_name(enum entry_type type) {
    static const char *const names[TYPE_COUNT] = {
        [TYPE_STRING] = "string", [TYPE_LIST] = "list", [TYPE_SET] = "set",
        [TYPE_ZSET] = "zset",     [TYPE_HASH] = "hash", [TYPE_STREAM] = "stream",
        [TYPE_TOPIC] = "topic",
    };
    ASSERT(type < TYPE_COUNT);
    return names[type];
}

size_t entry_memory(const struct entry *e) {
    struct entry *block = (struct entry *)e; /* mem_usable asks the allocator and writes nothing */
    size_t n = e->cls ? slab_class_bytes(e->cls) : mem_usable(block);
    if (entry_encoding(e) == ENC_OBJECT) {
        n += object_ops(entry_type(e))->memory(entry_object(e));
    } else if (e->vlen == ENTRY_ELSEWHERE) {
        n += mem_usable(entry_blob(e));
    }
    return n;
}
