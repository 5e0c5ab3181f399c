/* loop_test.c - turns, again requests, watches, wake-ups and signals. */
#include "net/loop.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "net/signal.h"
#include "net/wake.h"
#include "net/watch.h"
#include "unit/net/turns.h"

static void turns_without_events(void) {
    struct net_loop *loop = new_loop();
    CU_ASSERT_STRING_EQUAL(net_loop_method(loop), "epoll");
    CU_ASSERT_EQUAL(net_loop_turn(loop, false), 0);
    CU_ASSERT_EQUAL(net_loop_turn(loop, false), 0);
    net_loop_free(loop);
}

/* Again requests. */

struct step {
    struct net_again again;
    struct net_loop *loop;
    char *log;
    char name;
    bool repeat;
    struct step *drops;
};

static void log_step(struct net_again *again) {
    struct step *step = (struct step *)again;
    step->log[strlen(step->log)] = step->name;
    if (step->drops) {
        net_again_drop(step->loop, &step->drops->again);
    }
    if (step->repeat) {
        net_again_ask(step->loop, again);
    }
}

static void steps_init(struct step *steps, size_t n, struct net_loop *loop, char *log) {
    for (size_t i = 0; i < n; i++) {
        steps[i] = (struct step){.loop = loop, .log = log, .name = (char)('a' + i)};
        net_again_init(&steps[i].again, log_step);
    }
}

static void runs_again_requests_in_order(void) {
    struct net_loop *loop = new_loop();
    struct step steps[4];
    char log[32] = "";
    steps_init(steps, 4, loop, log);
    net_again_ask(loop, &steps[2].again);
    net_again_ask(loop, &steps[0].again);
    net_again_ask(loop, &steps[2].again);
    net_again_ask(loop, &steps[3].again);
    net_again_ask(loop, &steps[1].again);
    net_again_drop(loop, &steps[1].again);
    net_again_drop(loop, &steps[1].again);
    net_again_ask(loop, &steps[1].again);
    CU_ASSERT_EQUAL(net_loop_turn(loop, true), 4);
    CU_ASSERT_STRING_EQUAL(log, "cadb");
    CU_ASSERT_EQUAL(net_loop_turn(loop, false), 0);
    net_loop_free(loop);
}

static void runs_a_repeated_request_once_a_turn(void) {
    struct net_loop *loop = new_loop();
    struct step steps[3];
    char log[32] = "";
    steps_init(steps, 3, loop, log);
    steps[0].repeat = true;
    steps[1].drops = &steps[2];
    for (int i = 0; i < 3; i++) {
        net_again_ask(loop, &steps[i].again);
    }
    CU_ASSERT_EQUAL(net_loop_turn(loop, true), 2);
    CU_ASSERT_STRING_EQUAL(log, "ab");
    CU_ASSERT_EQUAL(net_loop_turn(loop, true), 1);
    CU_ASSERT_STRING_EQUAL(log, "aba");
    net_again_drop(loop, &steps[0].again);
    CU_ASSERT_EQUAL(net_loop_turn(loop, false), 0);
    net_loop_free(loop);
}

/* Watches. */

struct ear {
    struct net_watch watch;
    int *calls;
    struct ear *frees; /* stops it, and itself, and frees both */
};

static void on_ear(struct net_watch *watch) {
    struct ear *ear = (struct ear *)watch;
    ++*ear->calls;
    if (ear->frees) {
        net_watch_stop(&ear->frees->watch);
        net_watch_stop(watch);
        free(ear->frees);
        free(ear);
    }
}

static struct ear *ear_new(struct net_loop *loop, int fd, int *calls) {
    struct ear *ear = calloc(1, sizeof *ear);
    ear->calls = calls;
    net_watch_init(&ear->watch, loop, fd, NET_WATCH_READ, on_ear);
    CU_ASSERT(net_watch_start(&ear->watch));
    CU_ASSERT(net_watch_start(&ear->watch));
    return ear;
}

static void a_callback_frees_two_ready_watches(void) {
    struct net_loop *loop = new_loop();
    int a[2], b[2], calls = 0;
    CU_ASSERT_EQUAL_FATAL(pipe(a), 0);
    CU_ASSERT_EQUAL_FATAL(pipe(b), 0);
    struct ear *first = ear_new(loop, a[0], &calls);
    struct ear *second = ear_new(loop, b[0], &calls);
    first->frees = second;
    second->frees = first;
    CU_ASSERT_EQUAL(write(a[1], "x", 1), 1);
    CU_ASSERT_EQUAL(write(b[1], "x", 1), 1);
    CU_ASSERT_EQUAL(net_loop_turn(loop, true), 1);
    CU_ASSERT_EQUAL(calls, 1);
    CU_ASSERT_EQUAL(net_loop_turn(loop, false), 0);
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
    }
    net_loop_free(loop);
}

static void a_watch_refuses_what_cannot_be_polled(void) {
    struct net_loop *loop = new_loop();
    struct net_watch watch;
    FILE *file = tmpfile();
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    net_watch_init(&watch, loop, fileno(file), NET_WATCH_READ, on_ear);
    CU_ASSERT_FALSE(net_watch_start(&watch));
    net_watch_stop(&watch);
    fclose(file);
    net_loop_free(loop);
}

/* Wake-ups. */

enum { SENDERS = 3, SENDS = 30000 };

struct sender {
    pthread_t thread;
    struct net_wake *wake;
    atomic_int *sent;
    bool slow;
};

struct meter {
    atomic_int sent;
    int seen;
    int runs;
};

static void on_wake(void *ctx) {
    struct meter *meter = ctx;
    meter->runs++;
    meter->seen = atomic_load(&meter->sent);
}

