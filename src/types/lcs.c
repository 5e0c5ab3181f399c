/* lcs.c - see lcs.h.
 *
 * Let L(i,j) be the length for the first i bytes of a and j of b. In a row, L grows by 0 or
 * 1 per column, so a row is kept as one bit per column: 0 where it grows. The next row
 * comes out of word arithmetic on the row and the columns that equal the row's byte:
 *     match = row & columns;  row = (row + match) | (row & ~match)
 * with the carry running through the words.
 * N1  Columns behind b's end match nothing, so they stay 1 and count for nothing.
 * N2  Walking back at a mismatch, L(i-1,j) > L(i,j-1) exactly if row i grows at column j:
 *     L(i,j) is the larger of the two, and growing means L(i,j-1) is not it.
 */
#include "types/lcs.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/nap.h"

#define WORD_BITS 64
#define ROW_NONE UINT16_MAX

/* Which columns of b hold which byte, only for bytes that are there. */
struct columns {
    uint64_t *words; /* distinct rows of row_words each */
    size_t row_words;
    uint16_t row_of[256];
};

const char *lcs_err_text(int err) {
    switch (err) {
    case LCS_ERR_TOO_LONG: return "ERR String too long for LCS";
    case LCS_ERR_TOO_BIG:
        return "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
    default: return "ERR Insufficient memory, failed allocating transient memory for LCS";
    }
}

static int check_sizes(struct slice a, struct slice b, size_t table_bytes_max) {
    if (a.n >= UINT32_MAX - 1 || b.n >= UINT32_MAX - 1) return LCS_ERR_TOO_LONG;
    unsigned __int128 table = (unsigned __int128)(a.n + 1) * (b.n + 1) * sizeof(uint32_t);
    return table > table_bytes_max ? LCS_ERR_TOO_BIG : 0;
}

static int columns_init(struct columns *c, struct slice b) {
    size_t distinct = 0;
    memset(c->row_of, 0xff, sizeof c->row_of);
    for (size_t j = 0; j < b.n; j++) {
        uint16_t *row = &c->row_of[(uint8_t)b.p[j]];
        if (*row == ROW_NONE) *row = (uint16_t)distinct++;
    }
    c->row_words = b.n / WORD_BITS + 1;
    size_t bytes = (distinct + 1) * c->row_words * sizeof(uint64_t);
    c->words = mem_try(bytes);
    if (!c->words) return LCS_ERR_NO_MEMORY;
    memset(c->words, 0, bytes);
    for (size_t j = 0; j < b.n; j++) {
        size_t row = c->row_of[(uint8_t)b.p[j]];
        c->words[row * c->row_words + j / WORD_BITS] |= (uint64_t)1 << j % WORD_BITS;
    }
    return 0;
}

/* The row of `byte` from the row above it; they may be the same. */
static void next_row(const struct columns *c, uint8_t byte, const uint64_t *above, uint64_t *row) {
    if (c->row_of[byte] == ROW_NONE) {
        if (row != above) memcpy(row, above, c->row_words * sizeof *row);
        return;
    }
    const uint64_t *match = c->words + c->row_of[byte] * c->row_words;
    unsigned long long carry = 0;
    for (size_t w = 0; w < c->row_words; w++) {
        uint64_t old = above[w], hit = old & match[w];
        unsigned long long sum;
        bool over = __builtin_uaddll_overflow(old, hit, &sum);
        over |= __builtin_uaddll_overflow(sum, carry, &sum);
        carry = over;
        row[w] = sum | (old & ~hit);
    }
}

static size_t grown(const uint64_t *row, size_t row_words) {
    size_t n = 0;
    for (size_t w = 0; w < row_words; w++) n += (size_t)__builtin_popcountll(~row[w]);
    return n;
}

int lcs_length(struct slice a, struct slice b, size_t table_bytes_max, size_t *length) {
    int err = check_sizes(a, b, table_bytes_max);
    if (err) return err;
    struct columns c;
    err = columns_init(&c, b);
    if (err) return err;
    uint64_t *row = mem_try(c.row_words * sizeof *row);
    if (row) {
        memset(row, 0xff, c.row_words * sizeof *row);
        for (size_t i = 0; i < a.n && !nap_point(); i++) next_row(&c, (uint8_t)a.p[i], row, row);
        *length = grown(row, c.row_words);
        mem_free(row);
    }
    mem_free(c.words);
    return row ? 0 : LCS_ERR_NO_MEMORY;
}

static int add_range(struct lcs_result *r, size_t *capacity, struct lcs_range range) {
    if (r->range_count == *capacity) {
        size_t wanted = *capacity ? *capacity * 2 : 16;
        struct lcs_range *grown = mem_try_realloc(r->ranges, wanted * sizeof *grown);
        if (!grown) return LCS_ERR_NO_MEMORY;
        r->ranges = grown;
        *capacity = wanted;
    }
    r->ranges[r->range_count++] = range;
    return 0;
}

/* `rows` has a row for every i from 0 to a.n. Fills the text and the ranges. */
static int walk_back(struct slice a, struct slice b, const uint64_t *rows, size_t row_words,
                     size_t range_bytes_min, struct lcs_result *r) {
    size_t i = a.n, j = b.n, left = r->length, capacity = 0;
    while (left) {
        const uint64_t *row = rows + i * row_words;
        if (a.p[i - 1] != b.p[j - 1]) {
            if (row[(j - 1) / WORD_BITS] >> (j - 1) % WORD_BITS & 1) {
                j--;
            } else {
                i--;
            }
            continue;
        }
        size_t run = 0;
        for (; i && j && a.p[i - 1] == b.p[j - 1]; run++, i--, j--) {
            r->text[--left] = a.p[i - 1];
        }
        if (run < range_bytes_min) continue;
        struct lcs_range range = {.a_first = (uint32_t)i,
                                  .a_last = (uint32_t)(i + run - 1),
                                  .b_first = (uint32_t)j,
                                  .b_last = (uint32_t)(j + run - 1)};
        int err = add_range(r, &capacity, range);
        if (err) return err;
    }
    return 0;
}

int lcs_find(struct slice a, struct slice b, size_t range_bytes_min, size_t table_bytes_max,
             struct lcs_result *out) {
    *out = (struct lcs_result){0};
    int err = check_sizes(a, b, table_bytes_max);
    if (err) return err;
    struct columns c;
    err = columns_init(&c, b);
    if (err) return err;
    uint64_t *rows = mem_try((a.n + 1) * c.row_words * sizeof *rows);
    if (rows) {
        memset(rows, 0xff, c.row_words * sizeof *rows);
        for (size_t i = 0; i < a.n; i++) {
            uint64_t *above = rows + i * c.row_words;
            next_row(&c, (uint8_t)a.p[i], above, above + c.row_words);
            if (nap_point()) break;
        }
        out->length = grown(rows + a.n * c.row_words, c.row_words);
        out->text = mem_try(out->length + 1);
    }
    err = out->text ? walk_back(a, b, rows, c.row_words, range_bytes_min, out) : LCS_ERR_NO_MEMORY;
    mem_free(rows);
    mem_free(c.words);
    if (err) lcs_result_fini(out);
    return err;
}

void lcs_result_fini(struct lcs_result *r) {
    mem_free(r->text);
    mem_free(r->ranges);
    *r = (struct lcs_result){0};
}
