/* list_test.c - against an array of texts. */
#include "types/list.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/random.h"
#include "still_reader.h"
#include "support/suite.h"
#include "tree_check.h"

enum { MODEL_MAX = 3000, TEXT_BYTES_MAX = 20000, STILLS_MAX = 3 };

static struct random rng;
static struct slice model[MODEL_MAX];
static unsigned length;
static bool short_texts; /* so that all chunks can be sealed */
static bool with_stills;

/* A text that no one else holds; often one that was there before. */
static struct slice any_text(void) {
    static const char *const common[] = {"",  "a",   "b",     "c",
                                         "0", "127", "-4096", "9223372036854775807"};
    size_t n = random_next_below(&rng, 20) ? random_next_below(&rng, 40) : 0;
    if (!random_next_below(&rng, 15)) n = random_next_below(&rng, 3000);
    if (!random_next_below(&rng, 40)) n = random_next_below(&rng, TEXT_BYTES_MAX);
    if (short_texts) n = random_next_below(&rng, LP_SHORT_TEXT_BYTES + 1);
    if (random_next_below(&rng, short_texts ? 2 : 3)) {
        const char *s = common[random_next_below(&rng, sizeof common / sizeof *common)];
        return slice_of(mem_dup(s, strlen(s)), strlen(s));
    }
    char *p = mem_alloc(n + 1);
    for (size_t i = 0; i < n; i++) p[i] = (char)random_next_below(&rng, 256);
    return slice_of(p, n);
}

static struct slice dup(struct slice s) { return slice_of(mem_dup(s.p, s.n), s.n); }

static struct list_item item_of(struct slice s) {
    if (random_next_below(&rng, 2) || s.n < 1000) return (struct list_item){s, NULL};
    struct blob *b = blob_new(s.n);
    memcpy(b->data, s.p, s.n);
    b->len = s.n;
    return (struct list_item){slice_of(b->data, s.n), b};
}

static void model_insert(unsigned at, struct slice s) {
    memmove(model + at + 1, model + at, (length - at) * sizeof *model);
    model[at] = s;
    length++;
}

static void model_drop(unsigned from, unsigned count) {
    for (unsigned i = from; i < from + count; i++) mem_free((char *)(uintptr_t)model[i].p);
    memmove(model + from, model + from + count, (length - from - count) * sizeof *model);
    length -= count;
}

static uint64_t model_remove(struct slice s, uint64_t max, bool backward) {
    uint64_t removed = 0;
    for (unsigned i = 0; i < length && removed < max;) {
        unsigned at = backward ? length - 1 - i : i;
        if (!slice_eq(model[at], s)) {
            i++;
            continue;
        }
        model_drop(at, 1);
        removed++;
    }
    return removed;
}

static unsigned sealed_seen;

static void read_from(const struct list_value *l, unsigned at, unsigned steps, bool backward) {
    char digits[LP_INT_TEXT_BYTES];
    struct list_element e;
    struct list_cursor c = list_cursor_at(l, at, backward);
    for (unsigned i = 0; i < steps; i++) {
        unsigned k = backward ? at - i : at + i;
        bool there = at < length && (backward ? i <= at : k < length);
        CU_ASSERT_EQUAL_FATAL(list_cursor_next(&c, &e), there);
        if (!there) return;
        CU_ASSERT_FATAL(slice_eq(lp_text(&e.value, digits), model[k]));
        CU_ASSERT_FATAL(list_element_is(&e, model[k]));
        CU_ASSERT_EQUAL_FATAL(e.blob != NULL, model[k].n > l->limit.bytes);
    }
}

/* The chunks as listpacks are the elements, and the sealed ones are between others. Returns how
 * many are sealed. */
static unsigned compare_chunks(const struct list_value *l) {
    struct chunk_place place = chunk_tree_end(&l->chunks, false);
    struct lp_buf scratch = lp_buf_heap();
    unsigned sealed = 0, at = 0;
    for (; chunk_place_valid(place); place = chunk_place_next(place)) {
        struct blob *blob = list_chunk_blob(chunk_at(place));
        if (blob) {
            CU_ASSERT_FATAL(slice_eq(slice_of(blob->data, blob->len), model[at++]));
            continue;
        }
        const uint8_t *lp = list_chunk_packed(chunk_at(place), &scratch);
        CU_ASSERT_FATAL(lp_check(lp, lp_bytes(lp), 1) && lp_count(lp) == chunk_at(place).count);
        for (size_t p = lp_first(lp); p; p = lp_next(lp, p))
            CU_ASSERT_FATAL(lp_equals(lp, p, model[at++]));
        if (lp != chunk_at(place).p) {
            CU_ASSERT_FATAL(chunk_place_valid(chunk_place_prev(place)));
            CU_ASSERT_FATAL(chunk_place_valid(chunk_place_next(place)));
            sealed++;
        }
    }
    lp_buf_free(&scratch);
    return sealed;
}

