/* latency.h - when and how long the server kept its clients waiting.
 *
 * Whoever does something that may take long notes it under the name of an event; what takes
 * latency-monitor-threshold or more becomes a sample. An event keeps its last samples, one a
 * second, the worst of that second.
 * To add an event: a call of latency_note; if the doctor shall know advice for it, a row
 * in latency_report.c.
 * Threads: the loop. Specification: Redis 7.2, LATENCY.
 */
#ifndef CORE_LATENCY_H
#define CORE_LATENCY_H

#include <stdio.h>

#include "base/bytes.h"

#define LATENCY_SAMPLES_MAX 160
#define LATENCY_EVENTS_MAX 32

struct config;
struct latency;

struct latency_sample {
    int64_t unix_s;
    int64_t ms;
};

struct latency_event {
    const char *name;
    int64_t ms_max; /* of all time */
    int count, next;
    struct latency_sample ring[LATENCY_SAMPLES_MAX];
};

/* The configuration is borrowed. */
struct latency *latency_new(const struct config *conf);
void latency_free(struct latency *l);

/* `event` is a literal. At most LATENCY_EVENTS_MAX different ones. */
void latency_note(struct latency *l, const char *event, int64_t ms);

size_t latency_event_count(const struct latency *l);
const struct latency_event *latency_event_at(const struct latency *l, size_t i);
/* NULL if nothing was noted under this name, in any case of its letters. */
const struct latency_event *latency_find(const struct latency *l, struct slice name);

/* Sample i of an event, 0 being the oldest of its `count`. */
const struct latency_sample *latency_sample_at(const struct latency_event *e, int i);

/* Forgets one event, or all; returns how many there were to forget. */
size_t latency_reset(struct latency *l, struct slice name);
size_t latency_reset_all(struct latency *l);

/* Reports for people: a graph of one event, and what may be done about all of them. */
void latency_write_graph(const struct latency_event *e, int64_t now_s, FILE *out);
void latency_write_advice(const struct latency *l, const struct config *conf, FILE *out);

#endif
