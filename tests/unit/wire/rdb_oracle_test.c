/* rdb_oracle_test.c - the codec of RDB against Debian's redis-server.
 *
 * What it DUMPs is read, written back as the same bytes, and holds the elements that its own
 * commands show; what is built here it RESTOREs; files go both ways.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/num.h"
#include "support/server.h"
#include "support/suite.h"
#include "unit/wire/rdb_echo.h"

#define S(text) slice_of(text, sizeof(text) - 1)
#define ARGS_MAX 512

static struct server *oracle;
static FILE *in, *out;

/* ---- a plain client ---- */

static void open_client(void) {
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)server_port(oracle)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    ASSERT(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) == 0);
    in = fdopen(fd, "r");
    out = fdopen(dup(fd), "w");
}

static void close_client(void) {
    fclose(in);
    fclose(out);
}

/* A list of byte strings, in one block. */
struct items {
    struct rdb_writer bytes;
    size_t ends[20000], n;
};

static void items_init(struct items *l) {
    rdb_writer_init(&l->bytes, NULL, NULL);
    l->n = 0;
}

static void items_end(struct items *l) {
    ASSERT(l->n < sizeof(l->ends) / sizeof(l->ends[0]));
    l->ends[l->n++] = l->bytes.len;
}

static void items_add(struct items *l, struct slice s) {
    rdb_put_raw(&l->bytes, s.p, s.n);
    items_end(l);
}

static struct slice item(const struct items *l, size_t i) {
    size_t from = i ? l->ends[i - 1] : 0;
    return slice_of((l->bytes.buf ? l->bytes.buf : "") + from, l->ends[i] - from);
}

static int by_bytes(const void *a, const void *b) {
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

/* The same items, the order of groups of `width` aside. */
static bool same(const struct items *a, const struct items *b, size_t width, bool ordered) {
    static struct slice sides[2][20000];
    static struct items joined[2];
    if (a->n != b->n || a->n % width) return false;
    for (int side = 0; side < 2; side++) {
        const struct items *l = side ? b : a;
        items_init(&joined[side]);
        for (size_t i = 0; i < l->n; i++) {
            rdb_put_len(&joined[side].bytes, item(l, i).n);
            rdb_put_raw(&joined[side].bytes, item(l, i).p, item(l, i).n);
            if (i % width == width - 1) items_end(&joined[side]);
        }
        for (size_t i = 0; i < joined[side].n; i++) sides[side][i] = item(&joined[side], i);
        if (!ordered) qsort(sides[side], joined[side].n, sizeof(sides[0][0]), by_bytes);
    }
    bool equal = true;
    for (size_t i = 0; i < a->n / width; i++) equal &= slice_eq(sides[0][i], sides[1][i]);
    rdb_writer_fini(&joined[0].bytes);
    rdb_writer_fini(&joined[1].bytes);
    return equal;
}

/* Leaves of one reply, arrays flattened. */
static void take_reply(struct items *to) {
    char line[512];
    ASSERT(fgets(line, sizeof(line), in));
    size_t n = strcspn(line, "\r");
    long count = strtol(line + 1, NULL, 10);
    if (line[0] == '*') {
        for (long i = 0; i < count; i++) take_reply(to);
    } else if (line[0] == '$' && count >= 0) {
        char *p = mem_alloc((size_t)count + 2);
        ASSERT(fread(p, 1, (size_t)count + 2, in) == (size_t)count + 2);
        items_add(to, slice_of(p, (size_t)count));
        mem_free(p);
    } else {
        items_add(to, line[0] == '$' ? S("(nil)")
                                     : slice_of(line + (line[0] == ':'), n - (line[0] == ':')));
    }
}

static void ask(struct items *reply, const struct slice *args, size_t n) {
    fprintf(out, "*%zu\r\n", n);
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "$%zu\r\n", args[i].n);
        fwrite(args[i].p, 1, args[i].n, out);
        fputs("\r\n", out);
    }
    fflush(out);
    items_init(reply);
    take_reply(reply);
}

