/* queue.h - named queues of jobs for the pool, with bounds.
 *
 * Q1  Jobs of a queue start in the order given, at most running_max of them at once, so that one
 *     kind of work does not take all threads.
 * Q2  At most `capacity` jobs wait; one more is refused at once. Who submits decides what that
 *     means: an error for a client, a later try, or the work done in place.
 * Q3  A job lies in its owner's memory, which it may free when it runs. Who cancels one knows that
 *     it is still there.
 * Threads: any, but for work_queue_new. To add a queue: make it where its owner is made, with a
 * capacity in base/limits.h; INFO services lists it.
 */
#ifndef WORK_QUEUE_H
#define WORK_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct work_pool;
struct work_queue;

struct work_job {
    void (*run)(struct work_job *job); /* on a worker */
    /* The queue's own, set by work_queue_submit: */
    struct work_queue *queue;
    struct list_link in_queue;
    uint64_t queued_ticks;
    _Atomic bool cancelled; /* what nap_point tells while it runs */
};

/* A queue of this pool, which owns it; before the pool's first job. The name is static.
 * running_max more than there are threads: all of them; 0 and below: all but so many, but one. */
struct work_queue *work_queue_new(struct work_pool *pool, const char *name, size_t capacity,
                                  int running_max);

/* False: the queue is full, and nothing was taken. */
bool work_queue_submit(struct work_queue *queue, struct work_job *job);

/* Whether a job would be taken; true stays true for the only one who submits. */
bool work_queue_has_room(struct work_queue *queue);

/* Takes a submitted job out: true if it had not begun, and then never will. False: it runs, and
 * learns of it by nap_point, or has run. */
bool work_job_cancel(struct work_job *job);

struct work_queue_counts {
    size_t capacity, queued;
    int running;
    uint64_t done, refused, cancelled;
    uint64_t wait_us_max; /* from submission to begin */
    uint64_t run_us_last, run_us_max;
};
struct work_queue_counts work_queue_counts(struct work_queue *queue);
size_t work_queue_capacity(const struct work_queue *queue);
const char *work_queue_name(const struct work_queue *queue);

/* The queues of a pool in the order they were made: the one behind this, NULL for the first. */
struct work_queue *work_queue_next(const struct work_pool *pool, const struct work_queue *queue);

#endif
