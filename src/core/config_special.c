/* config_special.c - the directives whose values are lists or have effects of their own, and the
 * checks of texts.
 *
 * A setter builds the new value aside and swaps it in at its end, so that a refusal leaves the
 * old one. Only `dir` acts at once: the working directory is its value.
 * Specification: Redis 7.2. Threads: the loop.
 */
#include "core/config_internal.h"

#include "base/affinity.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "core/collate.h"
#include "core/feed.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* Whether the words stand for an empty list: none, or "" alone. */
static bool is_empty(const struct slice *word, size_t n) {
    return n == 0 || (n == 1 && word[0].n == 0);
}

/* bind */

static bool bind_set(struct config *conf, const struct slice *word, size_t n, bool adding,
                     char *why) {
    (void)adding;
    if (is_empty(word, n)) n = 0;
    if (n > CONFIG_BIND_MAX) return config_refuse(why, "Too many bind addresses specified.");
    for (size_t i = 0; i < conf->bind_count; i++) mem_free(conf->bind[i]);
    for (size_t i = 0; i < n; i++) conf->bind[i] = mem_dup(word[i].p, word[i].n);
    conf->bind_count = n;
    return true;
}

static void bind_format(const struct config *conf, struct config_text *out) {
    for (size_t i = 0; i < conf->bind_count; i++) {
        config_text_addf(out, "%s%s", i ? " " : "", conf->bind[i]);
    }
}

const struct config_special config_special_bind = {bind_set, bind_format, NULL};

/* save */

static bool parse_save_point(const struct slice *word, struct config_save_point *point) {
    int64_t changes;
    if (!num_parse_i64(word[0], &point->seconds) || point->seconds < 1) return false;
    if (!num_parse_i64(word[1], &changes) || changes < 0 || changes > INT_MAX) return false;
    point->changes = (int)changes;
    return true;
}

static bool save_set(struct config *conf, const struct slice *word, size_t n, bool adding,
                     char *why) {
    size_t old = adding && conf->save_given ? conf->save_count : 0;
    if (n == 0 || is_empty(word, n)) n = old = 0;
    if (n % 2) return config_refuse(why, "Invalid save parameters");
    struct config_save_point *points = mem_calloc((old + n / 2 + 1) * sizeof *points);
    if (old) memcpy(points, conf->save, old * sizeof *points);
    for (size_t i = 0; i < n / 2; i++) {
        if (!parse_save_point(word + i * 2, &points[old + i])) {
            mem_free(points);
            return config_refuse(why, "Invalid save parameters");
        }
    }
    mem_free(conf->save);
    conf->save = points;
    conf->save_count = old + n / 2;
    conf->save_given = adding;
    return true;
}

static void save_format(const struct config *conf, struct config_text *out) {
    for (size_t i = 0; i < conf->save_count; i++) {
        config_text_addf(out, "%s%lld %d", i ? " " : "", (long long)conf->save[i].seconds,
                         conf->save[i].changes);
    }
}

static void save_rewrite(const struct config *conf, const struct config *initial,
                         struct config_rewriter *rw) {
    (void)initial;
    struct config_text line = {0};
    if (!conf->save_count) {
        config_text_addf(&line, "\"\"");
        config_rewrite_line(rw, "save", &line, true);
    }
    for (size_t i = 0; i < conf->save_count; i++) {
        config_text_addf(&line, "%lld %d", (long long)conf->save[i].seconds, conf->save[i].changes);
        config_rewrite_line(rw, "save", &line, true);
    }
}

const struct config_special config_special_save = {save_set, save_format, save_rewrite};

/* client-output-buffer-limit */

/* Redis prints the second class as "slave" to clients, "replica" into files, and takes both. */
static const char *const class_names[] = {"normal", "slave", "pubsub"};

static int class_find(struct slice s) {
    if (slice_is(s, "replica")) return CONFIG_CLIENT_REPLICA;
    for (int i = 0; i < CONFIG_CLIENT_CLASSES; i++) {
        if (slice_is(s, class_names[i])) return i;
    }
    return -1;
}

