/* cmd_stream_common.c - keys, arguments and replies of the stream commands.
 *
 * Threads: the loop. Specification: Redis 7.2.
 */
#include "base/mem.h"
#include "base/nap.h"
#include "base/num.h"
#include "commands/cmd_stream_internal.h"
#include "core/ongoing.h"

/* -- keys ------------------------------------------------------------------------------ */

static bool stream_of(struct ctx *c, const struct entry *e, struct stream **s) {
    *s = NULL;
    if (!ctx_is_type(c, e, TYPE_STREAM)) return false;
    if (e) *s = entry_object(e);
    return true;
}

/* The key of a command that may change its value beside (groups, consumers), though it counts as a
 * reader. */
static const struct entry *read_key(struct ctx *c, struct key k) {
    const struct entry *e = db_read(c->db, k);
    return e && c->row->flags & ROW_WRITE ? db_own(c->db, k) : e;
}

bool stream_key_read(struct ctx *c, int i, struct stream **s) {
    return stream_of(c, read_key(c, ctx_key(c, i)), s);
}

bool stream_key_find(struct ctx *c, int i, struct stream **s) {
    return stream_of(c, db_find(c->db, ctx_key(c, i)), s);
}

bool stream_key_need(struct ctx *c, int i, struct stream **s) {
    if (!stream_key_find(c, i, s)) return false;
    if (!*s) reply_err(c->r, ERR_NO_KEY);
    return *s;
}

struct stream_idmp *stream_idmp_of(struct ctx *c, struct stream *s) {
    const struct config *conf = c->core->config;
    struct stream_idmp_limits usual = {(uint64_t)conf->stream_idmp_s,
                                       (uint64_t)conf->stream_idmp_entries};
    return stream_idmp_make(s, usual);
}

void stream_rest(struct ctx *c, struct stream_at *at, int key) {
    ongoing_rest(c);
    at->key = ctx_key(c, key);
}

bool stream_at_look(struct ctx *c, int key, struct stream_at *at) {
    *at = (struct stream_at){.key = ctx_key(c, key)};
    if (!stream_of(c, read_key(c, at->key), &at->s)) return false;
    if (at->s) at->g = stream_group_find(at->s, c->argv[key + 1]);
    return true;
}

bool stream_at_find(struct ctx *c, int key, struct stream_at *at) {
    if (!stream_at_look(c, key, at)) return false;
    if (at->g) return true;
    struct slice name = c->argv[key], group = c->argv[key + 1];
    reply_errorf(c->r, "NOGROUP No such key '%.*s' or consumer group '%.*s'", (int)name.n, name.p,
                 (int)group.n, group.p);
    return false;
}

/* -- effects --------------------------------------------------------------------------- */

static void tell_id(struct ctx *c, struct stream_id id) {
    char text[STREAM_ID_TEXT_BYTES];
    effect_bytes(c, stream_id_text(id, text));
}

void stream_tell_nack(struct ctx *c, struct stream_at at, const struct stream_nack *nack) {
    effect_begin(c, 14);
    effect_word(c, "XCLAIM");
    effect_bytes(c, key_slice(at.key));
    effect_bytes(c, at.g->name);
    effect_bytes(c, nack->consumer->name);
    effect_int(c, 0);
    tell_id(c, nack->id);
    effect_word(c, "TIME");
    effect_int(c, nack->delivered_ms);
    effect_word(c, "RETRYCOUNT");
    effect_int(c, (int64_t)nack->deliveries);
    effect_word(c, "FORCE");
    effect_word(c, "JUSTID");
    effect_word(c, "LASTID");
    tell_id(c, at.g->last);
}

void stream_tell_group(struct ctx *c, struct stream_at at) {
    effect_begin(c, 7);
    effect_word(c, "XGROUP");
    effect_word(c, "SETID");
    effect_bytes(c, key_slice(at.key));
    effect_bytes(c, at.g->name);
    tell_id(c, at.g->last);
    effect_word(c, "ENTRIESREAD");
    effect_int(c, at.g->entries_read);
}

void stream_tell_acked(struct ctx *c, struct stream_at at, const struct stream_id *ids, size_t n) {
    effect_begin(c, 3 + n);
    effect_word(c, "XACK");
    effect_bytes(c, key_slice(at.key));
    effect_bytes(c, at.g->name);
    for (size_t i = 0; i < n; i++) tell_id(c, ids[i]);
}

static void tell_consumer(struct ctx *c, struct stream_at at, struct slice name) {
    effect_begin(c, 5);
    effect_word(c, "XGROUP");
    effect_word(c, "CREATECONSUMER");
    effect_bytes(c, key_slice(at.key));
    effect_bytes(c, at.g->name);
    effect_bytes(c, name);
}

struct stream_consumer *stream_consumer_get(struct ctx *c, struct stream_at at, struct slice name) {
    struct stream_consumer *consumer = stream_consumer_find(at.g, name);
    if (!consumer) {
        consumer = stream_consumer_add(at.g, name, c->core->now_ms);
        ctx_changed_aside(c, at.key, FEED_STREAM, "xgroup-createconsumer");
        if (effects_wanted(c)) tell_consumer(c, at, name);
    }
    stream_consumer_seen(consumer, c->core->now_ms);
    return consumer;
}

/* -- arguments ------------------------------------------------------------------------- */

static bool id_of(struct ctx *c, struct slice text, uint64_t seq_missing, struct stream_id *id) {
    if (stream_id_parse(text, seq_missing, id) == STREAM_ID_FULL) return true;
    reply_error(c->r, STREAM_BAD_ID);
    return false;
}