static void compare(const struct list_value *l) {
    tree_check(&l->chunks.tree, l->chunks.late);
    CU_ASSERT_EQUAL_FATAL(list_value_count(l), length);
    read_from(l, 0, length + 1, false);
    if (length) read_from(l, length - 1, length + 1, true);
    const uint8_t *small = list_value_small(l);
    CU_ASSERT_FATAL(!small || (lp_check(small, lp_bytes(small), 1) && lp_count(small) == length));
    sealed_seen += compare_chunks(l);
}

static void add_or_set(struct list_value *l, unsigned what) {
    struct slice s = any_text();
    if (what < 4 && length < MODEL_MAX) {
        bool last = what & 1;
        list_value_push(l, last, item_of(s));
        model_insert(last ? length : 0, s);
    } else if (what < 6 && length < MODEL_MAX) {
        unsigned at = (unsigned)random_next_below(&rng, length + 1);
        list_value_insert(l, at, item_of(s));
        model_insert(at, s);
    } else if (length) {
        unsigned at = (unsigned)random_next_below(&rng, length);
        list_value_replace(l, at, item_of(s));
        mem_free((char *)(uintptr_t)model[at].p);
        model[at] = s;
    } else {
        mem_free((char *)(uintptr_t)s.p);
    }
}

static void take_out(struct list_value *l, unsigned what) {
    if (!length) return;
    unsigned from = 0, count = 1 + random_next_below(&rng, 3);
    if (!random_next_below(&rng, short_texts ? 1000 : 30))
        count = 1 + random_next_below(&rng, length);
    if (count > length) count = length;
    if (what < 3) {
        if (what == 1) from = length - count;
        if (what == 2) from = random_next_below(&rng, length - count + 1);
        list_value_drop(l, from, count);
        model_drop(from, count);
    } else if (!random_next_below(&rng, 8)) {
        struct slice s = dup(model[random_next_below(&rng, length)]);
        uint64_t max = random_next_below(&rng, 10) ? 1 + random_next_below(&rng, 4) : UINT64_MAX;
        bool backward = random_next_below(&rng, 2);
        uint64_t removed = list_value_remove(l, s, max, backward);
        CU_ASSERT_EQUAL_FATAL(removed, model_remove(s, max, backward));
        mem_free((char *)(uintptr_t)s.p);
    }
}

/* ---- stills ---- */

/* A still, and what it has to say. */
struct image {
    struct list_value *l;
    struct slice *text;
    unsigned length;
};

static struct image image[STILLS_MAX];
static unsigned images;

struct reading {
    const struct image *image;
    unsigned at;
    bool agrees;
    struct lp_buf scratch;
};

static bool next_is(struct reading *r) { return r->agrees && r->at < r->image->length; }

static void read_chunk(void *ctx, struct chunk chunk) {
    struct reading *r = ctx;
    const struct blob *blob = list_chunk_blob(chunk);
    if (blob) {
        r->agrees =
            next_is(r) && slice_eq(slice_of(blob->data, blob->len), r->image->text[r->at++]);
        return;
    }
    const uint8_t *lp = list_chunk_packed(chunk, &r->scratch);
    r->agrees = r->agrees && lp_check(lp, lp_bytes(lp), 1) && lp_count(lp) == chunk.count;
    for (size_t p = lp_first(lp); p && r->agrees; p = lp_next(lp, p))
        r->agrees = next_is(r) && lp_equals(lp, p, r->image->text[r->at++]);
}

static bool image_agrees(const void *ctx) {
    struct reading r = {ctx, 0, true, lp_buf_heap()};
    chunk_tree_each(&r.image->l->chunks, read_chunk, &r);
    lp_buf_free(&r.scratch);
    return r.agrees && r.at == r.image->length && list_value_count(r.image->l) == r.image->length;
}

static void make_still(struct list_value *l) {
    struct image *im = &image[images++];
    *im = (struct image){list_value_still(l), mem_alloc(sizeof *model * (length + 1)), length};
    for (unsigned i = 0; i < length; i++) im->text[i] = dup(model[i]);
}

