/* hash_expiry_test.c - fields of hashes that end: what redis-server 7.0 does not have.
 *
 * First replies and errors, to the byte. Then random commands beside a model. It keeps what the
 * server keeps, fields whose time has come included, for active expiry is off while commands run;
 * afterwards it is on, and all of those must leave. No command is sent close to the time of a
 * field; one that took until such a time tells nothing, and the model is read anew.
 * Specification: https://redis.io/commands/?group=hash (7.4, 8.0)
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "replies.h"
#include "support/client.h"
#include "support/suite.h"

static struct server *server;
static redisContext *c;

static long long unix_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Of what INFO says, the number behind a text. */
static long long number_behind(const char *section, const char *name) {
    redisReply *r = cmd(c, "INFO %s", section);
    const char *at = strstr(r->str, name);
    long long v = at ? strtoll(at + strlen(name), NULL, 10) : -1;
    freeReplyObject(r);
    return v;
}

static long long changes(void) { return number_behind("persistence", "since_last_save:"); }

/* ---- replies and errors --------------------------------------------------------------- */

static void both_encodings(void (*test)(void)) {
    expect_ok(c, "CONFIG SET hash-max-listpack-entries 512");
    test();
    expect_ok(c, "CONFIG SET hash-max-listpack-entries 0");
    test();
    expect_ok(c, "CONFIG SET hash-max-listpack-entries 512");
}

static void replies_of_expire(void) {
    expect_ok(c, "FLUSHALL");
    expect_int(c, 4, "HSET h a 1 b 2 c 3 d 4");
    expect_text(c, "[1, -2, 1]", "HEXPIRE h 1000 FIELDS 3 a nosuch b");
    expect_text(c, "[0, 1]", "HEXPIRE h 2000 NX FIELDS 2 a c");
    expect_text(c, "[1, 0]", "HEXPIRE h 1500 xx FIELDS 2 a d");
    expect_text(c, "[1, 0, 0]", "HEXPIRE h 1600 GT FIELDS 3 a c d");
    expect_text(c, "[0, 1, 1]", "HEXPIRE h 1700 LT FIELDS 3 b c d");
    expect_text(c, "[1600, 1000, 1700, 1700, -2]", "HTTL h FIELDS 5 a b c d nosuch");
    expect_text(c, "[2, -2, 2]", "HPEXPIREAT h 1 FIELDS 3 a a b");
    expect_text(c, "[2, 2]", "HEXPIRE h 0 FIELDS 2 c d");
    expect_int(c, 0, "EXISTS h");
    expect_text(c, "[-2, -2]", "HPEXPIRE h 10 FIELDS 2 a b");
    expect_int(c, 0, "EXISTS h");
}

static void replies_of_times(void) {
    expect_ok(c, "FLUSHALL");
    expect_int(c, 2, "HSET h a 1 b 2");
    expect_text(c, "[1]", "HPEXPIREAT h 4102444800001 FIELDS 1 a");
    expect_text(c, "[4102444801, -1, -2]", "HEXPIRETIME h FIELDS 3 a b nosuch");
    expect_text(c, "[4102444800001, -1, -2]", "HPEXPIRETIME h FIELDS 3 a b nosuch");
    expect_text(c, "[0]", "HEXPIREAT h 4102444800 GT FIELDS 1 b");
    expect_text(c, "[-1, 1, -2]", "HPERSIST h FIELDS 3 b a nosuch");
    expect_text(c, "[-1, -1]", "HTTL h FIELDS 2 a b");
    expect_text(c, "[-2, -2]", "HPERSIST none FIELDS 2 a b");
    expect_text(c, "[-2]", "HTTL none FIELDS 1 a");
    expect_text(c, "[1]", "HEXPIRE h 100 FIELDS 1 a");
    redisReply *r = cmd(c, "HPTTL h FIELDS 1 a");
    CU_ASSERT(r->elements == 1 && r->element[0]->integer > 90000 &&
              r->element[0]->integer <= 100000);
    freeReplyObject(r);
    expect_text(c, "[100]", "HTTL h FIELDS 1 a"); /* rounded up */
}

static void replies_of_getex_and_setex(void) {
    expect_ok(c, "FLUSHALL");
    expect_int(c, 1, "HSETEX h EX 100 FIELDS 2 a 1 b 2");
    expect_text(c, "[100, 100]", "HTTL h FIELDS 2 a b");
    expect_int(c, 1, "HSETEX h KEEPTTL FIELDS 1 a 11");
    expect_text(c, "[100]", "HTTL h FIELDS 1 a");
    expect_int(c, 1, "HSETEX h FIELDS 1 a 12");
    expect_text(c, "[-1]", "HTTL h FIELDS 1 a");
    expect_int(c, 0, "HSETEX h FXX EX 5 FIELDS 2 a 1 nosuch 2");
    expect_int(c, 0, "HSETEX h FNX FIELDS 2 nosuch 1 a 2");
    expect_text(c, "[\"12\", nil]", "HMGET h a nosuch");
    expect_int(c, 1, "HSETEX h FNX PXAT 4102444800000 FIELDS 1 c 3");
    expect_int(c, 1, "HSETEX h FXX FIELDS 1 c 33 EXAT 4102444801");
    expect_text(c, "[4102444801000]", "HPEXPIRETIME h FIELDS 1 c");
    expect_int(c, 0, "HSETEX none FXX FIELDS 1 a 1");
    expect_int(c, 0, "HSETEX none XX FIELDS 1 a 1");
    expect_int(c, 0, "HSETEX h NX FIELDS 1 new 1");
    expect_int(c, 1, "HSETEX h XX FNX FIELDS 1 new 1");
    expect_int(c, 1, "HSETEX n NX FIELDS 1 a 1");
    expect_int(c, 1, "HSETEX h PX 0 FIELDS 2 new 5 newer 5");
    expect_text(c, "[nil, nil]", "HMGET h new newer");
    expect_int(c, 1, "HSETEX none EXAT 1 FIELDS 1 a 1");
    expect_int(c, 0, "EXISTS none");
    expect_text(c, "[\"12\", nil]", "HGETEX h FIELDS 2 a nosuch");
    expect_text(c, "[\"12\"]", "HGETEX h EX 200 FIELDS 1 a");
    expect_text(c, "[200]", "HTTL h FIELDS 1 a");
    expect_text(c, "[\"12\", \"2\"]", "HGETEX h FIELDS 2 a b PERSIST");
    expect_text(c, "[-1, -1]", "HTTL h FIELDS 2 a b");
    expect_text(c, "[\"12\", \"2\", nil]", "HGETEX h PXAT 1 FIELDS 3 a b nosuch");
    expect_text(c, "[nil, nil]", "HGETEX h FIELDS 2 a b");
    expect_text(c, "[nil, nil]", "HGETEX none EX 5 FIELDS 2 a b");
}

