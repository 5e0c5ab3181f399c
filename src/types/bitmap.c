/* bitmap.c - see bitmap.h.
 *
 * Counting uses POPCNT where the processor has it (every x86-64 of the last 15 years; the
 * baseline for which we compile does not), NEON through the compiler's builtin on aarch64,
 * and word arithmetic elsewhere. Combining works on blocks that stay in the first cache, in
 * plain loops that the compiler vectorises.
 */
#include "types/bitmap.h"

#include "base/assert.h"
#include "base/nap.h"

#define BLOCK_BYTES 4096
#define COUNT_BYTES ((size_t)64 * 1024) /* that are counted between two rests of a worker */

static inline uint64_t load_word(const char *p) {
    uint64_t w;
    memcpy(&w, p, sizeof w);
    return w;
}

/* The first bit of the slice in the highest place. */
static inline uint64_t load_big_endian(const char *p) { return __builtin_bswap64(load_word(p)); }

/* Every run of bits inside bytes: `first` counts from the highest bit of `byte`. */
static inline uint8_t cut_byte(uint8_t byte, unsigned first, unsigned last) {
    return (uint8_t)(byte & (0xffu >> first) & (0xffu << (7 - last)));
}

uint64_t bitmap_count_portable(struct slice s) {
    const uint64_t ones = 0x0101010101010101u, pairs = 0x3333333333333333u;
    uint64_t total = 0;
    size_t i = 0;
    while (s.n - i >= 8) {
        /* Each byte of the sum grows by 8 at most, so 31 words fit before it is folded. */
        uint64_t bytes = 0;
        for (int k = 0; k < 31 && s.n - i >= 8; k++, i += 8) {
            uint64_t w = load_word(s.p + i);
            w -= (w >> 1) & 0x5555555555555555u;
            w = (w & pairs) + ((w >> 2) & pairs);
            bytes += (w + (w >> 4)) & 0x0f0f0f0f0f0f0f0fu;
        }
        uint64_t halves = (bytes & 0x00ff00ff00ff00ffu) + ((bytes >> 8) & 0x00ff00ff00ff00ffu);
        total += (halves * (ones & 0x0001000100010001u)) >> 48;
    }
    for (; i < s.n; i++) total += (uint64_t)__builtin_popcount((uint8_t)s.p[i]);
    return total;
}

#if defined(__x86_64__)
__attribute__((target("popcnt")))
#endif
static uint64_t
count_by_instruction(struct slice s) {
    uint64_t a = 0, b = 0, c = 0, d = 0;
    const char *p = s.p, *end = s.p + s.n;
    for (; end - p >= 32; p += 32) {
        a += (uint64_t)__builtin_popcountll(load_word(p));
        b += (uint64_t)__builtin_popcountll(load_word(p + 8));
        c += (uint64_t)__builtin_popcountll(load_word(p + 16));
        d += (uint64_t)__builtin_popcountll(load_word(p + 24));
    }
    for (; end - p >= 8; p += 8) a += (uint64_t)__builtin_popcountll(load_word(p));
    for (; p < end; p++) b += (uint64_t)__builtin_popcountll((uint8_t)*p);
    return a + b + c + d;
}

uint64_t bitmap_count(struct slice s) {
#if defined(__x86_64__)
    if (unlikely(!__builtin_cpu_supports("popcnt"))) return bitmap_count_portable(s);
#endif
    uint64_t count = 0;
    for (; s.n > COUNT_BYTES; s = slice_of(s.p + COUNT_BYTES, s.n - COUNT_BYTES)) {
        count += count_by_instruction(slice_of(s.p, COUNT_BYTES));
        if (nap_point()) return count;
    }
    return count + count_by_instruction(s);
}

uint64_t bitmap_count_range(struct slice s, uint64_t first, uint64_t last) {
    if (s.n == 0 || first > last || first / 8 >= s.n) return 0;
    if (last / 8 >= s.n) last = (uint64_t)s.n * 8 - 1;
    size_t from = first / 8, to = last / 8;
    uint64_t total = bitmap_count(slice_of(s.p + from, to - from + 1));
    /* What the first and the last byte hold outside of the range. */
    uint8_t before = (uint8_t)(s.p[from] & ~(0xff >> first % 8));
    uint8_t behind = (uint8_t)(s.p[to] & (0x7f >> last % 8));
    return total - (uint64_t)__builtin_popcount(before) - (uint64_t)__builtin_popcount(behind);
}

