/* rdb_test.c - the codec of RDB by itself: primitives, values, files, what is refused. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/num.h"
#include "support/suite.h"
#include "unit/wire/rdb_echo.h"

#define S(text) slice_of(text, sizeof(text) - 1)

static struct rdb_writer w;

static void start(void) { rdb_writer_init(&w, NULL, NULL); }
static void stop(void) { rdb_writer_fini(&w); }
static bool holds(struct slice want) { return slice_eq(rdb_writer_bytes(&w), want); }

/* ---- primitives ---- */

static void lengths_take_the_shortest_form(void) {
    static const struct {
        uint64_t n;
        size_t bytes;
    } cases[] = {{0, 1},          {63, 1},         {64, 2},         {16383, 2},         {16384, 5},
                 {UINT32_MAX, 5}, {1ull << 32, 9}, {UINT64_MAX, 9}, {UINT64_MAX - 1, 9}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rdb_reader r;
        uint64_t n;
        start();
        rdb_put_len(&w, cases[i].n);
        CU_ASSERT_EQUAL(w.len, cases[i].bytes);
        rdb_reader_init(&r, rdb_writer_bytes(&w));
        CU_ASSERT(rdb_get_len(&r, &n) && n == cases[i].n);
        CU_ASSERT(!rdb_get_len(&r, &n) && r.err == RDB_SHORT && r.err_at == cases[i].bytes);
        rdb_reader_fini(&r);
        stop();
    }
}

/* What a string is stored as, and that it reads back, whole and in pieces. */
static void string_is(struct slice s, struct slice want) {
    struct rdb_reader r;
    struct slice got;
    start();
    rdb_put_string(&w, s);
    if (want.n) CU_ASSERT(holds(want));
    rdb_reader_init(&r, rdb_writer_bytes(&w));
    CU_ASSERT(rdb_get_string(&r, &got) && slice_eq(got, s) && r.at == r.end);
    rdb_reader_fini(&r);
    for (size_t step = 1; step < 30; step += 4) {
        struct rdb_pieces pieces = {rdb_writer_bytes(&w), step, NULL};
        rdb_reader_init_refill(&r, rdb_pieces_refill, &pieces);
        CU_ASSERT(rdb_get_string(&r, &got) && slice_eq(got, s));
        CU_ASSERT_EQUAL(rdb_reader_offset(&r), w.len);
        rdb_reader_fini(&r);
        mem_free(pieces.last);
    }
    stop();
}

static void strings(void) {
    string_is(S(""), S("\0"));
    string_is(S("abc"), S("\3abc"));
    string_is(S("7"), S("\xc0\7"));
    string_is(S("-128"), S("\xc0\x80"));
    string_is(S("128"), S("\xc1\x80\0"));
    string_is(S("-32768"), S("\xc1\0\x80"));
    string_is(S("32768"), S("\xc2\0\x80\0\0"));
    string_is(S("-2147483648"), S("\xc2\0\0\0\x80"));
    string_is(S("2147483648"), S("\x0a"
                                 "2147483648"));
    string_is(S("007"), S("\3"
                          "007"));
    string_is(S("-0"), S("\2-0"));
    string_is(S("+1"), S("\2+1"));
    string_is(S("aaaaaaaaaaaaaaaaaaaa"), S("\x14"
                                           "aaaaaaaaaaaaaaaaaaaa"));
    string_is(S("aaaaaaaaaaaaaaaaaaaaa"), S("\xc3\x06\x15\1aa\xe0\x0a\0"));
    string_is(S("abcdefghijklmnopqrstuvwxyz"), S("\x1a"
                                                 "abcdefghijklmnopqrstuvwxyz"));
}

static void long_strings(void) {
    size_t n = 300000;
    char *p = mem_alloc(n);
    srandom(2);
    for (size_t i = 0; i < n; i++) p[i] = (char)random();
    string_is(slice_of(p, n), slice_of(NULL, 0));
    for (size_t i = 0; i < n; i++) p[i] = (char)(i / 100);
    string_is(slice_of(p, n), slice_of(NULL, 0));
    mem_free(p);
}

