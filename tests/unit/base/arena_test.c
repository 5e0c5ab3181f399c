/* arena_test.c - pieces of all sizes stay apart and stay what they are. */
#include "base/arena.h"

#include "base/random.h"
#include "support/suite.h"

#define PIECES 3000

static void pieces_stay(void) {
    static struct slice pieces[PIECES];
    static char big[200000];
    struct random rng;
    struct arena a = {0};
    random_seed(&rng, 1);
    for (size_t i = 0; i < PIECES; i++) {
        size_t n = random_next_below(&rng, i % 100 ? 200 : sizeof big);
        memset(big, (int)(i % 251), n);
        pieces[i] = arena_text(&a, slice_of(big, n));
        CU_ASSERT_EQUAL(pieces[i].n, n);
    }
    for (size_t i = 0; i < PIECES; i++) {
        size_t same = 0;
        while (same < pieces[i].n && (unsigned char)pieces[i].p[same] == i % 251) same++;
        CU_ASSERT_EQUAL(same, pieces[i].n);
        CU_ASSERT_EQUAL(pieces[i].p[pieces[i].n], 0);
    }
    arena_free(&a);
    CU_ASSERT_PTR_NULL(a.blocks);
    CU_ASSERT(arena_text(&a, slice_of(NULL, 0)).p[0] == 0);
    arena_free(&a);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"pieces_stay", pieces_stay},
        {NULL, NULL},
    };
    return suite_main("arena", tests);
}
