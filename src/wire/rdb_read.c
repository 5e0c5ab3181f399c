/* rdb_read.c - the source and the primitives of rdb_read.h.
 *
 * S1  Every byte goes through rdb_get_raw or run(), which alone move `at`.
 * S2  A buffer grows with the bytes that have come, not with those that are announced.
 * To add an encoding of strings: rdb_get_held.
 * Threads: one at a time for a reader. Specification: rdb.h.
 */
#include "wire/rdb_read.h"

#include <endian.h>
#include <liblzf/lzf.h>
#include <math.h>

#include "base/crc64.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"

#define SCRATCH_FIRST_BYTES (64 * 1024)
#define SCRATCH_KEPT_MAX (1 << 20)
#define LZF_RATIO_MAX 88 /* 3 bytes stand for 264 at most */

enum { INT_8, INT_16, INT_32, COMPRESSED }; /* what takes the place of a length */

static _Atomic bool unvalidated;

void rdb_set_checksums(bool validated) { unvalidated = !validated; }
bool rdb_checksums(void) { return !unvalidated; }

static void use_chunk(struct rdb_reader *r, struct slice chunk) {
    r->start = r->at = r->summed = chunk.p;
    r->end = chunk.p + chunk.n;
}

void rdb_reader_init(struct rdb_reader *r, struct slice input) {
    *r = (struct rdb_reader){.string_bytes_max = SIZE_MAX, .checksum = rdb_checksums()};
    use_chunk(r, input.n ? input : slice_of("", 0));
}

void rdb_reader_init_refill(struct rdb_reader *r, rdb_refill_fn *refill, void *ctx) {
    rdb_reader_init(r, slice_of("", 0));
    r->refill = refill;
    r->refill_ctx = ctx;
}

void rdb_reader_fini(struct rdb_reader *r) {
    for (int i = 0; i < RDB_HOLDS; i++) mem_free(r->scratch[i].p);
    memset(r->scratch, 0, sizeof(r->scratch));
}

bool rdb_reader_fail(struct rdb_reader *r, int err, const char *reason) {
    if (r->err) return false;
    r->err = err;
    r->reason = reason;
    r->err_at = rdb_reader_offset(r);
    return false;
}

/* The next chunk, the current one being used up. */
static bool refill(struct rdb_reader *r) {
    if (r->err) return false;
    if (!r->refill) return rdb_reader_fail(r, RDB_SHORT, "the end comes too early");
    if (r->checksum) r->crc = crc64(r->crc, r->summed, (size_t)(r->end - r->summed));
    r->summed = r->end;
    struct slice next = {NULL, 0};
    int got = r->refill(r->refill_ctx, &next);
    if (got < 0) return rdb_reader_fail(r, got, "the source failed");
    if (got == 0 || next.n == 0) {
        return rdb_reader_fail(r, RDB_SHORT, "the end comes too early");
    }
    r->base += (uint64_t)(r->end - r->start);
    use_chunk(r, next);
    return true;
}

bool rdb_get_raw(struct rdb_reader *r, void *to, size_t n) {
    if (r->err) return false;
    for (char *out = to;;) {
        size_t part = (size_t)(r->end - r->at);
        if (part > n) part = n;
        memcpy(out, r->at, part);
        r->at += part;
        out += part;
        n -= part;
        if (n == 0) return true;
        if (!refill(r)) return false;
    }
}

/* Room for n bytes, the first `used` kept. */
static bool grow(struct rdb_reader *r, struct rdb_scratch *s, size_t used, size_t n) {
    if (used == 0 && s->cap > SCRATCH_KEPT_MAX && n <= SCRATCH_KEPT_MAX) {
        mem_free(s->p);
        *s = (struct rdb_scratch){NULL, 0};
    }
    if (s->cap >= n) return true;
    char *p = mem_try_realloc(s->p, n);
    if (!p) return rdb_reader_fail(r, ERR_NO_MEMORY, "no memory for a string");
    *s = (struct rdb_scratch){p, n};
    return true;
}

/* n bytes, gathered in a scratch buffer as the chunks come. */
static bool gather(struct rdb_reader *r, struct rdb_scratch *s, size_t n) {
    if (!grow(r, s, 0, n < SCRATCH_FIRST_BYTES ? n : SCRATCH_FIRST_BYTES)) return false;
    for (size_t used = 0; used < n;) {
        size_t part = (size_t)(r->end - r->at);
        if (part == 0) {
            if (!refill(r)) return false;
            continue;
        }
        if (part > n - used) part = n - used;
        if (used + part > s->cap) {
            size_t cap = s->cap * 2 < n ? s->cap * 2 : n;
            if (!grow(r, s, used, cap < used + part ? used + part : cap)) return false;
        }
        memcpy(s->p + used, r->at, part);
        r->at += part;
        used += part;
    }
    return true;
}

/* A run of n bytes as a slice: of the chunk itself if it lies there and stays there. */
static bool run(struct rdb_reader *r, enum rdb_hold hold, uint64_t n, struct slice *s) {
    if (n > r->string_bytes_max) return rdb_reader_fail(r, RDB_CORRUPT, "a string is too long");
    size_t left = (size_t)(r->end - r->at);
    if (n > left && !r->refill) return rdb_reader_fail(r, RDB_SHORT, "a string ends too early");
    bool stays = !r->refill || hold == RDB_HOLD_LAST || hold == RDB_HOLD_PACKED;
    if (n <= left && stays) {
        *s = slice_of(r->at, (size_t)n);
        r->at += n;
        return true;
    }
    if (!gather(r, &r->scratch[hold], (size_t)n)) return false;
    *s = slice_of(n ? r->scratch[hold].p : "", (size_t)n);
    return true;
}

