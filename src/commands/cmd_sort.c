/* cmd_sort.c - SORT and SORT_RO: the elements of a list, set or sorted set in order, and what other
 * keys hold under names made of them.
 *
 * S1  Elements and looked-up values are borrowed from their keys; a destination is written last,
 *     and may be any of those keys. Texts that are compared are copies, as strcoll needs them.
 * S2  Elements of equal weight come in the order of their bytes; with ALPHA, where they are as good
 *     as each other, in the order in which the key has them.
 * S3  Only the elements that LIMIT leaves are put in order (base/part_sort.h). All are weighed,
 *     since one weight that is no number is an error wherever it stands.
 * S4  Patterns are C strings, as in Redis: '*' and "->" do not count behind a zero byte.
 * Threads: the loop. Cost: the elements, and a look-up for each with BY and for each GET.
 * To add a type: a function that collects its elements, in collectors[].
 * Specification: Redis 7.2's replies, errors and events. (Redis turns a small sorted set into a
 * large one in passing; here reads change nothing.)
 */
#include "base/arena.h"
#include "base/mem.h"
#include "base/part_sort.h"
#include "commands/cmd_generic_internal.h"
#include "commands/cmd_hash_internal.h"
#include "commands/cmd_list_internal.h"
#include "commands/families.h"
#include "core/offload.h"
#include "store/set_entry.h"
#include "store/zset_entry.h"

/* -- patterns ------------------------------------------------------------------------ */

/* BY or GET: the name of a key with the element in the place of the '*', and a field of it. */
struct pattern {
    bool is_element; /* "#": the element itself */
    bool is_fixed;   /* no '*': names nothing */
    bool has_field;
    struct slice before, after, field;
};

static struct pattern pattern_of(struct slice s) {
    struct pattern p = {.before = s};
    struct slice text = slice_of(s.p, strnlen(s.p, s.n));
    const char *star = memchr(text.p, '*', text.n), *end = text.p + text.n, *arrow = NULL;
    p.is_element = text.n == 1 && *text.p == '#';
    p.is_fixed = !star;
    if (!star) return p;
    for (const char *at = star + 1; !arrow && at + 1 < end; at++) {
        if (at[0] == '-' && at[1] == '>') arrow = at;
    }
    p.has_field = arrow && arrow + 2 < end;
    p.before.n = (size_t)(star - s.p);
    p.after = slice_of(star + 1, (size_t)((p.has_field ? arrow : s.p + s.n) - star - 1));
    if (p.has_field) p.field = slice_of(arrow + 2, (size_t)(s.p + s.n - arrow - 2));
    return p;
}

/* Room for the names that patterns make. */
#define NAME_BYTES_HERE 256

struct name_room {
    char *p;
    size_t bytes;
    char here[NAME_BYTES_HERE];
};

static struct slice pattern_name(const struct pattern *p, struct slice element,
                                 struct name_room *room) {
    size_t n = p->before.n + element.n + p->after.n;
    if (n > room->bytes) {
        if (room->p != room->here) mem_free(room->p);
        room->p = mem_alloc(n);
        room->bytes = n;
    }
    memcpy(room->p, p->before.p, p->before.n);
    memcpy(room->p + p->before.n, element.p, element.n);
    memcpy(room->p + p->before.n + element.n, p->after.p, p->after.n);
    return slice_of(room->p, n);
}

/* -- arguments ----------------------------------------------------------------------- */

struct sort {
    struct ctx *c;         /* not while it is computed, unless other keys are read */
    const struct entry *e; /* NULL: no key */
    bool down, alpha, unordered;
    bool by_pattern;
    struct pattern by;
    int64_t offset, limit; /* limit < 0: none */
    int store_at;          /* the argument that is the destination, 0: none */
    struct pattern *gets;
    size_t get_count, get_room;
    struct item *items;
    size_t count, room;
    size_t from, to; /* of the items, those that are shown */
    bool bad_weight;
    struct arena texts;
    struct name_room name;
};

static void add_get(struct sort *s, struct slice pattern) {
    if (s->get_count == s->get_room) {
        s->get_room = s->get_room ? 2 * s->get_room : 4;
        s->gets = mem_realloc(s->gets, s->get_room * sizeof *s->gets);
    }
    s->gets[s->get_count++] = pattern_of(pattern);
}

