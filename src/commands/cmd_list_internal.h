/* cmd_list_internal.h - what the files of the list family share.
 *
 * cmd_list.c pushes, pops, reads and edits one list and has the rows, cmd_list_move.c takes
 * elements from one list to another and from the first of several, cmd_list_block.c waits for what
 * is not there yet, cmd_list_edit.c changes a list whichever form it has.
 *
 * E1  A list is small (a listpack) until an addition would pass list-max-listpack-size, and again
 *     when a removal or a replacement leaves half of that in one chunk.
 * Threads: the loop.
 */
#ifndef COMMANDS_CMD_LIST_INTERNAL_H
#define COMMANDS_CMD_LIST_INTERNAL_H

#include "base/err.h"
#include "core/exec.h"
#include "types/list.h"

/* -- reading ------------------------------------------------------------------------- */

static inline uint64_t list_length(const struct entry *e) {
    if (entry_encoding(e) == ENC_OBJECT) return list_value_count(entry_object(e));
    return lp_count((const uint8_t *)entry_packed(e).p);
}

static inline struct list_cursor list_cursor(const struct entry *e, uint64_t index, bool backward) {
    if (entry_encoding(e) == ENC_OBJECT) return list_cursor_at(entry_object(e), index, backward);
    return list_cursor_packed((const uint8_t *)entry_packed(e).p, index, backward);
}

static inline void list_reply(struct reply *r, const struct list_element *e) {
    if (e->blob) {
        reply_bulk_blob(r, e->blob, e->blob->len);
    } else if (e->value.text.p) {
        reply_bulk(r, e->value.text);
    } else {
        reply_bulk_int(r, e->value.i);
    }
}

/* An array of `count` elements, which must be there, from an index on or back. */
void list_reply_range(struct reply *r, const struct entry *e, uint64_t index, uint64_t count,
                      bool backward);

/* The elements alone, from a cursor on, until reply_is_full(r); returns how many are left. */
uint64_t list_reply_some(struct reply *r, struct list_cursor *cursor, uint64_t count);

/* -- changing (cmd_list_edit.c) ------------------------------------------------------ */

#define LIST_EDIT_BYTES 9216 /* of a small list that is edited without an allocation */

/* A list that is being changed. */
struct list_edit {
    struct ctx *c;
    struct key k;
    struct list_value *object; /* NULL: packed has it */
    struct lp_buf packed;
    bool exists; /* as a key */
    bool made;   /* the object is not the key's yet */
    uint8_t space[LIST_EDIT_BYTES];
};

/* Begins with the list of an entry, or with an empty one. Until it is closed, nothing else may be
 * written to the database. */
void list_edit_open(struct list_edit *ed, struct ctx *c, struct key k, const struct entry *e);

uint64_t list_edit_count(const struct list_edit *ed);

/* To be called before `count` elements of so many bytes in all are added. */
void list_edit_grow(struct list_edit *ed, size_t bytes, uint64_t count);

/* As the functions of types/list.h. */
void list_edit_push(struct list_edit *ed, bool last, struct list_item item);
void list_edit_insert(struct list_edit *ed, uint64_t index, struct list_item item);
void list_edit_replace(struct list_edit *ed, uint64_t index, struct list_item item);
void list_edit_drop(struct list_edit *ed, uint64_t from, uint64_t count);
uint64_t list_edit_remove(struct list_edit *ed, struct slice s, uint64_t max, bool backward);

/* Puts the list into the database: an empty one is removed, and one that has shrunk may become
 * small. Tells the event, and the removal. */
void list_edit_close(struct list_edit *ed, bool shrunk, const char *event);

/* Frees what an edit has that will not be closed. */
void list_edit_cancel(struct list_edit *ed);

/* Opens, drops and closes in one. */
void list_take(struct ctx *c, struct key k, const struct entry *e, uint64_t from, uint64_t count,
               const char *event);

/* -- arguments ----------------------------------------------------------------------- */

/* LEFT or RIGHT; replies a syntax error and returns false for anything else. */
bool list_end(struct ctx *c, int i, bool *last);

/* Argument i as an element. */
static inline struct list_item list_arg(struct ctx *c, int i) {
    struct blob *b = unlikely(c->req->blobs != NULL) ? ctx_take_blob(c, i) : NULL;
    return (struct list_item){c->argv[i], b};
}

/* -- popping (cmd_list.c) -------------------------------------------------------------- */

static inline const char *list_pop_event(bool last) { return last ? "rpop" : "lpop"; }

/* Takes up to max elements off the list e of argument `key`, and replies them as an array, in one
 * more with the key's name if `named`. The last thing that a handler does. */
void list_pop_some(struct ctx *c, int key, bool named, const struct entry *e, uint64_t max,
                   bool last);

/* -- moving and popping (cmd_list_move.c) ---------------------------------------------- */

/* From where to where, how many and how. */
struct list_move {
    bool from_last, to_last;
    uint64_t max;
    bool exactly;    /* max or none */
    bool one_by_one; /* the order in which a push after each pop leaves them */
    bool array;      /* the form of the reply */
};

/* Takes elements from the list of argument 1 to that of argument 2. False, nothing replied, if
 * there are none, or too few. */
bool list_move(struct ctx *c, const struct list_move *m);
bool list_move_one(struct ctx *c, bool from_last, bool to_last);

/* Reads the ends of LMOVEM from arguments 3 and 4, and how many from the argument `at` on; replies
 * an error and returns false. */
bool list_movem_parse(struct ctx *c, int at, struct list_move *m);

/* Up to `max` elements of the first of some lists that has any. */
struct list_mpop {
    int first_key, key_count;
    uint64_t max;
    bool last;
};

/* Reads them from the argument `at`, the number of keys, on; replies an error and returns false. */
bool list_mpop_parse(struct ctx *c, int at, struct list_mpop *m);

/* Tells as an effect that so many elements were popped; 0: one, by a command without a count. */
void list_tell_pop(struct ctx *c, struct key k, bool last, uint64_t count);

/* False, nothing replied, if there is no such list. */
bool list_mpop_take(struct ctx *c, const struct list_mpop *m);

/* -- handlers (cmd_list_move.c) ------------------------------------------------------ */

void list_lmove(struct ctx *c);
void list_lmovem(struct ctx *c);
void list_lmpop(struct ctx *c);
void list_rpoplpush(struct ctx *c);

#endif