static void integers_as_their_digits(void) {
    static const int64_t values[] = {0,      -1,        127,       128,       -129,      32767,
                                     -32769, INT32_MAX, INT32_MIN, 1ll << 31, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char digits[NUM_INT_BYTES_MAX], by_int[64];
        size_t n = num_format_i64(digits, values[i]);
        start();
        rdb_put_int(&w, values[i]);
        size_t len = w.len;
        memcpy(by_int, w.buf, len);
        rdb_writer_reset(&w);
        rdb_put_string(&w, slice_of(digits, n));
        CU_ASSERT(holds(slice_of(by_int, len)));
        stop();
    }
}

static double text_score(struct slice bytes, int *err) {
    struct rdb_reader r;
    double v = 0;
    rdb_reader_init(&r, bytes);
    rdb_get_double_text(&r, &v);
    *err = r.err;
    rdb_reader_fini(&r);
    return v;
}

static void doubles(void) {
    static const double values[] = {0.0, -0.0, 1.5, -1e300, 5e-324, INFINITY, -INFINITY};
    struct rdb_reader r;
    int err;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        double v;
        start();
        rdb_put_double(&w, values[i]);
        rdb_reader_init(&r, rdb_writer_bytes(&w));
        CU_ASSERT(rdb_get_double(&r, &v) && memcmp(&v, &values[i], sizeof(v)) == 0);
        stop();
    }
    CU_ASSERT(text_score(S("\xff"), &err) == -INFINITY && err == 0);
    CU_ASSERT(text_score(S("\xfe"), &err) == INFINITY && err == 0);
    CU_ASSERT(isnan(text_score(S("\xfd"), &err)) && err == 0);
    CU_ASSERT(text_score(S("\4-1.5"), &err) == -1.5 && err == 0);
    CU_ASSERT(text_score(S("\x16"
                           "3.1415926535897931e+10"),
                         &err) == 3.1415926535897931e+10 &&
              err == 0);
    text_score(S("\2x1"), &err);
    CU_ASSERT_EQUAL(err, RDB_CORRUPT);
    text_score(S("\5"
                 "1.5"),
               &err);
    CU_ASSERT_EQUAL(err, RDB_SHORT);
}

/* ---- values ---- */

/* Reads a value of a type and writes it back to out. */
static int echo(unsigned type, struct slice body, struct rdb_writer *out, uint64_t refuse_at) {
    struct rdb_reader r;
    struct rdb_echo e;
    rdb_reader_init(&r, body);
    rdb_echo_init(&e, out);
    e.refuse_at = refuse_at;
    int err = rdb_get_value(&r, type, &rdb_echo_visitor, &e);
    if (err && err != RDB_EMPTY) CU_ASSERT(!e.ended && r.err == err && r.reason);
    rdb_echo_fini(&e);
    rdb_reader_fini(&r);
    return err;
}

static int result_of(unsigned type, struct slice body) {
    struct rdb_writer out;
    rdb_writer_init(&out, NULL, NULL);
    int err = echo(type, body, &out, 0);
    rdb_writer_fini(&out);
    return err;
}

/* The body in w comes out as it went in; cut anywhere it is refused; a visitor's no ends it. */
static void body_echoes(unsigned type) {
    struct rdb_writer out;
    rdb_writer_init(&out, NULL, NULL);
    CU_ASSERT_EQUAL(echo(type, rdb_writer_bytes(&w), &out, 0), 0);
    CU_ASSERT(slice_eq(rdb_writer_bytes(&out), rdb_writer_bytes(&w)));
    for (size_t n = 0; n < w.len; n++) {
        char *cut = mem_dup(w.buf, n);
        rdb_writer_reset(&out);
        CU_ASSERT(echo(type, slice_of(cut, n), &out, 0) < 0);
        mem_free(cut);
    }
    for (uint64_t call = 1;; call++) {
        rdb_writer_reset(&out);
        int err = echo(type, rdb_writer_bytes(&w), &out, call);
        if (err == 0) break;
        CU_ASSERT_EQUAL(err, RDB_ECHO_REFUSED);
    }
    rdb_writer_fini(&out);
}

