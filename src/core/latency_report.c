/* latency_report.c - LATENCY GRAPH and DOCTOR: samples as people read them.
 *
 * To teach the doctor: a row in advices[], and a bit in struct event_advice for the events
 * that it helps against.
 * Threads: the loop.
 */
#include "core/config.h"
#include "core/latency.h"

/* -- the graph ----------------------------------------------------------------------- */

#define GRAPH_COLUMNS 80
#define GRAPH_ROWS 4
#define GRAPH_STEPS 3 /* heights within a row */
#define LABEL_BYTES 24

/* What stands in a row of a bar that ends `steps` above the bottom of that row. */
static char bar_char(int steps) {
    if (steps < 0) return ' ';
    return steps >= GRAPH_STEPS ? '|' : "_o#"[steps];
}

/* "5s", "12m", "3h", "8d" ago. */
static void age_label(char label[LABEL_BYTES], int64_t age_s) {
    static const struct {
        int64_t seconds;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    int i = 0;
    if (age_s < 0) age_s = 0;
    while (i < 3 && age_s < units[i].seconds) i++;
    snprintf(label, LABEL_BYTES, "%lld%c", (long long)(age_s / units[i].seconds), units[i].unit);
}

static void write_labels(const struct latency_event *e, int first, int64_t now_s, FILE *out) {
    for (int row = 0, more = 1; more; row++) {
        more = 0;
        for (int i = first; i < e->count; i++) {
            char label[LABEL_BYTES];
            age_label(label, now_s - latency_sample_at(e, i)->unix_s);
            int n = (int)strlen(label);
            fputc(row < n ? label[row] : ' ', out);
            if (row + 1 < n) more = 1;
        }
        fputc('\n', out);
    }
}

void latency_write_graph(const struct latency_event *e, int64_t now_s, FILE *out) {
    int first = e->count > GRAPH_COLUMNS ? e->count - GRAPH_COLUMNS : 0;
    int64_t high = 0, low = INT64_MAX;
    for (int i = 0; i < e->count; i++) {
        int64_t ms = latency_sample_at(e, i)->ms;
        if (ms > high) high = ms;
        if (ms < low) low = ms;
    }
    fprintf(out, "%s - high %lld ms, low %lld ms (all time high %lld ms)\n", e->name,
            (long long)high, (long long)low, (long long)e->ms_max);
    for (int i = 0; i < GRAPH_COLUMNS; i++) fputc('-', out);
    fputc('\n', out);
    for (int row = GRAPH_ROWS - 1; row >= 0; row--) {
        for (int i = first; i < e->count; i++) {
            int64_t above = latency_sample_at(e, i)->ms - low, range = high > low ? high - low : 1;
            int top = (int)(above * (GRAPH_ROWS * GRAPH_STEPS - 1) / range);
            fputc(bar_char(top - row * GRAPH_STEPS), out);
        }
        fputc('\n', out);
    }
    fputc('\n', out);
    write_labels(e, first, now_s, out);
}

/* -- the doctor ---------------------------------------------------------------------- */

enum advice {
    ADVICE_SLOWLOG_OFF = 1 << 0,
    ADVICE_SLOWLOG_COARSE = 1 << 1,
    ADVICE_SLOW_COMMANDS = 1 << 2,
    ADVICE_MACHINE = 1 << 3,
    ADVICE_EXPIRE = 1 << 4,
    ADVICE_EVICTION = 1 << 5,
};

static const struct {
    unsigned bit;
    const char *text;
} advices[] = {
    {ADVICE_SLOWLOG_OFF, "The slow log is off. Turn it on to see which commands take long: "
                         "CONFIG SET slowlog-log-slower-than 1000."},
    {ADVICE_SLOWLOG_COARSE, "The slow log only takes commands slower than your latency threshold. "
                            "Lower slowlog-log-slower-than to see what adds up to these spikes."},
    {ADVICE_SLOW_COMMANDS, "SLOWLOG GET names the commands that took long. Look for those that "
                           "touch many elements at once, and let clients ask for smaller parts."},
    {ADVICE_MACHINE, "Commands that do next to nothing took long, so the process was not running: "
                     "look for swapping, for other processes on its core, and at the hypervisor "
                     "(redis-cli --intrinsic-latency 100, run on the server)."},
    {ADVICE_EXPIRE, "Many keys end at the same time. Spread their times, for instance by adding a "
                    "random part to each."},
    {ADVICE_EVICTION, "Keys are evicted to stay below maxmemory. Raise maxmemory, or add memory, "
                      "or write less."},
};

/* What may help against an event; NULL: any other. */
static const struct event_advice {
    const char *event;
    unsigned advice;
} event_advices[] = {
    {"command", ADVICE_SLOW_COMMANDS},
    {"fast-command", ADVICE_MACHINE},
    {"expire-cycle", ADVICE_EXPIRE},
    {"eviction-cycle", ADVICE_EVICTION},
    {NULL, ADVICE_MACHINE},
};

static unsigned advice_for(const char *event, const struct config *conf) {
    const struct event_advice *a = event_advices;
    while (a->event && strcmp(a->event, event) != 0) a++;
    unsigned advice = a->advice;
    if (!(advice & ADVICE_SLOW_COMMANDS)) return advice;
    if (conf->slowlog_slower_than_us < 0) return ADVICE_SLOWLOG_OFF;
    if (conf->slowlog_slower_than_us > conf->latency_threshold_ms * 1000)
        advice |= ADVICE_SLOWLOG_COARSE;
    return advice;
}

static void write_event(const struct latency_event *e, size_t number, FILE *out) {
    int64_t sum = 0, deviation = 0;
    for (int i = 0; i < e->count; i++) sum += latency_sample_at(e, i)->ms;
    int64_t average = sum / e->count;
    for (int i = 0; i < e->count; i++) {
        int64_t d = latency_sample_at(e, i)->ms - average;
        deviation += d < 0 ? -d : d;
    }
    int64_t span_s = latency_sample_at(e, e->count - 1)->unix_s - latency_sample_at(e, 0)->unix_s;
    fprintf(out,
            "%zu. %s: %d latency spikes (average %lldms, mean deviation %lldms, period %.2f sec). "
            "Worst all time event %lldms.\n",
            number, e->name, e->count, (long long)average, (long long)(deviation / e->count),
            (double)span_s / e->count, (long long)e->ms_max);
}

void latency_write_advice(const struct latency *l, const struct config *conf, FILE *out) {
    size_t count = latency_event_count(l);
    unsigned advice = 0;
    if (!conf->latency_threshold_ms) {
        fputs("The latency monitor is off, so there is nothing to tell. Turn it on with CONFIG SET "
              "latency-monitor-threshold <milliseconds>, and ask again when it has seen some "
              "load.\n",
              out);
        return;
    }
    if (!count) {
        fprintf(out,
                "Nothing took %lld ms or more since the latency monitor was turned on or "
                "reset.\n",
                (long long)conf->latency_threshold_ms);
        return;
    }
    fputs("Latency spikes were seen:\n\n", out);
    for (size_t i = 0; i < count; i++) {
        const struct latency_event *e = latency_event_at(l, i);
        write_event(e, i + 1, out);
        advice |= advice_for(e->name, conf);
    }
    fputs("\nWhat may help:\n\n", out);
    for (size_t i = 0; i < sizeof advices / sizeof *advices; i++) {
        if (advice & advices[i].bit) fprintf(out, "- %s\n", advices[i].text);
    }
}
