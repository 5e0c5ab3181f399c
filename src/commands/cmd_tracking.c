/* cmd_tracking.c - CLIENT TRACKING, CACHING, GETREDIR and TRACKINGINFO: client-side caching. Their
 * rows stand among those of CLIENT, in cmd_client.c.
 *
 * One difference: redis-server 7.2, told of prefixes of which the first one to meet another is not
 * the first argument, replies the error and tracks, and replies OK. Here it is an error.
 * Threads: the loop. Specification: Redis 7.2's replies and errors.
 */
#include "base/err.h"
#include "base/mem.h"
#include "commands/cmd_connection_internal.h"
#include "topic/tracking.h"

/* -- CLIENT TRACKING ------------------------------------------------------------------- */

struct wish {
    unsigned options; /* enum tracking_option */
    uint64_t redirect;
    struct slice *prefixes;
    size_t prefix_count;
};

static unsigned option_of(struct slice word) {
    static const struct {
        const char *word;
        enum tracking_option option;
    } options[] = {
        {"bcast", TRACKING_BCAST},
        {"optin", TRACKING_OPTIN},
        {"optout", TRACKING_OPTOUT},
        {"noloop", TRACKING_NOLOOP},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (slice_is(word, options[i].word)) return options[i].option;
    }
    return 0;
}

/* The client in argument i. */
static bool parse_redirect(struct ctx *c, int i, struct wish *w) {
    int64_t id;
    if (w->redirect) {
        reply_error(c->r, "ERR A client can only redirect to a single other client");
        return false;
    }
    if (!ctx_int(c, i, &id)) return false;
    if (!session_by_id(c->core, (uint64_t)id)) {
        reply_error(c->r, "ERR The client ID you want redirect to does not exist");
        return false;
    }
    w->redirect = (uint64_t)id;
    return true;
}

/* w->prefixes has room for all arguments. */
static bool parse_wish(struct ctx *c, struct wish *w) {
    for (int i = 3; i < c->argc; i++) {
        struct slice word = c->argv[i];
        bool more = i + 1 < c->argc;
        unsigned option = option_of(word);
        if (option) {
            w->options |= option;
        } else if (more && slice_is(word, "redirect")) {
            if (!parse_redirect(c, ++i, w)) return false;
        } else if (more && slice_is(word, "prefix")) {
            w->prefixes[w->prefix_count++] = c->argv[++i];
        } else {
            reply_err(c->r, ERR_SYNTAX);
            return false;
        }
    }
    return true;
}

/* Why the options do not go together, or with how the session tracks already; NULL: they do. */
static const char *refusal(const struct wish *w, const struct tracking_state *now) {
    const unsigned opts = TRACKING_OPTIN | TRACKING_OPTOUT;
    unsigned new = w->options, old = now->options;
    if (w->prefix_count && !(new &TRACKING_BCAST))
        return "ERR PREFIX option requires BCAST mode to be enabled";
    if (now->on && (new ^ old) & TRACKING_BCAST)
        return "ERR You can't switch BCAST mode on/off before disabling tracking for this client, "
               "and then re-enabling it with a different mode.";
    if (new &TRACKING_BCAST &&new &opts)
        return "ERR OPTIN and OPTOUT are not compatible with BCAST";
    if ((new &opts) == opts) return "ERR You can't specify both OPTIN mode and OPTOUT mode";
    if (new &opts && old &opts && (new ^ old) & opts)
        return "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, "
               "and then re-enabling it with a different mode.";
    return NULL;
}

/* Of bytes that are shown as text: up to a zero. */
static int shown_bytes(struct slice s) { return (int)(s.n ? strnlen(s.p, s.n) : 0); }

static bool prefixes_ok(struct ctx *c, const struct wish *w) {
    struct tracking_overlap o;
    if (!tracking_overlaps(c->s, w->prefixes, w->prefix_count, &o)) return true;
    reply_errorf(c->r,
                 "ERR Prefix '%.*s' overlaps with %s prefix '%.*s'. Prefixes for a single client "
                 "must not overlap.",
                 shown_bytes(o.prefix), o.prefix.p, o.is_own ? "an existing" : "another provided",
                 shown_bytes(o.other), o.other.p);
    return false;
}

static void start(struct ctx *c, const struct wish *w) {
    const struct tracking_state now = tracking_state(c->s);
    const char *no = refusal(w, &now);
    if (no) {
        reply_error(c->r, no);
        return;
    }
    if (!prefixes_ok(c, w)) return;
    tracking_start(c->s, w->options, w->redirect, w->prefixes, w->prefix_count);
    reply_ok(c->r);
}

