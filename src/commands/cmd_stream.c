/* cmd_stream.c - streams: adding entries, removing them, reading runs of them.
 *
 * Threads: the loop.
 * To add a command: a handler, a row at the end of this file.
 * Specification: Redis 7.2's replies, errors and events; what becomes of pending entries (KEEPREF,
 * DELREF, ACKED) as Redis 8.2 has it, idempotent production (IDMP, IDMPAUTO) as 8.6.
 */
#include "commands/cmd_generic_internal.h"
#include "commands/cmd_stream_internal.h"
#include "commands/families.h"
#include "core/offload.h"
#include "core/ongoing.h"

/* -- options of XADD and XTRIM --------------------------------------------------------- */

/* What ~ without LIMIT deletes at most: so many nodes, within these entries. */
#define TRIM_NODES_MAX 100
#define TRIM_ENTRIES_USUAL 10000
#define TRIM_ENTRIES_MAX 1000000

struct edit {
    struct stream_trim trim;
    bool trims, refs_given, limit_given;
    /* XADD alone: */
    bool existing_only;
    int id_at; /* the argument of the ID; argc if there is none */
    bool id_given, seq_given;
    struct stream_id id;
    int producer_at, iid_at; /* 0: not given; iid_at 0 with a producer: IDMPAUTO */
};

/* MAXLEN or MINID, the word of which is argument *i; moves it to the last one that belongs to it.
 */
static bool parse_trim(struct ctx *c, int *i, struct edit *o) {
    if (o->trims) {
        return stream_fail(c, "ERR syntax error, MAXLEN and MINID options at the same time are not "
                              "compatible");
    }
    o->trim.by_id = slice_is(c->argv[*i], "minid");
    o->trims = true;
    if (++*i + 1 < c->argc) {
        o->trim.approx = slice_is(c->argv[*i], "~");
        if (o->trim.approx || slice_is(c->argv[*i], "=")) ++*i;
    }
    if (o->trim.by_id) return stream_arg_id(c, *i, &o->trim.id_min);
    int64_t length;
    if (!ctx_int(c, *i, &length)) return false;
    if (length < 0) return stream_fail(c, "ERR The MAXLEN argument must be >= 0.");
    o->trim.length_max = (uint64_t)length;
    return true;
}

static bool parse_limit(struct ctx *c, int i, struct edit *o) {
    int64_t limit;
    if (!ctx_int(c, i, &limit)) return false;
    if (limit < 0) return stream_fail(c, "ERR The LIMIT argument must be >= 0.");
    o->limit_given = true;
    o->trim.limit = (uint64_t)limit;
    return true;
}

/* IDMP or IDMPAUTO, likewise. */
static bool parse_idmp(struct ctx *c, int *i, struct edit *o) {
    bool automatic = slice_is(c->argv[*i], "idmpauto");
    if (o->producer_at) {
        return stream_fail(c, "ERR syntax error, IDMP/IDMPAUTO specified multiple times");
    }
    o->producer_at = ++*i;
    if (c->argv[*i].n == 0) {
        return stream_fail(c, automatic
                                  ? "ERR syntax error, IDMPAUTO requires a non-empty producer ID"
                                  : "ERR syntax error, IDMP requires a non-empty producer ID");
    }
    if (automatic) return true;
    o->iid_at = ++*i;
    if (c->argv[*i].n) return true;
    return stream_fail(c, "ERR syntax error, IDMP requires a non-empty idempotent ID");
}

static bool parse_id(struct ctx *c, int i, struct edit *o) {
    enum stream_id_form form = stream_id_parse(c->argv[i], 0, &o->id);
    if (form == STREAM_ID_BAD) return stream_fail(c, STREAM_BAD_ID);
    if (o->producer_at) {
        return stream_fail(
            c, "ERR syntax error, IDMP/IDMPAUTO can be used only with auto-generated IDs");
    }
    o->id_given = true;
    o->seq_given = form == STREAM_ID_FULL;
    return true;
}

