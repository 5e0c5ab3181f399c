/* sealed.h - bytes that only who has the key can read, or change without being found out.
 *
 * A stream of bytes becomes a head and chunks, each sealed by AES-256-GCM (after DARE 2.0):
 *
 *     head    8  "CLSEALED"       chunk  1  version of chunks, 0x20
 *             1  version, 1              1  cipher, 0: AES-256-GCM
 *             1  cipher, 0               2  bytes of the payload, little endian
 *             6  zero                   12  nonce
 *            32  salt                   ..  payload, encrypted
 *            16  check                  16  tag, of the payload and the first 4 bytes
 *
 * The key that is configured seals nothing: HKDF-SHA256 of it, a random salt of the stream's own
 * and the first 16 bytes of the head gives the stream's key, the start of its nonces and the check,
 * by which a wrong key is told from damage. The nonce of the n-th chunk is that start, n (little
 * endian) xored into its last 8 bytes; its first bit says that the chunk is the last one.
 *
 * K1  A nonce is used once with a key: a stream's key is its own, its chunks count up, and a stream
 *     that was left is never gone on with, but for an empty last chunk, which is always the same.
 *     Bytes of a chunk that could not be written are kept and written as they are, or dropped with
 *     the stream.
 * K2  A chunk altered, cut, missing, doubled, of another place or of another stream is refused. A
 *     stream whose last chunk is missing was cut, or was never ended.
 * K3  No byte is given out before its tag was found right.
 * Different from DARE: chunks may be short or empty anywhere (a log seals what it has), the count
 * has 64 bits and stands in the chunk, so that a chunk is found among damaged ones. What is not
 * prevented: that a whole stream is replaced by an older one that the same key sealed.
 * Threads: one at a time for a sealer or an unsealer.
 * Specification: NIST SP 800-38D, RFC 5869; the chunks follow MinIO's "Data At Rest Encryption".
 */
#ifndef WIRE_SEALED_H
#define WIRE_SEALED_H

#include "base/bytes.h"

enum {
    SEALED_KEY_BYTES = 32,
    SEALED_HEAD_BYTES = 64,
    SEALED_CHUNK_HEAD_BYTES = 16,
    SEALED_CHUNK_EXTRA_BYTES = 32, /* beside the payload: header and tag */
    SEALED_PAYLOAD_MAX = 65535,    /* that a chunk can have, */
    SEALED_PAYLOAD_USUAL = 32768,  /* and what long streams are cut into */
};

struct sealed_key {
    unsigned char bytes[SEALED_KEY_BYTES];
};

/* The bytes are overwritten, also where a compiler sees no use of that. */
void sealed_key_wipe(struct sealed_key *key);

/* ---- sealing ---- */

struct sealer;

/* A new stream: its head, and who seals what follows. The caller's: sealer_free. */
struct sealer *sealer_new(const struct sealed_key *key, char head[SEALED_HEAD_BYTES]);

/* For a stream that was left behind so many chunks, to be given its end and nothing else (K1).
 * NULL: the key is another, or this is no head. */
struct sealer *sealer_resume(const struct sealed_key *key, const char head[SEALED_HEAD_BYTES],
                             uint64_t chunks);
void sealer_free(struct sealer *s);

/* Seals the payload that lies at chunk + SEALED_CHUNK_HEAD_BYTES, in its place; behind it there is
 * room for the tag. The bytes of the chunk. After the last one nothing is sealed. */
size_t sealer_seal(struct sealer *s, char *chunk, size_t payload_bytes, bool last);

/* ---- reading ---- */

/* Whether a stream begins so; `bytes` may be all that there is. */
bool sealed_begins(struct slice bytes);

struct sealed_chunk {
    size_t bytes; /* of the whole chunk */
    size_t payload_bytes;
    bool last;
};

/* What a chunk says of itself, unchecked. False: there is none, or not all of its header. */
bool sealed_peek(struct slice bytes, struct sealed_chunk *c);

struct unsealer;

/* NULL: *why says in a few words why this head cannot be read with the key. */
struct unsealer *unsealer_new(const struct sealed_key *key, const char head[SEALED_HEAD_BYTES],
                              const char **why);
void unsealer_free(struct unsealer *u);

enum sealed_result {
    SEALED_GOOD,
    SEALED_SHORT, /* the bytes end within the chunk */
    SEALED_BAD,   /* unsealer_why; nothing is taken any more */
};

/* Takes the next chunk of the stream; its payload goes to `out`, which has room for
 * SEALED_PAYLOAD_MAX. */
enum sealed_result unsealer_take(struct unsealer *u, struct slice in, char *out,
                                 struct sealed_chunk *c);

/* Chunks taken so far; whether the last one was among them; what is bad, in a few words. */
uint64_t unsealer_chunks(const struct unsealer *u);
bool unsealer_ended(const struct unsealer *u);
const char *unsealer_why(const struct unsealer *u);

/* Whether a right chunk of the stream begins somewhere in these bytes: then what is wrong before it
 * is damage, and not the end of what was written. Linear. */
bool unsealer_finds_chunk(struct unsealer *u, struct slice bytes);

#endif
