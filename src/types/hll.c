/* hll.c - see hll.h.
 *
 * Registers are united and counted one byte each: a dense value is spread to bytes, eight
 * registers a word, or 32 with AVX2. The histogram compares 16 registers with four values at
 * a time, within the range of values that occur.
 */
#include "types/hll.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/random.h"

#include <math.h>
#include <stdio.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "registers are read as words");

enum { ENCODING_AT = 4, COUNT_AT = 8, DENSE = 0, SPARSE = 1 };
enum { INDEX_BITS = 14, RANK_MAX = 64 - INDEX_BITS + 1 };
enum { VALUE_MAX = 63, SPARSE_VALUE_MAX = 32, VAL_SPAN_MAX = 4, ZERO_SPAN_MAX = 64 };
enum { OUT_OF_DATE = 0x80 };

/* -- items --------------------------------------------------------------------------- */

static uint64_t murmur64a(struct slice s, uint64_t seed) {
    const uint64_t m = 0xc6a4a7935bd1e995u;
    uint64_t h = seed ^ (s.n * m), k;
    const char *p = s.p, *end = s.p + s.n / 8 * 8;
    for (; p < end; p += 8) {
        memcpy(&k, p, 8);
        k *= m;
        k ^= k >> 47;
        h = (h ^ (k * m)) * m;
    }
    if (s.n % 8) {
        k = 0;
        memcpy(&k, p, s.n % 8);
        h = (h ^ k) * m;
    }
    h = (h ^ (h >> 47)) * m;
    return h ^ (h >> 47);
}

/* An item's register, and the value that it asks for. */
static unsigned place_of(struct slice item, unsigned *rank) {
    uint64_t hash = murmur64a(item, 0xadc83b19);
    uint64_t rest = hash >> INDEX_BITS | (uint64_t)1 << (RANK_MAX - 1);
    *rank = (unsigned)__builtin_ctzll(rest) + 1;
    return hash % HLL_REGISTERS;
}

/* -- dense registers ----------------------------------------------------------------- */

/* Two bytes hold any register, moved back by one for the last, behind which nothing is. */
static size_t byte_of(unsigned index) {
    size_t at = index * 6 / 8;
    return at + 2 <= HLL_REGISTERS * 6 / 8 ? at : at - 1;
}

static unsigned get_dense(const uint8_t *registers, unsigned index) {
    size_t at = byte_of(index);
    uint16_t w;
    memcpy(&w, registers + at, 2);
    return w >> (index * 6 - at * 8) & VALUE_MAX;
}

static void put_dense(uint8_t *registers, unsigned index, unsigned value) {
    size_t at = byte_of(index);
    unsigned shift = (unsigned)(index * 6 - at * 8);
    uint16_t w;
    memcpy(&w, registers + at, 2);
    w = (uint16_t)((w & ~(VALUE_MAX << shift)) | value << shift);
    memcpy(registers + at, &w, 2);
}

static enum hll_change raise_dense(uint8_t *p, unsigned index, unsigned rank) {
    uint8_t *registers = p + HLL_HEADER_BYTES;
    if (rank <= get_dense(registers, index)) return HLL_SAME;
    put_dense(registers, index, rank);
    p[HLL_HEADER_BYTES - 1] |= OUT_OF_DATE;
    return HLL_CHANGED;
}

/* Eight registers of 6 bits to bytes, halving the groups in three steps, and back. */
static uint64_t spread(uint64_t x) {
    x = (x & 0xffffff) | (x & 0xffffff000000) << 8;
    x = (x & 0x00000fff00000fff) | (x & 0x00fff00000fff000) << 4;
    return (x & 0x003f003f003f003f) | (x & 0x0fc00fc00fc00fc0) << 2;
}

static uint64_t gather(uint64_t x) {
    x = (x & 0x003f003f003f003f) | (x & 0x3f003f003f003f00) >> 2;
    x = (x & 0x00000fff00000fff) | (x & 0x0fff00000fff0000) >> 4;
    return (x & 0xffffff) | (x & 0x00ffffff00000000) >> 8;
}

/* The larger of each byte; all are below 128. */
static uint64_t larger(uint64_t a, uint64_t b) {
    const uint64_t highs = 0x8080808080808080;
    uint64_t not_less = ((a | highs) - b) & highs;
    uint64_t mask = (not_less >> 7) * 0xff;
    return (a & mask) | (b & ~mask);
}

