/* cmd_client.c - CLIENT: the connections, looked at and steered.
 *
 * What is about client-side caching is in cmd_tracking.c.
 * Specification: Redis 7.2's replies and errors (KILL's MAXAGE: 7.4); CAPA: Valkey 8.0.
 * To add a field to the list: client_line. To add a filter of KILL: struct filter.
 * Threads: the loop.
 */
#include <stdio.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "commands/cmd_connection_internal.h"
#include "commands/families.h"
#include "core/blocked.h"
#include "core/config.h"
#include "core/multi.h"
#include "core/push.h"
#include "topic/outbox.h"
#include "topic/topics.h"
#include "topic/tracking.h"

/* -- CLIENT LIST and INFO -------------------------------------------------------------- */

/* Lines being collected. */
struct lines {
    char *p;
    size_t n, room;
};

#define LINE_BYTES_MAX 1024 /* without the texts that the client chose */

static size_t text_bytes(const char *text) { return text ? strlen(text) : 0; }

static const char *shown(const char *text) { return text ? text : ""; }

#define CLIENT_FLAGS_MAX 16

/* Flags of the list, in Redis' order. */
static void client_flags(const struct session *s, char out[CLIENT_FLAGS_MAX + 1]) {
    const struct tracking_state tracking = tracking_state(s);
    size_t n = 0;
    if (s->gates & GATE_MONITOR) out[n++] = 'O';
    if (s->state & SESSION_SUBSCRIBED) out[n++] = 'P';
    if (s->multi) out[n++] = 'x';
    if (s->state & SESSION_BLOCKED && !(s->state & SESSION_STREAMS)) out[n++] = 'b';
    if (tracking.on) out[n++] = 't';
    if (tracking.broken) out[n++] = 'R';
    if (tracking.options & TRACKING_BCAST) out[n++] = 'B';
    if (s->state & SESSION_CAS_FAILED) out[n++] = 'd';
    if (s->state & SESSION_CLOSE_AFTER) out[n++] = 'c';
    if (s->state & SESSION_CLOSE_NOW) out[n++] = 'A';
    if (s->state & SESSION_UNIX) out[n++] = 'U';
    if (s->state & SESSION_NO_EVICT) out[n++] = 'e';
    if (s->gates & GATE_NO_TOUCH) out[n++] = 'T';
    if (n == 0) out[n++] = 'N';
    out[n] = 0;
}

static size_t arguments_bytes(const struct ctx *c) {
    size_t n = 0;
    for (int i = 0; i < c->argc; i++) n += c->argv[i].n;
    return n;
}