static void collections(void) {
    static const unsigned one_form[] = {RDB_STRING,          RDB_HASH_ZIPMAP,   RDB_LIST_ZIPLIST,
                                        RDB_SET_INTSET,      RDB_ZSET_ZIPLIST,  RDB_HASH_ZIPLIST,
                                        RDB_HASH_LISTPACK,   RDB_ZSET_LISTPACK, RDB_SET_LISTPACK,
                                        RDB_HASH_LISTPACK_RC};
    for (size_t i = 0; i < sizeof(one_form) / sizeof(one_form[0]); i++) {
        start();
        rdb_put_string(&w, S("any bytes"));
        body_echoes(one_form[i]);
        stop();
    }
    static const unsigned strings_of[] = {RDB_LIST, RDB_SET, RDB_LIST_ZIPLISTS};
    for (size_t i = 0; i < 3; i++) {
        start();
        rdb_put_len(&w, 3);
        rdb_put_string(&w, S("a"));
        rdb_put_string(&w, S(""));
        rdb_put_string(&w, S("123456"));
        body_echoes(strings_of[i]);
        stop();
    }
    start();
    rdb_put_len(&w, 2);
    rdb_put_field(&w, S("f"), S("v"));
    rdb_put_field(&w, S("12"), S(""));
    body_echoes(RDB_HASH);
    stop();
    start();
    rdb_put_len(&w, 2);
    rdb_put_member(&w, S("m"), -1.25);
    rdb_put_member(&w, S("n"), INFINITY);
    body_echoes(RDB_ZSET);
    stop();
    start();
    rdb_put_len(&w, 2);
    rdb_put_list_plain(&w, S("element"));
    rdb_put_list_listpack(&w, S("bytes of a listpack"));
    body_echoes(RDB_LIST_NODES);
    stop();
}

static void expiring_fields(void) {
    int64_t least = 1700000000000, last = RDB_FIELD_EXPIRY_MS_END - 1;
    start();
    rdb_put_expires_head(&w, least, 3);
    rdb_put_expires_field(&w, least, least, S("f"), S("v"));
    rdb_put_expires_field(&w, least, RDB_NO_EXPIRY, S("g"), S("w"));
    rdb_put_expires_field(&w, least, last, S("h"), S("x"));
    body_echoes(RDB_HASH_EXPIRES);
    rdb_writer_reset(&w);
    rdb_put_listpack_ex(&w, least, S("bytes of a listpack"));
    body_echoes(RDB_HASH_LISTPACK_EX);
    rdb_writer_reset(&w);
    rdb_put_len(&w, 1);
    rdb_put_len(&w, (uint64_t)least);
    rdb_put_field(&w, S("f"), S("v"));
    body_echoes(RDB_HASH_EXPIRES_RC);
    stop();
    /* 2^48 by itself, by the sum, and a sum beyond 64 bits. */
    CU_ASSERT_EQUAL(result_of(RDB_HASH_EXPIRES_RC, S("\1\x81\0\1\0\0\0\0\0\0\1f\1v")), RDB_CORRUPT);
    CU_ASSERT_EQUAL(result_of(RDB_HASH_EXPIRES, S("\0\0\0\0\0\0\1\0\1\1\1f\1v")), RDB_CORRUPT);
    CU_ASSERT_EQUAL(result_of(RDB_HASH_EXPIRES, S("\1\0\0\0\0\0\1\0\1\0\1f\1v")), RDB_CORRUPT);
    CU_ASSERT_EQUAL(result_of(RDB_HASH_EXPIRES,
                              S("\2\0\0\0\0\0\0\0\1\x81\xff\xff\xff\xff\xff\xff\xff\xff\1f\1v")),
                    RDB_CORRUPT);
}

static void put_group(unsigned type) {
    struct rdb_group group = {S("group"), {9, 1}, 4};
    struct rdb_pending pending = {{5, 1}, 1700000000000, 3};
    struct rdb_consumer consumer = {S("alice"), 1700000000001, -1};
    rdb_put_group(&w, &group);
    rdb_put_len(&w, 2);
    rdb_put_pending(&w, &pending);
    pending.id.seq = 2;
    rdb_put_pending(&w, &pending);
    rdb_put_len(&w, 2);
    rdb_put_consumer(&w, type, &consumer);
    rdb_put_len(&w, 2);
    rdb_put_stream_id(&w, (struct rdb_stream_id){5, 1});
    rdb_put_stream_id(&w, (struct rdb_stream_id){5, 2});
    consumer.name = S("bob");
    rdb_put_consumer(&w, type, &consumer);
    rdb_put_len(&w, 0);
}