/* Raises the registers from `index` on, a multiple of 8. */
static void unite_words(uint8_t *raw, const uint8_t *dense, unsigned index) {
    for (; index < HLL_REGISTERS; index += 8) {
        uint64_t old, x;
        uint32_t low;
        uint16_t high;
        memcpy(&low, dense + index * 6 / 8, 4);
        memcpy(&high, dense + index * 6 / 8 + 4, 2);
        memcpy(&old, raw + index, 8);
        x = larger(spread((uint64_t)high << 32 | low), old);
        memcpy(raw + index, &x, 8);
    }
}

#if defined(__x86_64__)
/* The same steps on 32 registers. Each half takes 12 of the 16 bytes that are read, so the
 * last block of all is left to the words. */
__attribute__((target("avx2"))) static void unite_wide(uint8_t *raw, const uint8_t *dense) {
    const __m256i triples = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1));
    unsigned index = 0;
    for (; index + 64 <= HLL_REGISTERS; index += 32) {
        const uint8_t *p = dense + index * 6 / 8;
        __m256i *to = (__m256i *)(raw + index);
        __m256i x = _mm256_loadu2_m128i((const __m128i *)(p + 12), (const __m128i *)p);
        x = _mm256_shuffle_epi8(x, triples);
        x = _mm256_or_si256(
            _mm256_and_si256(x, _mm256_set1_epi32(0x00000fff)),
            _mm256_slli_epi32(_mm256_and_si256(x, _mm256_set1_epi32(0x00fff000)), 4));
        x = _mm256_or_si256(
            _mm256_and_si256(x, _mm256_set1_epi32(0x003f003f)),
            _mm256_slli_epi32(_mm256_and_si256(x, _mm256_set1_epi32(0x0fc00fc0)), 2));
        _mm256_storeu_si256(to, _mm256_max_epu8(x, _mm256_loadu_si256(to)));
    }
    unite_words(raw, dense, index);
}
#endif

static void unite_dense(uint8_t *raw, const uint8_t *dense) {
#if defined(__x86_64__)
    if (likely(__builtin_cpu_supports("avx2"))) {
        unite_wide(raw, dense);
        return;
    }
#endif
    unite_words(raw, dense, 0);
}

void hll_union_add_dense_portable(struct hll_union *u, struct slice s) {
    ASSERT(hll_is(s) && hll_is_dense(s));
    u->dense = true;
    unite_words(u->registers, (const uint8_t *)s.p + HLL_HEADER_BYTES, 0);
}

/* -- estimating ---------------------------------------------------------------------- */

/* How many registers have each value. */
struct histogram {
    unsigned of[VALUE_MAX + 1 + 3]; /* values are counted in fours */
};

enum { BLOCK_BYTES = 16, ROUND_BLOCKS = 128, ROUND_BYTES = BLOCK_BYTES * ROUND_BLOCKS };
typedef uint8_t block __attribute__((vector_size(BLOCK_BYTES)));
_Static_assert(ROUND_BLOCKS < 256 && HLL_REGISTERS % ROUND_BYTES == 0,
               "a byte of a tally holds a round, and rounds fill the registers");

/* Counts four values in a round of registers. */
static void tally_round(const uint8_t *raw, unsigned value, unsigned *counts) {
    block found[4] = {{0}};
    for (size_t at = 0; at < ROUND_BYTES; at += BLOCK_BYTES) {
        block x;
        memcpy(&x, raw + at, sizeof x);
        /* A comparison that holds gives -1. */
        for (unsigned k = 0; k < 4; k++) found[k] -= (block)(x == (uint8_t)(value + k));
    }
    for (unsigned k = 0; k < 4; k++) {
        for (size_t i = 0; i < BLOCK_BYTES; i++) counts[k] += found[k][i];
    }
}

static void tally(const uint8_t *raw, struct histogram *h) {
    uint8_t low = VALUE_MAX, high = 0;
    for (size_t i = 0; i < HLL_REGISTERS; i++) low = raw[i] < low ? raw[i] : low;
    for (size_t i = 0; i < HLL_REGISTERS; i++) high = raw[i] > high ? raw[i] : high;
    for (unsigned value = low; value <= high; value += 4) {
        for (size_t at = 0; at < HLL_REGISTERS; at += ROUND_BYTES) {
            tally_round(raw + at, value, h->of + value);
        }
    }
}

