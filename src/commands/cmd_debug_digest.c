/* cmd_debug_digest.c - DEBUG DIGEST: fingerprints of keys, equal to Redis' for equal data.
 *
 * A digest starts as zeros and is changed in two ways: `add` xors the SHA1 of some bytes in, so
 * that the order of additions does not matter; `mix` does that and takes the SHA1 of the
 * outcome, so that it does. A value mixes in its type and then its parts; a key mixes in its
 * name, then its value as it is; a database adds its keys, with its number mixed in before.
 * To add a type: a case in value_into: mix for parts in order, add (of a digest of the part
 * alone) for parts without order.
 * Threads: the loop. Specification: Redis 7.2, DEBUG DIGEST and DIGEST-VALUE.
 */
#include <arpa/inet.h>
#include <openssl/evp.h>

#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/num.h"
#include "commands/cmd_list_internal.h"
#include "commands/cmd_server_internal.h"
#include "store/hash_entry.h"
#include "store/set_entry.h"
#include "store/zset_entry.h"
#include "types/stream.h"
#include "types/topic_ring.h"

#define SHA1_BYTES 20
#define SCAN_STEP 1000

struct digest {
    unsigned char bytes[SHA1_BYTES];
};

/* The algorithm, looked up once for a whole run. */
struct hasher {
    EVP_MD *sha1;
    EVP_MD_CTX *ctx;
};

static void hasher_init(struct hasher *h) {
    h->sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    h->ctx = EVP_MD_CTX_new();
    ASSERT(h->sha1 && h->ctx);
}

static void hasher_fini(struct hasher *h) {
    EVP_MD_CTX_free(h->ctx);
    EVP_MD_free(h->sha1);
}

static void sha1(struct hasher *h, const void *p, size_t n, unsigned char out[SHA1_BYTES]) {
    bool ok = EVP_DigestInit_ex2(h->ctx, h->sha1, NULL) && EVP_DigestUpdate(h->ctx, p, n) &&
              EVP_DigestFinal_ex(h->ctx, out, NULL);
    ASSERT(ok);
}

static void add(struct hasher *h, struct digest *d, const void *p, size_t n) {
    unsigned char hash[SHA1_BYTES];
    sha1(h, p, n, hash);
    for (int i = 0; i < SHA1_BYTES; i++) d->bytes[i] ^= hash[i];
}

static void mix(struct hasher *h, struct digest *d, const void *p, size_t n) {
    add(h, d, p, n);
    sha1(h, d->bytes, SHA1_BYTES, d->bytes);
}

static void mix_number(struct hasher *h, struct digest *d, uint32_t v) {
    uint32_t big_endian = htonl(v);
    mix(h, d, &big_endian, sizeof big_endian);
}

/* Redis' number of a type, which is hashed. */
static uint32_t type_number(enum entry_type type) {
    if (type == TYPE_TOPIC) return 5; /* a module's */
    return type == TYPE_STREAM ? 6 : (uint32_t)type;
}

static void list_into(struct hasher *h, struct digest *d, const struct entry *e) {
    char digits[LP_INT_TEXT_BYTES];
    struct list_element element;
    struct list_cursor cursor = list_cursor(e, 0, false);
    while (list_cursor_next(&cursor, &element)) {
        struct slice v = lp_text(&element.value, digits);
        mix(h, d, v.p, v.n);
    }
}

struct unordered {
    struct hasher *hasher;
    struct digest *digest;
};

static void add_member(void *ctx, struct slice member) {
    struct unordered *x = ctx;
    add(x->hasher, x->digest, member.p, member.n);
}

/* Two texts that belong together: in order among themselves, in none among others. */
static struct digest pair_of(struct unordered *x, struct slice first, struct slice second) {
    struct digest pair = {{0}};
    mix(x->hasher, &pair, first.p, first.n);
    mix(x->hasher, &pair, second.p, second.n);
    return pair;
}

static void add_field(void *ctx, const struct hash_pair *p) {
    struct unordered *x = ctx;
    char digits[2][LP_INT_TEXT_BYTES];
    struct digest pair = pair_of(x, lp_text(&p->field, digits[0]), lp_text(&p->value, digits[1]));
    if (p->time_ms != HASH_NO_TIME) add(x->hasher, &pair, "!!hexpire!!", 11);
    add(x->hasher, x->digest, pair.bytes, SHA1_BYTES);
}

static void zset_into(struct hasher *h, struct digest *d, const struct entry *e) {
    struct unordered x = {h, d};
    struct zset_iter it;
    struct zset_item item;
    zset_iter_start(&it, zset_view_of(e), 0, false);
    while (zset_iter_next(&it, &item)) {
        char score[128];
        int n = snprintf(score, sizeof score, "%.17g", item.score);
        struct digest pair = pair_of(&x, item.member, slice_of(score, (size_t)n));
        add(h, d, pair.bytes, SHA1_BYTES);
    }
}

