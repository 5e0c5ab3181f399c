/* encryption_test.c - files encrypted at rest: found again, unreadable without the key, refused
 * when altered, begun and given up between starts.
 */
#define _GNU_SOURCE 1 /* memmem */
#include <dirent.h>
#include <sys/stat.h>

#include "integration/files.h"

#define DIR_NAME "appendonlydir"
#define INCR DIR_NAME "/appendonly.aof.%d.incr.aof"
#define MANIFEST DIR_NAME "/appendonly.aof.manifest"
#define SECRET "the-secret-that-must-not-be-seen"
#define HEAD_BYTES 64
#define EXTRA_BYTES 32 /* of a chunk, beside its payload */

static const char hex_key[] = "00112233445566778899aabbccddeeff0123456789ABCDEFfedcba9876543210\n";
static const char raw_key[] = "0123456789abcdef0123456789abcdeX"; /* 32 bytes */

#define COMMON "--enable-debug-command", "yes", "--enable-protected-configs", "yes"
static const char *const rdb_plain[] = {COMMON, "--save", "3600 1000000", NULL};
static const char *const rdb_sealed[] = {COMMON,           "--save", "3600 1000000",
                                         "--rdb-key-file", "a.key",  NULL};
static const char *const rdb_other[] = {COMMON,           "--save", "3600 1000000",
                                        "--rdb-key-file", "b.key",  NULL};
#define LOG COMMON, "--appendonly", "yes", "--appendfsync", "always"
static const char *const log_plain[] = {LOG, NULL};
static const char *const log_sealed[] = {LOG, "--aof-key-file", "a.key", NULL};
static const char *const log_other[] = {LOG, "--aof-key-file", "b.key", NULL};
static const char *const log_strict[] = {
    LOG, "--aof-key-file", "a.key", "--aof-load-truncated", "no", NULL};
static const char *const log_of_commands[] = {
    LOG, "--aof-key-file", "a.key", "--aof-use-rdb-preamble", "no", NULL};

static void put_key(const struct server *s, const char *name, const char *text, size_t n,
                    mode_t mode) {
    char path[PATH_BYTES];
    path_of(s, name, path);
    write_file(s, name, text, n);
    chmod(path, mode);
}

/* A directory with two keys, of a server that has ended. */
static struct server *new_place(void) {
    struct server *s = server_start(NULL);
    put_key(s, "a.key", hex_key, sizeof hex_key - 1, 0600);
    put_key(s, "b.key", raw_key, sizeof raw_key - 1, 0400);
    server_signal(s, SIGKILL);
    server_wait(s, 5000);
    return s;
}

static void put_data(redisContext *c) {
    for (int i = 0; i < 200; i++) {
        freeReplyObject(cmd(c, "SET k%d " SECRET "%d", i, i));
        freeReplyObject(cmd(c, "HSET h " SECRET "%d %d", i, i));
        freeReplyObject(cmd(c, "ZADD z%d %d " SECRET, i % 3, i));
    }
    freeReplyObject(cmd(c, "SET big %0200000d", 7));
    freeReplyObject(cmd(c, "PEXPIRE k1 100000000"));
}

/* Whether the text stands in a file of the directory. */
static bool seen_in(const struct server *s, const char *name) {
    char *bytes = malloc(FILE_BYTES_MAX);
    size_t n = read_file(s, name, bytes);
    bool seen = n >= sizeof SECRET && memmem(bytes, n, SECRET, sizeof SECRET - 1);
    free(bytes);
    return seen;
}

static bool is_sealed(const struct server *s, const char *name) {
    char *bytes = malloc(FILE_BYTES_MAX);
    size_t n = read_file(s, name, bytes);
    bool is = n >= HEAD_BYTES && memcmp(bytes, "CLSEALED", 8) == 0;
    free(bytes);
    return is;
}