/* The options up to the ID (XADD) or to the end; *i stays at the ID. */
static bool parse_words(struct ctx *c, bool adds, struct edit *o) {
    int i = 2;
    for (; i < c->argc; i++) {
        struct slice word = c->argv[i];
        int more = c->argc - i - 1;
        if (adds && slice_is(word, "*")) {
            break;
        } else if (more && (slice_is(word, "maxlen") || slice_is(word, "minid"))) {
            if (!parse_trim(c, &i, o)) return false;
        } else if (more && slice_is(word, "limit")) {
            if (!parse_limit(c, ++i, o)) return false;
        } else if (!o->refs_given && stream_parse_refs(word, &o->trim.refs)) {
            o->refs_given = true;
        } else if (adds && slice_is(word, "nomkstream")) {
            o->existing_only = true;
        } else if (adds && ((more && slice_is(word, "idmpauto")) ||
                            (more >= 2 && slice_is(word, "idmp")))) {
            if (!parse_idmp(c, &i, o)) return false;
        } else if (adds) {
            if (!parse_id(c, i, o)) return false;
            break;
        } else {
            reply_err(c->r, ERR_SYNTAX);
            return false;
        }
    }
    o->id_at = i;
    return true;
}

static uint64_t usual_limit(const struct config *conf) {
    uint64_t nodes = (uint64_t)conf->stream_node_entries;
    if (nodes == 0) return TRIM_ENTRIES_USUAL;
    return nodes < TRIM_ENTRIES_MAX / TRIM_NODES_MAX ? TRIM_NODES_MAX * nodes : TRIM_ENTRIES_MAX;
}

static bool parse(struct ctx *c, bool adds, struct edit *o) {
    *o = (struct edit){.trim = {.refs = STREAM_REFS_KEEP}};
    if (!parse_words(c, adds, o)) return false;
    if (o->trim.limit && !o->trims) {
        return stream_fail(c,
                           "ERR syntax error, LIMIT cannot be used without specifying a trimming "
                           "strategy");
    }
    if (!adds && !o->trims) {
        return stream_fail(c, "ERR syntax error, XTRIM must be called with a trimming strategy");
    }
    if (o->limit_given && !o->trim.approx) {
        return stream_fail(c,
                           "ERR syntax error, LIMIT cannot be used without the special ~ option");
    }
    if (!o->limit_given && o->trim.approx) o->trim.limit = usual_limit(c->core->config);
    return true;
}

/* -- XADD ------------------------------------------------------------------------------ */

/* The ID of a new entry of s; false, with the error replied, if it cannot have one. */
static bool choose_id(struct ctx *c, const struct stream *s, struct edit *o) {
    struct stream_id last = stream_state(s)->last;
    if (stream_id_eq(last, STREAM_ID_MAX)) {
        return stream_fail(c,
                           "ERR The stream has exhausted the last possible ID, unable to add more "
                           "items");
    }
    bool can = o->id_given && o->seq_given;
    if (!o->id_given) {
        can = stream_next_id(s, c->core->now_ms, &o->id);
    } else if (!o->seq_given) {
        can = stream_next_seq(s, o->id.ms, &o->id);
    }
    if (can && stream_id_cmp(o->id, last) > 0) return true;
    return stream_fail(
        c, "ERR The ID specified in XADD is equal or smaller than the target stream top "
           "item");
}

/* The iid that the options ask for, or the one that the fields have. */
static struct slice iid_of(struct ctx *c, const struct edit *o, char room[STREAM_IID_AUTO_BYTES]) {
    if (o->iid_at) return c->argv[o->iid_at];
    int fields = o->id_at + 1;
    stream_idmp_auto(c->argv + fields, (size_t)(c->argc - fields) / 2, room);
    return slice_of(room, STREAM_IID_AUTO_BYTES);
}

/* Replies the ID of an entry that was added before; false if it was not. */
static bool is_known(struct ctx *c, struct key k, struct stream *s, const struct edit *o,
                     struct slice iid) {
    struct stream_idmp *m = stream_idmp(s);
    struct stream_id id;
    if (!m || !stream_idmp_find(m, c->argv[o->producer_at], iid, c->core->now_ms, &id)) {
        return false;
    }
    stream_idmp_note_duplicate(m);
    ctx_changed_aside(c, k, FEED_UNTOLD, "xadd");
    effect_none(c);
    stream_reply_id(c->r, id);
    return true;
}