/* The bytes of the command as clients send it, which for a running one are in its query buffer. */
static uint32_t command_bytes(const struct ctx *c) {
    size_t n = 3 + num_digits_u64((uint64_t)c->argc);
    for (int i = 0; i < c->argc; i++) n += 5 + num_digits_u64(c->argv[i].n) + c->argv[i].n;
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* Redis has no such fields: they are there for those who may lose messages. */
static void policy_fields(const struct session *s, struct lines *out) {
    const struct outbox *o = topics_outbox(s);
    if (!(s->state & SESSION_DROPS)) return;
    out->n +=
        (size_t)snprintf(out->p + out->n, out->room - out->n, " policy=%s held=%zu dropped=%llu",
                         config_policy_name(session_policy(s)), o ? outbox_held(o) : 0,
                         (unsigned long long)(o ? outbox_dropped(o) : 0));
}

/* Adds the line of one session, without the line end. */
static void client_line(struct ctx *c, struct session *s, struct lines *out) {
    size_t need = out->n + LINE_BYTES_MAX + text_bytes(s->name) + text_bytes(s->lib_name) +
                  text_bytes(s->lib_ver);
    if (need > out->room) {
        out->room = 2 * need;
        out->p = mem_realloc(out->p, out->room);
    }
    char flags[CLIENT_FLAGS_MAX + 1], name[ROW_FULL_NAME_BYTES_MAX];
    /* Redis tells its fixed reply buffer from a list behind it: the first chunk from the rest. */
    int chunks = reply_chunks(&s->reply), listed = chunks > 1 ? chunks : 0;
    size_t pending = reply_pending(&s->reply), held = reply_memory(&s->reply) + push_memory(s);
    size_t waiting = topics_outbox(s) ? outbox_memory(topics_outbox(s)) : 0;
    size_t buffer = chunks ? REPLY_CHUNK_BYTES : 0;
    size_t argv_bytes = s == c->s ? arguments_bytes(c) : 0;
    size_t total = session_memory(s) + argv_bytes;
    client_flags(s, flags);
    int n = snprintf(
        out->p + out->n, out->room - out->n,
        "id=%llu addr=%s laddr=%s fd=%d name=%s age=%lld idle=%lld flags=%s db=%d sub=%zu psub=%zu "
        "ssub=%zu multi=%d qbuf=%u qbuf-free=%u argv-mem=%zu multi-mem=%zu rbs=%zu rbp=%zu obl=%zu "
        "oll=%d omem=%zu tot-mem=%zu events=%s cmd=%s user=%s redir=%lld resp=%d lib-name=%s "
        "lib-ver=%s",
        (unsigned long long)s->id, s->addr, s->laddr, s->fd, shown(s->name),
        (long long)(c->core->now_ms - s->created_ms) / 1000,
        (long long)(c->core->now_ms - s->active_ms) / 1000, flags, s->db->id,
        topics_of(s, TOPIC_CHANNEL), topics_of(s, TOPIC_PATTERN), topics_of(s, TOPIC_SHARD),
        s->multi ? (int)s->multi->count : -1, s->query_bytes + (s == c->s ? command_bytes(c) : 0),
        s->query_free, argv_bytes, multi_memory(s), buffer, buffer, listed ? 0 : pending, listed,
        (listed ? held : 0) + waiting, total, pending ? "rw" : "r",
        s->last_row ? row_full_name(c->core->rows, s->last_row, name) : "NULL", CONNECTION_USER,
        (long long)client_redirect(s), s->reply.proto, shown(s->lib_name), shown(s->lib_ver));
    ASSERT(n > 0 && (size_t)n < out->room - out->n);
    out->n += (size_t)n;
    size_t followed = topics_of(s, TOPIC_RETAINED); /* Redis has no such field: it is not usual */
    if (followed)
        out->n += (size_t)snprintf(out->p + out->n, out->room - out->n, " tsub=%zu", followed);
    policy_fields(s, out);
    out->p[out->n++] = '\n'; /* over the terminating zero */
}

static void reply_lines(struct ctx *c, struct lines *lines) {
    reply_verbatim(c->r, slice_of(lines->n ? lines->p : "", lines->n), "txt");
    mem_free(lines->p);
}

enum client_type { CLIENT_NORMAL, CLIENT_REPLICA, CLIENT_PUBSUB, CLIENT_MASTER };

/* The type named by argument i; replies the error otherwise. */
static bool parse_type(struct ctx *c, int i, enum client_type *type) {
    static const struct {
        const char *name;
        enum client_type type;
    } types[] = {
        {"normal", CLIENT_NORMAL}, {"slave", CLIENT_REPLICA}, {"replica", CLIENT_REPLICA},
        {"pubsub", CLIENT_PUBSUB}, {"master", CLIENT_MASTER},
    };
    for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
        if (!slice_is(c->argv[i], types[k].name)) continue;
        *type = types[k].type;
        return true;
    }
    reply_errorf(c->r, "ERR Unknown client type '%.*s'", (int)c->argv[i].n, c->argv[i].p);
    return false;
}

static struct session *session_at(struct list_link *link) {
    return link ? LIST_MEMBER(link, struct session, in_all) : NULL;
}

static enum client_type type_of(const struct session *s) {
    return s->state & SESSION_SUBSCRIBED ? CLIENT_PUBSUB : CLIENT_NORMAL;
}

/* All of a type, or of any if that is NULL. */
static void list_all(struct ctx *c, struct lines *lines, const enum client_type *type) {
    struct list *all = &c->core->sessions;
    for (struct list_link *l = list_first(all); l; l = list_next(all, l)) {
        struct session *s = session_at(l);
        if (!type || type_of(s) == *type) client_line(c, s, lines);
    }
}

static void client_list(struct ctx *c) {
    struct lines lines = {0};
    if (c->argc == 4 && slice_is(c->argv[2], "type")) {
        enum client_type type;
        if (!parse_type(c, 3, &type)) return;
        list_all(c, &lines, &type);
    } else if (c->argc > 3 && slice_is(c->argv[2], "id")) {
        for (int i = 3; i < c->argc; i++) {
            int64_t id;
            if (!ctx_int_range(c, i, INT64_MIN, INT64_MAX, &id, "ERR Invalid client ID")) {
                mem_free(lines.p);
                return;
            }
            struct session *s = session_by_id(c->core, (uint64_t)id);
            if (s) client_line(c, s, &lines);
        }
    } else if (c->argc != 2) {
        reply_err(c->r, ERR_SYNTAX);
        return;
    } else {
        list_all(c, &lines, NULL);
    }
    reply_lines(c, &lines);
}

static void client_info(struct ctx *c) {
    struct lines lines = {0};
    client_line(c, c->s, &lines);
    reply_lines(c, &lines);
}

/* -- CLIENT KILL ----------------------------------------------------------------------- */

struct filter {
    int64_t id;               /* 0: any */
    int64_t age_s;            /* at least so old; 0: any */
    struct slice addr, laddr; /* p is NULL: any */
    enum client_type type;
    bool has_type;
    bool skip_me;
};