/* The files of the log; all but the manifest must be sealed, or none. */
static int log_files(const struct server *s, bool sealed) {
    char path[PATH_BYTES], name[PATH_BYTES];
    int n = 0;
    path_of(s, DIR_NAME, path);
    DIR *dir = opendir(path);
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        if (*e->d_name == '.' || strstr(e->d_name, "manifest")) continue;
        snprintf(name, sizeof name, DIR_NAME "/%.200s", e->d_name);
        CU_ASSERT_EQUAL(is_sealed(s, name), sealed);
        if (sealed) CU_ASSERT_FALSE(seen_in(s, name));
        n++;
    }
    if (dir) closedir(dir);
    return n;
}

static const char *incr(int number) {
    static char name[64];
    snprintf(name, sizeof name, INCR, number);
    return name;
}

static int check_rdb(const struct server *s, const char *key, char **said) {
    char options[3 * PATH_BYTES];
    snprintf(options, sizeof options, "%s%s%s%s %s/dump.rdb", key ? "--key-file " : "",
             key ? server_dir(s) : "", key ? "/" : "", key ? key : "", server_dir(s));
    return WEXITSTATUS(run_beside("check-rdb", options, "", said));
}

static int check_aof(const struct server *s, const char *option, const char *key,
                     const char *answer, char **said) {
    char options[4 * PATH_BYTES];
    snprintf(options, sizeof options, "%s %s%s%s%s %s/" MANIFEST, option, key ? "--key-file " : "",
             key ? server_dir(s) : "", key ? "/" : "", key ? key : "", server_dir(s));
    return WEXITSTATUS(run_beside("check-aof", options, answer, said));
}

static void expect_said(char *said, const char *want) {
    if (!strstr(said, want)) printf("wanted: %s\nis: %s\n", want, said);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, want));
    free(said);
}

/* ---- snapshots ---------------------------------------------------------------------- */

static void a_snapshot_is_read_by_its_key_alone(void) {
    struct server *s = new_place();
    redisContext *c = again(s, rdb_sealed);
    char *said;
    put_data(c);
    char *want = digest(c);
    expect_ok(c, "SAVE");
    expect_ok(c, "DEBUG RELOAD");
    redisFree(c);
    server_signal(s, SIGTERM);
    CU_ASSERT_EQUAL(server_wait(s, 20000), 0);
    CU_ASSERT_TRUE(is_sealed(s, "dump.rdb"));
    CU_ASSERT_FALSE(seen_in(s, "dump.rdb"));
    expect_refusal(s, rdb_plain, "it is encrypted, and there is no key");
    expect_refusal(s, rdb_other, "the key is not the one");
    CU_ASSERT_EQUAL(check_rdb(s, "a.key", &said), 0);
    expect_said(said, "keys: 205\n");
    CU_ASSERT_EQUAL(check_rdb(s, "b.key", &said), 2);
    expect_said(said, "the key is not the one");
    CU_ASSERT_EQUAL(check_rdb(s, NULL, &said), 2);
    expect_said(said, "it is encrypted, and needs --key-file");
    c = again(s, rdb_sealed);
    expect_digest(c, want);
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* The last byte, the end, all but the head, and a byte of each part altered. */
static void a_snapshot_that_is_not_as_it_was_is_refused(void) {
    struct server *s = new_place();
    redisContext *c = again(s, rdb_sealed);
    char *bytes = malloc(FILE_BYTES_MAX), *said;
    put_data(c);
    expect_ok(c, "SAVE");
    stop_hard(s, c);
    size_t n = read_file(s, "dump.rdb", bytes);
    const size_t cuts[] = {n - 1, n - 100, HEAD_BYTES + 10, HEAD_BYTES, HEAD_BYTES - 1};
    const char *const says[] = {"is cut short", "is cut short", "chunk 0 is cut short",
                                "its end is missing", "its head is cut short"};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        write_file(s, "dump.rdb", bytes, cuts[i]);
        expect_refusal(s, rdb_sealed, says[i]);
    }
    bytes[HEAD_BYTES + 200] ^= 4;
    write_file(s, "dump.rdb", bytes, n);
    expect_refusal(s, rdb_sealed, "offset 64 of the encrypted file: chunk 0 was altered");
    CU_ASSERT_EQUAL(check_rdb(s, "a.key", &said), 1);
    expect_said(said, "damaged: offset 64 of the encrypted file: chunk 0 was altered");
    bytes[HEAD_BYTES + 200] ^= 4;
    bytes[n] = 'x';
    write_file(s, "dump.rdb", bytes, n + 1);
    expect_refusal(s, rdb_sealed, "follows the last one");
    free(bytes);
    server_stop(s);
}