/* How much was trimmed, whatever it hung on: entries went from the first on. */
static void tell_trim(struct ctx *c, const struct stream *s, const struct stream_trim *trim) {
    if (trim->refs != STREAM_REFS_KEEP)
        effect_word(c, trim->refs == STREAM_REFS_DROP ? "DELREF" : "ACKED");
    effect_word(c, "MAXLEN");
    effect_word(c, "=");
    effect_int(c, (int64_t)stream_state(s)->length);
}

static size_t trim_words(const struct stream_trim *trim) {
    return trim->refs == STREAM_REFS_KEEP ? 3 : 4;
}

/* The entry with its ID, and which one of its producer it was. */
static void tell_added(struct ctx *c, const struct stream *s, const struct edit *o, bool trimmed,
                       struct slice iid) {
    char text[STREAM_ID_TEXT_BYTES];
    struct slice id = stream_id_text(o->id, text);
    effect_begin(c, 2 + (trimmed ? trim_words(&o->trim) : 0) + (size_t)(c->argc - o->id_at));
    effect_word(c, "XADD");
    effect_bytes(c, c->argv[1]);
    if (trimmed) tell_trim(c, s, &o->trim);
    effect_bytes(c, id);
    for (int i = o->id_at + 1; i < c->argc; i++) effect_bytes(c, c->argv[i]);
    if (!o->producer_at) return;
    effect_begin(c, 5);
    effect_word(c, "XIDMPRECORD");
    effect_bytes(c, c->argv[1]);
    effect_bytes(c, c->argv[o->producer_at]);
    effect_bytes(c, iid);
    effect_bytes(c, id);
}

/* An entry is added, a stream is trimmed: which may go on (core/ongoing.h). */
struct editing {
    struct edit o;
    struct stream *s;
    bool is_new; /* it is not the key's yet */
};

/* Entries for which one has to be asked after the other whether they may go, about. */
static uint64_t trim_units(const struct stream *s, const struct edit *o) {
    const struct stream_trim *trim = &o->trim;
    if (!o->trims || trim->refs == STREAM_REFS_KEEP) return 0;
    uint64_t length = stream_state(s)->length, max = trim->limit ? trim->limit : UINT64_MAX;
    if (trim->by_id) return stream_entries_about(s, STREAM_ID_MIN, trim->id_min, max);
    uint64_t over = length > trim->length_max ? length - trim->length_max : 0;
    return over < max ? over : max;
}

static void rest(void *ctx) { ongoing_rest(ctx); }

static uint64_t trim(struct ctx *c, struct stream *s, struct stream_trim *how) {
    how->rest = rest;
    how->rest_ctx = c;
    return stream_trim(s, how);
}

static void add_each(struct ctx *c, void *state) {
    struct editing *x = state;
    struct edit *o = &x->o;
    struct stream *s = x->s;
    struct key k = ctx_key(c, 1);
    bool is_new = x->is_new;
    const struct config *conf = c->core->config;
    struct stream_limits limits = {(uint64_t)conf->stream_node_bytes,
                                   (uint64_t)conf->stream_node_entries};
    char room[STREAM_IID_AUTO_BYTES];
    struct slice iid = o->producer_at ? iid_of(c, o, room) : slice_of(NULL, 0);
    int fields = o->id_at + 1;
    bool known = o->producer_at && !is_new && is_known(c, k, s, o, iid);
    bool added = false;
    if (!known && choose_id(c, s, o)) {
        added = stream_append(s, o->id, c->argv + fields, (size_t)(c->argc - fields) / 2, &limits);
        if (!added) reply_error(c->r, "ERR Elements are too large to be stored");
    }
    if (!added) {
        if (is_new) stream_free(s);
        return;
    }
    if (is_new) db_put_object(c->db, k, TYPE_STREAM, s);
    if (o->producer_at) {
        stream_idmp_add(stream_idmp_of(c, s), c->argv[o->producer_at], iid, o->id, c->core->now_ms);
    }
    stream_reply_id(c->r, o->id);
    ctx_changed(c, k, FEED_STREAM, "xadd");
    bool trimmed = o->trims && trim(c, s, &o->trim);
    if (trimmed) {
        ctx_changed_calmly(c, ctx_key(c, 1), FEED_STREAM, "xtrim");
        ctx_counts(c, 0);
    }
    if (o->iid_at) iid = c->argv[o->iid_at]; /* it may have moved */
    if (effects_wanted(c)) tell_added(c, s, o, trimmed, iid);
}

