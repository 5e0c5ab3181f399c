/* cmd_bitmap.c - strings as arrays of bits.
 *
 * P1  Arguments are read before the key is looked up, so that a bad one is an error even for an
 *     absent key (Redis 7.2; older versions looked first).
 * P2  A bit that may be set lies below proto-max-bulk-len bytes; reading has the same bound.
 * Threads: the loop.
 * To add a command: a handler, a row at the end of this file.
 * Specification: Redis 7.2; BITOP DIFF, DIFF1, ANDOR and ONE of Redis 8.2.
 */
#include "base/mem.h"
#include "base/num.h"
#include "commands/cmd_string_internal.h"
#include "commands/families.h"
#include "core/offload.h"
#include "types/bitmap.h"

/* -- arguments ----------------------------------------------------------------------- */

/* A bit offset. With `field_bits`, "#n" is n fields of so many bits. */
static bool bit_offset(struct ctx *c, int i, unsigned field_bits, uint64_t *offset) {
    struct slice s = c->argv[i];
    int64_t v, unit = 1;
    if (field_bits && s.n && s.p[0] == '#') {
        s = slice_of(s.p + 1, s.n - 1);
        unit = field_bits;
    }
    if (!num_parse_i64(s, &v) || __builtin_mul_overflow(v, unit, &v) || v < 0 ||
        (v >> 3) >= c->core->config->proto_max_bulk_bytes) {
        reply_err(c->r, ERR_BIT_OFFSET);
        return false;
    }
    *offset = (uint64_t)v;
    return true;
}

/* A range of BITCOUNT and BITPOS. */
struct bit_range {
    int64_t first, last;
    bool last_given; /* false: to the end */
    bool in_bits;    /* not bytes */
};

/* The unit in argument i, if there is one. */
static bool bit_unit_parse(struct ctx *c, int i, struct bit_range *range) {
    if (i >= c->argc) return true;
    range->in_bits = slice_is(c->argv[i], "BIT");
    if (range->in_bits || slice_is(c->argv[i], "BYTE")) return true;
    reply_err(c->r, ERR_SYNTAX);
    return false;
}

/* Reads "[first [last [BYTE|BIT]]]" from argument i on. Which of two wrong ones is told follows
 * Redis: BITPOS looks at the unit before the last position. */
static bool bit_range_parse(struct ctx *c, int i, bool unit_first, struct bit_range *range) {
    *range = (struct bit_range){.last = -1};
    if (i + 3 < c->argc) {
        reply_err(c->r, ERR_SYNTAX);
        return false;
    }
    if (i >= c->argc) return true;
    if (!ctx_int(c, i, &range->first)) return false;
    if (unit_first && !bit_unit_parse(c, i + 2, range)) return false;
    if (i + 1 >= c->argc) return true;
    range->last_given = true;
    if (!ctx_int(c, i + 1, &range->last)) return false;
    return unit_first || bit_unit_parse(c, i + 2, range);
}

/* -- single bits --------------------------------------------------------------------- */

/* Makes k long enough for the bits up to `last_bit`; NULL when there is no memory, which is
 * replied, or when it is done later (string_edit_now). *grown tells whether the value became
 * longer. */
static uint8_t *edit_bits(struct ctx *c, struct key k, const struct entry *e, uint64_t last_bit,
                          size_t *length, bool *grown) {
    size_t old = e ? entry_strlen(e) : 0, bytes = (size_t)(last_bit >> 3) + 1;
    if (!string_edit_now(c, e, bytes)) return NULL;
    char *p = db_edit(c->db, k, bytes, length);
    if (!p) reply_err(c->r, ERR_NO_MEMORY);
    *grown = *length != old;
    return (uint8_t *)p;
}

