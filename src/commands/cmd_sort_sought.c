/* cmd_sort_sought.c - what the patterns of SORT lead to, kept true. See cmd_sort_internal.h.
 *
 * A record for each value, found by the hash of its key's name, which is all that the feed tells.
 * Cost: a look-up of the key and some 60 bytes for each value, beside its text.
 * Threads: the loop, but for sort_sought_value and sort_sought_free.
 */
#include "base/arena.h"
#include "base/later.h"
#include "base/mem.h"
#include "commands/cmd_hash_internal.h"
#include "commands/cmd_sort_internal.h"

/* Longer texts are blobs of their own, so that a value that changes often cannot take more than so
 * many bytes of the arena. */
#define TEXT_BYTES_MAX 256
#define TEXT_STEP 16

enum kind { KIND_NONE, KIND_NUMBER, KIND_TEXT, KIND_BLOB };

struct record {
    uint64_t hash;   /* of the key's name */
    int64_t ends_ms; /* when time may take the value; INT64_MAX: never */
    union {
        int64_t i;
        struct blob *blob;
    };
    char *text;           /* in the arena: text_room bytes, kept for the next one */
    struct slice element; /* p is NULL: a number */
    int64_t element_i;
    uint32_t which : 24; /* pattern */
    uint32_t kind : 3;
    uint32_t is_dirty : 1;
    uint16_t text_n, text_room;
};

struct sort_sought {
    bool looks; /* what is hidden from it is told of, and is no change */
    struct feed *feed;
    struct feed_observer observer;
    int db;
    struct record *records;
    size_t count, room;
    uint32_t *slots; /* numbers + 1, 0: free; a power of two, more than records */
    size_t slot_count;
    uint32_t *dirty;
    size_t dirty_count, dirty_room;
    size_t blobs;          /* records of KIND_BLOB */
    int64_t first_ends_ms; /* of all records, or earlier */
    struct arena texts;
    struct sort_name name;
};

/* -- finding ---------------------------------------------------------------------------- */

static void index_record(struct sort_sought *f, uint32_t number) {
    size_t at = f->records[number].hash & (f->slot_count - 1);
    while (f->slots[at]) at = (at + 1) & (f->slot_count - 1);
    f->slots[at] = number + 1;
}

static void make_slots(struct sort_sought *f) {
    f->slot_count = 16;
    while (f->slot_count < 2 * f->room) f->slot_count *= 2;
    mem_free(f->slots);
    f->slots = mem_calloc(f->slot_count * sizeof *f->slots);
    for (size_t i = 0; i < f->count; i++) index_record(f, (uint32_t)i);
}

static bool is_of(const struct record *x, uint64_t hash, uint32_t which,
                  const struct lp_value *element) {
    if (x->hash != hash || x->which != which) return false;
    if (!x->element.p || !element->text.p) {
        return !x->element.p && !element->text.p && x->element_i == element->i;
    }
    return slice_eq(x->element, element->text);
}

static uint32_t find(const struct sort_sought *f, uint64_t hash, uint32_t which,
                     const struct lp_value *element) {
    for (size_t at = hash & (f->slot_count - 1); f->slots[at];
         at = (at + 1) & (f->slot_count - 1)) {
        if (is_of(&f->records[f->slots[at] - 1], hash, which, element)) return f->slots[at] - 1;
    }
    return SORT_NOT_SOUGHT;
}

/* -- values ----------------------------------------------------------------------------- */

static void let_go(struct sort_sought *f, struct record *x) {
    if (x->kind == KIND_BLOB) {
        blob_unref(x->blob);
        f->blobs--;
    }
    x->kind = KIND_NONE;
}

static void keep_blob(struct sort_sought *f, struct record *x, struct blob *b) {
    let_go(f, x);
    x->kind = KIND_BLOB;
    x->blob = b;
    f->blobs++;
}

static void keep_text(struct sort_sought *f, struct record *x, struct slice text) {
    if (text.n > TEXT_BYTES_MAX) {
        struct blob *b = blob_new(text.n);
        memcpy(b->data, text.p, text.n);
        b->len = text.n;
        keep_blob(f, x, b);
        return;
    }
    let_go(f, x);
    if (text.n > x->text_room || !x->text) {
        size_t room = x->text ? TEXT_BYTES_MAX : (text.n / TEXT_STEP + 1) * TEXT_STEP;
        x->text_room = (uint16_t)(room < TEXT_BYTES_MAX ? room : TEXT_BYTES_MAX);
        x->text = arena_alloc(&f->texts, x->text_room);
    }
    if (text.n) memcpy(x->text, text.p, text.n);
    x->text_n = (uint16_t)text.n;
    x->kind = KIND_TEXT;
}

static void keep(struct sort_sought *f, struct record *x, const struct list_element *v) {
    if (!v->value.text.p) {
        let_go(f, x);
        x->kind = KIND_NUMBER;
        x->i = v->value.i;
    } else if (v->blob) {
        keep_blob(f, x, blob_ref(v->blob));
    } else {
        keep_text(f, x, v->value.text);
    }
}

static bool value_of(const struct record *x, struct list_element *found) {
    *found = (struct list_element){.blob = NULL};
    switch ((enum kind)x->kind) {
    case KIND_NONE: return false;
    case KIND_NUMBER: found->value.i = x->i; break;
    case KIND_TEXT: found->value.text = slice_of(x->text, x->text_n); break;
    case KIND_BLOB:
        found->value.text = slice_of(x->blob->data, x->blob->len);
        found->blob = x->blob;
        break;
    }
    return true;
}