static void stream_xadd(struct ctx *c) {
    struct edit o;
    if (!parse(c, true, &o)) return;
    int fields = c->argc - o.id_at - 1;
    if (fields < 2 || fields % 2) {
        ctx_arity_error(c);
        return;
    }
    if (o.id_given && o.seq_given && stream_id_is_zero(o.id)) {
        reply_error(c->r, "ERR The ID specified in XADD must be greater than 0-0");
        return;
    }
    struct stream *s;
    if (!stream_key_find(c, 1, &s)) return;
    if (!s && o.existing_only) {
        reply_null(c->r);
        return;
    }
    struct editing x = {o, s ? s : stream_new(), !s};
    ongoing_command(c, &(struct ongoing_steps){
                           .units = s ? trim_units(s, &o) : 0,
                           .state = &x,
                           .state_bytes = sizeof x,
                           .body = add_each,
                       });
}

/* With references to be looked for, and much to be trimmed perhaps. */
static bool edit_takes_long(struct db *db, const struct slice *argv, int argc) {
    const struct entry *e = db_glance(db, key_of(argv[1]));
    enum stream_refs refs;
    if (!e || entry_type(e) != TYPE_STREAM ||
        stream_state(entry_object(e))->length < ONGOING_UNITS_MIN)
        return false;
    for (int i = 2; i < argc; i++) {
        if (stream_parse_refs(argv[i], &refs) && refs != STREAM_REFS_KEEP) return true;
    }
    return false;
}

/* -- removing -------------------------------------------------------------------------- */

static void trim_each(struct ctx *c, void *state) {
    struct editing *x = state;
    struct stream *s = x->s;
    uint64_t deleted = trim(c, s, &x->o.trim);
    if (deleted) ctx_changed_calmly(c, ctx_key(c, 1), FEED_STREAM, "xtrim");
    if (deleted && effects_wanted(c)) {
        effect_begin(c, 2 + trim_words(&x->o.trim));
        effect_word(c, "XTRIM");
        effect_bytes(c, c->argv[1]);
        tell_trim(c, s, &x->o.trim);
    }
    reply_int(c->r, (int64_t)deleted);
}

static void stream_xtrim(struct ctx *c) {
    struct editing x;
    if (!parse(c, false, &x.o) || !stream_key_find(c, 1, &x.s)) return;
    if (!x.s) {
        reply_int(c->r, 0);
        return;
    }
    ongoing_command(c, &(struct ongoing_steps){
                           .units = trim_units(x.s, &x.o),
                           .state = &x,
                           .state_bytes = sizeof x,
                           .body = trim_each,
                       });
}

struct deleting {
    struct stream *s;
    struct stream_ids ids;
};

static void delete_each(struct ctx *c, void *state) {
    struct deleting *x = state;
    int64_t deleted = 0;
    for (size_t i = 0; i < x->ids.count; i++) {
        ongoing_rest(c);
        deleted += stream_delete(x->s, stream_ids_at(&x->ids, i));
    }
    if (deleted) ctx_changed_calmly(c, ctx_key(c, 1), FEED_STREAM, "xdel");
    reply_int(c->r, deleted);
}

static void deleting_drop(void *state) { stream_ids_free(&((struct deleting *)state)->ids); }

static void stream_xdel(struct ctx *c) {
    struct deleting x;
    if (!stream_key_find(c, 1, &x.s)) return;
    if (!x.s) {
        reply_int(c->r, 0);
        return;
    }
    if (!stream_arg_ids(c, 2, (size_t)c->argc - 2, &x.ids)) return;
    ongoing_command(c, &(struct ongoing_steps){
                           .units = x.ids.count,
                           .state = &x,
                           .state_bytes = sizeof x,
                           .body = delete_each,
                           .drop = deleting_drop,
                       });
}

/* -- XSETID ---------------------------------------------------------------------------- */

struct set_id {
    struct stream_id last, deleted_max;
    int64_t added; /* -1: as it is */
};

