/* cmd_sort.c - SORT and SORT_RO: the elements of a list, set or sorted set in order, and what other
 * keys hold under names made of them.
 *
 * S1  Elements and looked-up values are borrowed from their keys; a destination is written last,
 *     and may be any of those keys. Texts that are compared are copies, as strcoll_l needs them.
 * S2  Elements of equal weight come in the order of their bytes; with ALPHA, where they are as good
 *     as each other, in the order in which the key has them, but when BY weighs them and LIMIT
 *     leaves some out: then they come as Redis' partial sort has them (base/part_sort.h, P2).
 * S3  Only the elements that LIMIT leaves are put in order (base/part_sort.h). All are weighed,
 *     since one weight that is no number is an error wherever it stands.
 * S4  Where other keys are to be looked up many times that takes several turns (cmd_sort_sought.c):
 *     a worker collects, the loop looks up the weights, a worker puts in order, the loop looks up
 *     what GET asks for of the elements that are shown, a worker replies. All is as it were in one
 *     instant, that of the last look-up; of what is stored, that of the commit. If a weight has
 *     changed by then it goes back; not for ever: then all GETs are looked up together with the
 *     weights, and what is stored is told to the log by its elements.
 * S5  Patterns are C strings, as in Redis: '*' and "->" do not count behind a zero byte.
 * Threads: the loop, but for compute_sort and what it calls. Cost: the elements, and a look-up for
 * each with BY and for each GET. To add a type: a function that collects its elements, in
 * collectors[]. Specification: Redis 7.2's replies, errors and events. (Redis turns a small sorted
 * set into a large one in passing; here reads change nothing.)
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/later.h"
#include "base/mem.h"
#include "base/nap.h"
#include "base/part_sort.h"
#include "commands/cmd_generic_internal.h"
#include "commands/cmd_hash_internal.h"
#include "commands/cmd_list_internal.h"
#include "commands/cmd_sort_internal.h"
#include "commands/families.h"
#include "core/collate.h"
#include "core/config.h"
#include "core/offload.h"
#include "core/ongoing.h"
#include "store/set_entry.h"
#include "store/zset_entry.h"

/* -- patterns ------------------------------------------------------------------------ */

#define NAME_BYTES_MIN 256