#define ASK(reply, ...)                                                                            \
    ask(reply, (struct slice[]){__VA_ARGS__},                                                      \
        sizeof((struct slice[]){__VA_ARGS__}) / sizeof(struct slice))

/* A command of words without blanks, whose reply does not matter. */
static void say(const char *words) {
    static struct items reply;
    struct slice args[32];
    size_t n = 0;
    for (const char *at = words; *at; n++) {
        size_t len = strcspn(at, " ");
        args[n] = slice_of(at, len);
        at += len + (at[len] == ' ');
    }
    ask(&reply, args, n);
    if (item(&reply, 0).n && item(&reply, 0).p[0] == '-') CU_FAIL("an error of the oracle");
    rdb_writer_fini(&reply.bytes);
}

/* ---- what a payload holds ---- */

static struct slice listpack_item(const unsigned char **at, char digits[NUM_INT_BYTES_MAX]) {
    const unsigned char *p = *at;
    struct slice text = {NULL, 0};
    int64_t v = 0;
    size_t n = 1;
    if (p[0] < 0x80)
        v = p[0];
    else if (p[0] < 0xc0)
        text = slice_of(p + 1, p[0] & 63), n = 1 + text.n;
    else if (p[0] < 0xe0)
        v = (p[0] & 31) << 8 | p[1], v -= v >> 12 << 13, n = 2;
    else if (p[0] < 0xf0)
        text = slice_of(p + 2, (p[0] & 15u) << 8 | p[1]), n = 2 + text.n;
    else if (p[0] == 0xf0)
        text = slice_of(p + 5, p[1] | p[2] << 8 | p[3] << 16 | (size_t)p[4] << 24), n = 5 + text.n;
    else {
        static const size_t sizes[] = {2, 3, 4, 8};
        size_t bytes = sizes[p[0] - 0xf1];
        uint64_t bits = 0;
        memcpy(&bits, p + 1, bytes);
        v = (int64_t)(bits << (64 - 8 * bytes)) >> (64 - 8 * bytes);
        n = 1 + bytes;
    }
    *at = p + n + (n < 128 ? 1 : n < 16383 ? 2 : n < 2097151 ? 3 : 4);
    return text.p ? text : slice_of(digits, num_format_i64(digits, v));
}

static void add_packed(struct items *l, enum rdb_form form, struct slice bytes) {
    const unsigned char *p = (const unsigned char *)bytes.p;
    char digits[NUM_INT_BYTES_MAX];
    if (form == RDB_FORM_PLAIN) {
        items_add(l, bytes);
    } else if (form == RDB_FORM_INTSET) {
        for (size_t at = 8; at < bytes.n; at += p[0]) {
            uint64_t bits = 0;
            memcpy(&bits, p + at, p[0]);
            int64_t v = (int64_t)(bits << (64 - 8 * p[0])) >> (64 - 8 * p[0]);
            items_add(l, slice_of(digits, num_format_i64(digits, v)));
        }
    } else {
        for (p += 6; *p != 0xff;) items_add(l, listpack_item(&p, digits));
    }
}

static int seen_begin(void *ctx, const struct rdb_value *value) {
    (void)ctx, (void)value;
    return 0;
}

static int seen_string(void *ctx, struct slice s) {
    items_add(ctx, s);
    return 0;
}

static int seen_field(void *ctx, struct slice field, struct slice value, int64_t expire_ms) {
    items_add(ctx, field);
    items_add(ctx, value);
    return expire_ms == RDB_NO_EXPIRY ? 0 : -1;
}

static int seen_member(void *ctx, struct slice member, double score) {
    char text[NUM_DOUBLE_BYTES_MAX];
    items_add(ctx, member);
    items_add(ctx, slice_of(text, num_format_double(text, score)));
    return 0;
}

static int seen_packed(void *ctx, enum rdb_form form, struct slice bytes) {
    add_packed(ctx, form, bytes);
    return 0;
}

static int seen_end(void *ctx) {
    (void)ctx;
    return 0;
}

