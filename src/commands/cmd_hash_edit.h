/* cmd_hash_edit.h - the change of a hash by one command.
 *
 *     struct hash_edit ed;
 *     if (!hash_edit_begin(&ed, c, k, e, (struct hash_plan){.set = pairs})) return;
 *     hash_edit_set(&ed, field, value, HASH_NO_TIME);
 *     hash_edit_finish(&ed, "hset", NULL);
 *
 * W1  A packed hash that lies in its entry, or that takes the other form, is edited in a copy,
 * which replaces it at the end; one in a blob, and a large one, in place. All the room that a
 *     command may need is there before its first edit, so that nothing fails afterwards: a
 *     command that ends with an error has changed nothing.
 * W2  A hash becomes large when a field or a value is longer than hash-max-listpack-value, when
 *     it has more than hash-max-listpack-entries fields after a command that sets some, or a
 *     command brings more than that; it never becomes packed again. A packed one keeps triples.
 * Threads: the loop.
 */
#ifndef COMMANDS_CMD_HASH_EDIT_H
#define COMMANDS_CMD_HASH_EDIT_H

#include "commands/cmd_hash_internal.h"

#define HASH_EDIT_STACK_BYTES 4096

struct hash_edit {
    struct ctx *c;
    struct key k;
    struct entry *e;          /* of k, NULL: there is none */
    struct hash_value *large; /* NULL: packed */
    struct blob *own;         /* of the key: `packed` is in it; NULL: in a copy */
    struct lp_buf packed;
    size_t past;   /* fields that left, their time having come */
    bool made;     /* `large` is not in the key yet */
    bool triples;  /* the form of `packed` */
    bool sets;     /* a field was set */
    bool changed;  /* anything was */
    bool may_past; /* the time of some may have come */
    uint8_t stack[HASH_EDIT_STACK_BYTES];
};

/* What is to come. */
struct hash_plan {
    struct hash_texts set; /* fields and values */
    size_t times;          /* fields that may get a time */
};

/* Opens the hash in e, the entry of k or NULL. Replies and returns false when it cannot be done. */
bool hash_edit_begin(struct hash_edit *ed, struct ctx *c, struct key k, struct entry *e,
                     struct hash_plan plan);

/* The hash as it is by now; good until the next edit. */
static inline struct hash_view hash_edit_view(const struct hash_edit *ed) {
    return (struct hash_view){.packed = ed->large ? NULL : ed->packed.p,
                              .large = ed->large,
                              .triples = ed->triples,
                              .now_ms = ed->c->db->ks->now_ms};
}

/* Sets a field of the plan, which will have time_ms, HASH_NO_TIME or HASH_KEEP_TIME; true if it is
 * new. */
bool hash_edit_set(struct hash_edit *ed, struct slice field, struct slice value, int64_t time_ms);

/* Gives a field that is shown another time, or HASH_NO_TIME. */
void hash_edit_set_time(struct hash_edit *ed, struct slice field, int64_t time_ms);

/* True if it was there. */
bool hash_edit_delete(struct hash_edit *ed, struct slice field);

/* Lets a field leave if its time has come; true if so. */
bool hash_edit_drop_past(struct hash_edit *ed, struct slice field);

/* Puts what was edited into the key, which goes if no field is left, and tells: that fields have
 * left, both events (each may be NULL), and that the key has gone. Nothing was edited: does
 * nothing. */
void hash_edit_finish(struct hash_edit *ed, const char *event, const char *event_2);

/* Frees what an edit has that will not be finished. */
void hash_edit_drop(struct hash_edit *ed);

#endif
