/* entry.h - a key, its expiry and its value, in one allocation.
 *
 *   0      1      2        5    6     7     8
 *   kind | flags | lru[3] | cls | klen | vlen | [expiry 8] | [klen 4] | key | value
 *
 * E1  kind is the type in the high nibble and the encoding in the low one.
 * E2  klen is 255 when the key is longer than 254 bytes: a 4-byte length stands before it.
 * E3  The value is vlen bytes in place, or, if vlen is 255, an 8-byte pointer
 *     to what the encoding says (a struct blob for a string).
 * E4  Nothing in an entry is aligned: words are read and written by memcpy.
 * E5  Entries are written through store/db.h only; others read.
 * Threads: the loop.
 */
#ifndef STORE_ENTRY_H
#define STORE_ENTRY_H

#include "base/blob.h"
#include "base/bytes.h"
#include "base/limits.h"

enum entry_type {
    TYPE_STRING,
    TYPE_LIST,
    TYPE_SET,
    TYPE_ZSET,
    TYPE_HASH,
    TYPE_STREAM,
    TYPE_TOPIC, /* retained: types/topic_ring.h */
    TYPE_COUNT,
};

/* How a value is kept. Strings have the first three, all other types the rest. */
enum entry_encoding {
    ENC_INT,         /* 4 or 8 bytes in place, host order */
    ENC_EMBSTR,      /* bytes in place, never edited, at most 44 of them */
    ENC_RAW,         /* bytes in place, or a blob */
    ENC_LISTPACK,    /* types/listpack, in place or a blob */
    ENC_INTSET,      /* types/intset, in place or a blob */
    ENC_OBJECT,      /* what the type is when it is large: see store/object.h */
    ENC_LISTPACK_EX, /* a hash in triples (types/hash_packed), in place or a blob */
};

enum {
    ENTRY_TTL = 1,    /* an expiry stands before the key */
    ENTRY_FIELDS = 2, /* parts of the value end at times of their own; see store/fields.c */
};

#define ENTRY_HEADER_BYTES 8
#define ENTRY_EMBSTR_BYTES_MAX 44
#define ENTRY_ELSEWHERE 255

struct entry {
    uint8_t kind;
    uint8_t flags;
    uint8_t lru[3];
    uint8_t cls;
    uint8_t klen;
    uint8_t vlen;
    char body[];
};

static inline enum entry_type entry_type(const struct entry *e) { return e->kind >> 4; }
static inline enum entry_encoding entry_encoding(const struct entry *e) { return e->kind & 15; }
static inline bool entry_has_ttl(const struct entry *e) { return e->flags & ENTRY_TTL; }

static inline struct slice entry_key(const struct entry *e) {
    const char *p = e->body + (e->flags & ENTRY_TTL) * 8;
    if (__builtin_expect(e->klen == ENTRY_ELSEWHERE, 0)) {
        uint32_t n;
        memcpy(&n, p, 4);
        return slice_of(p + 4, n);
    }
    return slice_of(p, e->klen);
}

static inline const char *entry_value(const struct entry *e) {
    struct slice k = entry_key(e);
    return k.p + k.n;
}

/* Unix time in ms at which the key ends, or -1 without one. */
static inline int64_t entry_expire_ms(const struct entry *e) {
    int64_t ms = -1;
    if (entry_has_ttl(e)) memcpy(&ms, e->body, 8);
    return ms;
}

/* The blob of a string or a packed value, or NULL if its bytes are in place. */
static inline struct blob *entry_blob(const struct entry *e) {
    struct blob *b;
    if (e->vlen != ENTRY_ELSEWHERE || entry_encoding(e) == ENC_OBJECT) return NULL;
    memcpy(&b, entry_value(e), sizeof b);
    return b;
}

/* The bytes of a listpack or an intset, good until the key is written. */
static inline struct slice entry_packed(const struct entry *e) {
    struct blob *b = entry_blob(e);
    return b ? slice_of(b->data, b->len) : slice_of(entry_value(e), e->vlen);
}

/* The object of an ENC_OBJECT entry: changed in place by its type's functions. */
static inline void *entry_object(const struct entry *e) {
    void *object;
    memcpy(&object, entry_value(e), sizeof object);
    return object;
}

/* The number of an ENC_INT entry. */
static inline int64_t entry_int(const struct entry *e) {
    const char *p = entry_value(e);
    if (e->vlen == 4) {
        int32_t v;
        memcpy(&v, p, 4);
        return v;
    }
    int64_t v;
    memcpy(&v, p, 8);
    return v;
}

/* Room for the digits of a number. */
#define ENTRY_DIGITS_MAX 24

/* The bytes of a string, valid until the key is written; a number is put into digits. */
struct slice entry_bytes(const struct entry *e, char digits[ENTRY_DIGITS_MAX]);

/* Length of a string in bytes, without formatting it. */
size_t entry_strlen(const struct entry *e);

/* "int", "embstr", "raw" ... as OBJECT ENCODING says it; "string", "list" ... as TYPE. */
const char *entry_encoding_name(const struct entry *e);
const char *entry_type_name(enum entry_type type);

/* Bytes that the entry and its value hold in memory, for MEMORY USAGE. */
size_t entry_memory(const struct entry *e);

#endif
