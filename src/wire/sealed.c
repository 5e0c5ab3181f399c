/* sealed.c - see sealed.h. */
#include "wire/sealed.h"

#include <assert.h>
#include <endian.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/mem.h"

#define MAGIC "CLSEALED"
#define INFO "clearlane sealed stream"

enum {
    MAGIC_BYTES = sizeof MAGIC - 1,
    VERSION = 1,
    CIPHER_AES_256_GCM = 0,
    CHUNK_VERSION = 0x20,
    SALT_AT = 16,
    SALT_BYTES = 32,
    CHECK_AT = SALT_AT + SALT_BYTES,
    CHECK_BYTES = 16,
    NONCE_AT = 4, /* of a chunk's header; what stands before is authenticated with the payload */
    NONCE_BYTES = 12,
    COUNT_AT = 4, /* of a nonce */
    TAG_BYTES = SEALED_CHUNK_EXTRA_BYTES - SEALED_CHUNK_HEAD_BYTES,
    LAST_BIT = 0x80, /* of a nonce's first byte */
    WHY_BYTES = 160,
};

static_assert(CHECK_AT + CHECK_BYTES == SEALED_HEAD_BYTES, "the head");
static_assert(NONCE_AT + NONCE_BYTES == SEALED_CHUNK_HEAD_BYTES, "a chunk's header");

/* A stream, of either direction. */
struct stream {
    EVP_CIPHER_CTX *cipher;           /* has the key */
    unsigned char nonce[NONCE_BYTES]; /* of chunk 0 */
    uint64_t chunks;
    bool ended;
};

struct sealer {
    struct stream stream;
};

struct unsealer {
    struct stream stream;
    bool bad;
    char why[WHY_BYTES];
    char spare[SEALED_PAYLOAD_MAX]; /* what unsealer_finds_chunk opens goes here */
};

void sealed_key_wipe(struct sealed_key *key) { OPENSSL_cleanse(key, sizeof *key); }

/* ---- the head ------------------------------------------------------------------------ */

struct derived {
    unsigned char key[SEALED_KEY_BYTES];
    unsigned char nonce[NONCE_BYTES];
    unsigned char check[CHECK_BYTES];
};

static_assert(sizeof(struct derived) == SEALED_KEY_BYTES + NONCE_BYTES + CHECK_BYTES, "no holes");

static void derive(const struct sealed_key *key, const char *head, struct derived *out) {
    char info[sizeof INFO - 1 + SALT_AT];
    memcpy(info, INFO, sizeof INFO - 1);
    memcpy(info + sizeof INFO - 1, head, SALT_AT);
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key->bytes, SEALED_KEY_BYTES),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(head + SALT_AT),
                                          SALT_BYTES),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof info),
        OSSL_PARAM_construct_end(),
    };
    int done = ctx ? EVP_KDF_derive(ctx, (unsigned char *)out, sizeof *out, params) : 0;
    ASSERT(done == 1);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
}

static void begin(struct stream *s, const struct derived *d, bool sealing) {
    EVP_CIPHER *aes = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    s->cipher = EVP_CIPHER_CTX_new();
    int done = aes && s->cipher
                   ? EVP_CipherInit_ex2(s->cipher, aes, d->key, NULL, sealing ? 1 : 0, NULL)
                   : 0;
    ASSERT(done == 1);
    EVP_CIPHER_free(aes);
    memcpy(s->nonce, d->nonce, NONCE_BYTES);
    s->nonce[0] &= (unsigned char)~LAST_BIT;
}

static bool check_is_right(const char *head, const struct derived *d) {
    return CRYPTO_memcmp(head + CHECK_AT, d->check, CHECK_BYTES) == 0;
}

struct sealer *sealer_new(const struct sealed_key *key, char head[SEALED_HEAD_BYTES]) {
    struct derived d;
    struct sealer *s = mem_calloc(sizeof *s);
    memset(head, 0, SEALED_HEAD_BYTES);
    memcpy(head, MAGIC, MAGIC_BYTES);
    head[MAGIC_BYTES] = VERSION;
    head[MAGIC_BYTES + 1] = CIPHER_AES_256_GCM;
    int done = RAND_bytes((unsigned char *)head + SALT_AT, SALT_BYTES);
    ASSERT(done == 1);
    derive(key, head, &d);
    memcpy(head + CHECK_AT, d.check, CHECK_BYTES);
    begin(&s->stream, &d, true);
    OPENSSL_cleanse(&d, sizeof d);
    return s;
}