/* The option at argument i: how many arguments it takes, 0 with an error reply. */
static int sort_option(struct sort *s, bool may_store, int i) {
    struct ctx *c = s->c;
    struct slice word = c->argv[i];
    int more = c->argc - i - 1;
    if (slice_is(word, "asc") || slice_is(word, "desc")) {
        s->down = slice_is(word, "desc");
        return 1;
    }
    if (slice_is(word, "alpha")) {
        s->alpha = true;
        return 1;
    }
    if (more >= 2 && slice_is(word, "limit"))
        return ctx_int(c, i + 1, &s->offset) && ctx_int(c, i + 2, &s->limit) ? 3 : 0;
    if (more >= 1 && may_store && slice_is(word, "store")) {
        s->store_at = i + 1;
        return 2;
    }
    if (more >= 1 && slice_is(word, "by")) {
        s->by = pattern_of(c->argv[i + 1]);
        s->by_pattern = true;
        if (s->by.is_fixed) s->unordered = true;
        return 2;
    }
    if (more >= 1 && slice_is(word, "get")) {
        add_get(s, c->argv[i + 1]);
        return 2;
    }
    reply_err(c->r, ERR_SYNTAX);
    return 0;
}

static bool sort_parse(struct sort *s, bool may_store) {
    for (int i = 2, n; i < s->c->argc; i += n) {
        n = sort_option(s, may_store, i);
        if (!n) return false;
    }
    return true;
}

/* -- elements ------------------------------------------------------------------------ */

/* An element with what it is sorted by. */
struct item {
    struct lp_value element; /* as in a listpack: a text, or a number */
    union {
        double weight;
        struct slice text; /* with ALPHA; p is NULL if there is none */
    };
    size_t place;
};
_Static_assert(sizeof(struct item) <= PART_SORT_ITEM_BYTES_MAX, "part_sort takes it");

static void add_item(struct sort *s, const struct lp_value *element) {
    if (s->count == s->room) {
        s->room = s->room ? 2 * s->room : 32;
        s->items = mem_realloc(s->items, s->room * sizeof *s->items);
    }
    s->items[s->count] = (struct item){.element = *element, .place = s->count};
    s->count++;
}

/* A text whose digits its giver keeps for a moment only, if it is a number. */
static void add_text(struct sort *s, struct slice text, const char *digits) {
    struct lp_value element = {.text = text};
    if (text.p == digits && num_parse_i64(text, &element.i)) element.text.p = NULL;
    add_item(s, &element);
}

static uint64_t set_length(const struct entry *e) { return set_count(set_view_of(e)); }
static uint64_t zset_length(const struct entry *e) { return zset_count(zset_view_of(e)); }

/* An unordered list or sorted set is read in its own order, or from its end, as far as it is
 * shown. */
static void collect_list(struct sort *s, const struct entry *e) {
    struct list_element element;
    uint64_t at = s->unordered ? s->from : 0, n = s->unordered ? s->to - s->from : UINT64_MAX;
    bool backward = s->unordered && s->down;
    if (!n) return;
    struct list_cursor cursor = list_cursor(e, backward ? list_length(e) - 1 - at : at, backward);
    while (n-- && list_cursor_next(&cursor, &element)) add_item(s, &element.value);
}

static void collect_zset(struct sort *s, const struct entry *e) {
    struct zset_view v = zset_view_of(e);
    struct zset_iter it;
    struct zset_item item;
    uint64_t at = s->unordered ? s->from : 0, n = s->unordered ? s->to - s->from : UINT64_MAX;
    bool down = s->unordered && s->down;
    if (!n) return;
    zset_iter_start(&it, v, down ? zset_count(v) - 1 - at : at, down);
    while (n-- && zset_iter_next(&it, &item)) add_text(s, item.member, item.digits);
}

/* What set_each may keep in digits of its own is copied. */
static void collect_member(void *ctx, struct slice member) {
    struct sort *s = ctx;
    struct lp_value element = {.text = member};
    if (num_parse_i64(member, &element.i)) element.text.p = NULL;
    add_item(s, &element);
}

static void collect_set(struct sort *s, const struct entry *e) {
    set_each(set_view_of(e), collect_member, s);
}

static const struct {
    uint64_t (*length)(const struct entry *e);
    void (*collect)(struct sort *s, const struct entry *e);
    bool in_order; /* of its own, which an unordered sort keeps */
} collectors[TYPE_COUNT] = {
    [TYPE_LIST] = {list_length, collect_list, true},
    [TYPE_SET] = {set_length, collect_set, false},
    [TYPE_ZSET] = {zset_length, collect_zset, true},
};

