/* cmd_connection.c - what a client says about its own connection; CLIENT is in cmd_client.c.
 *
 * The one user is "default", with the password of `requirepass` or none.
 * Specification: Redis 7.2's replies and errors.
 */
#include "base/err.h"
#include "commands/cmd_connection_internal.h"
#include "commands/families.h"
#include "core/config.h"
#include "core/version.h"

/* -- authentication -------------------------------------------------------------------- */

/* Takes the same time for every password of a length. */
static bool same_secret(struct slice given, const char *secret) {
    size_t n = strlen(secret);
    unsigned differ = given.n != n;
    for (size_t i = 0; i < given.n && n; i++)
        differ |= (unsigned char)(given.p[i] ^ secret[i < n ? i : n - 1]);
    return differ == 0;
}

static bool has_password(const struct ctx *c) { return c->core->config->requirepass[0] != 0; }

/* Opens the session's gate, or replies WRONGPASS. */
static bool authenticate(struct ctx *c, struct slice user, struct slice password) {
    bool known = slice_eq(user, slice_cstr(CONNECTION_USER));
    bool right = !has_password(c) || same_secret(password, c->core->config->requirepass);
    if (!known || !right) {
        c->core->stats.auth_failures++;
        reply_error(c->r, "WRONGPASS invalid username-password pair or user is disabled.");
        return false;
    }
    c->s->gates &= ~(uint32_t)GATE_UNAUTHENTICATED;
    return true;
}

static void auth(struct ctx *c) {
    if (c->argc > 3) {
        reply_err(c->r, ERR_SYNTAX);
        return;
    }
    if (c->argc == 2 && !has_password(c)) {
        reply_error(c->r, "ERR AUTH <password> called without any password configured for the "
                          "default user. Are you sure your configuration is correct?");
        return;
    }
    struct slice user = c->argc == 3 ? c->argv[1] : slice_cstr(CONNECTION_USER);
    if (authenticate(c, user, c->argv[c->argc - 1])) reply_ok(c->r);
}

/* -- HELLO --------------------------------------------------------------------------- */

struct hello {
    int64_t proto; /* 0: as it is */
    bool has_auth, has_name;
    struct slice user, password, name;
};

bool connection_name_ok(struct slice name) {
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] < '!' || name.p[i] > '~') return false;
    }
    return true;
}

static bool parse_hello_options(struct ctx *c, struct hello *h) {
    for (int i = 2; i < c->argc; i++) {
        int more = c->argc - 1 - i;
        if (slice_is(c->argv[i], "auth") && more >= 2) {
            h->has_auth = true;
            h->user = c->argv[++i];
            h->password = c->argv[++i];
        } else if (slice_is(c->argv[i], "setname") && more >= 1) {
            h->has_name = true;
            h->name = c->argv[++i];
            if (!connection_name_ok(h->name)) {
                reply_error(c->r, CONNECTION_BAD_NAME);
                return false;
            }
        } else {
            reply_errorf(c->r, "ERR Syntax error in HELLO option '%.*s'", (int)c->argv[i].n,
                         c->argv[i].p);
            return false;
        }
    }
    return true;
}

static bool parse_hello(struct ctx *c, struct hello *h) {
    *h = (struct hello){0};
    if (c->argc < 2) return true;
    if (!ctx_int_range(c, 1, INT64_MIN, INT64_MAX, &h->proto,
                       "ERR Protocol version is not an integer or out of range"))
        return false;
    if (h->proto < 2 || h->proto > 3) {
        reply_error(c->r, "NOPROTO unsupported protocol version");
        return false;
    }
    return parse_hello_options(c, h);
}

static void reply_hello(struct ctx *c) {
    reply_map(c->r, 7);
    reply_bulk_cstr(c->r, "server");
    reply_bulk_cstr(c->r, "redis");
    reply_bulk_cstr(c->r, "version");
    reply_bulk_cstr(c->r, REDIS_VERSION);
    reply_bulk_cstr(c->r, "proto");
    reply_int(c->r, c->r->proto);
    reply_bulk_cstr(c->r, "id");
    reply_int(c->r, (int64_t)c->s->id);
    reply_bulk_cstr(c->r, "mode");
    reply_bulk_cstr(c->r, "standalone");
    reply_bulk_cstr(c->r, "role");
    reply_bulk_cstr(c->r, "master");
    reply_bulk_cstr(c->r, "modules");
    reply_array(c->r, 0);
}

static void hello(struct ctx *c) {
    struct hello h;
    if (!parse_hello(c, &h)) return;
    if (h.has_auth && !authenticate(c, h.user, h.password)) return;
    if (c->s->gates & GATE_UNAUTHENTICATED && has_password(c)) {
        reply_error(c->r, "NOAUTH HELLO must be called with the client already authenticated, "
                          "otherwise the HELLO <proto> AUTH <user> <pass> option can be used to "
                          "authenticate the client and select the RESP protocol version at the "
                          "same time");
        return;
    }
    if (h.has_name) session_set_text(&c->s->name, h.name);
    if (h.proto) session_set_proto(c->s, (int)h.proto);
    reply_hello(c);
}

/* -- the rest ------------------------------------------------------------------------ */

static void echo(struct ctx *c) { reply_bulk(c->r, c->argv[1]); }

