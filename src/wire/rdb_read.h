/* rdb_read.h - the bytes of RDB into values, keys and records of files.
 *
 * A reader takes its input as one slice, or, with a refill function, chunk by chunk. A value
 * comes as calls of a visitor. Counts and lengths of the input are checked against what is
 * there before they cost memory: a collection of n elements or a string of n bytes never
 * allocates more than the bytes that have come in (88 times that when compressed).
 * What it cannot know is left to the visitor: the insides of packed forms, double elements,
 * whether pending entries, groups and consumers agree.
 *
 * R1  No byte outside of the current chunk is read.
 * R2  The first failure stays: err, reason and err_at tell it, and nothing is read after it.
 *     RDB_EMPTY alone is no failure.
 * R3  A slice given out by rdb_get_string is good until the next get; one given to a visitor
 *     during that call; key names and record texts until the next rdb_next.
 * Threads: one at a time for a reader; visitors run on its thread.
 * Specification: rdb.h.
 */
#ifndef WIRE_RDB_READ_H
#define WIRE_RDB_READ_H

#include "wire/rdb.h"

/* Gives the next bytes of the input, at least one, which stay until the next call: 1; at the
 * end of the input 0; or a negative code. */
typedef int rdb_refill_fn(void *ctx, struct slice *next);

enum rdb_hold { /* whose bytes a scratch buffer keeps */
                RDB_HOLD_KEY,
                RDB_HOLD_FIELD,
                RDB_HOLD_LAST,
                RDB_HOLD_PACKED,
                RDB_HOLDS,
};

struct rdb_scratch {
    char *p;
    size_t cap;
};

struct rdb_reader {
    const char *at, *end; /* what is left of the current chunk */
    const char *start;    /* its first byte */
    const char *summed;   /* crc covers all before */
    uint64_t base;        /* offset of start in the input */
    uint64_t crc;
    rdb_refill_fn *refill;
    void *refill_ctx;
    size_t string_bytes_max; /* set by init to SIZE_MAX; to be lowered by the caller */
    bool checksum;           /* set by init; without it, a file's checksum is passed over */
    int version;             /* of rdb_get_header */
    int err;
    const char *reason; /* short, for the log */
    uint64_t err_at;    /* offset in the input */
    struct rdb_scratch scratch[RDB_HOLDS];
    char digits[RDB_HOLDS][24]; /* of strings stored as integers */
};

/* Reads from the slice, which must outlive the reader, */
void rdb_reader_init(struct rdb_reader *r, struct slice input);
/* or from what refill gives. */
void rdb_reader_init_refill(struct rdb_reader *r, rdb_refill_fn *refill, void *ctx);
void rdb_reader_fini(struct rdb_reader *r);

/* Offset of the next byte in the input. */
static inline uint64_t rdb_reader_offset(const struct rdb_reader *r) {
    return r->base + (uint64_t)(r->at - r->start);
}

/* Notes a failure, if it is the first; false. For those who read with the primitives, too. */
bool rdb_reader_fail(struct rdb_reader *r, int err, const char *reason);

/* ---- primitives: false after a failure ---- */

bool rdb_get_byte(struct rdb_reader *r, unsigned *byte);
bool rdb_get_len(struct rdb_reader *r, uint64_t *n);
bool rdb_get_string(struct rdb_reader *r, struct slice *s);
bool rdb_get_double(struct rdb_reader *r, double *v);
bool rdb_get_double_text(struct rdb_reader *r, double *v); /* of RDB_ZSET_TEXT */
bool rdb_get_ms(struct rdb_reader *r, int64_t *ms);

/* The same with a buffer of its own for the bytes; for rdb_value.c and rdb_file.c. */
bool rdb_get_held(struct rdb_reader *r, enum rdb_hold hold, struct slice *s);
/* n raw bytes, n small. */
bool rdb_get_raw(struct rdb_reader *r, void *to, size_t n);
/* One of a module's data. */
bool rdb_get_datum(struct rdb_reader *r, struct rdb_datum *datum);
/* A count of parts that take at least so many bytes each. */
bool rdb_get_count(struct rdb_reader *r, size_t part_bytes_min, uint64_t *n);

/* ---- values ---- */