static const struct rdb_visitor seen_visitor = {.begin = seen_begin,
                                                .string = seen_string,
                                                .field = seen_field,
                                                .member = seen_member,
                                                .packed = seen_packed,
                                                .end = seen_end};

/* ---- DUMP ---- */

static void scores_as_ours(struct items *l) {
    static struct items all;
    items_init(&all);
    for (size_t i = 0; i < l->n; i++) {
        char text[NUM_DOUBLE_BYTES_MAX];
        double v = 0;
        if (i % 2 && num_parse_double(item(l, i), &v))
            items_add(&all, slice_of(text, num_format_double(text, v)));
        else
            items_add(&all, item(l, i));
    }
    rdb_writer_fini(&l->bytes);
    *l = all;
}

/* The elements of a key by the command that shows them, against those of its payload. */
static void shows_the_same(struct slice key, struct slice payload, const char *type) {
    static struct items shown, seen;
    items_init(&seen);
    CU_ASSERT_EQUAL(rdb_dump_read(payload, &seen_visitor, &seen, NULL), 0);
    if (*type == 's' && type[1] == 't')
        ASK(&shown, S("GET"), key);
    else if (*type == 'l')
        ASK(&shown, S("LRANGE"), key, S("0"), S("-1"));
    else if (*type == 's')
        ASK(&shown, S("SMEMBERS"), key);
    else if (*type == 'h')
        ASK(&shown, S("HGETALL"), key);
    else
        ASK(&shown, S("ZRANGE"), key, S("0"), S("-1"), S("WITHSCORES"));
    if (*type == 'z') scores_as_ours(&shown), scores_as_ours(&seen);
    CU_ASSERT(same(&shown, &seen, *type == 'z' || *type == 'h' ? 2 : 1, *type == 'l'));
    rdb_writer_fini(&shown.bytes);
    rdb_writer_fini(&seen.bytes);
}

static void digest(struct slice key, struct items *reply) {
    ASK(reply, S("DEBUG"), S("DIGEST-VALUE"), key);
}

/* Restores a payload as key "copy"; its digest is that of `key`. */
static void restores_as(struct slice key, struct slice payload) {
    static struct items a, b;
    ASK(&a, S("RESTORE"), S("copy"), S("0"), payload, S("REPLACE"));
    CU_ASSERT(slice_eq(item(&a, 0), S("+OK")));
    rdb_writer_fini(&a.bytes);
    digest(key, &a);
    digest(S("copy"), &b);
    CU_ASSERT(slice_eq(item(&a, 0), item(&b, 0)));
    rdb_writer_fini(&a.bytes);
    rdb_writer_fini(&b.bytes);
}

/* The payload of a key comes out as the same bytes, restores, and holds what the key shows. */
static void key_round_trips(struct slice key, const char *type) {
    static struct items dump;
    struct rdb_writer w;
    struct rdb_echo e;
    ASK(&dump, S("DUMP"), key);
    struct slice payload = item(&dump, 0);
    rdb_writer_init(&w, NULL, NULL);
    rdb_echo_init(&e, &w);
    rdb_put_byte(&w, (unsigned char)payload.p[0]);
    CU_ASSERT_EQUAL(rdb_dump_read(payload, &rdb_echo_visitor, &e, NULL), 0);
    rdb_put_dump_end(&w, 10);
    CU_ASSERT(slice_eq(rdb_writer_bytes(&w), payload));
    restores_as(key, rdb_writer_bytes(&w));
    if (strcmp(type, "stream") != 0) shows_the_same(key, payload, type);
    rdb_echo_fini(&e);
    rdb_writer_fini(&w);
    rdb_writer_fini(&dump.bytes);
}

/* ---- random values ---- */

static struct slice random_text(char *buf, size_t max, int variety) {
    size_t n = (size_t)random() % max;
    switch (random() % 4) {
    case 0: {
        int64_t v = random() % (1l << random() % 31) * (random() % 3 - 1);
        return slice_of(buf, num_format_i64(buf, random() % 8 ? v : v * 4294967311));
    }
    case 1:
        for (size_t i = 0; i < n; i++) buf[i] = (char)random();
        return slice_of(buf, n);
    default:
        for (size_t i = 0; i < n; i++) buf[i] = (char)('a' + random() % (1 + variety));
        return slice_of(buf, n);
    }
}