/* Ertl's corrections for registers that are 0 and for those at their end. */
static double sigma(double x) {
    if (x == 1) return INFINITY;
    double sum = x, weight = 1, before;
    do {
        x *= x;
        before = sum;
        sum += x * weight;
        weight += weight;
    } while (sum != before);
    return sum;
}

static double tau(double x) {
    if (x == 0 || x == 1) return 0;
    double sum = 1 - x, weight = 1, before;
    do {
        x = sqrt(x);
        before = sum;
        weight *= 0.5;
        sum -= (1 - x) * (1 - x) * weight;
    } while (sum != before);
    return sum / 3;
}

/* The order of the operations is Redis', so that the result is the same to the last bit. */
static uint64_t estimate(const struct histogram *h) {
    const double half_per_ln2 = 0.721347520444481703680, m = HLL_REGISTERS;
    double z = m * tau((m - h->of[RANK_MAX]) / m);
    for (unsigned value = RANK_MAX - 1; value >= 1; value--) z = (z + h->of[value]) * 0.5;
    z += m * sigma(h->of[0] / m);
    return (uint64_t)llroundl(half_per_ln2 * m * m / z);
}

/* -- sparse runs --------------------------------------------------------------------- */

struct run {
    unsigned span;  /* registers, at least 1 */
    unsigned value; /* of each of them */
    size_t bytes;   /* 1, or 2 for XZERO */
};

static bool is_val(uint8_t byte) { return byte & 0x80; }
static bool is_xzero(uint8_t byte) { return (byte & 0xc0) == 0x40; }
static unsigned val_value(uint8_t byte) { return (byte >> 2 & 31) + 1u; }
static unsigned val_span(uint8_t byte) { return (byte & 3) + 1u; }

/* The run at `at`, which is before n. An XZERO without its second byte has 2 bytes all the
 * same, so that the next run is seen to begin behind n; the byte counts as 0. */
static inline struct run run_at(const uint8_t *p, size_t n, size_t at) {
    uint8_t byte = p[at];
    if (unlikely(is_xzero(byte))) {
        unsigned low = at + 1 < n ? p[at + 1] : 0;
        return (struct run){((byte & 63u) << 8 | low) + 1, 0, 2};
    }
    if (is_val(byte)) return (struct run){val_span(byte), val_value(byte), 1};
    return (struct run){byte + 1u, 0, 1};
}

static uint8_t *write_zeros(uint8_t *p, unsigned span) {
    if (span > ZERO_SPAN_MAX) {
        *p++ = (uint8_t)(0x40 | (span - 1) >> 8);
        *p++ = (uint8_t)(span - 1);
    } else if (span) {
        *p++ = (uint8_t)(span - 1);
    }
    return p;
}

static uint8_t *write_val(uint8_t *p, unsigned value, unsigned span) {
    if (span) *p++ = (uint8_t)(0x80 | (value - 1) << 2 | (span - 1));
    return p;
}

/* What to do with the registers from `index` on, a run at a time. */
typedef void run_visit(void *to, unsigned index, struct run run);

/* False when the runs do not cover the registers exactly. */
static inline __attribute__((always_inline)) bool each_run(struct slice s, run_visit *visit,
                                                           void *to) {
    const uint8_t *p = (const uint8_t *)s.p;
    unsigned index = 0;
    size_t at = HLL_HEADER_BYTES;
    while (at < s.n) {
        struct run run = run_at(p, s.n, at);
        if (index + run.span > HLL_REGISTERS) return false;
        visit(to, index, run);
        index += run.span;
        at += run.bytes;
    }
    return index == HLL_REGISTERS && at == s.n;
}

static void visit_nothing(void *to, unsigned index, struct run run) {
    (void)to, (void)index, (void)run;
}

static void visit_tally(void *to, unsigned index, struct run run) {
    (void)index;
    ((struct histogram *)to)->of[run.value] += run.span;
}

static void visit_raise(void *to, unsigned index, struct run run) {
    uint8_t *raw = to;
    for (unsigned i = index; run.value && i < index + run.span; i++) {
        if (raw[i] < run.value) raw[i] = (uint8_t)run.value;
    }
}

