/* capture.h - the entries of one instant, the cut, handed out while commands go on changing them.
 *
 * The tables are walked in slices (cut_step). What is changed before the walk has come to it is
 * captured first, entry by entry (cut_note_change, which db.c calls). A capture is a block of
 * copied entries on its way to whoever writes them down; blobs are referenced, so that an editor
 * copies them first; objects are lent. Of a large one a still (store/object.h) is made, and the
 * object itself may be changed. Others are read where they lie, and changed by nobody until the
 * capture is given back: who cannot wait for that gets a copy in its place.
 *
 * K1  Each key that is there at the cut is given once, with its value of then, and no other.
 * K2  What a capture holds stays as it is until cut_take_back.
 * K3  A lent object that loses its key, or its place to a copy, is freed when it comes back.
 * K4  A shelf that is emptied meanwhile stays, and is walked on, until cut_end.
 * K5  Who can wait does so for a large object without a still, or when the stills keep too much.
 * Cost: idle, one test in each change of a key. A segment of the walk takes some 30 us; a change
 * ahead of it, a copy of the entry.
 * Threads: the loop; captures are read by one other thread from `give` to cut_take_back.
 */
#ifndef STORE_CAPTURE_H
#define STORE_CAPTURE_H

#include "store/db.h"

struct cut;
struct lent;

struct capture {
    struct capture *next; /* the holder's */
    int db;               /* the number at the cut */
    bool last;            /* no other follows */
    uint32_t count;
    size_t used, room;
    size_t work_bytes; /* of entries and values, lent ones too: what there is to write */
    size_t held_bytes; /* that memory would not hold without the capture */
    struct lent *lents;
    char data[]; /* entries, one behind the other */
};

/* Calls visit for each entry. */
void capture_each(const struct capture *c, void (*visit)(void *ctx, const struct entry *e),
                  void *ctx);

/* Drops the references of the capture to blobs: by its reader, on its thread, once. */
void capture_unref(const struct capture *c);

/* Makes the cut. `give` takes each capture when it is full, until cut_take_back. */
struct cut *cut_begin(struct keyspace *ks, void (*give)(void *ctx, struct capture *c), void *ctx);

/* Goes on with the walk until work_max bytes are on their way or budget_us are over (0: no end).
 * The last capture has `last` set and may be empty. Returns whether there is more to walk. */
bool cut_step(struct cut *cut, size_t work_max, int64_t budget_us);

/* The reader is done with c, which is freed. */
void cut_take_back(struct cut *cut, struct capture *c);

/* How much may be kept for stills before cut_find_lent finds them; at first any. */
void cut_set_still_max(struct cut *cut, size_t bytes);

/* The end, when all captures are back; whatever has not been walked is passed over. */
void cut_end(struct cut *cut);

struct cut_db {
    int db;
    size_t keys, ttls;
};
struct cut_figures {
    size_t keys_total; /* at the cut */
    size_t keys_given;
    size_t work_bytes;     /* on the way */
    size_t held_bytes;     /* likewise */
    uint64_t copied_bytes; /* of entries, values and parts of them, since the cut, for changes */
    bool through;          /* the walk has come to its end */
};
struct cut_figures cut_figures(const struct cut *cut);

/* The databases at the cut that were not empty: fills at most max, returns how many there are. */
int cut_dbs(const struct cut *cut, struct cut_db *out, int max);

/* Whether any hash had fields that end. */
bool cut_has_timed_fields(const struct cut *cut);

/* ---- for db.c ---- */

/* Before the entry at a place changes, or leaves. */
void cut_note_change(struct db *db, uint64_t hash, struct table_place place, struct entry *e);

/* Before its value is changed where it lies: an object that is lent is replaced by a copy. */
void cut_note_edit(struct db *db, uint64_t hash, struct table_place place, struct entry *e);

/* The same for what the server does by itself: false if it had better wait, since the copy would
 * be large. */
bool cut_may_edit(struct db *db, uint64_t hash, struct table_place place, struct entry *e);

/* A value's object is not its key's any more: true if it is lent, and freed in time. */
bool cut_disown(struct cut *cut, void *object);

/* A database has been emptied. */
void cut_keep_shelf(struct cut *cut, struct shelf *shelf);

/* ---- for who can wait ---- */

/* The large value (object or blob) of k that is lent and has no still, or one and too much is kept
 * for stills already; NULL if there is none. One that is to be captured yet is captured now: so
 * after a NULL an edit costs no large copy. */
struct lent *cut_find_lent(struct cut *cut, struct db *db, struct key k);
struct capture *lent_capture(const struct lent *l);

/* What comes back with a capture tells who waits for it: one, who tells others. */
bool lent_is_waited_for(const struct lent *l);
void lent_on_return(struct lent *l, void (*returned)(void *ctx), void *ctx);

#endif
