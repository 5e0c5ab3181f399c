/* dump.h - values into bytes of RDB and back: DUMP, RESTORE, and whatever else stores values.
 *
 * Each type has a row of functions in dump.c. Saving reads an entry and changes nothing. Loading
 * makes a value that belongs to no key yet, so that a bad input leaves no trace in a database.
 *
 * U1  What is loaded is checked to the ground always: the directive sanitize-dump-payload, which
 *     lets Redis save that time, changes nothing.
 * U2  A value is written in the lowest RDB version that loses nothing of it, or in
 *     rdb-write-version, if that is higher.
 * To add a type: a file dump_<type>.c with its struct dump_type, declared below, and its row in
 * dump.c; lines in tests/model/grammar/dump.txt.
 * Threads: saving and freeing any, of entries that nobody changes; the rest the loop's.
 * Specification: wire/rdb.h.
 */
#ifndef CORE_DUMP_H
#define CORE_DUMP_H

#include "store/db.h"
#include "wire/rdb_read.h"
#include "wire/rdb_write.h"

struct config;
struct lp_buf;

/* A value of its own. */
struct dump_value {
    enum entry_type type;
    enum entry_encoding encoding; /* ENC_RAW: any string; or what is packed, or ENC_OBJECT */
    struct blob *bytes;           /* but for ENC_OBJECT */
    void *object;                 /* of ENC_OBJECT */
};

/* What a visitor is called with. */
struct dump_load {
    const struct config *config; /* when a value changes its encoding */
    struct dump_value *value;    /* to be filled; freed by whoever started, on failure too */
    void *state;                 /* the type's own, NULL at first */
};

struct dump_type {
    /* The RDB type to write e as, none that needs more than the version, if there is a choice. */
    enum rdb_type (*rdb_type)(const struct entry *e, int version);
    void (*put_body)(struct rdb_writer *w, const struct entry *e, enum rdb_type as);
    const struct rdb_visitor *visitor;
    void (*fini)(struct dump_load *load); /* frees the state, on failure too; NULL: has none */
};

extern const struct dump_type dump_hash;
extern const struct dump_type dump_list;
extern const struct dump_type dump_set;
extern const struct dump_type dump_stream;
extern const struct dump_type dump_string;
extern const struct dump_type dump_topic;
extern const struct dump_type dump_zset;

/* ---- saving ---- */

/* The RDB type in which e is written, and its body, which stands behind the type and, in files,
 * the key. */
enum rdb_type dump_rdb_type(const struct entry *e, int version);
void dump_put_body(struct rdb_writer *w, const struct entry *e, enum rdb_type as);

/* ---- loading ---- */

/* Reads a body. 0 with *value, which the caller puts into a database or frees; or a negative code
 * as rdb_get_value, *value being empty. */
int dump_get_value(struct rdb_reader *r, unsigned type, const struct config *config,
                   struct dump_value *value);

/* The same of what DUMP made; bytes behind the value are ignored, as by Redis. The code is one for
 * rdb_restore_text. */
int dump_read_payload(struct slice payload, const struct config *config, struct dump_value *value);

/* Makes k, which must be absent, hold the value, which is taken. */
void dump_put_value(struct db *db, struct key k, struct dump_value *value, int64_t expire_ms);

void dump_value_free(struct dump_value *value);

/* ---- for visitors ---- */

/* Makes the value a copy of the bytes. 0; or ERR_NO_MEMORY, and it stays as it was. */
int dump_take_bytes(struct dump_load *load, enum entry_encoding encoding, struct slice s);

/* The listpack of pairs, none perhaps, the first of each unique, that a packed form from outside is
 * (then within these bytes) or becomes (in *buf, an empty heap buffer, which the caller frees in
 * any case). NULL if it is not one, or there is no memory. Linear. */
const uint8_t *dump_pairs(enum rdb_form form, struct slice s, struct lp_buf *buf);

#endif
