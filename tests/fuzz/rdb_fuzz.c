/* rdb_fuzz.c - any bytes through the reader of RDB, and what it reads through the writer.
 *
 * The first byte chooses: even, a value (its type byte, its body), also as a DUMP payload with
 * a right checksum; odd, a file. Its upper bits are the size of the pieces. Checked: pieces
 * read as the whole does, and what was written back reads as the same bytes again.
 */
#include <stdint.h>

#include "unit/wire/rdb_echo.h"

int fuzz_one(const uint8_t *data, size_t size);

static int read_value(struct rdb_reader *r, struct rdb_writer *out) {
    struct rdb_echo e;
    unsigned type;
    if (!rdb_get_byte(r, &type)) return r->err;
    rdb_put_byte(out, rdb_echo_type(type));
    rdb_echo_init(&e, out);
    int err = rdb_get_value(r, type, &rdb_echo_visitor, &e);
    ASSERT(err != 0 || e.ended);
    rdb_echo_fini(&e);
    return err;
}

/* step 0: the whole at once. */
static int read_any(struct slice in, size_t step, bool file, struct rdb_writer *out) {
    struct rdb_reader r;
    struct rdb_pieces pieces = {in, step, NULL};
    if (step)
        rdb_reader_init_refill(&r, rdb_pieces_refill, &pieces);
    else
        rdb_reader_init(&r, in);
    r.checksum = false;
    out->compress = false;
    int err = file ? rdb_echo_file(&r, out) : read_value(&r, out);
    ASSERT(err == 0 || err == RDB_EMPTY || r.err == err);
    ASSERT(r.err == 0 || r.reason);
    ASSERT(rdb_reader_offset(&r) <= in.n);
    rdb_reader_fini(&r);
    mem_free(pieces.last);
    return err;
}

/* A payload's end put right behind the bytes: RESTORE sees the same as the bare reader. */
static void as_payload(struct slice in, int want) {
    struct rdb_writer w, out;
    struct rdb_echo e;
    const char *why;
    rdb_writer_init(&w, NULL, NULL);
    rdb_writer_init(&out, NULL, NULL);
    rdb_echo_init(&e, &out);
    rdb_put_raw(&w, in.p, in.n);
    rdb_put_dump_end(&w, RDB_VERSION_DEFAULT);
    int err = rdb_dump_read(rdb_writer_bytes(&w), &rdb_echo_visitor, &e, &why);
    ASSERT(want == 0 ? err == 0 || err == RDB_CORRUPT : err == want);
    ASSERT(err == 0 || why);
    rdb_echo_fini(&e);
    rdb_writer_fini(&out);
    rdb_writer_fini(&w);
}

int fuzz_one(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    struct rdb_writer whole, other;
    bool file = data[0] & 1;
    char *p = mem_dup(data + 1, size - 1);
    struct slice in = slice_of(p, size - 1);
    rdb_writer_init(&whole, NULL, NULL);
    rdb_writer_init(&other, NULL, NULL);
    int err = read_any(in, 0, file, &whole);
    int in_pieces = read_any(in, 1 + (data[0] >> 1) % 40, file, &other);
    ASSERT((err == 0) == (in_pieces == 0));
    if (!file) as_payload(in, err);
    if (err == 0) {
        ASSERT(slice_eq(rdb_writer_bytes(&whole), rdb_writer_bytes(&other)));
        rdb_writer_reset(&other);
        ASSERT(read_any(rdb_writer_bytes(&whole), 0, file, &other) == 0);
        ASSERT(slice_eq(rdb_writer_bytes(&whole), rdb_writer_bytes(&other)));
    }
    rdb_writer_fini(&whole);
    rdb_writer_fini(&other);
    mem_free(p);
    return 0;
}
