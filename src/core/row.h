/* row.h - what a command is: one row at the bottom of its cmd_*.c.
 *
 * COMMAND, COMMAND DOCS, COMMAND GETKEYS, ACL categories, the gates of exec and later the
 * slot routing and the lane plan all come from the row; nothing else names a command.
 * The table works on its own copy of the rows: a row that a function here asks for together
 * with its table must come from that table (row_find, row_find_sub, row_at, row->subs).
 * What is counted about rows lives in row_stats.
 * To add a command: a row (and its handler) in the family's file; row_table_new checks it at
 * start-up. To add a family: its table of rows goes to commands/all.c.
 * Threads: rows any, since they do not change once clients are served; counters the loop.
 */
#ifndef CORE_ROW_H
#define CORE_ROW_H

#include "base/bytes.h"

struct ctx;
struct core;
struct db;

/* Flags, as COMMAND INFO names them, and gates: exec tests nothing else. */
enum row_flag {
    ROW_WRITE = 1 << 0,
    ROW_READONLY = 1 << 1,
    ROW_DENYOOM = 1 << 2,
    ROW_ADMIN = 1 << 3,
    ROW_PUBSUB = 1 << 4,
    ROW_NOSCRIPT = 1 << 5,
    ROW_BLOCKING = 1 << 6,
    ROW_LOADING = 1 << 7,
    ROW_STALE = 1 << 8,
    ROW_SKIP_MONITOR = 1 << 9,
    ROW_SKIP_SLOWLOG = 1 << 10,
    ROW_ASKING = 1 << 11,
    ROW_FAST = 1 << 12,
    ROW_NO_AUTH = 1 << 13,
    ROW_MAY_REPLICATE = 1 << 14,
    ROW_NO_ASYNC_LOADING = 1 << 15,
    ROW_NO_MULTI = 1 << 16,
    ROW_MOVABLEKEYS = 1 << 17,
    ROW_ALLOW_BUSY = 1 << 18,
    ROW_PROTECTED = 1 << 19, /* under enable-debug-command */
    ROW_TOUCHES_ARBITRARY_KEYS = 1 << 20,
    ROW_ONLY_SENTINEL = 1 << 21,
    ROW_NO_MANDATORY_KEYS = 1 << 22,
    ROW_PAUSE_EXEMPT = 1 << 23,  /* runs during CLIENT PAUSE (not shown) */
    ROW_TOUCHES = 1 << 24,       /* marks accesses even under CLIENT NO-TOUCH (not shown) */
    ROW_CONTAINER = 1 << 26,     /* has subcommands; set by the table in its copy (not shown) */
    ROW_RUNS_OTHERS = 1 << 27,   /* runs commands that may touch any key (not shown) */
    ROW_TELLS_OF_DISK = 1 << 29, /* refused when writes are, for the disk's sake (not shown) */
    ROW_EDITS_ASIDE = 1 << 30, /* changes what stands beside the values of keys that it only reads:
                                * groups of streams (not shown) */
    ROW_NOT_QUEUED = 1 << 28,  /* runs at once even after MULTI (not shown) */
    ROW_NOT_BESIDE = 1u << 31, /* sees all keys, or needs the interpreter of scripts: waits while a
                                * command goes on (core/ongoing.h), whatever its keys (not shown) */
    ROW_SUBSCRIBED_MAY = 1 << 25, /* open to a RESP2 session with subscriptions (not shown) */
};

/* Commands that may change something that is told (core/effects). */
#define ROW_TOLD (ROW_WRITE | ROW_MAY_REPLICATE | ROW_RUNS_OTHERS)

/* ACL categories beyond those that follow from flags (@write, @read, @fast, @slow,
 * @admin, @dangerous for admin, @pubsub, @blocking), as bits. */
enum row_acl {
    ACL_KEYSPACE = 1 << 0,
    ACL_READ = 1 << 1,
    ACL_WRITE = 1 << 2,
    ACL_SET = 1 << 3,
    ACL_SORTEDSET = 1 << 4,
    ACL_LIST = 1 << 5,
    ACL_HASH = 1 << 6,
    ACL_STRING = 1 << 7,
    ACL_BITMAP = 1 << 8,
    ACL_HYPERLOGLOG = 1 << 9,
    ACL_GEO = 1 << 10,
    ACL_STREAM = 1 << 11,
    ACL_PUBSUB = 1 << 12,
    ACL_ADMIN = 1 << 13,
    ACL_FAST = 1 << 14,
    ACL_SLOW = 1 << 15,
    ACL_BLOCKING = 1 << 16,
    ACL_DANGEROUS = 1 << 17,
    ACL_CONNECTION = 1 << 18,
    ACL_TRANSACTION = 1 << 19,
    ACL_SCRIPTING = 1 << 20,
};