/* ---- primitives ---- */

bool rdb_get_byte(struct rdb_reader *r, unsigned *byte) {
    unsigned char b;
    if (!rdb_get_raw(r, &b, 1)) return false;
    *byte = b;
    return true;
}

/* A length, or with *special what stands in the place of one. */
static bool get_len(struct rdb_reader *r, uint64_t *n, bool *special) {
    unsigned first, second;
    *special = false;
    if (!rdb_get_byte(r, &first)) return false;
    switch (first >> 6) {
    case 0: *n = first; return true;
    case 1:
        if (!rdb_get_byte(r, &second)) return false;
        *n = (first & 63) << 8 | second;
        return true;
    case 3:
        *n = first & 63;
        *special = true;
        return true;
    default: break;
    }
    if (first == 0x80) {
        uint32_t big;
        if (!rdb_get_raw(r, &big, sizeof(big))) return false;
        *n = be32toh(big);
        return true;
    }
    if (first != 0x81) return rdb_reader_fail(r, RDB_CORRUPT, "no such form of a length");
    uint64_t big;
    if (!rdb_get_raw(r, &big, sizeof(big))) return false;
    *n = be64toh(big);
    return true;
}

bool rdb_get_len(struct rdb_reader *r, uint64_t *n) {
    bool special;
    if (!get_len(r, n, &special)) return false;
    return special ? rdb_reader_fail(r, RDB_CORRUPT, "a string where a length must be") : true;
}

bool rdb_get_count(struct rdb_reader *r, size_t part_bytes_min, uint64_t *n) {
    if (!rdb_get_len(r, n)) return false;
    if (r->refill || *n <= (size_t)(r->end - r->at) / part_bytes_min) return true;
    return rdb_reader_fail(r, RDB_CORRUPT, "a count exceeds what is there");
}

static bool get_int(struct rdb_reader *r, enum rdb_hold hold, unsigned form, struct slice *s) {
    uint32_t bits = 0;
    if (!rdb_get_raw(r, &bits, (size_t)1 << form)) return false;
    bits = le32toh(bits);
    int64_t v = form == INT_8 ? (int8_t)bits : form == INT_16 ? (int16_t)bits : (int32_t)bits;
    *s = slice_of(r->digits[hold], num_format_i64(r->digits[hold], v));
    return true;
}

static bool get_compressed(struct rdb_reader *r, enum rdb_hold hold, struct slice *s) {
    uint64_t packed_n, n;
    struct slice packed;
    if (!rdb_get_len(r, &packed_n) || !rdb_get_len(r, &n)) return false;
    if (n == 0 || n > UINT32_MAX || packed_n > UINT32_MAX || n / LZF_RATIO_MAX > packed_n)
        return rdb_reader_fail(r, RDB_CORRUPT, "impossible sizes of a compressed string");
    if (n > r->string_bytes_max) return rdb_reader_fail(r, RDB_CORRUPT, "a string is too long");
    if (!run(r, RDB_HOLD_PACKED, packed_n, &packed)) return false;
    struct rdb_scratch *to = &r->scratch[hold];
    if (!grow(r, to, 0, (size_t)n)) return false;
    if (lzf_decompress(packed.p, (unsigned)packed_n, to->p, (unsigned)n) != n)
        return rdb_reader_fail(r, RDB_CORRUPT, "a compressed string is broken");
    *s = slice_of(to->p, (size_t)n);
    return true;
}

bool rdb_get_held(struct rdb_reader *r, enum rdb_hold hold, struct slice *s) {
    uint64_t n;
    bool special;
    if (!get_len(r, &n, &special)) return false;
    if (!special) return run(r, hold, n, s);
    if (n <= INT_32) return get_int(r, hold, (unsigned)n, s);
    if (n == COMPRESSED) return get_compressed(r, hold, s);
    return rdb_reader_fail(r, RDB_CORRUPT, "no such form of a string");
}

bool rdb_get_string(struct rdb_reader *r, struct slice *s) {
    return rdb_get_held(r, RDB_HOLD_LAST, s);
}

bool rdb_get_double(struct rdb_reader *r, double *v) {
    uint64_t bits;
    if (!rdb_get_raw(r, &bits, sizeof(bits))) return false;
    bits = le64toh(bits);
    memcpy(v, &bits, sizeof(bits));
    return true;
}

bool rdb_get_double_text(struct rdb_reader *r, double *v) {
    unsigned n;
    char text[256];
    if (!rdb_get_byte(r, &n)) return false;
    if (n >= 253) {
        *v = n == 255 ? -INFINITY : n == 254 ? INFINITY : NAN;
        return true;
    }
    if (!rdb_get_raw(r, text, n)) return false;
    if (num_parse_double(slice_of(text, n), v)) return true;
    return rdb_reader_fail(r, RDB_CORRUPT, "a score is no number");
}

bool rdb_get_ms(struct rdb_reader *r, int64_t *ms) {
    uint64_t bits;
    if (!rdb_get_raw(r, &bits, sizeof(bits))) return false;
    *ms = (int64_t)le64toh(bits);
    return true;
}