static bool filter_hits(const struct filter *f, const struct ctx *c, const struct session *s) {
    if (f->addr.p && !slice_eq(f->addr, slice_cstr(s->addr))) return false;
    if (f->laddr.p && !slice_eq(f->laddr, slice_cstr(s->laddr))) return false;
    if (f->has_type && f->type != type_of(s)) return false;
    if (f->id && (uint64_t)f->id != s->id) return false;
    if (f->age_s && (c->core->now_ms - s->created_ms) / 1000 < f->age_s) return false;
    return !(f->skip_me && s == c->s);
}

/* An option and its value, in arguments i and i + 1. */
static bool parse_filter(struct ctx *c, int i, struct filter *f) {
    struct slice word = c->argv[i], value = c->argv[i + 1];
    if (slice_is(word, "id"))
        return ctx_int_range(c, i + 1, 1, INT64_MAX, &f->id,
                             "ERR client-id should be greater than 0");
    if (slice_is(word, "maxage")) {
        if (!ctx_int_range(c, i + 1, INT64_MIN, INT64_MAX, &f->age_s,
                           "ERR maxage is not an integer or out of range"))
            return false;
        if (f->age_s > 0) return true;
        reply_error(c->r, "ERR maxage should be greater than 0");
        return false;
    }
    if (slice_is(word, "type")) {
        f->has_type = true;
        return parse_type(c, i + 1, &f->type);
    }
    if (slice_is(word, "addr")) {
        f->addr = value;
    } else if (slice_is(word, "laddr")) {
        f->laddr = value;
    } else if (slice_is(word, "user")) {
        if (slice_eq(value, slice_cstr(CONNECTION_USER))) return true;
        reply_errorf(c->r, "ERR No such user '%.*s'", (int)value.n, value.p);
        return false;
    } else if (slice_is(word, "skipme") && slice_is(value, "yes")) {
        f->skip_me = true;
    } else if (slice_is(word, "skipme") && slice_is(value, "no")) {
        f->skip_me = false;
    } else {
        reply_err(c->r, ERR_SYNTAX);
        return false;
    }
    return true;
}

static int64_t kill_all(struct ctx *c, const struct filter *f) {
    int64_t count = 0;
    struct list *all = &c->core->sessions;
    for (struct list_link *l = list_first(all), *next; l; l = next) {
        struct session *s = session_at(l);
        next = list_next(all, l);
        if (!filter_hits(f, c, s)) continue;
        session_kill(s, c->s);
        count++;
    }
    return count;
}

static void client_kill(struct ctx *c) {
    struct filter f = {0};
    if (c->argc == 3) {
        f.addr = c->argv[2];
        if (kill_all(c, &f)) {
            reply_ok(c->r);
        } else {
            reply_error(c->r, "ERR No such client");
        }
        return;
    }
    f.skip_me = true;
    for (int i = 2; i < c->argc; i += 2) {
        if (i + 1 == c->argc) {
            reply_err(c->r, ERR_SYNTAX);
            return;
        }
        if (!parse_filter(c, i, &f)) return;
    }
    reply_int(c->r, kill_all(c, &f));
}

