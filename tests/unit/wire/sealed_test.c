/* sealed_test.c - sealed streams: all sizes, a known answer, and everything that must be refused.
 */
#include "wire/sealed.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "support/suite.h"

#define CHUNKS_MAX 16
#define SMALL 40 /* bytes of a payload where every byte is altered */

static const struct sealed_key key = {{1, 2, 3}}, other_key = {{1, 2, 4}};

/* A stream in memory, and where its chunks begin. */
struct sealed {
    char *p;
    size_t n, at[CHUNKS_MAX + 1];
    int chunks;
};

static struct sealed stream_new(const size_t *sizes, int chunks, bool ended) {
    struct sealed s = {.p = mem_alloc(SEALED_HEAD_BYTES), .n = SEALED_HEAD_BYTES};
    struct sealer *sealer = sealer_new(&key, s.p);
    for (int i = 0; i < chunks; i++) {
        s.at[i] = s.n;
        s.p = mem_realloc(s.p, s.n + sizes[i] + SEALED_CHUNK_EXTRA_BYTES);
        char *payload = s.p + s.n + SEALED_CHUNK_HEAD_BYTES;
        for (size_t k = 0; k < sizes[i]; k++) payload[k] = (char)((size_t)i * 31 + k);
        s.n += sealer_seal(sealer, s.p + s.n, sizes[i], ended && i + 1 == chunks);
    }
    s.at[chunks] = s.n;
    s.chunks = chunks;
    sealer_free(sealer);
    return s;
}

static struct unsealer *open_with(const struct sealed_key *k, const char *p) {
    const char *why = NULL;
    struct unsealer *u = unsealer_new(k, p, &why);
    CU_ASSERT_TRUE((u == NULL) == (why != NULL));
    return u;
}

static char payload[SEALED_PAYLOAD_MAX];

/* Reads all chunks; the result of the last one, SEALED_GOOD if there are no more bytes. */
static enum sealed_result read_all(const char *p, size_t n, int *good, bool *ended) {
    struct unsealer *u = open_with(&key, p);
    enum sealed_result result = SEALED_GOOD;
    struct sealed_chunk c;
    *good = 0;
    *ended = false;
    if (!u) return SEALED_BAD;
    for (size_t at = SEALED_HEAD_BYTES; at < n; at += c.bytes, ++*good) {
        result = unsealer_take(u, slice_of(p + at, n - at), payload, &c);
        if (result != SEALED_GOOD) break;
        for (size_t k = 0; k < c.payload_bytes; k++)
            if (payload[k] != (char)((size_t)*good * 31 + k)) abort();
    }
    *ended = unsealer_ended(u);
    CU_ASSERT_EQUAL(unsealer_chunks(u), (uint64_t)*good);
    if (result == SEALED_BAD) {
        CU_ASSERT_TRUE(*unsealer_why(u) != 0);
        CU_ASSERT_EQUAL(unsealer_take(u, slice_of(p, n), payload, &c), SEALED_BAD);
    }
    unsealer_free(u);
    return result;
}

static void every_size_comes_back(void) {
    static const size_t around[] = {0,
                                    1,
                                    15,
                                    16,
                                    17,
                                    255,
                                    256,
                                    SEALED_PAYLOAD_USUAL - 1,
                                    SEALED_PAYLOAD_USUAL,
                                    SEALED_PAYLOAD_USUAL + 1,
                                    SEALED_PAYLOAD_MAX - 1,
                                    SEALED_PAYLOAD_MAX};
    int good, n = (int)(sizeof around / sizeof *around);
    bool ended;
    struct sealed s = stream_new(around, n, true);
    CU_ASSERT_EQUAL(read_all(s.p, s.n, &good, &ended), SEALED_GOOD);
    CU_ASSERT_EQUAL(good, n);
    CU_ASSERT_TRUE(ended);
    mem_free(s.p);
    for (size_t size = 0; size < 300; size++) {
        s = stream_new(&size, 1, size % 2);
        CU_ASSERT_EQUAL(read_all(s.p, s.n, &good, &ended), SEALED_GOOD);
        CU_ASSERT_EQUAL(good, 1);
        CU_ASSERT_EQUAL(ended, size % 2);
        mem_free(s.p);
    }
}

static const size_t small[] = {SMALL, 0, SMALL + 3, 7};
#define SMALL_CHUNKS 4

/* Chunks before the altered one are read, that one is not; nor is any with an altered head. */
static void every_altered_bit_is_refused(void) {
    struct sealed s = stream_new(small, SMALL_CHUNKS, true);
    for (size_t i = 0; i < s.n; i++) {
        int good, of = 0;
        bool ended;
        while (of < s.chunks && s.at[of + 1] <= i) of++;
        if (i < SEALED_HEAD_BYTES) of = 0;
        for (int bit = 0; bit < 8; bit++) {
            s.p[i] ^= (char)(1 << bit);
            CU_ASSERT_NOT_EQUAL(read_all(s.p, s.n, &good, &ended), SEALED_GOOD);
            CU_ASSERT_EQUAL(good, of);
            CU_ASSERT_FALSE(ended);
            s.p[i] ^= (char)(1 << bit);
        }
    }
    mem_free(s.p);
}

