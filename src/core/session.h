/* session.h - one client, whatever door it came in by.
 *
 * The door (edge/) owns the connection and embeds the session; core/ and commands/ see the
 * session only. What a command wants of the connection (close it, hold it) is
 * a flag here that the door acts on after the command.
 *
 * S1  Every session is in core->sessions from session_init to session_leave, by id.
 * S2  s->gates is not zero exactly if exec has something to ask before or to do after a
 *     command of this session that most sessions do not need.
 * Threads: the loop.
 */
#ifndef CORE_SESSION_H
#define CORE_SESSION_H

#include "base/list.h"
#include "core/fieldsets.h"
#include "core/reply.h"
#include "net/addr.h"
#include "store/db.h"

struct core;

/* Reasons for the slow way through exec. */
enum session_gate {
    GATE_UNAUTHENTICATED = 1 << 0,
    GATE_REPLY_OFF = 1 << 1,  /* CLIENT REPLY OFF */
    GATE_REPLY_SKIP = 1 << 2, /* CLIENT REPLY SKIP: the next one; becomes _SKIPPING */
    GATE_REPLY_SKIPPING = 1 << 3,
    GATE_NO_TOUCH = 1 << 4,
    GATE_MULTI = 1 << 6,      /* queues its commands: core/multi.h */
    GATE_PARKED = 1 << 7,     /* has a ticket for its command: core/offload.h */
    GATE_MONITOR = 1 << 5,    /* is fed by MONITOR: RESET and QUIT only */
    GATE_HOLDS = 1 << 10,     /* SESSION_HOLDS: messages to go before its next reply */
    GATE_SUBSCRIBED = 1 << 8, /* has subscriptions and speaks RESP2: ROW_SUBSCRIBED_MAY only */
    GATE_TRACKS = 1 << 9,     /* what it reads is remembered: tracking_hooks */
};

enum session_state {
    SESSION_CLOSE_NOW = 1 << 0,   /* drop without sending what is queued */
    SESSION_CLOSE_AFTER = 1 << 1, /* send what is queued, then drop */
    SESSION_HELD = 1 << 2,        /* its next commands wait (pause, later: parked) */
    SESSION_NO_EVICT = 1 << 3,
    SESSION_UNIX = 1 << 4,
    SESSION_LOCAL = 1 << 5,      /* from this machine; the door sets both */
    SESSION_BLOCKED = 1 << 6,    /* its command waits for a key, its next ones for that one */
    SESSION_BUSY = 1 << 7,       /* its command goes on (core/ongoing.h), its next ones wait for it;
                                  * the session stays until then */
    SESSION_CAS_FAILED = 1 << 9, /* a key that it watches has changed: core/watch.h */
    SESSION_STREAMS = 1 << 10,   /* its reply comes in parts, some of which are there: offload.h */
    SESSION_SAVES = 1 << 14,     /* with BLOCKED: its reply comes when the RDB file is there */
    SESSION_DURABLE = 1 << 11,   /* its replies wait until what they tell of is on disk */
    SESSION_SUBSCRIBED = 1 << 12, /* to a topic of whatever kind; set by topic/ */
    SESSION_REPLAYS = 1 << 13,    /* a retained topic has more for it: topic/retained.h */
    SESSION_DROPS = 1 << 15,      /* its policy is another one than close: topic/outbox.h */
    SESSION_HOLDS = 1 << 16,      /* messages wait until it has been sent others; set by topic/ */
    SESSION_NO_WAIT = 1 << 8, /* a command of it ends before its handler returns, come what may */
    /* The reply to its command has not ended, whether or not it has begun. */
    SESSION_REPLY_GOES_ON = SESSION_BUSY | SESSION_STREAMS | SESSION_SAVES,
    /* It is about to end, and is told nothing more. */
    SESSION_GOES = SESSION_CLOSE_NOW | SESSION_CLOSE_AFTER,
};

#define SESSION_NAME_BYTES_MAX 256

