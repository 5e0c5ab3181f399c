/* chunk_tree_test.c - against an array of chunks. */
#include "types/chunk_tree.h"

#include "base/mem.h"
#include "base/random.h"
#include "still_reader.h"
#include "support/suite.h"
#include "tree_check.h"

enum { MODEL_MAX = 5000, STILLS_MAX = 3 };

static struct random rng;
static struct chunk model[MODEL_MAX];
static unsigned chunks, told;
static uintptr_t names, names_shared; /* given to chunks; before the last still was made */

/* A still, and what it has to say. */
struct image {
    struct chunk_tree tree;
    struct chunk *chunk;
    unsigned chunks;
};

static struct image image[STILLS_MAX];
static unsigned images;

static struct chunk any_chunk(void) {
    uint64_t count = random_next_below(&rng, 8) ? 1 + random_next_below(&rng, 200) : 1;
    return (struct chunk){(void *)++names, count * 7 + random_next_below(&rng, 8192), count};
}

static bool same(struct chunk a, struct chunk b) {
    return a.p == b.p && a.bytes == b.bytes && a.count == b.count;
}

static uint64_t first_of(unsigned chunk) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < chunk; i++) sum += model[i].count;
    return sum;
}

static void model_insert(unsigned at, struct chunk chunk) {
    memmove(model + at + 1, model + at, (chunks - at) * sizeof *model);
    model[at] = chunk;
    chunks++;
}

static void model_remove(unsigned from, unsigned to) {
    memmove(model + from, model + to, (chunks - to) * sizeof *model);
    chunks -= to - from;
}

/* The place of a chunk, found by one of its elements. */
static struct chunk_place place_of(const struct chunk_tree *t, unsigned at) {
    uint64_t in = random_next_below(&rng, model[at].count), inside = ~(uint64_t)0;
    struct chunk_place place = chunk_tree_find(t, first_of(at) + in, &inside);
    CU_ASSERT_FATAL(chunk_place_valid(place));
    CU_ASSERT_FATAL(same(chunk_at(place), model[at]));
    CU_ASSERT_EQUAL_FATAL(inside, in);
    CU_ASSERT_EQUAL_FATAL(place.first, first_of(at));
    return place;
}

static void compare(const struct chunk_tree *t) {
    unsigned i = 0;
    uint64_t count = 0, bytes = 0, inside;
    tree_check(&t->tree, t->late);
    struct chunk_place place = chunk_tree_end(t, false), last = place;
    for (; chunk_place_valid(place); place = chunk_place_next(place), i++) {
        CU_ASSERT_FATAL(same(chunk_at(place), model[i]));
        CU_ASSERT_EQUAL_FATAL(place.first, count);
        CU_ASSERT_EQUAL_FATAL(chunk_tree_is_shared(t, place),
                              images && (uintptr_t)model[i].p <= names_shared);
        count += model[i].count;
        bytes += model[i].bytes;
        last = place;
    }
    CU_ASSERT_EQUAL_FATAL(i, chunks);
    CU_ASSERT_EQUAL_FATAL(chunk_tree_count(t), count);
    CU_ASSERT_EQUAL_FATAL(chunk_tree_data_bytes(t), bytes);
    CU_ASSERT_FALSE_FATAL(chunk_place_valid(chunk_tree_find(t, count, &inside)));
    place = chunk_tree_end(t, true);
    CU_ASSERT_FATAL(place.leaf == last.leaf && place.first == last.first);
    for (; chunk_place_valid(place); place = chunk_place_prev(place)) {
        CU_ASSERT_FATAL(same(chunk_at(place), model[--i]));
        count -= model[i].count;
        CU_ASSERT_EQUAL_FATAL(place.first, count);
    }
    CU_ASSERT_EQUAL_FATAL(i, 0);
}

