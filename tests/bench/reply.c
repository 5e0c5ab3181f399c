/* reply.c - counts the replies in a stream of bytes, and checks their form.
 *
 * A reply costs the generator a few nanoseconds, so that the server is what saturates:
 * payloads are skipped, not looked at.
 */
#include "reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { HEAD, LINE, LINE_LF, PAYLOAD, PAYLOAD_CR, PAYLOAD_LF };

struct reply_rules reply_rules_of(const char *heads) {
    struct reply_rules r = {.bulk_bytes = -1, .elements = -1};
    for (; *heads != '\0'; heads++) {
        r.head[(unsigned char)*heads] = true;
    }
    return r;
}

static bool is_aggregate(char head) {
    return head == '*' || head == '~' || head == '%' || head == '>' || head == '|';
}

static bool is_bulk(char head) { return head == '$' || head == '=' || head == '!'; }

/* Keeps the line of the first surprise, for the message at the end: as it comes, or, once
 * its end is reached, from the number that it held. */
static void note(struct reply_scan *s, struct reply_tally *t) {
    if (t->first[0] == '\0') {
        t->first[0] = s->head;
        s->noting = true;
    }
}

static void note_length(const struct reply_scan *s, struct reply_tally *t, int64_t n) {
    if (t->first[0] == '\0') {
        snprintf(t->first, sizeof t->first, "%c%" PRId64, s->head, n);
    }
}

static void note_byte(struct reply_scan *s, struct reply_tally *t, char c) {
    size_t n = strlen(t->first);
    if (n + 1 < sizeof t->first) {
        t->first[n] = c;
        t->first[n + 1] = '\0';
    } else {
        s->noting = false;
    }
}

/* The first byte of an element. False when no element starts with it. */
static bool head_seen(struct reply_scan *s, const struct reply_rules *rules, struct reply_tally *t,
                      char c) {
    if (c == '\0' || strchr("+-:$*_#,(=!~%>|", c) == NULL) {
        return false;
    }
    bool outer = s->owed == 0;
    s->owed += outer;
    s->head = c;
    s->number = 0;
    s->negative = false;
    s->state = LINE;
    if (c == '-' || c == '!') {
        t->errors++;
        note(s, t);
    } else if (outer && !rules->head[(unsigned char)c]) {
        t->odd++;
        note(s, t);
    }
    return true;
}

/* The line of an element has ended. False when its number makes no sense. */
static bool line_seen(struct reply_scan *s, const struct reply_rules *rules,
                      struct reply_tally *t) {
    int64_t n = s->negative ? -s->number : s->number;
    s->noting = false;
    s->state = HEAD;
    if (n < -1 && (is_bulk(s->head) || is_aggregate(s->head))) {
        return false;
    }
    if (is_bulk(s->head)) {
        if (rules->bulk_bytes >= 0 && n >= 0 && n != rules->bulk_bytes && s->head == '$') {
            t->odd++;
            note_length(s, t, n);
        }
        if (n >= 0) {
            s->skip = n;
            s->state = n > 0 ? PAYLOAD : PAYLOAD_CR;
            return true;
        }
    } else if (is_aggregate(s->head)) {
        if (s->owed == 1 && rules->elements >= 0 && n != rules->elements) {
            t->odd++;
            note_length(s, t, n);
        }
        if (n > 0) {
            s->owed += s->head == '%' || s->head == '|' ? 2 * n : n;
        }
        /* An attribute stands before the element that pays the debt. */
        if (s->head == '|' && n >= 0) {
            return true;
        }
    }
    s->owed--;
    return true;
}

static bool line_byte(struct reply_scan *s, struct reply_tally *t, char c) {
    if (s->noting) {
        note_byte(s, t, c);
    }
    if (c >= '0' && c <= '9') {
        /* A line of text may hold many digits; only numbers count. */
        if (is_bulk(s->head) || is_aggregate(s->head)) {
            if (s->number > INT64_MAX / 100) {
                return false;
            }
            s->number = s->number * 10 + (c - '0');
        }
    } else if (c == '-') {
        s->negative = true;
    } else if (is_bulk(s->head) || is_aggregate(s->head) || c == '\n') {
        return false;
    }
    return true;
}

int64_t reply_scan(struct reply_scan *s, const struct reply_rules *rules, struct reply_tally *t,
                   const char *p, size_t n) {
    const char *end = p + n;
    int64_t done = 0;
    while (p < end) {
        char c = *p;
        bool fine = true;
        bool ended = false;
        switch (s->state) {
        case HEAD: fine = head_seen(s, rules, t, c); break;
        case LINE:
            if (c == '\r') {
                s->state = LINE_LF;
            } else {
                fine = line_byte(s, t, c);
            }
            break;
        case LINE_LF:
            fine = c == '\n' && line_seen(s, rules, t);
            ended = s->state == HEAD;
            break;
        case PAYLOAD: {
            int64_t have = end - p < s->skip ? end - p : s->skip;
            s->skip -= have;
            s->state = s->skip > 0 ? PAYLOAD : PAYLOAD_CR;
            p += have - 1;
            break;
        }
        case PAYLOAD_CR:
            fine = c == '\r';
            s->state = PAYLOAD_LF;
            break;
        case PAYLOAD_LF:
            fine = c == '\n';
            s->state = HEAD;
            s->owed--;
            ended = true;
            break;
        }
        if (!fine) {
            return -1;
        }
        if (ended && s->owed == 0) {
            done++;
        }
        p++;
    }
    t->replies += (uint64_t)done;
    return done;
}
