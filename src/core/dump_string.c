/* dump_string.c - strings in bytes of RDB. See dump.h. */
#include "core/dump.h"

static enum rdb_type string_type(const struct entry *e, int version) {
    (void)e;
    (void)version;
    return RDB_STRING;
}

static void put_string(struct rdb_writer *w, const struct entry *e, enum rdb_type as) {
    char digits[ENTRY_DIGITS_MAX];
    (void)as;
    if (entry_encoding(e) == ENC_INT) {
        rdb_put_int(w, entry_int(e));
    } else {
        rdb_put_string(w, entry_bytes(e, digits));
    }
}

static int begin_string(void *ctx, const struct rdb_value *value) {
    (void)value;
    struct dump_load *load = ctx;
    load->value->type = TYPE_STRING;
    load->value->encoding = ENC_RAW;
    return 0;
}

static int take_string(void *ctx, struct slice s) { return dump_take_bytes(ctx, ENC_RAW, s); }

static int end_string(void *ctx) {
    (void)ctx;
    return 0;
}

static const struct rdb_visitor visitor = {
    .begin = begin_string,
    .string = take_string,
    .end = end_string,
};

const struct dump_type dump_string = {string_type, put_string, &visitor, NULL};