static bool parse_set_id(struct ctx *c, struct set_id *o) {
    *o = (struct set_id){.added = -1};
    if (!stream_arg_id(c, 2, &o->last)) return false;
    for (int i = 3; i < c->argc; i += 2) {
        bool more = i + 1 < c->argc;
        if (more && slice_is(c->argv[i], "entriesadded")) {
            if (!ctx_int(c, i + 1, &o->added)) return false;
            if (o->added < 0) return stream_fail(c, "ERR entries_added must be positive");
        } else if (more && slice_is(c->argv[i], "maxdeletedid")) {
            if (!stream_arg_id(c, i + 1, &o->deleted_max)) return false;
            if (stream_id_cmp(o->last, o->deleted_max) < 0) {
                return stream_fail(c, "ERR The ID specified in XSETID is smaller than the provided "
                                      "max_deleted_entry_id");
            }
        } else {
            reply_err(c->r, ERR_SYNTAX);
            return false;
        }
    }
    return true;
}

static bool may_set_id(struct ctx *c, const struct stream *s, const struct set_id *o) {
    const struct stream_state *state = stream_state(s);
    struct stream_entry top;
    if (stream_id_cmp(o->last, state->deleted_max) < 0) {
        return stream_fail(c, "ERR The ID specified in XSETID is smaller than current "
                              "max_deleted_entry_id");
    }
    if (!stream_edge(s, true, &top)) return true;
    if (stream_id_cmp(o->last, top.id) < 0) {
        return stream_fail(
            c, "ERR The ID specified in XSETID is smaller than the target stream top item");
    }
    if (o->added >= 0 && state->length > (uint64_t)o->added) {
        return stream_fail(c,
                           "ERR The entries_added specified in XSETID is smaller than the target "
                           "stream length");
    }
    return true;
}

static void stream_xsetid(struct ctx *c) {
    struct set_id o;
    struct stream *s;
    if (!parse_set_id(c, &o) || !stream_key_need(c, 1, &s) || !may_set_id(c, s, &o)) return;
    stream_set_last(s, o.last);
    if (o.added >= 0) stream_set_added(s, (uint64_t)o.added);
    if (!stream_id_is_zero(o.deleted_max)) stream_set_deleted_max(s, o.deleted_max);
    ctx_changed_aside(c, ctx_key(c, 1), FEED_STREAM, "xsetid");
    reply_ok(c->r);
}

/* -- reading --------------------------------------------------------------------------- */

static void stream_xlen(struct ctx *c) {
    struct stream *s;
    if (stream_key_read(c, 1, &s)) reply_int(c->r, s ? (int64_t)stream_state(s)->length : 0);
}

static void begin_range(void *state, struct reply *r) { stream_listing_begin(state, r); }
static bool more_of_range(void *state, struct reply *r) { return stream_listing_more(state, r); }

/* XREVRANGE has the ends the other way round. */
static void range(struct ctx *c, bool backward) {
    struct stream_id from, to;
    struct stream *s;
    int64_t max = INT64_MAX;
    if (!stream_arg_from(c, backward ? 3 : 2, &from)) return;
    if (!stream_arg_to(c, backward ? 2 : 3, &to)) return;
    for (int i = 4; i < c->argc; i += 2) {
        if (i + 1 >= c->argc || !slice_is(c->argv[i], "count")) {
            reply_err(c->r, ERR_SYNTAX);
            return;
        }
        if (!ctx_int(c, i + 1, &max)) return;
    }
    if (!stream_key_read(c, 1, &s)) return;
    if (!s) {
        reply_array(c->r, 0);
    } else if (max <= 0) {
        reply_null_array(c->r);
    } else {
        struct stream_listing l = {.left = (uint64_t)max};
        stream_iter_start(&l.next, s, from, to, backward);
        offload(c, &(struct offload){
                       .units = stream_entries_about(s, from, to, l.left),
                       .state = &l,
                       .state_bytes = sizeof l,
                       .compute = begin_range,
                       .more = more_of_range,
                   });
    }
}

static void stream_xrange(struct ctx *c) { range(c, false); }
static void stream_xrevrange(struct ctx *c) { range(c, true); }

/* -- rows ------------------------------------------------------------------------------ */

