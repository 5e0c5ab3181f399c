/* hll_test.c - HyperLogLogs against a plain array of registers, and against figures that
 * redis-server 7.0.15 gave for the same items. */
#include "types/hll.h"

#include "base/random.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>

#define SPARSE_MAX 3000

static struct random rng;

static uint64_t below(uint64_t n) { return random_next_below(&rng, n); }
static struct slice bytes_of(const struct hll *h) { return slice_of(h->p, h->n); }

static uint64_t fnv(struct slice s) {
    uint64_t h = 0xcbf29ce484222325;
    for (size_t i = 0; i < s.n; i++) h = (h ^ (uint8_t)s.p[i]) * 0x100000001b3;
    return h;
}

static enum hll_change add_number(struct hll *h, uint64_t n, size_t sparse_bytes_max) {
    char text[32];
    int length = snprintf(text, sizeof text, "item:%llu", (unsigned long long)n);
    return hll_add(h, slice_of(text, (size_t)length), sparse_bytes_max);
}

static uint64_t count_of(const struct hll *h) {
    uint64_t count;
    CU_ASSERT_FATAL(hll_count(bytes_of(h), &count));
    return count;
}

/* GET, STRLEN and PFCOUNT after PFADD h item:<first> .. item:<end - 1>. */
static void same_bytes_as_redis(void) {
    static const struct {
        unsigned first, end;
        size_t sparse_bytes_max, bytes;
        uint64_t sum, count;
    } cases[] = {
        {0, 0, 3000, 18, 0x524bc36d036c0579, 0},
        {0, 1, 3000, 21, 0x7172695e7d12eec5, 1},
        {0, 10, 3000, 48, 0x285d32f379342e37, 10},
        {0, 300, 3000, 701, 0xb84746e0087e7deb, 299},
        {0, 1500, 3000, 2720, 0x028e42630ca9d02a, 1502},
        {0, 3000, 3000, 12304, 0x46ce220ee389816c, 3004},
        {0, 40000, 3000, 12304, 0xad15eaf70ecb91ff, 40301},
        {0, 2000, 0, 12304, 0xcf7d82941e2679c3, 2006},
        {0, 2000, 700, 12304, 0xcf7d82941e2679c3, 2006},
        {0, 9000, 20000, 10177, 0xc905efd267907b76, 9092},
        {1000000, 1300000, 3000, 12304, 0x408e2f420fe3d632, 297938},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hll h;
        hll_init(&h);
        h.p[HLL_HEADER_BYTES - 1] |= 0x80; /* PFADD made the key, which is a change */
        for (unsigned n = cases[i].first; n < cases[i].end; n++) {
            add_number(&h, n, cases[i].sparse_bytes_max);
        }
        CU_ASSERT_EQUAL(h.n, cases[i].bytes);
        CU_ASSERT_EQUAL(fnv(bytes_of(&h)), cases[i].sum);
        CU_ASSERT_EQUAL(count_of(&h), cases[i].count);
        hll_fini(&h);
    }
}

/* PFMERGE of items 0 .. 299 with items 200 .. end - 1. */
static void merges_as_redis(void) {
    static const struct {
        unsigned end;
        size_t sparse_bytes_max, bytes;
        uint64_t sum, count;
    } cases[] = {
        {600, 3000, 1219, 0x555aa0e25c00f05b, 601},
        {5000, 3000, 12304, 0x4aac109cc0046038, 5052},
        {600, 1200, 12304, 0xec47623210d5347a, 601},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hll a, b;
        struct hll_union u;
        hll_init(&a);
        hll_init(&b);
        for (unsigned n = 0; n < 300; n++) add_number(&a, n, cases[i].sparse_bytes_max);
        for (unsigned n = 200; n < cases[i].end; n++) add_number(&b, n, cases[i].sparse_bytes_max);
        hll_union_init(&u);
        CU_ASSERT(hll_union_add(&u, bytes_of(&a)) && hll_union_add(&u, bytes_of(&b)));
        CU_ASSERT_EQUAL(hll_union_count(&u), cases[i].count);
        CU_ASSERT(hll_put_union(&a, &u, cases[i].sparse_bytes_max));
        CU_ASSERT_EQUAL(a.n, cases[i].bytes);
        CU_ASSERT_EQUAL(fnv(bytes_of(&a)), cases[i].sum);
        CU_ASSERT_EQUAL(count_of(&a), cases[i].count);
        hll_fini(&a);
        hll_fini(&b);
    }
}

static bool same_registers(const struct hll *h, const struct hll_union *model) {
    static struct hll_union u;
    hll_union_init(&u);
    return hll_union_add(&u, bytes_of(h)) &&
           memcmp(u.registers, model->registers, HLL_REGISTERS) == 0;
}