static void a_stream_cut_anywhere_has_no_end(void) {
    struct sealed s = stream_new(small, SMALL_CHUNKS, true);
    for (size_t n = SEALED_HEAD_BYTES; n < s.n; n++) {
        int good, whole = 0;
        bool ended;
        while (s.at[whole + 1] <= n) whole++;
        enum sealed_result want = n == s.at[whole] ? SEALED_GOOD : SEALED_SHORT;
        CU_ASSERT_EQUAL(read_all(s.p, n, &good, &ended), want);
        CU_ASSERT_EQUAL(good, whole);
        CU_ASSERT_FALSE(ended);
    }
    mem_free(s.p);
}

/* The chunks in another order, one left out, one twice, behind the last one. */
static void chunks_keep_their_places(void) {
    struct sealed s = stream_new(small, SMALL_CHUNKS, true);
    char *other = mem_alloc(2 * s.n);
    for (int a = 0; a < s.chunks; a++) {
        for (int b = 0; b < s.chunks; b++) {
            /* chunk a taken out and put in behind b; or, a == b, doubled */
            int good;
            bool ended;
            size_t n = SEALED_HEAD_BYTES;
            memcpy(other, s.p, n);
            for (int i = 0; i < s.chunks; i++) {
                size_t bytes = s.at[i + 1] - s.at[i];
                if (i != a || a == b) memcpy(other + n, s.p + s.at[i], bytes), n += bytes;
                if (i == b) {
                    memcpy(other + n, s.p + s.at[a], s.at[a + 1] - s.at[a]);
                    n += s.at[a + 1] - s.at[a];
                }
            }
            bool same = b == a - 1;
            enum sealed_result result = read_all(other, n, &good, &ended);
            CU_ASSERT_EQUAL(result, same ? SEALED_GOOD : SEALED_BAD);
            CU_ASSERT_EQUAL(ended, same || good == s.chunks);
        }
    }
    mem_free(other);
    mem_free(s.p);
}

static void a_missing_chunk_is_named(void) {
    struct sealed s = stream_new(small, SMALL_CHUNKS, true);
    struct unsealer *u = open_with(&key, s.p);
    struct sealed_chunk c;
    CU_ASSERT_EQUAL(unsealer_take(u, slice_of(s.p + s.at[0], s.n), payload, &c), SEALED_GOOD);
    CU_ASSERT_EQUAL(unsealer_take(u, slice_of(s.p + s.at[2], s.n), payload, &c), SEALED_BAD);
    CU_ASSERT_STRING_EQUAL(unsealer_why(u), "chunk 1 is missing, chunk 2 stands in its place");
    unsealer_free(u);
    mem_free(s.p);
}

/* Two streams of one key: a chunk of one is none of the other. */
static void streams_do_not_mix(void) {
    struct sealed a = stream_new(small, SMALL_CHUNKS, true);
    struct sealed b = stream_new(small, SMALL_CHUNKS, true);
    CU_ASSERT_NOT_EQUAL(memcmp(a.p, b.p, SEALED_HEAD_BYTES), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(a.p + a.at[0], b.p + b.at[0], SMALL), 0);
    memcpy(a.p + a.at[2], b.p + b.at[2], b.n - b.at[2]);
    int good;
    bool ended;
    CU_ASSERT_EQUAL(read_all(a.p, a.n, &good, &ended), SEALED_BAD);
    CU_ASSERT_EQUAL(good, 2);
    mem_free(a.p);
    mem_free(b.p);
}

static void another_key_is_told(void) {
    struct sealed s = stream_new(small, 1, true);
    const char *why = NULL;
    CU_ASSERT_PTR_NULL(unsealer_new(&other_key, s.p, &why));
    CU_ASSERT_TRUE(strstr(why, "the key is not the one") != NULL);
    CU_ASSERT_PTR_NULL(sealer_resume(&other_key, s.p, 1));
    s.p[8] = 2;
    CU_ASSERT_PTR_NULL(unsealer_new(&key, s.p, &why));
    CU_ASSERT_TRUE(strstr(why, "not known") != NULL);
    *s.p = 'X';
    CU_ASSERT_FALSE(sealed_begins(slice_of(s.p, s.n)));
    CU_ASSERT_PTR_NULL(unsealer_new(&key, s.p, &why));
    CU_ASSERT_STRING_EQUAL(why, "it is not encrypted");
    mem_free(s.p);
}