static bool output_limit_set(struct config *conf, const struct slice *word, size_t n, bool adding,
                             char *why) {
    (void)adding;
    struct config_output_limit limit[CONFIG_CLIENT_CLASSES];
    memcpy(limit, conf->output_limit, sizeof limit);
    if (n % 4) {
        return config_refuse(why, "Wrong number of arguments in buffer limit configuration.");
    }
    for (size_t i = 0; i < n; i += 4) {
        int class = class_find(word[i]);
        if (class < 0) {
            return config_refuse(why,
                                 "Invalid client class specified in buffer limit configuration.");
        }
        struct config_output_limit *l = &limit[class];
        if (!num_parse_bytes(word[i + 1], &l->hard_bytes) ||
            !num_parse_bytes(word[i + 2], &l->soft_bytes) ||
            !num_parse_i64(word[i + 3], &l->soft_s) || l->soft_s < 0) {
            return config_refuse(why, "Error in hard, soft or soft_seconds setting in buffer limit "
                                      "configuration.");
        }
    }
    memcpy(conf->output_limit, limit, sizeof limit);
    return true;
}

static void output_limit_format(const struct config *conf, struct config_text *out) {
    for (int i = 0; i < CONFIG_CLIENT_CLASSES; i++) {
        const struct config_output_limit *l = &conf->output_limit[i];
        config_text_addf(out, "%s%s %llu %llu %lld", i ? " " : "", class_names[i],
                         (unsigned long long)l->hard_bytes, (unsigned long long)l->soft_bytes,
                         (long long)l->soft_s);
    }
}

static void output_limit_rewrite(const struct config *conf, const struct config *initial,
                                 struct config_rewriter *rw) {
    for (int i = 0; i < CONFIG_CLIENT_CLASSES; i++) {
        const struct config_output_limit *l = &conf->output_limit[i];
        const struct config_output_limit *was = &initial->output_limit[i];
        bool changed = l->hard_bytes != was->hard_bytes || l->soft_bytes != was->soft_bytes ||
                       l->soft_s != was->soft_s;
        struct config_text line = {0};
        config_text_addf(&line, "%s ", i == CONFIG_CLIENT_REPLICA ? "replica" : class_names[i]);
        config_format_memory(&line, l->hard_bytes);
        config_text_addf(&line, " ");
        config_format_memory(&line, l->soft_bytes);
        config_text_addf(&line, " %lld", (long long)l->soft_s);
        config_rewrite_line(rw, "client-output-buffer-limit", &line, changed);
    }
}

const struct config_special config_special_output_limit = {output_limit_set, output_limit_format,
                                                           output_limit_rewrite};

/* dir */

static bool dir_set(struct config *conf, const struct slice *word, size_t n, bool adding,
                    char *why) {
    (void)conf, (void)adding;
    if (n != 1) return config_refuse(why, "wrong number of arguments");
    char *path = mem_dup(word[0].p, word[0].n);
    int result = chdir(path);
    int error = errno;
    mem_free(path);
    return result == 0 || config_refuse(why, "%s", strerror(error));
}

static void dir_format(const struct config *conf, struct config_text *out) {
    (void)conf;
    char path[PATH_MAX];
    if (getcwd(path, sizeof path)) config_text_addf(out, "%s", path);
}

/* Written always: where the server is started from may differ the next time. */
static void dir_rewrite(const struct config *conf, const struct config *initial,
                        struct config_rewriter *rw) {
    (void)initial;
    struct config_text path = {0}, line = {0};
    dir_format(conf, &path);
    if (path.n) {
        config_text_quote(&line, slice_of(path.p, path.n));
        config_rewrite_line(rw, "dir", &line, true);
    }
    config_text_fini(&path);
}

const struct config_special config_special_dir = {dir_set, dir_format, dir_rewrite};

/* latency-tracking-info-percentiles */

static bool percentiles_set(struct config *conf, const struct slice *word, size_t n, bool adding,
                            char *why) {
    (void)adding;
    if (is_empty(word, n)) n = 0;
    double *list = mem_calloc((n + 1) * sizeof *list);
    for (size_t i = 0; i < n; i++) {
        const char *problem = NULL;
        if (!num_parse_double(word[i], &list[i])) {
            problem = "Invalid latency-tracking-info-percentiles parameters";
        } else if (list[i] < 0 || list[i] > 100) {
            problem = "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]";
        }
        if (problem) {
            mem_free(list);
            return config_refuse(why, "%s", problem);
        }
    }
    mem_free(conf->latency_percentiles);
    conf->latency_percentiles = list;
    conf->latency_percentile_count = n;
    return true;
}

/* Six places at most, no zeros behind the last digit that counts. */
static void percentiles_format(const struct config *conf, struct config_text *out) {
    for (size_t i = 0; i < conf->latency_percentile_count; i++) {
        config_text_addf(out, "%s%.6f", i ? " " : "", conf->latency_percentiles[i]);
        while (out->p[out->n - 1] == '0') out->n--;
        if (out->p[out->n - 1] == '.') out->n--;
        out->p[out->n] = 0;
    }
}

