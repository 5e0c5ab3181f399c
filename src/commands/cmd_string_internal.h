/* cmd_string_internal.h - what the files of the string and bitmap families share.
 *
 * cmd_string.c reads and edits strings and has the rows, cmd_string_set.c replaces values
 * under options, cmd_string_float.c does the arithmetic beyond INCRBY, cmd_bitmap.c treats
 * strings as bits.
 * Threads: the loop.
 */
#ifndef COMMANDS_CMD_STRING_INTERNAL_H
#define COMMANDS_CMD_STRING_INTERNAL_H

#include "base/err.h"
#include "core/config.h"
#include "core/exec.h"

/* -- values -------------------------------------------------------------------------- */

/* Writes a string value as a bulk string, a big one by reference. */
static inline void string_reply(struct reply *r, const struct entry *e) {
    if (entry_encoding(e) == ENC_INT) {
        reply_bulk_int(r, entry_int(e));
    } else if (likely(e->vlen != ENTRY_ELSEWHERE)) {
        reply_bulk(r, slice_of(entry_value(e), e->vlen));
    } else {
        struct blob *b = entry_blob(e);
        reply_bulk_blob(r, b, b->len);
    }
}

/* The bytes of a string; none for an absent key. Valid until the key is written. */
static inline struct slice string_bytes(const struct entry *e, char digits[ENTRY_DIGITS_MAX]) {
    return e ? entry_bytes(e, digits) : slice_of("", 0);
}

/* Makes k hold argument i. */
static inline void string_store(struct ctx *c, struct key k, int i, int64_t expire_ms) {
    struct blob *b = unlikely(c->req->blobs != NULL) ? ctx_take_blob(c, i) : NULL;
    if (unlikely(b != NULL)) {
        db_set_blob(c->db, k, b, expire_ms);
    } else {
        db_set(c->db, k, c->argv[i], expire_ms);
    }
}

/* Whether a string of so many bytes may exist; replies the error otherwise. */
static inline bool string_length_allowed(struct ctx *c, uint64_t bytes) {
    if (likely(bytes <= (uint64_t)c->core->config->proto_max_bulk_bytes)) return true;
    reply_err(c->r, ERR_STRING_LIMIT);
    return false;
}

/* Before db_edit of the string e (NULL: no key), nothing having been replied: true, it is to be
 * done now. False: that would copy much, so a worker makes the copy (core/offload), and the
 * handler runs anew when it is there. */
bool string_edit_now(struct ctx *c, const struct entry *e, size_t length);

/* Redis' rule for a range whose ends count from the end when negative: both are cut to
 * 0..length-1. False if nothing is left. */
static inline bool string_range(int64_t *first, int64_t *last, int64_t length) {
    if (*first < 0) *first += length;
    if (*last < 0) *last += length;
    if (*first < 0) *first = 0;
    if (*last < 0) *last = 0;
    if (*last >= length) *last = length - 1;
    return *first <= *last;
}

/* The same for commands that take two ends before the start in the wrong order as empty. */
static inline bool string_range_ordered(int64_t *first, int64_t *last, int64_t length) {
    if (*first < 0 && *last < 0 && *first > *last) return false;
    return string_range(first, last, length);
}

/* -- options (cmd_string_set.c) ------------------------------------------------------ */

enum string_option {
    OPTION_NX,
    OPTION_XX,
    OPTION_IFEQ,
    OPTION_IFNE,
    OPTION_IFDEQ,
    OPTION_IFDNE,
    OPTION_GET,
    OPTION_EX,
    OPTION_PX,
    OPTION_EXAT,
    OPTION_PXAT,
    OPTION_KEEPTTL,
    OPTION_PERSIST,
    OPTION_ENX,
    OPTION_BYINT,
    OPTION_BYFLOAT,
    OPTION_LBOUND,
    OPTION_UBOUND,
    OPTION_SATURATE,
    OPTION_COUNT,
};
#define OPTION_BIT(o) (1u << (o))
#define OPTIONS_EXPIRE                                                                             \
    (OPTION_BIT(OPTION_EX) | OPTION_BIT(OPTION_PX) | OPTION_BIT(OPTION_EXAT) |                     \
     OPTION_BIT(OPTION_PXAT))

/* The commands that take options. */
enum string_command {
    COMMAND_SET = 1 << 0,
    COMMAND_GETEX = 1 << 1,
    COMMAND_MSETEX = 1 << 2,
    COMMAND_INCREX = 1 << 3,
    COMMAND_DELEX = 1 << 4,
};

struct string_options {
    uint32_t given;          /* OPTION_BIT of each */
    int value[OPTION_COUNT]; /* argument index of the value of one that is given and takes one */
};

static inline bool option_given(const struct string_options *o, enum string_option which) {
    return o->given & OPTION_BIT(which);
}

/* Reads the options from argument `first` to the last; replies a syntax error and returns
 * false for one that the command does not take, that lacks its value or that excludes another. */
bool string_options_parse(struct ctx *c, int first, enum string_command command,
                          struct string_options *o);

/* The Unix time in ms that the options ask for: DB_KEEP_TTL for KEEPTTL, DB_NO_TTL if there is
 * none. Replies and returns false for a time that is not one. */
bool string_options_expire(struct ctx *c, const struct string_options *o, int64_t *expire_ms);

/* Removes k, if it exists, and says so: because its new time has passed, say. */
void string_end(struct ctx *c, struct key k);

/* Tells as an effect that k has become a string (core/effects). */
void string_tell_set(struct ctx *c, struct key k, struct slice value, int64_t expire_ms);

/* -- rows ---------------------------------------------------------------------------- */

/* The key specifications of a command whose keys are argument 1, or argument 1 and every
 * step_-th one after it up to last_ (relative to it; -1: to the end). */
#define KEYS_FROM_FIRST(flags_, last_, step_)                                                      \
    {                                                                                              \
        {                                                                                          \
            .flags = (flags_), .begin = BEGIN_INDEX, .find = FIND_RANGE, .index = 1,               \
            .last = (last_), .step = (step_)                                                       \
        }                                                                                          \
    }
#define KEY_FIRST(flags_) KEYS_FROM_FIRST(flags_, 0, 1)

/* -- handlers ------------------------------------------------------------------------ */

void string_delex(struct ctx *c);
void string_delifeq(struct ctx *c);
void string_digest(struct ctx *c);
void string_getdel(struct ctx *c);
void string_getex(struct ctx *c);
void string_getset(struct ctx *c);
void string_incrbyfloat(struct ctx *c);
void string_increx(struct ctx *c);
void string_msetex(struct ctx *c);
void string_psetex(struct ctx *c);
void string_set(struct ctx *c);
void string_setex(struct ctx *c);
void string_setnx(struct ctx *c);

#endif
