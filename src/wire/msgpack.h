/* msgpack.h - MessagePack, an item at a time: heads out of bytes, bytes out of heads.
 *
 * What scripts' cmsgpack knows: nil, booleans, integers, floats, raw strings, arrays, maps; neither
 * binaries nor extensions. The elements of arrays and maps follow their head as items of their own.
 * Threads: any; nothing is shared. Specification: MessagePack (msgpack.org, spec.md).
 */
#ifndef WIRE_MSGPACK_H
#define WIRE_MSGPACK_H

#include "base/bytes.h"

enum msgpack_type {
    MSGPACK_NIL,
    MSGPACK_BOOL,
    MSGPACK_INT,  /* i */
    MSGPACK_UINT, /* u; from the unsigned forms */
    MSGPACK_DOUBLE,
    MSGPACK_STRING, /* s */
    MSGPACK_ARRAY,  /* u elements follow */
    MSGPACK_MAP,    /* u pairs follow */
};

struct msgpack_item {
    enum msgpack_type type;
    union {
        bool b;
        int64_t i;
        uint64_t u;
        double d;
        struct slice s; /* in the input */
    };
};

enum msgpack_state { MSGPACK_OK, MSGPACK_SHORT, MSGPACK_BAD };

/* Takes an item off the front of *in. */
enum msgpack_state msgpack_get(struct slice *in, struct msgpack_item *out);

/* The shortest form of an item's head, which is all of it but the bytes of a string and the
 * elements; returns its length. */
#define MSGPACK_HEAD_BYTES_MAX 9
size_t msgpack_put(uint8_t out[MSGPACK_HEAD_BYTES_MAX], const struct msgpack_item *item);

#endif