/* What LIMIT leaves of so many elements. */
static void set_range(struct sort *s, uint64_t length) {
    uint64_t from = s->offset < 0 ? 0 : (uint64_t)s->offset;
    if (from > length) from = length;
    uint64_t n = length - from;
    if (s->limit >= 0 && (uint64_t)s->limit < n) n = (uint64_t)s->limit;
    s->from = from;
    s->to = from + n;
}

static void collect(struct sort *s, const struct entry *e) {
    enum entry_type type = entry_type(e);
    set_range(s, collectors[type].length(e));
    /* What is stored must not hang on a set's own order. */
    if (s->unordered && s->store_at && !collectors[type].in_order) {
        s->unordered = s->by_pattern = false;
        s->alpha = true;
    }
    collectors[type].collect(s, e);
    if (!s->unordered || !collectors[type].in_order) return;
    s->to -= s->from;
    s->from = 0;
}

/* -- weights ------------------------------------------------------------------------- */

/* What a pattern leads to; false if there is no such key or field. */
static bool look_up(struct sort *s, const struct pattern *p, const struct lp_value *element,
                    struct list_element *found) {
    char digits[ENTRY_DIGITS_MAX];
    *found = (struct list_element){.value = *element};
    if (p->is_element) return true;
    if (p->is_fixed) return false;
    struct slice name = pattern_name(p, lp_text(element, digits), &s->name);
    const struct entry *e = db_read(s->c->db, key_of(name));
    if (!e) return false;
    if (p->has_field)
        return entry_type(e) == TYPE_HASH &&
               hash_view_get(hash_look(s->c, e), p->field, &found->value);
    if (entry_type(e) != TYPE_STRING) return false;
    if (entry_encoding(e) == ENC_INT) {
        found->value = (struct lp_value){.i = entry_int(e)};
    } else {
        found->value = (struct lp_value){.text = entry_bytes(e, digits)};
        found->blob = entry_blob(e);
    }
    return true;
}

static void weigh(struct sort *s, struct item *item) {
    struct list_element found = {.value = item->element};
    char digits[LP_INT_TEXT_BYTES];
    if (s->by_pattern && !look_up(s, &s->by, &item->element, &found)) return;
    if (s->alpha) {
        item->text = arena_text(&s->texts, lp_text(&found.value, digits));
    } else if (!found.value.text.p) {
        item->weight = (double)found.value.i;
    } else if (!num_parse_double_c(found.value.text, &item->weight)) {
        s->bad_weight = true;
    }
}

/* -- order --------------------------------------------------------------------------- */

static int compare_elements(const struct item *a, const struct item *b) {
    char a_digits[LP_INT_TEXT_BYTES], b_digits[LP_INT_TEXT_BYTES];
    return slice_cmp(lp_text(&a->element, a_digits), lp_text(&b->element, b_digits));
}

static int compare_weights(const struct item *a, const struct item *b) {
    if (a->weight != b->weight) return a->weight < b->weight ? -1 : 1;
    return compare_elements(a, b);
}

/* What is stored is the same wherever the server runs. */
static int compare_texts(const struct item *a, const struct item *b, bool by_bytes) {
    if (!a->text.p || !b->text.p) return (a->text.p != NULL) - (b->text.p != NULL);
    return by_bytes ? slice_cmp(a->text, b->text) : strcoll(a->text.p, b->text.p);
}

static int compare_items(const void *a, const void *b, void *ctx) {
    const struct item *x = a, *y = b;
    const struct sort *s = ctx;
    int order = s->alpha ? compare_texts(x, y, s->store_at) : compare_weights(x, y);
    if (order) return s->down ? -order : order;
    return (x->place > y->place) - (x->place < y->place);
}

static void put_in_order(struct sort *s) {
    for (size_t i = 0; i < s->count; i++) weigh(s, &s->items[i]);
    if (s->bad_weight) return;
    part_sort(&(struct part_sort){s->items, s->count, sizeof *s->items, s->from, s->to},
              compare_items, s);
}

/* -- what becomes of it -------------------------------------------------------------- */

typedef void take_value(void *ctx, const struct list_element *v);

/* Hands on each value that is shown; NULL stands for one that GET did not find. */
static void show(struct sort *s, take_value *take, void *ctx) {
    struct list_element found;
    for (size_t i = s->from; i < s->to; i++) {
        const struct lp_value *element = &s->items[i].element;
        if (!s->get_count) take(ctx, &(struct list_element){.value = *element});
        for (size_t k = 0; k < s->get_count; k++)
            take(ctx, look_up(s, &s->gets[k], element, &found) ? &found : NULL);
    }
}

