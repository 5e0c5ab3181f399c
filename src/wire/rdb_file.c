/* rdb_file.c - what stands between the values of a file.
 *
 * Threads: one at a time for a reader. Specification: rdb.h.
 */
#include <endian.h>

#include "base/crc64.h"
#include "wire/rdb_read.h"

#define CHECKSUM_VERSION_MIN 5

int rdb_get_header(struct rdb_reader *r) {
    char magic[9];
    uint64_t version = 0;
    if (!rdb_get_raw(r, magic, sizeof(magic))) return r->err;
    if (memcmp(magic, "REDIS", 5) != 0) {
        rdb_reader_fail(r, RDB_CORRUPT, "not an RDB file");
        return r->err;
    }
    for (int i = 5; i < 9; i++) {
        if (magic[i] < '0' || magic[i] > '9') {
            rdb_reader_fail(r, RDB_CORRUPT, "the version is no number");
            return r->err;
        }
        version = version * 10 + (uint64_t)(magic[i] - '0');
    }
    if (version < 1 || version > RDB_VERSION_MAX)
        rdb_reader_fail(r, RDB_UNSUPPORTED, "an unknown version of RDB");
    r->version = (int)version;
    return r->err;
}

static bool read_key(struct rdb_reader *r, unsigned type, struct rdb_record *rec) {
    if (rdb_kind_of(type) == RDB_KIND_NONE && type != RDB_MODULE_OLD)
        return rdb_reader_fail(r, RDB_UNSUPPORTED, "an unknown type or opcode");
    rec->kind = RDB_RECORD_KEY;
    rec->key.type = type;
    return rdb_get_held(r, RDB_HOLD_KEY, &rec->key.name);
}

static bool read_module_aux(struct rdb_reader *r, struct rdb_record *rec) {
    uint64_t number;
    struct rdb_datum datum;
    if (!rdb_get_len(r, &number)) return false;
    do {
        if (!rdb_get_datum(r, &datum)) return false;
    } while (datum.kind != RDB_DATUM_END);
    rdb_module_name(number, r->digits[RDB_HOLD_FIELD]);
    rec->kind = RDB_RECORD_MODULE_AUX;
    rec->name = slice_of(r->digits[RDB_HOLD_FIELD], RDB_MODULE_NAME_BYTES);
    return true;
}

static bool read_end(struct rdb_reader *r, struct rdb_record *rec) {
    uint64_t want = 0;
    rec->kind = RDB_RECORD_END;
    if (r->version < CHECKSUM_VERSION_MIN) return true;
    if (r->checksum) r->crc = crc64(r->crc, r->summed, (size_t)(r->at - r->summed));
    r->summed = r->at;
    uint64_t crc = r->crc;
    if (!rdb_get_raw(r, &want, sizeof(want))) return false;
    if (!r->checksum || want == 0 || le64toh(want) == crc) return true;
    return rdb_reader_fail(r, RDB_CHECKSUM, "RDB CRC error: the checksum is wrong");
}

static bool read_expiry(struct rdb_reader *r, unsigned opcode, int64_t *ms) {
    int32_t s;
    if (opcode == RDB_OP_EXPIRE_MS) return rdb_get_ms(r, ms);
    if (!rdb_get_raw(r, &s, sizeof(s))) return false;
    *ms = (int64_t)(int32_t)le32toh((uint32_t)s) * 1000;
    return true;
}

static bool read_idle(struct rdb_reader *r, int64_t *idle_s) {
    uint64_t n;
    if (!rdb_get_len(r, &n)) return false;
    *idle_s = n > INT64_MAX ? INT64_MAX : (int64_t)n;
    return true;
}

static bool read_freq(struct rdb_reader *r, int *freq) {
    unsigned byte;
    if (!rdb_get_byte(r, &byte)) return false;
    *freq = (int)byte;
    return true;
}

static bool read_aux(struct rdb_reader *r, struct rdb_record *rec) {
    rec->kind = RDB_RECORD_AUX;
    return rdb_get_held(r, RDB_HOLD_FIELD, &rec->name) && rdb_get_string(r, &rec->text);
}

/* With *more, what was read belongs to the key that follows. */
static bool read_record(struct rdb_reader *r, unsigned op, struct rdb_record *rec, bool *more) {
    *more = false;
    switch (op) {
    case RDB_OP_EXPIRE_S:
    case RDB_OP_EXPIRE_MS: *more = true; return read_expiry(r, op, &rec->key.expire_ms);
    case RDB_OP_IDLE: *more = true; return read_idle(r, &rec->key.idle_s);
    case RDB_OP_FREQ: *more = true; return read_freq(r, &rec->key.freq);
    case RDB_OP_AUX: return read_aux(r, rec);
    case RDB_OP_FUNCTION: rec->kind = RDB_RECORD_FUNCTION; return rdb_get_string(r, &rec->text);
    case RDB_OP_SELECT_DB: rec->kind = RDB_RECORD_SELECT_DB; return rdb_get_len(r, &rec->index);
    case RDB_OP_RESIZE_DB:
        rec->kind = RDB_RECORD_RESIZE_DB;
        return rdb_get_len(r, &rec->keys) && rdb_get_len(r, &rec->expires);
    case RDB_OP_SLOT_INFO:
        rec->kind = RDB_RECORD_SLOT_INFO;
        return rdb_get_len(r, &rec->index) && rdb_get_len(r, &rec->keys) &&
               rdb_get_len(r, &rec->expires);
    case RDB_OP_MODULE_AUX: return read_module_aux(r, rec);
    case RDB_OP_FUNCTION_RC:
        return rdb_reader_fail(r, RDB_UNSUPPORTED, "a function of a Redis release candidate");
    case RDB_OP_END: return read_end(r, rec);
    default: return read_key(r, op, rec);
    }
}

int rdb_next(struct rdb_reader *r, struct rdb_record *record) {
    unsigned op;
    bool more = true;
    *record = (struct rdb_record){.key = {.expire_ms = RDB_NO_EXPIRY, .idle_s = -1, .freq = -1}};
    while (more && rdb_get_byte(r, &op) && read_record(r, op, record, &more)) continue;
    return r->err;
}