static void bitmap_setbit(struct ctx *c) {
    uint64_t offset;
    int64_t bit;
    size_t length;
    bool grown;
    if (!bit_offset(c, 2, 0, &offset)) return;
    if (!num_parse_i64(c->argv[3], &bit) || (bit & ~1)) {
        reply_err(c->r, ERR_BIT_VALUE);
        return;
    }
    struct key k = ctx_key(c, 1);
    const struct entry *e = db_find(c->db, k);
    if (!ctx_is_type(c, e, TYPE_STRING)) return;
    uint8_t *p = edit_bits(c, k, e, offset, &length, &grown);
    if (!p) return;
    int old = bitmap_put(p, offset, (int)bit);
    if (grown || old != bit) ctx_changed(c, k, FEED_STRING, "setbit");
    reply_int(c->r, old);
}

static void bitmap_getbit(struct ctx *c) {
    char digits[ENTRY_DIGITS_MAX];
    uint64_t offset;
    if (!bit_offset(c, 2, 0, &offset)) return;
    const struct entry *e = db_read(c->db, ctx_key(c, 1));
    if (!ctx_is_type(c, e, TYPE_STRING)) return;
    reply_int(c->r, bitmap_get(string_bytes(e, digits), offset));
}

/* -- ranges of bits ------------------------------------------------------------------ */

/* What BITCOUNT and BITPOS look for, on its way (core/offload). */
struct scan {
    const struct entry *e;
    struct bit_range range;
    int bit; /* of BITPOS */
};

/* Bytes that are looked at in a unit of work. */
#define UNIT_BYTES 64

static void scan_bits(struct ctx *c, struct scan *x,
                      void (*compute)(void *state, struct reply *r)) {
    if (!ctx_is_type(c, x->e, TYPE_STRING)) return;
    offload(c, &(struct offload){
                   .units = x->e ? entry_strlen(x->e) / UNIT_BYTES : 0,
                   .state = x,
                   .state_bytes = sizeof *x,
                   .compute = compute,
               });
}

static void compute_count(void *state, struct reply *r) {
    struct scan *x = state;
    struct bit_range range = x->range;
    char digits[ENTRY_DIGITS_MAX];
    struct slice s = string_bytes(x->e, digits);
    int64_t length = (int64_t)s.n * (range.in_bits ? 8 : 1);
    uint64_t count = 0;
    if (string_range_ordered(&range.first, &range.last, length)) {
        if (range.in_bits) {
            count = bitmap_count_range(s, (uint64_t)range.first, (uint64_t)range.last);
        } else {
            count =
                bitmap_count(slice_of(s.p + range.first, (size_t)(range.last - range.first + 1)));
        }
    }
    reply_int(r, (int64_t)count);
}

static void bitmap_bitcount(struct ctx *c) {
    struct bit_range range;
    if (c->argc == 3) {
        reply_err(c->r, ERR_SYNTAX);
        return;
    }
    if (!bit_range_parse(c, 2, false, &range)) return;
    scan_bits(c, &(struct scan){.e = db_read(c->db, ctx_key(c, 1)), .range = range}, compute_count);
}

/* A 0 that is looked for in a string of ones lies behind it, unless the caller said where to
 * stop. */
static void compute_position(void *state, struct reply *r) {
    struct scan *x = state;
    struct bit_range range = x->range;
    char digits[ENTRY_DIGITS_MAX];
    struct slice s = string_bytes(x->e, digits);
    int64_t unit_bits = range.in_bits ? 1 : 8;
    int64_t at = -1;
    if (string_range(&range.first, &range.last, (int64_t)s.n * 8 / unit_bits)) {
        at = bitmap_find_range(s, x->bit, (uint64_t)(range.first * unit_bits),
                               (uint64_t)(range.last * unit_bits + unit_bits - 1));
        if (at < 0 && !x->bit && !range.last_given) at = (int64_t)s.n * 8;
    }
    reply_int(r, at);
}