static void reply_value(void *ctx, const struct list_element *v) {
    struct reply *r = ctx;
    if (v) {
        list_reply(r, v);
    } else {
        reply_null(r);
    }
}

/* What Redis reckons for an element's head, beside its text. */
#define HEAD_BYTES 8

static void store_value(void *ctx, const struct list_element *v) {
    struct list_edit *ed = ctx;
    char digits[LP_INT_TEXT_BYTES];
    struct slice text = v ? lp_text(&v->value, digits) : slice_of("", 0);
    list_edit_grow(ed, text.n + HEAD_BYTES, 1);
    list_edit_push(ed, true, (struct list_item){text, NULL});
}

static void sort_store(struct sort *s, size_t count) {
    struct ctx *c = s->c;
    struct key k = ctx_key(c, s->store_at);
    struct list_edit ed;
    if (count) {
        list_edit_open(&ed, c, k, NULL);
        show(s, store_value, &ed);
        list_edit_close(&ed, false, "sortstore");
        db_set_expire(c->db, k, DB_NO_TTL);
    } else if (db_delete(c->db, k)) {
        ctx_changed(c, k, FEED_GENERIC, "del");
    }
    reply_int(c->r, (int64_t)count);
}

/* -- commands ------------------------------------------------------------------------ */

/* Whether only the key itself is read. */
static bool is_alone(const struct sort *s) {
    if (s->by_pattern) return false;
    for (size_t i = 0; i < s->get_count; i++) {
        if (!s->gets[i].is_element && !s->gets[i].is_fixed) return false;
    }
    return true;
}

static size_t shown(const struct sort *s) {
    return (s->to - s->from) * (s->get_count ? s->get_count : 1);
}

static void compute_sort(void *state, struct reply *r) {
    struct sort *s = *(struct sort **)state;
    if (s->e) collect(s, s->e);
    if (!s->unordered) put_in_order(s);
    if (s->bad_weight) {
        reply_error(r, "ERR One or more scores can't be converted into double");
    } else if (!s->store_at) {
        reply_array(r, shown(s));
        show(s, reply_value, r);
    }
}

static void commit_sort(struct ctx *c, void *state) {
    struct sort *s = *(struct sort **)state;
    s->c = c;
    if (!s->bad_weight) sort_store(s, shown(s));
}

static void sort_drop(void *state) {
    struct sort *s = *(struct sort **)state;
    if (s->name.p != s->name.here) mem_free(s->name.p);
    arena_free(&s->texts);
    mem_free(s->items);
    mem_free(s->gets);
    mem_free(s);
}

static void sort_run(struct sort *s) {
    struct ctx *c = s->c;
    s->e = db_read(c->db, ctx_key(c, 1));
    if (s->e && !collectors[entry_type(s->e)].collect) {
        reply_err(c->r, ERR_WRONGTYPE);
        sort_drop(&s);
        return;
    }
    offload(c, &(struct offload){
                   .units = s->e && is_alone(s) ? collectors[entry_type(s->e)].length(s->e) : 0,
                   .state = &s,
                   .state_bytes = sizeof s,
                   .compute = compute_sort,
                   .commit = s->store_at ? commit_sort : NULL,
                   .drop = sort_drop,
               });
}

static void sort_any(struct ctx *c, bool may_store) {
    struct sort *s = mem_calloc(sizeof *s);
    s->c = c;
    s->limit = -1;
    s->name.p = s->name.here;
    s->name.bytes = sizeof s->name.here;
    if (sort_parse(s, may_store)) {
        sort_run(s);
    } else {
        sort_drop(&s);
    }
}

static void sort_write(struct ctx *c) { sort_any(c, true); }
static void sort_read(struct ctx *c) { sort_any(c, false); }

static void add_key(int at, uint16_t how, int *out, uint16_t *flags) {
    *out = at;
    if (flags) *flags = how;
}

/* The key, and the destination of the last STORE: those of patterns cannot be told. */
static int sort_keys(const struct slice *argv, int argc, int *out, uint16_t *flags, int max) {
    int store_at = 0;
    for (int i = 2; i < argc; i++) {
        if (slice_is(argv[i], "limit")) {
            i += 2;
        } else if (slice_is(argv[i], "get") || slice_is(argv[i], "by")) {
            i++;
        } else if (slice_is(argv[i], "store") && i + 1 < argc) {
            store_at = i + 1; /* which is looked at as an option too, as Redis does */
        }
    }
    if (max > 0) add_key(1, KEY_RO | KEY_ACCESS, out, flags);
    if (!store_at) return 1;
    if (max > 1) add_key(store_at, KEY_OW | KEY_UPDATE, out + 1, flags ? flags + 1 : NULL);
    return 2;
}

