/* slab_test.c - base/slab: blocks do not overlap, and memory comes back. */
#include "base/slab.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "support/suite.h"

#define BLOCKS 20000

static void classes_fit(void) {
    for (size_t n = 1; n <= SLAB_BYTES_MAX; n++) {
        uint8_t cls = slab_class(n);
        CU_ASSERT_TRUE(cls > 0 && cls < SLAB_CLASSES);
        CU_ASSERT_TRUE(slab_class_bytes(cls) >= n);
        CU_ASSERT_TRUE(slab_class_bytes(cls) - n < (n <= 8 ? 8 : n <= 64 ? 2 : 8));
        CU_ASSERT_EQUAL(slab_class(slab_class_bytes(cls)), cls);
    }
    CU_ASSERT_EQUAL(slab_class(SLAB_BYTES_MAX + 1), 0);
}

static void blocks_keep_their_bytes(void) {
    static struct {
        unsigned char *p;
        size_t n;
        uint8_t cls, fill;
    } at[BLOCKS];
    struct slab s;
    struct random rnd;
    size_t live = 0;
    random_seed(&rnd, 5);
    slab_init(&s);
    memset(at, 0, sizeof at);
    for (int step = 0; step < 20 * BLOCKS; step++) {
        size_t i = random_next_below(&rnd, BLOCKS);
        if (at[i].p) {
            for (size_t k = 0; k < at[i].n; k++) {
                if (at[i].p[k] != at[i].fill) CU_FAIL_FATAL("a block was overwritten");
            }
            slab_free(&s, at[i].p, at[i].cls);
            if (at[i].cls) live -= slab_class_bytes(at[i].cls);
            at[i].p = NULL;
        } else {
            at[i].n = 1 + random_next_below(&rnd, step % 7 ? SLAB_BYTES_MAX : 400);
            at[i].fill = (uint8_t)random_next(&rnd);
            at[i].p = slab_alloc(&s, at[i].n, &at[i].cls);
            memset(at[i].p, at[i].fill, at[i].n);
            if (at[i].cls) live += slab_class_bytes(at[i].cls);
        }
        if (s.live != live) CU_FAIL_FATAL("live is not the sum of the blocks");
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        if (at[i].p) slab_free(&s, at[i].p, at[i].cls);
    }
    CU_ASSERT_EQUAL(s.live, 0);
    CU_ASSERT_TRUE(s.runs <= SLAB_CLASSES);
    slab_fini(&s);
}

static void *fill_and_drop(void *arg) {
    (void)arg;
    for (int round = 0; round < 20; round++) {
        struct slab s;
        uint8_t cls;
        slab_init(&s);
        for (int i = 0; i < 50000; i++) memset(slab_alloc(&s, 48, &cls), round, 48);
        slab_fini(&s);
    }
    return NULL;
}

static void whole_slabs_come_back_from_threads(void) {
    size_t before = slab_mapped();
    pthread_t t[3];
    for (int i = 0; i < 3; i++) pthread_create(&t[i], NULL, fill_and_drop, NULL);
    for (int i = 0; i < 3; i++) pthread_join(t[i], NULL);
    CU_ASSERT_TRUE(slab_mapped() <= before + ((size_t)8 << 20));
}

/* Among runs of blocks, and of any content. */
static void spans_keep_their_bytes(void) {
    enum { SPANS = 200 };
    static char *spans[SPANS];
    struct slab s;
    uint8_t cls;
    size_t used = mem_used();
    slab_init(&s);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SPANS; i++) {
            spans[i] = slab_span_take();
            CU_ASSERT_EQUAL((uintptr_t)spans[i] % 64, 0);
            CU_ASSERT_PTR_EQUAL(slab_span_of(spans[i]), spans[i]);
            CU_ASSERT_PTR_EQUAL(slab_span_of(spans[i] + SLAB_SPAN_BYTES - 1), spans[i]);
            memset(spans[i], i, SLAB_SPAN_BYTES);
            for (int n = 0; n < 1000; n++) memset(slab_alloc(&s, 64, &cls), 0xff, 64);
        }
        CU_ASSERT_TRUE(mem_used() >= used + SPANS * SLAB_SPAN_BYTES);
        for (int i = 0; i < SPANS; i++) {
            bool same = true;
            for (size_t n = 0; n < SLAB_SPAN_BYTES; n++) same &= spans[i][n] == (char)i;
            CU_ASSERT_TRUE(same);
            slab_span_give(spans[i]);
        }
        slab_fini(&s);
    }
    CU_ASSERT_EQUAL(mem_used(), used);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"classes_fit", classes_fit},
        {"blocks_keep_their_bytes", blocks_keep_their_bytes},
        {"spans_keep_their_bytes", spans_keep_their_bytes},
        {"whole_slabs_come_back_from_threads", whole_slabs_come_back_from_threads},
        {NULL, NULL},
    };
    return suite_main("slab", tests);
}
