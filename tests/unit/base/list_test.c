/* list_test.c - random operations against an array. */
#include "base/list.h"

#include "base/random.h"
#include "support/suite.h"

#include <string.h>

enum { MEMBERS = 12, ROUNDS = 100000 };

struct member {
    int id;
    struct list_link link;
};

static struct member members[MEMBERS];
static struct list lists[2];
static int model[2][MEMBERS], length[2];

static int id_of(const struct list_link *l) { return LIST_MEMBER(l, struct member, link)->id; }

static bool same_as_model(int which) {
    const struct list *list = &lists[which];
    int n = 0;
    const struct list_link *last = NULL;
    for (const struct list_link *l = list_first(list); l; l = list_next(list, l)) {
        if (n == length[which] || id_of(l) != model[which][n++]) return false;
        if (list_prev(list, l) != last) return false;
        last = l;
    }
    return n == length[which] && list_last(list) == last && list_empty(list) == (n == 0);
}

static void insert(int which, int at, int id) {
    int *m = model[which];
    memmove(m + at + 1, m + at, sizeof *m * (size_t)(length[which]++ - at));
    m[at] = id;
}

static void forget(int id) {
    for (int w = 0; w < 2; w++) {
        for (int i = 0; i < length[w]; i++) {
            if (model[w][i] != id) continue;
            memmove(model[w] + i, model[w] + i + 1, sizeof(int) * (size_t)(--length[w] - i));
        }
    }
}

static void step(struct random *r) {
    int w = (int)random_next_below(r, 2), id = (int)random_next_below(r, MEMBERS);
    struct list_link *l = &members[id].link;
    switch (random_next_below(r, 6)) {
    case 0:
        list_unlink(l);
        forget(id);
        list_push_front(&lists[w], l);
        insert(w, 0, id);
        break;
    case 1:
        list_unlink(l);
        forget(id);
        list_push_back(&lists[w], l);
        insert(w, length[w], id);
        break;
    case 2:
        list_unlink(l);
        forget(id);
        CU_ASSERT_FALSE(list_linked(l));
        break;
    case 3: {
        struct list_link *popped = list_pop_front(&lists[w]);
        CU_ASSERT_EQUAL(popped == NULL, length[w] == 0);
        if (popped) forget(id_of(popped));
        break;
    }
    case 4:
        if (length[w] && !list_linked(l)) {
            int at = (int)random_next_below(r, (uint64_t)length[w]);
            list_insert_after(&members[model[w][at]].link, l);
            insert(w, at + 1, id);
        }
        break;
    default:
        if (random_next_below(r, 8)) break;
        list_splice_back(&lists[w], &lists[!w]);
        memcpy(model[w] + length[w], model[!w], sizeof(int) * (size_t)length[!w]);
        length[w] += length[!w];
        length[!w] = 0;
    }
}

static void as_an_array(void) {
    struct random r;
    random_seed(&r, 3);
    for (int i = 0; i < MEMBERS; i++) {
        members[i].id = i;
        list_link_init(&members[i].link);
    }
    list_init(&lists[0]);
    list_init(&lists[1]);
    for (int i = 0; i < ROUNDS; i++) {
        step(&r);
        CU_ASSERT_FATAL(same_as_model(0) && same_as_model(1));
    }
}

int main(void) {
    static const struct suite_test tests[] = {
        {"as_an_array", as_an_array},
        {NULL, NULL},
    };
    return suite_main("list", tests);
}