/* An absent key is all zeros. */
static void bitmap_bitpos(struct ctx *c) {
    struct bit_range range;
    int64_t bit;
    if (!ctx_int(c, 2, &bit)) return;
    if (bit & ~1) {
        reply_error(c->r, "ERR The bit argument must be 1 or 0.");
        return;
    }
    if (!bit_range_parse(c, 3, true, &range)) return;
    const struct entry *e = db_read(c->db, ctx_key(c, 1));
    if (!e) {
        reply_int(c->r, bit ? -1 : 0);
        return;
    }
    scan_bits(c, &(struct scan){.e = e, .range = range, .bit = (int)bit}, compute_position);
}

/* -- BITOP --------------------------------------------------------------------------- */

#define SOURCES_ON_STACK 16

struct bitop_source {
    char digits[ENTRY_DIGITS_MAX];
};

static const struct {
    const char *word;
    enum bitmap_op op;
    int sources_min, sources_max; /* 0: any number */
} bitop_words[] = {
    {"AND", BITMAP_AND, 1, 0},     {"OR", BITMAP_OR, 1, 0},     {"XOR", BITMAP_XOR, 1, 0},
    {"NOT", BITMAP_NOT, 1, 1},     {"DIFF", BITMAP_DIFF, 2, 0}, {"DIFF1", BITMAP_DIFF1, 2, 0},
    {"ANDOR", BITMAP_ANDOR, 2, 0}, {"ONE", BITMAP_ONE, 1, 0},
};

static bool bitop_parse(struct ctx *c, enum bitmap_op *op) {
    int sources = c->argc - 3;
    for (size_t i = 0; i < sizeof bitop_words / sizeof *bitop_words; i++) {
        if (!slice_is(c->argv[1], bitop_words[i].word)) continue;
        if (bitop_words[i].sources_max && sources > bitop_words[i].sources_max) {
            reply_errorf(c->r, "ERR BITOP %s must be called with a single source key.",
                         bitop_words[i].word);
            return false;
        }
        if (sources < bitop_words[i].sources_min) {
            reply_errorf(c->r, "ERR BITOP %s must be called with at least two source keys.",
                         bitop_words[i].word);
            return false;
        }
        *op = bitop_words[i].op;
        return true;
    }
    reply_err(c->r, ERR_SYNTAX);
    return false;
}

/* A combination on its way (core/offload). */
struct bitop {
    enum bitmap_op op;
    size_t count;
    const struct entry *few[SOURCES_ON_STACK];
    const struct entry **many; /* NULL: they are in few */
    size_t longest;            /* source; 0: the result is empty */
    struct blob *result;       /* NULL: there is no memory */
};

static void compute_bitop(void *state, struct reply *r) {
    struct bitop *x = state;
    (void)r;
    x->result = x->longest ? blob_try(x->longest) : NULL;
    if (!x->result) return;
    const struct entry **from = x->many ? x->many : x->few;
    struct bitop_source *sources = mem_alloc(x->count * sizeof *sources);
    struct slice *in = mem_alloc(x->count * sizeof *in);
    for (size_t i = 0; i < x->count; i++) in[i] = string_bytes(from[i], sources[i].digits);
    bitmap_combine(x->op, in, x->count, (uint8_t *)x->result->data, x->longest);
    x->result->len = x->longest;
    mem_free(in);
    mem_free(sources);
}

/* Only a result that is edited is raw, as Redis shows it, where it fits into an entry. */
static bool bitop_put(struct ctx *c, struct key k, struct bitop *x) {
    size_t length;
    if (x->longest > ENTRY_INLINE_BYTES_MAX) {
        db_set_blob(c->db, k, x->result, DB_NO_TTL);
        x->result = NULL;
        return true;
    }
    db_set_text(c->db, k, slice_of("", 0), DB_NO_TTL); /* no new key, if it is there */
    char *p = db_edit(c->db, k, x->longest, &length);
    if (p) memcpy(p, x->result->data, x->longest);
    return p;
}