static void fill(struct slice key, const char *type, size_t elements, size_t text_max) {
    static struct items reply;
    const char *verb = *type == 'l'     ? "RPUSH"
                       : *type == 'h'   ? "HSET"
                       : *type == 'z'   ? "ZADD"
                       : type[1] == 't' ? "SET"
                                        : "SADD";
    bool pairs = *type == 'h' || *type == 'z', ints = random() % 4 == 0;
    if (type[1] == 't') elements = 1;
    while (elements) {
        struct slice args[ARGS_MAX];
        char *texts[ARGS_MAX];
        size_t n = 2, batch = elements < 200 ? elements : 200;
        args[0] = slice_cstr(verb);
        args[1] = key;
        for (size_t i = 0; i < batch * (pairs ? 2 : 1); i++, n++) {
            texts[n] = mem_alloc(text_max + 64);
            if ((*type == 'z' && i % 2 == 0) || ints) {
                int64_t v = random() % 100000 - 50000;
                args[n] = slice_of(texts[n], num_format_i64(texts[n], v));
                if (!ints && random() % 2) args[n].n = num_format_double(texts[n], (double)v / 7);
            } else {
                args[n] = random_text(texts[n], text_max, (int)(random() % 20));
            }
        }
        ask(&reply, args, n);
        CU_ASSERT(item(&reply, 0).p[0] != '-');
        rdb_writer_fini(&reply.bytes);
        while (n > 2) mem_free(texts[--n]);
        elements -= batch;
    }
}

static void random_values(void) {
    static const char *const types[] = {"string", "list", "set", "hash", "zset"};
    srandom(11);
    for (int i = 0; i < 200; i++) {
        const char *type = types[i % 5];
        size_t elements = 1 + (size_t)random() % (i % 3 ? 60 : 1500);
        size_t text_max = i % 7 == 0 ? 12000 : i % 2 ? 12 : 90;
        if (text_max > 1000 && elements > 100) elements = 100;
        fill(S("key"), type, elements, text_max);
        key_round_trips(S("key"), type);
        say("DEL key");
    }
    say("CONFIG SET rdbcompression no");
    fill(S("key"), "list", 500, 100);
    say("CONFIG SET rdbcompression yes");
    key_round_trips(S("key"), "list");
    say("DEL key");
}

static void random_streams(void) {
    srandom(12);
    say("CONFIG SET stream-node-max-entries 7");
    for (int i = 0; i < 20; i++) {
        char line[200];
        int entries = 1 + (int)(random() % 200);
        for (int k = 0; k < entries; k++) {
            snprintf(line, sizeof(line), "XADD s * field %ld other value%ld", random() % 100,
                     random());
            say(line);
        }
        for (int g = 0; g < i % 4; g++) {
            snprintf(line, sizeof(line), "XGROUP CREATE s group%d 0", g);
            say(line);
            for (int c = 0; c < 3 && entries; c++) {
                snprintf(line, sizeof(line), "XREADGROUP GROUP group%d c%d COUNT %ld STREAMS s >",
                         g, c, 1 + random() % 40);
                say(line);
            }
        }
        if (i % 3 == 0) say("XTRIM s MAXLEN 50");
        if (i % 5 == 4) say("XTRIM s MAXLEN 0");
        key_round_trips(S("s"), "stream");
        static struct items full, copy;
        ASK(&full, S("XINFO"), S("STREAM"), S("s"), S("FULL"), S("COUNT"), S("0"));
        ASK(&copy, S("XINFO"), S("STREAM"), S("copy"), S("FULL"), S("COUNT"), S("0"));
        CU_ASSERT(same(&full, &copy, 1, true));
        rdb_writer_fini(&full.bytes);
        rdb_writer_fini(&copy.bytes);
        say("DEL s");
    }
    say("CONFIG SET stream-node-max-entries 100");
}

