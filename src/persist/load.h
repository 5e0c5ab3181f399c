/* load.h - RDB files into the keyspace.
 *
 * A thread reads the file ahead, decompresses and builds the values; the loop puts them into the
 * databases in slices, between which core/loading lets it turn: INFO is answered, most others are
 * told LOADING.
 * Keys are added to what is there; functions too. Keys whose time has come are passed over, unless
 * the file is the base of an append log (aux `aof-base`, or `aof-preamble`): the log will say that
 * they went. Values without elements are passed over, as Redis does.
 *
 * L1  A file that is damaged is told with the offset and the reason; what was loaded before it
 * stays. Threads: the loop, before it runs, or within a command (then nobody is served meanwhile).
 */
#ifndef PERSIST_LOAD_H
#define PERSIST_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/sealed.h"

#define LOAD_WHY_BYTES 256

struct core;

struct load_result {
    bool replace; /* in: a key that is there already is replaced, instead of refused */
    uint64_t keys, expired, empty, functions; /* loaded; passed over; passed over; loaded */
    bool sealed;                              /* the file was; then it was read to its end */
    bool more;                                /* and there was more than the RDB in it */
    uint64_t offset;                          /* behind the end of the RDB, or of the damage */
    int version;                              /* of the RDB */
    char why[LOAD_WHY_BYTES];                 /* after a failure: one line, offset included */
};

enum load_status {
    LOAD_OK,
    LOAD_NO_FILE, /* there is none of the name */
    LOAD_FAILED,  /* result->why */
};

/* Loads the RDB that the file begins with (there may be more behind its end), sealed with the key
 * or plain. `result` is zeroed by the caller but for what is said above. */
enum load_status load_rdb(struct core *core, const char *path, const struct sealed_key *key,
                          struct load_result *result);

#endif