static void visit_put_dense(void *to, unsigned index, struct run run) {
    for (unsigned i = index; run.value && i < index + run.span; i++) put_dense(to, i, run.value);
}

/* -- reading ------------------------------------------------------------------------- */

bool hll_is(struct slice s) {
    if (s.n < HLL_HEADER_BYTES || memcmp(s.p, "HYLL", 4) != 0) return false;
    return s.p[ENCODING_AT] == SPARSE || (s.p[ENCODING_AT] == DENSE && s.n == HLL_DENSE_BYTES);
}

bool hll_is_dense(struct slice s) { return s.p[ENCODING_AT] == DENSE; }

bool hll_is_sound(struct slice s) {
    return hll_is(s) && (hll_is_dense(s) || each_run(s, visit_nothing, NULL));
}

bool hll_cached_count(struct slice s, uint64_t *count) {
    memcpy(count, s.p + COUNT_AT, 8);
    return !(s.p[HLL_HEADER_BYTES - 1] & OUT_OF_DATE);
}

bool hll_count(struct slice s, uint64_t *count) {
    struct histogram h = {0};
    if (hll_is_dense(s)) {
        uint8_t raw[HLL_REGISTERS] = {0};
        unite_dense(raw, (const uint8_t *)s.p + HLL_HEADER_BYTES);
        tally(raw, &h);
    } else if (!each_run(s, visit_tally, &h)) {
        return false;
    }
    *count = estimate(&h);
    return true;
}

void hll_union_init(struct hll_union *u) { memset(u, 0, sizeof *u); }

bool hll_union_add(struct hll_union *u, struct slice s) {
    if (!hll_is_dense(s)) return each_run(s, visit_raise, u->registers);
    u->dense = true;
    unite_dense(u->registers, (const uint8_t *)s.p + HLL_HEADER_BYTES);
    return true;
}

uint64_t hll_union_count(const struct hll_union *u) {
    struct histogram h = {0};
    tally(u->registers, &h);
    return estimate(&h);
}

size_t hll_decode(struct slice s, char *out) {
    const uint8_t *p = (const uint8_t *)s.p;
    char *to = out;
    for (size_t at = HLL_HEADER_BYTES; at < s.n;) {
        struct run run = run_at(p, s.n, at);
        if (to != out) *to++ = ' ';
        *to++ = run.value ? 'v' : is_xzero(p[at]) ? 'Z' : 'z';
        *to++ = ':';
        if (run.value) {
            to += num_format_u64(to, run.value);
            *to++ = ',';
        }
        to += num_format_u64(to, run.span);
        at += run.bytes;
    }
    return (size_t)(to - out);
}

/* -- writing ------------------------------------------------------------------------- */

void hll_init(struct hll *h) {
    static const uint8_t empty[] = {'H', 'Y', 'L', 'L', SPARSE, 0, 0, 0,    0,
                                    0,   0,   0,   0,   0,      0, 0, 0x7f, 0xff};
    hll_init_copy(h, slice_of(empty, sizeof empty));
}

void hll_init_copy(struct hll *h, struct slice s) {
    h->n = s.n;
    h->cap = s.n < HLL_DENSE_BYTES / 2 ? s.n * 2 : s.n + 64;
    h->p = mem_alloc(h->cap);
    memcpy(h->p, s.p, s.n);
}

void hll_fini(struct hll *h) { mem_free(h->p); }

static struct slice bytes_of(const struct hll *h) { return slice_of(h->p, h->n); }

void hll_store_count(uint8_t *p, uint64_t count) { memcpy(p + COUNT_AT, &count, 8); }

bool hll_make_dense(struct hll *h) {
    if (hll_is_dense(bytes_of(h))) return true;
    uint8_t *dense = mem_calloc(HLL_DENSE_BYTES);
    if (!each_run(bytes_of(h), visit_put_dense, dense + HLL_HEADER_BYTES)) {
        mem_free(dense);
        return false;
    }
    memcpy(dense, h->p, HLL_HEADER_BYTES);
    dense[ENCODING_AT] = DENSE;
    mem_free(h->p);
    *h = (struct hll){dense, HLL_DENSE_BYTES, HLL_DENSE_BYTES};
    return true;
}