static struct sort_pattern pattern_of(struct slice s) {
    struct sort_pattern p = {.before = s};
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

struct slice sort_pattern_name(const struct sort_pattern *p, struct slice element,
                               struct sort_name *room) {
    size_t n = p->before.n + element.n + p->after.n;
    if (n > room->bytes || !room->p) {
        mem_free(room->p);
        room->bytes = n < NAME_BYTES_MIN ? NAME_BYTES_MIN : n;
        room->p = mem_alloc(room->bytes);
    }
    memcpy(room->p, p->before.p, p->before.n);
    if (element.n) memcpy(room->p + p->before.n, element.p, element.n);
    memcpy(room->p + p->before.n + element.n, p->after.p, p->after.n);
    return slice_of(room->p, n);
}

/* -- arguments ----------------------------------------------------------------------- */

/* How far a sort that takes several turns is: it has its elements, their weights, and what GET asks
 * for. */
enum stage { STAGE_COLLECT, STAGE_WEIGH, STAGE_GET };

struct sort {
    struct ctx *c;         /* not while it is computed, unless other keys are read */
    const struct entry *e; /* NULL: no key */
    bool down, alpha, unordered;
    bool by_pattern, for_script;
    bool keeps_places; /* equals are in the order of the key */
    struct sort_pattern by;
    int64_t offset, limit; /* limit < 0: none */
    int store_at;          /* the argument that is the destination, 0: none */
    struct sort_pattern *gets;
    size_t get_count, get_room;
    struct item *items;
    size_t count, room;
    size_t from, to; /* of the items, those that are shown */
    bool bad_weight;
    locale_t collate; /* by which texts are compared; NULL: by their bytes */
    struct arena texts;
    struct sort_name name;
    struct list_limit list_limit;
    struct list_value *made; /* to be stored; NULL: it is small, and made by the commit */
    /* Beyond one turn: */
    bool seeks;                 /* it takes several */
    struct sort_sought *sought; /* NULL: keys are looked up where their values are needed */
    const struct sort_pattern **patterns; /* BY, and each GET */
    uint32_t
        *found; /* numbers + 1 of what each element's patterns lead to, by its place; 0: none */
    enum stage stage;
    size_t next;     /* item to be looked up for */
    int tries;       /* how often it had to go back, as something has changed */
    bool all_gets;   /* GET is looked up for all elements, before they are put in order */
    bool is_stale;   /* a weight has changed since it was put in order */
    bool is_done;    /* replied, or made */
    bool told_apart; /* what is stored is older than the commit: its effect is told as elements */
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
    /* What is stored, or given to a script, must not hang on a set's own order. */
    if (s->unordered && (s->store_at || s->for_script) && !collectors[type].in_order) {
        s->unordered = s->by_pattern = false;
        s->alpha = true;
    }
    collectors[type].collect(s, e);
    if (!s->unordered || !collectors[type].in_order) return;
    s->to -= s->from;
    s->from = 0;
}

/* -- weights ------------------------------------------------------------------------- */

bool sort_value_in(const struct ctx *c, const struct sort_pattern *p, const struct entry *e,
                   struct list_element *found) {
    *found = (struct list_element){.blob = NULL};
    if (p->has_field)
        return entry_type(e) == TYPE_HASH &&
               hash_view_get(hash_look(c, e), p->field, &found->value);
    if (entry_type(e) != TYPE_STRING) return false;
    if (entry_encoding(e) == ENC_INT) {
        found->value = (struct lp_value){.i = entry_int(e)};
    } else {
        found->value = (struct lp_value){.text = entry_bytes(e, NULL)};
        found->blob = entry_blob(e);
    }
    return true;
}

static uint32_t *found_at(const struct sort *s, size_t place, size_t which) {
    return &s->found[place * (s->get_count + 1) + which];
}

/* What a pattern leads to, BY or a GET; false if there is no such key or field. */
static bool look_up(struct sort *s, size_t which, const struct item *item,
                    struct list_element *found) {
    const struct sort_pattern *p = which ? &s->gets[which - 1] : &s->by;
    char digits[LP_INT_TEXT_BYTES];
    *found = (struct list_element){.value = item->element};
    if (p->is_element) return true;
    if (p->is_fixed) return false;
    if (s->sought) return sort_sought_value(s->sought, *found_at(s, item->place, which) - 1, found);
    struct slice name = sort_pattern_name(p, lp_text(&item->element, digits), &s->name);
    const struct entry *e = db_read(s->c->db, key_of(name));
    return e && sort_value_in(s->c, p, e, found);
}

static void weigh(struct sort *s, struct item *item) {
    struct list_element found = {.value = item->element};
    char digits[LP_INT_TEXT_BYTES];
    if (s->alpha) {
        item->text = slice_of(NULL, 0);
    } else {
        item->weight = 0;
    }
    if (s->by_pattern && !look_up(s, 0, item, &found)) return;
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

static int compare_texts(const struct item *a, const struct item *b, locale_t collate) {
    if (!a->text.p || !b->text.p) return (a->text.p != NULL) - (b->text.p != NULL);
    return collate ? strcoll_l(a->text.p, b->text.p, collate) : slice_cmp(a->text, b->text);
}

static int compare_items(const void *a, const void *b, void *ctx) {
    const struct item *x = a, *y = b;
    const struct sort *s = ctx;
    int order = s->alpha ? compare_texts(x, y, s->collate) : compare_weights(x, y);
    if (order) return s->down ? -order : order;
    return s->keeps_places ? (x->place > y->place) - (x->place < y->place) : 0;
}

/* To where they were collected, for which of equals comes first hangs on it. */
static void restore_places(struct item *items, size_t n) {
    for (size_t i = 0; i < n; i++) {
        while (items[i].place != i) {
            struct item other = items[items[i].place];
            items[items[i].place] = items[i];
            items[i] = other;
        }
    }
}

static void put_in_order(struct sort *s) {
    arena_free(&s->texts);
    s->bad_weight = false;
    restore_places(s->items, s->count);
    s->collate = s->store_at ? NULL : collate_now(); /* what is stored is the same everywhere */
    for (size_t i = 0; i < s->count; i++) {
        weigh(s, &s->items[i]);
        nap_step(i);
    }
    if (s->bad_weight) return;
    s->keeps_places = !s->by_pattern || s->to - s->from == s->count;
    part_sort(&(struct part_sort){s->items, s->count, sizeof *s->items, s->from, s->to},
              compare_items, s);
}

/* -- what becomes of it -------------------------------------------------------------- */

typedef void take_value(void *ctx, const struct list_element *v);

/* Hands on each value that is shown; NULL stands for one that GET did not find. */
static void show(struct sort *s, take_value *take, void *ctx) {
    struct list_element found;
    for (size_t i = s->from; i < s->to; i++) {
        const struct item *item = &s->items[i];
        if (!s->get_count) take(ctx, &(struct list_element){.value = item->element});
        for (size_t k = 1; k <= s->get_count; k++)
            take(ctx, look_up(s, k, item, &found) ? &found : NULL);
        nap_step(i);
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

/* The elements of a list in which they do not all go into one listpack. */
static void push_value(void *ctx, const struct list_element *v) {
    char digits[LP_INT_TEXT_BYTES];
    struct slice text = v ? lp_text(&v->value, digits) : slice_of("", 0);
    list_value_push(ctx, true, (struct list_item){text, NULL});
}

static void add_bytes(void *ctx, const struct list_element *v) {
    char digits[LP_INT_TEXT_BYTES];
    *(size_t *)ctx += (v ? lp_text(&v->value, digits).n : 0) + HEAD_BYTES;
}

static size_t shown(const struct sort *s) {
    return (s->to - s->from) * (s->get_count ? s->get_count : 1);
}

/* Makes the list that is stored, unless it is small. */
static void make(struct sort *s) {
    size_t bytes = LP_EMPTY_BYTES;
    if (s->made) list_value_free(s->made);
    s->made = NULL;
    show(s, add_bytes, &bytes);
    if (list_limit_allows(s->list_limit, bytes, shown(s))) return;
    s->made = list_value_new(s->list_limit);
    show(s, push_value, s->made);
}

#define TOLD_AT_ONCE 512

/* The destination by its elements. */
static void tell_stored(struct ctx *c, struct key k) {
    const struct entry *e = db_find(c->db, k);
    struct list_element element;
    char digits[LP_INT_TEXT_BYTES];
    effect_delete(c, key_slice(k));
    if (!e) return;
    uint64_t left = list_length(e);
    struct list_cursor cursor = list_cursor(e, 0, false);
    while (left) {
        uint64_t n = left < TOLD_AT_ONCE ? left : TOLD_AT_ONCE;
        effect_begin(c, 2 + n);
        effect_word(c, "RPUSH");
        effect_bytes(c, key_slice(k));
        for (left -= n; n && list_cursor_next(&cursor, &element); n--)
            effect_bytes(c, lp_text(&element.value, digits));
    }
}

static void sort_store(struct sort *s, size_t count) {
    struct ctx *c = s->c;
    struct key k = ctx_key(c, s->store_at);
    struct list_edit ed;
    bool changed = true;
    if (s->made) {
        db_put_object(c->db, k, TYPE_LIST, s->made);
        s->made = NULL;
        db_set_expire(c->db, k, DB_NO_TTL);
        ctx_changed(c, k, FEED_LIST, "sortstore");
    } else if (count) {
        list_edit_open(&ed, c, k, NULL);
        show(s, store_value, &ed);
        list_edit_close(&ed, false, "sortstore");
        db_set_expire(c->db, k, DB_NO_TTL);
    } else {
        changed = db_delete(c->db, k);
        if (changed) ctx_changed(c, k, FEED_GENERIC, "del");
    }
    if (changed && s->told_apart && effects_wanted(c)) tell_stored(c, k);
    reply_int(c->r, (int64_t)count);
}

/* -- over several turns ---------------------------------------------------------------- */

/* More patterns, or values, are looked up at once: what they cost is not kept. */
#define SOUGHT_PATTERNS_MAX 64
#define SOUGHT_VALUES_MAX (16 * 1024 * 1024)

/* How often it goes back, before it relies no more on things to stay as they are. */
#define TRIES_MAX 3

static bool leads_elsewhere(const struct sort_pattern *p) { return !p->is_element && !p->is_fixed; }

static bool weighs_by_keys(const struct sort *s) {
    return !s->unordered && s->by_pattern && leads_elsewhere(&s->by);
}

static size_t gets_of_keys(const struct sort *s) {
    size_t n = 0;
    for (size_t i = 0; i < s->get_count; i++) n += leads_elsewhere(&s->gets[i]);
    return n;
}

static void seek(struct sort *s, const struct ctx *c, const struct item *item, size_t first,
                 size_t end) {
    for (size_t which = first; which < end; which++) {
        const struct sort_pattern *p = s->patterns[which];
        uint32_t *found = found_at(s, item->place, which);
        if (leads_elsewhere(p) && !*found)
            *found = sort_seek(s->sought, c, p, (uint32_t)which, &item->element) + 1;
    }
}

/* Looks up what the stage is about. The clock is read for each element, beside a look-up. */
static bool gather_sort(struct ctx *c, void *state, uint64_t until) {
    struct sort *s = *(struct sort **)state;
    if (s->stage == STAGE_COLLECT) return true;
    bool weighs = s->stage == STAGE_WEIGH;
    size_t first = weighs && weighs_by_keys(s) ? 0 : 1;
    size_t end = !weighs || s->all_gets ? s->get_count + 1 : 1;
    size_t to = weighs ? s->count : s->to;
    if (sort_sought_renew(s->sought, c, s->patterns, weighs_by_keys(s))) s->is_stale = true;
    for (; first < end && s->next < to; s->next++) {
        if (clock_ticks() >= until) return false;
        seek(s, c, &s->items[s->next], first, end);
    }
    if (sort_sought_renew(s->sought, c, s->patterns, weighs_by_keys(s))) s->is_stale = true;
    return true;
}

static void start_stage(struct sort *s, enum stage stage) {
    s->stage = stage;
    s->next = stage == STAGE_GET ? s->from : 0;
}

static void begin_to_seek(struct sort *s, struct ctx *c) {
    size_t gets = gets_of_keys(s), patterns = s->get_count + 1;
    s->patterns = mem_alloc(patterns * sizeof *s->patterns);
    s->patterns[0] = &s->by;
    for (size_t i = 0; i < s->get_count; i++) s->patterns[i + 1] = &s->gets[i];
    s->found = mem_calloc((s->count + 1) * patterns * sizeof *s->found);
    s->sought = sort_sought_new(c, (weighs_by_keys(s) ? s->count : 0) + (s->to - s->from) * gets);
    start_stage(s, STAGE_WEIGH);
}

/* What is stored is to be as it were in the instant of the commit, at which the log has it; what is
 * replied, in that of the last look-up. */
static enum offload_next next_of_sort(struct ctx *c, void *state) {
    struct sort *s = *(struct sort **)state;
    if (!s->seeks || (s->is_done && (!s->store_at || s->bad_weight || s->told_apart)))
        return OFFLOAD_COMMITS;
    if (ongoing_has_stopped(c->core)) return OFFLOAD_BEGINS_ANEW;
    if (s->stage == STAGE_COLLECT) {
        begin_to_seek(s, c);
    } else if (s->is_done) {
        if (!sort_sought_renew(s->sought, c, s->patterns, (uint32_t)s->get_count + 1))
            return OFFLOAD_COMMITS;
        s->is_done = false;
        s->told_apart = ++s->tries > TRIES_MAX;
        start_stage(s, STAGE_WEIGH);
    } else {
        s->all_gets = s->tries > TRIES_MAX;
        start_stage(s, s->all_gets ? STAGE_WEIGH : STAGE_GET);
    }
    return OFFLOAD_GATHERS;
}

/* -- commands ------------------------------------------------------------------------ */

static void finish(struct sort *s, struct reply *r) {
    s->is_done = true;
    if (s->bad_weight) {
        reply_error(r, "ERR One or more scores can't be converted into double");
    } else if (s->store_at) {
        make(s);
    } else {
        reply_array(r, shown(s));
        show(s, reply_value, r);
    }
}

static void compute_sort(void *state, struct reply *r) {
    struct sort *s = *(struct sort **)state;
    if (s->stage == STAGE_COLLECT && s->e) collect(s, s->e);
    if (s->seeks && s->stage == STAGE_COLLECT) return;
    bool stale = s->stage != STAGE_GET || s->is_stale;
    if (stale && !s->unordered) put_in_order(s);
    if (s->stage == STAGE_GET && stale) s->tries++;
    s->is_stale = false;
    bool gets_later = s->seeks && !s->all_gets && gets_of_keys(s);
    if (!stale || s->bad_weight || !gets_later) finish(s, r);
}

static void commit_sort(struct ctx *c, void *state) {
    struct sort *s = *(struct sort **)state;
    s->c = c;
    if (!s->bad_weight) sort_store(s, shown(s));
}

static void sort_drop(void *state) {
    struct sort *s = *(struct sort **)state;
    if (s->sought) {
        sort_sought_stop(s->sought);
        sort_sought_free(s->sought);
    }
    if (s->made) list_value_free(s->made);
    arena_free(&s->texts);
    mem_free(s->patterns);
    later_free(s->found, s->count * (s->get_count + 1) * sizeof *s->found);
    later_free(s->items, s->room * sizeof *s->items);
    mem_free(s->name.p);
    mem_free(s->gets);
    mem_free(s);
}

/* Units of work, 0 if it is done at once: other keys are looked up where they are needed then. */
static uint64_t units_of(struct sort *s) {
    uint64_t length = s->e ? collectors[entry_type(s->e)].length(s->e) : 0;
    uint64_t patterns = gets_of_keys(s) + weighs_by_keys(s);
    if (!patterns) return length;
    if (patterns > SOUGHT_PATTERNS_MAX || length * patterns > SOUGHT_VALUES_MAX) return 0;
    s->seeks = offload_would(s->c, length * (1 + patterns));
    return s->seeks ? length * (1 + patterns) : 0;
}

static void sort_run(struct sort *s) {
    struct ctx *c = s->c;
    s->e = db_read(c->db, ctx_key(c, 1));
    if (s->e && !collectors[entry_type(s->e)].collect) {
        reply_err(c->r, ERR_WRONGTYPE);
        sort_drop(&s);
        return;
    }
    uint64_t units = units_of(s);
    offload(c, &(struct offload){
                   .units = units,
                   .state = &s,
                   .state_bytes = sizeof s,
                   .gather = s->seeks ? gather_sort : NULL,
                   .compute = compute_sort,
                   .next = s->seeks ? next_of_sort : NULL,
                   .commit = s->store_at ? commit_sort : NULL,
                   .drop = sort_drop,
               });
}

static void sort_any(struct ctx *c, bool may_store) {
    struct sort *s = mem_calloc(sizeof *s);
    s->c = c;
    s->for_script = c->s != c->core->replying;
    s->limit = -1;
    s->list_limit = list_limit_of(c->core->config->list_listpack_size);
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
