/* reply.h - building the reply of a command, in the protocol of its session.
 *
 * A reply is a chain of chunks; small pieces are copied into the last chunk, blobs of
 * REPLY_SHARE_BYTES and more are referenced; what goes to many (reply_shared) is referenced from
 * REPLY_PUSH_SHARE_BYTES on, and whenever the last chunk has no room for it, so that a reader
 * who falls behind costs little more than what all of them share. The functions are those of RESP3;
 * in RESP2 each has its older form (a map is a flat array, a double a bulk string, null is $-1).
 *
 * R1  r->at..r->end is the free part of the last chunk, both NULL when there is none.
 * R2  What has been written is sent in order; nothing moves once it is in the chain, but for what
 *     stands behind an open mark (reply_begin). So a place (reply_here) stays good until it is
 *     sent, or the mark before it is closed.
 * Threads: a reply is its owner's; spare chunks are kept by each thread.
 * Specification: RESP2 and RESP3 (redis.io, "Redis serialization protocol").
 */
#ifndef CORE_REPLY_H
#define CORE_REPLY_H

#include "base/blob.h"
#include "base/bytes.h"

#define REPLY_ERROR_PREFIX_MAX 32

#define REPLY_LARGE_BYTES (1024 * 1024)

struct reply_chunk;
struct iovec;

/* What the owner of a reply looks for after a command. */
enum reply_note {
    REPLY_HAS_ERROR = 1,        /* an error was written */
    REPLY_IS_LARGE = 2,         /* REPLY_LARGE_BYTES or more were */
    REPLY_ERROR_IS_COUNTED = 4, /* as that of another command, whose error this one hands on */
};

struct reply {
    char *at, *end;
    struct reply_chunk *first, *last;
    size_t sealed_bytes; /* of the pieces in the chain, but not of the open end of the last */
    size_t sent;         /* of the first piece */
    size_t held_bytes;   /* of all chunks, whole, shared blobs too */
    int chunks;
    uint8_t proto;                             /* 2 or 3 */
    uint8_t noted;                             /* enum reply_note, until its owner clears it */
    size_t grown;                              /* sealed bytes since then, but for the open end */
    size_t full_bytes;                         /* sealed bytes at which it is full; 0: never */
    char error_prefix[REPLY_ERROR_PREFIX_MAX]; /* "ERR", "WRONGTYPE" ... of the last one */
};

void reply_init(struct reply *r);
void reply_fini(struct reply *r);

/* Whether whoever writes a long reply is to leave the rest for later (core/offload). Never, unless
 * reply_set_share has said from how many bytes on, counted from here in whole chunks; 0: never
 * again. */
static inline bool reply_is_full(const struct reply *r) {
    return r->full_bytes && r->sealed_bytes >= r->full_bytes;
}
static inline void reply_set_share(struct reply *r, size_t bytes) {
    r->full_bytes = bytes ? r->sealed_bytes + bytes : 0;
}

void reply_ok(struct reply *r);
void reply_simple(struct reply *r, const char *text);
/* Of any text; its line ends become spaces. */
void reply_simple_slice(struct reply *r, struct slice text);
void reply_int(struct reply *r, int64_t v);
void reply_bulk(struct reply *r, struct slice s);
void reply_bulk_cstr(struct reply *r, const char *s);
void reply_bulk_int(struct reply *r, int64_t v);
void reply_bulkf(struct reply *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A bulk string of b's first n bytes, by reference if that pays. */
void reply_bulk_blob(struct reply *r, struct blob *b, size_t n);
/* head, and what is in tail behind it: copied if that pays, else head alone is and tail is
 * referenced. A whole RESP value, or several. */
void reply_shared(struct reply *r, struct slice head, struct blob *tail);
void reply_null(struct reply *r);       /* $-1 or _ */
void reply_null_array(struct reply *r); /* *-1 or _ */
void reply_bool(struct reply *r, bool v);
void reply_double(struct reply *r, double v);
void reply_long_double(struct reply *r, long double v); /* as num_format_ld_human prints it */
void reply_verbatim(struct reply *r, struct slice s, const char ext[3]);
void reply_array(struct reply *r, size_t n);
void reply_map(struct reply *r, size_t pairs);
void reply_set(struct reply *r, size_t n);
void reply_push(struct reply *r, size_t n);
/* Digits of any number; line ends in it become spaces. */
void reply_big_number(struct reply *r, struct slice digits);

/* Errors: the text with its prefix ("ERR ..."), no '-' and no line end. Line ends in a
 * formatted text become spaces, but for those at its end, which go. */
void reply_error(struct reply *r, const char *text);
void reply_errorf(struct reply *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* An error of any text and length, made one line as by reply_errorf. */
void reply_error_slice(struct reply *r, struct slice text);
/* One of base/err.h. */
void reply_err(struct reply *r, int err);

/* An aggregate whose length is known only after its elements: keep the mark, write the
 * elements, then say which kind it is and how many there are. Marks nest: the one begun last is
 * ended first. */
struct reply_mark {
    struct reply_chunk *chunk;
    size_t at;
};
struct reply_mark reply_begin(struct reply *r);
void reply_end_array(struct reply *r, struct reply_mark m, size_t n);
void reply_end_map(struct reply *r, struct reply_mark m, size_t pairs);
void reply_end_set(struct reply *r, struct reply_mark m, size_t n);

/* A bulk string likewise, which stands before what its text follows from. */
#define REPLY_LATE_TEXT_BYTES_MAX 48
void reply_end_bulk(struct reply *r, struct reply_mark m, struct slice text);

/* -- for the door ---------------------------------------------------------------------- */

/* Bytes queued, and the memory that queueing them holds (chunks whole, shared blobs too). */
size_t reply_pending(const struct reply *r);
static inline size_t reply_memory(const struct reply *r) { return r->held_bytes; }
static inline int reply_chunks(const struct reply *r) { return r->chunks; }

/* Up to max pieces that are next to be sent; reply_sent takes n bytes of them off. */
int reply_pieces(struct reply *r, struct iovec *pieces, int max);
void reply_sent(struct reply *r, size_t n);

/* Moves all that is in `from` behind what is in r, notes included; from is empty then. */
void reply_take(struct reply *r, struct reply *from);

/* -- pieces and places ----------------------------------------------------------------- */

/* Raw bytes that are a whole RESP value (or a part of one, in order). */
void reply_raw(struct reply *r, const char *p, size_t n);

/* Drops all that was written since `since` (see reply_here): CLIENT REPLY OFF. */
struct reply_place {
    struct reply_chunk *chunk;
    size_t used;
};
struct reply_place reply_here(const struct reply *r);
void reply_rewind(struct reply *r, struct reply_place since);

#endif
