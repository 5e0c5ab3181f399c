/* still_reader.c - see still_reader.h. */
#include "still_reader.h"

#include <sched.h>

#include "support/suite.h"

static void *read_on(void *ctx) {
    struct still_reader *r = ctx;
    do {
        r->all_agreed = r->agrees(r->ctx) && r->all_agreed;
        atomic_fetch_add(&r->passes, 1);
    } while (!atomic_load(&r->stop));
    return NULL;
}

void still_reader_start(struct still_reader *r, still_agrees *agrees, const void *ctx) {
    *r = (struct still_reader){.agrees = agrees, .ctx = ctx, .all_agreed = true};
    CU_ASSERT_EQUAL_FATAL(pthread_create(&r->thread, NULL, read_on, r), 0);
    while (!atomic_load(&r->passes)) sched_yield();
}

bool still_reader_stop(struct still_reader *r) {
    unsigned begun = atomic_load(&r->passes);
    while (atomic_load(&r->passes) == begun) sched_yield();
    atomic_store(&r->stop, true);
    pthread_join(r->thread, NULL);
    return r->all_agreed;
}
