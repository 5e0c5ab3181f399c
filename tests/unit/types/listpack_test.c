/* listpack_test.c - the bytes of every form, and random edits beside an array of texts. */
#include "types/listpack.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/random.h"
#include "support/suite.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 60, EDITS = 400, MODEL_MAX = 200, TEXT_MAX = 20000 };

static struct random rng;

static uint64_t below(uint64_t n) { return random_next_below(&rng, n); }

/* ---- bytes ---- */

static void expect_entry(struct slice text, const char *hex) {
    struct lp_buf b = lp_buf_heap();
    char shown[64] = "";
    CU_ASSERT_FATAL(lp_init(&b) && lp_append_text(&b, text));
    for (size_t i = LP_HEAD_BYTES; i < b.len - 1 && i < 24; i++) {
        snprintf(shown + 2 * (i - LP_HEAD_BYTES), 3, "%02x", b.p[i]);
    }
    CU_ASSERT_STRING_EQUAL(shown, hex);
    struct lp_item item = lp_item_text(text);
    CU_ASSERT_EQUAL(b.len, LP_EMPTY_BYTES + item.bytes);
    CU_ASSERT(lp_check(b.p, b.len, 1) && lp_equals(b.p, LP_HEAD_BYTES, text));
    lp_buf_free(&b);
}

static void forms_of_integers(void) {
    static const struct {
        const char *text, *hex;
    } forms[] = {
        {"0", "0001"},
        {"127", "7f01"},
        {"128", "c08002"},
        {"-1", "dfff02"},
        {"4095", "cfff02"},
        {"-4096", "d00002"},
        {"4096", "f1001003"},
        {"-4097", "f1ffef03"},
        {"32767", "f1ff7f03"},
        {"-32768", "f1008003"},
        {"32768", "f200800004"},
        {"-32769", "f2ff7fff04"},
        {"8388607", "f2ffff7f04"},
        {"-8388608", "f200008004"},
        {"8388608", "f30000800005"},
        {"2147483647", "f3ffffff7f05"},
        {"-2147483648", "f30000008005"},
        {"2147483648", "f4000000800000000009"},
        {"9223372036854775807", "f4ffffffffffffff7f09"},
        {"-9223372036854775808", "f4000000000000008009"},
        {"9223372036854775808", "933932323333373230333638353437373538"},
        {"-0", "822d3003"},
        {"00", "82303003"},
        {"+1", "822b3103"},
        {"1 ", "82312003"},
        {"-", "812d02"},
        {"", "8001"},
        {"a", "816102"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        expect_entry(slice_cstr(forms[i].text), forms[i].hex);
    }
}

/* Sizes around every change of the head and of the size behind. */
static void forms_of_texts(void) {
    static const struct {
        size_t n, head, back;
        uint8_t first;
    } forms[] = {
        {63, 1, 1, 0xbf},
        {64, 2, 1, 0xe0},
        {125, 2, 1, 0xe0},
        {126, 2, 2, 0xe0},
        {4095, 2, 2, 0xef},
        {4096, 5, 2, 0xf0},
        {16377, 5, 2, 0xf0},
        {16378, 5, 3, 0xf0},
        {(1 << 21) - 7, 5, 3, 0xf0},
        {(1 << 21) - 6, 5, 4, 0xf0},
        {(1 << 21) - 5, 5, 4, 0xf0},
    };
    char *p = malloc(1 << 21);
    memset(p, 'x', 1 << 21);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct lp_buf b = lp_buf_heap();
        struct slice s = slice_of(p, forms[i].n);
        CU_ASSERT_FATAL(lp_init(&b) && lp_append_text(&b, s) && lp_append_i64(&b, 1));
        size_t second = lp_next(b.p, LP_HEAD_BYTES);
        CU_ASSERT_EQUAL(second, LP_HEAD_BYTES + forms[i].head + forms[i].n + forms[i].back);
        CU_ASSERT_EQUAL(b.p[LP_HEAD_BYTES], forms[i].first);
        CU_ASSERT_EQUAL(lp_prev(b.p, second), LP_HEAD_BYTES);
        CU_ASSERT(lp_check(b.p, b.len, 2) && lp_equals(b.p, LP_HEAD_BYTES, s));
        CU_ASSERT_EQUAL(lp_find(b.p, LP_HEAD_BYTES, s, 0), LP_HEAD_BYTES);
        lp_buf_free(&b);
    }
    free(p);
}

