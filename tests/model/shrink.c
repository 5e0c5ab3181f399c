/* shrink.c - cuts a failing history down. See shrink.h. */
#include "shrink.h"

#include <stdlib.h>
#include <string.h>

#include "link.h"

size_t replay(struct run *r, struct step *const *steps, size_t n, struct failure *f) {
    run_fresh(r);
    for (size_t at = 0; at < n;) {
        size_t some = 1;
        while (at + some < n && steps[at + some]->batch == steps[at]->batch &&
               steps[at + some]->conn == steps[at]->conn)
            some++;
        if (!run_batch(r, steps + at, some, f)) return at + f->at + 1;
        at += some;
    }
    if (run_fresh(r)) return 0;
    *f = (struct failure){.at = 0};
    text_cstr(&f->what, "our server did not end well");
    return n;
}

/* Tries without `count` steps from `from`; takes it over if it still fails. */
static bool try_without(struct run *r, struct step **steps, size_t *n, size_t from, size_t count,
                        struct failure *f) {
    size_t left = *n - count;
    struct step **fewer = model_alloc(left * sizeof *fewer);
    memcpy(fewer, steps, from * sizeof *fewer);
    memcpy(fewer + from, steps + from + count, (left - from) * sizeof *fewer);
    struct failure now;
    size_t took = replay(r, fewer, left, &now);
    if (took) {
        memcpy(steps, fewer, took * sizeof *fewer);
        *n = took;
        failure_free(f);
        *f = now;
    }
    free(fewer);
    return took != 0;
}

bool shrink(struct run *r, struct step **steps, size_t *n, int seconds, struct failure *f) {
    int64_t end = model_now_ms() + (int64_t)seconds * 1000;
    *f = (struct failure){.at = 0};
    size_t took = replay(r, steps, *n, f);
    if (took == 0) return false;
    *n = took;
    for (size_t chunk = *n / 2; chunk > 0 && model_now_ms() < end; chunk /= 2) {
        size_t from = 0;
        while (from + chunk < *n && model_now_ms() < end)
            if (!try_without(r, steps, n, from, chunk, f)) from += chunk;
    }
    return true;
}