void client_tracking(struct ctx *c) {
    struct wish w = {.prefixes = mem_alloc((size_t)c->argc * sizeof *w.prefixes)};
    if (parse_wish(c, &w)) {
        if (slice_is(c->argv[2], "on")) {
            start(c, &w);
        } else if (slice_is(c->argv[2], "off")) {
            tracking_stop(c->s);
            reply_ok(c->r);
        } else {
            reply_err(c->r, ERR_SYNTAX);
        }
    }
    mem_free(w.prefixes);
}

/* -- the others ------------------------------------------------------------------------ */

void client_caching(struct ctx *c) {
    const struct tracking_state now = tracking_state(c->s);
    bool yes = slice_is(c->argv[2], "yes");
    if (!now.on) {
        reply_error(c->r, "ERR CLIENT CACHING can be called only when the client is in tracking "
                          "mode with OPTIN or OPTOUT mode enabled");
    } else if (!yes && !slice_is(c->argv[2], "no")) {
        reply_err(c->r, ERR_SYNTAX);
    } else if (!(now.options & (yes ? TRACKING_OPTIN : TRACKING_OPTOUT))) {
        reply_errorf(c->r,
                     "ERR CLIENT CACHING %s is only valid when tracking is enabled in %s mode.",
                     yes ? "YES" : "NO", yes ? "OPTIN" : "OPTOUT");
    } else {
        tracking_set_caching(c->s);
        reply_ok(c->r);
    }
}

int64_t client_redirect(const struct session *s) {
    const struct tracking_state now = tracking_state(s);
    return now.on ? (int64_t)now.redirect : -1;
}

void client_getredir(struct ctx *c) { reply_int(c->r, client_redirect(c->s)); }

void client_trackinginfo(struct ctx *c) {
    const struct tracking_state now = tracking_state(c->s);
    const struct {
        bool is_so;
        const char *word;
    } flags[] = {
        {!now.on, "off"},
        {now.on, "on"},
        {now.options & TRACKING_BCAST, "bcast"},
        {now.options & TRACKING_OPTIN, "optin"},
        {now.options & TRACKING_OPTIN && now.caching, "caching-yes"},
        {now.options & TRACKING_OPTOUT, "optout"},
        {now.options & TRACKING_OPTOUT && now.caching, "caching-no"},
        {now.options & TRACKING_NOLOOP, "noloop"},
        {now.broken, "broken_redirect"},
    };
    size_t n = 0, count = sizeof flags / sizeof *flags;
    for (size_t i = 0; i < count; i++) n += flags[i].is_so;
    reply_map(c->r, 3);
    reply_bulk_cstr(c->r, "flags");
    reply_set(c->r, n);
    for (size_t i = 0; i < count; i++) {
        if (flags[i].is_so) reply_bulk_cstr(c->r, flags[i].word);
    }
    reply_bulk_cstr(c->r, "redirect");
    reply_int(c->r, client_redirect(c->s));
    reply_bulk_cstr(c->r, "prefixes");
    reply_array(c->r, now.prefix_count);
    for (size_t i = 0; i < now.prefix_count; i++) reply_bulk(c->r, tracking_prefix(c->s, i));
}

/* -- arguments ------------------------------------------------------------------------- */

static const struct row_arg statuses[] = {
    {.name = "on", .type = ARG_PURE_TOKEN, .token = "ON"},
    {.name = "off", .type = ARG_PURE_TOKEN, .token = "OFF"},
    {0},
};
const struct row_arg client_tracking_args[] = {
    {.name = "status", .type = ARG_ONEOF, .sub = statuses},
    {.name = "client-id", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "REDIRECT"},
    {.name = "prefix",
     .type = ARG_STRING,
     .flags = ARG_OPTIONAL | ARG_MULTIPLE | ARG_MULTIPLE_TOKEN,
     .token = "PREFIX"},
    {.name = "bcast", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "BCAST"},
    {.name = "optin", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "OPTIN"},
    {.name = "optout", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "OPTOUT"},
    {.name = "noloop", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "NOLOOP"},
    {0},
};
static const struct row_arg modes[] = {
    {.name = "yes", .type = ARG_PURE_TOKEN, .token = "YES"},
    {.name = "no", .type = ARG_PURE_TOKEN, .token = "NO"},
    {0},
};
const struct row_arg client_caching_args[] = {
    {.name = "mode", .type = ARG_ONEOF, .sub = modes},
    {0},
};