static void ping(struct ctx *c) {
    if (c->argc <= 2 && c->s->gates & GATE_SUBSCRIBED) { /* in the form of what it hears else */
        reply_array(c->r, 2);
        reply_bulk_cstr(c->r, "pong");
        reply_bulk(c->r, c->argc == 2 ? c->argv[1] : slice_of("", 0));
    } else if (c->argc == 1) {
        reply_simple(c->r, "PONG");
    } else if (c->argc == 2) {
        reply_bulk(c->r, c->argv[1]);
    } else {
        ctx_arity_error(c);
    }
}

static void quit(struct ctx *c) {
    reply_ok(c->r);
    session_kill(c->s, c->s);
}

static void reset(struct ctx *c) {
    session_reset(c->s);
    reply_simple(c->r, "RESET");
}

static void select_db(struct ctx *c) {
    struct db *db;
    if (!ctx_db(c, 1, &db)) return;
    c->s->db = db;
    reply_ok(c->r);
}

/* -- rows ---------------------------------------------------------------------------- */

#define ANY_TIME (ROW_LOADING | ROW_STALE | ROW_FAST)
#define BEFORE_AUTH (ANY_TIME | ROW_NOSCRIPT | ROW_NO_AUTH | ROW_ALLOW_BUSY)

static const struct row_arg auth_args[] = {
    {.name = "username", .type = ARG_STRING, .flags = ARG_OPTIONAL, .since = "6.0.0"},
    {.name = "password", .type = ARG_STRING},
    {0},
};
static const struct row_arg echo_args[] = {{.name = "message", .type = ARG_STRING}, {0}};
static const struct row_arg hello_auth_args[] = {
    {.name = "username", .type = ARG_STRING},
    {.name = "password", .type = ARG_STRING},
    {0},
};
static const struct row_arg hello_parts[] = {
    {.name = "protover", .type = ARG_INTEGER},
    {.name = "auth",
     .type = ARG_BLOCK,
     .flags = ARG_OPTIONAL,
     .token = "AUTH",
     .sub = hello_auth_args},
    {.name = "clientname", .type = ARG_STRING, .flags = ARG_OPTIONAL, .token = "SETNAME"},
    {0},
};
static const struct row_arg hello_args[] = {
    {.name = "arguments", .type = ARG_BLOCK, .flags = ARG_OPTIONAL, .sub = hello_parts},
    {0},
};
static const struct row_arg ping_args[] = {
    {.name = "message", .type = ARG_STRING, .flags = ARG_OPTIONAL},
    {0},
};
static const struct row_arg select_args[] = {{.name = "index", .type = ARG_INTEGER}, {0}};

static const struct row_change auth_history[] = {
    {"6.0.0", "Takes a user name before the password."},
    {0},
};
static const struct row_change hello_history[] = {
    {"6.2.0", "May be called without `protover`, to learn about the connection."},
    {0},
};
static const char *const ping_tips[] = {
    "request_policy:all_shards",
    "response_policy:all_succeeded",
    NULL,
};

const struct row connection_rows[] = {
    {
        .name = "auth",
        .run = auth,
        .arity = -2,
        .flags = BEFORE_AUTH,
        .acl = ACL_CONNECTION,
        .since = "1.0.0",
        .summary = "Proves who the client is.",
        .complexity = "O(N) in the number of passwords of the user",
        .group = GROUP_CONNECTION,
        .args = auth_args,
        .history = auth_history,
    },
    {
        .name = "echo",
        .run = echo,
        .arity = 2,
        .flags = ANY_TIME,
        .acl = ACL_CONNECTION,
        .since = "1.0.0",
        .summary = "Returns its argument.",
        .complexity = "O(1)",
        .group = GROUP_CONNECTION,
        .args = echo_args,
    },
    {
        .name = "hello",
        .run = hello,
        .arity = -1,
        .flags = BEFORE_AUTH,
        .acl = ACL_CONNECTION,
        .since = "6.0.0",
        .summary = "Chooses the protocol, and may authenticate and name the connection.",
        .complexity = "O(1)",
        .group = GROUP_CONNECTION,
        .args = hello_args,
        .history = hello_history,
    },
    {
        .name = "ping",
        .run = ping,
        .arity = -1,
        .flags = ROW_FAST | ROW_SUBSCRIBED_MAY | ROW_TELLS_OF_DISK,
        .acl = ACL_CONNECTION,
        .since = "1.0.0",
        .summary = "Asks whether the server answers.",
        .complexity = "O(1)",
        .group = GROUP_CONNECTION,
        .args = ping_args,
        .tips = ping_tips,
    },
    {
        .name = "quit",
        .run = quit,
        .arity = -1,
        .flags = BEFORE_AUTH | ROW_NOT_QUEUED | ROW_SUBSCRIBED_MAY,
        .acl = ACL_CONNECTION,
        .since = "1.0.0",
        .summary = "Closes the connection.",
        .complexity = "O(1)",
        .group = GROUP_CONNECTION,
        .deprecated_since = "7.2.0",
        .replaced_by = "just closing the connection",
    },
    {
        .name = "reset",
        .run = reset,
        .arity = 1,
        .flags = BEFORE_AUTH | ROW_NOT_QUEUED | ROW_SUBSCRIBED_MAY,
        .acl = ACL_CONNECTION,
        .since = "6.2.0",
        .summary = "Brings the connection back to the state of a new one.",
        .complexity = "O(1)",
        .group = GROUP_CONNECTION,
    },
    {
        .name = "select",
        .run = select_db,
        .arity = 2,
        .flags = ANY_TIME,
        .acl = ACL_CONNECTION,
        .since = "1.0.0",
        .summary = "Changes the database of the connection.",
        .complexity = "O(1)",
        .group = GROUP_CONNECTION,
        .args = select_args,
    },
    {0},
};