/* An empty result removes the key. */
static void commit_bitop(struct ctx *c, void *state) {
    struct bitop *x = state;
    struct key k = ctx_key(c, 2);
    if (x->longest && (!x->result || !bitop_put(c, k, x))) {
        reply_err(c->r, ERR_NO_MEMORY);
        return;
    }
    if (x->longest) {
        ctx_changed(c, k, FEED_STRING, "set");
    } else {
        string_end(c, k);
    }
    reply_int(c->r, (int64_t)x->longest);
}

static void bitop_drop(void *state) {
    struct bitop *x = state;
    if (x->result) blob_unref(x->result);
    mem_free(x->many);
}

/* Keys past their time go in the first round, so that the second one changes nothing and the
 * values stay where they are. */
static void bitmap_bitop(struct ctx *c) {
    struct bitop x = {.count = (size_t)c->argc - 3};
    uint64_t bytes = 0;
    if (!bitop_parse(c, &x.op)) return;
    if (x.count > SOURCES_ON_STACK) x.many = mem_alloc(x.count * sizeof *x.many);
    const struct entry **from = x.many ? x.many : x.few;
    for (size_t i = 0; i < x.count; i++) db_read(c->db, ctx_key(c, 3 + (int)i));
    for (size_t i = 0; i < x.count; i++) {
        from[i] = db_peek(c->db, ctx_key(c, 3 + (int)i));
        if (!ctx_is_type(c, from[i], TYPE_STRING)) {
            mem_free(x.many);
            return;
        }
        size_t n = from[i] ? entry_strlen(from[i]) : 0;
        bytes += n;
        if (n > x.longest) x.longest = n;
    }
    offload(c, &(struct offload){
                   .units = bytes / UNIT_BYTES,
                   .state = &x,
                   .state_bytes = sizeof x,
                   .compute = compute_bitop,
                   .commit = commit_bitop,
                   .drop = bitop_drop,
               });
}

/* -- BITFIELD ------------------------------------------------------------------------ */

enum field_verb { FIELD_GET, FIELD_SET, FIELD_INCRBY };

struct field_op {
    uint64_t offset;
    int64_t operand; /* value or increment */
    uint8_t bits;
    bool is_signed;
    uint8_t verb;     /* enum field_verb */
    uint8_t overflow; /* enum bitmap_overflow */
};

#define FIELD_OPS_ON_STACK 16

struct field_program {
    struct field_op *ops;
    size_t count;
    bool writes;
    uint64_t last_bit; /* the highest one that is written */
    struct field_op on_stack[FIELD_OPS_ON_STACK];
};

/* "i1" to "i64" and "u1" to "u63". */
static bool field_type(struct ctx *c, int i, struct field_op *op) {
    struct slice s = c->argv[i];
    int64_t bits;
    if (s.n && (s.p[0] == 'i' || s.p[0] == 'u')) {
        op->is_signed = s.p[0] == 'i';
        if (num_parse_i64(slice_of(s.p + 1, s.n - 1), &bits) && bits >= 1 &&
            bits <= (op->is_signed ? 64 : 63)) {
            op->bits = (uint8_t)bits;
            return true;
        }
    }
    reply_error(c->r, "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not "
                      "supported but i64 is.");
    return false;
}

static bool field_overflow(struct ctx *c, int i, uint8_t *overflow) {
    static const char *const words[] = {
        [BITMAP_WRAP] = "WRAP", [BITMAP_SAT] = "SAT", [BITMAP_FAIL] = "FAIL"};
    for (uint8_t w = 0; w < sizeof words / sizeof *words; w++) {
        if (!slice_is(c->argv[i], words[w])) continue;
        *overflow = w;
        return true;
    }
    reply_error(c->r, "ERR Invalid OVERFLOW type specified");
    return false;
}

