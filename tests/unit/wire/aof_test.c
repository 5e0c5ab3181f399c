/* aof_test.c - the bytes of a log: commands, comments, groups, and each of them cut anywhere. */
#include "wire/aof.h"

#include <string.h>

#include "base/mem.h"
#include "support/suite.h"

static struct slice *argv;
static size_t room;

static enum aof_result take(const char *text, size_t n, int *argc, size_t *used) {
    const char *at = text;
    enum aof_result r = aof_take_command(&at, text + n, &argv, &room, argc);
    *used = (size_t)(at - text);
    return r;
}

static void a_command_cut_anywhere_is_short(void) {
    static const char text[] = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$12\r\nhello\r\nworld\r\n";
    int argc;
    size_t used;
    for (size_t n = 0; n < sizeof text - 1; n++) {
        CU_ASSERT_EQUAL(take(text, n, &argc, &used), AOF_SHORT);
        CU_ASSERT_EQUAL(used, 0);
    }
    CU_ASSERT_EQUAL(take(text, sizeof text - 1, &argc, &used), AOF_GOOD);
    CU_ASSERT_EQUAL(argc, 3);
    CU_ASSERT_EQUAL(used, sizeof text - 1);
    CU_ASSERT_TRUE(slice_eq(argv[2], slice_cstr("hello\r\nworld")));
}

static void what_is_no_command_is_bad(void) {
    static const char *const bad[] = {
        "SET k v\r\n",        "*0\r\n",       "*x\r\n",        "*-1\r\n",
        "*1\n$4\r\nPING\r\n", "*1\r\n#4\r\n", "*1\r\n$-1\r\n", "*1\r\n$4\r\nPINGxx",
        "*99999999\r\n",
    };
    int argc;
    size_t used;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CU_ASSERT_EQUAL(take(bad[i], strlen(bad[i]), &argc, &used), AOF_BAD);
    }
}

static void groups_are_known_by_their_bytes(void) {
    static const char body[] = "*1\r\n$4\r\nPING\r\n";
    char file[256], line[AOF_GROUP_LINE_BYTES_MAX];
    struct aof_group g;
    size_t n = aof_put_group(line, slice_of(body, sizeof body - 1)), bytes = n + sizeof body - 1;
    memcpy(file, line, n);
    memcpy(file + n, body, sizeof body - 1);
    const char *at = file;
    CU_ASSERT_TRUE(aof_take_group(&at, file + bytes, &g));
    CU_ASSERT_EQUAL(at, file + n);
    CU_ASSERT_EQUAL(g.bytes, sizeof body - 1);
    CU_ASSERT_TRUE(aof_group_is_right(&g, at, file + bytes));
    CU_ASSERT_FALSE(aof_group_is_right(&g, at, file + bytes - 1));
    for (size_t i = n; i < bytes; i++) {
        file[i] ^= 1;
        CU_ASSERT_FALSE(aof_group_is_right(&g, at, file + bytes));
        file[i] ^= 1;
    }
    for (size_t cut = 0; cut < n; cut++) {
        const char *from = file;
        CU_ASSERT_FALSE(aof_take_group(&from, file + cut, &g));
        CU_ASSERT_EQUAL(from, file);
    }
}

static void comments_end_with_their_line(void) {
    static const char text[] = "#TS:1\r\n*1\r\n", broken[] = "#CRC:12x:00000000\r\n";
    const char *at = text;
    CU_ASSERT_EQUAL(aof_take_comment(&at, text + 4), AOF_SHORT);
    CU_ASSERT_EQUAL(aof_take_comment(&at, text + sizeof text - 1), AOF_GOOD);
    CU_ASSERT_EQUAL(at, text + 7);
    at = broken;
    CU_ASSERT_EQUAL(aof_take_comment(&at, broken + sizeof broken - 1), AOF_BAD);
}

static void a_right_group_proves_damage(void) {
    static const char body[] = "*1\r\n$4\r\nPING\r\n";
    char file[512], line[AOF_GROUP_LINE_BYTES_MAX];
    size_t n = aof_put_group(line, slice_of(body, sizeof body - 1)), at = 0;
    memcpy(file, "rubbish #CRC:5:zz #CRC:", at = 23);
    CU_ASSERT_FALSE(aof_right_group_behind(file, file + at));
    memcpy(file + at, line, n);
    memcpy(file + at + n, body, sizeof body - 1);
    at += n + sizeof body - 1;
    CU_ASSERT_TRUE(aof_right_group_behind(file, file + at));
    CU_ASSERT_FALSE(aof_right_group_behind(file, file + at - 1));
}

int main(void) {
    static const struct suite_test tests[] = {
        {"a_command_cut_anywhere_is_short", a_command_cut_anywhere_is_short},
        {"what_is_no_command_is_bad", what_is_no_command_is_bad},
        {"groups_are_known_by_their_bytes", groups_are_known_by_their_bytes},
        {"comments_end_with_their_line", comments_end_with_their_line},
        {"a_right_group_proves_damage", a_right_group_proves_damage},
        {NULL, NULL},
    };
    mem_thread_init();
    int status = suite_main("aof", tests);
    mem_free(argv);
    return status;
}