static void a_key_comes_and_goes(void) {
    struct server *s = new_place();
    redisContext *c = again(s, rdb_plain);
    char *said;
    put_data(c);
    char *want = digest(c);
    expect_ok(c, "SAVE");
    stop_hard(s, c);
    CU_ASSERT_TRUE(seen_in(s, "dump.rdb"));
    c = again(s, rdb_sealed);
    CU_ASSERT_TRUE(server_log_has(s, "is not encrypted; the next save will encrypt it", 1000));
    expect_ok(c, "SAVE");
    CU_ASSERT_TRUE(is_sealed(s, "dump.rdb"));
    expect_ok(c, "CONFIG SET rdb-key-file b.key");
    expect_ok(c, "SAVE");
    CU_ASSERT_EQUAL(check_rdb(s, "b.key", &said), 0);
    free(said);
    expect_err_prefix(c,
                      "ERR CONFIG SET failed (possibly related to argument 'rdb-key-file') - "
                      "the key file missing: No such file or directory",
                      "CONFIG SET rdb-key-file missing");
    expect_text(c, "[\"rdb-key-file\", \"b.key\"]", "CONFIG GET rdb-key-file");
    expect_ok(c, "SAVE");
    CU_ASSERT_EQUAL(check_rdb(s, "b.key", &said), 0);
    free(said);
    redisReply *r = cmd(c, "CONFIG SET rdb-key-file %s", "");
    CU_ASSERT_STRING_EQUAL(r->str, "OK");
    freeReplyObject(r);
    expect_ok(c, "SAVE");
    CU_ASSERT_TRUE(seen_in(s, "dump.rdb"));
    expect_digest(c, want);
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

static void keys_that_are_none_are_refused(void) {
    static const struct {
        const char *text;
        size_t n;
        mode_t mode;
        const char *says;
    } bad[] = {
        {hex_key, sizeof hex_key - 1, 0640, "its permissions 0640 are too open"},
        {hex_key, sizeof hex_key - 1, 0604, "its permissions 0604 are too open"},
        {hex_key, 63, 0600, "it holds neither 32 bytes nor 64 hexadecimal digits"},
        {raw_key, 31, 0600, "it holds neither 32 bytes nor 64 hexadecimal digits"},
        {"", 0, 0600, "it holds neither 32 bytes nor 64 hexadecimal digits"},
    };
    static const char *const with_log[] = {"--aof-key-file", "c.key", NULL};
    static const char *const with_rdb[] = {"--rdb-key-file", "c.key", NULL};
    struct server *s = new_place();
    expect_refusal(s, with_log, "the key file c.key: No such file or directory");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put_key(s, "c.key", bad[i].text, bad[i].n, bad[i].mode);
        expect_refusal(s, i % 2 ? with_log : with_rdb, bad[i].says);
    }
    server_stop(s);
}

/* ---- the log ------------------------------------------------------------------------ */