/* Patterns make names of the elements. */
static enum row_hides sort_hides(const struct slice *argv, int argc) {
    for (int i = 2; i < argc; i++) {
        if (slice_is(argv[i], "get") || slice_is(argv[i], "by")) return HIDES_NAMES;
    }
    return HIDES_NOTHING;
}

static int sort_read_keys(const struct slice *argv, int argc, int *out, uint16_t *flags, int max) {
    (void)argv;
    (void)argc;
    if (max > 0) add_key(1, KEY_RO | KEY_ACCESS, out, flags);
    return 1;
}

/* -- rows ---------------------------------------------------------------------------- */

static const struct row_arg limit_parts[] = {
    {.name = "offset", .type = ARG_INTEGER},
    {.name = "count", .type = ARG_INTEGER},
    {0},
};
static const struct row_arg order_words[] = {
    {.name = "asc", .type = ARG_PURE_TOKEN, .token = "ASC"},
    {.name = "desc", .type = ARG_PURE_TOKEN, .token = "DESC"},
    {0},
};

#define SORT_ARGS                                                                                  \
    {.name = "key", .type = ARG_KEY},                                                              \
        {.name = "pattern",                                                                        \
         .type = ARG_PATTERN,                                                                      \
         .flags = ARG_OPTIONAL,                                                                    \
         .key_spec = 1,                                                                            \
         .token = "BY"},                                                                           \
        {.name = "offset_count",                                                                   \
         .type = ARG_BLOCK,                                                                        \
         .flags = ARG_OPTIONAL,                                                                    \
         .token = "LIMIT",                                                                         \
         .sub = limit_parts},                                                                      \
        {.name = "pattern",                                                                        \
         .type = ARG_PATTERN,                                                                      \
         .flags = ARG_OPTIONAL | ARG_MULTIPLE | ARG_MULTIPLE_TOKEN,                                \
         .key_spec = 1,                                                                            \
         .token = "GET"},                                                                          \
        {.name = "order", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = order_words}, {         \
        .name = "sorting", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "ALPHA"         \
    }

static const struct row_arg sort_args[] = {
    SORT_ARGS,
    {.name = "destination",
     .type = ARG_KEY,
     .flags = ARG_OPTIONAL,
     .key_spec = 2,
     .token = "STORE"},
    {0},
};
static const struct row_arg sort_ro_args[] = {
    SORT_ARGS,
    {0},
};

#define KEYS_OF_PATTERNS                                                                           \
    {                                                                                              \
        .notes = "BY and GET: the elements make the names", .flags = KEY_RO | KEY_ACCESS,          \
        .begin = BEGIN_UNKNOWN, .find = FIND_UNKNOWN                                               \
    }
#define SORT_COMPLEXITY                                                                            \
    "O(N + M log M), N being the elements and M those returned; O(N) without an order"

const struct row sort_rows[] = {
    {
        .name = "sort",
        .run = sort_write,
        .arity = -2,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_MOVABLEKEYS,
        .acl = ACL_SET | ACL_SORTEDSET | ACL_LIST | ACL_DANGEROUS,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS),
                 KEYS_OF_PATTERNS,
                 {.notes = "STORE: anywhere among the options",
                  .flags = KEY_OW | KEY_UPDATE,
                  .begin = BEGIN_UNKNOWN,
                  .find = FIND_UNKNOWN}},
        .find_keys = sort_keys,
        .hides = sort_hides,
        .since = "1.0.0",
        .summary = "Sorts the elements of a list, set or sorted set, and may store them.",
        .complexity = SORT_COMPLEXITY,
        .group = GROUP_GENERIC,
        .args = sort_args,
    },
    {
        .name = "sort_ro",
        .run = sort_read,
        .arity = -2,
        .flags = ROW_READONLY | ROW_MOVABLEKEYS,
        .acl = ACL_SET | ACL_SORTEDSET | ACL_LIST | ACL_DANGEROUS,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS), KEYS_OF_PATTERNS},
        .find_keys = sort_read_keys,
        .hides = sort_hides,
        .since = "7.0.0",
        .summary = "Sorts the elements of a list, set or sorted set.",
        .complexity = SORT_COMPLEXITY,
        .group = GROUP_GENERIC,
        .args = sort_ro_args,
    },
    {0},
};