static void end_still(struct list_value *l) {
    unsigned at = (unsigned)random_next_below(&rng, images);
    struct image im = image[at];
    CU_ASSERT_FATAL(image_agrees(&im));
    image[at] = image[--images];
    for (unsigned i = 0; i < im.length; i++) mem_free((char *)(uintptr_t)im.text[i].p);
    mem_free(im.text);
    size_t memory = list_value_memory(l), kept = list_value_still_bytes(l);
    list_value_still_end(l, im.l);
    CU_ASSERT_EQUAL(list_value_still_bytes(l) > 0, images > 0);
    CU_ASSERT_EQUAL(memory - kept, list_value_memory(l) - list_value_still_bytes(l));
}

static void still_step(struct list_value *l) {
    unsigned what = (unsigned)random_next_below(&rng, 100);
    if (what < 2 && images < STILLS_MAX) make_still(l);
    if (what == 2 && images) end_still(l);
}

/* ---- lists of all kinds ---- */

static void any_list(int directive, unsigned steps) {
    struct list_value *l = list_value_new(list_limit_of(directive));
    while (short_texts && length < MODEL_MAX) add_or_set(l, random_next_below(&rng, 8));
    unsigned trend = 5; /* of ten steps, these add */
    for (unsigned i = 0; i < steps; i++) {
        if (i % 500 == 0) trend = 3 + random_next_below(&rng, 5);
        if (random_next_below(&rng, 10) < trend) {
            add_or_set(l, random_next_below(&rng, 8));
        } else {
            take_out(l, random_next_below(&rng, 4));
        }
        CU_ASSERT_EQUAL_FATAL(list_value_count(l), length);
        if (with_stills) still_step(l);
        unsigned at = (unsigned)random_next_below(&rng, length + 1);
        read_from(l, at, 3, random_next_below(&rng, 2));
        if (i % 64) continue;
        compare(l);
        for (unsigned k = 0; k < images; k++) CU_ASSERT_FATAL(image_agrees(&image[k]));
    }
    while (images) end_still(l);
    compare(l);
    struct list_value *copy = list_value_copy(l);
    list_value_free(l);
    compare(copy);
    if (length) list_value_drop(copy, 0, length);
    model_drop(0, length);
    compare(copy);
    list_value_free(copy);
}

static void agrees_with_an_array(void) {
    static const int directives[] = {-2, -1, -5, 1, 2, 3, 20, 128, 0};
    for (size_t i = 0; i < sizeof directives / sizeof *directives; i++)
        any_list(directives[i], 6000);
}

static void short_elements_agree_too(void) {
    static const int directives[] = {-1, -1, -1, -2, 8, 60};
    short_texts = true;
    sealed_seen = 0;
    for (size_t i = 0; i < sizeof directives / sizeof *directives; i++)
        any_list(directives[i], 20000);
    CU_ASSERT(sealed_seen > 1000);
    short_texts = false;
}

static void stills_stay(void) {
    with_stills = true;
    for (int round = 0; round < 2; round++, short_texts = !short_texts) {
        any_list(-1, 10000);
        any_list(-2, 5000);
        any_list(1, 3000);
        any_list(20, 5000);
    }
    with_stills = false;
}

static void stills_are_read_meanwhile(void) {
    static const int directives[] = {-1, -2, 3, 20, -1};
    for (unsigned round = 0; round < 20; round++, short_texts = !short_texts) {
        struct list_value *l = list_value_new(list_limit_of(directives[round % 5]));
        struct still_reader reader;
        while (length < 600) add_or_set(l, (unsigned)random_next_below(&rng, 8));
        if (round % 3 == 0) make_still(l);
        for (unsigned i = 0; i < 30; i++) add_or_set(l, (unsigned)random_next_below(&rng, 8));
        make_still(l);
        still_reader_start(&reader, image_agrees, &image[images - 1]);
        for (unsigned i = 0; i < 1500; i++) {
            if (random_next_below(&rng, 10) < 4) {
                add_or_set(l, (unsigned)random_next_below(&rng, 8));
            } else {
                take_out(l, (unsigned)random_next_below(&rng, 4));
            }
        }
        CU_ASSERT(still_reader_stop(&reader));
        while (images) end_still(l);
        compare(l);
        list_value_free(l);
        model_drop(0, length);
    }
}

static void push_letter(struct list_value *l, bool last, char letter) {
    struct slice s = slice_of(mem_dup(&letter, 1), 1);
    list_value_push(l, last, (struct list_item){s, NULL});
    model_insert(last ? length : 0, s);
}