struct session {
    struct list_link in_all;   /* core->sessions */
    struct list_link in_class; /* core->monitors */
    struct list_link in_held;  /* core->held, core->log.waiting */
    struct multi *multi;       /* what is queued since MULTI, or NULL */
    struct list watching;      /* core/watch.c: keys */
    size_t watch_count, watch_bytes;
    struct park *park;       /* core/offload.c: the lanes that its next command waits for, or */
    struct offload_job *job; /* what its command has become, or NULL */
    int64_t lane_timeout_ms; /* CLIENT LANE-TIMEOUT; 0: none */
    struct waiter *waiter;   /* core/blocked.c: what it waits for, or NULL */
    struct session_ids *ids; /* session_by_id's table */
    struct session *next_in_chain;
    struct core *core;
    struct db *db;
    uint64_t id;
    uint64_t told_to; /* the offset of effects behind its last write */
    uint64_t sync_to; /* the one that WAITAOF waits for */
    uint32_t gates, state;
    struct reply reply;
    struct reply *aside;       /* core/push.c: pushes that wait for the end of a reply, or NULL */
    struct subscriber *topics; /* topic/: what it is subscribed to, or NULL */
    struct tracker *tracker;   /* topic/: how it tracks keys, or has done so, or NULL */
    int8_t own_policy;         /* enum config_subscriber_policy; -1: the directive's */
    struct fieldsets fieldsets;
    char *name, *lib_name, *lib_ver;                            /* NULL if unset */
    char addr[NET_ADDR_TEXT_BYTES], laddr[NET_ADDR_TEXT_BYTES]; /* as CLIENT LIST shows them */
    int fd;
    int64_t created_ms, active_ms; /* Unix time; last command or bytes received */
    uint64_t commands, bytes_in, bytes_out;
    const struct row *last_row;
    uint32_t query_bytes, query_free; /* kept by the door for CLIENT LIST */
    int64_t soft_limit_since_ms;      /* output buffer over its soft limit, 0 if not */
    uint64_t streamed;                /* bytes of the present reply's parts, with SESSION_STREAMS */
    /* The door's: s has output, or its state has changed, outside a command of its own. Frees no
     * session before the loop goes on, so that whoever walks core->sessions may call it. */
    void (*kick)(struct session *s);
    /* The door's: s is gone at once, for its peer and for everybody (session_leave); its memory
     * goes later. Not from within a delivery. */
    void (*drop)(struct session *s);
};

/* A session with a new id, in database 0, speaking RESP2, not authenticated if a password is
 * asked for; the door sets addr, laddr, fd, kick and drop. core->config and core->ks must be there.
 */
void session_init(struct session *s, struct core *core);
void session_fini(struct session *s);

/* Others neither see nor find s any more, and it waits for nothing and hears nothing, although a
 * command of its own may still go on. session_fini does it too. */
void session_leave(struct session *s);

/* A session that runs commands for another one (a script's). It is in no list, has no id and is
 * ended by session_fini_inner. */
void session_init_inner(struct session *s, struct core *core, const char *addr);
void session_fini_inner(struct session *s);
static inline bool session_is_inner(const struct session *s) { return s->id == 0; }

/* By id, NULL if gone. O(1). */
struct session *session_by_id(struct core *core, uint64_t id);

/* Drops s, before the next command runs and any reply is sent. `by` is the session whose command is
 * running, or NULL; if it is s itself, its reply is sent first, and then it goes. */
void session_kill(struct session *s, struct session *by);

/* CLIENT DURABILITY. */
void session_set_durable(struct session *s, bool on);

/* CLIENT SUBSCRIBER-POLICY: one of enum config_subscriber_policy, or -1 to follow the directive. */
void session_set_policy(struct session *s, int policy);
/* The one that holds. */
int session_policy(const struct session *s);
/* The directive has changed. */
void session_follow_policy(struct session *s);

/* Sets name, lib_name or lib_ver to a copy of the text; an empty one unsets it. */
void session_set_text(char **field, struct slice text);

/* Back to the state of a new connection (RESET), authentication included; lib_name and lib_ver
 * stay, since they still tell what is at the other end. */
void session_reset(struct session *s);

/* Ends all subscriptions: it will hear nothing more. */
void session_leave_topics(struct session *s);

/* Shuts or opens GATE_SUBSCRIBED, after a change of what that follows from. */
void session_update_gates(struct session *s);

/* Marks the session as gone, and says so in the log, if what is queued for it is more than
 * client-output-buffer-limit lets it; true then. The door drops it when it is kicked. */
bool session_over_output(struct session *s);

/* The same for what commands have replied, before it is sent: more than the hard limit is too much
 * even if the peer would take it, as in Redis. Of a reply that comes in parts all of them count. */
bool session_over_reply(struct session *s);

/* Bytes that the client costs: what it has sent and has not run, its replies, its texts. */
size_t session_memory(const struct session *s);

/* Whether a directive such as enable-debug-command lets this client: `permit` is one of enum
 * config_permission. */
bool session_permitted(const struct session *s, int permit);

/* Protocol 2 or 3. */
void session_set_proto(struct session *s, int proto);

#endif
