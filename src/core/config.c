/* config.c - the configuration as a whole: made, looked up, changed while the server runs.
 *
 * CONFIG SET checks all names first, then sets all values, then runs the hooks of what really
 * changed; whatever fails, the values printed before are put back and the hooks that had run
 * are called again. Threads: the loop.
 * Specification: Redis 7.2.
 */
#include "core/config_internal.h"

#include "base/assert.h"
#include "base/glob.h"
#include "base/mem.h"

#include <strings.h>

struct config_hook {
    const struct config_row *row;
    bool (*run)(void *ctx, char why[CONFIG_WHY_BYTES]);
    void *ctx;
};

const struct config_row *config_row_find(struct slice name) {
    for (size_t i = 0; i < config_directive_count; i++) {
        const struct config_row *row = &config_directives[i];
        if (slice_is(name, row->name) || (row->alias && slice_is(name, row->alias))) return row;
    }
    return NULL;
}

/* The name or the alias of the row, whichever this is. */
static const char *name_said(const struct config_row *row, struct slice name) {
    return slice_is(name, row->name) ? row->name : row->alias;
}

const char *config_row_name(size_t row) {
    return row < config_directive_count ? config_directives[row].name : NULL;
}
const char *config_row_alias(size_t row) { return config_directives[row].alias; }
const char *config_row_default(size_t row) { return config_directives[row].initial; }

bool config_is_secret(struct slice name) {
    const struct config_row *row = config_row_find(name);
    return row && (row->flags & CONFIG_SECRET);
}

struct config *config_new(void) {
    struct config *conf = mem_calloc(sizeof *conf);
    conf->config_file = mem_dup("", 0);
    for (size_t i = 0; i < config_directive_count; i++) {
        const struct config_row *row = &config_directives[i];
        if (row->initial) config_row_restore(conf, row, row->initial);
    }
    return conf;
}

void config_free(struct config *conf) {
    for (size_t i = 0; i < config_directive_count; i++) {
        const struct config_row *row = &config_directives[i];
        if (row->kind == CONFIG_STRING) mem_free(*(char **)((char *)conf + row->offset));
    }
    for (size_t i = 0; i < conf->bind_count; i++) mem_free(conf->bind[i]);
    for (size_t i = 0; i < conf->rename_count; i++) {
        mem_free(conf->renames[i].from);
        mem_free(conf->renames[i].to);
        mem_free(conf->renames[i].where);
    }
    mem_free(conf->renames);
    mem_free(conf->save);
    mem_free(conf->latency_percentiles);
    mem_free(conf->config_file);
    mem_free(conf->hooks);
    mem_free(conf);
}

/* GET */

static void hit_add(struct config_hit *hits, size_t *count, struct slice name, size_t row) {
    for (size_t i = 0; i < *count; i++) {
        if (hits[i].name.n == name.n && strncasecmp(hits[i].name.p, name.p, name.n) == 0) return;
    }
    hits[(*count)++] = (struct config_hit){name, row};
}

static bool is_glob(struct slice s) {
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '*' || s.p[i] == '?' || s.p[i] == '[') return true;
    }
    return false;
}

/* The place where a plain name was asked for, which is how its answer is spelt. */
static const struct slice *find_plain(const struct slice *patterns, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++) {
        if (!is_glob(patterns[i]) && slice_is(patterns[i], name)) return &patterns[i];
    }
    return NULL;
}

static bool find_glob(const struct slice *patterns, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++) {
        if (is_glob(patterns[i]) && glob_match(patterns[i], slice_cstr(name), true)) return true;
    }
    return false;
}

struct config_hit *config_match(const struct slice *patterns, size_t pattern_count,
                                size_t *hit_count) {
    struct config_hit *hits = mem_alloc(2 * config_directive_count * sizeof *hits);
    *hit_count = 0;
    for (size_t i = 0; i < config_directive_count; i++) {
        const char *const names[] = {config_directives[i].name, config_directives[i].alias};
        for (size_t k = 0; k < 2 && names[k]; k++) {
            const struct slice *plain = find_plain(patterns, pattern_count, names[k]);
            if (plain) {
                hit_add(hits, hit_count, *plain, i);
            } else if (!(config_directives[i].flags & CONFIG_HIDDEN) &&
                       find_glob(patterns, pattern_count, names[k])) {
                hit_add(hits, hit_count, slice_cstr(names[k]), i);
            }
        }
    }
    return hits;
}

char *config_value(const struct config *conf, size_t row) {
    ASSERT(row < config_directive_count);
    return config_row_text(conf, &config_directives[row]);
}

/* SET */

void config_on_change(struct config *conf, const char *name,
                      bool (*hook)(void *ctx, char why[CONFIG_WHY_BYTES]), void *ctx) {
    const struct config_row *row = config_row_find(slice_cstr(name));
    ASSERT(row && hook);
    conf->hooks = mem_realloc(conf->hooks, (conf->hook_count + 1) * sizeof *conf->hooks);
    conf->hooks[conf->hook_count++] = (struct config_hook){row, hook, ctx};
}

