/* effects.h - what commands have changed, as commands: the stream that a log or a replica repeats.
 *
 * The feed (core/feed.h) says which key has changed; this says how, as the bytes of Redis' own
 * protocol, in the order in which it happened. A command that changed something is told as it came,
 * unless its outcome hangs on time, chance or state: then its handler tells other commands in its
 * place, which do the same wherever and whenever they run (SET with PXAT, SREM for SPOP ...).
 *
 * F1  A command that changed nothing is not told; nothing is told while nobody listens.
 * F2  What belongs together is a unit: the effects of one command, of an EXEC, of a script, with
 *     the keys that left meanwhile. More than one effect is wrapped into MULTI and EXEC.
 * F3  Units are handed to the listeners whole, at the end of a turn, in the order of their ends:
 * the unit of a command that goes on over several turns comes after those of commands that ran
 *     meanwhile, with which it shares no keys.
 * F4  SELECT stands before an effect in another database than the last one's.
 * Cost: nothing but shut gates of exec for commands that write, and only while somebody listens.
 * To add a command whose outcome is not fixed by its arguments: in its handler, after the change,
 *     if (effects_wanted(c)) { effect_begin(c, 3); effect_word(c, "SET"); ... }
 * Threads: the loop.
 * Specification: what Redis 7.2 writes into its log.
 */
#ifndef CORE_EFFECTS_H
#define CORE_EFFECTS_H

#include "base/bytes.h"

struct core;
struct ctx;
struct request;

#define EFFECTS_LISTENERS_MAX 2

struct effects_listener {
    /* Gets n bytes, whole units, that follow what it got before; borrowed. */
    void (*take)(void *ctx, const char *p, size_t n);
    void *ctx;
};

/* A unit that is being told, and what its commands are to know. */
struct effects_unit {
    bool told;        /* the running command has told its effects itself */
    bool wrapped;     /* MULTI stands before it */
    int depth;        /* commands that run within each other */
    int db;           /* of the last effect; -1: none yet */
    int first_db;     /* of the last one before the unit */
    uint64_t changes; /* the feed's, when the running command began, but for what left by itself */
    char *bytes;      /* told, and not handed over: whole units, and this one */
    size_t n, size;   /* of them, of their room */
    size_t at;        /* where the unit begins */
    uint64_t count;   /* its effects */
};

/* A key or a field that left by itself. */
struct effects_left {
    int db;
    bool is_field, unlink; /* as it was told */
    size_t key_bytes, field_bytes;
    char *bytes; /* the key, the field */
};

struct effects {
    bool wanted;     /* somebody listens */
    uint64_t offset; /* of the stream at the end of all whole units */
    struct effects_unit unit;
    struct effects_unit aside; /* of the command that goes on, while others run */
    bool has_aside;
    uint64_t aside_changes; /* the feed's, when that stopped */
    struct effects_listener listeners[EFFECTS_LISTENERS_MAX];
    int listener_count;
    /* What has left since effects_keep_left, told in the unit that may go back. */
    bool keeps_left;
    struct effects_left *left;
    size_t left_count, left_room;
};

void effects_init(struct effects *f);
void effects_fini(struct effects *f);

/* A listener hears everything from now on; the first thing is a SELECT. */
void effects_listen(struct core *core, struct effects_listener l);
void effects_unlisten(struct core *core, void *ctx);

/* The next effect has a SELECT before it, whatever the last one's database. */
void effects_select_anew(struct core *core);

/* Hands over what is whole. */
void effects_flush(struct core *core);

/* ---- for who runs commands ---- */

/* What the command around another one is to find again. */
struct effects_frame {
    bool told, active;
    uint64_t changes;
};

/* Before a handler, and after it: tells the command if it changed something and has not told
 * otherwise. */
struct effects_frame effects_enter(struct core *core);
void effects_leave(struct core *core, struct effects_frame before, const struct request *req,
                   int db);

/* The command that goes on (core/ongoing.h) stops: its unit is put aside, so that others tell
 * theirs, and taken up again when it goes on. At its end, in place of effects_leave. */
void effects_put_aside(struct core *core);
void effects_take_up(struct core *core);
void effects_end_ongoing(struct core *core, const struct request *req, int db);

/* Whether the command that goes on has told anything yet. */
static inline bool effects_are_aside(const struct effects *f) {
    return f->has_aside && f->aside.count;
}

/* A place in the open unit, and back to it: what was told since then is not true any more
 * (core/undo.h). */
struct effects_place {
    size_t bytes;
    uint64_t count;
    int db;
    bool wrapped;
};

struct effects_place effects_here(const struct core *core);
void effects_back_to(struct core *core, struct effects_place place);

/* What leaves by itself between effects_keep_left and effects_let_left_go stays away when the unit
 * goes back: effects_tell_left tells it once more, but for keys that are back. */
void effects_keep_left(struct core *core);
void effects_tell_left(struct core *core, bool (*is_back)(void *ctx, int db, struct slice key),
                       void *ctx);
void effects_let_left_go(struct core *core);

/* ---- what leaves by itself ---- */

/* A key has left. Told as UNLINK or DEL. */
void effects_key_left(struct core *core, int db, struct slice key, bool unlink);
/* A field of a hash has. */
void effects_field_left(struct core *core, int db, struct slice key, struct slice field);
/* Changes that the feed counted since then are not the running command's. */
void effects_not_own(struct core *core, uint64_t changes_before);

/* ---- for handlers ---- */

/* Whether to tell at all. */
#define effects_wanted(c) unlikely((c)->core->effects.wanted)

/* Whether the running command is to be told: somebody listens, and it changed something. */
bool effects_due(const struct ctx *c);

/* An effect of the command of c, which is not told itself then: so many words follow. */
void effect_begin(struct ctx *c, size_t words);
void effect_word(struct ctx *c, const char *word);
void effect_bytes(struct ctx *c, struct slice s);
void effect_int(struct ctx *c, int64_t v);

/* The command itself is not told; what else it told, if anything, is all. */
void effect_none(struct ctx *c);

/* The command is told, even if nothing changed. */
void effect_always(struct ctx *c);

/* The command with another name, or with argument `at` in another form. */
void effect_renamed(struct ctx *c, const char *name);
void effect_replaced(struct ctx *c, int at, struct slice by);

/* DEL or UNLINK of a key, as lazyfree-lazy-expire says. */
void effect_delete(struct ctx *c, struct slice key);

/* PERSIST, PEXPIREAT of a key. */
void effect_persist(struct ctx *c, struct slice key);
void effect_pexpireat(struct ctx *c, struct slice key, int64_t when_ms);

#endif