/* ---- payloads built here ---- */

/* A listpack of short texts. */
static struct slice listpack_of(char *buf, const char *const *texts, size_t count) {
    size_t n = 6;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(texts[i]);
        buf[n] = (char)(0x80 | len);
        memcpy(buf + n + 1, texts[i], len);
        buf[n + 1 + len] = (char)(1 + len);
        n += len + 2;
    }
    buf[n++] = (char)0xff;
    uint32_t total = (uint32_t)n;
    memcpy(buf, &total, 4);
    buf[4] = (char)count;
    buf[5] = 0;
    return slice_of(buf, n);
}

static const char *const words[] = {"alpha", "beta", "gamma", "delta"};

/* Body and end of a payload of `type` with the elements of words. */
static void build(struct rdb_writer *w, unsigned type) {
    char buf[256];
    static const char ziplist[] = "\x26\0\0\0\x1e\0\0\0\4\0\0\5alpha\7\4beta\6\5gamma\7\5delta\xff";
    static const char zipmap[] = "\2\5alpha\4\0beta\5gamma\5\0delta\xff";
    struct slice packed_words = listpack_of(buf, words, 4);
    rdb_writer_reset(w);
    rdb_put_byte(w, type);
    switch (type) {
    case RDB_HASH_LISTPACK: rdb_put_string(w, packed_words); break;
    case RDB_LIST_ZIPLIST:
    case RDB_HASH_ZIPLIST: rdb_put_string(w, S(ziplist)); break;
    case RDB_HASH_ZIPMAP: rdb_put_string(w, S(zipmap)); break;
    case RDB_LIST_ZIPLISTS:
        rdb_put_len(w, 1);
        rdb_put_string(w, S(ziplist));
        break;
    case RDB_LIST_NODES:
        rdb_put_len(w, 3);
        rdb_put_list_plain(w, slice_cstr(words[0]));
        rdb_put_list_listpack(w, listpack_of(buf, words + 1, 2));
        rdb_put_list_plain(w, slice_cstr(words[3]));
        break;
    case RDB_LIST:
    case RDB_SET:
        rdb_put_len(w, 4);
        for (int i = 0; i < 4; i++) rdb_put_string(w, slice_cstr(words[i]));
        break;
    case RDB_HASH:
        rdb_put_len(w, 2);
        rdb_put_field(w, slice_cstr(words[0]), slice_cstr(words[1]));
        rdb_put_field(w, slice_cstr(words[2]), slice_cstr(words[3]));
        break;
    case RDB_ZSET:
        rdb_put_len(w, 2);
        rdb_put_member(w, slice_cstr(words[0]), 1.5);
        rdb_put_member(w, slice_cstr(words[1]), -2e100);
        break;
    case RDB_ZSET_TEXT:
        rdb_put_raw(w,
                    "\2\5alpha\3"
                    "1.5\4beta\6"
                    "-2e100",
                    23);
        break;
    case RDB_SET_INTSET: rdb_put_string(w, S("\2\0\0\0\3\0\0\0\xff\xff\1\0\7\0")); break;
    default: ASSERT(false);
    }
    rdb_put_dump_end(w, rdb_version_of(type));
}

