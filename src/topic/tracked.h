/* tracked.h - who may have which key in a cache of its own: names of keys to sets of client ids.
 *
 * A key is one block: its name, then the ids in rising order; a key of 20 bytes that one client has
 * read costs 40 bytes and its place in a table (10).
 *
 * K1  A key has an id at least, and no id twice.
 * K2  Ids of clients that have left, or do not track any more, stay until their key is taken; but a
 *     set that would have to grow lets them go first. So it has at most twice the ids of those who
 *     live, and a few.
 * Keys are those of all databases: what is cached is named without one. Two names of one hash are
 * told apart.
 * Threads: the owner's.
 */
#ifndef TOPIC_TRACKED_H
#define TOPIC_TRACKED_H

#include "base/table.h"

struct tracked_key;

struct tracked {
    struct table keys;
    size_t items;                          /* ids of all keys */
    bool (*lives)(void *ctx, uint64_t id); /* whether an id is still wanted */
    void *ctx;
};

void tracked_init(struct tracked *t, bool (*lives)(void *ctx, uint64_t id), void *ctx);
/* Frees everything. Cost: O(keys). Any thread, if nobody else uses t. */
void tracked_fini(struct tracked *t);

/* Adds an id to a key's; one that is there already stays. False: there is no memory for the name.
 * Cost: a look-up, O(log ids) if the id is there, else O(ids) moves. */
bool tracked_add(struct tracked *t, struct slice name, uint64_t hash, uint64_t id);

/* Takes a key out, of that name or picked by chance; NULL: it is not there, or there is none. The
 * caller frees it. */
struct tracked_key *tracked_take(struct tracked *t, struct slice name, uint64_t hash);
struct tracked_key *tracked_take_any(struct tracked *t);
void tracked_key_free(struct tracked_key *k);

struct slice tracked_name(const struct tracked_key *k);
/* In rising order; *n of them. Good until the key is freed. */
const uint64_t *tracked_ids(const struct tracked_key *k, size_t *n);

#endif
