/* places.h - what commands wait for and hold in the lanes of their keys.
 *
 * A command that writes, or runs others, asks the gate while lanes are busy. If somebody is in its
 * way, its session is parked: it gets a ticket of its own, stops reading, and is asked anew when
 * that is granted. A command that goes on over turns (core/ongoing) holds the same ticket until its
 * end. A job (core/offload) has one itself.
 *
 * P1  Commands that change a key in a lane, and those that change all keys, wait their turn, in the
 *     order of the lanes; readers on the loop do not.
 * P2  What a command wants is told by its row's key specifications: what is read (KEY_RO), what is
 *     changed.
 * Threads: the loop.
 */
#ifndef CORE_PLACES_H
#define CORE_PLACES_H

#include "core/exec.h"
#include "lane/lane.h"

#define WANTS_INLINE 16 /* keys of a command whose places need no memory of their own */

/* The keys of commands as they want them. */
struct wants {
    struct db *db; /* where they are */
    struct lane_want *at;
    int n, room_n;
    bool all_told; /* there are no others that the commands touch */
    struct lane_want room[WANTS_INLINE];
};

/* Of one command, its keys that it only reads and the others as said. To be freed. */
void wants_of(struct wants *w, struct db *db, const struct request *req, enum lane_mode reads,
              enum lane_mode writes);
void wants_free(struct wants *w);

struct places;

struct places *places_new(void);
void places_free(struct places *p);

const struct lanes *places_lanes(const struct core *core);

/* A ticket joins and leaves the lanes, as in lane_join and lane_leave; leaving twice is nothing. */
bool places_join(struct core *core, struct lane_ticket *t, struct wants *w);
void places_leave(struct core *core, struct lane_ticket *t);

/* A ticket of the server's own on one key, which need not be granted: from now on others may read
 * it and not change it, until places_leave. */
void places_join_key(struct core *core, struct lane_ticket *t, struct key k);

/* Whether they would be granted now. */
bool places_would_grant(const struct core *core, const struct wants *w);

/* An error, good until the next call, if so many wait for one of the keys that one more may not;
 * else NULL. */
const char *places_refusal(struct core *core, const struct wants *w);

/* Counts a command that was refused for the sake of those that wait. */
void places_note_refused(struct core *core);

/* Whether the ticket of s, not granted yet, is over its CLIENT LANE-TIMEOUT. */
bool place_is_late(const struct core *core, const struct lane_ticket *t, const struct session *s);
#define PLACE_TIMEOUT_TEXT "LANETIMEOUT the keys were not free within CLIENT LANE-TIMEOUT"

enum lane_verdict { LANE_GO, LANE_WAIT, LANE_REFUSED /* an error was replied */ };

/* Before a command that writes, runs others, or meets one that goes on (core/ongoing.h), while
 * lanes are busy: whether it is to wait for them. If it is refused, *why is the error, good until
 * the next call. When the command is over, or refused for whatever reason, and when the session
 * ends: places_passed. */
enum lane_verdict places_gate(struct core *core, struct session *s, const struct request *req,
                              const char **why);
void places_passed(struct session *s);

/* Those who wait are asked anew by the gate: it may refuse them now. */
void places_ask_again(struct core *core);

/* Ends the waiting of those whose CLIENT LANE-TIMEOUT is over. */
void places_expire(struct core *core);

/* Whether a command that waits for a key may not go on now for the lanes' sake; who holds them is
 * told. */
bool places_stop(const struct core *core, struct db *db, const struct request *req);

/* Whether a worker may read the key's value now: a command that reads leaves it as it is then, to
 * the byte. */
bool places_are_read(const struct core *core, uint64_t hash);

/* Whether the arguments tell all keys that the commands, in db, will touch. */
bool places_are_told(struct db *db, const struct request *requests, size_t count);

/* Makes s hold the lanes of the commands' keys from now until places_passed: shared for what they
 * only read (or with only_reads), else alone. The gate let its command go in this turn, so that
 * nobody is in the way. False, nothing or some keys held, if their arguments do not tell all keys,
 * or there are none. */
bool places_hold(struct core *core, struct session *s, const struct request *requests, size_t count,
                 bool only_reads);

#endif
