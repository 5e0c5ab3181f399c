/* resp_read.c - requests; see resp.h. */
#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"
#include "wire/resp.h"

#include <stdio.h>

/* ---- the short way ------------------------------------------------------------------ */

/* Digits up to a line end; returns behind it, NULL unless it is all there and below limit. */
static __attribute__((noinline)) const char *cut_number(const char *p, const char *end,
                                                        uint32_t limit, uint32_t *out) {
    uint32_t v = 0;
    const char *first = p;
    for (; p < end && (unsigned char)(*p - '0') < 10; p++) {
        v = v * 10 + (uint32_t)(*p - '0');
        if (v > limit) return NULL;
    }
    if (p == first || end - p < 2 || p[0] != '\r' || p[1] != '\n') return NULL;
    if (*first == '0' && p - first > 1) return NULL;
    *out = v;
    return p + 2;
}

/* A header: nearly all have one or two digits ("*2", "$16"). As in Redis, the byte behind the
 * CR is not looked at. */
static inline const char *cut_header(const char *p, const char *end, char type, uint32_t limit,
                                     uint32_t *out) {
    if (unlikely(end - p < 5 || *p != type)) return NULL; /* no header ends a command this close */
    unsigned tens = (unsigned char)(p[1] - '0'), ones = (unsigned char)(p[2] - '0');
    if (p[2] == '\r' && tens < 10) {
        *out = tens;
        return p + 4;
    }
    if (p[3] == '\r' && tens - 1 < 9 && ones < 10) {
        *out = tens * 10 + ones;
        return p + 5;
    }
    return cut_number(p + 1, end, limit, out);
}

#define HEAD_BYTES ((ptrdiff_t)(RESP_HEAD_WORDS * sizeof(uint64_t)))

static inline bool head_matches(const struct resp_head *head, const char *p) {
    uint64_t w[RESP_HEAD_WORDS], differs = 0;
    memcpy(w, p, sizeof w);
    for (int i = 0; i < RESP_HEAD_WORDS; i++) differs |= (w[i] & head->masks[i]) ^ head->words[i];
    return !differs;
}

/* `p` is the command's start and `name` its first argument; HEAD_BYTES can be read. */
static void head_keep(struct resp_head *head, const char *p, struct slice name, int argc) {
    char mask[HEAD_BYTES] = {0};
    ptrdiff_t n = name.p + name.n + 2 - p;
    if (n > HEAD_BYTES) return;
    memset(mask, 0xff, (size_t)n);
    memcpy(head->masks, mask, sizeof mask);
    memcpy(head->words, p, sizeof mask);
    for (int i = 0; i < RESP_HEAD_WORDS; i++) head->words[i] &= head->masks[i];
    head->n = (int)n;
    head->argc = argc;
    head->name_bytes = (int)name.n;
}

size_t resp_cut(const char *p, const char *end, struct slice *argv, int argv_max, int *argc,
                struct resp_head *head, bool *same) {
    const char *start = p;
    uint32_t n, len, i = 0;
    *same = head->n && end - p >= HEAD_BYTES && head_matches(head, p);
    if (likely(*same)) {
        n = (uint32_t)head->argc;
        if (n > (uint32_t)argv_max) return 0;
        p += head->n;
        argv[i++] = slice_of(p - 2 - head->name_bytes, (size_t)head->name_bytes);
    } else {
        p = cut_header(p, end, '*', (uint32_t)argv_max, &n);
        if (!p || n - 1 >= (uint32_t)argv_max) return 0;
    }
    for (; i < n; i++) {
        p = cut_header(p, end, '$', RESP_BLOB_BYTES_MIN - 1, &len);
        if (unlikely(!p || end - p < (ptrdiff_t)len + 2)) return 0;
        argv[i] = slice_of(p, len);
        p += len + 2;
    }
    *argc = (int)n;
    if (unlikely(!*same)) {
        head->n = 0;
        if (end - start >= HEAD_BYTES) head_keep(head, start, argv[0], (int)n);
    }
    return (size_t)(p - start);
}