enum rdb_form {
    RDB_FORM_PLAIN, /* an element of a list, as it is */
    RDB_FORM_LISTPACK,
    RDB_FORM_LISTPACK_EX, /* field, value, expiry in ms or 0 */
    RDB_FORM_ZIPLIST,
    RDB_FORM_ZIPMAP,
    RDB_FORM_INTSET,
};

struct rdb_value {
    enum rdb_kind kind;
    unsigned type;
    uint64_t count; /* elements, or nodes, as the input claims: no size to allocate by */
    int64_t
        least_ms; /* RDB_HASH_EXPIRES and _LISTPACK_EX: least expiry of a field, as claimed, or 0 */
};

/* Each returns 0, or a negative code that ends reading and becomes err. Calls of a value:
 * begin; by kind and type those below; end, which does not come after a failure. A call that the
 * type does not need may be NULL only if the visitor refuses the type in begin. */
struct rdb_visitor {
    int (*begin)(void *ctx, const struct rdb_value *value);
    /* The string; an element of RDB_LIST; a member of RDB_SET. */
    int (*string)(void *ctx, struct slice s);
    /* A field, with its expiry or RDB_NO_EXPIRY. */
    int (*field)(void *ctx, struct slice field, struct slice value, int64_t expire_ms);
    /* A member; the score is a number. */
    int (*member)(void *ctx, struct slice member, double score);
    /* A packed form; of lists one for each node. Its insides are unchecked. */
    int (*packed)(void *ctx, enum rdb_form form, struct slice bytes);
    /* Nodes in the order of their first IDs, listpacks unchecked; then the meta; then each
     * group, its pending entries in order, its consumers, each followed by its claims: the
     * IDs of the entries that it has pending, in order. */
    int (*stream_node)(void *ctx, struct rdb_stream_id first, struct slice listpack);
    int (*stream_meta)(void *ctx, const struct rdb_stream_meta *meta);
    int (*group)(void *ctx, const struct rdb_group *group);
    int (*pending)(void *ctx, const struct rdb_pending *pending);
    int (*consumer)(void *ctx, const struct rdb_consumer *consumer);
    int (*claim)(void *ctx, struct rdb_stream_id id);
    /* Which module's value it is (rdb_module_name), then its data, the end not among them. NULL:
     * of none. */
    int (*module)(void *ctx, uint64_t number);
    int (*datum)(void *ctx, const struct rdb_datum *datum);
    int (*end)(void *ctx);
};

/* Reads the body of a value. 0, or a negative code; RDB_EMPTY (after which the reader stands
 * behind the value) for a collection of no elements, of which the visitor heard nothing, or said
 * RDB_EMPTY. */
int rdb_get_value(struct rdb_reader *r, unsigned type, const struct rdb_visitor *v, void *ctx);

/* For tests: from now on checksums of payloads and files are believed to be right. Process-wide. */
void rdb_set_checksums(bool validated);
bool rdb_checksums(void);

/* The body of a payload that DUMP (or FUNCTION DUMP) made: 0, or RDB_BAD_DUMP. */
int rdb_dump_open(struct slice payload, struct slice *body);

/* Checks a payload and reads its value; what stands behind that is ignored. 0 or a negative code,
 * for rdb_restore_text. `why` may be NULL, else gets a reason for the log. */
int rdb_dump_read(struct slice payload, const struct rdb_visitor *v, void *ctx, const char **why);

/* ---- files ---- */

enum rdb_record_kind {
    RDB_RECORD_AUX,        /* name, text */
    RDB_RECORD_FUNCTION,   /* text: the library's code */
    RDB_RECORD_MODULE_AUX, /* name: of the module; its data were passed over */
    RDB_RECORD_SELECT_DB,  /* index */
    RDB_RECORD_RESIZE_DB,  /* keys, expires */
    RDB_RECORD_SLOT_INFO,  /* index, keys, expires */
    RDB_RECORD_KEY,        /* key: its value is to be read by rdb_get_value */
    RDB_RECORD_END,        /* the checksum was right, absent, or not wanted */
};

struct rdb_record {
    enum rdb_record_kind kind;
    struct slice name, text;
    uint64_t index, keys, expires;
    struct rdb_key key;
};

/* Magic and version (1 to RDB_VERSION_MAX). 0 or a negative code. */
int rdb_get_header(struct rdb_reader *r);

/* The next record. 0 or a negative code. */
int rdb_next(struct rdb_reader *r, struct rdb_record *record);

#endif