/* Reads one operation at argument i; returns how many arguments it has, 0 after an error. */
static int field_op_parse(struct ctx *c, int i, struct field_op *op) {
    int left = c->argc - i;
    if (left >= 3 && slice_is(c->argv[i], "GET")) {
        op->verb = FIELD_GET;
    } else if (left >= 4 && slice_is(c->argv[i], "SET")) {
        op->verb = FIELD_SET;
    } else if (left >= 4 && slice_is(c->argv[i], "INCRBY")) {
        op->verb = FIELD_INCRBY;
    } else {
        reply_err(c->r, ERR_SYNTAX);
        return 0;
    }
    if (!field_type(c, i + 1, op) || !bit_offset(c, i + 2, op->bits, &op->offset)) return 0;
    if (op->verb == FIELD_GET) return 3;
    return ctx_int(c, i + 3, &op->operand) ? 4 : 0;
}

/* Reads all operations into the program, whose ops the caller releases either way. */
static bool field_parse(struct ctx *c, struct field_program *program) {
    struct field_op next = {.overflow = BITMAP_WRAP};
    for (int i = 2, used; i < c->argc; i += used) {
        if (i + 1 < c->argc && slice_is(c->argv[i], "OVERFLOW")) {
            used = 2;
            if (!field_overflow(c, i + 1, &next.overflow)) return false;
            continue;
        }
        used = field_op_parse(c, i, &next);
        if (!used) return false;
        uint64_t last_bit = next.offset + next.bits - 1;
        if (next.verb != FIELD_GET) {
            program->writes = true;
            if (last_bit > program->last_bit) program->last_bit = last_bit;
        }
        program->ops[program->count++] = next;
    }
    return true;
}

/* Runs one operation that writes and replies; true if it changed a bit. */
static bool field_write(struct reply *r, const struct field_op *op, uint8_t *p, size_t length) {
    struct slice s = slice_of(p, length);
    bool set = op->verb == FIELD_SET;
    int64_t incr = set ? 0 : op->operand;
    uint64_t old, now;
    bool fits;
    if (op->is_signed) {
        int64_t signed_old = bitmap_field_signed(s, op->offset, op->bits), signed_now = 0;
        fits = bitmap_add_signed(set ? op->operand : signed_old, incr, op->bits, op->overflow,
                                 &signed_now);
        old = (uint64_t)signed_old;
        now = (uint64_t)signed_now;
    } else {
        old = bitmap_field_unsigned(s, op->offset, op->bits);
        fits = bitmap_add_unsigned(set ? (uint64_t)op->operand : old, incr, op->bits, op->overflow,
                                   &now);
    }
    if (!fits) {
        reply_null(r);
        return false;
    }
    bitmap_field_put(p, op->offset, op->bits, now);
    reply_int(r, (int64_t)(set ? old : now));
    return old != now;
}

static void field_read(struct reply *r, const struct field_op *op, struct slice s) {
    reply_int(r, op->is_signed ? bitmap_field_signed(s, op->offset, op->bits)
                               : (int64_t)bitmap_field_unsigned(s, op->offset, op->bits));
}

static void field_run_reads(struct ctx *c, const struct field_program *program) {
    char digits[ENTRY_DIGITS_MAX];
    const struct entry *e = db_read(c->db, ctx_key(c, 1));
    if (!ctx_is_type(c, e, TYPE_STRING)) return;
    struct slice s = string_bytes(e, digits);
    reply_array(c->r, program->count);
    for (size_t i = 0; i < program->count; i++) field_read(c->r, &program->ops[i], s);
}

static void field_run_writes(struct ctx *c, const struct field_program *program) {
    struct key k = ctx_key(c, 1);
    const struct entry *e = db_find(c->db, k);
    if (!ctx_is_type(c, e, TYPE_STRING)) return;
    size_t length;
    bool changed;
    uint8_t *p = edit_bits(c, k, e, program->last_bit, &length, &changed);
    if (!p) return;
    reply_array(c->r, program->count);
    for (size_t i = 0; i < program->count; i++) {
        const struct field_op *op = &program->ops[i];
        if (op->verb == FIELD_GET) {
            field_read(c->r, op, slice_of(p, length));
        } else if (field_write(c->r, op, p, length)) {
            changed = true;
        }
    }
    if (changed) ctx_changed(c, k, FEED_STRING, "setbit");
}