/* The table of whole sizes against what lp_check works out. */
static void every_short_form(void) {
    char p[200];
    memset(p, 'x', sizeof p);
    struct lp_buf b = lp_buf_heap();
    for (int i = -5000; i <= 5000; i++) {
        size_t n = (size_t)(i + 5000) % sizeof p;
        struct lp_item items[2] = {lp_item_i64(i), lp_item_text(slice_of(p, n))};
        CU_ASSERT_FATAL(lp_init(&b) && lp_append(&b, items, 2) && lp_check(b.p, b.len, 2));
        size_t second = lp_next(b.p, LP_HEAD_BYTES);
        CU_ASSERT_EQUAL(second, LP_HEAD_BYTES + items[0].bytes);
        CU_ASSERT_EQUAL(lp_after(b.p, second), lp_end(b.p));
    }
    lp_buf_free(&b);
}

static void empty_one(void) {
    struct lp_buf b = lp_buf_heap();
    CU_ASSERT_FATAL(lp_init(&b));
    CU_ASSERT(b.len == 7 && memcmp(b.p, "\7\0\0\0\0\0\xff", 7) == 0);
    CU_ASSERT(lp_first(b.p) == LP_NONE && lp_last(b.p) == LP_NONE && lp_count(b.p) == 0);
    CU_ASSERT(lp_seek(b.p, 0) == LP_NONE && lp_seek(b.p, -1) == LP_NONE);
    CU_ASSERT(lp_find(b.p, lp_first(b.p), slice_cstr(""), 0) == LP_NONE);
    CU_ASSERT(lp_find(b.p, lp_end(b.p), slice_cstr(""), 1) == LP_NONE);
    CU_ASSERT(lp_check(b.p, b.len, 2) && lp_unique(b.p, 1));
    CU_ASSERT_EQUAL(lp_delete(&b, lp_end(b.p), 3), 0);
    lp_buf_free(&b);
    CU_ASSERT(lp_safe_to_add(NULL, LP_BYTES_MAX) && !lp_safe_to_add(NULL, LP_BYTES_MAX + 1));
}

/* ---- random edits ---- */

static struct slice model[MODEL_MAX];
static size_t model_count;

static struct slice copy_of(struct slice s) { return slice_of(mem_dup(s.p, s.n), s.n); }

static void model_insert(size_t at, struct slice s) {
    memmove(model + at + 1, model + at, (model_count - at) * sizeof *model);
    model[at] = copy_of(s);
    model_count++;
}

static void model_delete(size_t at, size_t n) {
    for (size_t i = at; i < at + n; i++) mem_free((char *)model[i].p);
    memmove(model + at, model + at + n, (model_count - at - n) * sizeof *model);
    model_count -= n;
}

/* Into the caller's TEXT_MAX bytes. Few enough different ones that searches find something. */
static struct slice random_text(char *p) {
    static const size_t sizes[] = {0,  1,  7,   8,    9,    16,    17,   33,
                                   63, 64, 126, 4095, 4096, 16377, 16378};
    size_t n;
    switch (below(5)) {
    case 0: n = num_format_i64(p, (int64_t)below(40) - 20); break;
    case 1: {
        int64_t edge = (int64_t)1 << below(63);
        n = num_format_i64(p, (below(2) ? edge : -edge) + (int64_t)below(3) - 1);
        break;
    }
    case 2: n = (size_t)snprintf(p, TEXT_MAX, "field:%" PRIu64, below(300)); break;
    case 3: n = (size_t)snprintf(p, TEXT_MAX, "%0*" PRIu64, (int)below(25), below(30)); break;
    default:
        n = sizes[below(below(10) ? 9 : sizeof sizes / sizeof *sizes)];
        memset(p, "ab"[below(2)], n);
        if (n) p[below(n)] = (char)('a' + below(3));
    }
    return slice_of(p, n);
}

