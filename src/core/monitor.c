/* monitor.c - see monitor.h. */
#include "core/monitor.h"

#include <stdio.h>

#include "base/mem.h"
#include "core/config.h"
#include "core/exec.h"
#include "core/push.h"
#include "core/redact.h"

#define HEAD_BYTES_MAX 256
#define ESCAPE_BYTES_MAX 4 /* \xhh */

bool monitor_add(struct core *core, struct session *s) {
    if (s->gates & GATE_MONITOR) return false;
    s->gates |= GATE_MONITOR;
    list_unlink(&s->in_class);
    list_push_back(&core->monitors, &s->in_class);
    core_update_gates(core);
    return true;
}

/* One byte as a quoted text shows it; returns how many bytes that takes. */
static size_t escape(char *out, unsigned char c) {
    static const char named[] = "\\\"\n\r\t\a\b", names[] = "\\\"nrtab", hex[] = "0123456789abcdef";
    const char *at = c ? strchr(named, c) : NULL;
    if (at) {
        out[0] = '\\';
        out[1] = names[at - named];
        return 2;
    }
    if (c >= 0x20 && c < 0x7f) {
        out[0] = (char)c;
        return 1;
    }
    out[0] = '\\';
    out[1] = 'x';
    out[2] = hex[c >> 4];
    out[3] = hex[c & 15];
    return 4;
}

static char *quote(char *out, struct slice s) {
    *out++ = ' ';
    *out++ = '"';
    for (size_t i = 0; i < s.n; i++) out += escape(out, (unsigned char)s.p[i]);
    *out++ = '"';
    return out;
}

static size_t quoted_bytes(struct slice s) {
    char scratch[ESCAPE_BYTES_MAX];
    size_t n = 3;
    for (size_t i = 0; i < s.n; i++) n += escape(scratch, (unsigned char)s.p[i]);
    return n;
}

static size_t write_head(char head[HEAD_BYTES_MAX], const struct core *core,
                         const struct session *s) {
    bool local = s->state & SESSION_UNIX;
    int n = snprintf(head, HEAD_BYTES_MAX, "+%lld.%06lld [%d %s%s]",
                     (long long)(core->now_us / 1000000), (long long)(core->now_us % 1000000),
                     s->db->id, local ? "unix:" : "", local ? core->config->unixsocket : s->addr);
    return n < HEAD_BYTES_MAX ? (size_t)n : HEAD_BYTES_MAX - 1;
}

void monitor_feed(struct core *core, struct session *s, const struct request *req) {
    char head[HEAD_BYTES_MAX];
    enum redact_rule rule = redact_rule(core->rows, req->row);
    size_t head_bytes = write_head(head, core, s), bytes = head_bytes + 2;
    for (int i = 0; i < req->argc; i++) bytes += quoted_bytes(redact_argument(rule, req->argv, i));
    char *line = mem_try(bytes);
    if (!line) return;
    memcpy(line, head, head_bytes);
    char *at = line + head_bytes;
    for (int i = 0; i < req->argc; i++) at = quote(at, redact_argument(rule, req->argv, i));
    memcpy(at, "\r\n", 2);
    for (struct list_link *l = list_first(&core->monitors); l; l = list_next(&core->monitors, l)) {
        struct session *m = LIST_MEMBER(l, struct session, in_class);
        if (m->state & SESSION_GOES) continue;
        if (m == s) {
            reply_raw(&m->reply, line, bytes);
            continue;
        }
        reply_raw(push_begin(m), line, bytes);
        push_end(m);
    }
    mem_free(line);
}