/* A change is one register that grew; the model takes over what changed. */
static void registers_only_grow(void) {
    for (int round = 0; round < 20; round++) {
        static struct hll_union before, after;
        size_t sparse_bytes_max = (size_t[]){0, 200, 3000, 20000}[below(4)];
        struct hll h;
        hll_init(&h);
        hll_union_init(&before);
        for (int i = 0; i < 400; i++) {
            uint64_t item = below(300);
            bool was_dense = hll_is_dense(bytes_of(&h));
            enum hll_change change = hll_add(&h, slice_of(&item, 8), sparse_bytes_max);
            hll_union_init(&after);
            CU_ASSERT(hll_union_add(&after, bytes_of(&h)) && hll_is_sound(bytes_of(&h)));
            int grown = 0, shrunk = 0;
            for (int r = 0; r < HLL_REGISTERS; r++) {
                grown += after.registers[r] > before.registers[r];
                shrunk += after.registers[r] < before.registers[r];
            }
            CU_ASSERT(shrunk == 0 && grown == (change == HLL_CHANGED));
            CU_ASSERT(!was_dense || hll_is_dense(bytes_of(&h)));
            CU_ASSERT(hll_is_dense(bytes_of(&h)) || h.n <= sparse_bytes_max || h.n <= 21);
            CU_ASSERT_EQUAL(hll_add(&h, slice_of(&item, 8), sparse_bytes_max), HLL_SAME);
            before = after;
        }
        uint64_t count = count_of(&h);
        CU_ASSERT_EQUAL(hll_union_count(&after), count);
        CU_ASSERT(hll_make_dense(&h) && hll_is_dense(bytes_of(&h)));
        CU_ASSERT(same_registers(&h, &after));
        CU_ASSERT_EQUAL(count_of(&h), count);
        hll_fini(&h);
    }
}

/* Registers of any 6 bits, packed by hand, through both ways of reading and counting. */
static void dense_paths_agree(void) {
    for (int round = 0; round < 60; round++) {
        uint8_t *p = calloc(1, HLL_DENSE_BYTES);
        static struct hll_union model, wide, words;
        unsigned values = 1 + (unsigned)below(64);
        memcpy(p, "HYLL", 4);
        hll_union_init(&model);
        for (unsigned i = 0; i < HLL_REGISTERS; i++) {
            model.registers[i] = (uint8_t)below(values);
            for (unsigned bit = 0; bit < 6; bit++) {
                unsigned at = i * 6 + bit;
                if (model.registers[i] >> bit & 1) p[16 + at / 8] |= (uint8_t)(1 << at % 8);
            }
        }
        struct slice s = slice_of(p, HLL_DENSE_BYTES);
        hll_union_init(&wide);
        hll_union_init(&words);
        CU_ASSERT(hll_union_add(&wide, s));
        hll_union_add_dense_portable(&words, s);
        CU_ASSERT(memcmp(wide.registers, model.registers, HLL_REGISTERS) == 0);
        CU_ASSERT(memcmp(words.registers, model.registers, HLL_REGISTERS) == 0);
        CU_ASSERT(wide.dense && words.dense);
        uint64_t count;
        CU_ASSERT(hll_count(s, &count));
        CU_ASSERT_EQUAL(hll_union_count(&wide), count);
        struct hll h;
        hll_init(&h);
        CU_ASSERT(hll_put_union(&h, &wide, SPARSE_MAX));
        CU_ASSERT(h.n == HLL_DENSE_BYTES && memcmp(h.p + 16, p + 16, HLL_DENSE_BYTES - 16) == 0);
        hll_fini(&h);
        free(p);
    }
}

static void dense_in_place(void) {
    struct hll a, b;
    hll_init(&a);
    hll_init(&b);
    CU_ASSERT(hll_make_dense(&a) && hll_make_dense(&b));
    hll_store_count(a.p, 0);
    for (uint64_t i = 0; i < 20000; i++) {
        struct slice item = slice_of(&i, below(9));
        CU_ASSERT_EQUAL(hll_add_dense(a.p, item), hll_add(&b, item, SPARSE_MAX));
    }
    CU_ASSERT(slice_eq(bytes_of(&a), bytes_of(&b)));
    hll_fini(&a);
    hll_fini(&b);
}