/* A copy in a block of exactly its size, so that a sanitizer sees a read beyond it. */
static uint8_t *exact(const struct lp_buf *b) {
    uint8_t *p = malloc(b->len);
    memcpy(p, b->p, b->len);
    return p;
}

static void compare_walks(const uint8_t *lp) {
    struct lp_value v;
    char digits[LP_INT_TEXT_BYTES];
    size_t i = 0, end = lp_end(lp), before = LP_NONE;
    for (size_t at = LP_HEAD_BYTES, after; at != end; at = after, i++) {
        after = lp_read(lp, at, &v);
        CU_ASSERT(slice_eq(lp_text(&v, digits), model[i]));
        CU_ASSERT_EQUAL(lp_prev(lp, at), before);
        CU_ASSERT_EQUAL(lp_next(lp, at), after == end ? LP_NONE : after);
        CU_ASSERT_EQUAL(lp_seek(lp, (int64_t)i), at);
        CU_ASSERT_EQUAL(lp_seek(lp, (int64_t)i - (int64_t)model_count), at);
        before = at;
    }
    CU_ASSERT_EQUAL(i, model_count);
    CU_ASSERT_EQUAL(lp_last(lp), before);
    CU_ASSERT_EQUAL(lp_seek(lp, (int64_t)i), LP_NONE);
    CU_ASSERT_EQUAL(lp_seek(lp, -1 - (int64_t)i), LP_NONE);
}

static void compare_search(const uint8_t *lp) {
    char p[TEXT_MAX];
    struct slice s = model_count && below(2) ? model[below(model_count)] : random_text(p);
    unsigned skip = (unsigned)below(3);
    size_t from = below(model_count + 1), i = from;
    while (i < model_count && !slice_eq(model[i], s)) i += skip + 1;
    size_t found = lp_find(lp, lp_seek(lp, (int64_t)from), s, skip);
    CU_ASSERT_EQUAL(found, i < model_count ? lp_seek(lp, (int64_t)i) : LP_NONE);
    if (from < model_count) {
        size_t at = lp_seek(lp, (int64_t)from);
        CU_ASSERT_EQUAL(lp_equals(lp, at, s), slice_eq(model[from], s));
    }
}

static void compare_unique(const uint8_t *lp) {
    unsigned step = 1 + (unsigned)below(3);
    bool unique = true;
    for (size_t i = 0; i < model_count; i += step) {
        for (size_t j = i + step; j < model_count; j += step) {
            if (slice_eq(model[i], model[j])) unique = false;
        }
    }
    CU_ASSERT_EQUAL(lp_unique(lp, step), unique);
}

static void compare(const struct lp_buf *b, bool whole) {
    uint8_t *lp = exact(b);
    CU_ASSERT_FATAL(lp_check(lp, b->len, 1));
    CU_ASSERT_EQUAL(lp_count(lp), model_count);
    CU_ASSERT_EQUAL(lp_check(lp, b->len, 2), model_count % 2 == 0);
    for (int i = 0; i < 4; i++) compare_search(lp);
    if (whole) {
        compare_walks(lp);
        compare_unique(lp);
        struct lp_buf again = lp_buf_heap();
        CU_ASSERT_FATAL(lp_init(&again));
        for (size_t i = 0; i < model_count; i++) CU_ASSERT(lp_append_text(&again, model[i]));
        CU_ASSERT(again.len == b->len && memcmp(again.p, b->p, b->len) == 0);
        lp_buf_free(&again);
    }
    free(lp);
}

static size_t place(const struct lp_buf *b, size_t index) {
    return index == model_count ? lp_end(b->p) : lp_seek(b->p, (int64_t)index);
}