const struct config_special config_special_percentiles = {percentiles_set, percentiles_format,
                                                          NULL};

/* notify-keyspace-events */

static bool notify_set(struct config *conf, const struct slice *word, size_t n, bool adding,
                       char *why) {
    (void)adding;
    uint32_t events = 0;
    if (n > 1) return config_refuse(why, "wrong number of arguments");
    for (size_t i = 0; n && i < word[0].n; i++) {
        uint32_t bits = feed_class_bit(word[0].p[i]);
        if (!bits)
            return config_refuse(why, "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
        events |= bits;
    }
    conf->notify_events = events;
    return true;
}

/* As Redis, but for `n` beside all others, which Redis forgets. */
static void notify_format(const struct config *conf, struct config_text *out) {
    uint32_t events = conf->notify_events, all = feed_class_bit('A');
    bool has_all = (events & all) == all;
    if (has_all) config_text_addf(out, "A");
    for (const char *c = "g$lshzxetdnKEm"; *c; c++) {
        uint32_t bit = feed_class_bit(*c);
        if (events & bit && !(has_all && all & bit)) config_text_addf(out, "%c", *c);
    }
}

const struct config_special config_special_notify = {notify_set, notify_format, NULL};

/* oom-score-adj-values */

static bool oom_scores_set(struct config *conf, const struct slice *word, size_t n, bool adding,
                           char *why) {
    (void)adding;
    int64_t v[3];
    if (n != 3) return config_refuse(why, "wrong number of arguments");
    for (size_t i = 0; i < n; i++) {
        if (!num_parse_i64(word[i], &v[i]) || v[i] < -2000 || v[i] > 2000) {
            return config_refuse(why, "Invalid oom-score-adj-values, elements must be between "
                                      "-2000 and 2000.");
        }
    }
    for (size_t i = 0; i < n; i++) conf->oom_score_adj_values[i] = (int)v[i];
    return true;
}

static void oom_scores_format(const struct config *conf, struct config_text *out) {
    const int *v = conf->oom_score_adj_values;
    config_text_addf(out, "%d %d %d", v[0], v[1], v[2]);
}

const struct config_special config_special_oom_scores = {oom_scores_set, oom_scores_format, NULL};

/* replicaof: the only value is none, until there is replication. */

static bool replicaof_set(struct config *conf, const struct slice *word, size_t n, bool adding,
                          char *why) {
    (void)conf, (void)adding;
    if (is_empty(word, n)) return true;
    if (n != 2) return config_refuse(why, "wrong number of arguments");
    if (slice_is(word[0], "no") && slice_is(word[1], "one")) return true;
    return config_refuse(why, "not available in this version: only 'no one' is accepted");
}

static void replicaof_format(const struct config *conf, struct config_text *out) {
    (void)conf, (void)out;
}

const struct config_special config_special_replicaof = {replicaof_set, replicaof_format, NULL};

/* Checks. */

static const char *text_of(const void *field) { return *(char *const *)field; }

const char *config_check_locale(const void *field) {
    return collate_is_known(text_of(field)) ? NULL : "Invalid locale name";
}

const char *config_check_cpus(const void *field) {
    return affinity_is_list(text_of(field)) ? NULL : "argument must be a list like 0-3,8-14:2";
}

const char *config_check_facility(const void *field) {
    if (log_is_facility(text_of(field))) return NULL;
    return "argument(s) must be one of the following: user, local0, local1, local2, local3, "
           "local4, local5, local6, local7";
}

const char *config_check_dbfilename(const void *field) {
    return file_is_basename(text_of(field)) ? NULL : "dbfilename can't be a path, just a filename";
}

const char *config_check_appendfilename(const void *field) {
    if (!*text_of(field)) return "appendfilename can't be empty";
    return file_is_basename(text_of(field)) ? NULL
                                            : "appendfilename can't be a path, just a filename";
}

const char *config_check_appenddirname(const void *field) {
    if (!*text_of(field)) return "appenddirname can't be empty";
    return file_is_basename(text_of(field)) ? NULL
                                            : "appenddirname can't be a path, just a dirname";
}

const char *config_check_shutdown(const void *field) {
    int both = CONFIG_SHUTDOWN_SAVE | CONFIG_SHUTDOWN_NOSAVE;
    return (*(const int *)field & both) == both
               ? "shutdown options SAVE and NOSAVE can't be used simultaneously"
               : NULL;
}