static void field_run(struct ctx *c, bool may_write) {
    struct field_program program = {.ops = program.on_stack};
    size_t ops_max = (size_t)c->argc / 3;
    if (ops_max > FIELD_OPS_ON_STACK) program.ops = mem_alloc(ops_max * sizeof *program.ops);
    if (field_parse(c, &program)) {
        if (!program.writes) {
            field_run_reads(c, &program);
        } else if (may_write) {
            field_run_writes(c, &program);
        } else {
            reply_error(c->r, "ERR BITFIELD_RO only supports the GET subcommand");
        }
    }
    if (program.ops != program.on_stack) mem_free(program.ops);
}

static void bitmap_bitfield(struct ctx *c) { field_run(c, true); }
static void bitmap_bitfield_ro(struct ctx *c) { field_run(c, false); }

/* -- rows: arguments ----------------------------------------------------------------- */

#define ARG_KEY_FIRST                                                                              \
    { .name = "key", .type = ARG_KEY }
#define ARG_WORD(name_, token_)                                                                    \
    { .name = name_, .type = ARG_PURE_TOKEN, .token = token_ }
#define ARG_ENCODING                                                                               \
    { .name = "encoding", .type = ARG_STRING }
#define ARG_OFFSET                                                                                 \
    { .name = "offset", .type = ARG_INTEGER }