/* Inserts up to three texts at once, some of them as integers. */
static void edit_insert(struct lp_buf *b) {
    static char texts[3][TEXT_MAX];
    struct lp_item items[3];
    size_t n = 1 + below(3), at = below(model_count + 1);
    if (model_count + n > MODEL_MAX) return;
    size_t offset = place(b, at);
    for (size_t i = 0; i < n; i++) {
        struct slice s = random_text(texts[i]);
        int64_t v;
        items[i] = num_parse_i64(s, &v) && below(2) ? lp_item_i64(v) : lp_item_text(s);
        model_insert(at + i, s);
    }
    CU_ASSERT(lp_insert(b, offset, items, n));
}

static void edit_delete(struct lp_buf *b) {
    size_t at = below(model_count + 1), n = below(5), left = model_count - at;
    size_t offset = place(b, at), gone = n < left ? n : left;
    CU_ASSERT_EQUAL(lp_delete(b, offset, n), gone);
    model_delete(at, gone);
}

static void edit_replace(struct lp_buf *b) {
    char p[TEXT_MAX];
    if (model_count == 0) return;
    size_t at = below(model_count);
    struct slice s = random_text(p);
    struct lp_item item = lp_item_text(s);
    CU_ASSERT(lp_replace(b, lp_seek(b->p, (int64_t)at), &item));
    model_delete(at, 1);
    model_insert(at, s);
}

/* Copies a run of its own entries to another place. */
static void edit_run(struct lp_buf *b) {
    size_t first = below(model_count + 1), n = below(model_count - first + 1);
    size_t at = below(model_count + 1);
    if (n > 6) n = 6;
    if (model_count + n > MODEL_MAX) return;
    uint8_t *from = exact(b);
    struct lp_run run = {from, place(b, first), place(b, first + n), n};
    CU_ASSERT(lp_insert_run(b, place(b, at), &run));
    free(from);
    struct slice copies[6];
    for (size_t i = 0; i < n; i++) copies[i] = model[first + i];
    for (size_t i = 0; i < n; i++) copies[i] = copy_of(copies[i]);
    for (size_t i = 0; i < n; i++) {
        model_insert(at + i, copies[i]);
        mem_free((char *)copies[i].p);
    }
}

static void random_edits(void) {
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t scratch[512];
        struct lp_buf b = round % 2 ? lp_buf_heap() : lp_buf_spill(scratch, 0, sizeof scratch);
        CU_ASSERT_FATAL(lp_init(&b));
        for (int i = 0; i < EDITS; i++) {
            switch (below(8)) {
            case 0:
            case 1:
            case 2:
            case 3: edit_insert(&b); break;
            case 4:
            case 5: edit_delete(&b); break;
            case 6: edit_replace(&b); break;
            default: edit_run(&b);
            }
            if (below(20) == 0) lp_buf_trim(&b);
            CU_ASSERT(b.len == lp_bytes(b.p) && b.len <= b.cap);
            compare(&b, i % 20 == 0);
        }
        model_delete(0, model_count);
        lp_buf_free(&b);
    }
}

/* ---- room ---- */

static void fixed_buffers(void) {
    uint8_t room[16];
    struct lp_buf b = lp_buf_fixed(room, 0, sizeof room);
    CU_ASSERT(lp_init(&b) && lp_append_text(&b, slice_cstr("abcdefg")));
    CU_ASSERT_EQUAL(b.len, 16);
    uint8_t before[16];
    memcpy(before, room, sizeof room);
    struct lp_item longer = lp_item_text(slice_cstr("abcdefgh")), shorter = lp_item_i64(5);
    CU_ASSERT(!lp_append_i64(&b, 1) && !lp_prepend(&b, &shorter, 1));
    CU_ASSERT(!lp_replace(&b, LP_HEAD_BYTES, &longer));
    CU_ASSERT(b.len == 16 && memcmp(before, room, sizeof room) == 0);
    CU_ASSERT(lp_replace(&b, LP_HEAD_BYTES, &shorter) && b.len == 9);
    CU_ASSERT(lp_append_text(&b, slice_cstr("abcde")) && b.len == 16 && b.p == room);
    CU_ASSERT_EQUAL(lp_delete(&b, LP_HEAD_BYTES, 9), 2);
    lp_buf_trim(&b);
    CU_ASSERT(b.p == room && b.cap == 16);
    lp_buf_free(&b);

    struct lp_buf none = lp_buf_fixed(room, 0, LP_EMPTY_BYTES - 1);
    CU_ASSERT(!lp_init(&none));

    struct lp_buf spilling = lp_buf_spill(room, 0, sizeof room);
    CU_ASSERT(lp_init(&spilling) && lp_append_text(&spilling, slice_cstr("abcdefg")));
    CU_ASSERT(spilling.p == room && spilling.kind == LP_BUF_SPILL);
    CU_ASSERT(lp_append_i64(&spilling, 1) && spilling.kind == LP_BUF_HEAP);
    CU_ASSERT(lp_check(spilling.p, spilling.len, 2) && spilling.p != room);
    lp_buf_free(&spilling);
}

