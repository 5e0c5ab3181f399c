/* multi.c - see multi.h. Threads: the loop. */
#include "core/multi.h"

#include "base/assert.h"
#include "base/mem.h"
#include "core/watch.h"

void multi_begin(struct session *s) {
    ASSERT(!s->multi);
    s->multi = mem_calloc(sizeof *s->multi);
    s->multi->s = s;
    s->gates |= GATE_MULTI;
}

static uint32_t flags_of(struct core *core, const struct request *req) {
    const struct row *row = req->row;
    bool reads = row->only_reads && row->only_reads(core, req->argv, req->argc);
    return reads ? row->flags & ~(uint32_t)ROW_MAY_REPLICATE : row->flags;
}

void multi_queue(struct session *s, const struct request *req) {
    struct multi *m = s->multi;
    if (m->count == m->room) {
        m->room = m->room ? 2 * m->room : 4;
        m->requests = mem_realloc(m->requests, m->room * sizeof *m->requests);
    }
    request_copy(&m->requests[m->count++], req, req->argv);
    for (int i = 0; i < req->argc; i++) m->bytes += req->argv[i].n + sizeof(struct slice);
    m->flags |= flags_of(s->core, req);
}

void multi_choose_rows(struct core *core, struct multi *m) {
    if (likely(!(m->flags & ROW_MAY_REPLICATE))) return;
    for (size_t i = 0; i < m->count; i++) {
        struct request *req = &m->requests[i];
        req->row = exec_row(core, req);
        m->flags |= flags_of(core, req);
    }
}

const struct request *multi_commands(const struct session *s, const struct request *req,
                                     size_t *count) {
    const uint32_t exec = ROW_RUNS_OTHERS | ROW_NOT_QUEUED;
    bool all = s->multi && (req->row->flags & exec) == exec;
    *count = all ? s->multi->count : 1;
    return all ? s->multi->requests : req;
}

struct multi *multi_detach(struct session *s) {
    struct multi *m = s->multi;
    s->multi = NULL;
    s->gates &= ~(uint32_t)GATE_MULTI;
    return m;
}

void multi_free(struct multi *m) {
    if (!m) return;
    for (size_t i = 0; i < m->count; i++) request_free(&m->requests[i]);
    mem_free(m->requests);
    mem_free(m);
}

void multi_end(struct session *s) {
    multi_free(multi_detach(s));
    unwatch_all(s);
}