static void fields_keep_or_lose_their_time(void) {
    expect_ok(c, "FLUSHALL");
    expect_int(c, 1, "HSETEX h PXAT 4102444800000 FIELDS 3 a 1 b 2 c 3");
    expect_int(c, 0, "HSET h a 5");
    expect_int(c, 7, "HINCRBY h b 5");
    expect_str(c, "3.5", "HINCRBYFLOAT h c 0.5");
    expect_text(c, "[-1, 4102444800000, 4102444800000]", "HPEXPIRETIME h FIELDS 3 a b c");
    expect_int(c, 1, "COPY h h2");
    expect_ok(c, "RENAME h h3");
    expect_int(c, 1, "MOVE h3 1");
    expect_text(c, "[-1, 4102444800000]", "HPEXPIRETIME h2 FIELDS 2 a b");
    expect_ok(c, "SELECT 1");
    expect_text(c, "[-1, 4102444800000]", "HPEXPIRETIME h3 FIELDS 2 a b");
    CU_ASSERT_EQUAL(number_behind("keyspace", "db0:keys=1,expires=0,avg_ttl=0,subexpiry="), 1);
    CU_ASSERT_EQUAL(number_behind("keyspace", "db1:keys=1,expires=0,avg_ttl=0,subexpiry="), 1);
    expect_int(c, 2, "HDEL h3 b c");
    CU_ASSERT_EQUAL(number_behind("keyspace", "db1:keys=1,expires=0,avg_ttl=0,subexpiry="), 0);
    expect_ok(c, "SELECT 0");
    expect_int(c, 1, "EXPIRE h2 1000");
    expect_text(c, "[-1, 4102444800000]", "HPEXPIRETIME h2 FIELDS 2 a b");
    expect_ok(c, "SET h2 x");
    CU_ASSERT_EQUAL(number_behind("keyspace", "db0:keys=1,expires=0,avg_ttl=0,subexpiry="), 0);
}

static void changes_are_told(void) {
    expect_ok(c, "FLUSHALL");
    expect_int(c, 2, "HSET h a 1 b 2");
    long long n = changes();
    expect_text(c, "[-2]", "HEXPIRE h 10 FIELDS 1 nosuch");
    expect_text(c, "[-1]", "HPERSIST h FIELDS 1 a");
    expect_text(c, "[\"1\"]", "HGETEX h PERSIST FIELDS 1 a");
    expect_int(c, 0, "HSETEX h FXX FIELDS 1 nosuch 1");
    CU_ASSERT_EQUAL(changes() - n, 0);
    expect_text(c, "[1, 1]", "HEXPIRE h 10 FIELDS 2 a b"); /* hexpire */
    expect_text(c, "[1]", "HPERSIST h FIELDS 1 a");        /* hpersist */
    expect_int(c, 1, "HSETEX h EX 10 FIELDS 1 d 1");       /* hset, hexpire */
    expect_text(c, "[\"1\"]", "HGETEX h EX 10 FIELDS 1 a");
    CU_ASSERT_EQUAL(changes() - n, 5);
    expect_text(c, "[2, 2]", "HEXPIRE h 0 FIELDS 2 a b");  /* hdel */
    expect_text(c, "[\"1\"]", "HGETEX h PX 0 FIELDS 1 d"); /* hdel, del */
    expect_int(c, 1, "HSETEX h PX 0 FIELDS 1 d 1");        /* hset, hdel, del */
    CU_ASSERT_EQUAL(changes() - n, 9);              /* that the key went counts for nothing */
    expect_int(c, 1, "HSETEX h PX 1 FIELDS 1 d 1"); /* hset, hexpire; hexpired, del */
    for (int i = 0; i < 5000 && reply_int(cmd(c, "EXISTS h")); i++) server_sleep_ms(1);
    CU_ASSERT_EQUAL(changes() - n, 12);
}

static void replies(void) {
    both_encodings(replies_of_expire);
    both_encodings(replies_of_times);
    both_encodings(replies_of_getex_and_setex);
    both_encodings(fields_keep_or_lose_their_time);
    both_encodings(changes_are_told);
}

