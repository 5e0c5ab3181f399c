/* ziplist_fuzz.c - any bytes as a ziplist: what is taken becomes a good listpack.
 *
 * The first byte chooses whether the total and the end are put right first. */
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "types/listpack.h"
#include "types/ziplist.h"

int fuzz_one(const uint8_t *data, size_t size);

int fuzz_one(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    uint32_t n = (uint32_t)size - 1;
    uint8_t *zl = mem_alloc(n ? n : 1);
    if (n) memcpy(zl, data + 1, n);
    if (data[0] % 4 && n >= sizeof n) {
        memcpy(zl, &n, sizeof n);
        zl[n - 1] = 0xff;
    }
    uint8_t scratch[64];
    struct lp_buf b = data[0] & 8 ? lp_buf_heap() : lp_buf_spill(scratch, 0, sizeof scratch);
    if (ziplist_to_listpack(zl, n, &b)) {
        ASSERT(lp_check(b.p, b.len, 1));
        struct lp_buf fixed = lp_buf_fixed(scratch, 0, sizeof scratch);
        if (b.kind == LP_BUF_HEAP) {
            ASSERT(ziplist_to_listpack(zl, n, &fixed) == (b.len <= sizeof scratch));
        }
    }
    lp_buf_free(&b);
    mem_free(zl);
    return 0;
}