static void what_was_acknowledged_is_found_again(void) {
    struct server *s = new_place();
    redisContext *c = again(s, log_sealed);
    put_data(c);
    char *want = digest(c);
    stop_hard(s, c);
    CU_ASSERT_EQUAL(log_files(s, true), 2);
    for (int i = 0; i < 3; i++) { /* each start has a file of its own, if it writes */
        c = again(s, log_sealed);
        expect_digest(c, want);
        freeReplyObject(cmd(c, "SET more%d " SECRET, i));
        want = digest(c);
        CU_ASSERT_EQUAL(log_files(s, true), 3 + i);
        stop_hard(s, c);
    }
    for (int i = 0; i < 4; i++) {
        c = again(s, log_sealed);
        redisFree(c);
        server_signal(s, i % 2 ? SIGKILL : SIGTERM);
        server_wait(s, 20000);
        CU_ASSERT_EQUAL(log_files(s, true), 6);
    }
    c = again(s, log_sealed);
    freeReplyObject(cmd(c, "BGREWRITEAOF"));
    CU_ASSERT_TRUE(info_becomes(c, "aof_rewrites:1\r\n"));
    CU_ASSERT_EQUAL(log_files(s, true), 2);
    freeReplyObject(cmd(c, "SET last 1"));
    free(want);
    want = digest(c);
    expect_ok(c, "DEBUG LOADAOF");
    redisFree(c);
    server_signal(s, SIGTERM);
    CU_ASSERT_EQUAL(server_wait(s, 20000), 0);
    expect_refusal(s, log_plain, "it is encrypted, and there is no key");
    expect_refusal(s, log_other, "the key is not the one");
    c = again(s, log_sealed);
    expect_digest(c, want);
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

static void a_base_of_commands_is_encrypted(void) {
    struct server *s = new_place();
    redisContext *c = again(s, log_of_commands);
    put_data(c);
    freeReplyObject(cmd(c, "BGREWRITEAOF"));
    CU_ASSERT_TRUE(info_becomes(c, "aof_rewrites:2\r\n"));
    char *want = digest(c), *said;
    CU_ASSERT_EQUAL(log_files(s, true), 2);
    stop_hard(s, c);
    CU_ASSERT_EQUAL(check_aof(s, "", "a.key", "", &said), 0);
    expect_said(said, "All AOF files and manifest are valid");
    c = again(s, log_of_commands);
    expect_digest(c, want);
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* Three groups in the first file of commands: a 1, b 2, and a transaction of two. */
static size_t three_groups(struct server *s, char *bytes) {
    redisContext *c = again(s, log_sealed);
    expect_ok(c, "SET a 1");
    expect_ok(c, "SET b 2");
    expect_ok(c, "MULTI");
    expect_status(c, "QUEUED", "SET d 4");
    expect_status(c, "QUEUED", "SET e 5");
    freeReplyObject(cmd(c, "EXEC"));
    stop_hard(s, c);
    return read_file(s, incr(1), bytes);
}

/* Where the chunk of the number begins. */
static size_t chunk_at(const char *bytes, int number) {
    size_t at = HEAD_BYTES;
    while (number--) {
        uint16_t payload;
        memcpy(&payload, bytes + at + 2, sizeof payload);
        at += payload + EXTRA_BYTES;
    }
    return at;
}

/* The first file of commands is the last one again. */
static void drop_later_files(const struct server *s) {
    char line[2 * PATH_BYTES];
    snprintf(line, sizeof line,
             "cd %s/" DIR_NAME " && rm -f *.[2-9].incr.aof && sed -i /seq.[2-9]/d %s",
             server_dir(s), "appendonly.aof.manifest");
    CU_ASSERT_EQUAL(system(line), 0);
}

static void a_torn_end_is_cut_off(void) {
    struct server *s = new_place();
    char *bytes = malloc(FILE_BYTES_MAX), *said;
    size_t n = three_groups(s, bytes), last = chunk_at(bytes, 2);
    CU_ASSERT_EQUAL(chunk_at(bytes, 3), n);
    for (size_t cut = last; cut < n; cut += 11) {
        drop_later_files(s);
        write_file(s, incr(1), bytes, cut);
        redisContext *c = again(s, log_sealed);
        expect_text(c, "[\"1\", \"2\", nil, nil]", "MGET a b d e");
        CU_ASSERT_EQUAL(server_log_has(s, "Truncating the AOF", 10), cut > last);
        expect_ok(c, "SET f 6");
        stop_hard(s, c);
        c = again(s, log_sealed);
        expect_text(c, "[\"1\", \"2\", nil, nil, \"6\"]", "MGET a b d e f");
        stop_hard(s, c);
    }
    for (int way = 0; way < 2;
         way++) { /* zeros where the last chunk was; one byte of it is wrong */
        drop_later_files(s);
        if (way) {
            memset(bytes + last, 0, n - last);
        } else {
            bytes[n - 1] ^= 1;
        }
        write_file(s, incr(1), bytes, n);
        expect_refusal(s, log_strict, "Unexpected end of file");
        CU_ASSERT_EQUAL(check_aof(s, "", "a.key", "", &said), 1);
        expect_said(said, way ? "chunk 2 has an altered header" : "chunk 2 was altered");
        CU_ASSERT_EQUAL(check_aof(s, "", NULL, "", &said), 1);
        expect_said(said, "it is encrypted, and needs --key-file");
        CU_ASSERT_EQUAL(check_aof(s, "--fix", "a.key", "y", &said), 0);
        expect_said(said, "Successfully truncated AOF");
        CU_ASSERT_EQUAL(read_file(s, incr(1), bytes), last);
        redisContext *c = again(s, log_strict);
        expect_text(c, "[\"1\", \"2\", nil, nil]", "MGET a b d e");
        stop_hard(s, c);
    }
    free(bytes);
    server_stop(s);
}

static void damage_in_the_middle_is_refused(void) {
    struct server *s = new_place();
    char *bytes = malloc(FILE_BYTES_MAX), *other = malloc(FILE_BYTES_MAX), text[128], *said;
    size_t n = three_groups(s, bytes), second = chunk_at(bytes, 1), third = chunk_at(bytes, 2);
    const size_t altered[] = {second, second + 2, second + 5, second + 20, third - 1};
    for (size_t i = 0; i < sizeof altered / sizeof *altered; i++) {
        memcpy(other, bytes, n);
        other[altered[i]] ^= 0x10;
        write_file(s, incr(1), other, n);
        snprintf(text, sizeof text, "offset %zu of the encrypted file: chunk 1", second);
        expect_refusal(s, log_sealed, text);
        CU_ASSERT_EQUAL(check_aof(s, "", "a.key", "", &said), 1);
        snprintf(text, sizeof text, "not valid at offset %zu", second);
        CU_ASSERT_PTR_NOT_NULL(strstr(said, text));
        expect_said(said, "this is damage, not a torn end");
    }
    memcpy(other, bytes, second); /* the second one taken out */
    memcpy(other + second, bytes + third, n - third);
    write_file(s, incr(1), other, n - third + second);
    expect_refusal(s, log_sealed, "chunk 1 is missing, chunk 2 stands in its place");
    memcpy(other, bytes, HEAD_BYTES); /* the key's check */
    memcpy(other + HEAD_BYTES, bytes + HEAD_BYTES, n - HEAD_BYTES);
    other[HEAD_BYTES - 1] ^= 1;
    write_file(s, incr(1), other, n);
    expect_refusal(s, log_sealed, "the key is not the one that it was encrypted with");
    free(bytes);
    free(other);
    server_stop(s);
}

/* Only the last file may be without an end: the others were ended, by who found them at the latest.
 */
static void files_before_the_last_are_whole(void) {
    struct server *s = new_place();
    char *bytes = malloc(FILE_BYTES_MAX), *said;
    three_groups(s, bytes);
    redisContext *c = again(s, log_sealed);
    expect_ok(c, "SET f 6");
    stop_hard(s, c);
    size_t n = read_file(s, incr(1), bytes);
    CU_ASSERT_EQUAL(chunk_at(bytes, 4), n);
    for (int chunks = 3; chunks >= 0; chunks--) {
        write_file(s, incr(1), bytes, chunk_at(bytes, chunks));
        expect_refusal(s, log_sealed, "its end is missing");
    }
    CU_ASSERT_EQUAL(check_aof(s, "", "a.key", "", &said), 1);
    expect_said(said, "its end is missing");
    write_file(s, incr(1), bytes, n - 1);
    expect_refusal(s, log_sealed, "is cut short");
    write_file(s, incr(1), bytes, n);
    c = again(s, log_sealed);
    expect_text(c, "[\"1\", \"2\", \"4\", \"5\", \"6\"]", "MGET a b d e f");
    stop_hard(s, c);
    /* A server that died while it changed to the next file: nothing is in that one. */
    write_file(s, incr(1), bytes, chunk_at(bytes, 3) - 1);
    n = read_file(s, incr(2), bytes);
    write_file(s, incr(2), bytes, HEAD_BYTES);
    n = read_file(s, incr(3), bytes);
    write_file(s, incr(3), bytes, HEAD_BYTES);
    CU_ASSERT_EQUAL(n, HEAD_BYTES);
    CU_ASSERT_EQUAL(check_aof(s, "--fix", "a.key", "n", &said), 1);
    expect_said(said, "chunk 2 is cut short");
    c = again(s, log_sealed);
    expect_text(c, "[\"1\", \"2\", nil, nil, nil]", "MGET a b d e f");
    expect_ok(c, "SET g 7");
    stop_hard(s, c);
    c = again(s, log_sealed);
    expect_text(c, "[\"1\", \"2\", nil, nil, nil, \"7\"]", "MGET a b d e f g");
    redisFree(c);
    free(bytes);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* Between starts, and while it runs. */
static void a_log_changes_its_key(void) {
    struct server *s = new_place();
    redisContext *c = again(s, log_plain);
    put_data(c);
    stop_hard(s, c);
    c = again(s, log_sealed);
    freeReplyObject(cmd(c, "SET more " SECRET));
    char *want = digest(c);
    CU_ASSERT_FALSE(is_sealed(s, incr(1)));
    CU_ASSERT_TRUE(is_sealed(s, incr(2)));
    stop_hard(s, c);
    expect_refusal(s, log_plain, "it is encrypted, and there is no key");
    c = again(s, log_sealed);
    freeReplyObject(cmd(c, "BGREWRITEAOF"));
    CU_ASSERT_TRUE(info_becomes(c, "aof_rewrites:1\r\n"));
    CU_ASSERT_EQUAL(log_files(s, true), 2);
    expect_err(c,
               "ERR CONFIG SET failed (possibly related to argument 'aof-key-file') - aof-key-file "
               "can be changed while appendonly is no",
               "CONFIG SET aof-key-file b.key");
    expect_ok(c, "CONFIG SET appendonly no");
    expect_ok(c, "CONFIG SET aof-key-file b.key");
    expect_ok(c, "CONFIG SET appendonly yes");
    CU_ASSERT_TRUE(info_becomes(c, "aof_enabled:1\r\n"));
    CU_ASSERT_TRUE(info_becomes(c, "aof_rewrite_in_progress:0\r\n"));
    stop_hard(s, c);
    expect_refusal(s, log_sealed, "the key is not the one");
    c = again(s, log_other);
    expect_digest(c, want);
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"a_snapshot_is_read_by_its_key_alone", a_snapshot_is_read_by_its_key_alone},
        {"a_snapshot_that_is_not_as_it_was_is_refused",
         a_snapshot_that_is_not_as_it_was_is_refused},
        {"a_key_comes_and_goes", a_key_comes_and_goes},
        {"keys_that_are_none_are_refused", keys_that_are_none_are_refused},
        {"what_was_acknowledged_is_found_again", what_was_acknowledged_is_found_again},
        {"a_base_of_commands_is_encrypted", a_base_of_commands_is_encrypted},
        {"a_torn_end_is_cut_off", a_torn_end_is_cut_off},
        {"damage_in_the_middle_is_refused", damage_in_the_middle_is_refused},
        {"files_before_the_last_are_whole", files_before_the_last_are_whole},
        {"a_log_changes_its_key", a_log_changes_its_key},
        {NULL, NULL},
    };
    return suite_main("encryption", tests);
}