static void errors_of_expire(void) {
    static const char fields[] = "ERR Mandatory argument FIELDS is missing or not at the right "
                                 "position";
    static const char match[] = "ERR The `numfields` parameter must match the number of arguments";
    static const char positive[] = "ERR Parameter `numFields` should be greater than 0";
    static const char number[] = "ERR value is not an integer or out of range";
    expect_int(c, 1, "HSET h a 1");
    expect_err(c, "ERR wrong number of arguments for 'hexpire' command", "HEXPIRE h 1 FIELDS 1");
    expect_err(c, number, "HEXPIRE h x FIELDS 1 a");
    expect_err(c, number, "HEXPIRE h FIELDS 1 a 60");
    expect_err(c, fields, "HEXPIRE h 1 1 a b");
    expect_err(c, fields, "HEXPIRE h 1 NX XX FIELDS 1 a");
    expect_err(c, positive, "HEXPIRE h 1 FIELDS 0 a");
    expect_err(c, positive, "HEXPIRE h 1 FIELDS -1 a");
    expect_err(c, positive, "HEXPIRE h 1 FIELDS x a");
    expect_err(c, match, "HEXPIRE h 1 FIELDS 2 a");
    expect_err(c, match, "HEXPIRE h 1 NX FIELDS 1");
    expect_err(c, match, "HEXPIRE h 1 FIELDS 1 a b");
    expect_err(c, match, "HEXPIRE h 1 NX FIELDS 1 a XX");
    expect_err(c, match, "HEXPIRE h 1 FIELDS 9223372036854775807 a");
    expect_err(c, "ERR invalid expire time, must be >= 0", "HEXPIRE h -1 FIELDS 1 a");
    expect_err(c, "ERR invalid expire time in 'hexpire' command",
               "HEXPIRE h 70368744177 FIELDS 1 a");
    expect_err(c, "ERR invalid expire time in 'hpexpireat' command",
               "HPEXPIREAT h 70368744177664 FIELDS 1 a");
    expect_err(c, "ERR invalid expire time in 'hexpireat' command",
               "HEXPIREAT h 9223372036854775807 FIELDS 1 a");
    expect_text(c, "[1]", "HPEXPIREAT h 70368744177663 FIELDS 1 a");
    expect_text(c, "[0]", "HPEXPIREAT h 70368744177663 FIELDS 1 a NX"); /* as in 8.4 */
    for (const char *const *name = (const char *const[]){"HTTL", "HPTTL", "HEXPIRETIME",
                                                         "HPEXPIRETIME", "HPERSIST", NULL};
         *name; name++) {
        expect_err(c, fields, "%s h 1 a b", *name);
        expect_err(c, "ERR Number of fields must be a positive integer", "%s h FIELDS 0 a", *name);
        expect_err(c, match, "%s h FIELDS 2 a", *name);
        expect_err(c, match, "%s h FIELDS 1 a b", *name);
        expect_err_prefix(c, "WRONGTYPE", "%s s FIELDS 1 a", *name);
    }
    expect_err_prefix(c, "WRONGTYPE", "HEXPIRE s x nothing 0 a");
}

static void errors_of_getex_and_setex(void) {
    static const char one_get[] =
        "ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified";
    static const char one_set[] =
        "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified";
    static const char arity[] = "ERR wrong number of arguments for 'hsetex' command";
    static const char one_field[] = "ERR Only one of FXX or FNX arguments can be specified";
    expect_err(c, "ERR Mandatory argument FIELDS is missing or not at the right position",
               "HGETEX h EX 5 PERSIST FIELDS 1 a");
    expect_err(c, one_get, "HGETEX h EX 5 FIELDS 1 a PERSIST");
    expect_err(c, "ERR Number of fields must be a positive integer", "HGETEX h FIELDS 0 a");
    expect_err(c, "ERR The `numfields` parameter must match the number of arguments",
               "HGETEX h FIELDS 1 a b");
    expect_err(c, "ERR value is not an integer or out of range", "HGETEX h EX x FIELDS 1 a");
    expect_err(c, "ERR invalid expire time, must be >= 0", "HGETEX h PX -1 FIELDS 1 a");
    expect_err(c, "ERR invalid expire time in 'hgetex' command",
               "HGETEX h PXAT 70368744177664 FIELDS 1 a");
    expect_err(c, "ERR wrong number of arguments for 'hgetex' command", "HGETEX h EX 5 FIELDS");
    expect_err(c, "ERR missing expire time", "HGETEX h FIELDS 1 a PX");
    expect_err_prefix(c, "WRONGTYPE", "HGETEX s nothing 1 a");
    expect_err(c, arity, "HSETEX h FIELDS 1 a");
    expect_err(c, arity, "HSETEX h FIELDS 2 a 1 b");
    expect_err(c, arity, "HSETEX h FIELDS 1 a 1 b 2");
    expect_err(c, arity, "HSETEX h FIELDS 1 a 1 b");
    expect_err(c, "ERR invalid number of fields", "HSETEX h FIELDS 0 a 1");
    expect_err(c, "ERR invalid number of fields", "HSETEX h FIELDS x a 1");
    expect_err(c, "ERR unknown argument: 1", "HSETEX h 1 FIELDS 1 a 1");
    expect_err(c, "ERR missing FIELDS argument", "HSETEX h FNX EX 5 XX");
    expect_err(c, one_field, "HSETEX h FNX FXX FIELDS 1 a 1");
    expect_err(c, one_field, "HSETEX h FNX FNX FIELDS 1 a 1");
    expect_err(c, one_set, "HSETEX h EX 5 KEEPTTL FIELDS 1 a 1");
    expect_err(c, one_set, "HSETEX h PX 5 FIELDS 1 a 1 PX 5");
    expect_err(c, "ERR syntax error", "HSETEX h NX XX FIELDS 1 a 1");
    expect_err(c, "ERR value is not an integer or out of range", "HSETEX h EX FIELDS 1 a 1");
    expect_err(c, "ERR invalid expire time in 'hsetex' command",
               "HSETEX h EX 70368744178 FIELDS 1 a 1");
    expect_err_prefix(c, "WRONGTYPE", "HSETEX s FIELDS 1 a 1");
    expect_str(c, "1", "HGET h a");
}

