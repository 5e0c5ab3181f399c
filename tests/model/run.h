/* run.h - sends steps to both servers and judges the replies.
 *
 * R1  What a step does depends on the steps before it and on nothing else (S1 of step.h);
 *     run_fresh brings both servers into their first state.
 * Connections alternate between RESP2 and RESP3. Replies that differ are first judged by
 * the step's mode, then by differences.txt; the rest is a failure.
 * Threads: one.
 */
#ifndef MODEL_RUN_H
#define MODEL_RUN_H

#include "diffs.h"
#include "step.h"

#define RUN_CONNECTIONS 4

/* Faults for the self-test: our server gets something else than the oracle. */
enum run_fault { FAULT_NONE, FAULT_REPLY, FAULT_STATE, FAULT_HANG };

struct failure {
    size_t at; /* index of the step in the batch */
    struct text what;
    struct text oracle;
    struct text ours;
};

struct run;

/* Does not start the servers. Borrows diffs. */
struct run *run_new(struct diffs *diffs, enum run_fault fault, bool tiny_pieces);

/* From the next run_fresh on our server keeps a log, which is loaded elsewhere, and compared, at
 * each STEP_CHECK. */
enum run_log { LOG_OFF, LOG_OURS, LOG_BOTH /* redis-server loads it, too */ };
void run_keep_log(struct run *r, enum run_log log);

/* Ends the servers; false if ours did not end well (server_stop of tests/support). */
bool run_free(struct run *r);

/* Both servers anew, empty, with new connections. False as in run_free, for the old ones. */
bool run_fresh(struct run *r);

/* One batch (S2): true when everything agrees. Otherwise *f is filled; the caller frees it
 * with failure_free. */
bool run_batch(struct run *r, struct step *const *steps, size_t n, struct failure *f);

/* Whether our server knows the command. `ctx` is the run. */
bool run_has_command(void *ctx, const char *command);

void failure_free(struct failure *f);

#endif
