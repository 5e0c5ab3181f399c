/* service.h - the parts of the server that run as long as it does, and who looks after them.
 *
 * A service is a pair of callbacks on the loop, or a thread with a function. The supervisor starts
 * it, starts it anew when it ends by itself, and stops all in the reverse order of their starts.
 *
 * S1  Whether one that ended is started again is its restart rule's to say, and when is its
 *     retry policy's, by the number of ends in a row. One that ran for stable_ms has none.
 * S2  A thread is told to end by work_service_wait, and is waited for, stop_ms_max at most. Then
 *     nothing that it uses may be freed: work_services_stop says so.
 * S3  Everything happens when work_services_run is called (a task does), with the time that it
 *     brings: a service that ended is seen then.
 * A service lies in its owner, who sets the first members, and keeps it until all are stopped.
 * Threads: the loop, but where it is said. To add one: work_service_start where the server is put
 * together (main); INFO services lists it.
 */
#ifndef WORK_SERVICE_H
#define WORK_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/retry.h"

#define WORK_WHY_BYTES 256

struct work_services;
struct work_thread;

enum work_restart { WORK_RESTART_NEVER, WORK_RESTART_ON_FAILURE, WORK_RESTART_ALWAYS };

enum work_state {
    WORK_STOPPED, /* has ended, and will not be started again */
    WORK_RUNNING,
    WORK_WAITING, /* for its next start */
    WORK_FAILED,  /* as stopped, with an error */
    WORK_STUCK,   /* was to end in time and did not */
};

struct work_service {
    const char *name; /* static, at most 15 bytes */
    /* Either these two: start returns false with the reason if it cannot; stop (or NULL) returns
     * false if it takes longer than ms_max. */
    bool (*start)(void *ctx, char why[WORK_WHY_BYTES]);
    bool (*stop)(void *ctx, int ms_max);
    /* Or this, on a thread of low priority: returns when work_service_wait is false, or by itself,
     * false with the reason if something failed. */
    bool (*run)(struct work_service *self, void *ctx, char why[WORK_WHY_BYTES]);
    void *ctx;
    enum work_restart restart;
    struct retry_policy retry;
    uint32_t stable_ms;
    int stop_ms_max;
    /* Its own: */
    struct list_link in_services;
    struct work_thread *thread;
    enum work_state state;
    int64_t since_ms;   /* of the state */
    int64_t restart_ms; /* while waiting */
    uint32_t failures;  /* ends in a row */
    uint64_t restarts;
    char error[WORK_WHY_BYTES]; /* the last, or "" */
};

/* No service may be left that was not stopped. */
struct work_services *work_services_new(void);
void work_services_free(struct work_services *services);

/* Adds it, and starts it for the first time. False, with the reason in service->error, if that
 * fails and it is never to be tried again: then it is not added. */
bool work_service_start(struct work_services *services, struct work_service *service,
                        int64_t now_ms);

/* What the callbacks started has ended by itself; its rule decides what comes. */
__attribute__((format(printf, 3, 4))) void
work_service_failed(struct work_service *service, int64_t now_ms, const char *why, ...);

/* An error that it survives, to be shown. */
__attribute__((format(printf, 2, 3))) void work_service_note(struct work_service *service,
                                                             const char *why, ...);

/* Looks at what has ended, and starts what is due. */
void work_services_run(struct work_services *services, int64_t now_ms);

/* Stops all, the last started first. False if one of them is stuck. */
bool work_services_stop(struct work_services *services, int64_t now_ms);

/* ---- for a service with a thread ---- */

/* Its thread: waits until somebody pokes it, or has since the last time; false: it is to end. */
bool work_service_wait(struct work_service *self);

/* The loop; one atomic exchange if it has been poked already. Without effect while it does not run.
 */
void work_service_poke(struct work_service *service);

/* In the order of their starts: the one behind this, NULL for the first. */
struct work_service *work_service_next(const struct work_services *services,
                                       const struct work_service *service);
const char *work_state_name(enum work_state state);

#endif