/* ---- the long way ------------------------------------------------------------------- */

#define AT_START (-1)
#define IN_INLINE (-2)
#define AT_HEADER (-1)
#define LINE_END_BYTES 2

struct resp_reader *resp_reader_new(void) {
    struct resp_reader *r = mem_calloc(sizeof *r);
    r->args_left = AT_START;
    r->bulk_left = AT_HEADER;
    return r;
}

/* Forgets the command that was given out. */
static void begin(struct resp_reader *r) {
    if (r->blobs) {
        for (int i = 0; i < r->argc; i++) {
            if (r->blobs[i]) blob_unref(r->blobs[i]);
        }
        mem_free(r->blobs);
        r->blobs = NULL;
    }
    r->argc = 0;
    r->len = r->line_len = r->request_bytes = 0;
    r->args_left = AT_START;
    r->bulk_left = AT_HEADER;
    r->done = false;
}

void resp_reader_free(struct resp_reader *r) {
    if (!r) return;
    begin(r);
    mem_free(r->argv);
    mem_free(r->bytes);
    mem_free(r);
}

bool resp_reader_idle(const struct resp_reader *r) {
    return r->done ? !r->skip : r->args_left == AT_START && !r->line_len && !r->skip;
}

size_t resp_reader_memory(const struct resp_reader *r) {
    size_t n = r->size + (size_t)r->cap * sizeof *r->argv;
    for (int i = 0; r->blobs && i < r->argc; i++) {
        if (r->blobs[i]) n += r->blobs[i]->cap;
    }
    return n;
}

static enum resp_state fail(struct resp_reader *r, const char *text) {
    snprintf(r->error, sizeof r->error, "%s", text);
    return RESP_FAILED;
}

static void bytes_add(struct resp_reader *r, const char *p, size_t n) {
    if (r->len + n > r->size) {
        r->size = (r->len + n) * 2;
        r->bytes = mem_realloc(r->bytes, r->size);
    }
    if (n) memcpy(r->bytes + r->len, p, n);
    r->len += n;
}

/* Room for one more argument. `all` bounds the first guess: a peer that announces a million
 * arguments has to send them before memory is spent on them. */
static void argv_room(struct resp_reader *r) {
    if (r->argc < r->cap) return;
    int old = r->cap;
    r->cap = old ? old * 2 : 16;
    r->argv = mem_realloc(r->argv, (size_t)r->cap * sizeof *r->argv);
    if (!r->blobs) return;
    r->blobs = mem_realloc(r->blobs, (size_t)r->cap * sizeof *r->blobs);
    memset(r->blobs + old, 0, (size_t)(r->cap - old) * sizeof *r->blobs);
}

static void arg_add(struct resp_reader *r, struct blob *b, size_t n) {
    argv_room(r);
    if (b && !r->blobs) r->blobs = mem_calloc((size_t)r->cap * sizeof *r->blobs);
    r->argv[r->argc] = slice_of(b ? b->data : (const char *)(uintptr_t)r->len, n);
    if (r->blobs) r->blobs[r->argc] = b;
    r->argc++;
}

static struct blob *last_blob(const struct resp_reader *r) {
    return r->blobs && r->argc ? r->blobs[r->argc - 1] : NULL;
}

/* All arguments are there: offsets become addresses. */
static enum resp_state complete(struct resp_reader *r) {
    for (int i = 0; i < r->argc; i++) {
        if (!r->blobs || !r->blobs[i]) r->argv[i].p = r->bytes + (uintptr_t)r->argv[i].p;
    }
    r->done = true;
    return RESP_COMMAND;
}

/* Collects a line up to `stop`. The line stands at r->bytes + r->len, r->line_len long, and is not
 * counted in r->len. True when it is complete; then the stop byte is taken too. */