static const struct row_arg args_getbit[] = {ARG_KEY_FIRST, ARG_OFFSET, {0}};
static const struct row_arg args_setbit[] = {
    ARG_KEY_FIRST,
    ARG_OFFSET,
    {.name = "value", .type = ARG_INTEGER},
    {0},
};
static const struct row_arg sub_unit[] = {
    ARG_WORD("byte", "BYTE"),
    ARG_WORD("bit", "BIT"),
    {0},
};
static const struct row_arg sub_count_range[] = {
    {.name = "start", .type = ARG_INTEGER},
    {.name = "end", .type = ARG_INTEGER},
    {.name = "unit", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .since = "7.0.0", .sub = sub_unit},
    {0},
};
static const struct row_arg args_bitcount[] = {
    ARG_KEY_FIRST,
    {.name = "range", .type = ARG_BLOCK, .flags = ARG_OPTIONAL, .sub = sub_count_range},
    {0},
};
static const struct row_arg sub_end[] = {
    {.name = "end", .type = ARG_INTEGER},
    {.name = "unit", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .since = "7.0.0", .sub = sub_unit},
    {0},
};
static const struct row_arg sub_find_range[] = {
    {.name = "start", .type = ARG_INTEGER},
    {.name = "end-unit-block", .type = ARG_BLOCK, .flags = ARG_OPTIONAL, .sub = sub_end},
    {0},
};
static const struct row_arg args_bitpos[] = {
    ARG_KEY_FIRST,
    {.name = "bit", .type = ARG_INTEGER},
    {.name = "range", .type = ARG_BLOCK, .flags = ARG_OPTIONAL, .sub = sub_find_range},
    {0},
};
static const struct row_arg sub_operation[] = {
    ARG_WORD("and", "AND"),
    ARG_WORD("or", "OR"),
    ARG_WORD("xor", "XOR"),
    ARG_WORD("not", "NOT"),
    {.name = "diff", .type = ARG_PURE_TOKEN, .token = "DIFF", .since = "8.2.0"},
    {.name = "diff1", .type = ARG_PURE_TOKEN, .token = "DIFF1", .since = "8.2.0"},
    {.name = "andor", .type = ARG_PURE_TOKEN, .token = "ANDOR", .since = "8.2.0"},
    {.name = "one", .type = ARG_PURE_TOKEN, .token = "ONE", .since = "8.2.0"},
    {0},
};
static const struct row_arg args_bitop[] = {
    {.name = "operation", .type = ARG_ONEOF, .sub = sub_operation},
    {.name = "destkey", .type = ARG_KEY},
    {.name = "key", .type = ARG_KEY, .flags = ARG_MULTIPLE, .key_spec = 1},
    {0},
};
static const struct row_arg sub_field[] = {ARG_ENCODING, ARG_OFFSET, {0}};
static const struct row_arg sub_field_value[] = {
    ARG_ENCODING,
    ARG_OFFSET,
    {.name = "value", .type = ARG_INTEGER},
    {0},
};
static const struct row_arg sub_field_increment[] = {
    ARG_ENCODING,
    ARG_OFFSET,
    {.name = "increment", .type = ARG_INTEGER},
    {0},
};
static const struct row_arg sub_overflow[] = {
    ARG_WORD("wrap", "WRAP"),
    ARG_WORD("sat", "SAT"),
    ARG_WORD("fail", "FAIL"),
    {0},
};
static const struct row_arg sub_write_operation[] = {
    {.name = "set-block", .type = ARG_BLOCK, .token = "SET", .sub = sub_field_value},
    {.name = "incrby-block", .type = ARG_BLOCK, .token = "INCRBY", .sub = sub_field_increment},
    {0},
};
static const struct row_arg sub_write[] = {
    {.name = "overflow-block",
     .type = ARG_ONEOF,
     .flags = ARG_OPTIONAL,
     .token = "OVERFLOW",
     .sub = sub_overflow},
    {.name = "write-operation", .type = ARG_ONEOF, .sub = sub_write_operation},
    {0},
};
static const struct row_arg sub_field_operation[] = {
    {.name = "get-block", .type = ARG_BLOCK, .token = "GET", .sub = sub_field},
    {.name = "write", .type = ARG_BLOCK, .sub = sub_write},
    {0},
};
static const struct row_arg args_bitfield[] = {
    ARG_KEY_FIRST,
    {.name = "operation",
     .type = ARG_ONEOF,
     .flags = ARG_OPTIONAL | ARG_MULTIPLE,
     .sub = sub_field_operation},
    {0},
};
static const struct row_arg args_bitfield_ro[] = {
    ARG_KEY_FIRST,
    {.name = "get-block",
     .type = ARG_BLOCK,
     .flags = ARG_OPTIONAL | ARG_MULTIPLE | ARG_MULTIPLE_TOKEN,
     .token = "GET",
     .sub = sub_field},
    {0},
};

/* -- rows: what the operations do to the key ----------------------------------------- */

static uint16_t bitfield_key_flags(const struct slice *argv, int argc) {
    for (int i = 2; i < argc;) {
        if (slice_is(argv[i], "GET") && i + 2 < argc) {
            i += 3;
        } else if (slice_is(argv[i], "OVERFLOW") && i + 1 < argc) {
            i += 2;
        } else {
            return KEY_RW | KEY_ACCESS | KEY_UPDATE;
        }
    }
    return KEY_RO | KEY_ACCESS;
}

/* -- rows: history ------------------------------------------------------------------- */

static const struct row_change history_unit[] = {
    {"7.0.0", "The `BYTE` and `BIT` units."},
    {0},
};
static const struct row_change history_bitop[] = {
    {"8.2.0", "The `DIFF`, `DIFF1`, `ANDOR` and `ONE` operations."},
    {0},
};

/* -- rows ---------------------------------------------------------------------------- */