/* The first byte at or behind `at` that is not `skip`; s.n if there is none. */
static size_t skip_bytes(struct slice s, size_t at, uint8_t skip) {
    uint64_t word = skip * 0x0101010101010101u;
    for (; s.n - at >= 32; at += 32) {
        uint64_t differs = (load_word(s.p + at) ^ word) | (load_word(s.p + at + 8) ^ word) |
                           (load_word(s.p + at + 16) ^ word) | (load_word(s.p + at + 24) ^ word);
        if (differs) break;
    }
    while (at < s.n && (uint8_t)s.p[at] == skip) at++;
    return at;
}

/* The place of the highest set bit of a byte that is not zero, counted from the top. */
static int64_t place_in(size_t at, uint8_t byte) {
    return (int64_t)at * 8 + __builtin_clz(byte) - 24;
}

int64_t bitmap_find(struct slice s, int bit) {
    size_t at = skip_bytes(s, 0, bit ? 0 : 0xff);
    if (at == s.n) return -1;
    return place_in(at, (uint8_t)(bit ? s.p[at] : ~s.p[at]));
}

int64_t bitmap_find_range(struct slice s, int bit, uint64_t first, uint64_t last) {
    if (s.n == 0 || first > last || first / 8 >= s.n) return -1;
    if (last / 8 >= s.n) last = (uint64_t)s.n * 8 - 1;
    size_t from = first / 8, to = last / 8;
    uint8_t flip = bit ? 0 : 0xff;
    uint8_t head = cut_byte((uint8_t)s.p[from] ^ flip, first % 8, from == to ? last % 8 : 7);
    if (head) return place_in(from, head);
    if (from == to) return -1;
    size_t at = skip_bytes(slice_of(s.p, to), from + 1, flip);
    if (at < to) return place_in(at, (uint8_t)s.p[at] ^ flip);
    uint8_t tail = cut_byte((uint8_t)s.p[to] ^ flip, 0, last % 8);
    return tail ? place_in(to, tail) : -1;
}

static void and_into(uint8_t *restrict out, const uint8_t *restrict in, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] &= in[i];
}

static void or_into(uint8_t *restrict out, const uint8_t *restrict in, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] |= in[i];
}

static void xor_into(uint8_t *restrict out, const uint8_t *restrict in, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] ^= in[i];
}

/* out = out and not in */
static void remove_from(uint8_t *restrict out, const uint8_t *restrict in, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] &= (uint8_t)~in[i];
}

/* out = in and not out */
static void keep_only_new(uint8_t *restrict out, const uint8_t *restrict in, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = in[i] & (uint8_t)~out[i];
}

/* `once` and `more` hold the bits seen at least once and at least twice. */
static void tally(uint8_t *restrict once, uint8_t *restrict more, const uint8_t *restrict in,
                  size_t n) {
    for (size_t i = 0; i < n; i++) {
        more[i] |= once[i] & in[i];
        once[i] |= in[i];
    }
}

static void invert(uint8_t *out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = (uint8_t)~out[i];
}

/* The part of an input that lies in the block of n bytes at `at`. */
static size_t part_bytes(struct slice in, size_t at, size_t n) {
    if (in.n <= at) return 0;
    return in.n - at < n ? in.n - at : n;
}