/* An item whose text would not fit the head's 32 bits is refused by its size. */
static void too_big(void) {
    struct lp_buf b = lp_buf_heap();
    CU_ASSERT_FATAL(lp_init(&b));
    struct lp_item item = lp_item_text(slice_of("", (size_t)UINT32_MAX + 5));
    CU_ASSERT(!lp_append(&b, &item, 1));
    CU_ASSERT(b.len == LP_EMPTY_BYTES && lp_check(b.p, b.len, 1));
    lp_buf_free(&b);
}

static void heap_sizes(void) {
    CU_ASSERT(lp_buf_heap_bytes(0) == 16 && lp_buf_heap_bytes(16) == 16);
    CU_ASSERT(lp_buf_heap_bytes(17) == 32 && lp_buf_heap_bytes(128) == 128);
    CU_ASSERT(lp_buf_heap_bytes(129) == 160 && lp_buf_heap_bytes(256) == 256);
    CU_ASSERT(lp_buf_heap_bytes(257) == 320 && lp_buf_heap_bytes(8193) == 10240);
    for (size_t n = 1; n < 20000; n++) {
        CU_ASSERT_FATAL(lp_buf_heap_bytes(n) >= n && lp_buf_heap_bytes(n) - n <= 15 + n / 4);
    }
}

/* Beyond 65534 entries the head stops counting. */
static void many_entries(void) {
    struct lp_buf b = lp_buf_heap(), other = lp_buf_heap();
    CU_ASSERT_FATAL(lp_init(&b) && lp_init(&other));
    for (int i = 0; i < 65534; i++) CU_ASSERT_FATAL(lp_append_i64(&b, i));
    CU_ASSERT(b.p[4] == 0xfe && b.p[5] == 0xff && lp_count(b.p) == 65534);
    CU_ASSERT(lp_check(b.p, b.len, 1) && lp_unique(b.p, 1) && lp_unique(b.p, 2));
    CU_ASSERT(lp_append_i64(&b, 65534) && lp_append_i64(&b, 65535));
    CU_ASSERT(b.p[4] == 0xff && b.p[5] == 0xff && lp_count(b.p) == 65536);
    CU_ASSERT(lp_check(b.p, b.len, 2) && !lp_check(b.p, b.len, 3));
    CU_ASSERT(lp_equals(b.p, lp_seek(b.p, 65535), slice_cstr("65535")));
    CU_ASSERT(lp_equals(b.p, lp_seek(b.p, -65536), slice_cstr("0")));
    CU_ASSERT(lp_seek(b.p, 65536) == LP_NONE && lp_seek(b.p, -65537) == LP_NONE);
    CU_ASSERT_EQUAL(lp_delete(&b, LP_HEAD_BYTES, 2), 2);
    CU_ASSERT(b.p[4] == 0xfe && b.p[5] == 0xff && lp_count(b.p) == 65534);
    CU_ASSERT(lp_append_text(&other, slice_cstr("x")) && lp_append_i64(&other, 3));
    CU_ASSERT(lp_merge(&b, other.p) && lp_count(b.p) == 65536);
    CU_ASSERT(lp_check(b.p, b.len, 1) && !lp_unique(b.p, 1));
    lp_buf_free(&b);
    lp_buf_free(&other);
}

