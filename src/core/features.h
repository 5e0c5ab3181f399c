/* features.h - what the core knows of the features above it, which meet in struct core: figures
 * that they keep up to date for INFO, and what sessions ask of them.
 * Threads: the loop.
 */
#ifndef CORE_FEATURES_H
#define CORE_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct core;
struct request;
struct session;

/* What INFO and MEMORY tell about scripts, kept up to date by script/. */
struct script_counts {
    size_t cached, evicted; /* scripts of EVAL and SCRIPT LOAD; those that had to go */
    size_t functions, libraries;
    size_t eval_vm_bytes, function_vm_bytes; /* of the interpreters */
    size_t eval_bytes, function_bytes;       /* of sources and what is kept with them */
};

/* What INFO tells about topics, kept up to date by topic/. */
struct topic_counts {
    size_t channels, patterns, shard_channels;
    size_t sessions; /* that have subscriptions */
    size_t retained; /* subscriptions to retained topics */
    size_t rings;    /* retained topics, or values on their way in or out; 0: there is none */
};

/* What sessions ask of topic/, which sets these before the first subscription. */
struct topic_hooks {
    void (*leave)(struct session *s);          /* ends all of its subscriptions */
    size_t (*memory)(const struct session *s); /* bytes that they take */
    /* All that a session with SESSION_REPLAYS had to be sent was. */
    void (*drained)(struct session *s);
    /* Of a session with SESSION_HOLDS: the same; and all that is held goes to its output now. */
    void (*refill)(struct session *s);
    void (*send_held)(struct session *s);
    /* Bytes in the output of a session with SESSION_DROPS that do not close it. */
    size_t (*spared)(const struct session *s);
    /* Whether the name is that of a retained topic. Not asked while there is none. */
    bool (*is_retained)(struct core *core, const char *name, size_t n, uint64_t hash);
};

/* What INFO tells about client-side caching, kept up to date by topic/. */
struct tracking_counts {
    size_t sessions;              /* that track */
    size_t keys, items, prefixes; /* remembered; pairs of a key and a session */
};

/* What is asked of topic/ for a session that tracks: those of exec under GATE_TRACKS. */
struct tracking_hooks {
    void (*before)(struct session *s);                             /* a command of it begins */
    void (*after)(struct session *s, const struct request *req);   /* and has been seen to */
    void (*has_run)(struct session *s, const struct request *req); /* for s: its own, or within */
    void (*stop)(struct session *s, bool for_good);                /* for good: s ends */
    size_t (*memory)(const struct session *s);
    bool (*at_turn_end)(struct core *core); /* if core->tracking_due; whether there is more to do */
};

#endif
