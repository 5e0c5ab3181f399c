/* model.c - random commands for Debian's redis-server and for Clearlane: every reply has to
 * be the same, byte for byte.
 *
 * What is sent is said by grammar/<family>.txt (see grammar.h), what may differ by
 * differences.txt (diffs.h). A run is cut into epochs that start with fresh servers, so
 * that a failure's history stays short enough to replay; a failing history is cut down
 * (shrink.h), printed and written to a replay file.
 *
 * M1  The same seed, options and grammar give the same commands.
 * M2  Every difference that differences.txt does not explain makes the exit status 1.
 * Threads: one.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "grammar.h"
#include "link.h"
#include "run.h"
#include "shrink.h"
#include "support/suite.h"

#define CHECK_EVERY 400
#define CHECK_LOG_EVERY 4000
#define NOTE_STEPS 12
#define SHOWN_BYTES_MAX 200
#define SELF_TEST_COMMANDS 30000
#define SELF_TEST_STEPS_MAX 8

struct options {
    uint64_t commands;
    uint64_t seed;
    uint64_t epoch;
    const char *families;
    const char *dir;
    const char *replay;
    const char *out_dir;
    unsigned spoil_percent;
    unsigned failures_max;
    int shrink_seconds;
    bool stress;
    bool self_test;
    bool print;
    enum run_log log;
};

struct model {
    const struct options *o;
    struct grammar *grammar;
    struct diffs *diffs;
    struct run *run;
    struct history history; /* of this epoch */
    struct rng rng;
    uint64_t done;
    uint64_t next_check;
    uint32_t batches;
    unsigned failures;
    struct words seen; /* failures already reported, by command and kind */
    size_t last_shrunk;
    struct step *held; /* generated, but it did not fit into the last batch */
};

/* Batches */

static uint64_t batch_size(struct model *m) {
    uint64_t kind = rng_below(&m->rng, 10);
    if (kind < 3) return 1;
    if (kind < 8) return 1 + rng_below(&m->rng, 12);
    return 1 + rng_below(&m->rng, m->o->stress ? 500 : 60);
}

static struct step *next_step(struct model *m) {
    struct step *s = m->held;
    m->held = NULL;
    return s ? s : grammar_step(m->grammar, &m->rng, m->o->spoil_percent);
}

static uint64_t check_every(const struct model *m) {
    return m->o->log == LOG_OFF ? CHECK_EVERY : CHECK_LOG_EVERY;
}

/* Appends one batch to the history; how many steps it has. */
static size_t make_batch(struct model *m) {
    uint32_t conn = (uint32_t)rng_below(&m->rng, RUN_CONNECTIONS);
    uint64_t want = batch_size(m);
    size_t n = 0;
    m->batches++;
    if (m->done >= m->next_check) {
        struct step head = {.mode = STEP_CHECK, .conn = conn, .batch = m->batches};
        history_add(&m->history, step_new(&head, NULL));
        m->next_check = m->done + check_every(m);
        return 1;
    }
    while (n < want) {
        struct step *s = next_step(m);
        bool alone = step_is_alone(s->mode);
        if (alone && n > 0) {
            m->held = s;
            break;
        }
        s->conn = conn;
        s->batch = m->batches;
        history_add(&m->history, s);
        n++;
        if (alone) break;
    }
    m->done += n;
    return n;
}

/* Reporting */

static void print_steps(struct step *const *steps, size_t n, FILE *to) {
    struct text t = {0};
    for (size_t i = 0; i < n; i++) {
        text_clear(&t);
        if (steps[i]->mode == STEP_CHECK)
            text_cstr(&t, "(compare all keys)");
        else
            step_words(&t, steps[i], SHOWN_BYTES_MAX);
        fprintf(to, "    %u| %s\n", steps[i]->conn, text_z(&t));
    }
    text_free(&t);
}

static bool shares_word(const struct step *a, const struct step *b) {
    for (size_t i = 1; i < a->argc; i++)
        for (size_t k = 1; k < b->argc; k++)
            if (a->argv[i].n && span_eq(a->argv[i], b->argv[k])) return true;
    return false;
}