static void client_unblock(struct ctx *c) {
    int64_t id;
    if (c->argc > 4) {
        ctx_subcommand_error(c);
        return;
    }
    if (c->argc == 4 && !slice_is(c->argv[3], "timeout") && !slice_is(c->argv[3], "error")) {
        reply_error(c->r, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
        return;
    }
    if (!ctx_int(c, 2, &id)) return;
    struct session *s = session_by_id(c->core, (uint64_t)id);
    reply_int(c->r, s && blocked_end(s, c->argc == 4 && slice_is(c->argv[3], "error")));
}

/* -- CLIENT PAUSE ---------------------------------------------------------------------- */

static void client_pause(struct ctx *c) {
    int64_t wait_ms, until_ms;
    bool all = true;
    if (c->argc > 4) {
        ctx_subcommand_error(c);
        return;
    }
    if (c->argc == 4 && slice_is(c->argv[3], "write")) {
        all = false;
    } else if (c->argc == 4 && !slice_is(c->argv[3], "all")) {
        reply_error(c->r, "ERR CLIENT PAUSE mode must be WRITE or ALL");
        return;
    }
    if (!ctx_int_range(c, 2, INT64_MIN, INT64_MAX, &wait_ms,
                       "ERR timeout is not an integer or out of range"))
        return;
    if (wait_ms < 0) {
        reply_error(c->r, "ERR timeout is negative");
    } else if (__builtin_add_overflow(wait_ms, c->core->now_ms, &until_ms)) {
        reply_error(c->r, "ERR timeout is out of range");
    } else {
        core_pause(c->core, until_ms, all);
        reply_ok(c->r);
    }
}

static void client_unpause(struct ctx *c) {
    core_unpause(c->core);
    reply_ok(c->r);
}

/* -- the own connection ---------------------------------------------------------------- */

static void client_id(struct ctx *c) { reply_int(c->r, (int64_t)c->s->id); }

static void client_getname(struct ctx *c) {
    if (c->s->name) {
        reply_bulk_cstr(c->r, c->s->name);
    } else {
        reply_null(c->r);
    }
}

static void client_setname(struct ctx *c) {
    if (!connection_name_ok(c->argv[2])) {
        reply_error(c->r, CONNECTION_BAD_NAME);
        return;
    }
    session_set_text(&c->s->name, c->argv[2]);
    reply_ok(c->r);
}

static void client_setinfo(struct ctx *c) {
    struct slice which = c->argv[2];
    char **field;
    if (slice_is(which, "lib-name")) {
        field = &c->s->lib_name;
    } else if (slice_is(which, "lib-ver")) {
        field = &c->s->lib_ver;
    } else {
        reply_errorf(c->r, "ERR Unrecognized option '%.*s'", (int)which.n, which.p);
        return;
    }
    if (!connection_name_ok(c->argv[3])) {
        reply_errorf(c->r, "ERR %.*s cannot contain spaces, newlines or special characters.",
                     (int)which.n, which.p);
        return;
    }
    session_set_text(field, c->argv[3]);
    reply_ok(c->r);
}

/* Argument 2 as ON or OFF; replies the error otherwise. */
static bool parse_on_off(struct ctx *c, bool *on) {
    *on = slice_is(c->argv[2], "on");
    if (*on || slice_is(c->argv[2], "off")) return true;
    reply_err(c->r, ERR_SYNTAX);
    return false;
}

static void set_bit(uint32_t *bits, uint32_t bit, bool on) {
    *bits = on ? *bits | bit : *bits & ~bit;
}

static void client_no_evict(struct ctx *c) {
    bool on;
    if (!parse_on_off(c, &on)) return;
    set_bit(&c->s->state, SESSION_NO_EVICT, on);
    reply_ok(c->r);
}

static void client_no_touch(struct ctx *c) {
    bool on;
    if (!parse_on_off(c, &on)) return;
    set_bit(&c->s->gates, GATE_NO_TOUCH, on);
    reply_ok(c->r);
}

static void client_lane_timeout(struct ctx *c) {
    int64_t ms;
    if (!ctx_int_range(c, 2, 0, INT64_MAX, &ms, "ERR timeout is not an integer or out of range"))
        return;
    c->s->lane_timeout_ms = ms;
    reply_ok(c->r);
}

static void client_durability(struct ctx *c) {
    bool on = slice_is(c->argv[2], "fsync");
    if (!on && !slice_is(c->argv[2], "none")) {
        reply_err(c->r, ERR_SYNTAX);
    } else if (on && !c->core->log.on) {
        reply_error(c->r, "ERR CLIENT DURABILITY fsync cannot be used when appendonly is disabled");
    } else {
        session_set_durable(c->s, on);
        reply_ok(c->r);
    }
}

/* Without a policy: tells which one holds. */
static void client_subscriber_policy(struct ctx *c) {
    int policy = c->argc == 3 ? config_policy_of(c->argv[2]) : -1;
    if (c->argc > 3) {
        ctx_subcommand_error(c);
    } else if (c->argc == 2) {
        reply_bulk_cstr(c->r, config_policy_name(session_policy(c->s)));
    } else if (policy < 0) {
        reply_err(c->r, ERR_SYNTAX);
    } else {
        session_set_policy(c->s, policy);
        reply_ok(c->r);
    }
}

/* OFF and SKIP have no reply themselves. */
static void client_reply(struct ctx *c) {
    uint32_t *gates = &c->s->gates;
    if (slice_is(c->argv[2], "on")) {
        *gates &= ~(uint32_t)(GATE_REPLY_OFF | GATE_REPLY_SKIP | GATE_REPLY_SKIPPING);
        reply_ok(c->r);
    } else if (slice_is(c->argv[2], "off")) {
        *gates |= GATE_REPLY_OFF;
    } else if (slice_is(c->argv[2], "skip")) {
        if (!(*gates & GATE_REPLY_OFF)) *gates |= GATE_REPLY_SKIP;
    } else {
        reply_err(c->r, ERR_SYNTAX);
    }
}

/* What a client says that it can; nothing here hangs on it yet. */
static void client_capa(struct ctx *c) { reply_ok(c->r); }

static void client_help(struct ctx *c) {
    static const char *const lines[] = {
        "CACHING (YES|NO)",
        "    Whether the keys of the next command are tracked, in OPTIN or OPTOUT mode.",
        "CAPA <capability> [<capability> [...]]",
        "    Tell the server what this client can do.",
        "GETNAME",
        "    Tell the name of this connection.",
        "GETREDIR",
        "    Tell the ID of the client that gets this one's invalidations.",
        "ID",
        "    Tell the ID of this connection.",
        "DURABILITY (NONE|FSYNC)",
        "    Whether replies wait until what they tell of is on disk, with any appendfsync.",
        "INFO",
        "    Tell about this connection, in the form of LIST.",
        "KILL <ip:port>",
        "    Close the connection that comes from <ip:port>.",
        "KILL <option> <value> [<option> <value> [...]]",
        "    Close all connections to which every option applies:",
        "    * ADDR (<ip:port>|<unixsocket>:0)",
        "      It comes from there.",
        "    * ID <client-id>",
        "      It has this ID.",
        "    * LADDR (<ip:port>|<unixsocket>:0)",
        "      It goes to this address of the server.",
        "    * MAXAGE <seconds>",
        "      It is at least so old.",
        "    * SKIPME (YES|NO)",
        "      Whether this connection is spared (default: yes).",
        "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
        "      It is of this type.",
        "    * USER <username>",
        "      It has authenticated as <username>.",
        "LIST [<option> ...]",
        "    Tell about all connections, or some of them:",
        "    * ID <client-id> [<client-id> [...]]",
        "      Those with these IDs.",
        "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
        "      Those of this type.",
        "NO-EVICT (ON|OFF)",
        "    Keep this connection when clients use too much memory.",
        "NO-TOUCH (ON|OFF)",
        "    Let this connection's commands leave access times alone.",
        "PAUSE <timeout> [WRITE|ALL]",
        "    Let all commands, or those that write, wait for <timeout> milliseconds.",
        "REPLY (ON|OFF|SKIP)",
        "    Send replies, or none, or none to the next command.",
        "SETINFO <option> <value>",
        "    Tell the server about the client library. Options are:",
        "    * LIB-NAME: its name.",
        "    * LIB-VER: its version.",
        "SETNAME <name>",
        "    Name this connection.",
        "SUBSCRIBER-POLICY [CLOSE|DROP-OLDEST|DROP-NEWEST|CONFLATE]",
        "    Tell, or choose, what becomes of messages that this connection does not take.",
        "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
        "         [OPTIN] [OPTOUT] [NOLOOP]",
        "    Tell this connection when keys change that it has read, for caches on its side.",
        "TRACKINGINFO",
        "    Tell how this connection tracks keys.",
        "UNBLOCK <client-id> [TIMEOUT|ERROR]",
        "    Wake a client that a command blocks.",
        "UNPAUSE",
        "    End the pause.",
        NULL,
    };
    ctx_help(c, lines);
}

/* -- rows ---------------------------------------------------------------------------- */

#define ALWAYS (ROW_LOADING | ROW_STALE)
#define OWN (ALWAYS | ROW_NOSCRIPT)
#define OTHERS (OWN | ROW_ADMIN)

static const struct row_arg capa_args[] = {
    {.name = "capability", .type = ARG_STRING, .flags = ARG_MULTIPLE},
    {0},
};
static const struct row_arg kill_types[] = {
    {.name = "normal", .type = ARG_PURE_TOKEN, .token = "NORMAL"},
    {.name = "master", .type = ARG_PURE_TOKEN, .token = "MASTER", .since = "3.2.0"},
    {.name = "slave", .type = ARG_PURE_TOKEN, .token = "SLAVE"},
    {.name = "replica", .type = ARG_PURE_TOKEN, .token = "REPLICA", .since = "5.0.0"},
    {.name = "pubsub", .type = ARG_PURE_TOKEN, .token = "PUBSUB"},
    {0},
};
static const struct row_arg yes_no_args[] = {
    {.name = "yes", .type = ARG_PURE_TOKEN, .token = "YES"},
    {.name = "no", .type = ARG_PURE_TOKEN, .token = "NO"},
    {0},
};
static const struct row_arg kill_new_args[] = {
    {.name = "client-id",
     .type = ARG_INTEGER,
     .flags = ARG_OPTIONAL,
     .token = "ID",
     .since = "2.8.12"},
    {.name = "client-type",
     .type = ARG_ONEOF,
     .flags = ARG_OPTIONAL,
     .token = "TYPE",
     .since = "2.8.12",
     .sub = kill_types},
    {.name = "username", .type = ARG_STRING, .flags = ARG_OPTIONAL, .token = "USER"},
    {.name = "addr",
     .type = ARG_STRING,
     .flags = ARG_OPTIONAL,
     .token = "ADDR",
     .display = "ip:port"},
    {.name = "laddr",
     .type = ARG_STRING,
     .flags = ARG_OPTIONAL,
     .token = "LADDR",
     .since = "6.2.0",
     .display = "ip:port"},
    {.name = "skipme",
     .type = ARG_ONEOF,
     .flags = ARG_OPTIONAL,
     .token = "SKIPME",
     .sub = yes_no_args},
    {.name = "maxage",
     .type = ARG_INTEGER,
     .flags = ARG_OPTIONAL,
     .token = "MAXAGE",
     .since = "7.4.0"},
    {0},
};
static const struct row_arg kill_forms[] = {
    {.name = "old-format", .type = ARG_STRING, .deprecated_since = "2.8.12", .display = "ip:port"},
    {.name = "new-format", .type = ARG_ONEOF, .flags = ARG_MULTIPLE, .sub = kill_new_args},
    {0},
};
static const struct row_arg kill_args[] = {
    {.name = "filter", .type = ARG_ONEOF, .sub = kill_forms},
    {0},
};
static const struct row_arg list_types[] = {
    {.name = "normal", .type = ARG_PURE_TOKEN, .token = "NORMAL"},
    {.name = "master", .type = ARG_PURE_TOKEN, .token = "MASTER"},
    {.name = "replica", .type = ARG_PURE_TOKEN, .token = "REPLICA"},
    {.name = "pubsub", .type = ARG_PURE_TOKEN, .token = "PUBSUB"},
    {0},
};
static const struct row_arg list_args[] = {
    {.name = "client-type",
     .type = ARG_ONEOF,
     .flags = ARG_OPTIONAL,
     .token = "TYPE",
     .since = "5.0.0",
     .sub = list_types},
    {.name = "client-id",
     .type = ARG_INTEGER,
     .flags = ARG_OPTIONAL | ARG_MULTIPLE,
     .token = "ID",
     .since = "6.2.0"},
    {0},
};
static const struct row_arg on_off_args[] = {
    {.name = "on", .type = ARG_PURE_TOKEN, .token = "ON"},
    {.name = "off", .type = ARG_PURE_TOKEN, .token = "OFF"},
    {0},
};
static const struct row_arg enabled_args[] = {
    {.name = "enabled", .type = ARG_ONEOF, .sub = on_off_args},
    {0},
};
static const struct row_arg pause_modes[] = {
    {.name = "write", .type = ARG_PURE_TOKEN, .token = "WRITE"},
    {.name = "all", .type = ARG_PURE_TOKEN, .token = "ALL"},
    {0},
};
static const struct row_arg durability_words[] = {
    {.name = "none", .type = ARG_PURE_TOKEN, .token = "NONE"},
    {.name = "fsync", .type = ARG_PURE_TOKEN, .token = "FSYNC"},
    {0},
};
static const struct row_arg durability_args[] = {
    {.name = "level", .type = ARG_ONEOF, .sub = durability_words},
    {0},
};
static const struct row_arg lane_timeout_args[] = {
    {.name = "milliseconds", .type = ARG_INTEGER},
    {0},
};
static const struct row_arg pause_args[] = {
    {.name = "timeout", .type = ARG_INTEGER},
    {.name = "mode",
     .type = ARG_ONEOF,
     .flags = ARG_OPTIONAL,
     .since = "6.2.0",
     .sub = pause_modes},
    {0},
};
static const struct row_arg reply_actions[] = {
    {.name = "on", .type = ARG_PURE_TOKEN, .token = "ON"},
    {.name = "off", .type = ARG_PURE_TOKEN, .token = "OFF"},
    {.name = "skip", .type = ARG_PURE_TOKEN, .token = "SKIP"},
    {0},
};
static const struct row_arg reply_args[] = {
    {.name = "action", .type = ARG_ONEOF, .sub = reply_actions},
    {0},
};
static const struct row_arg setinfo_attributes[] = {
    {.name = "libname", .type = ARG_STRING, .token = "LIB-NAME"},
    {.name = "libver", .type = ARG_STRING, .token = "LIB-VER"},
    {0},
};
static const struct row_arg setinfo_args[] = {
    {.name = "attr", .type = ARG_ONEOF, .sub = setinfo_attributes},
    {0},
};
static const struct row_arg setname_args[] = {
    {.name = "connection-name", .type = ARG_STRING},
    {0},
};
static const struct row_arg policies[] = {
    {.name = "close", .type = ARG_PURE_TOKEN, .token = "CLOSE"},
    {.name = "drop-oldest", .type = ARG_PURE_TOKEN, .token = "DROP-OLDEST"},
    {.name = "drop-newest", .type = ARG_PURE_TOKEN, .token = "DROP-NEWEST"},
    {.name = "conflate", .type = ARG_PURE_TOKEN, .token = "CONFLATE"},
    {0},
};
static const struct row_arg policy_args[] = {
    {.name = "policy", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = policies},
    {0},
};
static const struct row_arg unblock_types[] = {
    {.name = "timeout", .type = ARG_PURE_TOKEN, .token = "TIMEOUT"},
    {.name = "error", .type = ARG_PURE_TOKEN, .token = "ERROR"},
    {0},
};
static const struct row_arg unblock_args[] = {
    {.name = "client-id", .type = ARG_INTEGER},
    {.name = "unblock-type", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = unblock_types},
    {0},
};

static const struct row_change kill_history[] = {
    {"2.8.12", "Takes options instead of an address."},
    {"2.8.12", "Takes `ID`."},
    {"3.2.0", "`TYPE` knows `master`."},
    {"5.0.0", "`TYPE` knows `replica`; `slave` still means the same."},
    {"6.2.0", "Takes `LADDR`."},
    {"7.4.0", "Takes `MAXAGE`."},
    {0},
};
static const struct row_change list_history[] = {
    {"2.8.12", "Shows `id`, which no other client has."},
    {"5.0.0", "Takes `TYPE`."},
    {"6.0.0", "Shows `user`."},
    {"6.2.0", "Takes `ID`; shows `argv-mem`, `tot-mem`, `laddr` and `redir`."},
    {"7.0.0", "Shows `resp`, `multi-mem`, `rbs` and `rbp`."},
    {"7.0.3", "Shows `ssub`."},
    {"7.2.0", "Shows `lib-name` and `lib-ver`."},
    {0},
};
static const struct row_change pause_history[] = {
    {"6.2.0", "Takes a mode; `WRITE` lets reading go on."},
    {0},
};
static const char *const varying_tips[] = {"nondeterministic_output", NULL};
static const char *const everywhere_tips[] = {
    "request_policy:all_nodes",
    "response_policy:all_succeeded",
    NULL,
};

static const struct row client_subs[] = {
    {
        .name = "caching",
        .run = client_caching,
        .arity = 3,
        .flags = OWN,
        .acl = ACL_CONNECTION,
        .since = "6.0.0",
        .summary = "Says whether the keys of the next command are tracked.",
        .complexity = "O(1)",
        .group = GROUP_CONNECTION,
        .args = client_caching_args,
    },
    {
        .name = "capa",
        .run = client_capa,
        .arity = -3,
        .flags = OWN,
        .acl = ACL_CONNECTION,
        .since = "8.0.0",
        .summary = "Tells the server what the client can do.",
        .complexity = "O(1)",
        .group = GROUP_CONNECTION,
        .args = capa_args,
    },
    {
        .name = "durability",
        .run = client_durability,
        .arity = 3,
        .flags = OWN,
        .acl = ACL_CONNECTION,
        .since = "7.2.4",
        .summary = "Lets the connection's replies wait until what they tell of is on disk, or not.",
        .complexity = "O(1)",
        .group = GROUP_CONNECTION,
        .args = durability_args,
    },
    {
        .name = "getname",
        .run = client_getname,
        .arity = 2,
        .flags = OWN,
        .acl = ACL_CONNECTION,
        .since = "2.6.9",
        .summary = "Tells the name of the connection.",
        .complexity = "O(1)",
        .group = GROUP_CONNECTION,
    },
    {
        .name = "getredir",
        .run = client_getredir,
        .arity = 2,
        .flags = OWN,
        .acl = ACL_CONNECTION,
        .since = "6.0.0",
        .summary = "Tells which client gets the invalidations of this one.",
        .complexity = "O(1)",
        .group = GROUP_CONNECTION,
    },
    {
        .name = "help",
        .run = client_help,
        .arity = 2,
        .flags = ALWAYS,
        .acl = ACL_CONNECTION,
        .since = "5.0.0",
        .summary = "Explains the subcommands.",
        .complexity = "O(1)",
        .group = GROUP_CONNECTION,
    },
    {
        .name = "id",
        .run = client_id,
        .arity = 2,
        .flags = OWN,
        .acl = ACL_CONNECTION,
        .since = "5.0.0",
        .summary = "Tells the ID of the connection, which no other ever has.",
        .complexity = "O(1)",
        .group = GROUP_CONNECTION,
    },
    {
        .name = "info",
        .run = client_info,
        .arity = 2,
        .flags = OWN,
        .acl = ACL_CONNECTION,
        .since = "6.2.0",
        .summary = "Tells about the connection.",
        .complexity = "O(1)",
        .group = GROUP_CONNECTION,
        .tips = varying_tips,
    },
    {
        .name = "kill",
        .run = client_kill,
        .arity = -3,
        .flags = OTHERS,
        .acl = ACL_CONNECTION,
        .since = "2.4.0",
        .summary = "Closes connections.",
        .complexity = "O(N) in the number of connections",
        .group = GROUP_CONNECTION,
        .args = kill_args,
        .history = kill_history,
    },
    {
        .name = "lane-timeout",
        .run = client_lane_timeout,
        .arity = 3,
        .flags = OWN,
        .acl = ACL_CONNECTION,
        .since = "7.2.4",
        .summary = "Bounds the time that the connection's commands wait for keys in lanes.",
        .complexity = "O(1)",
        .group = GROUP_CONNECTION,
        .args = lane_timeout_args,
    },
    {
        .name = "list",
        .run = client_list,
        .arity = -2,
        .flags = OTHERS,
        .acl = ACL_CONNECTION,
        .since = "2.4.0",
        .summary = "Tells about all connections.",
        .complexity = "O(N) in the number of connections",
        .group = GROUP_CONNECTION,
        .args = list_args,
        .history = list_history,
        .tips = varying_tips,
    },
    {
        .name = "no-evict",
        .run = client_no_evict,
        .arity = 3,
        .flags = OTHERS,
        .acl = ACL_CONNECTION,
        .since = "7.0.0",
        .summary = "Keeps the connection when clients use too much memory.",
        .complexity = "O(1)",
        .group = GROUP_CONNECTION,
        .args = enabled_args,
    },
    {
        .name = "no-touch",
        .run = client_no_touch,
        .arity = 3,
        .flags = OWN,
        .acl = ACL_CONNECTION,
        .since = "7.2.0",
        .summary = "Lets the commands of the connection leave access times alone.",
        .complexity = "O(1)",
        .group = GROUP_CONNECTION,
        .args = enabled_args,
    },
    {
        .name = "pause",
        .run = client_pause,
        .arity = -3,
        .flags = OTHERS,
        .acl = ACL_CONNECTION,
        .since = "3.0.0",
        .summary = "Lets commands wait for a time.",
        .complexity = "O(1)",
        .group = GROUP_CONNECTION,
        .args = pause_args,
        .history = pause_history,
    },
    {
        .name = "reply",
        .run = client_reply,
        .arity = 3,
        .flags = OWN,
        .acl = ACL_CONNECTION,
        .since = "3.2.0",
        .summary = "Turns replies on, off, or off for one command.",
        .complexity = "O(1)",
        .group = GROUP_CONNECTION,
        .args = reply_args,
    },
    {
        .name = "setinfo",
        .run = client_setinfo,
        .arity = 4,
        .flags = OWN,
        .acl = ACL_CONNECTION,
        .since = "7.2.0",
        .summary = "Tells the server about the client library.",
        .complexity = "O(1)",
        .group = GROUP_CONNECTION,
        .args = setinfo_args,
        .tips = everywhere_tips,
    },
    {
        .name = "setname",
        .run = client_setname,
        .arity = 3,
        .flags = OWN,
        .acl = ACL_CONNECTION,
        .since = "2.6.9",
        .summary = "Names the connection.",
        .complexity = "O(1)",
        .group = GROUP_CONNECTION,
        .args = setname_args,
        .tips = everywhere_tips,
    },
    {
        .name = "subscriber-policy",
        .run = client_subscriber_policy,
        .arity = -2,
        .flags = OWN,
        .acl = ACL_CONNECTION | ACL_PUBSUB,
        .since = "7.2.4",
        .summary = "Tells or chooses what becomes of messages that the connection does not take.",
        .complexity = "O(1), and O(N) in the number of messages held for the connection.",
        .group = GROUP_CONNECTION,
        .args = policy_args,
    },
    {
        .name = "tracking",
        .run = client_tracking,
        .arity = -3,
        .flags = OWN,
        .acl = ACL_CONNECTION,
        .since = "6.0.0",
        .summary = "Tells the connection when keys change that it may have cached.",
        .complexity = "O(1), or O(N log N) in the number of prefixes.",
        .group = GROUP_CONNECTION,
        .args = client_tracking_args,
    },
    {
        .name = "trackinginfo",
        .run = client_trackinginfo,
        .arity = 2,
        .flags = OWN,
        .acl = ACL_CONNECTION,
        .since = "6.2.0",
        .summary = "Tells how the connection tracks keys.",
        .complexity = "O(1)",
        .group = GROUP_CONNECTION,
    },
    {
        .name = "unblock",
        .run = client_unblock,
        .arity = -3,
        .flags = OTHERS,
        .acl = ACL_CONNECTION,
        .since = "5.0.0",
        .summary = "Wakes a client that a command blocks.",
        .complexity = "O(1)",
        .group = GROUP_CONNECTION,
        .args = unblock_args,
    },
    {
        .name = "unpause",
        .run = client_unpause,
        .arity = 2,
        .flags = OTHERS | ROW_PAUSE_EXEMPT,
        .acl = ACL_CONNECTION,
        .since = "6.2.0",
        .summary = "Ends a pause.",
        .complexity = "O(N) in the number of waiting clients",
        .group = GROUP_CONNECTION,
    },
    {0},
};

const struct row client_rows[] = {
    {
        .name = "client",
        .arity = -2,
        .subs = client_subs,
        .since = "2.4.0",
        .summary = "Looks at connections and steers them.",
        .complexity = "Depends on subcommand.",
        .group = GROUP_CONNECTION,
    },
    {0},
};
