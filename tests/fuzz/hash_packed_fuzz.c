/* hash_packed_fuzz.c - any bytes as a packed hash in triples: what the checks take can be read,
 * edited, and turned into pairs and back.
 *
 * The first byte chooses fields and times, and whether the rest is a whole listpack or only its
 * entries, with a head made to fit. Checked: after each edit the listpack is a hash in triples
 * still, in the order of times.
 */
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"
#include "types/hash.h"

int fuzz_one(const uint8_t *data, size_t size);

enum { TRIPLES_MAX = 200 }; /* larger ones take too long, each edit being linear */

static bool is_hash(const uint8_t *lp, size_t n) {
    return lp_check(lp, n, 3) && lp_unique(lp, 3) && hash_packed_times_check(lp, HASH_TIME_MS_END);
}

static void count_pair(void *ctx, const struct hash_pair *p) {
    (void)p;
    ++*(size_t *)ctx;
}

static void check_views(const uint8_t *lp, int64_t now_ms) {
    struct hash_value *h = hash_value_unpack(lp, true);
    const struct hash_view views[] = {
        {.packed = lp, .triples = true, .now_ms = now_ms},
        {.large = h, .now_ms = now_ms},
    };
    size_t counts[2] = {0, 0};
    struct hash_leavers leavers = {0};
    for (int i = 0; i < 2; i++) {
        hash_view_each(views[i], count_pair, &counts[i]);
        ASSERT(hash_view_count(views[i]) == counts[i]);
    }
    ASSERT(counts[0] == counts[1]);
    ASSERT(hash_view_kept(views[0]) == hash_view_kept(views[1]));
    while (hash_value_expire(h, now_ms, &leavers)) continue;
    ASSERT(hash_value_count(h) == counts[0] && leavers.count == hash_packed_past(lp, now_ms));
    hash_value_free(h);
}

static void check_edits(const uint8_t *lp, unsigned choice) {
    struct lp_buf b = lp_buf_heap(), pairs = lp_buf_heap();
    bool added;
    ASSERT(lp_init(&b) && lp_merge(&b, lp));
    size_t count = hash_packed_count(b.p, true), at = LP_HEAD_BYTES;
    for (size_t skip = count ? choice % count : 0; skip; skip--)
        for (int i = 0; i < 3; i++) at = lp_after(b.p, at);
    int64_t time_ms = choice % 3 ? (int64_t)1 << choice % 48 : HASH_NO_TIME;
    if (count) ASSERT(hash_packed_set_time(&b, at, time_ms) && is_hash(b.p, b.len));
    ASSERT(hash_packed_set(&b, true, slice_cstr("f"), slice_cstr("value"), time_ms, &added));
    ASSERT(is_hash(b.p, b.len) && hash_packed_count(b.p, true) == count + added);
    at = hash_packed_find(b.p, true, slice_cstr("f"));
    ASSERT(at != LP_NONE && hash_packed_time(b.p, true, at) == time_ms);
    ASSERT(hash_packed_convert(b.p, false, &pairs) && lp_check(pairs.p, pairs.len, 2));
    ASSERT(hash_packed_count(pairs.p, false) == count + added);
    hash_packed_delete(&b, true, at);
    ASSERT(is_hash(b.p, b.len) && hash_packed_count(b.p, true) == count + added - 1);
    lp_buf_free(&pairs);
    lp_buf_free(&b);
}

static void with_head(uint8_t *lp, size_t n, bool make) {
    if (!make || n < LP_EMPTY_BYTES) return;
    uint32_t bytes = (uint32_t)n;
    memcpy(lp, &bytes, sizeof bytes);
    lp[4] = lp[5] = 0xff; /* a count that is not known */
    lp[n - 1] = 0xff;
}

int fuzz_one(const uint8_t *data, size_t size) {
    static bool ready;
    if (!ready) hash_init(1);
    ready = true;
    if (size < 1 + LP_EMPTY_BYTES) return 0;
    size_t n = size - 1;
    uint8_t *lp = mem_alloc(n);
    memcpy(lp, data + 1, n);
    with_head(lp, n, data[0] & 1);
    if (is_hash(lp, n) && hash_packed_count(lp, true) <= TRIPLES_MAX) {
        check_views(lp, (int64_t)1 << (data[0] >> 1) % 48);
        check_edits(lp, data[0]);
    }
    mem_free(lp);
    return 0;
}