/* The last steps before the failing one that have a word in common with it. */
static void print_related(const struct history *h, size_t failing) {
    struct step *related[NOTE_STEPS];
    size_t n = 0;
    for (size_t i = failing; i-- > 0 && n < NOTE_STEPS;)
        if (shares_word(h->v[i], h->v[failing])) related[NOTE_STEPS - ++n] = h->v[i];
    fputs("  before it, with a word in common:\n", stdout);
    print_steps(related + NOTE_STEPS - n, n, stdout);
}

static void print_failure(struct failure *f, struct step *s) {
    printf("  %s\n  command:\n", text_z(&f->what));
    print_steps(&s, 1, stdout);
    printf("  oracle: %s\n  ours:   %s\n", text_z(&f->oracle), text_z(&f->ours));
}

/* Failures of one command and kind are reported once; the oracle's first words tell kinds
 * apart. */
static bool is_new(struct model *m, const struct step *s, const struct failure *f) {
    struct text id = {0};
    text_add(&id, f->what.p, f->what.n > 20 ? 20 : f->what.n);
    if (s->argc && s->mode != STEP_RAW) text_add(&id, s->argv[0].p, s->argv[0].n);
    for (size_t i = 0; i < id.n; i++)
        if (id.p[i] >= 'a' && id.p[i] <= 'z') id.p[i] = (char)(id.p[i] - 32);
    text_add(&id, f->oracle.p, f->oracle.n > 12 ? 12 : f->oracle.n);
    bool known = false;
    for (size_t i = 0; i < m->seen.n; i++)
        known = known || span_eq(words_at(&m->seen, i), text_span(&id));
    if (!known) words_add(&m->seen, text_span(&id));
    text_free(&id);
    return !known;
}

static void save(struct model *m, struct step **steps, size_t n, const struct failure *f) {
    struct text path = {0};
    struct text note = {0};
    struct history view = {steps, n, n};
    text_fmt(&path, "%s/model-%llu-%u.replay", m->o->out_dir, (unsigned long long)m->o->seed,
             m->failures);
    text_fmt(&note, "%.*s\nrun it again: build/model --replay <this file>",
             f->what.n > 400 ? 400 : (int)f->what.n, f->what.p ? f->what.p : "");
    if (history_save(&view, text_z(&path), text_z(&note)))
        printf("  replay file: %s\n", path.p);
    else
        printf("  the replay file %s cannot be written\n", path.p);
    text_free(&path);
    text_free(&note);
}

/* `failing` is an index of the history. */
static void report(struct model *m, size_t failing, struct failure *f) {
    struct step *s = m->history.v[failing];
    if (!is_new(m, s, f)) return;
    m->failures++;
    printf("DIFFERENCE %u: seed %llu, command %llu\n", m->failures, (unsigned long long)m->o->seed,
           (unsigned long long)m->done);
    print_failure(f, s);
    print_related(&m->history, failing);
    size_t n = failing + 1;
    struct step **steps = model_alloc(n * sizeof *steps);
    memcpy(steps, m->history.v, n * sizeof *steps);
    struct failure smaller = {.at = 0};
    if (m->o->shrink_seconds && shrink(m->run, steps, &n, m->o->shrink_seconds, &smaller)) {
        printf("  cut down to %zu steps:\n", n);
        print_steps(steps, n < 40 ? n : 40, stdout);
        print_failure(&smaller, steps[n - 1]);
        save(m, steps, n, &smaller);
        m->last_shrunk = n;
    } else {
        if (m->o->shrink_seconds) puts("  it does not happen again on fresh servers");
        save(m, steps, n, f);
    }
    failure_free(&smaller);
    free(steps);
    fflush(stdout);
}

/* Running */

static void probe(struct model *m) {
    struct text off = {0};
    grammar_probe(m->grammar, run_has_command, m->run, &off);
    if (off.n) printf("model: families left out: %s\n", text_z(&off));
    text_free(&off);
}

