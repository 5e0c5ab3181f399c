/* stats.c - clocks, latency histograms, a process' CPU use, and the result line.
 *
 * Histogram slots: values below 32 have one each; above, every power of two is cut into 32.
 * /proc/PID/task/TID/schedstat gives nanoseconds on the CPU and nanoseconds waiting for it;
 * /proc/PID/stat counts ticks (proc(5), Documentation/scheduler/sched-stats of the kernel).
 */
#include "stats.h"

#include <ctype.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static unsigned slot_of(uint64_t ns) {
    if (ns < 32) {
        return (unsigned)ns;
    }
    unsigned power = 63 - (unsigned)__builtin_clzll(ns);
    return (power - 4) * 32 + (unsigned)((ns >> (power - 5)) & 31);
}

static uint64_t slot_top(unsigned slot) {
    if (slot < 32) {
        return slot;
    }
    unsigned power = slot / 32 + 4;
    return ((uint64_t)(32 + slot % 32) << (power - 5)) + ((UINT64_C(1) << (power - 5)) - 1);
}

void hist_add(struct hist *h, uint64_t ns, uint64_t times) {
    h->slot[slot_of(ns)] += times;
    h->count += times;
    if (ns > h->max_ns) {
        h->max_ns = ns;
    }
}

uint64_t hist_quantile_ns(const struct hist *h, double q) {
    uint64_t rank = (uint64_t)(q * (double)h->count);
    uint64_t seen = 0;
    for (unsigned i = 0; i < HIST_SLOTS; i++) {
        seen += h->slot[i];
        if (seen > rank) {
            uint64_t top = slot_top(i);
            return top < h->max_ns ? top : h->max_ns;
        }
    }
    return h->max_ns;
}

uint64_t clock_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int64_t wall_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The start of a file, as a string; false when it cannot be read. */
static bool slurp(const char *path, char *text, size_t size) {
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        return false;
    }
    size_t n = fread(text, 1, size - 1, f);
    fclose(f);
    text[n] = '\0';
    return n > 0;
}

static void add_threads(pid_t pid, struct usage *u) {
    char path[300];
    char text[256];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return;
    }
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (!isdigit((unsigned char)e->d_name[0])) {
            continue;
        }
        unsigned long long run, wait;
        snprintf(path, sizeof path, "/proc/%d/task/%.20s/schedstat", (int)pid, e->d_name);
        if (slurp(path, text, sizeof text) && sscanf(text, "%llu %llu", &run, &wait) == 2) {
            u->cpu_ns += run;
            u->wait_ns += wait;
        }
    }
    closedir(dir);
}

bool usage_read(pid_t pid, struct usage *u) {
    char path[64];
    char text[1024];
    memset(u, 0, sizeof *u);
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (!slurp(path, text, sizeof text)) {
        return false;
    }
    /* The second field is the program's name in parentheses, with any bytes inside. */
    const char *rest = strrchr(text, ')');
    unsigned long long user, sys;
    if (rest == NULL || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
                               &user, &sys) != 2) {
        return false;
    }
    u->tick_us = (user + sys) * 1000000u / (uint64_t)sysconf(_SC_CLK_TCK);
    add_threads(pid, u);
    if (u->cpu_ns == 0) { /* a kernel without scheduler statistics */
        u->cpu_ns = u->tick_us * 1000;
    }
    if (slurp("/proc/stat", text, sizeof text)) {
        unsigned long long t[8] = {0};
        sscanf(text, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1], &t[2], &t[3],
               &t[4], &t[5], &t[6], &t[7]);
        for (int i = 0; i < 8; i++) {
            u->all_ticks += t[i];
        }
        u->steal_ticks = t[7];
    }
    return true;
}

double usage_steal_percent(const struct usage *before, const struct usage *after) {
    uint64_t all = after->all_ticks - before->all_ticks;
    return all == 0 ? 0 : 100.0 * (double)(after->steal_ticks - before->steal_ticks) / (double)all;
}

static void report_name(struct report *r, const char *name) {
    if (r->json) {
        fprintf(r->to, "%s\"%s\": ", r->begun ? ", " : "{", name);
    } else {
        fprintf(r->to, "%s%s=", r->begun ? " " : "", name);
    }
    r->begun = true;
}

void report_text(struct report *r, const char *name, const char *text) {
    report_name(r, name);
    if (!r->json) {
        fputs(text, r->to);
        return;
    }
    fputc('"', r->to);
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\') {
            fprintf(r->to, "\\%c", *p);
        } else if (*p < 32 || *p > 126) {
            fprintf(r->to, "\\u%04x", *p);
        } else {
            fputc(*p, r->to);
        }
    }
    fputc('"', r->to);
}

void report_number(struct report *r, const char *name, double value, int decimals) {
    report_name(r, name);
    fprintf(r->to, "%.*f", decimals, value);
}

void report_end(struct report *r) {
    fputs(r->json ? "}\n" : "\n", r->to);
    fflush(r->to);
    r->begun = false;
}

void report_hist(struct report *r, const char *prefix, const struct hist *h) {
    static const struct {
        const char *name;
        double q;
    } marks[] = {{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}};
    char name[64];
    snprintf(name, sizeof name, "%s_count", prefix);
    report_number(r, name, (double)h->count, 0);
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        snprintf(name, sizeof name, "%s_%s_us", prefix, marks[i].name);
        report_number(r, name, (double)hist_quantile_ns(h, marks[i].q) / 1000, 1);
    }
    snprintf(name, sizeof name, "%s_max_us", prefix);
    report_number(r, name, (double)h->max_ns / 1000, 1);
}

void die(const char *fmt, ...) {
    va_list ap;
    fputs("load: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(1);
}