static const struct row_arg idmp_args[] = {
    {.name = "producer-id", .type = ARG_STRING},
    {.name = "idempotent-id", .type = ARG_STRING},
    {0},
};

static const struct row_arg idmp_form_args[] = {
    {.name = "producer-id", .type = ARG_STRING, .token = "IDMPAUTO"},
    {.name = "idmp", .type = ARG_BLOCK, .token = "IDMP", .sub = idmp_args},
    {0},
};

static const struct row_arg strategy_args[] = {
    {.name = "maxlen", .type = ARG_PURE_TOKEN, .token = "MAXLEN"},
    {.name = "minid", .type = ARG_PURE_TOKEN, .token = "MINID", .since = "6.2.0"},
    {0},
};

static const struct row_arg operator_args[] = {
    {.name = "equal", .type = ARG_PURE_TOKEN, .token = "="},
    {.name = "approximately", .type = ARG_PURE_TOKEN, .token = "~"},
    {0},
};

static const struct row_arg trim_args[] = {
    {.name = "strategy", .type = ARG_ONEOF, .sub = strategy_args},
    {.name = "operator", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = operator_args},
    {.name = "threshold", .type = ARG_STRING},
    {.name = "count",
     .type = ARG_INTEGER,
     .flags = ARG_OPTIONAL,
     .token = "LIMIT",
     .since = "6.2.0"},
    {0},
};

static const struct row_arg id_selector_args[] = {
    {.name = "auto-id", .type = ARG_PURE_TOKEN, .token = "*"},
    {.name = "id", .type = ARG_STRING},
    {0},
};

static const struct row_arg data_args[] = {
    {.name = "field", .type = ARG_STRING},
    {.name = "value", .type = ARG_STRING},
    {0},
};

static const struct row_arg add_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "nomkstream",
     .type = ARG_PURE_TOKEN,
     .flags = ARG_OPTIONAL,
     .token = "NOMKSTREAM",
     .since = "6.2.0"},
    {.name = "condition",
     .type = ARG_ONEOF,
     .flags = ARG_OPTIONAL,
     .since = "8.2.0",
     .sub = stream_refs_args},
    {.name = "idmp",
     .type = ARG_ONEOF,
     .flags = ARG_OPTIONAL,
     .since = "8.6.0",
     .sub = idmp_form_args},
    {.name = "trim", .type = ARG_BLOCK, .flags = ARG_OPTIONAL, .sub = trim_args},
    {.name = "id-selector", .type = ARG_ONEOF, .sub = id_selector_args},
    {.name = "data", .type = ARG_BLOCK, .flags = ARG_MULTIPLE, .sub = data_args},
    {0},
};

static const struct row_arg del_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "id", .type = ARG_STRING, .flags = ARG_MULTIPLE},
    {0},
};

static const struct row_arg key_args[] = {
    {.name = "key", .type = ARG_KEY},
    {0},
};

static const struct row_arg range_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "start", .type = ARG_STRING},
    {.name = "end", .type = ARG_STRING},
    {.name = "count", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "COUNT"},
    {0},
};

static const struct row_arg revrange_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "end", .type = ARG_STRING},
    {.name = "start", .type = ARG_STRING},
    {.name = "count", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "COUNT"},
    {0},
};

static const struct row_arg setid_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "last-id", .type = ARG_STRING},
    {.name = "entries-added",
     .type = ARG_INTEGER,
     .flags = ARG_OPTIONAL,
     .token = "ENTRIESADDED",
     .since = "7.0.0"},
    {.name = "max-deleted-id",
     .type = ARG_STRING,
     .flags = ARG_OPTIONAL,
     .token = "MAXDELETEDID",
     .since = "7.0.0"},
    {0},
};

static const struct row_arg xtrim_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "trim", .type = ARG_BLOCK, .sub = trim_args},
    {.name = "condition",
     .type = ARG_ONEOF,
     .flags = ARG_OPTIONAL,
     .since = "8.2.0",
     .sub = stream_refs_args},
    {0},
};

static const struct row_change add_history[] = {
    {"6.2.0", "`NOMKSTREAM`, trimming by `MINID`, and `LIMIT` were added."},
    {"7.0.0", "An ID may be `<ms>-*`."},
    {"8.2.0", "`KEEPREF`, `DELREF` and `ACKED` were added."},
    {"8.6.0", "`IDMP` and `IDMPAUTO` were added."},
    {0},
};