static void streams(void) {
    struct rdb_stream_meta meta = {
        .length = 7, .last = {9, 9}, .first = {1, 0}, .deleted_max = {4, 2}, .added = 99};
    for (unsigned type = RDB_STREAM_2; type <= RDB_STREAM_3; type += RDB_STREAM_3 - RDB_STREAM_2) {
        for (meta.groups = 0; meta.groups < 3; meta.groups++) {
            start();
            rdb_put_len(&w, 2);
            rdb_put_stream_node(&w, (struct rdb_stream_id){1, 0}, S("bytes of a listpack"));
            rdb_put_stream_node(&w, (struct rdb_stream_id){1, 1}, S("more bytes"));
            rdb_put_stream_meta(&w, &meta);
            for (uint64_t i = 0; i < meta.groups; i++) put_group(type);
            body_echoes(type);
            stop();
        }
    }
    /* No nodes, no groups: a stream may be empty. */
    CU_ASSERT_EQUAL(result_of(RDB_STREAM_1, S("\0\0\0\0\0")), 0);
    CU_ASSERT_EQUAL(result_of(RDB_STREAM_1, S("\1\2ab\3abc\0\0\0\0\0\0\0\0\0\0\0\0\0\0")),
                    RDB_CORRUPT);
    start();
    rdb_put_len(&w, 2);
    rdb_put_stream_node(&w, (struct rdb_stream_id){1, 1}, S("bytes of a listpack"));
    rdb_put_stream_node(&w, (struct rdb_stream_id){1, 1}, S("more bytes"));
    rdb_put_stream_meta(&w, &meta);
    CU_ASSERT_EQUAL(result_of(RDB_STREAM_2, rdb_writer_bytes(&w)), RDB_CORRUPT);
    stop();
}

static void values_of_modules(void) {
    char name[RDB_MODULE_NAME_BYTES + 1];
    uint64_t number = rdb_module_number("test-Type", 3);
    rdb_module_name(number, name);
    CU_ASSERT_STRING_EQUAL(name, "test-Type");
    CU_ASSERT_EQUAL(number & 1023, 3);
    start();
    rdb_put_module(&w, number);
    rdb_put_module_uint(&w, UINT64_MAX);
    rdb_put_module_string(&w, S("text"));
    rdb_put_raw(&w, "\1\7\3abcd\4abcdefgh", 16); /* the kinds that this server does not write */
    rdb_put_module_string(&w, S(""));
    rdb_put_module_end(&w);
    body_echoes(RDB_MODULE);
    stop();
    CU_ASSERT_EQUAL(result_of(RDB_MODULE, S("\0\0")), 0);
    CU_ASSERT_EQUAL(result_of(RDB_MODULE, S("\0\6\0")), RDB_CORRUPT);
    CU_ASSERT_EQUAL(result_of(RDB_MODULE, S("\0\2")), RDB_SHORT);
    CU_ASSERT_EQUAL(result_of(RDB_MODULE, S("\0\2\1")), RDB_SHORT);
}

static void what_is_refused(void) {
    CU_ASSERT_EQUAL(result_of(RDB_SET, S("\0")), RDB_EMPTY);
    CU_ASSERT_EQUAL(result_of(RDB_LIST_NODES, S("\0")), RDB_EMPTY);
    CU_ASSERT_EQUAL(result_of(RDB_HASH_EXPIRES, S("\0\0\0\0\0\0\0\0\0")), RDB_EMPTY);
    CU_ASSERT_EQUAL(result_of(RDB_MODULE_OLD, S("\0")), RDB_UNSUPPORTED);
    CU_ASSERT_EQUAL(result_of(8, S("\0")), RDB_UNSUPPORTED);
    CU_ASSERT_EQUAL(result_of(26, S("\0")), RDB_UNSUPPORTED);
    CU_ASSERT_EQUAL(result_of(RDB_LIST_NODES, S("\1\3\1a")), RDB_CORRUPT);
    CU_ASSERT_EQUAL(result_of(RDB_ZSET, S("\1\1m\0\0\0\0\0\0\xf8\x7f")), RDB_CORRUPT);
    CU_ASSERT_EQUAL(result_of(RDB_ZSET_TEXT, S("\1\1m\xfd")), RDB_CORRUPT);
    CU_ASSERT_EQUAL(result_of(RDB_SET, S("\xc0\1\1a")), RDB_CORRUPT);
    /* Counts and lengths that nothing stands behind. */
    CU_ASSERT_EQUAL(result_of(RDB_SET, S("\x81\xff\xff\xff\xff\xff\xff\xff\xff")), RDB_CORRUPT);
    CU_ASSERT_EQUAL(result_of(RDB_STRING, S("\x81\xff\xff\xff\xff\xff\xff\xff\xff")), RDB_SHORT);
    CU_ASSERT_EQUAL(result_of(RDB_STRING, S("\x82\0\0\0\0")), RDB_CORRUPT);
    CU_ASSERT_EQUAL(result_of(RDB_STRING, S("\xc4\0")), RDB_CORRUPT);
    CU_ASSERT_EQUAL(result_of(RDB_STRING, S("\xc3\2\x80\x10\0\0\0aa")), RDB_CORRUPT);
    CU_ASSERT_EQUAL(result_of(RDB_STRING, S("\xc3\2\5aa")), RDB_CORRUPT);
    CU_ASSERT_EQUAL(result_of(RDB_STRING, S("\xc3\0\0")), RDB_CORRUPT);
    /* An announced string in pieces that never come costs no memory of its size. */
    struct rdb_reader r;
    struct rdb_pieces pieces = {S("\x81\0\0\1\0\0\0\0\0abc"), 4, NULL};
    struct slice s;
    rdb_reader_init_refill(&r, rdb_pieces_refill, &pieces);
    CU_ASSERT(!rdb_get_string(&r, &s) && r.err == RDB_SHORT && r.err_at == 12);
    rdb_reader_fini(&r);
    mem_free(pieces.last);
    rdb_reader_init(&r, S("\5abcde"));
    r.string_bytes_max = 4;
    CU_ASSERT(!rdb_get_string(&r, &s) && r.err == RDB_CORRUPT);
    rdb_reader_fini(&r);
}