/* Fresh servers at the end tell whether the old ones ended well. */
static void epoch_end(struct model *m) {
    if (run_fresh(m->run)) return;
    struct failure f = {.at = 0};
    text_cstr(&f.what, "our server did not end well (see the log above)");
    if (m->history.n) report(m, m->history.n - 1, &f);
    failure_free(&f);
}

/* One batch; false after a failure, which is reported. */
static bool one_batch(struct model *m) {
    size_t from = m->history.n;
    size_t n = make_batch(m);
    struct failure f;
    if (m->o->print) print_steps(m->history.v + from, n, stdout);
    if (run_batch(m->run, m->history.v + from, n, &f)) return true;
    report(m, from + f.at, &f);
    failure_free(&f);
    return false;
}

static void epoch(struct model *m) {
    uint64_t end = m->done + m->o->epoch;
    bool ok = true;
    history_clear(&m->history);
    m->next_check = m->done + check_every(m);
    if (end > m->o->commands) end = m->o->commands;
    while (ok && m->done < end) ok = one_batch(m);
    m->next_check = 0;
    if (ok) one_batch(m);
    epoch_end(m);
}

static void replay_file(struct model *m) {
    history_load(&m->history, m->o->replay);
    struct failure f;
    size_t took = replay(m->run, m->history.v, m->history.n, &f);
    m->done = took ? took : m->history.n;
    if (!took) return;
    report(m, took - 1, &f);
    failure_free(&f);
}

static struct model *model_new(const struct options *o, enum run_fault fault) {
    struct model *m = model_alloc(sizeof *m);
    struct text path = {0};
    memset(m, 0, sizeof *m);
    m->o = o;
    m->rng.state = o->seed;
    text_fmt(&path, "%s/differences.txt", o->dir);
    m->diffs = diffs_load(text_z(&path));
    text_clear(&path);
    text_fmt(&path, "%s/grammar", o->dir);
    m->grammar = grammar_load(text_z(&path), o->families);
    m->run = run_new(m->diffs, fault, o->stress);
    run_keep_log(m->run, o->log);
    text_free(&path);
    return m;
}

static void model_free(struct model *m) {
    run_free(m->run);
    grammar_free(m->grammar);
    diffs_free(m->diffs);
    history_free(&m->history);
    words_free(&m->seen);
    if (m->held) step_free(m->held);
    free(m);
}

static int run_model(const struct options *o) {
    struct model *m = model_new(o, FAULT_NONE);
    run_fresh(m->run);
    probe(m);
    if (o->replay) {
        replay_file(m);
    } else {
        while (m->done < o->commands && m->failures < o->failures_max) epoch(m);
    }
    printf("model: %llu commands, %u differences, seed %llu\n", (unsigned long long)m->done,
           m->failures, (unsigned long long)o->seed);
    unsigned long meant = diffs_report(m->diffs, stdout);
    if (meant) printf("  %lu meant differences in all (differences.txt)\n", meant);
    int status = m->failures ? 1 : 0;
    model_free(m);
    return status;
}

/* Both sides are the oracle, but "ours" is fed something else now and then: that must be
 * found, and be cut down to a few commands. */
static int self_test(const struct options *given) {
    static const char *const names[] = {"none", "wrong reply", "wrong state", "lost connection"};
    const char *oracle = getenv("REDIS_SERVER");
    setenv("CLEARLANE_SERVER", oracle ? oracle : "redis-server", 1);
    struct options o = *given;
    o.commands = SELF_TEST_COMMANDS;
    o.epoch = SELF_TEST_COMMANDS;
    o.failures_max = 1;
    int status = 0;
    for (int fault = FAULT_NONE; fault <= FAULT_HANG; fault++) {
        struct model *m = model_new(&o, (enum run_fault)fault);
        printf("model: self-test with fault: %s\n", names[fault]);
        run_fresh(m->run);
        epoch(m);
        bool found = m->failures > 0 && m->last_shrunk > 0;
        bool right =
            fault == FAULT_NONE ? m->failures == 0 : found && m->last_shrunk <= SELF_TEST_STEPS_MAX;
        printf("model: self-test: %s: %s\n", names[fault], right ? "as expected" : "FAILED");
        if (!right) status = 1;
        model_free(m);
    }
    return status;
}