static const struct row_change range_history[] = {
    {"6.2.0", "Intervals may be open."},
    {0},
};

static const struct row_change setid_history[] = {
    {"7.0.0", "`ENTRIESADDED` and `MAXDELETEDID` were added."},
    {0},
};

static const struct row_change trim_history[] = {
    {"6.2.0", "Trimming by `MINID`, and `LIMIT`, were added."},
    {"8.2.0", "`KEEPREF`, `DELREF` and `ACKED` were added."},
    {0},
};

static const char *const varying_tips[] = {"nondeterministic_output", NULL};

const struct row stream_rows[] = {
    {
        .name = "xadd",
        .run = stream_xadd,
        .takes_long = edit_takes_long,
        .arity = -5,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_FAST,
        .acl = ACL_STREAM,
        .keys = {{.flags = KEY_RW | KEY_UPDATE,
                  .begin = BEGIN_INDEX,
                  .index = 1,
                  .find = FIND_RANGE,
                  .step = 1,
                  .notes = "Trimming makes it an update, not an insertion."}},
        .since = "5.0.0",
        .summary = "Adds an entry to the end of a stream, and makes the key if there is none.",
        .complexity = "O(1) to add, O(N) in the entries that are trimmed",
        .group = GROUP_STREAM,
        .args = add_args,
        .history = add_history,
        .tips = varying_tips,
    },
    {
        .name = "xdel",
        .run = stream_xdel,
        .takes_long = ongoing_has_many_arguments,
        .arity = -3,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_STREAM,
        .keys = {KEY_IN(1, KEY_RW | KEY_DELETE)},
        .since = "5.0.0",
        .summary = "Deletes entries of a stream and tells how many there were.",
        .complexity = "O(1) an entry",
        .group = GROUP_STREAM,
        .args = del_args,
    },
    {
        .name = "xlen",
        .run = stream_xlen,
        .arity = 2,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_STREAM,
        .keys = {KEY_IN(1, KEY_RO)},
        .since = "5.0.0",
        .summary = "Tells how many entries a stream has.",
        .complexity = "O(1)",
        .group = GROUP_STREAM,
        .args = key_args,
    },
    {
        .name = "xrange",
        .run = stream_xrange,
        .arity = -4,
        .flags = ROW_READONLY,
        .acl = ACL_STREAM,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "5.0.0",
        .summary = "Returns the entries of a stream whose IDs are within an interval.",
        .complexity = "O(N) in the entries returned",
        .group = GROUP_STREAM,
        .args = range_args,
        .history = range_history,
    },
    {
        .name = "xrevrange",
        .run = stream_xrevrange,
        .arity = -4,
        .flags = ROW_READONLY,
        .acl = ACL_STREAM,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "5.0.0",
        .summary = "Returns the entries within an interval of IDs, the last one first.",
        .complexity = "O(N) in the entries returned",
        .group = GROUP_STREAM,
        .args = revrange_args,
        .history = range_history,
    },
    {
        .name = "xsetid",
        .run = stream_xsetid,
        .arity = -3,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_FAST,
        .acl = ACL_STREAM,
        .keys = {KEY_IN(1, KEY_RW | KEY_UPDATE)},
        .since = "5.0.0",
        .summary = "Sets the counters of a stream, for a copy of it elsewhere.",
        .complexity = "O(1)",
        .group = GROUP_STREAM,
        .args = setid_args,
        .history = setid_history,
    },
    {
        .name = "xtrim",
        .run = stream_xtrim,
        .takes_long = edit_takes_long,
        .arity = -4,
        .flags = ROW_WRITE,
        .acl = ACL_STREAM,
        .keys = {KEY_IN(1, KEY_RW | KEY_DELETE)},
        .since = "5.0.0",
        .summary = "Deletes entries from the beginning of a stream.",
        .complexity = "O(N) in the entries deleted; whole nodes of them go at once",
        .group = GROUP_STREAM,
        .args = xtrim_args,
        .history = trim_history,
        .tips = varying_tips,
    },
    {0},
};
