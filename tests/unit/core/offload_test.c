/* offload_test.c - commands on a worker whose clients leave, with a command of the test's own:
 *
 *   count KEY    replies 1 from a worker, which waits at the test's gate
 *   mark KEY     the same of one that writes: its commit counts, whoever is still there
 */
#include "core/offload.h"
#include "core/places.h"

#include <semaphore.h>
#include <string.h>
#include <sys/uio.h>

#include "base/nap.h"
#include "core/config.h"
#include "support/suite.h"

#define SESSIONS 4
#define MUCH 1000000000 /* units of work */

static struct config *conf;
static struct work_pool *pool;
static struct core *core;
static struct session sessions[SESSIONS];
static sem_t begun, gate, woken;
static _Atomic int cancelled; /* computations that were told */
static int commits;

/* ---- commands ------------------------------------------------------------------------ */

static void compute(void *state, struct reply *r) {
    (void)state;
    sem_post(&begun);
    sem_wait(&gate);
    cancelled += nap_take();
    reply_int(r, 1);
}

static void commit(struct ctx *c, void *state) {
    (void)c;
    (void)state;
    commits++;
}

static void count(struct ctx *c) {
    char state;
    offload(
        c, &(struct offload){.units = MUCH, .state = &state, .state_bytes = 1, .compute = compute});
}

static void mark(struct ctx *c) {
    char state;
    offload(c, &(struct offload){.units = MUCH,
                                 .state = &state,
                                 .state_bytes = 1,
                                 .compute = compute,
                                 .commit = commit});
}

#define ROW(name_, run_, flags_, key_)                                                             \
    {                                                                                              \
        .name = name_, .run = run_, .arity = 2, .flags = flags_, .acl = ACL_STRING,                \
        .keys =                                                                                    \
            {{.flags = key_, .begin = BEGIN_INDEX, .index = 1, .find = FIND_RANGE, .step = 1}},    \
        .since = "1.0.0", .summary = "Tests.", .complexity = "O(1)"                                \
    }
static const struct row rows[] = {
    ROW("count", count, ROW_READONLY, KEY_RO),
    ROW("mark", mark, ROW_WRITE, KEY_RW),
    {0},
};

/* ---- the server ---------------------------------------------------------------------- */

static void kick(struct session *s) { (void)s; }

static void wake(void *ctx) {
    (void)ctx;
    sem_post(&woken);
}

static void begin(void) {
    static const struct row *const families[] = {rows, NULL};
    sem_init(&begun, 0, 0);
    sem_init(&gate, 0, 0);
    sem_init(&woken, 0, 0);
    cancelled = commits = 0;
    conf = config_new();
    pool = work_pool_new(1);
    core = core_new(conf, families, pool);
    offloads_set_wake(core->offloads, wake, NULL);
    for (int i = 0; i < SESSIONS; i++) {
        session_init(&sessions[i], core);
        sessions[i].kick = kick;
    }
}

/* The sessions that left are said by bits. */
static void end(unsigned left) {
    for (int i = 0; i < SESSIONS; i++) {
        if (!(left & 1u << i)) session_fini(&sessions[i]);
    }
    CU_ASSERT_EQUAL(offload_counts(core).running, 0);
    CU_ASSERT_EQUAL(lane_counts(places_lanes(core)).tickets, 0);
    work_pool_free(pool);
    core_free(core);
    config_free(conf);
    sem_destroy(&begun);
    sem_destroy(&gate);
    sem_destroy(&woken);
}

static void run(int i, const char *name, const char *key) {
    const struct slice argv[] = {slice_cstr(name), slice_cstr(key)};
    struct request req = {.argv = argv, .argc = 2};
    exec_prepare(core, &req, NULL);
    exec_run(core, &sessions[i], &req);
    if (core->after_due) exec_after(core);
}

static bool told(int i, const char *want) {
    struct iovec piece = {0};
    int count = reply_pieces(&sessions[i].reply, &piece, 1);
    bool same = piece.iov_len == strlen(want) &&
                (!count || memcmp(piece.iov_base, want, piece.iov_len) == 0);
    reply_sent(&sessions[i].reply, piece.iov_len);
    return same;
}

/* Lets so many computations end and commits them. */
static void let_end(int n) {
    for (int i = 0; i < n; i++) sem_post(&gate);
    for (int i = 0; i < n; i++) sem_wait(&woken);
    offload_collect(core);
}

static struct work_queue_counts queue(void) { return work_queue_counts(core->queues.commands); }

/* ---- tests --------------------------------------------------------------------------- */

/* Session 0's command runs, those of 1 and 2 wait for the one worker. */
static void who_leaves_is_not_computed_for(void) {
    begin();
    for (int i = 0; i < 3; i++) run(i, "count", "k");
    sem_wait(&begun);
    CU_ASSERT(queue().running == 1 && queue().queued == 2);
    session_fini(&sessions[1]);
    CU_ASSERT(queue().queued == 1 && queue().cancelled == 1);
    CU_ASSERT_EQUAL(offload_counts(core).running, 2);
    session_fini(&sessions[0]); /* its worker is told */
    let_end(2);
    CU_ASSERT_EQUAL(cancelled, 1);
    CU_ASSERT_TRUE(told(2, ":1\r\n"));
    end(1 | 2);
}

static void what_changes_something_goes_on(void) {
    begin();
    run(0, "mark", "a");
    sem_wait(&begun);
    run(1, "mark", "b");
    session_fini(&sessions[0]);
    session_fini(&sessions[1]);
    let_end(2);
    CU_ASSERT(cancelled == 0 && commits == 2 && queue().cancelled == 0);
    end(1 | 2);
}

/* The server ends between a computation and its commit. */
static void what_is_left_is_dropped(void) {
    begin();
    run(0, "mark", "a");
    session_fini(&sessions[0]);
    sem_post(&gate);
    sem_wait(&woken);
    CU_ASSERT_EQUAL(offload_counts(core).running, 1);
    for (int i = 1; i < SESSIONS; i++) session_fini(&sessions[i]);
    work_pool_free(pool);
    core_free(core);
    config_free(conf);
    CU_ASSERT_EQUAL(commits, 0);
}

static void too_many_are_refused(void) {
    begin();
    core->queues.commands = work_queue_new(pool, "narrow", 2, 1);
    run(0, "count", "a");
    sem_wait(&begun);
    run(1, "mark", "b");
    run(2, "mark", "c");
    CU_ASSERT_TRUE(told(2, "-LANEFULL 2 commands are on their way to a worker already\r\n"));
    CU_ASSERT_FALSE(sessions[2].state & SESSION_BLOCKED);
    CU_ASSERT_EQUAL(offload_counts(core).running, 2);
    let_end(2);
    CU_ASSERT_TRUE(told(0, ":1\r\n") && told(1, ":1\r\n"));
    CU_ASSERT_EQUAL(commits, 1);
    end(0);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"who_leaves_is_not_computed_for", who_leaves_is_not_computed_for},
        {"what_changes_something_goes_on", what_changes_something_goes_on},
        {"what_is_left_is_dropped", what_is_left_is_dropped},
        {"too_many_are_refused", too_many_are_refused},
        {NULL, NULL},
    };
    return suite_main("offload", tests);
}