static void drop(struct list_value *l, unsigned from, unsigned count) {
    list_value_drop(l, from, count);
    model_drop(from, count);
}

static void letters_gone(struct list_value *l) {
    while (images) end_still(l);
    compare(l);
    list_value_free(l);
    model_drop(0, length);
}

/* The only element of a chunk at an end, which has room beside it, goes by all ways there are. */
static void ends_go_under_a_still(void) {
    for (unsigned way = 0; way < 16; way++) {
        bool last = way & 1, one_chunk = way & 2;
        struct list_value *l = list_value_new(list_limit_of(4));
        while (length < (one_chunk ? 4 : 80)) push_letter(l, last, 'a');
        push_letter(l, last, 'b');
        while (!one_chunk && chunk_at(chunk_tree_end(&l->chunks, last)).count < 4)
            push_letter(l, last, 'b');
        while (chunk_at(chunk_tree_end(&l->chunks, last)).count > 1)
            drop(l, last ? length - 1 : 0, 1);
        make_still(l);
        unsigned at = last ? length - 1 : 0;
        if (way / 4 == 0) {
            struct slice s = slice_of(mem_dup("c", 1), 1);
            list_value_replace(l, at, (struct list_item){s, NULL});
            mem_free((char *)(uintptr_t)model[at].p);
            model[at] = s;
        } else if (way / 4 == 1) {
            CU_ASSERT_EQUAL(list_value_remove(l, model[at], 1, last), 1);
            model_drop(at, 1);
        } else if (way / 4 == 2) {
            drop(l, at, 1);
        } else {
            drop(l, last && length > 3 ? length - 3 : 0, length > 3 ? 3 : length);
        }
        compare(l);
        letters_gone(l);
    }
}

/* The first leaf has one chunk; that goes, and the next, sealed and of another leaf, becomes the
 * first. */
static void removal_goes_on_in_a_shared_leaf(void) {
    struct list_value *l = list_value_new(list_limit_of(60));
    do {
        push_letter(l, false, length % 2 ? 'y' : 'x');
    } while (length < 60 || l->chunks.tree.first == l->chunks.tree.last ||
             l->chunks.tree.first->n > 1);
    CU_ASSERT_EQUAL_FATAL(chunk_at(chunk_tree_end(&l->chunks, false)).count, 1);
    list_value_replace(l, 1, (struct list_item){model[1], NULL}); /* an edit seals */
    make_still(l);
    struct slice s = dup(model[0]);
    CU_ASSERT_EQUAL(list_value_remove(l, s, 5, false), 5);
    CU_ASSERT_EQUAL(model_remove(s, 5, false), 5);
    mem_free((char *)(uintptr_t)s.p);
    letters_gone(l);
}

static void push_number(struct list_value *l, bool last, unsigned i) {
    char text[24];
    int n = snprintf(text, sizeof text, "item:%010u", i);
    list_value_push(l, last, (struct list_item){slice_of(text, (size_t)n), NULL});
}

/* Elements of 15 bytes take 16, whatever way they came in. */
static void long_lists_are_sealed(void) {
    for (int way = 0; way < 3; way++) {
        struct list_value *l = list_value_new(list_limit_of(-2));
        for (unsigned i = 0; i < 200000; i++) push_number(l, way == 2 ? i % 2 == 1 : way == 1, i);
        size_t chunks = list_value_memory(l) - chunk_tree_bytes(&l->chunks);
        CU_ASSERT(chunks < 200000 * 16 + 60000);
        list_value_free(l);
    }
}

/* A queue under a still keeps what was there, no more; and a push to an end that was copied
 * nothing. */
static void queue_under_a_still(void) {
    for (int last = 0; last < 2; last++) {
        struct list_value *l = list_value_new(list_limit_of(-2));
        for (unsigned i = 0; i < 20000; i++) push_number(l, last, i);
        size_t memory = list_value_memory(l);
        struct list_value *still = list_value_still(l);
        push_number(l, last, 0);
        size_t kept = list_value_still_bytes(l);
        for (unsigned i = 0; i < 100; i++) push_number(l, last, i);
        CU_ASSERT(list_value_still_bytes(l) <
                  kept + 20000); /* the nodes beside a chunk that comes */
        for (unsigned i = 0; i < 200000; i++) {
            push_number(l, last, i);
            list_value_drop(l, last ? 0 : list_value_count(l) - 1, 1);
        }
        CU_ASSERT(list_value_still_bytes(l) > memory * 9 / 10);
        CU_ASSERT(list_value_still_bytes(l) < memory + memory / 10);
        CU_ASSERT_EQUAL(list_value_count(still), 20000);
        list_value_still_end(l, still);
        CU_ASSERT_EQUAL(list_value_still_bytes(l), 0);
        list_value_free(l);
    }
}