/* ---- bytes from outside ---- */

#define BROKEN(bytes) CU_ASSERT(!lp_check(bytes, sizeof(bytes) - 1, 1))

static void broken_ones(void) {
    BROKEN("");
    BROKEN("\7\0\0\0\0\0");
    BROKEN("\6\0\0\0\0\0\xff");
    BROKEN("\7\0\0\0\0\0\xfe");
    BROKEN("\7\0\0\0\1\0\xff");                      /* count */
    BROKEN("\x9\0\0\0\0\0\5\1\xff");                 /* count */
    BROKEN("\x9\0\0\0\1\0\5\2\xff");                 /* size behind */
    BROKEN("\x9\0\0\0\1\0\xff\1\xff");               /* an end too early */
    BROKEN("\x9\0\0\0\1\0\xf5\1\xff");               /* no such head */
    BROKEN("\x8\0\0\0\1\0\5\xff");                   /* nothing behind */
    BROKEN("\xa\0\0\0\1\0\x82zz\xff");               /* text to the end */
    BROKEN("\xa\0\0\0\1\0\xf4\0\0\xff");             /* integer over the end */
    BROKEN("\xc\0\0\0\1\0\xf0\xff\xff\xff\xff\xff"); /* 4 GiB of text */
    BROKEN("\xc\0\0\0\1\0\xf0\xf9\xff\xff\xff\xff");
    BROKEN("\x8\0\0\0\1\0\xe1\xff");                        /* half a head */
    CU_ASSERT(lp_check("\x9\0\0\0\xff\xff\5\1\xff", 9, 1)); /* not counted */
}

/* A text that leaves no room for its two bytes of size behind. */
static void no_room_behind(void) {
    enum { BYTES = LP_EMPTY_BYTES + 2 + 200 };
    uint8_t *lp = malloc(BYTES);
    memset(lp, 'x', BYTES);
    memcpy(lp, "\xd1\0\0\0\1\0\xe0\xc8", 8);
    lp[BYTES - 1] = 0xff;
    CU_ASSERT(lp_bytes(lp) == BYTES && !lp_check(lp, BYTES, 1));
    free(lp);
}

/* Forms that are longer than needed are read, as Redis reads them. */
static void longer_forms(void) {
    static const char bytes[] = "\x1a\0\0\0\4\0"
                                "\xf1\5\0\3"
                                "\xf0\1\0\0\0a\6"
                                "\x81\x37\2"
                                "\xe0\2bc\4\xff";
    uint8_t p[sizeof bytes - 1];
    memcpy(p, bytes, sizeof p);
    CU_ASSERT_FATAL(lp_check(p, sizeof p, 1));
    CU_ASSERT_EQUAL(lp_find(p, LP_HEAD_BYTES, slice_cstr("5"), 0), 6);
    CU_ASSERT_EQUAL(lp_find(p, LP_HEAD_BYTES, slice_cstr("a"), 0), 10);
    CU_ASSERT_EQUAL(lp_find(p, LP_HEAD_BYTES, slice_cstr("7"), 0), 17);
    CU_ASSERT_EQUAL(lp_find(p, LP_HEAD_BYTES, slice_cstr("bc"), 0), 20);
    CU_ASSERT(lp_unique(p, 1));
}

int main(void) {
    static const struct suite_test tests[] = {
        {"forms_of_integers", forms_of_integers},
        {"forms_of_texts", forms_of_texts},
        {"every_short_form", every_short_form},
        {"empty_one", empty_one},
        {"random_edits", random_edits},
        {"fixed_buffers", fixed_buffers},
        {"too_big", too_big},
        {"heap_sizes", heap_sizes},
        {"many_entries", many_entries},
        {"broken_ones", broken_ones},
        {"no_room_behind", no_room_behind},
        {"longer_forms", longer_forms},
        {NULL, NULL},
    };
    hash_init(1);
    random_seed(&rng, 1);
    return suite_main("listpack", tests);
}
