/* rdb.h - the format of RDB files and DUMP payloads: what its reader and its writer share.
 *
 * A value is written type first: a type byte, in files the key, then the body. rdb_write.h
 * makes bodies out of elements; rdb_read.h turns them into calls of a visitor, in the order in
 * which they lie. Packed forms (listpack, ziplist, zipmap, intset) pass through as they are:
 * types/ makes and checks their insides.
 *
 * Read: types 0-5, 7 and 9-25 of RDB 1 to 12. Refused: values of old modules (6), whose end only
 * these know, types and opcodes unknown to RDB 12. Written: types that RDB 10 has, the rest when
 * asked for. A value of a type that no release of Redis has goes as one of a module does (7): a
 * name, a version, and data that tell their kind, so that whoever does not know it finds its end.
 * To add a type: enum rdb_type, rdb_kind_of, rdb_version_of, its case in rdb_value.c, its
 * writer, tests/unit/wire/rdb_echo.h.
 * Threads: any; the objects belong to one at a time.
 * Specification: RDB 12 (Redis 7.4); types 22 and 23 are those of its release candidates.
 */
#ifndef WIRE_RDB_H
#define WIRE_RDB_H

#include "base/bytes.h"

#define RDB_VERSION_MAX 12     /* read and, when the data needs it, written */
#define RDB_VERSION_DEFAULT 10 /* Redis 7.0; loaded by everything since */
#define RDB_DUMP_END_BYTES 10  /* version and checksum, behind the value */

enum rdb_type {
    RDB_STRING = 0,
    RDB_LIST = 1, /* elements; not written since Redis 3.2 */
    RDB_SET = 2,
    RDB_ZSET_TEXT = 3, /* scores as text */
    RDB_HASH = 4,
    RDB_ZSET = 5, /* scores in binary */
    RDB_MODULE_OLD = 6,
    RDB_MODULE = 7,
    RDB_HASH_ZIPMAP = 9,
    RDB_LIST_ZIPLIST = 10,
    RDB_SET_INTSET = 11,
    RDB_ZSET_ZIPLIST = 12,
    RDB_HASH_ZIPLIST = 13,
    RDB_LIST_ZIPLISTS = 14, /* a quicklist of ziplists */
    RDB_STREAM_1 = 15,
    RDB_HASH_LISTPACK = 16,
    RDB_ZSET_LISTPACK = 17,
    RDB_LIST_NODES = 18, /* a quicklist of listpacks and plain elements */
    RDB_STREAM_2 = 19,   /* adds first ID, deletions, what groups have read */
    RDB_SET_LISTPACK = 20,
    RDB_STREAM_3 = 21,         /* adds when consumers were active */
    RDB_HASH_EXPIRES_RC = 22,  /* fields with absolute expiry */
    RDB_HASH_LISTPACK_RC = 23, /* field, value, expiry; no least expiry before it */
    RDB_HASH_EXPIRES = 24,     /* fields with expiry from the least one on */
    RDB_HASH_LISTPACK_EX = 25,
};

enum rdb_opcode {
    RDB_OP_SLOT_INFO = 244,
    RDB_OP_FUNCTION = 245,
    RDB_OP_FUNCTION_RC = 246,
    RDB_OP_MODULE_AUX = 247,
    RDB_OP_IDLE = 248,
    RDB_OP_FREQ = 249,
    RDB_OP_AUX = 250,
    RDB_OP_RESIZE_DB = 251,
    RDB_OP_EXPIRE_MS = 252,
    RDB_OP_EXPIRE_S = 253,
    RDB_OP_SELECT_DB = 254,
    RDB_OP_END = 255,
};

/* What reading returns beside 0, ERR_NO_MEMORY and the codes of callbacks. */
enum rdb_err {
    RDB_SHORT = -1001,       /* the input ends too early */
    RDB_CORRUPT = -1002,     /* no writer makes these bytes */
    RDB_UNSUPPORTED = -1003, /* of a module, of a release candidate, or too new */
    RDB_EMPTY = -1004,       /* a collection without elements: no key; the reader can go on */
    RDB_BAD_DUMP = -1005,    /* a payload's version or checksum */
    RDB_CHECKSUM = -1006,    /* a file's checksum */
};

enum rdb_kind {
    RDB_KIND_NONE, /* not a type that can be read */
    RDB_KIND_STRING,
    RDB_KIND_LIST,
    RDB_KIND_SET,
    RDB_KIND_ZSET,
    RDB_KIND_HASH,
    RDB_KIND_STREAM,
    RDB_KIND_MODULE,
};

enum rdb_kind rdb_kind_of(unsigned type);

/* The lowest RDB version to be written for a value of this type: 10, 11 or 12. */
int rdb_version_of(unsigned type);

/* The error reply of RESTORE for a negative result of rdb_dump_read. */
const char *rdb_restore_text(int err);

/* ---- parts of values ---- */

/* A field without expiry, a key without one. */
#define RDB_NO_EXPIRY (-1)
/* Expiry of fields is less than this. */
#define RDB_FIELD_EXPIRY_MS_END ((int64_t)1 << 48)

struct rdb_stream_id {
    uint64_t ms, seq;
};

/* <0, 0, >0 */
int rdb_stream_id_cmp(struct rdb_stream_id a, struct rdb_stream_id b);

struct rdb_stream_meta {
    uint64_t length;
    struct rdb_stream_id last;
    struct rdb_stream_id first, deleted_max; /* 0-0 in RDB_STREAM_1 */
    uint64_t added;                          /* length in RDB_STREAM_1 */
    uint64_t groups;
};

#define RDB_READ_UNKNOWN (-1)
struct rdb_group {
    struct slice name;
    struct rdb_stream_id last;
    int64_t entries_read; /* any number; or RDB_READ_UNKNOWN, as always in RDB_STREAM_1 */
};

struct rdb_pending {
    struct rdb_stream_id id;
    int64_t delivered_ms;
    uint64_t deliveries;
};

struct rdb_consumer {
    struct slice name;
    int64_t seen_ms;
    int64_t active_ms; /* -1: never; seen_ms where the type does not tell */
};

enum rdb_datum_kind {
    RDB_DATUM_END = 0,
    RDB_DATUM_SIGNED = 1,
    RDB_DATUM_UNSIGNED = 2,
    RDB_DATUM_FLOAT = 3,
    RDB_DATUM_DOUBLE = 4,
    RDB_DATUM_STRING = 5,
};

/* One of a module's data. */
struct rdb_datum {
    enum rdb_datum_kind kind;
    uint64_t number; /* of the first two kinds; of the next two the bytes */
    struct slice text;
};

/* ---- parts of files ---- */

struct rdb_key {
    struct slice name;
    unsigned type;
    int64_t expire_ms; /* or RDB_NO_EXPIRY */
    int64_t idle_s;    /* -1: not told */
    int freq;          /* -1: not told, else 0 to 255 */
};

#define RDB_MODULE_NAME_BYTES 9
/* The name in the upper 54 bits of a module's number, and a zero. */
void rdb_module_name(uint64_t number, char name[RDB_MODULE_NAME_BYTES + 1]);
/* The number: a name of letters, digits, '-' and '_', and the version of its data, 0 to 1023. */
uint64_t rdb_module_number(const char name[RDB_MODULE_NAME_BYTES], unsigned version);

#endif