static void gone(void *ctx, struct chunk chunk, bool shared) {
    CU_ASSERT_FATAL(same(chunk, model[told]));
    CU_ASSERT_EQUAL_FATAL(shared, images && (uintptr_t)chunk.p <= names_shared);
    told += *(int *)ctx;
}

static void cut(struct chunk_tree *t, unsigned from, unsigned to) {
    int step = 1;
    told = from;
    chunk_tree_cut(t, first_of(from), first_of(to), (struct chunk_gone){gone, &step});
    CU_ASSERT_EQUAL_FATAL(told, to);
    model_remove(from, to);
}

static void release(struct chunk_tree *t) {
    int step = -1;
    told = chunks - 1;
    while (!chunk_tree_free_some(t, 9, (struct chunk_gone){gone, &step})) continue;
    CU_ASSERT_EQUAL(chunk_tree_bytes(t), 0);
    CU_ASSERT_EQUAL(chunk_tree_data_bytes(t), 0);
    chunks = 0;
    compare(t);
}

static void set(struct chunk_tree *t, unsigned at) {
    struct chunk_place place = place_of(t, at);
    model[at] = any_chunk();
    chunk_tree_set(t, &place, model[at]);
    CU_ASSERT_FATAL(same(chunk_at(place), model[at]));
}

static void insert(struct chunk_tree *t, unsigned at) {
    struct chunk_place place = place_of(t, at);
    struct chunk chunk = any_chunk();
    bool after = random_next_below(&rng, 2);
    if (after) {
        chunk_tree_insert_after(t, &place, chunk);
    } else {
        chunk_tree_insert_before(t, &place, chunk);
    }
    CU_ASSERT_FATAL(same(chunk_at(place), chunk));
    model_insert(at + after, chunk);
    CU_ASSERT_EQUAL_FATAL(place.first, first_of(at + after));
}

static void split(struct chunk_tree *t, unsigned at) {
    struct chunk_place place = place_of(t, at);
    model[at] = any_chunk();
    model_insert(at + 1, any_chunk());
    chunk_tree_split(t, &place, model[at], model[at + 1]);
    CU_ASSERT_FATAL(same(chunk_at(place), model[at]));
    CU_ASSERT_EQUAL_FATAL(place.first, first_of(at));
}

static void remove_one(struct chunk_tree *t, unsigned at) {
    struct chunk_place place = place_of(t, at);
    CU_ASSERT_FATAL(same(chunk_tree_remove(t, &place), model[at]));
    model_remove(at, at + 1);
    CU_ASSERT_EQUAL_FATAL(chunk_place_valid(place), at < chunks);
    if (at < chunks) CU_ASSERT_FATAL(same(chunk_at(place), model[at]));
}

static void push(struct chunk_tree *t, bool last) {
    struct chunk chunk = any_chunk();
    chunk_tree_push(t, last, chunk);
    model_insert(last ? chunks : 0, chunk);
}

/* What is shared is set anew first, as owners do. */
static void grow_end(struct chunk_tree *t, bool last) {
    struct chunk_place place = chunk_tree_end(t, last);
    struct chunk *chunk = &model[last ? chunks - 1 : 0];
    uint64_t bytes = random_next_below(&rng, 100);
    if (chunk_tree_is_shared(t, place)) set(t, last ? chunks - 1 : 0);
    *chunk = (struct chunk){(void *)++names, chunk->bytes + bytes, chunk->count + 1};
    chunk_tree_grow_end(t, last, chunk->p, bytes);
    CU_ASSERT_FATAL(same(chunk_at(chunk_tree_end(t, last)), *chunk));
}