static void *send_wakes(void *ctx) {
    struct sender *sender = ctx;
    int n = sender->slow ? 200 : SENDS;
    for (int i = 0; i < n; i++) {
        atomic_fetch_add(sender->sent, 1);
        net_wake_send(sender->wake);
        if (sender->slow) {
            nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
        }
    }
    return NULL;
}

/* Every number sent is seen although the loop sleeps whenever it can: a lost wake-up
 * would leave `seen` behind until the deadline. */
static void no_wake_is_lost_under_load(void) {
    struct net_loop *loop = new_loop();
    struct meter meter = {.seen = 0};
    struct net_wake *wake = net_wake_new(loop, on_wake, &meter);
    struct sender senders[SENDERS];
    int total = 0;
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.wake = wake, .sent = &meter.sent, .slow = i == 0};
        total += senders[i].slow ? 200 : SENDS;
        CU_ASSERT_EQUAL(pthread_create(&senders[i].thread, NULL, send_wakes, &senders[i]), 0);
    }
    CU_ASSERT(turn_until(loop, &meter.seen, total));
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(senders[i].thread, NULL);
    }
    CU_ASSERT(meter.runs <= total);
    net_wake_free(wake);
    net_loop_free(loop);
}

static void a_burst_of_sends_is_one_run(void) {
    struct net_loop *loop = new_loop();
    struct meter meter = {.seen = 0};
    struct net_wake *wake = net_wake_new(loop, on_wake, &meter);
    for (int i = 0; i < 100; i++) {
        net_wake_send(wake);
    }
    CU_ASSERT_EQUAL(net_loop_turn(loop, true), 1);
    CU_ASSERT_EQUAL(meter.runs, 1);
    CU_ASSERT_EQUAL(net_loop_turn(loop, false), 0);
    net_wake_free(wake);
    net_loop_free(loop);
}

struct chain {
    struct net_wake *wake[3];
    int runs;
};

static void free_all_wakes(void *ctx) {
    struct chain *chain = ctx;
    chain->runs++;
    for (int i = 0; i < 3; i++) {
        net_wake_free(chain->wake[i]);
    }
}

static void a_wake_may_free_all(void) {
    struct net_loop *loop = new_loop();
    struct chain chain = {.runs = 0};
    for (int i = 0; i < 3; i++) {
        chain.wake[i] = net_wake_new(loop, free_all_wakes, &chain);
    }
    for (int i = 0; i < 3; i++) {
        net_wake_send(chain.wake[i]);
    }
    net_loop_turn(loop, true);
    CU_ASSERT_EQUAL(chain.runs, 1);
    net_loop_free(loop);
}

struct repeater {
    struct net_wake *wake;
    int runs;
};

static void send_itself(void *ctx) {
    struct repeater *repeater = ctx;
    if (++repeater->runs < 5) {
        net_wake_send(repeater->wake);
    }
}

static void a_send_from_the_callback_runs_next_turn(void) {
    struct net_loop *loop = new_loop();
    struct repeater repeater = {.runs = 0};
    repeater.wake = net_wake_new(loop, send_itself, &repeater);
    net_wake_send(repeater.wake);
    for (int i = 1; i <= 5; i++) {
        net_loop_turn(loop, true);
        CU_ASSERT_EQUAL(repeater.runs, i);
    }
    CU_ASSERT_EQUAL(net_loop_turn(loop, false), 0);
    net_wake_free(repeater.wake);
    net_loop_free(loop);
}

/* Signals. */

struct caught {
    struct net_signal *set;
    int n;
    int last;
    pid_t sender;
};

static void on_signal(void *ctx, int signo, pid_t sender) {
    struct caught *caught = ctx;
    caught->n++;
    caught->last = signo;
    caught->sender = sender;
    if (signo == SIGUSR2) {
        net_signal_free(caught->set);
        caught->set = NULL;
    }
}

static void delivers_signals(void) {
    struct net_loop *loop = new_loop();
    struct caught caught = {.n = 0};
    struct net_error error;
    static const int signos[] = {SIGTERM, SIGUSR1, SIGUSR2};
    caught.set = net_signal_new(loop, signos, 3, on_signal, &caught, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(caught.set);
    kill(getpid(), SIGTERM);
    CU_ASSERT(turn_until(loop, &caught.n, 1));
    CU_ASSERT_EQUAL(caught.last, SIGTERM);
    CU_ASSERT_EQUAL(caught.sender, getpid());
    kill(getpid(), SIGUSR1);
    CU_ASSERT(turn_until(loop, &caught.n, 2));
    CU_ASSERT_EQUAL(caught.last, SIGUSR1);
    kill(getpid(), SIGUSR2);
    CU_ASSERT(turn_until(loop, &caught.n, 3));
    CU_ASSERT_PTR_NULL(caught.set);
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    CU_ASSERT_FALSE(sigismember(&mask, SIGTERM));
    net_loop_free(loop);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"turns_without_events", turns_without_events},
        {"runs_again_requests_in_order", runs_again_requests_in_order},
        {"runs_a_repeated_request_once_a_turn", runs_a_repeated_request_once_a_turn},
        {"a_callback_frees_two_ready_watches", a_callback_frees_two_ready_watches},
        {"a_watch_refuses_what_cannot_be_polled", a_watch_refuses_what_cannot_be_polled},
        {"no_wake_is_lost_under_load", no_wake_is_lost_under_load},
        {"a_burst_of_sends_is_one_run", a_burst_of_sends_is_one_run},
        {"a_wake_may_free_all", a_wake_may_free_all},
        {"a_send_from_the_callback_runs_next_turn", a_send_from_the_callback_runs_next_turn},
        {"delivers_signals", delivers_signals},
        {NULL, NULL},
    };
    return suite_main("net/loop", tests);
}
