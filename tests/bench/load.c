/* load.c - loads a RESP server and says what it cost: the command line of build/bench/load.
 *
 * Cheap per request, so that the server saturates first: requests are made before the clock
 * starts (ring.h) and replies are only counted and checked for their form (reply.h). It knows
 * the server by its socket and its /proc entry alone, so any RESP server can be measured.
 * Modes: run (closed loop), rate (open loop), fill, grow, expire; `load --help` tells more.
 * To add a mode: a row in modes[]; a workload: a row in ring.c.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

static const struct {
    const char *name;
    int (*run)(const struct options *o);
    const char *help;
} modes[] = {
    {"run", mode_run, "closed loop: throughput, latency, server CPU per request"},
    {"rate", mode_rate, "open loop at --rate: latency from the scheduled time on"},
    {"fill", mode_fill, "write each key of the workload's key space once"},
    {"grow", mode_grow, "FLUSHALL, fill -r keys; PINGs of another connection meanwhile"},
    {"expire", mode_expire, "as grow, all keys with deadlines close together: when are they gone"},
};

static void print_help(void) {
    char *names = workload_names();
    printf("usage: load MODE [options]\n\nmodes:\n");
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        printf("  %-8s%s\n", modes[i].name, modes[i].help);
    }
    printf(
        "\noptions, with their defaults:\n"
        "  -h, --host 127.0.0.1   -p, --port 6379   -s, --socket PATH\n"
        "  -c, --conns 50         connections\n"
        "  -P, --pipeline 1       requests per batch\n"
        "  -n, --requests N       or -t, --seconds 3\n"
        "  -W, --warm 0           seconds before the measurement\n"
        "  -r, --keys 1000        size of the key space\n"
        "  -d, --value 16         bytes of a value\n"
        "  -w, --workload get     %s\n"
        "  --command 'WORDS'      instead of a workload, or of what expires (expire); %%k %%s %%v\n"
        "                         %%b %%t as in ring.h\n"
        "  --replies '+:$*'       first bytes that its replies may have\n"
        "  --ring N               requests made ahead\n"
        "  --seed 1               of the random keys\n"
        "  --pid PID              the server's process (default: as its INFO says)\n"
        "  --rate 10000           requests per second (rate)\n"
        "  --ttl MS               time to live (fill)\n"
        "  --spread 2000, --lead 0  ms over which deadlines spread, ms until the first (expire)\n"
        "  --limit 60             seconds to wait for what does not come (rate, expire)\n"
        "  --json                 one JSON object instead of name=value\n",
        names);
    free(names);
}

static double number(const char *option, const char *text, double min, double max) {
    char *end;
    errno = 0;
    double n = strtod(text, &end);
    if (errno != 0 || end == text || *end != '\0' || !(n >= min && n <= max)) {
        die("%s: not a number from %.15g to %.15g: %s", option, min, max, text);
    }
    return n;
}

static struct workload named_workload(const char *name) {
    const struct workload *w = workload_find(name);
    if (w == NULL) {
        die("no workload %s; there are: %s", name, workload_names());
    }
    return *w;
}

enum {
    OPT_COMMAND = 256,
    OPT_REPLIES,
    OPT_RING,
    OPT_SEED,
    OPT_PID,
    OPT_RATE,
    OPT_TTL,
    OPT_SPREAD,
    OPT_LEAD,
    OPT_LIMIT,
    OPT_JSON,
    OPT_HELP
};

static const struct option longs[] = {{"host", required_argument, NULL, 'h'},
                                      {"port", required_argument, NULL, 'p'},
                                      {"socket", required_argument, NULL, 's'},
                                      {"conns", required_argument, NULL, 'c'},
                                      {"pipeline", required_argument, NULL, 'P'},
                                      {"requests", required_argument, NULL, 'n'},
                                      {"seconds", required_argument, NULL, 't'},
                                      {"warm", required_argument, NULL, 'W'},
                                      {"keys", required_argument, NULL, 'r'},
                                      {"value", required_argument, NULL, 'd'},
                                      {"workload", required_argument, NULL, 'w'},
                                      {"command", required_argument, NULL, OPT_COMMAND},
                                      {"replies", required_argument, NULL, OPT_REPLIES},
                                      {"ring", required_argument, NULL, OPT_RING},
                                      {"seed", required_argument, NULL, OPT_SEED},
                                      {"pid", required_argument, NULL, OPT_PID},
                                      {"rate", required_argument, NULL, OPT_RATE},
                                      {"ttl", required_argument, NULL, OPT_TTL},
                                      {"spread", required_argument, NULL, OPT_SPREAD},
                                      {"lead", required_argument, NULL, OPT_LEAD},
                                      {"limit", required_argument, NULL, OPT_LIMIT},
                                      {"json", no_argument, NULL, OPT_JSON},
                                      {"help", no_argument, NULL, OPT_HELP},
                                      {NULL, 0, NULL, 0}};

/* Options of text, and of sizes within an int or a word. */
static void take_option(struct options *o, int option, const char *text) {
    const double big = 1e15;
    switch (option) {
    case 'h': o->at.host = text; break;
    case 'p': o->at.port = (int)number("--port", text, 1, 65535); break;
    case 's': o->at.unix_path = text; break;
    case 'c': o->conns = (int)number("--conns", text, 1, 60000); break;
    case 'P': o->pipeline = (uint64_t)number("--pipeline", text, 1, 100000); break;
    case 'n': o->requests = (uint64_t)number("--requests", text, 1, big); break;
    case 't': o->seconds = number("--seconds", text, 0.001, 1e6); break;
    case 'W': o->warm_seconds = number("--warm", text, 0, 1e6); break;
    case 'r': o->keys = (uint64_t)number("--keys", text, 1, 999999999999.0); break;
    case 'd': o->value_bytes = (uint64_t)number("--value", text, 0, 512.0 * 1024 * 1024); break;
    case 'w': o->workload = named_workload(text); break;
    case OPT_COMMAND:
        o->workload = (struct workload){.name = "command", .words = text, .heads = "+:$*_#,%~(="};
        break;
    case OPT_REPLIES: o->workload.heads = text; break;
    case OPT_RING: o->ring = (uint64_t)number("--ring", text, 1, 1e9); break;
    case OPT_SEED: o->seed = (uint64_t)number("--seed", text, 1, big); break;
    case OPT_PID: o->pid = (pid_t)number("--pid", text, 1, 1e9); break;
    case OPT_RATE: o->rate = number("--rate", text, 0.1, 1e8); break;
    case OPT_TTL: o->ttl_ms = (int64_t)number("--ttl", text, 1, big); break;
    case OPT_SPREAD: o->spread_ms = (int64_t)number("--spread", text, 1, big); break;
    case OPT_LEAD: o->lead_ms = (int64_t)number("--lead", text, 1, big); break;
    case OPT_LIMIT: o->limit_seconds = number("--limit", text, 0, 1e6); break;
    case OPT_JSON: o->json = true; break;
    case OPT_HELP: print_help(); exit(0);
    default: exit(1);
    }
}