/* One block of the output; each operator starts from what its first input leaves there. */
static void combine_block(enum bitmap_op op, const struct slice *in, size_t inputs, uint8_t *out,
                          size_t at, size_t n) {
    uint8_t more[BLOCK_BYTES];
    bool starts_with_x = op <= BITMAP_NOT || op == BITMAP_ONE;
    size_t x = part_bytes(in[0], at, n), copied = starts_with_x ? x : 0;
    const uint8_t *first = (const uint8_t *)in[0].p + (x ? at : 0);
    if (copied) memcpy(out, first, copied);
    memset(out + copied, 0, n - copied);
    if (op == BITMAP_ONE) memset(more, 0, n);
    for (size_t k = 1; k < inputs; k++) {
        size_t m = part_bytes(in[k], at, n);
        const uint8_t *p = (const uint8_t *)in[k].p + (m ? at : 0);
        switch (op) {
        case BITMAP_AND:
            and_into(out, p, m);
            memset(out + m, 0, n - m);
            break;
        case BITMAP_XOR: xor_into(out, p, m); break;
        case BITMAP_ONE: tally(out, more, p, m); break;
        default: or_into(out, p, m);
        }
    }
    if (op == BITMAP_NOT) {
        invert(out, n);
    } else if (op == BITMAP_ONE) {
        remove_from(out, more, n);
    } else if (op == BITMAP_DIFF1) {
        remove_from(out, first, x);
    } else if (op == BITMAP_DIFF) {
        keep_only_new(out, first, x);
        memset(out + x, 0, n - x);
    } else if (op == BITMAP_ANDOR) {
        and_into(out, first, x);
        memset(out + x, 0, n - x);
    }
}

void bitmap_combine(enum bitmap_op op, const struct slice *in, size_t inputs, uint8_t *out,
                    size_t out_bytes) {
    ASSERT(inputs >= 1 && (op != BITMAP_NOT || inputs == 1));
    for (size_t at = 0; at < out_bytes; at += BLOCK_BYTES) {
        size_t n = out_bytes - at < BLOCK_BYTES ? out_bytes - at : BLOCK_BYTES;
        combine_block(op, in, inputs, out + at, at, n);
        nap_step(at / BLOCK_BYTES);
    }
}

uint64_t bitmap_field_unsigned(struct slice s, uint64_t offset, unsigned bits) {
    uint64_t at = offset / 8;
    unsigned skip = offset % 8;
    uint8_t bytes[9] = {0};
    if (at < s.n) memcpy(bytes, s.p + at, s.n - at < sizeof bytes ? s.n - at : sizeof bytes);
    uint64_t high = load_big_endian((const char *)bytes);
    /* Nine bytes hold any field: shift out what is before it, bring in the ninth. */
    if (skip) high = high << skip | bytes[8] >> (8 - skip);
    return high >> (64 - bits);
}

int64_t bitmap_field_signed(struct slice s, uint64_t offset, unsigned bits) {
    unsigned unused = 64 - bits;
    return (int64_t)(bitmap_field_unsigned(s, offset, bits) << unused) >> unused;
}

void bitmap_field_put(uint8_t *p, uint64_t offset, unsigned bits, uint64_t value) {
    p += offset / 8;
    offset %= 8;
    while (bits) {
        unsigned room = 8 - (unsigned)offset, take = bits < room ? bits : room;
        unsigned shift = room - take, mask = ((1u << take) - 1) << shift;
        bits -= take;
        *p = (uint8_t)((*p & ~mask) | (((unsigned)(value >> bits) << shift) & mask));
        p++;
        offset = 0;
    }
}

bool bitmap_add_unsigned(uint64_t value, int64_t incr, unsigned bits, enum bitmap_overflow rule,
                         uint64_t *out) {
    uint64_t max = UINT64_MAX >> (64 - bits);
    __int128 sum = (__int128)value + incr;
    bool above = value > max || sum > (__int128)max, below = !above && sum < 0;
    if (above || below) {
        if (rule == BITMAP_FAIL) return false;
        *out = rule == BITMAP_WRAP ? (uint64_t)sum & max : above ? max : 0;
    } else {
        *out = (uint64_t)sum;
    }
    return true;
}

bool bitmap_add_signed(int64_t value, int64_t incr, unsigned bits, enum bitmap_overflow rule,
                       int64_t *out) {
    unsigned unused = 64 - bits;
    int64_t max = INT64_MAX >> unused, min = INT64_MIN >> unused;
    __int128 sum = (__int128)value + incr;
    if (sum > max || sum < min) {
        if (rule == BITMAP_FAIL) return false;
        /* Redis' distance to the maximum runs over for a value so far below, which then
         * counts as above. */
        bool above = sum > max || (unused && value < max - INT64_MAX);
        *out = rule == BITMAP_WRAP ? (int64_t)((uint64_t)sum << unused) >> unused
               : above             ? max
                                   : min;
    } else {
        *out = (int64_t)sum;
    }
    return true;
}