static void cached_count(void) {
    struct hll h, copy;
    uint64_t count = 1;
    hll_init(&h);
    CU_ASSERT(hll_cached_count(bytes_of(&h), &count) && count == 0);
    add_number(&h, 1, SPARSE_MAX);
    CU_ASSERT_FALSE(hll_cached_count(bytes_of(&h), &count));
    hll_store_count(h.p, count_of(&h));
    CU_ASSERT(hll_cached_count(bytes_of(&h), &count) && count == 1);
    add_number(&h, 1, SPARSE_MAX);
    CU_ASSERT(hll_cached_count(bytes_of(&h), &count) && count == 1);
    hll_init_copy(&copy, bytes_of(&h));
    CU_ASSERT(slice_eq(bytes_of(&h), bytes_of(&copy)));
    CU_ASSERT(hll_make_dense(&copy));
    CU_ASSERT(hll_cached_count(bytes_of(&copy), &count) && count == 1);
    hll_fini(&copy);
    hll_fini(&h);
}

/* A sparse value of the given runs. */
static struct hll sparse_of(const char *runs, size_t n) {
    struct hll h;
    char bytes[64] = {'H', 'Y', 'L', 'L', 1};
    memcpy(bytes + HLL_HEADER_BYTES, runs, n);
    hll_init_copy(&h, slice_of(bytes, HLL_HEADER_BYTES + n));
    return h;
}

static void check_corrupt(const char *runs, size_t n) {
    static struct hll_union u;
    struct hll h = sparse_of(runs, n);
    uint64_t count;
    CU_ASSERT(hll_is(bytes_of(&h)));
    CU_ASSERT_FALSE(hll_is_sound(bytes_of(&h)));
    CU_ASSERT_FALSE(hll_count(bytes_of(&h), &count));
    hll_union_init(&u);
    CU_ASSERT_FALSE(hll_union_add(&u, bytes_of(&h)));
    CU_ASSERT_FALSE(hll_make_dense(&h));
    CU_ASSERT_EQUAL(h.n, HLL_HEADER_BYTES + n);
    hll_fini(&h);
}

static void corrupt_values(void) {
    CU_ASSERT_FALSE(hll_is(slice_of("HYLL", 4)));
    CU_ASSERT_FALSE(hll_is(slice_of("HYLX\1\0\0\0\0\0\0\0\0\0\0\0\177\377", 18)));
    CU_ASSERT_FALSE(hll_is(slice_of("HYLL\2\0\0\0\0\0\0\0\0\0\0\0\177\377", 18)));
    CU_ASSERT_FALSE(hll_is(slice_of("HYLL\0\0\0\0\0\0\0\0\0\0\0\0\177\377", 18)));
    CU_ASSERT(hll_is(slice_of("HYLL\1\0\0\0\0\0\0\0\0\0\0\0\177\377", 18)));
    check_corrupt("", 0);
    check_corrupt("\177\376", 2);          /* one register missing */
    check_corrupt("\177\377\0", 3);        /* one too many */
    check_corrupt("\177\377hello", 7);     /* text at the end */
    check_corrupt("\177", 1);              /* half an XZERO */
    check_corrupt("\177\376\200\100", 4);  /* half of one at the end */
    struct hll h = sparse_of("\100\0", 2); /* covers register 0 only */
    CU_ASSERT_EQUAL(add_number(&h, 1, SPARSE_MAX), HLL_CORRUPT);
    CU_ASSERT_EQUAL(h.n, 18);
    hll_fini(&h);
}

static void decodes(void) {
    char text[HLL_DECODE_BYTES_MAX(64)];
    struct hll h = sparse_of("\103\347\204\22\211\174\1", 7);
    size_t n = hll_decode(bytes_of(&h), text);
    CU_ASSERT(slice_eq(slice_of(text, n), slice_cstr("Z:1000 v:2,1 z:19 v:3,2 Z:15362")));
    CU_ASSERT(hll_is_sound(bytes_of(&h)));
    hll_fini(&h);
    h = sparse_of("\377\377\377\377\0", 5);
    n = hll_decode(bytes_of(&h), text);
    CU_ASSERT(slice_eq(slice_of(text, n), slice_cstr("v:32,4 v:32,4 v:32,4 v:32,4 z:1")));
    hll_fini(&h);
}

static void estimates_well(void) {
    char error[128] = "";
    CU_ASSERT(hll_self_test(1, 100000, SPARSE_MAX, error, sizeof error));
    CU_ASSERT_STRING_EQUAL(error, "");
}

int main(void) {
    static const struct suite_test tests[] = {
        {"same_bytes_as_redis", same_bytes_as_redis}, {"merges_as_redis", merges_as_redis},
        {"registers_only_grow", registers_only_grow}, {"dense_paths_agree", dense_paths_agree},
        {"dense_in_place", dense_in_place},           {"cached_count", cached_count},
        {"corrupt_values", corrupt_values},           {"decodes", decodes},
        {"estimates_well", estimates_well},           {NULL, NULL},
    };
    random_seed(&rng, 7);
    return suite_main("hll", tests);
}