/* One directive of a CONFIG SET. */
struct change {
    const struct config_row *row;
    struct slice name, value;
    char *old;
    bool changed;
};

/* Looks every name up; the first fault in order is told. */
static enum config_set_result changes_check(struct change *change, size_t n, bool allow_protected,
                                            struct config_set_error *error) {
    error->why[0] = 0;
    for (size_t i = 0; i < n && !error->why[0]; i++) {
        const struct config_row *row = config_row_find(change[i].name);
        change[i].row = row;
        error->name = change[i].name;
        if (!row) return CONFIG_SET_UNKNOWN;
        if (row->flags & CONFIG_IMMUTABLE) {
            config_refuse(error->why, "can't set immutable config");
        } else if ((row->flags & CONFIG_PROTECTED) && !allow_protected) {
            config_refuse(error->why, "can't set protected config");
        } else {
            const char *said = name_said(row, change[i].name);
            for (size_t j = 0; j < i; j++) {
                if (change[j].row == row && name_said(row, change[j].name) == said)
                    config_refuse(error->why, "duplicate parameter");
            }
        }
    }
    return error->why[0] ? CONFIG_SET_FAILED : CONFIG_SET_OK;
}

static bool change_apply(struct config *conf, struct change *change, char *why) {
    const struct config_row *row = change->row;
    struct config_words words = {0};
    change->old = config_row_text(conf, row);
    if (row->flags & CONFIG_WORDS) config_split_plain(change->value, &words);
    bool done = row->flags & CONFIG_WORDS
                    ? config_row_set(conf, row, words.word, words.n, false, why)
                    : config_row_set(conf, row, &change->value, 1, false, why);
    config_words_fini(&words);
    char *now = config_row_text(conf, row);
    change->changed = strcmp(now, change->old) != 0;
    mem_free(now);
    return done;
}

/* The change that a hook is about, or NULL. */
static const struct change *hook_change(const struct config_hook *hook, const struct change *change,
                                        size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (change[i].row == hook->row && change[i].changed) return &change[i];
    }
    return NULL;
}

/* Whether a hook registered before this one does the same for this set of changes. */
static bool hook_repeats(const struct config *conf, size_t hook, const struct change *change,
                         size_t n) {
    const struct config_hook *h = &conf->hooks[hook];
    for (size_t i = 0; i < hook; i++) {
        const struct config_hook *g = &conf->hooks[i];
        if (g->run == h->run && g->ctx == h->ctx && hook_change(g, change, n)) return true;
    }
    return false;
}

/* Runs the hooks below `limit`; stops at the first that refuses and returns its index. */
static size_t hooks_run(struct config *conf, size_t limit, const struct change *change, size_t n,
                        char *why) {
    for (size_t i = 0; i < limit; i++) {
        if (!hook_change(&conf->hooks[i], change, n)) continue;
        if (hook_repeats(conf, i, change, n)) continue;
        if (!conf->hooks[i].run(conf->hooks[i].ctx, why)) return i;
    }
    return limit;
}

static void changes_undo(struct config *conf, struct change *change, size_t n) {
    for (size_t i = n; i-- > 0;) {
        if (change[i].changed) config_row_restore(conf, change[i].row, change[i].old);
    }
}

static enum config_set_result changes_apply(struct config *conf, struct change *change, size_t n,
                                            struct config_set_error *error) {
    for (size_t i = 0; i < n; i++) {
        if (change_apply(conf, &change[i], error->why)) continue;
        error->name = slice_cstr(name_said(change[i].row, change[i].name));
        changes_undo(conf, change, i);
        return CONFIG_SET_FAILED;
    }
    size_t stop = hooks_run(conf, conf->hook_count, change, n, error->why);
    if (stop == conf->hook_count) return CONFIG_SET_OK;
    char ignored[CONFIG_WHY_BYTES];
    const struct change *refused = hook_change(&conf->hooks[stop], change, n);
    error->name = slice_cstr(name_said(refused->row, refused->name));
    changes_undo(conf, change, n);
    hooks_run(conf, stop + 1, change, n, ignored);
    return CONFIG_SET_FAILED;
}

bool config_set_is_early(const struct slice *pairs, size_t pair_count) {
    for (size_t i = 0; i < pair_count; i++) {
        const struct config_row *row = config_row_find(pairs[2 * i]);
        if (row && row->flags & CONFIG_NOT_LOADING) return true;
    }
    return false;
}

enum config_set_result config_set(struct config *conf, const struct slice *pairs, size_t pair_count,
                                  bool allow_protected, struct config_set_error *error) {
    struct change *change = mem_calloc((pair_count + 1) * sizeof *change);
    for (size_t i = 0; i < pair_count; i++) {
        change[i].name = pairs[2 * i];
        change[i].value = pairs[2 * i + 1];
    }
    enum config_set_result result = changes_check(change, pair_count, allow_protected, error);
    if (result == CONFIG_SET_OK) result = changes_apply(conf, change, pair_count, error);
    for (size_t i = 0; i < pair_count; i++) mem_free(change[i].old);
    mem_free(change);
    return result;
}
