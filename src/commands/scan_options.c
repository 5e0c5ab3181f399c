/* scan_options.c - see scan_options.h. */
#include "commands/scan_options.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/glob.h"
#include "base/num.h"

#define SCAN_COUNT_DEFAULT 10
#define CURSOR_BYTES_MAX 32

/* strtoul's rules, as clients got used to them: a sign is taken, a leading space is not. */
static bool parse_cursor(struct slice text, uint64_t *cursor) {
    char buf[CURSOR_BYTES_MAX], *end;
    size_t n = strnlen(text.p, text.n); /* as in Redis, a zero byte ends it */
    while (n > 1 && text.p[0] == '0' && text.p[1] >= '0' && text.p[1] <= '9') text.p++, n--;
    if (n >= sizeof buf) return false;
    memcpy(buf, text.p, n);
    buf[n] = 0;
    if (buf[0] == ' ' || (buf[0] >= '\t' && buf[0] <= '\r')) return false;
    errno = 0;
    *cursor = strtoull(buf, &end, 10);
    return errno == 0 && *end == 0;
}

bool scan_cursor_parse(struct ctx *c, int i, uint64_t *cursor) {
    if (parse_cursor(c->argv[i], cursor)) return true;
    reply_error(c->r, "ERR invalid cursor");
    return false;
}

bool scan_pattern_is_all(struct slice pattern) { return pattern.n == 1 && pattern.p[0] == '*'; }

bool scan_options_parse(struct ctx *c, int i, unsigned allowed, struct scan_options *o) {
    *o = (struct scan_options){.count = SCAN_COUNT_DEFAULT};
    for (; i < c->argc; i++) {
        struct slice word = c->argv[i];
        bool more = i + 1 < c->argc;
        if (more && slice_is(word, "count")) {
            if (!ctx_int(c, ++i, &o->count)) return false;
            if (o->count < 1) {
                reply_err(c->r, ERR_SYNTAX);
                return false;
            }
        } else if (more && slice_is(word, "match")) {
            bool all = scan_pattern_is_all(c->argv[++i]);
            o->pattern = all ? slice_of(NULL, 0) : c->argv[i];
        } else if (more && allowed & SCAN_TAKES_TYPE && slice_is(word, "type")) {
            o->type = c->argv[++i];
        } else if (allowed & SCAN_TAKES_NOVALUES && slice_is(word, "novalues")) {
            o->no_values = true;
        } else {
            reply_err(c->r, ERR_SYNTAX);
            return false;
        }
    }
    return true;
}

bool scan_matches(const struct scan_options *o, struct slice name) {
    return !o->pattern.p || glob_match_bounded(o->pattern, name);
}

void scan_reply_cursor(struct ctx *c, uint64_t cursor) {
    char text[NUM_INT_BYTES_MAX];
    reply_array(c->r, 2);
    reply_bulk(c->r, slice_of(text, num_format_u64(text, cursor)));
}