/* A stream that was left gets its end, and is whole then. */
static void what_was_left_is_ended(void) {
    struct sealed s = stream_new(small, 2, false);
    int good;
    bool ended;
    struct sealer *sealer = sealer_resume(&key, s.p, 2);
    s.p = mem_realloc(s.p, s.n + SEALED_CHUNK_EXTRA_BYTES);
    s.n += sealer_seal(sealer, s.p + s.n, 0, true);
    sealer_free(sealer);
    CU_ASSERT_EQUAL(read_all(s.p, s.n, &good, &ended), SEALED_GOOD);
    CU_ASSERT_EQUAL(good, 3);
    CU_ASSERT_TRUE(ended);
    mem_free(s.p);
}

/* Damage in the middle has right chunks behind it; a torn end has none. */
static void damage_is_told_from_a_torn_end(void) {
    struct sealed s = stream_new(small, SMALL_CHUNKS, false);
    struct unsealer *u = open_with(&key, s.p);
    for (int i = 0; i < s.chunks; i++) {
        CU_ASSERT_TRUE(unsealer_finds_chunk(u, slice_of(s.p + s.at[i], s.n - s.at[i])));
        bool more = i + 1 < s.chunks;
        CU_ASSERT_EQUAL(unsealer_finds_chunk(u, slice_of(s.p + s.at[i] + 1, s.n - s.at[i] - 1)),
                        more);
        CU_ASSERT_FALSE(
            unsealer_finds_chunk(u, slice_of(s.p + s.at[i], s.at[i + 1] - s.at[i] - 1)));
    }
    CU_ASSERT_FALSE(unsealer_finds_chunk(u, slice_of(s.p, 0)));
    unsealer_free(u);
    mem_free(s.p);
}

/* Made by other means: Python's cryptography (HKDF, AESGCM). */
static void a_known_stream_is_read_and_made(void) {
    static const char hex[] =
        "434c5345414c45440100000000000000404142434445464748494a4b4c4d4e4f5051525354555657"
        "58595a5b5c5d5e5f762ab78d5632863899b36f34db849bfa200005002e2de5f59cfb90f5da4b8f75"
        "c5481ee7e5c58145a2d9339c914f8f25160837d0d4200000002e2de5f59dfb90f5da4b8f756296e5"
        "625bd62339ded98d16524605c520000500ae2de5f59efb90f5da4b8f7535d74430520fd70e5db233"
        "10f4e1690498fe2959f3";
    static const char *const texts[] = {"hello", "", "world"};
    char want[sizeof hex / 2], have[sizeof want], name[3] = "";
    struct sealed_key known;
    struct sealed_chunk c;
    for (size_t i = 0; i < SEALED_KEY_BYTES; i++) known.bytes[i] = (unsigned char)i;
    for (size_t i = 0; i < sizeof want; i++) {
        memcpy(name, hex + 2 * i, 2);
        want[i] = (char)strtoul(name, NULL, 16);
    }
    struct unsealer *u = open_with(&known, want);
    struct sealer *s = sealer_resume(&known, want, 0);
    size_t at = SEALED_HEAD_BYTES;
    CU_ASSERT_TRUE_FATAL(u && s);
    for (int i = 0; i < 3; i++) {
        size_t n = strlen(texts[i]);
        memcpy(have + at + SEALED_CHUNK_HEAD_BYTES, texts[i], n);
        CU_ASSERT_EQUAL(sealer_seal(s, have + at, n, i == 2), n + SEALED_CHUNK_EXTRA_BYTES);
        CU_ASSERT_EQUAL_FATAL(unsealer_take(u, slice_of(want + at, sizeof want - at), payload, &c),
                              SEALED_GOOD);
        CU_ASSERT_TRUE(slice_is(slice_of(payload, c.payload_bytes), texts[i]));
        CU_ASSERT_EQUAL(c.last, i == 2);
        at += c.bytes;
    }
    CU_ASSERT_EQUAL(at, sizeof want);
    CU_ASSERT_EQUAL(
        memcmp(have + SEALED_HEAD_BYTES, want + SEALED_HEAD_BYTES, at - SEALED_HEAD_BYTES), 0);
    sealer_free(s);
    unsealer_free(u);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"every_size_comes_back", every_size_comes_back},
        {"every_altered_bit_is_refused", every_altered_bit_is_refused},
        {"a_stream_cut_anywhere_has_no_end", a_stream_cut_anywhere_has_no_end},
        {"chunks_keep_their_places", chunks_keep_their_places},
        {"a_missing_chunk_is_named", a_missing_chunk_is_named},
        {"streams_do_not_mix", streams_do_not_mix},
        {"another_key_is_told", another_key_is_told},
        {"what_was_left_is_ended", what_was_left_is_ended},
        {"damage_is_told_from_a_torn_end", damage_is_told_from_a_torn_end},
        {"a_known_stream_is_read_and_made", a_known_stream_is_read_and_made},
        {NULL, NULL},
    };
    mem_thread_init();
    return suite_main("sealed", tests);
}
