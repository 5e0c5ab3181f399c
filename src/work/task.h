/* task.h - what the server does by itself on the loop, by name: now and then, or when it is due.
 *
 * T1  A periodic task runs at multiples of its period (of the clock that the caller brings), so
 *     that tasks fall together and wake an idle server once; times that were missed are skipped.
 *     Its first run is the first that comes.
 * T2  A task without a period runs where it is called for; whoever runs it notes what it took.
 * A task lies in its owner, who sets the first four members and keeps it until it is dropped.
 * Threads: the loop. To add one: work_task_add where its owner is made; INFO services lists it.
 */
#ifndef WORK_TASK_H
#define WORK_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct work_tasks;

struct work_task {
    const char *name;   /* static */
    uint32_t period_ms; /* 0: see T2 */
    void (*run)(void *ctx);
    void *ctx;
    /* Its own: */
    struct list_link in_tasks;
    int64_t due_ms;
    uint64_t runs, us_last, us_max;
};

static inline struct work_task work_task_of(const char *name, uint32_t period_ms,
                                            void (*run)(void *ctx), void *ctx) {
    return (struct work_task){.name = name, .period_ms = period_ms, .run = run, .ctx = ctx};
}

struct work_tasks *work_tasks_new(void);

/* Tasks that were not dropped are forgotten. */
void work_tasks_free(struct work_tasks *tasks);

void work_task_add(struct work_tasks *tasks, struct work_task *task);
void work_task_drop(struct work_task *task);

/* Runs what is due in the order added; returns when the next will be, INT64_MAX for never.
 * Milliseconds of a clock that does not run backwards. A task may drop itself, no other. */
int64_t work_tasks_run(struct work_tasks *tasks, int64_t now_ms);

/* Paused, none is due. */
void work_tasks_pause(struct work_tasks *tasks, bool paused);

/* A run that took so many clock_ticks. */
void work_task_note(struct work_task *task, uint64_t ticks);

/* In the order added: the one behind this, NULL for the first. */
struct work_task *work_task_next(const struct work_tasks *tasks, const struct work_task *task);

#endif