static void errors(void) {
    expect_ok(c, "FLUSHALL");
    expect_ok(c, "SET s x");
    errors_of_expire();
    errors_of_getex_and_setex();
}

static void encodings(void) {
    expect_ok(c, "FLUSHALL");
    expect_int(c, 2, "HSET h a 1 b 2");
    expect_text(c, "[1]", "HEXPIRE h 100 FIELDS 1 b");
    expect_str(c, "listpackex", "OBJECT ENCODING h");
    expect_text(c, "[\"b\", \"a\"]", "HKEYS h"); /* in the order of times */
    expect_text(c, "[1]", "HPERSIST h FIELDS 1 b");
    expect_str(c, "listpackex", "OBJECT ENCODING h");
    expect_text(c, "[\"a\", \"b\"]", "HKEYS h");
    expect_int(c, 0, "HSET h a %s",
               "a value of more than sixty-four bytes, which makes a hash a large one");
    expect_str(c, "hashtable", "OBJECT ENCODING h");
    expect_int(c, 1, "HSETEX h2 EX 100 FIELDS 1 a %s",
               "a value of more than sixty-four bytes, which makes a hash a large one");
    expect_str(c, "hashtable", "OBJECT ENCODING h2");
    for (int i = 0; i < 600; i++)
        freeReplyObject(cmd(c, "HSETEX h3 PXAT %lld FIELDS 1 f%d v", 4102444800000 + i, i));
    expect_str(c, "hashtable", "OBJECT ENCODING h3");
    expect_text(c, "[4102444800000, 4102444800599]", "HPEXPIRETIME h3 FIELDS 2 f0 f599");
}

/* ---- DUMP ----------------------------------------------------------------------------- */

static unsigned rdb_type_of(const char *key) {
    redisReply *r = cmd(c, "DUMP %s", key);
    unsigned type = (unsigned char)r->str[0], version = (unsigned char)r->str[r->len - 10];
    CU_ASSERT_EQUAL(version, type >= 22 ? 12 : 10);
    freeReplyObject(r);
    return type;
}

/* What DUMP gives becomes an equal hash again. */
static void restore_equals(const char *key) {
    redisReply *r = cmd(c, "DUMP %s", key);
    expect_ok(c, "RESTORE again 0 %b REPLACE", r->str, r->len);
    freeReplyObject(r);
    char *text = reply_text(cmd(c, "DEBUG DIGEST-VALUE %s again", key));
    size_t half = strlen(text) / 2;
    CU_ASSERT(strncmp(text + 1, text + half + 1, 40) == 0);
    free(text);
}

static void dumps(void) {
    expect_ok(c, "FLUSHALL");
    expect_int(c, 2, "HSET h a 1 b 2");
    CU_ASSERT_EQUAL(rdb_type_of("h"), 16);
    expect_text(c, "[1]", "HPEXPIREAT h 4102444800000 FIELDS 1 a");
    CU_ASSERT_EQUAL(rdb_type_of("h"), 25);
    restore_equals("h");
    expect_text(c, "[4102444800000, -1]", "HPEXPIRETIME again FIELDS 2 a b");
    CU_ASSERT_EQUAL(number_behind("keyspace", "subexpiry="), 2);
    expect_text(c, "[1]", "HPERSIST h FIELDS 1 a");
    CU_ASSERT_EQUAL(rdb_type_of("h"), 16);
    restore_equals("h");
    expect_str(c, "listpack", "OBJECT ENCODING again");
    for (int i = 0; i < 700; i++) freeReplyObject(cmd(c, "HSET h f%d v%d", i, i));
    CU_ASSERT_EQUAL(rdb_type_of("h"), 4);
    expect_text(c, "[1, 1]", "HPEXPIREAT h 4102444800007 FIELDS 2 f7 f77");
    expect_text(c, "[1]", "HPEXPIREAT h 4102444800006 FIELDS 1 f3");
    CU_ASSERT_EQUAL(rdb_type_of("h"), 24);
    restore_equals("h");
    expect_text(c, "[4102444800007, -1, 4102444800006]", "HPEXPIRETIME again FIELDS 3 f7 f8 f3");
    expect_ok(c, "CONFIG SET hash-max-listpack-entries 1000");
    restore_equals("h");
    expect_str(c, "listpackex", "OBJECT ENCODING again");
    expect_text(c, "[4102444800007, -1, 4102444800006]", "HPEXPIRETIME again FIELDS 3 f7 f8 f3");
    expect_ok(c, "CONFIG SET hash-max-listpack-entries 512");
}

/* ---- the model ------------------------------------------------------------------------ */

enum { KEYS = 4, FIELDS = 12, ROUNDS = 60, COMMANDS = 60, ARGS_MAX = 64, QUIET_MS = 12 };

struct field {
    bool kept;
    char value[96];
    long long time_ms; /* -1: none */
};

static struct field model[KEYS][FIELDS];
static long long sent_ms; /* of the command */
static long long expired; /* fields that left by themselves */
static unsigned long long seed = 88172645463325252ull;

