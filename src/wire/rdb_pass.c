/* rdb_pass.c - see rdb_pass.h. */
#include "wire/rdb_pass.h"

static int pass_begin(void *ctx, const struct rdb_value *v) { return (void)ctx, (void)v, 0; }
static int pass_string(void *ctx, struct slice s) { return (void)ctx, (void)s, 0; }
static int pass_field(void *ctx, struct slice f, struct slice v, int64_t ms) {
    return (void)ctx, (void)f, (void)v, (void)ms, 0;
}
static int pass_member(void *ctx, struct slice m, double score) {
    return (void)ctx, (void)m, (void)score, 0;
}
static int pass_packed(void *ctx, enum rdb_form form, struct slice s) {
    return (void)ctx, (void)form, (void)s, 0;
}
static int pass_node(void *ctx, struct rdb_stream_id id, struct slice s) {
    return (void)ctx, (void)id, (void)s, 0;
}
static int pass_meta(void *ctx, const struct rdb_stream_meta *m) { return (void)ctx, (void)m, 0; }
static int pass_group(void *ctx, const struct rdb_group *g) { return (void)ctx, (void)g, 0; }
static int pass_pending(void *ctx, const struct rdb_pending *p) { return (void)ctx, (void)p, 0; }
static int pass_consumer(void *ctx, const struct rdb_consumer *c) { return (void)ctx, (void)c, 0; }
static int pass_claim(void *ctx, struct rdb_stream_id id) { return (void)ctx, (void)id, 0; }
static int pass_module(void *ctx, uint64_t number) { return (void)ctx, (void)number, 0; }
static int pass_datum(void *ctx, const struct rdb_datum *d) { return (void)ctx, (void)d, 0; }
static int pass_end(void *ctx) { return (void)ctx, 0; }

static const struct rdb_visitor pass = {
    pass_begin, pass_string,  pass_field,    pass_member, pass_packed, pass_node,  pass_meta,
    pass_group, pass_pending, pass_consumer, pass_claim,  pass_module, pass_datum, pass_end,
};

int rdb_pass_value(struct rdb_reader *r, unsigned type) {
    int err = rdb_get_value(r, type, &pass, NULL);
    return err == RDB_EMPTY ? 0 : err;
}
