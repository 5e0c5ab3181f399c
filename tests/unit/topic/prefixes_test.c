/* prefixes_test.c - the tree of prefixes against a model that tests each of them. */
#include "topic/prefixes.h"

#include "base/mem.h"
#include "base/random.h"
#include "support/suite.h"

#define PREFIXES_MAX 2000

/* A prefix of the test: the item of the tree. */
struct held {
    char text[16];
    size_t n;
    bool seen;
};

static struct random dice;
static struct prefixes ix;
static struct held *held[PREFIXES_MAX];
static size_t held_count, last_bytes;

static size_t below(size_t n) { return random_next_below(&dice, n); }

static struct slice text_of(const struct held *h) { return slice_of(h->text, h->n); }

/* Of few different bytes, zero and the highest among them, so that they share beginnings. */
static size_t any_text(char *to, size_t bytes_max) {
    static const char bytes[] = {'a', 'b', 0, (char)0xff};
    size_t n = below(bytes_max + 1);
    for (size_t i = 0; i < n; i++) to[i] = bytes[below(sizeof bytes)];
    return n;
}

static struct held *find(struct slice text) {
    for (size_t i = 0; i < held_count; i++) {
        if (slice_eq(text_of(held[i]), text)) return held[i];
    }
    return NULL;
}

static void add(void) {
    struct held *h = mem_calloc(sizeof *h);
    h->n = any_text(h->text, sizeof h->text);
    struct held *old = find(text_of(h));
    CU_ASSERT_PTR_EQUAL(prefixes_find(&ix, text_of(h)), old);
    void **at = prefixes_at(&ix, text_of(h));
    CU_ASSERT_PTR_EQUAL(*at, old);
    if (old || held_count == PREFIXES_MAX) {
        if (!old) { /* no room in the model: it goes again */
            *at = h;
            prefixes_remove(&ix, text_of(h));
        }
        mem_free(h);
        return;
    }
    *at = h;
    held[held_count++] = h;
}

static void drop(size_t i) {
    prefixes_remove(&ix, text_of(held[i]));
    mem_free(held[i]);
    held[i] = held[--held_count];
}

static void see(void *ctx, void *item) {
    struct held *h = item;
    CU_ASSERT(!h->seen);
    h->seen = true;
    CU_ASSERT(*(size_t *)ctx == 0 || h->n > last_bytes); /* the shortest first */
    last_bytes = h->n;
    ++*(size_t *)ctx;
}

static void match(void) {
    char name[24];
    size_t n = any_text(name, sizeof name), hits = 0, wanted = 0;
    prefixes_match(&ix, slice_of(name, n), see, &hits);
    for (size_t i = 0; i < held_count; i++) {
        bool want = slice_begins(slice_of(name, n), text_of(held[i]));
        CU_ASSERT_EQUAL(held[i]->seen, want);
        wanted += want;
        held[i]->seen = false;
    }
    CU_ASSERT_EQUAL(hits, wanted);
}

static void does_as_the_model(void) {
    for (int round = 0; round < 20; round++) {
        size_t most = 1 + below(round % 4 ? 30 : PREFIXES_MAX);
        for (int i = 0; i < 3000; i++) {
            if (held_count && (held_count > most || below(3) == 0)) {
                drop(below(held_count));
            } else {
                add();
            }
            if (i % 8 == 0) match();
            CU_ASSERT_EQUAL(ix.count, held_count);
        }
        while (held_count) drop(below(held_count));
        CU_ASSERT_PTR_NULL(ix.root);
        match();
    }
    prefixes_fini(&ix);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"does_as_the_model", does_as_the_model},
        {NULL, NULL},
    };
    random_seed(&dice, 7);
    return suite_main("prefixes", tests);
}