static unsigned rnd(unsigned n) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 33) % n;
}

static char args[ARGS_MAX][100];
static int arg_count;
static char want[8192];

static void arg(const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    vsnprintf(args[arg_count++], sizeof args[0], format, ap);
    va_end(ap);
}

static void expect_more(const char *format, ...) {
    va_list ap;
    size_t n = strlen(want);
    va_start(ap, format);
    vsnprintf(want + n, sizeof want - n, format, ap);
    va_end(ap);
}

/* Waits until no field's time is near. */
static void begin_command(void) {
    arg_count = 0;
    want[0] = 0;
    for (bool near = true; near;) {
        near = false;
        sent_ms = unix_ms();
        for (int i = 0; i < KEYS * FIELDS; i++) {
            const struct field *f = &model[i / FIELDS][i % FIELDS];
            near |= f->kept && f->time_ms >= sent_ms - 2 && f->time_ms <= sent_ms + QUIET_MS;
        }
        if (near) server_sleep_ms(2);
    }
}

static redisReply *run(void) {
    const char *argv[ARGS_MAX];
    for (int i = 0; i < arg_count; i++) argv[i] = args[i];
    redisReply *r = redisCommandArgv(c, arg_count, argv, NULL);
    CU_ASSERT_FATAL(r != NULL);
    return r;
}

static bool past(const struct field *f) {
    return f->kept && f->time_ms >= 0 && f->time_ms < sent_ms;
}
static bool there(const struct field *f) { return f->kept && !past(f); }

/* What a command that names a field does first. */
static void let_leave(struct field *f) {
    if (past(f)) expired++;
    if (past(f)) f->kept = false;
}

static bool exists(int k) {
    for (int i = 0; i < FIELDS; i++) {
        if (model[k][i].kept) return true;
    }
    return false;
}

/* Whether the command was not near a field's time, as it turned out. */
static bool was_quiet(void) {
    long long now = unix_ms();
    for (int i = 0; i < KEYS * FIELDS; i++) {
        const struct field *f = &model[i / FIELDS][i % FIELDS];
        if (f->time_ms >= sent_ms && f->time_ms <= now + 1) return false;
    }
    return true;
}

static void read_model_anew(void);

static void check(redisReply *r) {
    char *text = client_text(r);
    freeReplyObject(r);
    if (!was_quiet()) {
        read_model_anew();
    } else if (strcmp(text, want)) {
        fprintf(stderr, "%s %s %s ...: want %s, got %s\n", args[0], args[1], args[2], want, text);
        CU_FAIL("a reply differs from the model's");
        read_model_anew();
    }
    free(text);
}

/* -- commands -- */

static void random_value(char value[96]) {
    switch (rnd(4)) {
    case 0: snprintf(value, 96, "%d", (int)rnd(100000) - 500); break;
    case 1: snprintf(value, 96, "v%u", rnd(1000)); break;
    case 2:
        snprintf(value, 96, "%.*s", (int)rnd(60),
                 "ppppppppppppppppppppppppppppppppppppppppp"
                 "ppppppppppppppppppppppppppppppp");
        break;
    default: snprintf(value, 96, "word"); break;
    }
}

/* A time that has come, one that comes soon, one that does not; -1 in `soon` cases is none. */
static long long random_time(void) {
    switch (rnd(6)) {
    case 0: return 1 + rnd(1000);
    case 1:
    case 2:
    case 3: return sent_ms + 2 * QUIET_MS + rnd(40);
    default: return 4102444800000 + rnd(100000);
    }
}

static void set_field(struct field *f, const char *value, long long time_ms) {
    f->kept = true;
    snprintf(f->value, sizeof f->value, "%s", value);
    f->time_ms = time_ms;
}

static void do_set(int k) {
    int n = 1 + (int)rnd(3), added = 0;
    arg("HSET");
    arg("h%d", k);
    while (n--) {
        struct field *f = &model[k][rnd(FIELDS)];
        char value[96];
        random_value(value);
        arg("f%d", (int)(f - model[k]));
        arg("%s", value);
        let_leave(f);
        added += !f->kept;
        set_field(f, value, -1);
    }
    expect_more("%d", added);
    check(run());
}

static void do_setnx(int k) {
    struct field *f = &model[k][rnd(FIELDS)];
    arg("HSETNX");
    arg("h%d", k);
    arg("f%d", (int)(f - model[k]));
    arg("nx");
    expect_more("%d", !there(f));
    if (!there(f)) {
        let_leave(f);
        set_field(f, "nx", -1);
    }
    check(run());
}

static void do_incr(int k) {
    struct field *f = &model[k][rnd(FIELDS)];
    char *end = NULL;
    long long v = 0;
    arg("HINCRBY");
    arg("h%d", k);
    arg("f%d", (int)(f - model[k]));
    arg("3");
    bool is_number = true;
    if (there(f)) {
        v = strtoll(f->value, &end, 10);
        is_number = f->value[0] && !*end;
    }
    if (is_number) {
        let_leave(f);
        if (!f->kept) f->time_ms = -1;
        expect_more("%lld", v + 3);
        char text[32];
        snprintf(text, sizeof text, "%lld", v + 3);
        set_field(f, text, f->time_ms);
    } else {
        expect_more("ERR hash value is not an integer");
    }
    check(run());
}

/* The reply of an array: what each of n random fields says. */
static void each_field(int k, int n, void (*say)(struct field *f)) {
    expect_more("[");
    for (int i = 0; i < n; i++) {
        struct field *f = &model[k][rnd(FIELDS)];
        arg("f%d", (int)(f - model[k]));
        if (i) expect_more(", ");
        say(f);
    }
    expect_more("]");
    check(run());
}