static void built_here(void) {
    static const struct {
        unsigned type;
        const char *same; /* commands that make key */
        const char *shows;
    } cases[] = {
        {RDB_LIST, "RPUSH key alpha beta gamma delta", "list"},
        {RDB_LIST_ZIPLIST, "RPUSH key alpha beta gamma delta", ""},
        {RDB_LIST_ZIPLISTS, "RPUSH key alpha beta gamma delta", ""},
        {RDB_LIST_NODES, "RPUSH key alpha beta gamma delta", "list"},
        {RDB_SET, "SADD key alpha beta gamma delta", "set"},
        {RDB_SET_INTSET, "SADD key -1 1 7", "set"},
        {RDB_HASH, "HSET key alpha beta gamma delta", "hash"},
        {RDB_HASH_LISTPACK, "HSET key alpha beta gamma delta", "hash"},
        {RDB_HASH_ZIPLIST, "HSET key alpha beta gamma delta", ""},
        {RDB_HASH_ZIPMAP, "HSET key alpha beta gamma delta", ""},
        {RDB_ZSET, "ZADD key 1.5 alpha -2e100 beta", "zset"},
        {RDB_ZSET_TEXT, "ZADD key 1.5 alpha -2e100 beta", "zset"},
    };
    struct rdb_writer w;
    rdb_writer_init(&w, NULL, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        say("DEL key");
        say(cases[i].same);
        build(&w, cases[i].type);
        restores_as(S("key"), rdb_writer_bytes(&w));
        if (*cases[i].shows) shows_the_same(S("key"), rdb_writer_bytes(&w), cases[i].shows);
    }
    rdb_writer_fini(&w);
    say("DEL key");
}

/* ---- files ---- */

static struct slice read_whole(const char *path) {
    FILE *f = fopen(path, "rb");
    ASSERT(f);
    fseek(f, 0, SEEK_END);
    size_t n = (size_t)ftell(f);
    char *p = mem_alloc(n);
    rewind(f);
    ASSERT(fread(p, 1, n, f) == n);
    fclose(f);
    return slice_of(p, n);
}

static int read_file(struct slice file, size_t step, struct rdb_writer *to) {
    struct rdb_reader r;
    struct rdb_pieces pieces = {file, step, NULL};
    if (step)
        rdb_reader_init_refill(&r, rdb_pieces_refill, &pieces);
    else
        rdb_reader_init(&r, file);
    int err = rdb_echo_file(&r, to);
    rdb_reader_fini(&r);
    mem_free(pieces.last);
    return err;
}

/* The oracle's file reads whole and in pieces and comes out the same; the oracle loads ours. */
static void files_both_ways(void) {
    static struct items before, after;
    static const size_t steps[] = {0, 1, 2, 3, 7, 64, 1000, 65536};
    char path[512];
    struct rdb_writer w;
    srandom(13);
    fill(S("1"), "list", 700, 80);
    fill(S("a set"), "set", 700, 80);
    fill(S("a hash of a name longer than twenty"), "hash", 300, 300);
    fill(S("z"), "zset", 700, 20);
    say("SET s value PX 100000000");
    say("XADD stream * a b");
    say("FUNCTION LOAD #!lua\tname=lib\nredis.register_function('f',function()end)");
    say("SELECT 9");
    say("SET s 12345");
    say("SELECT 0");
    ASK(&before, S("DEBUG"), S("DIGEST"));
    say("SAVE");
    snprintf(path, sizeof(path), "%s/dump.rdb", server_dir(oracle));
    struct slice file = read_whole(path);
    rdb_writer_init(&w, NULL, NULL);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        rdb_writer_reset(&w);
        CU_ASSERT_EQUAL(read_file(file, steps[i], &w), 0);
        CU_ASSERT(slice_eq(rdb_writer_bytes(&w), file));
    }
    close_client();
    server_signal(oracle, 9);
    server_wait(oracle, 10000);
    FILE *f = fopen(path, "wb");
    fwrite(w.buf, 1, w.len, f);
    fclose(f);
    server_restart(oracle, NULL);
    open_client();
    ASK(&after, S("DEBUG"), S("DIGEST"));
    CU_ASSERT(slice_eq(item(&before, 0), item(&after, 0)));
    rdb_writer_fini(&w);
    rdb_writer_fini(&before.bytes);
    rdb_writer_fini(&after.bytes);
    mem_free((void *)file.p);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"random_values", random_values},
        {"random_streams", random_streams},
        {"built_here", built_here},
        {"files_both_ways", files_both_ways},
        {NULL, NULL},
    };
    oracle = server_start_oracle(NULL);
    open_client();
    int result = suite_main("rdb_oracle", tests);
    close_client();
    return server_stop(oracle) == 0 ? result : 1;
}