static bool line_take(struct resp_reader *r, char stop, const char **p, const char *end,
                      bool *too_long) {
    size_t n = (size_t)(end - *p), kept = r->len;
    const char *at = n ? memchr(*p, stop, n) : NULL;
    if (at) n = (size_t)(at - *p);
    *too_long = r->line_len + n > RESP_LINE_BYTES_MAX;
    if (*too_long) return false;
    r->len += r->line_len;
    bytes_add(r, *p, n);
    r->line_len = r->len - kept;
    r->len = kept;
    *p += at ? n + 1 : n;
    return at != NULL;
}

static struct slice line_of(struct resp_reader *r) {
    struct slice line = slice_of(r->bytes + r->len, r->line_len);
    r->line_len = 0;
    return line;
}

static enum resp_state count_line(struct resp_reader *r, const struct resp_limits *limits) {
    struct slice line = line_of(r);
    int64_t n;
    line.p++; /* the '*' */
    line.n--;
    if (!num_parse_i64(line, &n) || n > INT32_MAX) return fail(r, "invalid multibulk length");
    if (limits->unauthenticated && n > RESP_UNAUTH_ARGS_MAX) {
        return fail(r, "unauthenticated multibulk length");
    }
    r->skip = 1;
    if (n <= 0) {
        begin(r);
        r->skip = 1;
        return RESP_NOTHING;
    }
    r->args_left = n;
    return RESP_MORE;
}

static enum resp_state bulk_line(struct resp_reader *r, const struct resp_limits *limits) {
    struct slice line = line_of(r);
    int64_t n;
    if (line.n == 0 || line.p[0] != '$') {
        snprintf(r->error, sizeof r->error, "expected '$', got '%c'", line.n ? line.p[0] : '\r');
        return RESP_FAILED;
    }
    line.p++;
    line.n--;
    if (!num_parse_i64(line, &n) || n < 0 || (uint64_t)n > limits->bulk_bytes_max) {
        return fail(r, "invalid bulk length");
    }
    if (limits->unauthenticated && n > RESP_UNAUTH_BULK_BYTES_MAX) {
        return fail(r, "unauthenticated bulk length");
    }
    r->request_bytes += (size_t)n;
    if (r->request_bytes > limits->request_bytes_max) return fail(r, "too big request");
    struct blob *b = NULL;
    if (n >= RESP_BLOB_BYTES_MIN) {
        b = blob_try((size_t)n);
        if (!b) return fail(r, "not enough memory for this bulk");
    }
    arg_add(r, b, (size_t)n);
    r->bulk_left = n + LINE_END_BYTES;
    r->skip = 1;
    return RESP_MORE;
}

/* Bytes of the current argument and its line end, which is counted but not looked at. */
static void bulk_take(struct resp_reader *r, const char **p, const char *end) {
    size_t n = (size_t)(end - *p), payload;
    struct blob *b = last_blob(r);
    if ((int64_t)n > r->bulk_left) n = (size_t)r->bulk_left;
    payload = r->bulk_left > LINE_END_BYTES ? (size_t)r->bulk_left - LINE_END_BYTES : 0;
    if (payload > n) payload = n;
    if (b) {
        memcpy(b->data + b->len, *p, payload);
        b->len += payload;
    } else {
        bytes_add(r, *p, payload);
    }
    *p += n;
    r->bulk_left -= (int64_t)n;
}

/* ---- inline commands ---------------------------------------------------------------- */

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char escaped(char c) {
    switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'b': return '\b';
    case 'a': return '\a';
    default: return c;
    }
}

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* Unquotes one word in place (it only shrinks): *at moves behind it, *to behind what was
 * written. False when quotes are not balanced. */
