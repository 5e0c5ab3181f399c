/* cmd_zset_internal.h - what the files of the sorted set family share.
 *
 * cmd_zset.c is about members: adding, asking, popping, picking. cmd_zset_range.c is about runs of
 * them, by rank, score or text; cmd_zset_cut.c takes runs out; cmd_zset_algebra.c joins several
 * sets; cmd_zset_block.c waits for what is not there yet. Other families that keep their values in
 * sorted sets (geo) use these functions too. Threads: the loop.
 */
#ifndef COMMANDS_CMD_ZSET_INTERNAL_H
#define COMMANDS_CMD_ZSET_INTERNAL_H

#include "core/exec.h"
#include "store/zset_entry.h"
#include "types/zset_edit.h"

/* Listpacks up to this size are edited on the stack. */
#define ZSET_ROOM_BYTES 4096

/* ---- reading ---- */

/* The set in the key of argument i for a command that reads; none, if there is no key. False: it is
 * of another type, and the error is replied. */
bool zset_read(struct ctx *c, int i, struct zset_view *v);

/* ---- writing ---- */

struct zset_limits zset_limits(const struct ctx *c);

/* A set that a command changes. */
struct zset_write {
    struct key key;
    bool exists;
    struct zset_edit edit;
    uint8_t room[ZSET_ROOM_BYTES];
};

/* Begins to change the set in k, which is an empty one without a key. False: another type, and the
 * error is replied. zset_write_close must follow. */
bool zset_write_open(struct ctx *c, struct key k, struct zset_write *w);

/* Begins a set that is to replace whatever a key holds; w->key is the caller's to set. Any thread.
 */
void zset_write_new(struct zset_write *w, struct zset_limits limits);

/* Puts what was changed into the database. A set that became empty goes, with event "del". The
 * change itself is told before. */
void zset_write_close(struct ctx *c, struct zset_write *w);

/* Ends a zset_write_new: k becomes the set, without an expiry, with the event, or, if it is empty,
 * goes. Replies how many members it has. */
void zset_write_store(struct ctx *c, struct zset_write *w, const char *event);

/* ---- adding ---- */

enum zset_add_flag {
    ZSET_ADD_NX = 1,
    ZSET_ADD_XX = 2,
    ZSET_ADD_GT = 4,
    ZSET_ADD_LT = 8,
    ZSET_ADD_CH = 16,
    ZSET_ADD_INCR = 32,
};

/* Arguments to be added: `count` groups of `step` from `first` on, whose last is the member. */
struct zset_add {
    unsigned flags;
    int first, step, count;
    /* The score in the arguments from i on; false: there is none, and the error is replied. */
    bool (*score)(struct ctx *c, int i, double *score);
};

/* Adds them to the set of argument 1, if all have scores, and replies as ZADD. The last thing that
 * a handler does (core/ongoing). */
void zset_add_members(struct ctx *c, const struct zset_add *add);

/* ---- taking out (cmd_zset_cut.c) ---- */

/* What is replied of the members that are taken out. */
enum zset_pop_how {
    ZSET_POP_COUNTED,     /* how many they are */
    ZSET_POP_FLAT,        /* members and scores */
    ZSET_POP_PAIRS,       /* pairs of them */
    ZSET_POP_NAMED_PAIRS, /* the key's name, and the same */
    ZSET_POP_NAMED_ONE,   /* the name, the only member, its score */
};

/* The ranks [from, to) of a set, from <= to <= its count. */
struct zset_cut {
    int key; /* argument */
    uint64_t from, to;
    bool down; /* the highest is replied first */
    enum zset_pop_how how;
    const char *event;
};

/* Takes them out and replies; w is the set as opened, and is closed. The last thing that a handler
 * does (core/offload). */
void zset_cut(struct ctx *c, struct zset_write *w, const struct zset_cut *cut);

struct zset_pop {
    bool max;
    enum zset_pop_how how;
    uint64_t count; /* at most */
};

/* Takes members off the set of argument `key`. False, nothing replied, if there is none. The last
 * thing that a handler does. */
bool zset_pop(struct ctx *c, int key, const struct zset_pop *pop);

/* ZMPOP: up to pop.count members of the first of some sets that has any. */
struct zset_mpop {
    int first_key, key_count;
    struct zset_pop pop;
};

/* Reads them from the argument `at`, the number of keys, on; replies an error and returns false. */
bool zset_mpop_parse(struct ctx *c, int at, struct zset_mpop *m);

/* False, nothing replied, if there is no such set. */
bool zset_mpop_take(struct ctx *c, const struct zset_mpop *m);

/* ---- replies ---- */

/* The members [from, to) of a set, upwards or downwards from the other end, with their scores:
 * in RESP3 as pairs. */
struct zset_span {
    uint64_t from, to;
    bool down, scores;
};
void zset_reply_span(struct reply *r, struct zset_view v, const struct zset_span *span);

/* The same in parts: begins, and goes on until reply_is_full(r); false at the end. */
struct zset_listing {
    struct zset_iter next;
    uint64_t left;
    bool scores;
};
void zset_listing_begin(struct zset_listing *l, struct reply *r, struct zset_view v,
                        const struct zset_span *span);
bool zset_listing_more(struct zset_listing *l, struct reply *r);

/* ---- rows ---- */

/* A key specification: a number of keys in argument `at`, and the keys behind it. */
#define ZSET_KEYS_COUNTED(at, how)                                                                 \
    {                                                                                              \
        .flags = (how), .begin = BEGIN_INDEX, .index = (at), .find = FIND_KEYNUM, .keynum = 0,     \
        .first_key = 1, .key_step = 1                                                              \
    }

#endif