/* ---- DUMP ---- */

static int restore(struct slice payload, const char **why) {
    struct rdb_writer out;
    struct rdb_echo e;
    rdb_writer_init(&out, NULL, NULL);
    rdb_echo_init(&e, &out);
    int err = rdb_dump_read(payload, &rdb_echo_visitor, &e, why);
    rdb_echo_fini(&e);
    rdb_writer_fini(&out);
    return err;
}

static void payloads(void) {
    const char *why;
    start();
    rdb_put_byte(&w, RDB_STRING);
    rdb_put_string(&w, S("bar"));
    rdb_put_dump_end(&w, 10);
    CU_ASSERT(holds(S("\0\3bar\n\0\xe6\xbeI`\xee\x66\xfd\x17"))); /* what Redis 7.0 dumps */
    CU_ASSERT_EQUAL(restore(rdb_writer_bytes(&w), &why), 0);
    for (size_t i = 0; i < w.len; i++) {
        w.buf[i] ^= 1;
        CU_ASSERT_EQUAL(restore(rdb_writer_bytes(&w), &why), RDB_BAD_DUMP);
        w.buf[i] ^= 1;
        CU_ASSERT_EQUAL(restore(slice_of(w.buf, i), NULL), RDB_BAD_DUMP);
    }
    rdb_writer_reset(&w);
    rdb_put_raw(&w, "\0\3bar", 5);
    rdb_put_dump_end(&w, RDB_VERSION_MAX + 1);
    CU_ASSERT_EQUAL(restore(rdb_writer_bytes(&w), &why), RDB_BAD_DUMP);
    rdb_writer_reset(&w);
    rdb_put_raw(&w, "\0\3bar!", 6); /* Redis does not look behind the value */
    rdb_put_dump_end(&w, 10);
    CU_ASSERT_EQUAL(restore(rdb_writer_bytes(&w), &why), 0);
    rdb_writer_reset(&w);
    rdb_put_dump_end(&w, 10);
    CU_ASSERT_EQUAL(restore(rdb_writer_bytes(&w), &why), RDB_SHORT);
    rdb_writer_reset(&w);
    rdb_put_raw(&w, "\2\0", 2);
    rdb_put_dump_end(&w, 10);
    CU_ASSERT_EQUAL(restore(rdb_writer_bytes(&w), &why), RDB_EMPTY);
    CU_ASSERT_STRING_EQUAL(why, "a collection without elements");
    stop();
    CU_ASSERT_STRING_EQUAL(rdb_restore_text(RDB_BAD_DUMP),
                           "ERR DUMP payload version or checksum are wrong");
    CU_ASSERT_STRING_EQUAL(rdb_restore_text(RDB_EMPTY), "ERR Bad data format");
    CU_ASSERT_STRING_EQUAL(rdb_restore_text(ERR_NO_MEMORY), err_text(ERR_NO_MEMORY));
    CU_ASSERT_EQUAL(rdb_version_of(RDB_STREAM_2), 10);
    CU_ASSERT_EQUAL(rdb_version_of(RDB_STREAM_3), 11);
    CU_ASSERT_EQUAL(rdb_version_of(RDB_HASH_LISTPACK_EX), 12);
}