/* A run and the register that it begins with. */
struct place {
    size_t at;
    unsigned index;
};

/* The run that covers a register, and the two before it; without those, the first run. */
struct found {
    struct place run, before, two_before;
};

static const struct place first_run = {HLL_HEADER_BYTES, 0};

/* Looks for a register's run from the run `from` on; false when the runs end before. */
static bool find_run(const struct hll *h, struct place from, unsigned index, struct found *f) {
    f->run = f->before = f->two_before = from;
    while (f->run.at < h->n) {
        struct run run = run_at(h->p, h->n, f->run.at);
        if (index < f->run.index + run.span) return f->run.at + run.bytes <= h->n;
        f->two_before = f->before;
        f->before = f->run;
        f->run.at += run.bytes;
        f->run.index += run.span;
    }
    return false;
}

/* The runs that stand for `old`, which begins at register `first`, once one of its registers
 * has a new value. Returns their bytes, 5 at most. */
static size_t split_run(struct run old, unsigned first, unsigned index, unsigned rank,
                        uint8_t out[5]) {
    unsigned left = index - first, right = old.span - 1 - left;
    uint8_t *to = out;
    to = old.value ? write_val(to, old.value, left) : write_zeros(to, left);
    to = write_val(to, rank, 1);
    to = old.value ? write_val(to, old.value, right) : write_zeros(to, right);
    return (size_t)(to - out);
}

/* Puts n bytes where a run of old_bytes was. */
static void replace_run(struct hll *h, size_t at, size_t old_bytes, const uint8_t *p, size_t n) {
    size_t behind = h->n - at - old_bytes;
    h->n = h->n - old_bytes + n;
    if (h->n > h->cap) {
        h->cap = h->n * 2;
        h->p = mem_realloc(h->p, h->cap);
    }
    memmove(h->p + at + n, h->p + at + old_bytes, behind);
    memcpy(h->p + at, p, n);
}

/* Joins neighbours of the same value, from a run on. Redis looks at five runs, a join
 * counting as one, and so must we. */
static void join_runs(struct hll *h, size_t at) {
    for (int looks = 5; looks > 0 && at < h->n; looks--) {
        uint8_t *p = h->p + at;
        if (!is_val(*p)) {
            at += is_xzero(*p) ? 2 : 1;
            continue;
        }
        if (at + 1 < h->n && is_val(p[1]) && val_value(p[0]) == val_value(p[1]) &&
            val_span(p[0]) + val_span(p[1]) <= VAL_SPAN_MAX) {
            write_val(p, val_value(p[0]), val_span(p[0]) + val_span(p[1]));
            memmove(p + 1, p + 2, h->n - at - 2);
            h->n--;
        } else {
            at++;
        }
    }
}

/* Raises a register of a sparse value to `rank`. *from is where to look for it, and becomes
 * where to look for any later one. */
static enum hll_change set_sparse(struct hll *h, struct place *from, unsigned index, unsigned rank,
                                  size_t sparse_bytes_max) {
    bool fits = rank <= SPARSE_VALUE_MAX;
    if (fits) {
        struct found f;
        if (!find_run(h, *from, index, &f)) return HLL_CORRUPT;
        /* The join below may take what it changes into the run before, never the one before
         * that: a search for the next register must begin there. */
        *from = f.two_before;
        struct run old = run_at(h->p, h->n, f.run.at);
        if (old.value >= rank) return HLL_SAME;
        uint8_t runs[5];
        size_t n = split_run(old, f.run.index, index, rank, runs);
        fits = n <= old.bytes || h->n + n - old.bytes <= sparse_bytes_max;
        if (fits) {
            replace_run(h, f.run.at, old.bytes, runs, n);
            join_runs(h, f.before.at);
            h->p[HLL_HEADER_BYTES - 1] |= OUT_OF_DATE;
            return HLL_CHANGED;
        }
    }
    if (!hll_make_dense(h)) return HLL_CORRUPT;
    return raise_dense(h->p, index, rank);
}

enum hll_change hll_add_dense(uint8_t *p, struct slice item) {
    unsigned rank, index = place_of(item, &rank);
    return raise_dense(p, index, rank);
}

