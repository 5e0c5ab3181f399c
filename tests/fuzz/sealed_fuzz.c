/* sealed_fuzz.c - any bytes as a sealed stream, and a right stream spoiled by them.
 *
 * Checked: of bytes that no key sealed no chunk is taken, and nothing is read behind their end. The
 * same bytes are sealed in chunks whose sizes they choose, and read back; then the sealed bytes are
 * cut, or some of them overwritten, as the input says: what is taken before the first difference is
 * what was sealed, and behind it nothing is.
 */
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "wire/sealed.h"

int fuzz_one(const uint8_t *data, size_t size);

#define CHUNK_BYTES_MAX 256 /* of a payload here */

static const struct sealed_key key = {{42}};
static char payload[SEALED_PAYLOAD_MAX];

/* Bytes with an exact end: a read behind it is seen. */
struct stream {
    char *p;
    size_t n;
};

static struct stream seal(const uint8_t *data, size_t size) {
    size_t room = SEALED_HEAD_BYTES + SEALED_CHUNK_EXTRA_BYTES;
    struct stream s = {mem_alloc(room), SEALED_HEAD_BYTES};
    struct sealer *sealer = sealer_new(&key, s.p);
    for (size_t at = 0;;) {
        size_t n = at < size ? data[at] % (CHUNK_BYTES_MAX + 1) : 0;
        if (n > size - at) n = size - at;
        room = s.n + n + SEALED_CHUNK_EXTRA_BYTES;
        s.p = mem_realloc(s.p, room);
        if (n) memcpy(s.p + s.n + SEALED_CHUNK_HEAD_BYTES, data + at, n);
        at += n;
        bool last = n == 0 || at == size;
        s.n += sealer_seal(sealer, s.p + s.n, n, last);
        if (last) break;
    }
    sealer_free(sealer);
    return s;
}

/* Reads the stream; what it gives must be the data, up to `same` bytes of the stream. The payload
 * bytes given. */
static size_t unseal(struct stream s, const uint8_t *data, size_t same, bool *ended) {
    const char *why;
    struct sealed_chunk c;
    size_t at = SEALED_HEAD_BYTES, given = 0;
    *ended = false;
    struct unsealer *u = s.n >= SEALED_HEAD_BYTES ? unsealer_new(&key, s.p, &why) : NULL;
    if (!u) return 0;
    while (at < s.n && unsealer_take(u, slice_of(s.p + at, s.n - at), payload, &c) == SEALED_GOOD) {
        at += c.bytes;
        ASSERT(at <= same);
        ASSERT(c.payload_bytes == 0 || memcmp(payload, data + given, c.payload_bytes) == 0);
        given += c.payload_bytes;
    }
    *ended = unsealer_ended(u);
    bool behind = at < s.n && unsealer_finds_chunk(u, slice_of(s.p + at, s.n - at));
    ASSERT(!behind || same < s.n);
    unsealer_free(u);
    return given;
}

/* Overwrites or cuts; the bytes that are as they were. */
static size_t spoil(struct stream *s, const uint8_t *data, size_t size) {
    size_t at = (size > 1 ? data[size - 1] * 256u + data[0] : 0) % s->n, same = 0;
    if (size % 3 == 0) {
        char *cut = mem_dup(s->p, at);
        mem_free(s->p);
        *s = (struct stream){cut, at};
        return at;
    }
    char *was = mem_dup(s->p, s->n);
    for (size_t i = 0; i < size && at + i < s->n && i < 40; i++) s->p[at + i] ^= (char)data[i];
    while (same < s->n && s->p[same] == was[same]) same++;
    mem_free(was);
    return same;
}

static void read_any(const uint8_t *data, size_t size) {
    struct sealed_chunk c;
    struct slice in = slice_of((const char *)data, size);
    sealed_peek(in, &c);
    if (size < SEALED_HEAD_BYTES) {
        sealed_begins(in);
        return;
    }
    const char *why = NULL;
    struct unsealer *u = unsealer_new(&key, in.p, &why);
    ASSERT(!u && why); /* its check is 128 bits long */
    ASSERT(!sealer_resume(&key, in.p, 1));
}

int fuzz_one(const uint8_t *data, size_t size) {
    char *copy = mem_dup(data, size);
    read_any((const uint8_t *)copy, size);
    mem_free(copy);
    bool ended;
    struct stream s = seal(data, size);
    size_t given = unseal(s, data, s.n, &ended);
    ASSERT(ended && given <= size);
    size_t same = spoil(&s, data, size);
    bool whole = same == s.n && size % 3;
    size_t less = unseal(s, data, same, &ended);
    ASSERT(whole ? less == given && ended : less <= given && !ended);
    mem_free(s.p);
    return 0;
}
