/* zipmap_fuzz.c - any bytes as a zipmap: what is taken becomes a good listpack of pairs. */
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "types/listpack.h"
#include "types/zipmap.h"

int fuzz_one(const uint8_t *data, size_t size);

int fuzz_one(const uint8_t *data, size_t size) {
    struct lp_buf b = lp_buf_heap();
    if (zipmap_to_listpack(data, size, &b)) ASSERT(lp_check(b.p, b.len, 2));
    lp_buf_free(&b);
    return 0;
}
