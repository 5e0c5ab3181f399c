/* lane.h - lanes order the work that shares a key.
 *
 * Work that takes longer than a turn of the loop holds a ticket on the lanes of all keys that it
 * touches, from the moment at which it looks at them until its effects are in place. A lane is a
 * queue: a ticket's place in it is granted when every place before it allows that.
 *
 *                    reads  shares  updates  has alone
 *     reads            x      x        x
 *     shares           x      x
 *     updates          x
 *     has alone
 *
 * L1  A ticket goes on only when all its places are granted.
 * L2  All places of a ticket are taken within one call, so tickets stand in every lane in
 *     the order in which they joined: the oldest one of those that wait for nothing but each other
 *     is granted, and there is no deadlock.
 * L3  A place is granted if it goes together with every place before it, granted or not: nobody is
 *     overtaken by what he would have to wait for.
 * A lane is meant by the hash of its key, whatever the database: keys that share one by chance wait
 * for each other in vain, and that is all. There is one lane more, of all keys: every ticket shares
 * it, and a ticket for all keys has it alone.
 * Cost: joining and asking, a look-up a key, and the places before that are told of it (once
 * each); leaving, the places that wait in the lanes left, up to
 * the first that wants one alone.
 * Threads: the loop; workers never see a lane.
 * To add a mode: the table above, `together` in lane.c, the model in lane_test.c.
 */
#ifndef LANE_LANE_H
#define LANE_LANE_H

#include "base/bytes.h"
#include "base/list.h"

enum lane_mode {
    LANE_READS,   /* at once, on the loop */
    LANE_SHARES,  /* reads elsewhere: nothing may change meanwhile */
    LANE_UPDATES, /* will replace the value in the end: others may read the old one until then */
    LANE_ALONE,   /* changes it, or all of it that others may see */
};

enum { LANE_MODES = LANE_ALONE + 1 };

struct lanes;

struct lane_want {
    uint64_t hash;
    struct slice name; /* of the key, for people */
    enum lane_mode mode;
};

struct lane_place;

struct lane_ticket {
    struct lane_place *places; /* NULL: in no lane */
    int place_count, missing;
    int64_t joined_ms;
    const char *what; /* the command, for people */
    /* When the last place is granted later than by lane_join. It may not join or leave. */
    void (*on_granted)(struct lane_ticket *t);
    /* Or NULL: when somebody begins to wait who would not, were this ticket not there; it may share
     * only. Granted or not, more than once perhaps. It may not join or leave. */
    void (*on_wanted)(struct lane_ticket *t);
};

struct lane_counts {
    size_t tickets, waiting; /* now */
    size_t lanes;            /* now, without the one of all keys */
    uint64_t joined, waited; /* since the start: tickets, those that were not granted at once */
    uint64_t refused;        /* by lane-max-waiting */
    int64_t wait_ms, wait_ms_max; /* of those that waited and were granted */
};

struct lanes *lanes_new(void);
void lanes_free(struct lanes *l); /* no ticket is in it */

/* Whether any ticket is in: if not, nobody has to ask. */
bool lanes_busy(const struct lanes *l);

/* Takes a place in the lane of each key wanted (one that comes twice gets the stronger mode), or,
 * with all_keys, everywhere. t->what, on_granted are the caller's. Returns true if t may go on at
 * once. */
bool lane_join(struct lanes *l, struct lane_ticket *t, const struct lane_want *wants, int n,
               bool all_keys, int64_t now_ms);

/* Gives all places up, granted or not, if there are any; others may be granted theirs. */
void lane_leave(struct lanes *l, struct lane_ticket *t, int64_t now_ms);

static inline bool lane_has_joined(const struct lane_ticket *t) { return t->places != NULL; }
static inline bool lane_is_granted(const struct lane_ticket *t) { return t->missing == 0; }

/* Whether a command that would be done at once has to join and wait: to read, if somebody has
 * the key alone; to change, if somebody is there at all. */
bool lane_stops(const struct lanes *l, uint64_t hash, enum lane_mode mode);

/* Somebody who does not join waits for that: those who share, and are in his way, are told. */
void lane_ask(const struct lanes *l, uint64_t hash, enum lane_mode mode);

/* Whether a ticket that wanted this, not all keys, would be granted at once. */
bool lane_would_grant(const struct lanes *l, const struct lane_want *wants, int n);

/* Whether somebody has all keys alone, or waits for that. */
bool lane_stops_all(const struct lanes *l);

/* Whether the place of t in this lane, if it has one, makes such a command wait. Cost: the places
 * before it. */
bool lane_ticket_stops(const struct lanes *l, const struct lane_ticket *t, uint64_t hash,
                       enum lane_mode mode);

/* Whether somebody is in the lane: the key must not vanish by itself. */
bool lane_is_held(const struct lanes *l, uint64_t hash);

/* Places that wait in the longest of those queues. */
size_t lane_depth(const struct lanes *l, const struct lane_want *wants, int n);
void lane_note_refused(struct lanes *l);

struct lane_counts lane_counts(const struct lanes *l);

/* Every place: of which key (empty: of all), whose, how. In no order of lanes, in that of the queue
 * within one. */
void lane_each(const struct lanes *l,
               void (*visit)(void *ctx, struct slice key, const struct lane_ticket *t,
                             enum lane_mode mode, bool granted),
               void *ctx);

const char *lane_mode_name(enum lane_mode mode);

#endif