struct sealer *sealer_resume(const struct sealed_key *key, const char head[SEALED_HEAD_BYTES],
                             uint64_t chunks) {
    struct derived d;
    struct sealer *s = NULL;
    if (!sealed_begins(slice_of(head, SEALED_HEAD_BYTES))) return NULL;
    derive(key, head, &d);
    if (check_is_right(head, &d)) {
        s = mem_calloc(sizeof *s);
        begin(&s->stream, &d, true);
        s->stream.chunks = chunks;
    }
    OPENSSL_cleanse(&d, sizeof d);
    return s;
}

void sealer_free(struct sealer *s) {
    if (!s) return;
    EVP_CIPHER_CTX_free(s->stream.cipher);
    mem_free(s);
}

bool sealed_begins(struct slice bytes) {
    return bytes.n >= MAGIC_BYTES && memcmp(bytes.p, MAGIC, MAGIC_BYTES) == 0;
}

static struct unsealer *refuse(const char **why, const char *text) {
    *why = text;
    return NULL;
}

struct unsealer *unsealer_new(const struct sealed_key *key, const char head[SEALED_HEAD_BYTES],
                              const char **why) {
    struct derived d;
    if (!sealed_begins(slice_of(head, SEALED_HEAD_BYTES)))
        return refuse(why, "it is not encrypted");
    if (head[MAGIC_BYTES] != VERSION || head[MAGIC_BYTES + 1] != CIPHER_AES_256_GCM)
        return refuse(why, "it is encrypted in a way that is not known here");
    derive(key, head, &d);
    bool right = check_is_right(head, &d);
    struct unsealer *u = right ? mem_calloc(sizeof *u) : NULL;
    if (u) begin(&u->stream, &d, false);
    OPENSSL_cleanse(&d, sizeof d);
    if (!u)
        return refuse(why,
                      "the key is not the one that it was encrypted with, or its head was altered");
    return u;
}

void unsealer_free(struct unsealer *u) {
    if (!u) return;
    EVP_CIPHER_CTX_free(u->stream.cipher);
    mem_free(u);
}

/* ---- chunks -------------------------------------------------------------------------- */

static void nonce_of(const struct stream *s, uint64_t chunk, bool last,
                     unsigned char nonce[NONCE_BYTES]) {
    uint64_t count;
    memcpy(nonce, s->nonce, NONCE_BYTES);
    memcpy(&count, nonce + COUNT_AT, sizeof count);
    count ^= htole64(chunk);
    memcpy(nonce + COUNT_AT, &count, sizeof count);
    if (last) nonce[0] |= LAST_BIT;
}

size_t sealer_seal(struct sealer *s, char *chunk, size_t payload_bytes, bool last) {
    struct stream *st = &s->stream;
    unsigned char *head = (unsigned char *)chunk, *body = head + SEALED_CHUNK_HEAD_BYTES;
    uint16_t n = htole16((uint16_t)payload_bytes);
    int made;
    ASSERT(!st->ended && payload_bytes <= SEALED_PAYLOAD_MAX);
    head[0] = CHUNK_VERSION;
    head[1] = CIPHER_AES_256_GCM;
    memcpy(head + 2, &n, sizeof n);
    nonce_of(st, st->chunks++, last, head + NONCE_AT);
    int done =
        EVP_EncryptInit_ex2(st->cipher, NULL, NULL, head + NONCE_AT, NULL) &&
        EVP_EncryptUpdate(st->cipher, NULL, &made, head, NONCE_AT) &&
        EVP_EncryptUpdate(st->cipher, body, &made, body, (int)payload_bytes) &&
        EVP_EncryptFinal_ex(st->cipher, body + payload_bytes, &made) &&
        EVP_CIPHER_CTX_ctrl(st->cipher, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, body + payload_bytes);
    ASSERT(done);
    st->ended = last;
    return payload_bytes + SEALED_CHUNK_EXTRA_BYTES;
}