static bool word_take(const char **at, const char *end, char **to) {
    const char *p = *at;
    char *out = *to, quote = 0;
    for (; p < end && (quote || !is_space(*p)); p++) {
        if (quote == '"' && *p == '\\' && end - p > 3 && p[1] == 'x' && hex_digit(p[2]) >= 0 &&
            hex_digit(p[3]) >= 0) {
            *out++ = (char)(hex_digit(p[2]) * 16 + hex_digit(p[3]));
            p += 3;
        } else if (quote == '"' && *p == '\\' && end - p > 1) {
            *out++ = escaped(*++p);
        } else if (quote == '\'' && *p == '\\' && end - p > 1 && p[1] == '\'') {
            *out++ = *++p;
        } else if (quote && *p == quote) {
            if (p + 1 < end && !is_space(p[1])) return false;
            quote = 0;
        } else if (!quote && (*p == '"' || *p == '\'')) {
            quote = *p;
        } else {
            *out++ = *p;
        }
    }
    *at = p;
    *to = out;
    return !quote;
}

static enum resp_state inline_line(struct resp_reader *r) {
    struct slice line = line_of(r);
    if (line.n && line.p[line.n - 1] == '\r') line.n--;
    char *to = r->bytes + r->len;
    const char *at = line.p, *end = line.p + line.n;
    for (;;) {
        while (at < end && is_space(*at)) at++;
        if (at == end) break;
        char *word = to;
        if (!word_take(&at, end, &to)) return fail(r, "unbalanced quotes in request");
        arg_add(r, NULL, (size_t)(to - word));
        r->len += (size_t)(to - word);
    }
    if (r->argc) return complete(r);
    begin(r);
    return RESP_NOTHING;
}

/* ---- feeding ------------------------------------------------------------------------ */

/* One step; RESP_MORE means "go on" as long as bytes are left. */
static enum resp_state step(struct resp_reader *r, const char **p, const char *end,
                            const struct resp_limits *limits) {
    bool too_long;
    if (r->args_left == AT_START) {
        if (!r->line_len && **p != '*') {
            r->args_left = IN_INLINE;
            return RESP_MORE;
        }
        bool whole = line_take(r, '\r', p, end, &too_long);
        if (too_long) return fail(r, "too big mbulk count string");
        return whole ? count_line(r, limits) : RESP_MORE;
    }
    if (r->args_left == IN_INLINE) {
        bool whole = line_take(r, '\n', p, end, &too_long);
        if (too_long) return fail(r, "too big inline request");
        return whole ? inline_line(r) : RESP_MORE;
    }
    if (r->bulk_left == AT_HEADER) {
        bool whole = line_take(r, '\r', p, end, &too_long);
        if (too_long) return fail(r, "too big bulk count string");
        return whole ? bulk_line(r, limits) : RESP_MORE;
    }
    bulk_take(r, p, end);
    return RESP_MORE;
}

/* The current argument has all of its bytes. */
static enum resp_state bulk_end(struct resp_reader *r) {
    r->bulk_left = AT_HEADER;
    if (--r->args_left > 0) return RESP_MORE;
    return complete(r);
}

enum resp_state resp_reader_feed(struct resp_reader *r, const char *p, size_t n,
                                 const struct resp_limits *limits, size_t *used) {
    const char *at = p, *end = p + n;
    enum resp_state state = RESP_MORE;
    if (r->done) begin(r);
    while (state == RESP_MORE) {
        if (r->bulk_left == 0) {
            state = bulk_end(r);
            continue;
        }
        if (at == end) break;
        if (r->skip) {
            at++;
            r->skip--;
        } else {
            state = step(r, &at, end, limits);
        }
    }
    *used = (size_t)(at - p);
    return state;
}

struct resp_room resp_reader_room(const struct resp_reader *r) {
    struct blob *b = r->done || r->skip || r->bulk_left <= LINE_END_BYTES ? NULL : last_blob(r);
    if (!b) return (struct resp_room){NULL, 0};
    return (struct resp_room){b->data + b->len, (size_t)r->bulk_left - LINE_END_BYTES};
}

void resp_reader_filled(struct resp_reader *r, size_t n) {
    last_blob(r)->len += n;
    r->bulk_left -= (int64_t)n;
}