/* ---- files ---- */

static void put_key(const char *name, int64_t expire_ms, int64_t idle_s, int freq) {
    struct rdb_key key = {slice_cstr(name), RDB_SET, expire_ms, idle_s, freq};
    rdb_put_key(&w, &key);
    rdb_put_len(&w, 2);
    rdb_put_string(&w, S("member member member member member"));
    rdb_put_int(&w, 1234567);
}

static void put_file(void) {
    rdb_put_header(&w, 11);
    rdb_put_aux(&w, "redis-ver", S("7.2.0"));
    rdb_put_aux_int(&w, "ctime", 1700000000);
    rdb_put_function(&w, S("#!lua name=lib\nredis.register_function('f', function() end)"));
    rdb_put_select_db(&w, 15);
    rdb_put_resize_db(&w, 3, 1);
    rdb_put_slot_info(&w, 16383, 3, 1);
    put_key("a key", 1700000000000, -1, -1);
    put_key("123", RDB_NO_EXPIRY, 86400, -1);
    put_key("a key longer than twenty bytes", 1, -1, 255);
    rdb_put_end(&w);
}

static int read_file(struct slice in, size_t step, struct rdb_writer *out) {
    struct rdb_reader r;
    struct rdb_pieces pieces = {in, step, NULL};
    if (step)
        rdb_reader_init_refill(&r, rdb_pieces_refill, &pieces);
    else
        rdb_reader_init(&r, in);
    int err = rdb_echo_file(&r, out);
    rdb_reader_fini(&r);
    mem_free(pieces.last);
    return err;
}

static void files(void) {
    struct rdb_writer out;
    start();
    rdb_writer_init(&out, NULL, NULL);
    put_file();
    for (size_t step = 0; step < 70; step++) {
        rdb_writer_reset(&out);
        CU_ASSERT_EQUAL(read_file(rdb_writer_bytes(&w), step, &out), 0);
        CU_ASSERT(slice_eq(rdb_writer_bytes(&out), rdb_writer_bytes(&w)));
    }
    for (size_t i = 0; i < w.len; i++) {
        rdb_writer_reset(&out);
        CU_ASSERT(read_file(slice_of(w.buf, i), i % 7, &out) < 0);
        w.buf[i] ^= 0x10;
        rdb_writer_reset(&out);
        CU_ASSERT(read_file(rdb_writer_bytes(&w), i % 7, &out) < 0);
        w.buf[i] ^= 0x10;
    }
    memset(w.buf + w.len - 8, 0, 8);
    CU_ASSERT_EQUAL(read_file(rdb_writer_bytes(&w), 3, &out), 0);
    w.buf[w.len - 1] = 1;
    CU_ASSERT_EQUAL(read_file(rdb_writer_bytes(&w), 3, &out), RDB_CHECKSUM);
    rdb_writer_fini(&out);
    stop();
}

static int record_of(struct slice bytes, struct rdb_record *rec) {
    struct rdb_reader r;
    char name[RDB_MODULE_NAME_BYTES + 1] = {0};
    rdb_reader_init(&r, bytes);
    int err = rdb_next(&r, rec);
    if (!err && rec->kind == RDB_RECORD_MODULE_AUX) {
        memcpy(name, rec->name.p, rec->name.n);
        CU_ASSERT_STRING_EQUAL(name, "testrdb--");
    }
    rdb_reader_fini(&r);
    return err;
}