static void stream_into(struct hasher *h, struct digest *d, const struct stream *s) {
    struct stream_iter it;
    struct stream_entry entry;
    stream_iter_start(&it, s, STREAM_ID_MIN, STREAM_ID_MAX, false);
    while (stream_iter_next(&it, &entry)) {
        char id[STREAM_ID_TEXT_BYTES + 1], digits[LP_INT_TEXT_BYTES];
        int n = snprintf(id, sizeof id, "%" PRIu64 ".%" PRIu64, entry.id.ms, entry.id.seq);
        mix(h, d, id, (size_t)n);
        for (struct lp_value field, value; stream_field_next(&entry, &field, &value);) {
            struct slice text = lp_text(&field, digits);
            mix(h, d, text.p, text.n);
            text = lp_text(&value, digits);
            mix(h, d, text.p, text.n);
        }
    }
}

/* Messages that readers do not see any more are not in it. */
static void topic_into(struct hasher *h, struct digest *d, const struct topic_ring *t) {
    const struct topic_state *s = topic_ring_state(t);
    const uint64_t numbers[] = {s->epoch, s->next, s->limits.count, s->limits.bytes, s->limits.ms};
    struct topic_cursor c = topic_cursor_at(t, topic_ring_first(t, clock_unix_ms()));
    struct topic_message m;
    char text[NUM_INT_BYTES_MAX];
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        mix(h, d, text, num_format_u64(text, numbers[i]));
    while (topic_cursor_next(&c, &m)) {
        mix(h, d, text, num_format_i64(text, m.ms));
        mix(h, d, m.payload.p, m.payload.n);
    }
}

static void value_into(struct hasher *h, struct digest *d, const struct entry *e) {
    char digits[ENTRY_DIGITS_MAX];
    mix_number(h, d, type_number(entry_type(e)));
    switch (entry_type(e)) {
    case TYPE_STRING: {
        struct slice v = entry_bytes(e, digits);
        mix(h, d, v.p, v.n);
        break;
    }
    case TYPE_LIST: list_into(h, d, e); break;
    case TYPE_SET: set_each(set_view_of(e), add_member, &(struct unordered){h, d}); break;
    case TYPE_ZSET: zset_into(h, d, e); break;
    case TYPE_HASH:
        hash_view_each(hash_view_of(e, HASH_ALL_TIMES), add_field, &(struct unordered){h, d});
        break;
    case TYPE_STREAM: stream_into(h, d, entry_object(e)); break;
    case TYPE_TOPIC: topic_into(h, d, entry_object(e)); break;
    default: panic(__FILE__, __LINE__, "no digest for type %d", (int)entry_type(e));
    }
    if (entry_has_ttl(e)) add(h, d, "!!expire!!", 10);
}

struct walk {
    struct hasher hasher;
    struct digest all;
};

static void visit_key(void *ctx, const struct entry *e) {
    struct walk *w = ctx;
    struct digest d = {{0}};
    struct slice key = entry_key(e);
    mix(&w->hasher, &d, key.p, key.n);
    value_into(&w->hasher, &d, e);
    add(&w->hasher, &w->all, d.bytes, SHA1_BYTES);
}

static void to_hex(const struct digest *d, char hex[DIGEST_HEX_BYTES]) {
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < SHA1_BYTES; i++) {
        hex[2 * i] = digits[d->bytes[i] >> 4];
        hex[2 * i + 1] = digits[d->bytes[i] & 15];
    }
    hex[2 * SHA1_BYTES] = 0;
}

void digest_of_keyspace(struct keyspace *ks, char hex[DIGEST_HEX_BYTES]) {
    struct walk w = {.all = {{0}}};
    hasher_init(&w.hasher);
    for (int i = 0; i < ks->db_count; i++) {
        struct db *db = &ks->dbs[i];
        uint64_t cursor = 0;
        if (!db_size(db)) continue;
        mix_number(&w.hasher, &w.all, (uint32_t)i);
        do {
            cursor = db_scan(db, cursor, SCAN_STEP, visit_key, NULL, &w);
        } while (cursor);
    }
    hasher_fini(&w.hasher);
    to_hex(&w.all, hex);
}

void digest_of_value(const struct entry *e, char hex[DIGEST_HEX_BYTES]) {
    struct hasher h;
    struct digest d = {{0}};
    hasher_init(&h);
    if (e) value_into(&h, &d, e);
    hasher_fini(&h);
    to_hex(&d, hex);
}