static void say_value(struct field *f) {
    if (there(f)) {
        expect_more("\"%s\"", f->value);
    } else {
        expect_more("nil");
    }
}

static void say_value_and_leave(struct field *f) {
    say_value(f);
    let_leave(f);
}

static void say_value_and_delete(struct field *f) {
    say_value_and_leave(f);
    f->kept = false;
}

static void say_time(struct field *f) { expect_more("%lld", there(f) ? f->time_ms : -2); }

static void say_persist(struct field *f) {
    expect_more("%d", !there(f) ? -2 : f->time_ms < 0 ? -1 : 1);
    if (there(f)) f->time_ms = -1;
}

static long long new_time;
static int condition;

static bool condition_holds(const struct field *f) {
    switch (condition) {
    case 1: return f->time_ms < 0;
    case 2: return f->time_ms >= 0;
    case 3: return f->time_ms >= 0 && new_time > f->time_ms;
    case 4: return f->time_ms < 0 || new_time < f->time_ms;
    default: return true;
    }
}

/* Gives the new time to a field that is there. */
static int take_time(struct field *f) {
    if (!condition_holds(f)) return 0;
    f->time_ms = new_time;
    if (new_time > sent_ms) return 1;
    f->kept = false;
    expired++;
    return 2;
}

static void say_expire(struct field *f) {
    let_leave(f);
    expect_more("%d", f->kept ? take_time(f) : -2);
}

static void do_expire(int k) {
    static const char *const words[] = {"", "NX", "XX", "GT", "LT"};
    int n = 1 + (int)rnd(4);
    bool behind = rnd(4) == 0;
    new_time = random_time();
    condition = (int)rnd(8);
    if (condition > 4) condition = 0;
    arg("HPEXPIREAT");
    arg("h%d", k);
    arg("%lld", new_time);
    if (condition && !behind) arg("%s", words[condition]);
    arg("FIELDS");
    arg("%d", n);
    if (condition && behind) { /* the condition is the last argument: known after the fields */
        int first = arg_count;
        expect_more("[");
        for (int i = 0; i < n; i++) {
            struct field *f = &model[k][rnd(FIELDS)];
            arg("f%d", (int)(f - model[k]));
            if (i) expect_more(", ");
            say_expire(f);
        }
        expect_more("]");
        CU_ASSERT(arg_count == first + n);
        arg("%s", words[condition]);
        check(run());
        return;
    }
    each_field(k, n, say_expire);
}

static void say_getex(struct field *f) {
    say_value_and_leave(f);
    if (!f->kept) return;
    if (new_time < 0) {
        f->time_ms = -1;
    } else {
        take_time(f);
    }
}

static void do_getex(int k) {
    int n = 1 + (int)rnd(3), kind = (int)rnd(4);
    arg("HGETEX");
    arg("h%d", k);
    condition = 0;
    new_time = random_time();
    if (kind == 0) new_time = -1;
    if (kind == 0) arg("PERSIST");
    if (kind > 1) arg("PXAT");
    if (kind > 1) arg("%lld", new_time);
    arg("FIELDS");
    arg("%d", n);
    each_field(k, n, kind == 1 ? say_value_and_leave : say_getex);
}

static bool setex_holds(int k, int which, int n, const int *fields) {
    if (which == 3 || which == 4) return exists(k) == (which == 4);
    if (which == 2 && !exists(k)) return false;
    if (which == 0) return true;
    for (int i = 0; i < n; i++) {
        if (there(&model[k][fields[i]]) == (which == 2)) continue;
        for (int j = 0; j <= i; j++) let_leave(&model[k][fields[j]]);
        return false;
    }
    return true;
}

static void do_setex(int k) {
    static const char *const words[] = {"", "FNX", "FXX", "NX", "XX"};
    int n = 1 + (int)rnd(3), which = (int)rnd(8), term = (int)rnd(3), fields[3];
    long long time_ms = random_time();
    if (which > 4) which = 0;
    arg("HSETEX");
    arg("h%d", k);
    if (which) arg("%s", words[which]);
    if (term == 1) arg("KEEPTTL");
    if (term == 2) arg("PXAT");
    if (term == 2) arg("%lld", time_ms);
    arg("FIELDS");
    arg("%d", n);
    int first = arg_count;
    for (int i = 0; i < n; i++) {
        fields[i] = (int)rnd(FIELDS);
        arg("f%d", fields[i]);
        random_value(args[arg_count++]);
    }
    bool holds = setex_holds(k, which, n, fields);
    expect_more("%d", holds);
    for (int i = 0; holds && i < n; i++) {
        struct field *f = &model[k][fields[i]];
        bool at_once = term == 2 && time_ms <= sent_ms;
        if (!at_once) let_leave(f);
        long long old_ms = f->kept ? f->time_ms : -1;
        set_field(f, args[first + 2 * i + 1], term == 2 ? time_ms : term == 1 ? old_ms : -1);
        if (at_once) f->kept = false;
        expired += at_once;
    }
    check(run());
}

static void do_del(int k) {
    int n = 1 + (int)rnd(3), count = 0;
    arg("HDEL");
    arg("h%d", k);
    while (n--) {
        struct field *f = &model[k][rnd(FIELDS)];
        arg("f%d", (int)(f - model[k]));
        count += f->kept;
        f->kept = false;
    }
    expect_more("%d", count);
    check(run());
}