static void old_and_foreign_records(void) {
    struct rdb_record rec;
    struct rdb_reader r;
    CU_ASSERT_EQUAL(record_of(S("\xfd\xff\xff\xff\xff\0\1k\1v"), &rec), 0);
    CU_ASSERT(rec.kind == RDB_RECORD_KEY && rec.key.expire_ms == -1000);
    /* "testrdb--" and encoding version 1, when 1, then one datum of each kind. */
    CU_ASSERT_EQUAL(record_of(S("\xf7\x81\xb5\xeb\x2d\xad\xd6\xfe\xf8\1\2\1\1\5\2\7\3ffff"
                                "\4dddddddd\5\3abc\0"),
                              &rec),
                    0);
    CU_ASSERT_EQUAL(rec.kind, RDB_RECORD_MODULE_AUX);
    CU_ASSERT_EQUAL(record_of(S("\xf7\1\6\1\0"), &rec), RDB_CORRUPT);
    CU_ASSERT_EQUAL(record_of(S("\xf6\1a"), &rec), RDB_UNSUPPORTED);
    CU_ASSERT_EQUAL(record_of(S("\xf3\1a"), &rec), RDB_UNSUPPORTED);
    CU_ASSERT_EQUAL(record_of(S("\x1a\1a"), &rec), RDB_UNSUPPORTED);
    static const struct slice headers[] = {
        {"REDIS0013", 9}, {"REDIS0000", 9}, {"REDIX0009", 9}, {"REDIS00a9", 9}, {"REDIS001", 8}};
    static const int results[] = {RDB_UNSUPPORTED, RDB_UNSUPPORTED, RDB_CORRUPT, RDB_CORRUPT,
                                  RDB_SHORT};
    for (int i = 0; i < 5; i++) {
        rdb_reader_init(&r, headers[i]);
        CU_ASSERT_EQUAL(rdb_get_header(&r), results[i]);
        rdb_reader_fini(&r);
    }
    rdb_reader_init(&r, S("REDIS0004\xff"));
    CU_ASSERT(rdb_get_header(&r) == 0 && rdb_next(&r, &rec) == 0 && rec.kind == RDB_RECORD_END);
    rdb_reader_fini(&r);
}

/* ---- streaming out ---- */

struct sink {
    struct rdb_writer all;
    int calls, fail_at;
};

static int sink_take(void *ctx, struct slice bytes) {
    struct sink *s = ctx;
    if (++s->calls == s->fail_at) return -5;
    rdb_put_raw(&s->all, bytes.p, bytes.n);
    return 0;
}

static void put_large(struct rdb_writer *to, struct slice big) {
    rdb_put_byte(to, RDB_SET);
    rdb_put_len(to, 20001);
    for (int64_t i = 0; i < 20000; i++) rdb_put_int(to, i * 1000003);
    rdb_put_string(to, big);
    rdb_put_dump_end(to, 10);
}

static void streaming(void) {
    struct sink sink = {.calls = 0};
    struct rdb_writer chunks;
    size_t n = 200000;
    char *p = mem_alloc(n);
    srandom(3);
    for (size_t i = 0; i < n; i++) p[i] = (char)random();
    start();
    put_large(&w, slice_of(p, n));
    rdb_writer_init(&sink.all, NULL, NULL);
    rdb_writer_init(&chunks, sink_take, &sink);
    put_large(&chunks, slice_of(p, n));
    CU_ASSERT_EQUAL(rdb_writer_flush(&chunks), 0);
    CU_ASSERT(slice_eq(rdb_writer_bytes(&sink.all), rdb_writer_bytes(&w)));
    CU_ASSERT(chunks.cap <= RDB_CHUNK_BYTES && chunks.flushed == w.len && sink.calls == 6);
    for (int at = 1; at <= 6; at++) {
        rdb_writer_reset(&chunks);
        rdb_writer_reset(&sink.all);
        sink.calls = 0;
        sink.fail_at = at;
        put_large(&chunks, slice_of(p, n));
        CU_ASSERT_EQUAL(rdb_writer_flush(&chunks), -5);
        CU_ASSERT_EQUAL(sink.calls, at);
    }
    rdb_writer_fini(&chunks);
    rdb_writer_fini(&sink.all);
    stop();
    mem_free(p);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"lengths_take_the_shortest_form", lengths_take_the_shortest_form},
        {"strings", strings},
        {"long_strings", long_strings},
        {"integers_as_their_digits", integers_as_their_digits},
        {"doubles", doubles},
        {"collections", collections},
        {"expiring_fields", expiring_fields},
        {"streams", streams},
        {"values_of_modules", values_of_modules},
        {"what_is_refused", what_is_refused},
        {"payloads", payloads},
        {"files", files},
        {"old_and_foreign_records", old_and_foreign_records},
        {"streaming", streaming},
        {NULL, NULL},
    };
    return suite_main("rdb", tests);
}