const struct row bitmap_rows[] = {
    {
        .name = "bitcount",
        .run = bitmap_bitcount,
        .arity = -2,
        .flags = ROW_READONLY,
        .acl = ACL_BITMAP,
        .keys = KEY_FIRST(KEY_RO | KEY_ACCESS),
        .since = "2.6.0",
        .summary = "Counts the bits that are set in a string.",
        .complexity = "O(N) in the bytes looked at",
        .group = GROUP_BITMAP,
        .args = args_bitcount,
        .history = history_unit,
    },
    {
        .name = "bitfield",
        .run = bitmap_bitfield,
        .arity = -2,
        .flags = ROW_WRITE | ROW_DENYOOM,
        .acl = ACL_BITMAP,
        .keys = {{.notes = "RW since some operations read and others write",
                  .flags = KEY_RW | KEY_ACCESS | KEY_UPDATE | KEY_VARIABLE_FLAGS,
                  .begin = BEGIN_INDEX,
                  .find = FIND_RANGE,
                  .index = 1,
                  .step = 1}},
        .key_flags = bitfield_key_flags,
        .since = "3.2.0",
        .summary = "Reads, sets and increments integers of any width inside a string.",
        .complexity = "O(1) for each operation",
        .group = GROUP_BITMAP,
        .args = args_bitfield,
    },
    {
        .name = "bitfield_ro",
        .run = bitmap_bitfield_ro,
        .arity = -2,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_BITMAP,
        .keys = KEY_FIRST(KEY_RO | KEY_ACCESS),
        .since = "6.0.0",
        .summary = "Reads integers of any width inside a string.",
        .complexity = "O(1) for each operation",
        .group = GROUP_BITMAP,
        .args = args_bitfield_ro,
    },
    {
        .name = "bitop",
        .run = bitmap_bitop,
        .arity = -4,
        .flags = ROW_WRITE | ROW_DENYOOM,
        .acl = ACL_BITMAP,
        .keys = {{.flags = KEY_OW | KEY_UPDATE,
                  .begin = BEGIN_INDEX,
                  .find = FIND_RANGE,
                  .index = 2,
                  .step = 1},
                 {.flags = KEY_RO | KEY_ACCESS,
                  .begin = BEGIN_INDEX,
                  .find = FIND_RANGE,
                  .index = 3,
                  .last = -1,
                  .step = 1}},
        .since = "2.6.0",
        .summary = "Combines strings bit by bit and stores the result.",
        .complexity = "O(N) in the bytes of all sources",
        .group = GROUP_BITMAP,
        .args = args_bitop,
        .history = history_bitop,
    },
    {
        .name = "bitpos",
        .run = bitmap_bitpos,
        .arity = -3,
        .flags = ROW_READONLY,
        .acl = ACL_BITMAP,
        .keys = KEY_FIRST(KEY_RO | KEY_ACCESS),
        .since = "2.8.7",
        .summary = "Finds the first bit that is set or clear in a string.",
        .complexity = "O(N) in the bytes looked at",
        .group = GROUP_BITMAP,
        .args = args_bitpos,
        .history = history_unit,
    },
    {
        .name = "getbit",
        .run = bitmap_getbit,
        .arity = 3,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_BITMAP,
        .keys = KEY_FIRST(KEY_RO | KEY_ACCESS),
        .since = "2.2.0",
        .summary = "Returns one bit of a string.",
        .complexity = "O(1)",
        .group = GROUP_BITMAP,
        .args = args_getbit,
    },
    {
        .name = "setbit",
        .run = bitmap_setbit,
        .arity = 4,
        .flags = ROW_WRITE | ROW_DENYOOM,
        .acl = ACL_BITMAP,
        .keys = KEY_FIRST(KEY_RW | KEY_ACCESS | KEY_UPDATE),
        .since = "2.2.0",
        .summary = "Sets or clears one bit of a string, which grows as needed.",
        .complexity = "O(1), and O(N) in the bytes that the string grows by",
        .group = GROUP_BITMAP,
        .args = args_setbit,
    },
    {0},
};
