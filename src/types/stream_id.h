/* stream_id.h - the IDs of stream entries: milliseconds and a sequence number.
 *
 * Threads: any. Specification: Redis 7.2.
 */
#ifndef TYPES_STREAM_ID_H
#define TYPES_STREAM_ID_H

#include "base/bytes.h"

#define STREAM_ID_TEXT_BYTES 42 /* room for stream_id_text */

struct stream_id {
    uint64_t ms, seq;
};

#define STREAM_ID_MIN ((struct stream_id){0, 0})
#define STREAM_ID_MAX ((struct stream_id){UINT64_MAX, UINT64_MAX})

/* <0, 0, >0 */
static inline int stream_id_cmp(struct stream_id a, struct stream_id b) {
    if (a.ms != b.ms) return a.ms < b.ms ? -1 : 1;
    return a.seq == b.seq ? 0 : a.seq < b.seq ? -1 : 1;
}
static inline bool stream_id_eq(struct stream_id a, struct stream_id b) {
    return a.ms == b.ms && a.seq == b.seq;
}
static inline bool stream_id_is_zero(struct stream_id id) { return !id.ms && !id.seq; }

/* The ID behind, or before; false, and *id stays, if there is none. */
bool stream_id_next(struct stream_id *id);
bool stream_id_prev(struct stream_id *id);

/* What stream_id_parse reads. */
enum stream_id_form {
    STREAM_ID_BAD,
    STREAM_ID_FULL, /* ms-seq, or ms alone, the sequence number being `seq_missing` */
    STREAM_ID_AUTO, /* ms-*: the sequence number is 0, and is to be chosen */
};

/* Reads an ID as Redis does, strtoull's freedoms included. "-", "+" and "(" are the commands' own.
 * *id changes only when it is read. */
enum stream_id_form stream_id_parse(struct slice s, uint64_t seq_missing, struct stream_id *id);

/* Writes ms-seq, and returns it. */
struct slice stream_id_text(struct stream_id id, char buf[STREAM_ID_TEXT_BYTES]);

#endif