static void do_look(int k) {
    struct field *f = &model[k][rnd(FIELDS)];
    static const char *const names[] = {"HGET", "HEXISTS", "HSTRLEN", "HLEN"};
    int which = (int)rnd(4), count = 0;
    arg("%s", names[which]);
    arg("h%d", k);
    if (which < 3) arg("f%d", (int)(f - model[k]));
    for (int i = 0; i < FIELDS; i++) count += model[k][i].kept;
    if (which == 0) say_value(f);
    if (which == 1) expect_more("%d", there(f));
    if (which == 2) expect_more("%d", there(f) ? (int)strlen(f->value) : 0);
    if (which == 3) expect_more("%d", count);
    if (which < 3) let_leave(f);
    check(run());
}

static void do_many(int k, const char *name, bool counted, void (*say)(struct field *f)) {
    int n = 1 + (int)rnd(4);
    arg("%s", name);
    arg("h%d", k);
    if (counted) arg("FIELDS");
    if (counted) arg("%d", n);
    each_field(k, n, say);
}

/* Each field of the reply, `step` texts apart, is there, once; and all are. */
static void check_all(int k, const redisReply *r, size_t step) {
    bool seen[FIELDS] = {false};
    size_t count = 0;
    for (int i = 0; i < FIELDS; i++) count += there(&model[k][i]);
    CU_ASSERT_EQUAL(r->elements, count * step);
    for (size_t i = 0; i + step <= r->elements; i += step) {
        int id = atoi(r->element[i]->str + 1);
        CU_ASSERT_FATAL(id >= 0 && id < FIELDS);
        CU_ASSERT(there(&model[k][id]) && !seen[id]);
        if (step == 2) CU_ASSERT_STRING_EQUAL(r->element[i + 1]->str, model[k][id].value);
        seen[id] = true;
    }
}

static void do_list(int k) {
    static const char *const names[] = {"HGETALL", "HKEYS", "HSCAN", "HRANDFIELD"};
    int which = (int)rnd(4);
    arg("%s", names[which]);
    arg("h%d", k);
    if (which == 2) arg("0");
    if (which == 2) arg("COUNT");
    if (which > 1) arg("100");
    if (which == 3) arg("WITHVALUES");
    redisReply *r = run();
    for (int i = 0; which == 3 && i < FIELDS; i++) let_leave(&model[k][i]);
    if (!was_quiet()) {
        read_model_anew();
    } else {
        check_all(k, which == 2 ? r->element[1] : r, which == 1 ? 1 : 2);
    }
    freeReplyObject(r);
}

static void copy_model(int from, int to) {
    if (exists(from) && from != to) memcpy(model[to], model[from], sizeof model[to]);
}

static void do_move(int k) {
    int to = (int)rnd(KEYS);
    bool copy = rnd(2);
    arg(copy ? "COPY" : "RENAME");
    arg("h%d", k);
    arg("h%d", to);
    if (copy) arg("REPLACE");
    if (copy && to == k) {
        expect_more("ERR source and destination objects are the same");
    } else if (!exists(k)) {
        expect_more(copy ? "0" : "ERR no such key");
    } else {
        expect_more(copy ? "1" : "OK");
        copy_model(k, to);
        if (!copy && to != k) memset(model[k], 0, sizeof model[k]);
    }
    check(run());
}

static void do_restore(int k) {
    int to = (int)rnd(KEYS);
    redisReply *dump = cmd(c, "DUMP h%d", k);
    CU_ASSERT_EQUAL(dump->type == REDIS_REPLY_STRING, exists(k));
    if (dump->type == REDIS_REPLY_STRING) {
        expect_ok(c, "RESTORE h%d 0 %b REPLACE", to, dump->str, dump->len);
        copy_model(k, to);
        if (!was_quiet()) read_model_anew();
    }
    freeReplyObject(dump);
}

static void do_remove(int k) {
    arg(rnd(2) ? "DEL" : "EXISTS");
    arg("h%d", k);
    expect_more("%d", exists(k));
    if (args[0][0] == 'D') memset(model[k], 0, sizeof model[k]);
    check(run());
}

static void random_command(void) {
    int k = (int)rnd(KEYS);
    begin_command();
    switch (rnd(20)) {
    case 0:
    case 1:
    case 2: do_set(k); break;
    case 3: do_setnx(k); break;
    case 4: do_incr(k); break;
    case 5:
    case 6:
    case 7: do_expire(k); break;
    case 8:
    case 9: do_setex(k); break;
    case 10: do_getex(k); break;
    case 11: do_del(k); break;
    case 12: do_many(k, "HGETDEL", true, say_value_and_delete); break;
    case 13: do_many(k, "HMGET", false, say_value_and_leave); break;
    case 14: do_many(k, "HPERSIST", true, say_persist); break;
    case 15: do_many(k, "HPEXPIRETIME", true, say_time); break;
    case 16: do_look(k); break;
    case 17: do_list(k); break;
    case 18: rnd(2) ? do_move(k) : do_restore(k); break;
    default: rnd(3) ? do_look(k) : do_remove(k); break;
    }
}

/* -- whole states -- */

/* Lets all leave whose time has come, or will soon. */
static void settle(void) {
    expect_ok(c, "DEBUG SET-ACTIVE-EXPIRE 1");
    for (bool soon = true; soon;) {
        soon = false;
        begin_command();
        for (int i = 0; i < KEYS * FIELDS; i++) {
            struct field *f = &model[i / FIELDS][i % FIELDS];
            let_leave(f);
            soon |= f->kept && f->time_ms >= 0 && f->time_ms < sent_ms + 1000;
        }
        if (soon) server_sleep_ms(5);
    }
}

