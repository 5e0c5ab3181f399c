/* stream_idmp.h - what a stream remembers of its producers, so that an entry sent twice is added
 * once: idempotent production.
 *
 * A producer names each entry by an iid, bytes of its own choice; the stream keeps, per producer,
 * which ID the entry of an iid got.
 *
 * P1  An iid is forgotten when the ID's milliseconds are duration_s ago, and when its producer has
 *     sent entries_max others since.
 * P2  A producer is known while an iid of it is.
 * P3  Reads change nothing: an iid whose time is over is not found and not counted, and is freed
 *     when the next one is added, which looks at all producers' oldest.
 * Cost: O(1) an iid. Threads: the stream's.
 * Specification: Redis 8.6, XADD IDMP and IDMPAUTO, XCFGSET.
 */
#ifndef TYPES_STREAM_IDMP_H
#define TYPES_STREAM_IDMP_H

#include "types/stream.h"

#define STREAM_IID_AUTO_BYTES 16

struct stream_idmp;

struct stream_idmp_limits {
    uint64_t duration_s, entries_max;
};

struct stream_idmp_counts {
    uint64_t producers, iids;   /* remembered */
    uint64_t added, duplicates; /* since the stream's beginning */
};

/* What a stream remembers; NULL if it never had to. */
struct stream_idmp *stream_idmp(const struct stream *s);

/* The same, made with these limits if there is none. */
struct stream_idmp *stream_idmp_make(struct stream *s, struct stream_idmp_limits limits);

struct stream_idmp_limits stream_idmp_limits(const struct stream_idmp *m);

/* Sets the limits; everything is forgotten if they are others than before. */
void stream_idmp_set_limits(struct stream_idmp *m, struct stream_idmp_limits limits);

struct stream_idmp_counts stream_idmp_counts(const struct stream_idmp *m, int64_t now_ms);

/* The ID that an iid of a producer got; false if it is not known. */
bool stream_idmp_find(const struct stream_idmp *m, struct slice producer, struct slice iid,
                      int64_t now_ms, struct stream_id *id);

/* Remembers an iid, which must not be known. */
void stream_idmp_add(struct stream_idmp *m, struct slice producer, struct slice iid,
                     struct stream_id id, int64_t now_ms);

/* Counts an entry that was not added, since it was known. */
void stream_idmp_note_duplicate(struct stream_idmp *m);

/* IDMPAUTO: an iid that follows from an entry's fields and values, which stand in turn, whatever
 * their order. */
void stream_idmp_auto(const struct slice *texts, size_t pairs, char iid[STREAM_IID_AUTO_BYTES]);

/* -- for stream.c ------------------------------------------------------------------- */

/* Each takes NULL for nothing. */
void stream_idmp_free(struct stream_idmp *m);
struct stream_idmp *stream_idmp_copy(const struct stream_idmp *m);
size_t stream_idmp_memory(const struct stream_idmp *m);
size_t stream_idmp_free_cost(const struct stream_idmp *m);

#endif