/* Where a chunk begins, pushing and popping by turns leaves the ones behind as they are. */
static void turns_at_a_border_seal_nothing(void) {
    for (int last = 0; last < 2; last++) {
        struct list_value *l = list_value_new(list_limit_of(-1));
        uint64_t inside;
        for (unsigned i = 0; i < 3000; i++) push_number(l, last, i);
        while (chunk_at(chunk_tree_end(&l->chunks, last)).count > 1)
            list_value_drop(l, last ? list_value_count(l) - 1 : 0, 1);
        list_value_drop(l, last ? list_value_count(l) - 1 : 0, 1); /* to a border */
        struct chunk_place place = chunk_tree_end(&l->chunks, last);
        const void *end = NULL;
        for (unsigned i = 0; i < 20; i++) {
            push_number(l, last, i);
            list_value_drop(l, last ? list_value_count(l) - 1 : 0, 1);
            place = chunk_tree_find(&l->chunks, last ? list_value_count(l) - 1 : 0, &inside);
            CU_ASSERT(i < 2 || chunk_at(place).p == end);
            end = chunk_at(place).p;
        }
        list_value_free(l);
    }
}

/* The limit holds for chunks as they are, or sealed; never for more elements than fit unsealed. */
static void tiny_elements_are_counted(void) {
    struct list_value *l = list_value_new(list_limit_of(-5));
    for (unsigned i = 0; i < 200000; i++)
        list_value_push(l, true, (struct list_item){slice_cstr("7"), NULL});
    struct chunk_place place = chunk_tree_end(&l->chunks, false);
    for (; chunk_place_valid(place); place = chunk_place_next(place))
        CU_ASSERT_FATAL(chunk_at(place).count <= 32768);
    list_value_free(l);
}

/* A queue moves nothing but ends: its memory stays that of its elements. */
static void queue_keeps_its_size(void) {
    struct list_value *l = list_value_new(list_limit_of(-2));
    char text[24];
    for (unsigned i = 0; i < 200000; i++) {
        bool last = i / 50000 % 2;
        int n = snprintf(text, sizeof text, "element:%u", i);
        list_value_push(l, last, (struct list_item){slice_of(text, (size_t)n), NULL});
        if (list_value_count(l) > 3000) list_value_drop(l, last ? 0 : 3000, 1);
        CU_ASSERT_FATAL(list_value_memory(l) < 3001 * 20 + 40000);
    }
    list_value_free(l);
}

static void limits(void) {
    struct list_limit bytes = list_limit_of(-2), count = list_limit_of(4);
    CU_ASSERT(list_limit_allows(bytes, 8192, 5000));
    CU_ASSERT(!list_limit_allows(bytes, 8193, 1));
    CU_ASSERT(list_limit_halved(bytes, 4096, 5000));
    CU_ASSERT(!list_limit_halved(bytes, 4097, 1));
    CU_ASSERT(list_limit_allows(count, 8192, 4));
    CU_ASSERT(!list_limit_allows(count, 100, 5));
    CU_ASSERT(!list_limit_allows(count, 8193, 1));
    CU_ASSERT(list_limit_halved(count, 8192, 2));
    CU_ASSERT(!list_limit_halved(count, 10, 3));
    CU_ASSERT_EQUAL(list_limit_of(-1).bytes, 4096);
    CU_ASSERT_EQUAL(list_limit_of(-9).bytes, 65536);
    CU_ASSERT_EQUAL(list_limit_of(0).count, 1);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"agrees_with_an_array", agrees_with_an_array},
        {"short_elements_agree_too", short_elements_agree_too},
        {"long_lists_are_sealed", long_lists_are_sealed},
        {"stills_stay", stills_stay},
        {"stills_are_read_meanwhile", stills_are_read_meanwhile},
        {"ends_go_under_a_still", ends_go_under_a_still},
        {"removal_goes_on_in_a_shared_leaf", removal_goes_on_in_a_shared_leaf},
        {"queue_under_a_still", queue_under_a_still},
        {"turns_at_a_border_seal_nothing", turns_at_a_border_seal_nothing},
        {"tiny_elements_are_counted", tiny_elements_are_counted},
        {"queue_keeps_its_size", queue_keeps_its_size},
        {"limits", limits},
        {NULL, NULL},
    };
    random_seed(&rng, 5);
    return suite_main("list", tests);
}