struct reply_rules options_rules(const struct options *o) {
    struct reply_rules rules = reply_rules_of(o->workload.heads);
    if (o->workload.gives_value) {
        rules.bulk_bytes = (int64_t)o->value_bytes;
    }
    if (o->workload.gives_elements) {
        rules.elements = o->workload.repeat;
    }
    return rules;
}

void options_usage(const struct options *o, struct usage *u) {
    if (!usage_read(o->pid, u)) {
        memset(u, 0, sizeof *u);
    }
}

int report_tally(struct report *r, const struct reply_tally *t) {
    report_number(r, "errors", (double)t->errors, 0);
    report_number(r, "odd_replies", (double)t->odd, 0);
    if (t->first[0] != '\0') {
        report_text(r, "first_surprise", t->first);
    }
    return t->errors + t->odd > 0;
}

void report_usage(struct report *r, const struct usage *before, const struct usage *after,
                  uint64_t requests) {
    double n = requests > 0 ? (double)requests : 1;
    report_number(r, "server_cpu_us_per_req", (double)(after->cpu_ns - before->cpu_ns) / 1000 / n,
                  4);
    report_number(r, "server_tick_us_per_req", (double)(after->tick_us - before->tick_us) / n, 4);
    report_number(r, "server_cpu_ms", (double)(after->cpu_ns - before->cpu_ns) / 1e6, 1);
    report_number(r, "server_wait_ms", (double)(after->wait_ns - before->wait_ns) / 1e6, 1);
    report_number(r, "steal_percent", usage_steal_percent(before, after), 2);
}

int main(int argc, char **argv) {
    struct options o = {.at = {.host = "127.0.0.1", .port = 6379},
                        .conns = 50,
                        .pipeline = 1,
                        .seconds = 3,
                        .rate = 10000,
                        .keys = 1000,
                        .value_bytes = 16,
                        .seed = 1,
                        .spread_ms = 2000,
                        .limit_seconds = 60,
                        .workload = named_workload("get")};
    int (*run)(const struct options *) = NULL;
    for (size_t i = 0; argc > 1 && i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(argv[1], modes[i].name) == 0) {
            run = modes[i].run;
        }
    }
    if (run == NULL) {
        print_help();
        return argc > 1 && strcmp(argv[1], "--help") == 0 ? 0 : 1;
    }
    for (int c;
         (c = getopt_long(argc - 1, argv + 1, "h:p:s:c:P:n:t:W:r:d:w:", longs, NULL)) != -1;) {
        take_option(&o, c, optarg);
    }
    if (optind < argc - 1) {
        die("what is %s? see load --help", argv[1 + optind]);
    }
    if (run == mode_fill && o.workload.fill != NULL) {
        o.workload = named_workload(o.workload.fill);
    }
    if (o.pid == 0) {
        o.pid = endpoint_pid(&o.at);
    }
    return run(&o);
}