bool sealed_peek(struct slice bytes, struct sealed_chunk *c) {
    const unsigned char *head = (const unsigned char *)bytes.p;
    uint16_t n;
    if (bytes.n < SEALED_CHUNK_HEAD_BYTES || head[0] != CHUNK_VERSION ||
        head[1] != CIPHER_AES_256_GCM)
        return false;
    memcpy(&n, head + 2, sizeof n);
    n = le16toh(n);
    *c = (struct sealed_chunk){(size_t)n + SEALED_CHUNK_EXTRA_BYTES, n, head[NONCE_AT] & LAST_BIT};
    return true;
}

/* The number that a chunk's nonce has; false: it is none of the stream. */
static bool number_of(const struct stream *s, const char *chunk, uint64_t *number) {
    const unsigned char *nonce = (const unsigned char *)chunk + NONCE_AT;
    uint64_t a, b;
    if ((nonce[0] & ~LAST_BIT) != s->nonce[0] || memcmp(nonce + 1, s->nonce + 1, COUNT_AT - 1) != 0)
        return false;
    memcpy(&a, nonce + COUNT_AT, sizeof a);
    memcpy(&b, s->nonce + COUNT_AT, sizeof b);
    *number = le64toh(a ^ b);
    return true;
}

/* Opens a chunk, all of which is there. */
static bool unseal(struct stream *s, const char *chunk, size_t payload_bytes, char *out) {
    const unsigned char *head = (const unsigned char *)chunk,
                        *body = head + SEALED_CHUNK_HEAD_BYTES;
    unsigned char end[EVP_MAX_BLOCK_LENGTH];
    int made;
    return EVP_DecryptInit_ex2(s->cipher, NULL, NULL, head + NONCE_AT, NULL) &&
           EVP_DecryptUpdate(s->cipher, NULL, &made, head, NONCE_AT) &&
           EVP_DecryptUpdate(s->cipher, (unsigned char *)out, &made, body, (int)payload_bytes) &&
           EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES,
                               (void *)(body + payload_bytes)) &&
           EVP_DecryptFinal_ex(s->cipher, end, &made);
}

static enum sealed_result bad(struct unsealer *u, const char *text) {
    u->bad = true;
    if (text)
        snprintf(u->why, WHY_BYTES, "chunk %llu %s", (unsigned long long)u->stream.chunks, text);
    return SEALED_BAD;
}

enum sealed_result unsealer_take(struct unsealer *u, struct slice in, char *out,
                                 struct sealed_chunk *c) {
    struct stream *s = &u->stream;
    uint64_t number;
    if (u->bad) return SEALED_BAD;
    if (s->ended) return bad(u, "follows the last one");
    if (in.n < SEALED_CHUNK_HEAD_BYTES) return SEALED_SHORT;
    if (!sealed_peek(in, c) || !number_of(s, in.p, &number)) return bad(u, "has an altered header");
    if (number != s->chunks) {
        snprintf(u->why, WHY_BYTES, "chunk %llu is missing, chunk %llu stands in its place",
                 (unsigned long long)s->chunks, (unsigned long long)number);
        return bad(u, NULL);
    }
    if (in.n < c->bytes) return SEALED_SHORT;
    if (!unseal(s, in.p, c->payload_bytes, out)) {
        memset(out, 0, c->payload_bytes);
        return bad(u, "was altered");
    }
    s->chunks++;
    s->ended = c->last;
    return SEALED_GOOD;
}

uint64_t unsealer_chunks(const struct unsealer *u) { return u->stream.chunks; }
bool unsealer_ended(const struct unsealer *u) { return u->stream.ended; }
const char *unsealer_why(const struct unsealer *u) { return u->why; }

bool unsealer_finds_chunk(struct unsealer *u, struct slice bytes) {
    const char *at = bytes.p, *end = bytes.p + bytes.n;
    while (at < end && (at = memchr(at, CHUNK_VERSION, (size_t)(end - at)))) {
        struct sealed_chunk c;
        uint64_t number;
        size_t left = (size_t)(end - at);
        if (sealed_peek(slice_of(at, left), &c) && c.bytes <= left &&
            number_of(&u->stream, at, &number) && unseal(&u->stream, at, c.payload_bytes, u->spare))
            return true;
        at++;
    }
    return false;
}
