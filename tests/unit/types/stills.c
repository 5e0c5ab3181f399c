/* stills.c - see stills.h. */
#include "stills.h"

#include <string.h>

#include "base/mem.h"
#include "support/suite.h"

void still_bytes_add(struct still_bytes *b, const void *p, size_t n) {
    if (b->right) {
        const struct still_bytes *right = b->right;
        if (b->differ || n > right->n - b->n || (n && memcmp(right->p + b->n, p, n))) {
            b->differ = true;
            return;
        }
    } else if (n) {
        if (b->n + n > b->cap) b->p = mem_realloc(b->p, b->cap = (b->n + n) * 2);
        memcpy(b->p + b->n, p, n);
    }
    b->n += n;
}

bool still_case_make(struct still_case *c, const struct still_kind *kind, void *object) {
    *c = (struct still_case){.kind = kind, .still = kind->make(object)};
    if (c->still) kind->tell_now(&c->right, object);
    return c->still;
}

bool still_case_agrees(const void *still_case) {
    const struct still_case *c = still_case;
    struct still_bytes with = {.right = &c->right};
    c->kind->tell(&with, c->still);
    return !with.differ && with.n == c->right.n;
}

void still_case_end(struct still_case *c, void *object) {
    c->kind->end(object, c->still);
    c->still = NULL;
    mem_free(c->right.p);
}

void stills_step(struct stills *s, const struct still_kind *kind, void *object, struct random *rng,
                 unsigned rarely) {
    struct still_case *c = &s->cases[random_next_below(rng, STILLS_MAX)];
    if (random_next_below(rng, rarely)) return;
    if (!c->still) {
        s->made += still_case_make(c, kind, object);
        return;
    }
    CU_ASSERT(still_case_agrees(c));
    if (random_next_below(rng, 2)) still_case_end(c, object);
}

void stills_end(struct stills *s, void *object, struct random *rng) {
    unsigned from = (unsigned)random_next_below(rng, STILLS_MAX);
    for (unsigned i = 0; i < STILLS_MAX; i++) {
        struct still_case *c = &s->cases[(from + i) % STILLS_MAX];
        if (!c->still) continue;
        CU_ASSERT(still_case_agrees(c));
        still_case_end(c, object);
    }
}