bool sort_sought_value(const struct sort_sought *f, uint32_t number, struct list_element *found) {
    return number != SORT_NOT_SOUGHT && value_of(&f->records[number], found);
}

static bool is_same(const struct record *x, bool there, const struct list_element *v) {
    struct list_element old;
    if (!value_of(x, &old) || !there) return x->kind == KIND_NONE && !there;
    if (!old.value.text.p || !v->value.text.p)
        return !old.value.text.p && !v->value.text.p && old.value.i == v->value.i;
    return old.blob != NULL && old.blob == v->blob ? true : slice_eq(old.value.text, v->value.text);
}

/* -- looking up ------------------------------------------------------------------------- */

/* The key's value as it is now; whether it is another one than before. */
static bool look_up(struct sort_sought *f, const struct ctx *c, struct record *x,
                    const struct sort_pattern *p, struct key k) {
    struct list_element v;
    f->looks = true;
    const struct entry *e = db_read(c->db, k);
    f->looks = false;
    bool there = e && sort_value_in(c, p, e, &v);
    x->ends_ms = e ? db_due_ms(e) : INT64_MAX;
    if (x->ends_ms < f->first_ends_ms) f->first_ends_ms = x->ends_ms;
    if (is_same(x, there, &v)) return false;
    if (there) {
        keep(f, x, &v);
    } else {
        let_go(f, x);
    }
    return true;
}

static struct key name_of(struct sort_sought *f, const struct sort_pattern *p,
                          const struct lp_value *element) {
    char digits[LP_INT_TEXT_BYTES];
    return key_of(sort_pattern_name(p, lp_text(element, digits), &f->name));
}

uint32_t sort_seek(struct sort_sought *f, const struct ctx *c, const struct sort_pattern *p,
                   uint32_t which, const struct lp_value *element) {
    struct key k = name_of(f, p, element);
    uint32_t number = find(f, k.hash, which, element);
    if (number != SORT_NOT_SOUGHT) return number;
    if (f->count == f->room) {
        f->room *= 2;
        f->records = mem_realloc(f->records, f->room * sizeof *f->records);
        make_slots(f);
    }
    number = (uint32_t)f->count++;
    struct record *x = &f->records[number];
    *x = (struct record){.hash = k.hash,
                         .element = element->text,
                         .element_i = element->i,
                         .which = which & 0xffffff};
    index_record(f, number);
    look_up(f, c, x, p, k);
    return number;
}

/* -- changes ---------------------------------------------------------------------------- */

static void soil(struct sort_sought *f, uint32_t number) {
    struct record *x = &f->records[number];
    if (x->is_dirty) return;
    x->is_dirty = 1;
    if (f->dirty_count == f->dirty_room) {
        f->dirty_room = f->dirty_room ? 2 * f->dirty_room : 64;
        f->dirty = mem_realloc(f->dirty, f->dirty_room * sizeof *f->dirty);
    }
    f->dirty[f->dirty_count++] = number;
}

static void on_change(void *ctx, int db, struct key k) {
    struct sort_sought *f = ctx;
    uint64_t hash = k.hash;
    if (db != f->db || f->looks) return;
    for (size_t at = hash & (f->slot_count - 1); f->slots[at];
         at = (at + 1) & (f->slot_count - 1)) {
        if (f->records[f->slots[at] - 1].hash == hash) soil(f, f->slots[at] - 1);
    }
}

/* What time has taken, noticed or not. */
static void soil_past(struct sort_sought *f, int64_t now_ms) {
    if (f->first_ends_ms >= now_ms) return;
    f->first_ends_ms = INT64_MAX;
    for (size_t i = 0; i < f->count; i++) {
        int64_t ms = f->records[i].ends_ms;
        if (ms < now_ms) {
            soil(f, (uint32_t)i);
        } else if (ms < f->first_ends_ms) {
            f->first_ends_ms = ms;
        }
    }
}

bool sort_sought_renew(struct sort_sought *f, const struct ctx *c,
                       const struct sort_pattern *const *patterns, uint32_t which_end) {
    bool changed = false;
    soil_past(f, c->db->ks->now_ms);
    while (f->dirty_count) {
        struct record *x = &f->records[f->dirty[--f->dirty_count]];
        struct lp_value element = {.text = x->element, .i = x->element_i};
        const struct sort_pattern *p = patterns[x->which];
        x->is_dirty = 0;
        if (look_up(f, c, x, p, name_of(f, p, &element)) && x->which < which_end) changed = true;
    }
    return changed;
}

/* -- the whole -------------------------------------------------------------------------- */

struct sort_sought *sort_sought_new(const struct ctx *c, size_t room) {
    struct sort_sought *f = mem_calloc(sizeof *f);
    f->feed = &c->core->feed;
    f->db = c->db->id;
    f->first_ends_ms = INT64_MAX;
    f->room = room ? room : 1;
    f->records = mem_alloc(f->room * sizeof *f->records);
    make_slots(f);
    f->observer = (struct feed_observer){.on_write = on_change, .on_left = on_change, .ctx = f};
    feed_observe(f->feed, &f->observer);
    return f;
}

void sort_sought_stop(struct sort_sought *f) {
    if (f->feed) feed_unobserve(f->feed, &f->observer);
    f->feed = NULL;
}

void sort_sought_free(struct sort_sought *f) {
    for (size_t i = 0; f->blobs && i < f->count; i++) let_go(f, &f->records[i]);
    arena_free(&f->texts);
    mem_free(f->name.p);
    later_free(f->records, f->room * sizeof *f->records);
    later_free(f->slots, f->slot_count * sizeof *f->slots);
    mem_free(f->dirty);
    mem_free(f);
}