static void one_step(struct chunk_tree *t, unsigned size) {
    unsigned kind = (unsigned)random_next_below(&rng, 100);
    unsigned at = chunks ? (unsigned)random_next_below(&rng, chunks) : 0;
    if (random_next_below(&rng, 3) == 0) at = kind % 2 && chunks ? chunks - 1 : 0;
    if (!chunks || kind < 10) {
        push(t, random_next_below(&rng, 2));
    } else if (kind < 20) {
        grow_end(t, random_next_below(&rng, 2));
    } else if (kind < 45) {
        set(t, at);
    } else if (kind < 60) {
        place_of(t, at);
    } else if (kind < (chunks < size ? 75u : 65u)) {
        insert(t, at);
    } else if (kind < (chunks < size ? 85u : 70u)) {
        split(t, at);
    } else if (kind < 98) {
        remove_one(t, at);
    } else {
        unsigned n = (unsigned)random_next_below(&rng, kind < 99 ? 20 : size / 2 + 1);
        cut(t, at, at + n < chunks ? at + n : chunks);
    }
}

static void agrees_with_an_array(void) {
    for (unsigned round = 0; round < 12; round++) {
        struct chunk_tree t;
        unsigned size = 10u << (round % 6) * 3 / 2;
        chunk_tree_init(&t);
        while (chunks < size) push(&t, random_next_below(&rng, 2));
        for (unsigned i = 0; i < 4000; i++) {
            one_step(&t, size);
            if (i % 32 == 0) compare(&t);
        }
        compare(&t);
        release(&t);
    }
}

struct reading {
    const struct image *image;
    unsigned at;
    bool agrees;
};

static void read_chunk(void *ctx, struct chunk chunk) {
    struct reading *r = ctx;
    r->agrees = r->agrees && r->at < r->image->chunks && same(chunk, r->image->chunk[r->at]);
    r->at++;
}

static bool image_agrees(const void *ctx) {
    const struct image *im = ctx;
    struct reading r = {im, 0, true};
    uint64_t count = 0, bytes = 0;
    chunk_tree_each(&im->tree, read_chunk, &r);
    for (unsigned i = 0; i < im->chunks; i++) {
        count += im->chunk[i].count;
        bytes += im->chunk[i].bytes;
    }
    return r.agrees && r.at == im->chunks && chunk_tree_chunks(&im->tree) == im->chunks &&
           chunk_tree_count(&im->tree) == count && chunk_tree_data_bytes(&im->tree) == bytes;
}

static void make_still(struct chunk_tree *t) {
    struct image *im = &image[images++];
    chunk_tree_still(t, &im->tree);
    im->chunks = chunks;
    im->chunk = mem_alloc(sizeof *model * (chunks + 1));
    memcpy(im->chunk, model, sizeof *model * chunks);
    names_shared = names;
}

static void end_still(struct chunk_tree *t) {
    unsigned at = (unsigned)random_next_below(&rng, images);
    CU_ASSERT_FATAL(image_agrees(&image[at]));
    mem_free(image[at].chunk);
    image[at] = image[--images];
    chunk_tree_still_end(t);
}

static void stills_stay(void) {
    for (unsigned round = 0; round < 12; round++) {
        struct chunk_tree t;
        unsigned size = 10u << (round % 6) * 3 / 2;
        chunk_tree_init(&t);
        while (chunks < size) push(&t, random_next_below(&rng, 2));
        for (unsigned i = 0; i < 4000; i++) {
            unsigned what = (unsigned)random_next_below(&rng, 60);
            if (what == 0 && images < STILLS_MAX) make_still(&t);
            if (what == 1 && images) end_still(&t);
            one_step(&t, size);
            if (i % 32) continue;
            compare(&t);
            for (unsigned k = 0; k < images; k++) CU_ASSERT_FATAL(image_agrees(&image[k]));
        }
        while (images) end_still(&t);
        compare(&t);
        release(&t);
    }
}