/* One key specification, as COMMAND INFO of Redis 7 gives it. */
enum keyspec_flag {
    KEY_RO = 1 << 0,
    KEY_RW = 1 << 1,
    KEY_OW = 1 << 2,
    KEY_RM = 1 << 3,
    KEY_ACCESS = 1 << 4,
    KEY_UPDATE = 1 << 5,
    KEY_INSERT = 1 << 6,
    KEY_DELETE = 1 << 7,
    KEY_NOT_KEY = 1 << 8,
    KEY_INCOMPLETE = 1 << 9,
    KEY_VARIABLE_FLAGS = 1 << 10,
};
enum keyspec_begin { BEGIN_NONE, BEGIN_INDEX, BEGIN_KEYWORD, BEGIN_UNKNOWN };
enum keyspec_find { FIND_NONE, FIND_RANGE, FIND_KEYNUM, FIND_UNKNOWN };
struct keyspec {
    const char *notes;
    uint16_t flags;
    uint8_t begin, find;
    int16_t index;       /* BEGIN_INDEX: position of the first key; BEGIN_KEYWORD: start from */
    const char *keyword; /* BEGIN_KEYWORD */
    int16_t last, step,
        limit; /* FIND_RANGE: last is relative to the first key; negative: from the end */
    int16_t keynum, first_key, key_step; /* FIND_KEYNUM, relative to the begin position */
};
#define ROW_KEYSPECS_MAX 4

enum arg_type {
    ARG_STRING,
    ARG_INTEGER,
    ARG_DOUBLE,
    ARG_KEY,
    ARG_PATTERN,
    ARG_UNIX_TIME,
    ARG_PURE_TOKEN,
    ARG_ONEOF,
    ARG_BLOCK,
};
enum arg_flag { ARG_OPTIONAL = 1, ARG_MULTIPLE = 2, ARG_MULTIPLE_TOKEN = 4 };
struct row_arg {
    const char *name;
    enum arg_type type;
    uint8_t flags;
    int8_t key_spec; /* ARG_KEY: index of the key specification */
    const char *token, *since, *deprecated_since, *summary, *display; /* NULL if none */
    const struct row_arg *sub; /* ARG_ONEOF, ARG_BLOCK: ends with a NULL name */
};

struct row_change {
    const char *since, *what;
};

enum row_group {
    GROUP_GENERIC,
    GROUP_STRING,
    GROUP_LIST,
    GROUP_SET,
    GROUP_SORTED_SET,
    GROUP_HASH,
    GROUP_PUBSUB,
    GROUP_TRANSACTIONS,
    GROUP_CONNECTION,
    GROUP_SERVER,
    GROUP_SCRIPTING,
    GROUP_HYPERLOGLOG,
    GROUP_CLUSTER,
    GROUP_SENTINEL,
    GROUP_GEO,
    GROUP_STREAM,
    GROUP_BITMAP,
    GROUP_COUNT,
};

enum row_hides {
    HIDES_NOTHING,
    HIDES_DATABASE, /* a key of another database; row_keys tells its name */
    HIDES_NAMES,    /* keys that are read, whose names follow from values */
    HIDES_KEYSPACE, /* all keys are made anew */
};

struct row {
    const char *name;           /* lower case, as Redis shows it; of a subcommand: its own word */
    void (*run)(struct ctx *c); /* NULL: a container that has subcommands only */
    int arity;                  /* as Redis: counts the name; negative: at least */
    uint32_t flags, acl;        /* row_flag, row_acl */
    struct keyspec keys[ROW_KEYSPECS_MAX]; /* ends with BEGIN_NONE */
    /* Positions of the keys when the specifications cannot tell: as row_keys; NULL: by the
     * specifications. */
    int (*find_keys)(const struct slice *argv, int argc, int *out, uint16_t *flags, int max);
    /* With KEY_VARIABLE_FLAGS: what these arguments do to the keys (keyspec_flag); NULL: all
     * that the specification says. */
    uint16_t (*key_flags)(const struct slice *argv, int argc);
    /* Where a member, or field, of the first key's value mostly stands, 0 if none does: a hint for
     * who looks ahead. */
    int8_t member;
    /* Whether so much is to be done that it may go on over several turns (core/ongoing.h), guessed
     * in O(log n); NULL: never. */
    bool (*takes_long)(struct db *db, const struct slice *argv, int argc);
    /* Whether these arguments make it one that only reads, although it may do more; NULL: never. */
    bool (*only_reads)(struct core *core, const struct slice *argv, int argc);
    /* Whether these arguments name more than row_keys tells; NULL: never. */
    enum row_hides (*hides)(const struct slice *argv, int argc);
    const struct row *subs; /* ends with a NULL name */
    /* What the command is if its first argument names a retained topic (exec_row): a row of the
     * same name that writes that key. NULL: the same whatever is named. In the table's copies of
     * both rows `plain` is the first one. */
    const struct row *retained, *plain;
    const char *since, *summary, *complexity;
    enum row_group group;
    const char *deprecated_since, *replaced_by;
    bool for_servers;                 /* and tests: COMMAND DOCS says syscmd */
    const struct row_arg *args;       /* ends with a NULL name */
    const struct row_change *history; /* ends with a NULL since */
    const char *const
        *tips; /* ends with NULL: "nondeterministic_output", "request_policy:all_shards" ... */
    struct row_stats *stats; /* set by the table in its copy */
};

