/* stream_idmp_test.c - what a stream knows of its producers, beside a plain list of it. */
#include "types/stream_idmp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "support/suite.h"

#define SENT_MAX 4096

/* What was sent, the oldest first. */
struct sent {
    char producer[8], iid[8];
    struct stream_id id;
};
static struct sent sent[SENT_MAX];
static size_t sent_count;
static struct stream_idmp_limits limits;

static void drop(size_t i) { memmove(sent + i, sent + i + 1, (--sent_count - i) * sizeof *sent); }

static bool is_over(const struct sent *x, uint64_t now_ms) {
    return x->id.ms + limits.duration_s * 1000 <= now_ms;
}

static struct sent *find(const char *producer, const char *iid, uint64_t now_ms) {
    for (size_t i = 0; i < sent_count; i++) {
        if (!strcmp(sent[i].producer, producer) && !strcmp(sent[i].iid, iid)) {
            return is_over(&sent[i], now_ms) ? NULL : &sent[i];
        }
    }
    return NULL;
}

static void add(const char *producer, const char *iid, struct stream_id id, uint64_t now_ms) {
    for (size_t i = sent_count; i--;) {
        if (is_over(&sent[i], now_ms)) drop(i);
    }
    struct sent *x = &sent[sent_count++];
    snprintf(x->producer, sizeof x->producer, "%s", producer);
    snprintf(x->iid, sizeof x->iid, "%s", iid);
    x->id = id;
    size_t of_producer = 0;
    for (size_t i = 0; i < sent_count; i++) of_producer += !strcmp(sent[i].producer, producer);
    for (size_t i = 0; of_producer > limits.entries_max; i++) {
        if (strcmp(sent[i].producer, producer) != 0) continue;
        drop(i);
        break;
    }
}

static void expect_counts(const struct stream_idmp *m, uint64_t now_ms, uint64_t added,
                          uint64_t duplicates) {
    struct stream_idmp_counts counts = stream_idmp_counts(m, (int64_t)now_ms);
    uint64_t iids = 0, producers = 0;
    for (size_t i = 0; i < sent_count; i++) {
        if (is_over(&sent[i], now_ms)) continue;
        iids++;
        size_t j = i + 1;
        while (j < sent_count && strcmp(sent[j].producer, sent[i].producer) != 0) j++;
        producers += j == sent_count;
    }
    CU_ASSERT_EQUAL(counts.iids, iids);
    CU_ASSERT_EQUAL(counts.producers, producers);
    CU_ASSERT_EQUAL(counts.added, added);
    CU_ASSERT_EQUAL(counts.duplicates, duplicates);
}

static void agrees_with_a_list(void) {
    struct stream *s = stream_new();
    limits = (struct stream_idmp_limits){3, 5};
    sent_count = 0;
    CU_ASSERT_PTR_NULL(stream_idmp(s));
    struct stream_idmp *m = stream_idmp_make(s, limits);
    uint64_t now_ms = 1000, added = 0, duplicates = 0;
    srand(5);
    for (int i = 0; i < 20000; i++) {
        char producer[8], iid[8];
        struct stream_id id, want = {now_ms, (uint64_t)i};
        snprintf(producer, sizeof producer, "p%d", rand() % 4);
        snprintf(iid, sizeof iid, "i%d", rand() % 12);
        const struct sent *known = find(producer, iid, now_ms);
        bool found =
            stream_idmp_find(m, slice_cstr(producer), slice_cstr(iid), (int64_t)now_ms, &id);
        CU_ASSERT_EQUAL_FATAL(found, known != NULL);
        if (found) {
            CU_ASSERT(stream_id_eq(id, known->id));
            stream_idmp_note_duplicate(m);
            duplicates++;
        } else {
            stream_idmp_add(m, slice_cstr(producer), slice_cstr(iid), want, (int64_t)now_ms);
            add(producer, iid, want, now_ms);
            added++;
        }
        if (rand() % 3 == 0) now_ms += (uint64_t)(rand() % 500);
        if (rand() % 50 == 0) now_ms += 4000;
        if (rand() % 10 == 0) expect_counts(m, now_ms, added, duplicates);
        if (rand() % 500 == 0) { /* a copy knows the same */
            struct stream *copy = stream_copy(s);
            CU_ASSERT_EQUAL(stream_memory(copy) > 0, true);
            stream_free(s);
            s = copy;
            m = stream_idmp(s);
        }
        if (rand() % 1000 == 0) {
            limits.entries_max = 3 + (uint64_t)rand() % 5;
            if (stream_idmp_limits(m).entries_max != limits.entries_max) sent_count = 0;
            stream_idmp_set_limits(m, limits);
        }
    }
    CU_ASSERT(stream_free_cost(s) > 1);
    stream_free(s);
}

static void iids_follow_from_fields(void) {
    static const struct slice ab[] = {{"a", 1}, {"1", 1}, {"b", 1}, {"2", 1}};
    static const struct slice ba[] = {{"b", 1}, {"2", 1}, {"a", 1}, {"1", 1}};
    static const struct slice other[] = {{"a", 1}, {"2", 1}, {"b", 1}, {"1", 1}};
    static const struct slice cut[] = {{"a1", 2}, {"", 0}, {"b", 1}, {"2", 1}};
    char x[STREAM_IID_AUTO_BYTES], y[STREAM_IID_AUTO_BYTES];
    stream_idmp_auto(ab, 2, x);
    stream_idmp_auto(ba, 2, y);
    CU_ASSERT(memcmp(x, y, sizeof x) == 0);
    stream_idmp_auto(other, 2, y);
    CU_ASSERT(memcmp(x, y, sizeof x) != 0);
    stream_idmp_auto(cut, 2, y);
    CU_ASSERT(memcmp(x, y, sizeof x) != 0);
    stream_idmp_auto(ab, 1, y);
    CU_ASSERT(memcmp(x, y, sizeof x) != 0);
}

/* Names may have any bytes and any length. */
static void names_are_bytes(void) {
    static char name[70000];
    struct stream *s = stream_new();
    struct stream_idmp *m = stream_idmp_make(s, (struct stream_idmp_limits){100, 100});
    struct stream_id id;
    memset(name, 0, sizeof name);
    for (size_t n = 1; n < sizeof name; n = n * 3 + 1) {
        stream_idmp_add(m, slice_of(name, n), slice_of(name, n), (struct stream_id){5, n}, 5);
        CU_ASSERT(stream_idmp_find(m, slice_of(name, n), slice_of(name, n), 5, &id));
        CU_ASSERT_EQUAL(id.seq, n);
        CU_ASSERT(!stream_idmp_find(m, slice_of(name, n), slice_of(name, n + 1), 5, &id));
    }
    stream_free(s);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"agrees_with_a_list", agrees_with_a_list},
        {"iids_follow_from_fields", iids_follow_from_fields},
        {"names_are_bytes", names_are_bytes},
        {NULL, NULL},
    };
    hash_init(1);
    return suite_main("stream_idmp", tests);
}
