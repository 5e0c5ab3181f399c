/* rdb.c - what rdb.h says of types, and errors.
 *
 * Threads: any. Specification: rdb.h.
 */
#include "wire/rdb.h"

#include <assert.h>

#include "base/assert.h"
#include "base/err.h"

static_assert(ERR_COUNT < -RDB_SHORT, "the codes of rdb lie behind those of base");

static const unsigned char kinds[] = {
    [RDB_STRING] = RDB_KIND_STRING,
    [RDB_LIST] = RDB_KIND_LIST,
    [RDB_SET] = RDB_KIND_SET,
    [RDB_ZSET_TEXT] = RDB_KIND_ZSET,
    [RDB_HASH] = RDB_KIND_HASH,
    [RDB_ZSET] = RDB_KIND_ZSET,
    [RDB_MODULE] = RDB_KIND_MODULE,
    [RDB_HASH_ZIPMAP] = RDB_KIND_HASH,
    [RDB_LIST_ZIPLIST] = RDB_KIND_LIST,
    [RDB_SET_INTSET] = RDB_KIND_SET,
    [RDB_ZSET_ZIPLIST] = RDB_KIND_ZSET,
    [RDB_HASH_ZIPLIST] = RDB_KIND_HASH,
    [RDB_LIST_ZIPLISTS] = RDB_KIND_LIST,
    [RDB_STREAM_1] = RDB_KIND_STREAM,
    [RDB_HASH_LISTPACK] = RDB_KIND_HASH,
    [RDB_ZSET_LISTPACK] = RDB_KIND_ZSET,
    [RDB_LIST_NODES] = RDB_KIND_LIST,
    [RDB_STREAM_2] = RDB_KIND_STREAM,
    [RDB_SET_LISTPACK] = RDB_KIND_SET,
    [RDB_STREAM_3] = RDB_KIND_STREAM,
    [RDB_HASH_EXPIRES_RC] = RDB_KIND_HASH,
    [RDB_HASH_LISTPACK_RC] = RDB_KIND_HASH,
    [RDB_HASH_EXPIRES] = RDB_KIND_HASH,
    [RDB_HASH_LISTPACK_EX] = RDB_KIND_HASH,
};

enum rdb_kind rdb_kind_of(unsigned type) {
    return type < sizeof(kinds) ? (enum rdb_kind)kinds[type] : RDB_KIND_NONE;
}

int rdb_version_of(unsigned type) {
    if (type >= RDB_HASH_EXPIRES_RC) return 12;
    return type >= RDB_SET_LISTPACK ? 11 : RDB_VERSION_DEFAULT;
}

const char *rdb_restore_text(int err) {
    if (err == RDB_BAD_DUMP) return "ERR DUMP payload version or checksum are wrong";
    return err > RDB_SHORT ? err_text(err) : "ERR Bad data format";
}

int rdb_stream_id_cmp(struct rdb_stream_id a, struct rdb_stream_id b) {
    if (a.ms != b.ms) return a.ms < b.ms ? -1 : 1;
    return (a.seq > b.seq) - (a.seq < b.seq);
}

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

uint64_t rdb_module_number(const char name[RDB_MODULE_NAME_BYTES], unsigned version) {
    uint64_t number = 0;
    for (int i = 0; i < RDB_MODULE_NAME_BYTES; i++) {
        const char *at = memchr(letters, name[i], sizeof letters - 1);
        ASSERT(at);
        number = number << 6 | (uint64_t)(at - letters);
    }
    return number << 10 | version;
}

void rdb_module_name(uint64_t number, char name[RDB_MODULE_NAME_BYTES + 1]) {
    for (int i = 0; i < RDB_MODULE_NAME_BYTES; i++) name[i] = letters[number >> (58 - 6 * i) & 63];
    name[RDB_MODULE_NAME_BYTES] = 0;
}