static void stills_are_read_meanwhile(void) {
    for (unsigned round = 0; round < 20; round++) {
        struct chunk_tree t;
        struct still_reader reader;
        chunk_tree_init(&t);
        while (chunks < 1000) push(&t, random_next_below(&rng, 2));
        if (round % 2) make_still(&t);
        for (unsigned i = 0; i < 50; i++) one_step(&t, 1000);
        make_still(&t);
        still_reader_start(&reader, image_agrees, &image[images - 1]);
        for (unsigned i = 0; i < 1500; i++) one_step(&t, round % 3 ? 1000 : 20);
        CU_ASSERT(still_reader_stop(&reader));
        while (images) end_still(&t);
        compare(&t);
        release(&t);
    }
}

/* After its first change, an end is set at no cost beyond a comparison. */
static void an_end_is_copied_once(void) {
    struct chunk_tree t;
    chunk_tree_init(&t);
    for (unsigned i = 0; i < 3000; i++) push(&t, true);
    make_still(&t);
    for (int last = 0; last < 2; last++) {
        set(&t, last ? chunks - 1 : 0);
        size_t kept = count_tree_still_bytes(&t.tree);
        for (unsigned i = 0; i < 100; i++) set(&t, last ? chunks - 1 : 0);
        CU_ASSERT_EQUAL(count_tree_still_bytes(&t.tree), kept);
    }
    end_still(&t);
    compare(&t);
    release(&t);
}

/* What a queue does: one end grows chunk by chunk, the other shrinks; the middle stays findable
 * without the sums above being brought up to date. */
static void ends_run_ahead(void) {
    struct chunk_tree t;
    chunk_tree_init(&t);
    for (unsigned i = 0; i < 300; i++) push(&t, true);
    for (unsigned i = 0; i < 4000; i++) {
        bool last = i & 1;
        unsigned at = last ? chunks - 1 : 0;
        struct chunk_place place = chunk_tree_end(&t, last);
        CU_ASSERT_FATAL(same(chunk_at(place), model[at]));
        if (!last && model[at].count == 1) {
            remove_one(&t, at);
        } else if (last && model[at].count > 100) {
            push(&t, true);
        } else {
            model[at].count += last ? 1 : (uint64_t)-1;
            model[at].bytes += last ? 11 : (uint64_t)-5;
            chunk_tree_set(&t, &place, model[at]);
        }
        place_of(&t, (unsigned)random_next_below(&rng, chunks));
        place_of(&t, (unsigned)random_next_below(&rng, 30));
        if (i % 50 == 0) compare(&t);
    }
    CU_ASSERT(t.late[0] || t.late[1]);
    compare(&t);
    release(&t);
}

static void sorted_pushes_fill_nodes(void) {
    for (int last = 0; last < 2; last++) {
        struct chunk_tree t;
        chunk_tree_init(&t);
        for (unsigned i = 0; i < 4000; i++) push(&t, last);
        compare(&t);
        CU_ASSERT(tree_fill_permille(&t.tree) > 990);
        release(&t);
    }
}

static void holds_big_numbers(void) {
    struct chunk_tree t;
    uint64_t inside, big = (uint64_t)5 << 32;
    chunk_tree_init(&t);
    for (unsigned i = 0; i < 200; i++) {
        model_insert(chunks, (struct chunk){(void *)++names, big * 3, big});
        chunk_tree_push(&t, true, model[chunks - 1]);
    }
    compare(&t);
    struct chunk_place place = chunk_tree_find(&t, big * 150 + 9, &inside);
    CU_ASSERT_EQUAL(inside, 9);
    CU_ASSERT(same(chunk_at(place), model[150]));
    release(&t);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"agrees_with_an_array", agrees_with_an_array},
        {"stills_stay", stills_stay},
        {"stills_are_read_meanwhile", stills_are_read_meanwhile},
        {"an_end_is_copied_once", an_end_is_copied_once},
        {"ends_run_ahead", ends_run_ahead},
        {"sorted_pushes_fill_nodes", sorted_pushes_fill_nodes},
        {"holds_big_numbers", holds_big_numbers},
        {NULL, NULL},
    };
    random_seed(&rng, 3);
    return suite_main("chunk_tree", tests);
}