static void usage(FILE *to) {
    fputs("model [option ...]   random commands for redis-server and Clearlane, compared\n"
          "  --commands N       how many (100000)\n"
          "  --seed S           a number (1); the same seed sends the same commands\n"
          "  --families a,b     files of grammar/ (all)\n"
          "  --epoch N          commands between fresh servers (20000)\n"
          "  --spoil P          percent of commands that are mutated (8)\n"
          "  --stress           longer pipelines, tiny pieces, more mutation\n"
          "  --max-failures N   stop after so many different failures (1)\n"
          "  --shrink-seconds N time for cutting down each (60, 0: not at all)\n"
          "  --replay FILE      run the steps of a replay file\n"
          "  --out DIR          where replay files go (.)\n"
          "  --server PATH      Clearlane (else CLEARLANE_SERVER, build/clearlane-server)\n"
          "  --oracle PATH      redis-server (else REDIS_SERVER, redis-server)\n"
          "  --dir DIR          grammar/ and differences.txt (the source directory)\n"
          "  --log              the append log is loaded elsewhere, and compared, now and then\n"
          "  --log-both         the same, and by redis-server, too\n"
          "  --print            every command before it is sent\n"
          "  --self-test        plays faulty servers; all must be found\n",
          to);
}

static uint64_t number(const char *s) {
    char *end;
    uint64_t v = strtoull(s, &end, 10);
    if (*s == 0 || *end) model_die("'%s' is not a number", s);
    return v;
}

static void set_option(struct options *o, int c, const char *value) {
    switch (c) {
    case 'n': o->commands = number(value); break;
    case 's': o->seed = number(value); break;
    case 'f': o->families = value; break;
    case 'e': o->epoch = number(value); break;
    case 'm': o->spoil_percent = (unsigned)number(value); break;
    case 'S': o->stress = true; break;
    case 'F': o->failures_max = (unsigned)number(value); break;
    case 'k': o->shrink_seconds = (int)number(value); break;
    case 'r': o->replay = value; break;
    case 'o': o->out_dir = value; break;
    case 'C': setenv("CLEARLANE_SERVER", value, 1); break;
    case 'O': setenv("REDIS_SERVER", value, 1); break;
    case 'd': o->dir = value; break;
    case 'p': o->print = true; break;
    case 't': o->self_test = true; break;
    case 'l': o->log = LOG_OURS; break;
    case 'L': o->log = LOG_BOTH; break;
    case 'h': usage(stdout); exit(0);
    default: usage(stderr); exit(2);
    }
}

int main(int argc, char **argv) {
    static const struct option longs[] = {
        {"commands", 1, NULL, 'n'},
        {"seed", 1, NULL, 's'},
        {"families", 1, NULL, 'f'},
        {"epoch", 1, NULL, 'e'},
        {"spoil", 1, NULL, 'm'},
        {"stress", 0, NULL, 'S'},
        {"max-failures", 1, NULL, 'F'},
        {"shrink-seconds", 1, NULL, 'k'},
        {"replay", 1, NULL, 'r'},
        {"out", 1, NULL, 'o'},
        {"server", 1, NULL, 'C'},
        {"oracle", 1, NULL, 'O'},
        {"dir", 1, NULL, 'd'},
        {"print", 0, NULL, 'p'},
        {"self-test", 0, NULL, 't'},
        {"log", 0, NULL, 'l'},
        {"log-both", 0, NULL, 'L'},
        {"help", 0, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct options o = {.commands = 100000,
                        .seed = 1,
                        .epoch = 20000,
                        .dir = TESTS_DIR "/model",
                        .out_dir = ".",
                        .spoil_percent = 8,
                        .failures_max = 1,
                        .shrink_seconds = 60};
    int c;
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) set_option(&o, c, optarg);
    if (optind < argc) model_die("unexpected argument '%s' (see --help)", argv[optind]);
    if (o.stress) o.spoil_percent *= 3;
    return o.self_test ? self_test(&o) : run_model(&o);
}
