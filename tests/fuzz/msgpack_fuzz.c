/* msgpack_fuzz.c - any bytes as MessagePack: items are in bounds, and come back when written. */
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "wire/msgpack.h"

int fuzz_one(const uint8_t *data, size_t size);

static void check(const struct msgpack_item *item) {
    struct msgpack_item back;
    size_t body = item->type == MSGPACK_STRING ? item->s.n : 0;
    uint8_t *bytes = mem_alloc(MSGPACK_HEAD_BYTES_MAX + body);
    size_t n = msgpack_put(bytes, item);
    if (body) memcpy(bytes + n, item->s.p, body);
    struct slice in = slice_of(bytes, n + body);
    ASSERT(msgpack_get(&in, &back) == MSGPACK_OK && in.n == 0);
    if (body) ASSERT(slice_eq(back.s, item->s));
    mem_free(bytes);
}

int fuzz_one(const uint8_t *data, size_t size) {
    struct slice in = slice_of(data, size);
    struct msgpack_item item;
    while (msgpack_get(&in, &item) == MSGPACK_OK) {
        ASSERT(in.p + in.n == (const char *)data + size);
        check(&item);
    }
    return 0;
}