/* What is counted per row (and per subcommand), INFO commandstats and LATENCY HISTOGRAM. */
#define ROW_HISTOGRAM_BUCKETS 64
struct row_stats {
    uint64_t calls, ticks, rejected, failed;
    double unit_ns; /* what a unit of work takes, 0 until known: see core/offload.h */
    /* Calls of 2^i to 2^(i+1)-1 ns; NULL until called with latency-tracking on. */
    uint32_t *histogram;
};

/* All commands that the server knows. */
struct row_table;

/* `families` ends with NULL; each member is an array of rows ending with a NULL name. Every
 * row is checked; a bad one is a bug and panics with its name. */
struct row_table *row_table_new(const struct row *const *families);
void row_table_free(struct row_table *t);

/* Lets a command be called `to` only, or not at all if `to` is empty; the row keeps its name. For
 * start-up (rename-command). NULL, or a text that says why not. */
const char *row_table_rename(struct row_table *t, struct slice from, struct slice to);

/* The row of a command name in any case, or NULL. O(1), no allocation. */
const struct row *row_find(const struct row_table *t, struct slice name);

/* The subcommand of a container, or NULL. Cost: a walk over its subcommands. */
const struct row *row_find_sub(const struct row *row, struct slice name);

/* "get" or "config|get", in any case. */
const struct row *row_find_full(const struct row_table *t, struct slice full_name);

/* All top-level rows in the order of the table. */
size_t row_count(const struct row_table *t);
const struct row *row_at(const struct row_table *t, size_t i);

/* Counters of a row or subrow. */
static inline struct row_stats *row_stats(const struct row *row) { return row->stats; }
void row_stats_reset(struct row_table *t);

/* Counts a call of so many clock ticks in the histogram. */
void row_stats_time(struct row_stats *stats, uint64_t ticks);

/* Writes "config|get" for a subcommand, "get" for a command, and returns buf. */
#define ROW_FULL_NAME_BYTES_MAX 64
const char *row_full_name(const struct row_table *t, const struct row *row,
                          char buf[ROW_FULL_NAME_BYTES_MAX]);

/* The container of a subcommand, else NULL. */
const struct row *row_parent(const struct row_table *t, const struct row *row);

/* ACL categories, with those that follow from the flags. */
uint32_t row_acl(const struct row *row);

/* "keyspace", "read" ... for bit 0, 1 ...; NULL behind the last. */
const char *row_acl_name(unsigned bit);

/* True if argv[1] is a key of every call. */
static inline bool row_has_first_key(const struct row *row) {
    return row->keys[0].begin == BEGIN_INDEX && row->keys[0].index == 1 &&
           row->keys[0].find == FIND_RANGE;
}

/* True if some argument may be a key. */
bool row_has_keys(const struct row *row);

/* True if the positions of the keys hang on the values of arguments. */
bool row_has_movable_keys(const struct row *row);

/* True if a call with argc arguments (the name or names included) has a right number of them. */
static inline bool row_arity_ok(const struct row *row, int argc) {
    return row->arity > 0 ? argc == row->arity : argc >= -row->arity;
}

/* Argument positions of the keys in argv: fills at most max of out[] with indexes (and, if
 * flags is not NULL, flags[] with their keyspec_flag bits), returns how many there are, or
 * -1 if the arguments are not well-formed. With max >= argc all of them fit. */
int row_keys(const struct row *row, const struct slice *argv, int argc, int *out, uint16_t *flags,
             int max);

static inline enum row_hides row_hides(const struct row *row, const struct slice *argv, int argc) {
    return row->hides ? row->hides(argv, argc) : HIDES_NOTHING;
}

/* Whether such a call, of which row_keys has found n keys (-1: nonsense), touches others too. */
bool row_hides_keys(const struct row *row, const struct slice *argv, int argc, int n);

/* Positions of first key, last key and step, as the old form of COMMAND INFO has them. */
void row_key_range(const struct row *row, int *first, int *last, int *step);

#endif
