/* cmd_stream_internal.h - what the files of the stream family share.
 *
 * cmd_stream.c adds entries, removes them and reads runs of them; cmd_stream_read.c reads what is
 * new, and waits for it; cmd_stream_group.c makes and moves consumer groups, cmd_stream_pending.c
 * is about what they have pending; cmd_stream_info.c tells of it all, cmd_stream_later.c has the
 * commands that came after 7.2. What is declared here is in cmd_stream_common.c.
 * Threads: the loop.
 */
#ifndef COMMANDS_CMD_STREAM_INTERNAL_H
#define COMMANDS_CMD_STREAM_INTERNAL_H

#include "base/err.h"
#include "core/config.h"
#include "core/exec.h"
#include "types/stream_group.h"
#include "types/stream_idmp.h"

/* -- keys ------------------------------------------------------------------------------ */

/* The stream of argument i, NULL if there is no key, as db_read or db_find find it. False: it is of
 * another type, and the error is replied. */
bool stream_key_read(struct ctx *c, int i, struct stream **s);
bool stream_key_find(struct ctx *c, int i, struct stream **s);

/* The same of a stream that must be there, the error being replied if it is not. */
bool stream_key_need(struct ctx *c, int i, struct stream **s);

/* What a stream remembers of its producers, made as the configuration says if it has nothing. */
struct stream_idmp *stream_idmp_of(struct ctx *c, struct stream *s);

/* A group and the stream that it belongs to. */
struct stream_at {
    struct key key;
    struct stream *s;
    struct stream_group *g;
};

/* Finds the stream of argument `key` and its group of the next argument; s or g may be NULL. False:
 * another type, and the error is replied. */
bool stream_at_look(struct ctx *c, int key, struct stream_at *at);

/* The same for a command that must have the group, and has the error replied if there is none. */
bool stream_at_find(struct ctx *c, int key, struct stream_at *at);

/* Between two steps of a command that goes on (core/ongoing.h); argument `key` is the stream. */
void stream_rest(struct ctx *c, struct stream_at *at, int key);

/* A consumer by name, made and told of if there is none; seen now. */
struct stream_consumer *stream_consumer_get(struct ctx *c, struct stream_at at, struct slice name);

/* Between two steps of a command that goes on (core/ongoing.h); argument `key` is the stream. */
void stream_rest(struct ctx *c, struct stream_at *at, int key);

/* -- arguments ------------------------------------------------------------------------- */

/* Each replies an error and returns false if there is none to be read. */

/* An ID; the sequence number may be missing, and is 0 then. */
bool stream_arg_id(struct ctx *c, int i, struct stream_id *id);

/* The same, or - or + for the least and the highest ID. */
bool stream_arg_bound(struct ctx *c, int i, struct stream_id *id);

/* Ends of an interval, which may be open: an ID behind "(". */
bool stream_arg_from(struct ctx *c, int i, struct stream_id *from);
bool stream_arg_to(struct ctx *c, int i, struct stream_id *to);

/* Some IDs, freed by stream_ids_free whenever they were read. */
#define STREAM_IDS_FEW 16
struct stream_ids {
    struct stream_id *many; /* NULL: they are in few */
    size_t count;
    struct stream_id few[STREAM_IDS_FEW];
};
static inline struct stream_id stream_ids_at(const struct stream_ids *ids, size_t i) {
    return ids->many ? ids->many[i] : ids->few[i];
}
bool stream_arg_ids(struct ctx *c, int first, size_t count, struct stream_ids *ids);
void stream_ids_free(struct stream_ids *ids);

/* A row's takes_long, of a command with COUNT: that is so large, or is not given where it means
 * all.
 */
bool stream_asks_for_much(struct db *db, const struct slice *argv, int argc);

/* KEEPREF, DELREF or ACKED; false for another word. */
bool stream_parse_refs(struct slice word, enum stream_refs *refs);
extern const struct row_arg stream_refs_args[];

/* -- replies --------------------------------------------------------------------------- */

#define STREAM_BAD_ID "ERR Invalid stream ID specified as stream command argument"

/* Replies an error; false. */
static inline bool stream_fail(struct ctx *c, const char *error) {
    reply_error(c->r, error);
    return false;
}

void stream_reply_id(struct reply *r, struct stream_id id);

/* What an entry has, as an array of fields and values in turn. */
void stream_reply_fields(struct reply *r, struct stream_entry e);

/* An entry: its ID and what it has. */
void stream_reply_entry(struct reply *r, const struct stream_entry *e);

/* The entries from `from` to `to` as an array, at most `max` of them (0: all). */
void stream_reply_range(struct reply *r, const struct stream *s, struct stream_id from,
                        struct stream_id to, uint64_t max, bool backward);

/* The same of what an iterator gives, in parts: begins, and goes on until reply_is_full(r); false
 * at the end. The length is known when the first part is, at which the rest is counted. */
struct stream_listing {
    struct stream_iter next;
    uint64_t done, left; /* left at most */
    struct reply_mark mark;
    bool counted;
};
void stream_listing_begin(struct stream_listing *l, struct reply *r);
bool stream_listing_more(struct stream_listing *l, struct reply *r);

/* -- pending entries ------------------------------------------------------------------- */

/* Tells as an effect whose pending entry a nack is, and since when; and up to where a group has
 * read; and that a consumer was made. */
void stream_tell_nack(struct ctx *c, struct stream_at at, const struct stream_nack *nack);
void stream_tell_group(struct ctx *c, struct stream_at at);
void stream_tell_acked(struct ctx *c, struct stream_at at, const struct stream_id *ids, size_t n);

/* One delivery more, as far as they can be counted. */
static inline void stream_nack_count(struct stream_nack *nack) {
    if (nack->deliveries < INT64_MAX) stream_nack_set_deliveries(nack, nack->deliveries + 1);
}

#endif
