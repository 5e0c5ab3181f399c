/* msgpack_test.c - heads there and back, every form, every cut. */
#include "wire/msgpack.h"

#include "base/random.h"
#include "support/suite.h"

static struct random rng;

static bool same(const struct msgpack_item *a, const struct msgpack_item *b) {
    bool ints = (a->type == MSGPACK_INT || a->type == MSGPACK_UINT) &&
                (b->type == MSGPACK_INT || b->type == MSGPACK_UINT);
    if (ints) return a->u == b->u;
    if (a->type != b->type) return false;
    switch (a->type) {
    case MSGPACK_NIL: return true;
    case MSGPACK_BOOL: return a->b == b->b;
    case MSGPACK_DOUBLE: return memcmp(&a->d, &b->d, sizeof a->d) == 0;
    case MSGPACK_STRING: return slice_eq(a->s, b->s);
    default: return a->u == b->u;
    }
}

static void there_and_back_one(const struct msgpack_item *item) {
    uint8_t bytes[MSGPACK_HEAD_BYTES_MAX + 70000];
    struct msgpack_item back;
    size_t n = msgpack_put(bytes, item);
    if (item->type == MSGPACK_STRING) {
        memcpy(bytes + n, item->s.p, item->s.n);
        n += item->s.n;
    }
    for (size_t cut = 0; cut < n; cut += cut < 16 ? 1 : 997) {
        struct slice in = slice_of(bytes, cut);
        CU_ASSERT_EQUAL(msgpack_get(&in, &back), MSGPACK_SHORT);
    }
    struct slice in = slice_of(bytes, n);
    CU_ASSERT_EQUAL(msgpack_get(&in, &back), MSGPACK_OK);
    CU_ASSERT_EQUAL(in.n, 0);
    CU_ASSERT(same(item, &back));
}

static void there_and_back(void) {
    static char text[70000];
    for (int shift = 0; shift < 64; shift++) {
        for (int d = -1; d <= 1; d++) {
            uint64_t v = (UINT64_C(1) << shift) + (uint64_t)d;
            struct msgpack_item items[] = {
                {MSGPACK_INT, {.i = (int64_t)v}},
                {MSGPACK_INT, {.i = -(int64_t)(v & INT64_MAX)}},
                {MSGPACK_UINT, {.u = v}},
                {MSGPACK_DOUBLE, {.d = (double)v * 0.3}},
                {MSGPACK_ARRAY, {.u = v & UINT32_MAX}},
                {MSGPACK_MAP, {.u = v & UINT32_MAX}},
                {MSGPACK_STRING, {.s = {text, v % sizeof text}}},
            };
            for (size_t i = 0; i < sizeof items / sizeof *items; i++) there_and_back_one(&items[i]);
        }
    }
    struct msgpack_item no = {MSGPACK_BOOL, {.b = false}}, nil = {.type = MSGPACK_NIL};
    there_and_back_one(&no);
    there_and_back_one(&nil);
}

static void bad_and_random_bytes(void) {
    for (unsigned first = 0xc0; first < 0xe0; first++) {
        char bytes[16] = {(char)first};
        struct slice in = slice_of(bytes, sizeof bytes);
        struct msgpack_item item;
        bool known = first == 0xc0 || first == 0xc2 || first == 0xc3 ||
                     (first >= 0xca && first <= 0xd3) || first >= 0xd9;
        CU_ASSERT_EQUAL(msgpack_get(&in, &item) == MSGPACK_OK, known);
    }
    for (int i = 0; i < 100000; i++) {
        uint64_t bytes[2] = {random_next(&rng), random_next(&rng)};
        struct slice in = slice_of(bytes, random_next_below(&rng, sizeof bytes + 1));
        struct msgpack_item item;
        while (in.n && msgpack_get(&in, &item) == MSGPACK_OK) continue;
    }
}

int main(void) {
    static const struct suite_test tests[] = {
        {"there_and_back", there_and_back},
        {"bad_and_random_bytes", bad_and_random_bytes},
        {NULL, NULL},
    };
    random_seed(&rng, 3);
    return suite_main("msgpack", tests);
}