static int fields_of(int k) {
    int n = 0;
    for (int i = 0; i < FIELDS; i++) n += model[k][i].kept;
    return n;
}

static void compare_key(int k) {
    for (int i = 0; i < FIELDS; i++) {
        const struct field *f = &model[k][i];
        if (!f->kept) continue;
        expect_str(c, f->value, "HGET h%d f%d", k, i);
        char text[32];
        snprintf(text, sizeof text, "[%lld]", f->time_ms);
        expect_text(c, text, "HPEXPIRETIME h%d FIELDS 1 f%d", k, i);
    }
    expect_int(c, fields_of(k), "HLEN h%d", k);
    expect_int(c, fields_of(k) != 0, "EXISTS h%d", k);
}

static void compare(void) {
    int timed = 0;
    settle();
    for (int k = 0; k < KEYS; k++) { /* by themselves: nothing here names the fields */
        for (int i = 0; i < 2000; i++) {
            redisReply *r = cmd(c, "HLEN h%d", k);
            bool done = r->integer == fields_of(k);
            freeReplyObject(r);
            if (done) break;
            server_sleep_ms(2);
        }
        compare_key(k);
        bool has = false;
        for (int i = 0; i < FIELDS; i++) has |= model[k][i].kept && model[k][i].time_ms >= 0;
        timed += has;
    }
    CU_ASSERT_EQUAL(number_behind("stats", "expired_subkeys:"), expired);
    if (number_behind("keyspace", "db0:keys=") > 0)
        CU_ASSERT_EQUAL(number_behind("keyspace", "subexpiry="), timed);
    expect_ok(c, "DEBUG SET-ACTIVE-EXPIRE 0");
}

/* After a command of which is not known what it found. */
static void read_model_anew(void) {
    expect_ok(c, "DEBUG SET-ACTIVE-EXPIRE 1");
    server_sleep_ms(150); /* all soon times are over */
    memset(model, 0, sizeof model);
    for (int k = 0; k < KEYS; k++) {
        for (int i = 0; i < FIELDS; i++) {
            redisReply *v = cmd(c, "HGET h%d f%d", k, i);
            redisReply *t = cmd(c, "HPEXPIRETIME h%d FIELDS 1 f%d", k, i);
            if (v->str) set_field(&model[k][i], v->str, t->element[0]->integer);
            freeReplyObject(v);
            freeReplyObject(t);
        }
    }
    expired = number_behind("stats", "expired_subkeys:");
    expect_ok(c, "DEBUG SET-ACTIVE-EXPIRE 0");
}

static void model_round(const char *entries) {
    expect_ok(c, "FLUSHALL");
    expect_ok(c, "CONFIG RESETSTAT");
    expect_ok(c, "CONFIG SET hash-max-listpack-entries %s", entries);
    expect_ok(c, "DEBUG SET-ACTIVE-EXPIRE 0");
    memset(model, 0, sizeof model);
    expired = 0;
    for (int i = 0; i < ROUNDS; i++) {
        for (int k = 0; k < COMMANDS; k++) random_command();
        compare();
    }
    expect_ok(c, "DEBUG SET-ACTIVE-EXPIRE 1");
    expect_ok(c, "CONFIG SET hash-max-listpack-entries 512");
}

static void packed_hashes_behave(void) { model_round("512"); }
static void large_hashes_behave(void) { model_round("0"); }
static void growing_hashes_behave(void) { model_round("6"); }

/* ---- many ----------------------------------------------------------------------------- */

/* Fields of one hash and of many, all at once; the server answers meanwhile. */
static void many_fields_leave(void) {
    enum { HASHES = 2000, BIG = 50000 };
    expect_ok(c, "FLUSHALL");
    long long when = unix_ms() + 4000;
    for (int i = 0; i < BIG; i++) {
        redisAppendCommand(c, "HSETEX big PXAT %lld FIELDS 1 field:%d v", when, i);
        if (i < HASHES) redisAppendCommand(c, "HSETEX h:%d PXAT %lld FIELDS 2 a 1 b 2", i, when);
    }
    for (int i = 0; i < BIG + HASHES; i++) {
        redisReply *r = NULL;
        CU_ASSERT_FATAL(redisGetReply(c, (void **)&r) == REDIS_OK);
        freeReplyObject(r);
    }
    expect_int(c, 1, "HSET big stays 1");
    if (unix_ms() < when) {
        expect_int(c, BIG + 1, "HLEN big");
        expect_int(c, HASHES + 1, "DBSIZE");
    }
    while (unix_ms() < when + 100) server_sleep_ms(20);
    for (int i = 0; i < 1000 && number_behind("keyspace", "subexpiry=") > 0; i++)
        server_sleep_ms(10);
    expect_text(c, "[\"stays\", \"1\"]", "HGETALL big");
    expect_int(c, 1, "DBSIZE");
}

int main(void) {
    static const struct suite_test tests[] = {
        {"replies", replies},
        {"errors", errors},
        {"encodings", encodings},
        {"dumps", dumps},
        {"packed_hashes_behave", packed_hashes_behave},
        {"large_hashes_behave", large_hashes_behave},
        {"growing_hashes_behave", growing_hashes_behave},
        {"many_fields_leave", many_fields_leave},
        {NULL, NULL},
    };
    server = server_start((const char *const[]){"--enable-debug-command", "yes", NULL});
    c = client_open(server);
    int status = suite_main("hash_expiry", tests);
    redisFree(c);
    return server_stop(server) ? 1 : status;
}
