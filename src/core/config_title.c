/* config_title.c - the template of the process' title: judged, and filled in.
 *
 * To add a variable: a row of variables[].
 * Threads: the loop. Specification: Redis 7.2, proc-title-template.
 */
#include "core/config_internal.h"

#include "base/mem.h"

struct title {
    const struct config *conf;
    const char *name;
    struct config_text text;
};

static void put(struct title *t, const char *s) { config_text_add(&t->text, s, strlen(s)); }

static void put_title(struct title *t) { put(t, t->name); }
static void put_port(struct title *t) { config_text_addf(&t->text, "%d", t->conf->port); }
static void put_tls_port(struct title *t) { config_text_addf(&t->text, "%d", t->conf->tls_port); }
static void put_unixsocket(struct title *t) { put(t, t->conf->unixsocket); }
static void put_config_file(struct title *t) { put(t, t->conf->config_file); }
static void put_mode(struct title *t) { put(t, t->conf->cluster_enabled ? "[cluster]" : ""); }

static void put_address(struct title *t) {
    const struct config *conf = t->conf;
    if (conf->port) {
        config_text_addf(&t->text, "%s:%d", conf->bind_count ? conf->bind[0] : "*", conf->port);
    } else {
        config_text_addf(&t->text, "unixsocket:%s", conf->unixsocket);
    }
}

static const struct variable {
    const char *name;
    bool shows; /* always has text */
    void (*put)(struct title *t);
} variables[] = {
    {"{title}", false, put_title},
    {"{listen-addr}", true, put_address},
    {"{server-mode}", false, put_mode},
    {"{port}", true, put_port},
    {"{tls-port}", true, put_tls_port},
    {"{unixsocket}", false, put_unixsocket},
    {"{config-file}", false, put_config_file},
    {0},
};

static const struct variable *find_variable(const char *at) {
    const struct variable *v = variables;
    while (v->name && strncmp(at, v->name, strlen(v->name)) != 0) v++;
    return v->name ? v : NULL;
}

/* A template must not come out empty, whatever the server's settings are. "{{" is a brace. */
const char *config_check_title(const void *field) {
    bool shows = false;
    for (const char *p = *(char *const *)field; *p; p++) {
        if (p[0] == '{' && p[1] != '{') {
            const struct variable *v = find_variable(p);
            if (!v) return "template format is invalid or contains unknown variables";
            shows |= v->shows;
            p += strlen(v->name) - 1;
        } else {
            p += p[0] == '{';
            shows |= *p != ' ';
        }
    }
    return shows ? NULL : "template format is invalid or contains unknown variables";
}

char *config_title(const struct config *conf, const char *name) {
    struct title t = {.conf = conf, .name = name};
    for (const char *p = conf->proc_title_template; *p; p++) {
        const struct variable *v = p[0] == '{' && p[1] != '{' ? find_variable(p) : NULL;
        if (v) {
            v->put(&t);
            p += strlen(v->name) - 1;
        } else {
            p += p[0] == '{';
            if (*p != ' ' || t.text.n) config_text_add(&t.text, p, 1);
        }
    }
    while (t.text.n && t.text.p[t.text.n - 1] == ' ') t.text.p[--t.text.n] = 0;
    return config_text_take(&t.text);
}