enum hll_change hll_add(struct hll *h, struct slice item, size_t sparse_bytes_max) {
    unsigned rank, index = place_of(item, &rank);
    if (hll_is_dense(bytes_of(h))) return raise_dense(h->p, index, rank);
    struct place from = first_run;
    return set_sparse(h, &from, index, rank, sparse_bytes_max);
}

bool hll_put_union(struct hll *h, const struct hll_union *u, size_t sparse_bytes_max) {
    struct place from = first_run;
    if (u->dense && !hll_make_dense(h)) return false;
    for (unsigned i = 0; i < HLL_REGISTERS && !hll_is_dense(bytes_of(h)); i++) {
        if (u->registers[i] == 0) continue;
        if (set_sparse(h, &from, i, u->registers[i], sparse_bytes_max) < 0) return false;
    }
    if (hll_is_dense(bytes_of(h))) {
        for (unsigned i = 0; i < HLL_REGISTERS; i += 8) {
            uint64_t x;
            memcpy(&x, u->registers + i, 8);
            x = gather(x);
            memcpy(h->p + HLL_HEADER_BYTES + i * 6 / 8, &x, 6);
        }
    }
    h->p[HLL_HEADER_BYTES - 1] |= OUT_OF_DATE;
    return true;
}

/* -- testing ------------------------------------------------------------------------- */

static bool self_test_registers(struct random *rng, uint8_t *dense, char *error, size_t bytes) {
    uint8_t values[HLL_REGISTERS];
    for (int cycle = 0; cycle < 1000; cycle++) {
        for (unsigned i = 0; i < HLL_REGISTERS; i++) {
            values[i] = random_next(rng) & VALUE_MAX;
            put_dense(dense + HLL_HEADER_BYTES, i, values[i]);
        }
        for (unsigned i = 0; i < HLL_REGISTERS; i++) {
            unsigned got = get_dense(dense + HLL_HEADER_BYTES, i);
            if (got == values[i]) continue;
            snprintf(error, bytes, "TESTFAILED Register %u should be %u but is %u", i, values[i],
                     got);
            return false;
        }
    }
    return true;
}

/* Compares the two encodings, and both with the truth, after `items` different items. */
static bool self_test_estimate(const struct hll *a, const struct hll *b, uint64_t items,
                               size_t sparse_bytes_max, char *error, size_t bytes) {
    uint64_t count, other;
    if (items < sparse_bytes_max / 2 && hll_is_dense(bytes_of(b))) {
        snprintf(error, bytes, "TESTFAILED sparse encoding not used");
        return false;
    }
    if (!hll_count(bytes_of(a), &count) || !hll_count(bytes_of(b), &other) || count != other) {
        snprintf(error, bytes, "TESTFAILED dense/sparse disagree");
        return false;
    }
    /* Six standard errors; ten items collide more often than that would allow. */
    uint64_t max = items == 10 ? 1 : (uint64_t)ceil(1.04 / sqrt(HLL_REGISTERS) * 6 * (double)items);
    uint64_t off = count > items ? count - items : items - count;
    if (off > max) {
        snprintf(error, bytes, "TESTFAILED Too big error. card:%llu abserr:%llu",
                 (unsigned long long)items, (unsigned long long)off);
        return false;
    }
    return true;
}

bool hll_self_test(uint64_t seed, uint64_t items, size_t sparse_bytes_max, char *error,
                   size_t error_bytes) {
    struct random rng;
    struct hll dense, grows;
    random_seed(&rng, seed);
    hll_init(&dense);
    hll_init(&grows);
    bool ok = hll_make_dense(&dense);
    ok = ok && self_test_registers(&rng, dense.p, error, error_bytes);
    memset(dense.p + HLL_HEADER_BYTES, 0, HLL_DENSE_BYTES - HLL_HEADER_BYTES);
    uint64_t mask = random_next(&rng), checkpoint = 1;
    for (uint64_t i = 1; ok && i <= items; i++) {
        uint64_t item = i ^ mask;
        hll_add_dense(dense.p, slice_of(&item, sizeof item));
        hll_add(&grows, slice_of(&item, sizeof item), sparse_bytes_max);
        if (i != checkpoint) continue;
        ok = self_test_estimate(&dense, &grows, i, sparse_bytes_max, error, error_bytes);
        checkpoint *= 10;
    }
    hll_fini(&dense);
    hll_fini(&grows);
    return ok;
}
