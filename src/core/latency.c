/* latency.c - see latency.h. */
#include "core/latency.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "core/config.h"

struct latency {
    const struct config *conf;
    struct latency_event *events[LATENCY_EVENTS_MAX];
    size_t count;
};

struct latency *latency_new(const struct config *conf) {
    struct latency *l = mem_calloc(sizeof *l);
    l->conf = conf;
    return l;
}

void latency_free(struct latency *l) {
    latency_reset_all(l);
    mem_free(l);
}

static struct latency_event *event_for(struct latency *l, const char *name) {
    for (size_t i = 0; i < l->count; i++) {
        if (strcmp(l->events[i]->name, name) == 0) return l->events[i];
    }
    ASSERT(l->count < LATENCY_EVENTS_MAX);
    struct latency_event *e = mem_calloc(sizeof *e);
    e->name = name;
    l->events[l->count++] = e;
    return e;
}

void latency_note(struct latency *l, const char *event, int64_t ms) {
    int64_t threshold_ms = l->conf->latency_threshold_ms;
    if (likely(!threshold_ms || ms < threshold_ms)) return;
    struct latency_event *e = event_for(l, event);
    int64_t now_s = clock_unix_ms() / 1000;
    if (ms > e->ms_max) e->ms_max = ms;
    struct latency_sample *last =
        &e->ring[(e->next + LATENCY_SAMPLES_MAX - 1) % LATENCY_SAMPLES_MAX];
    if (e->count && last->unix_s == now_s) {
        if (ms > last->ms) last->ms = ms;
        return;
    }
    e->ring[e->next] = (struct latency_sample){now_s, ms};
    e->next = (e->next + 1) % LATENCY_SAMPLES_MAX;
    if (e->count < LATENCY_SAMPLES_MAX) e->count++;
}

size_t latency_event_count(const struct latency *l) { return l->count; }

const struct latency_event *latency_event_at(const struct latency *l, size_t i) {
    return l->events[i];
}

const struct latency_event *latency_find(const struct latency *l, struct slice name) {
    for (size_t i = 0; i < l->count; i++) {
        if (slice_is(name, l->events[i]->name)) return l->events[i];
    }
    return NULL;
}

const struct latency_sample *latency_sample_at(const struct latency_event *e, int i) {
    return &e->ring[(e->next - e->count + i + LATENCY_SAMPLES_MAX) % LATENCY_SAMPLES_MAX];
}

size_t latency_reset(struct latency *l, struct slice name) {
    for (size_t i = 0; i < l->count; i++) {
        if (!slice_is(name, l->events[i]->name)) continue;
        mem_free(l->events[i]);
        memmove(l->events + i, l->events + i + 1, (--l->count - i) * sizeof *l->events);
        return 1;
    }
    return 0;
}

size_t latency_reset_all(struct latency *l) {
    size_t n = l->count;
    while (l->count) mem_free(l->events[--l->count]);
    return n;
}