static bool bound_of(struct ctx *c, struct slice text, uint64_t seq_missing, struct stream_id *id) {
    if (slice_is(text, "-")) {
        *id = STREAM_ID_MIN;
    } else if (slice_is(text, "+")) {
        *id = STREAM_ID_MAX;
    } else {
        return id_of(c, text, seq_missing, id);
    }
    return true;
}

bool stream_arg_id(struct ctx *c, int i, struct stream_id *id) {
    return id_of(c, c->argv[i], 0, id);
}

bool stream_arg_bound(struct ctx *c, int i, struct stream_id *id) {
    return bound_of(c, c->argv[i], 0, id);
}

static bool is_open(struct slice text) { return text.n > 1 && text.p[0] == '('; }

static struct slice behind_bracket(struct slice text) { return slice_of(text.p + 1, text.n - 1); }

bool stream_arg_from(struct ctx *c, int i, struct stream_id *from) {
    struct slice text = c->argv[i];
    if (!is_open(text)) return bound_of(c, text, 0, from);
    if (!id_of(c, behind_bracket(text), 0, from)) return false;
    if (stream_id_next(from)) return true;
    reply_error(c->r, "ERR invalid start ID for the interval");
    return false;
}

bool stream_arg_to(struct ctx *c, int i, struct stream_id *to) {
    struct slice text = c->argv[i];
    if (!is_open(text)) return bound_of(c, text, UINT64_MAX, to);
    if (!id_of(c, behind_bracket(text), UINT64_MAX, to)) return false;
    if (stream_id_prev(to)) return true;
    reply_error(c->r, "ERR invalid end ID for the interval");
    return false;
}

bool stream_arg_ids(struct ctx *c, int first, size_t count, struct stream_ids *ids) {
    ids->many = count <= STREAM_IDS_FEW ? NULL : mem_alloc(count * sizeof *ids->many);
    ids->count = count;
    struct stream_id *id = ids->many ? ids->many : ids->few;
    for (size_t i = 0; i < count; i++) {
        if (stream_arg_id(c, first + (int)i, &id[i])) continue;
        stream_ids_free(ids);
        return false;
    }
    return true;
}

void stream_ids_free(struct stream_ids *ids) { mem_free(ids->many); }

bool stream_asks_for_much(struct db *db, const struct slice *argv, int argc) {
    int64_t max;
    (void)db;
    for (int i = 1; i + 1 < argc; i++) {
        if (slice_is(argv[i], "count") && num_parse_i64(argv[i + 1], &max))
            return max <= 0 || max >= ONGOING_UNITS_MIN;
    }
    return slice_is(argv[0], "xreadgroup");
}

bool stream_parse_refs(struct slice word, enum stream_refs *refs) {
    if (slice_is(word, "keepref")) {
        *refs = STREAM_REFS_KEEP;
    } else if (slice_is(word, "delref")) {
        *refs = STREAM_REFS_DROP;
    } else if (slice_is(word, "acked")) {
        *refs = STREAM_REFS_ACKED;
    } else {
        return false;
    }
    return true;
}

const struct row_arg stream_refs_args[] = {
    {.name = "keepref", .type = ARG_PURE_TOKEN, .token = "KEEPREF"},
    {.name = "delref", .type = ARG_PURE_TOKEN, .token = "DELREF"},
    {.name = "acked", .type = ARG_PURE_TOKEN, .token = "ACKED"},
    {0},
};

/* -- replies --------------------------------------------------------------------------- */

void stream_reply_id(struct reply *r, struct stream_id id) {
    char text[STREAM_ID_TEXT_BYTES];
    reply_bulk(r, stream_id_text(id, text));
}

static void reply_value(struct reply *r, const struct lp_value *v) {
    if (v->text.p) {
        reply_bulk(r, v->text);
    } else {
        reply_bulk_int(r, v->i);
    }
}

void stream_reply_fields(struct reply *r, struct stream_entry e) {
    struct lp_value field, value;
    reply_array(r, 2 * e.fields);
    while (stream_field_next(&e, &field, &value)) {
        reply_value(r, &field);
        reply_value(r, &value);
    }
}

void stream_reply_entry(struct reply *r, const struct stream_entry *e) {
    reply_array(r, 2);
    stream_reply_id(r, e->id);
    stream_reply_fields(r, *e);
}

void stream_listing_begin(struct stream_listing *l, struct reply *r) { l->mark = reply_begin(r); }

bool stream_listing_more(struct stream_listing *l, struct reply *r) {
    struct stream_entry e;
    bool more = true;
    while (more && !reply_is_full(r) && !nap_step(l->done)) {
        more = l->left && stream_iter_next(&l->next, &e);
        if (!more) break;
        stream_reply_entry(r, &e);
        l->done++;
        l->left--;
    }
    if (!l->counted) {
        uint64_t rest = more ? stream_iter_count(l->next, l->left) : 0;
        reply_end_array(r, l->mark, l->done + rest);
        l->counted = true;
    }
    return more;
}

void stream_reply_range(struct reply *r, const struct stream *s, struct stream_id from,
                        struct stream_id to, uint64_t max, bool backward) {
    struct stream_listing l = {.left = max ? max : UINT64_MAX};
    stream_iter_start(&l.next, s, from, to, backward);
    stream_listing_begin(&l, r);
    stream_listing_more(&l, r);
}
