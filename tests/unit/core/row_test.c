/* row_test.c - the table of commands: finding, renaming, keys, checks. */
#include "core/row.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/suite.h"

static void run_nothing(struct ctx *c) { (void)c; }

#define DOCUMENTED .since = "1.0.0", .summary = "Tests.", .complexity = "O(1)"
#define KEY_AT(position)                                                                           \
    { .flags = KEY_RO, .begin = BEGIN_INDEX, .index = position, .find = FIND_RANGE, .step = 1 }

static const struct row object_subs[] = {
    {.name = "encoding",
     .run = run_nothing,
     .arity = 3,
     .flags = ROW_READONLY,
     .acl = ACL_KEYSPACE,
     .keys = {KEY_AT(2)},
     DOCUMENTED},
    {.name = "help", .run = run_nothing, .arity = 2, DOCUMENTED},
    {.name = NULL},
};

static uint16_t set_flags(const struct slice *argv, int argc) {
    (void)argv;
    return argc > 3 ? KEY_RW : KEY_OW;
}

static const struct row other_row = {
    .name = "a-b", .run = run_nothing, .arity = 1, .flags = ROW_WRITE, DOCUMENTED};

static const struct row first_rows[] = {
    {.name = "get",
     .run = run_nothing,
     .arity = 2,
     .flags = ROW_READONLY | ROW_FAST,
     .acl = ACL_STRING,
     .keys = {KEY_AT(1)},
     DOCUMENTED},
    {.name = "set",
     .run = run_nothing,
     .arity = -3,
     .flags = ROW_WRITE | ROW_DENYOOM,
     .keys = {{.flags = KEY_RW | KEY_VARIABLE_FLAGS,
               .begin = BEGIN_INDEX,
               .index = 1,
               .find = FIND_RANGE,
               .step = 1}},
     .key_flags = set_flags,
     DOCUMENTED},
    {.name = "object", .arity = -2, .subs = object_subs, DOCUMENTED},
    {.name = "mset",
     .run = run_nothing,
     .arity = -3,
     .flags = ROW_WRITE,
     .keys = {{.flags = KEY_OW,
               .begin = BEGIN_INDEX,
               .index = 1,
               .find = FIND_RANGE,
               .last = -1,
               .step = 2}},
     DOCUMENTED},
    {.name = "rename",
     .run = run_nothing,
     .arity = 3,
     .flags = ROW_WRITE,
     .keys = {KEY_AT(1), KEY_AT(2)},
     DOCUMENTED},
    {.name = NULL},
};

static const struct row second_rows[] = {
    {.name = "zunion",
     .run = run_nothing,
     .arity = -3,
     .flags = ROW_READONLY,
     .keys = {{.flags = KEY_RO,
               .begin = BEGIN_INDEX,
               .index = 1,
               .find = FIND_KEYNUM,
               .keynum = 0,
               .first_key = 1,
               .key_step = 1}},
     DOCUMENTED},
    {.name = "xread",
     .run = run_nothing,
     .arity = -4,
     .flags = ROW_READONLY | ROW_BLOCKING,
     .keys = {{.flags = KEY_RO,
               .begin = BEGIN_KEYWORD,
               .keyword = "STREAMS",
               .index = 1,
               .find = FIND_RANGE,
               .last = -1,
               .step = 1,
               .limit = 2}},
     DOCUMENTED},
    {.name = "migrate",
     .run = run_nothing,
     .arity = -6,
     .flags = ROW_WRITE,
     .keys = {{.flags = KEY_RW,
               .begin = BEGIN_KEYWORD,
               .keyword = "KEYS",
               .index = -2,
               .find = FIND_RANGE,
               .last = -1,
               .step = 1}},
     DOCUMENTED},
    {.name = "zremrangebyscore", .run = run_nothing, .arity = 4, .flags = ROW_WRITE, DOCUMENTED},
    {.name = "georadiusbymember_ro", .run = run_nothing, .arity = -5, DOCUMENTED},
    {.name = "georadiusbymembwx_ro", .run = run_nothing, .arity = -5, DOCUMENTED},
    {.name = "a-b",
     .run = run_nothing,
     .arity = 1,
     .flags = ROW_ADMIN,
     .retained = &other_row,
     DOCUMENTED},
    {.name = NULL},
};

static const struct row *const families[] = {first_rows, second_rows, NULL};

static struct slice cstr(const char *s) { return slice_cstr(s); }

static const struct row *find(const struct row_table *t, const char *name) {
    return row_find(t, cstr(name));
}

static void finds_names_in_any_case(void) {
    struct row_table *t = row_table_new(families);
    CU_ASSERT_EQUAL(row_count(t), 12);
    for (size_t i = 0; i < row_count(t); i++) {
        const struct row *row = row_at(t, i);
        char name[64];
        size_t n = strlen(row->name);
        CU_ASSERT_PTR_EQUAL(find(t, row->name), row);
        for (size_t k = 0; k <= n; k++)
            name[k] = row->name[k] >= 'a' && row->name[k] <= 'z' && (k & 1) ? row->name[k] - 32
                                                                            : row->name[k];
        CU_ASSERT_PTR_EQUAL(row_find(t, slice_of(name, n)), row);
        for (size_t k = 0; k < n; k++) { /* any other byte anywhere misses */
            char good = name[k];
            for (int c = 0; c < 256; c++) {
                bool same = (c | 32) == (good | 32) && (good | 32) >= 'a' && (good | 32) <= 'z';
                if (same || (char)c == good) continue;
                name[k] = (char)c;
                const struct row *other = row_find(t, slice_of(name, n));
                if (other) CU_ASSERT(slice_is(slice_of(name, n), other->name));
            }
            name[k] = good;
            CU_ASSERT_PTR_NULL(row_find(t, slice_of(name, k)));
        }
    }
    CU_ASSERT_PTR_NULL(row_find(t, slice_of("", 0)));
    CU_ASSERT_PTR_NULL(row_find(t, slice_of(NULL, 0)));
    CU_ASSERT_PTR_NULL(row_find(t, slice_of("get\0", 4)));
    row_table_free(t);
}

static void finds_among_many(void) {
    enum { COUNT = 700 };
    static char names[COUNT][24];
    static struct row rows[COUNT + 1];
    for (int i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof names[i], i % 3 ? "c%dx" : "command%d.word", i * 7919);
        rows[i] = (struct row){.name = names[i], .run = run_nothing, .arity = 1, DOCUMENTED};
    }
    const struct row *const many[] = {rows, NULL};
    struct row_table *t = row_table_new(many);
    for (int i = 0; i < COUNT; i++) {
        const struct row *row = find(t, names[i]);
        CU_ASSERT_PTR_NOT_NULL_FATAL(row);
        CU_ASSERT_STRING_EQUAL(row->name, names[i]);
    }
    CU_ASSERT_PTR_NULL(find(t, "command1.word"));
    row_table_free(t);
}

static void finds_subcommands(void) {
    struct row_table *t = row_table_new(families);
    char buf[ROW_FULL_NAME_BYTES_MAX];
    const struct row *object = find(t, "object");
    const struct row *sub = row_find_sub(object, cstr("ENCODING"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(sub);
    CU_ASSERT_PTR_EQUAL(row_parent(t, sub), object);
    CU_ASSERT_PTR_NULL(row_parent(t, object));
    CU_ASSERT_STRING_EQUAL(row_full_name(t, sub, buf), "object|encoding");
    CU_ASSERT_STRING_EQUAL(row_full_name(t, object, buf), "object");
    CU_ASSERT_PTR_EQUAL(row_find_full(t, cstr("Object|Encoding")), sub);
    CU_ASSERT_PTR_EQUAL(row_find_full(t, cstr("OBJECT")), object);
    CU_ASSERT_PTR_NULL(row_find_full(t, cstr("object|")));
    CU_ASSERT_PTR_NULL(row_find_full(t, cstr("get|x")));
    CU_ASSERT_PTR_NULL(row_find_full(t, cstr("|encoding")));
    CU_ASSERT_PTR_NULL(row_find_sub(find(t, "get"), cstr("x")));

    row_stats(sub)->calls = 3;
    row_stats(object)->histogram = calloc(ROW_HISTOGRAM_BUCKETS, sizeof(uint32_t));
    CU_ASSERT_EQUAL(row_stats(object)->calls, 0);
    row_stats_reset(t);
    CU_ASSERT_EQUAL(row_stats(sub)->calls, 0);
    CU_ASSERT_PTR_NULL(row_stats(object)->histogram);
    row_table_free(t);
}

static void renames(void) {
    struct row_table *t = row_table_new(families);
    const struct row *get = find(t, "get");
    CU_ASSERT_PTR_NULL(row_table_rename(t, cstr("GET"), cstr("fetch-this-very-long-name")));
    CU_ASSERT_PTR_NULL(find(t, "get"));
    CU_ASSERT_PTR_EQUAL(find(t, "Fetch-This-Very-Long-Name"), get);
    CU_ASSERT_PTR_NULL(find(t, "fetch-thas-very-long-name"));
    CU_ASSERT_PTR_NOT_NULL(row_table_rename(t, cstr("get"), cstr("x")));
    CU_ASSERT_PTR_NOT_NULL(row_table_rename(t, cstr("set"), cstr("mset")));
    CU_ASSERT_PTR_NULL(row_table_rename(t, cstr("set"), cstr("")));
    CU_ASSERT_PTR_NULL(find(t, "set"));
    CU_ASSERT_EQUAL(row_count(t), 11);
    CU_ASSERT_PTR_NULL(row_table_rename(t, cstr("mset"), cstr("s")));
    CU_ASSERT_STRING_EQUAL(find(t, "S")->name, "mset");
    row_table_free(t);
}

/* A command's second row is there beside the first, is called like it, and counts with it. */
static void a_second_row(void) {
    struct row_table *t = row_table_new(families);
    const struct row *plain = find(t, "a-b"), *other = plain->retained;
    char name[ROW_FULL_NAME_BYTES_MAX];
    CU_ASSERT_EQUAL(plain->flags, ROW_ADMIN);
    CU_ASSERT_EQUAL(other->flags, ROW_WRITE);
    CU_ASSERT(other->retained == other && other->plain == plain && plain->plain == plain);
    CU_ASSERT_PTR_EQUAL(row_stats(other), row_stats(plain));
    CU_ASSERT_PTR_NULL(row_parent(t, other));
    CU_ASSERT_STRING_EQUAL(row_full_name(t, other, name), "a-b");
    CU_ASSERT_EQUAL(row_count(t), 12);
    for (size_t i = 0; i < row_count(t); i++) CU_ASSERT(row_at(t, i) != other);
    CU_ASSERT(!find(t, "get")->retained && !find(t, "get")->plain);
    row_stats_time(row_stats(other), 1000);
    row_stats_reset(t);
    CU_ASSERT_PTR_NULL(row_stats(plain)->histogram);
    row_table_free(t);
}

/* The key positions of a command line of words, as "1,2:flags of the first"; "-" if malformed. */
static const char *keys_of(const struct row_table *t, char *line) {
    static char text[128];
    struct slice argv[16];
    int argc = 0, at[16];
    uint16_t flags[16];
    for (char *word = strtok(line, " "); word; word = strtok(NULL, " ")) argv[argc++] = cstr(word);
    const struct row *row = row_find(t, argv[0]);
    if (row->subs) row = row_find_sub(row, argv[1]);
    int count = row_keys(row, argv, argc, at, flags, 16), n = 0;
    if (count < 0) return "-";
    CU_ASSERT_EQUAL(row_keys(row, argv, argc, at, NULL, 0), count);
    text[0] = 0;
    for (int i = 0; i < count; i++)
        n += snprintf(text + n, sizeof text - n, "%s%d", i ? "," : "", at[i]);
    if (count) snprintf(text + n, sizeof text - n, ":%d", flags[0]);
    return text;
}

static void finds_keys(void) {
    static const struct {
        const char *line, *keys;
    } cases[] = {
        {"get k", "1:1"},
        {"get k more", "1:1"},
        {"set k v", "1:4"},
        {"set k v get", "1:2"},
        {"object encoding k", "2:1"},
        {"object help", ""},
        {"mset a 1 b 2", "1,3:4"},
        {"mset a 1 b", "1,3:4"},
        {"rename a b", "1,2:1"},
        {"rename a", "-"},
        {"zunion 2 a b weights 1 2", "2,3:1"},
        {"zunion 3 a b", "-"},
        {"zunion 0 a b", ""},
        {"zunion -1 a b", "-"},
        {"zunion x a b", "-"},
        {"zunion 99999999999 a b", "-"},
        {"xread count 2 streams a b 0 0", "4,5:1"},
        {"xread COUNT 2 STREAMS a 0", "4:1"},
        {"xread count 2 a 0", ""},
        {"migrate h 1 x 0 9 keys a b", "7,8:2"},
        {"migrate h 1 x 0 9 copy", ""},
        {"migrate keys 1 x 0 9 copy", "2,3,4,5,6:2"},
        {"migrate h 1 x 0 9 keys", ""},
        {"a-b", ""},
    };
    struct row_table *t = row_table_new(families);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[128];
        snprintf(line, sizeof line, "%s", cases[i].line);
        const char *keys = keys_of(t, line);
        if (strcmp(keys, cases[i].keys) != 0)
            printf("  '%s': '%s', not '%s'\n", cases[i].line, keys, cases[i].keys);
        CU_ASSERT_STRING_EQUAL(keys, cases[i].keys);
    }
    CU_ASSERT(row_has_keys(find(t, "get")) && !row_has_keys(find(t, "a-b")));
    CU_ASSERT(row_has_movable_keys(find(t, "zunion")) && !row_has_movable_keys(find(t, "mset")));
    CU_ASSERT(row_has_first_key(find(t, "get")) && !row_has_first_key(find(t, "zunion")));
    row_table_free(t);
}

static void key_ranges(void) {
    static const struct {
        const char *name;
        int first, last, step;
    } cases[] = {
        {"get", 1, 1, 1},    {"mset", 1, -1, 2},           {"rename", 1, 2, 1},
        {"zunion", 0, 0, 0}, {"object|encoding", 2, 2, 1}, {"a-b", 0, 0, 0},
    };
    struct row_table *t = row_table_new(families);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int first, last, step;
        row_key_range(row_find_full(t, cstr(cases[i].name)), &first, &last, &step);
        CU_ASSERT_EQUAL(first, cases[i].first);
        CU_ASSERT_EQUAL(last, cases[i].last);
        CU_ASSERT_EQUAL(step, cases[i].step);
    }
    row_table_free(t);
}

static void categories(void) {
    struct row_table *t = row_table_new(families);
    CU_ASSERT_EQUAL(row_acl(find(t, "get")), ACL_READ | ACL_STRING | ACL_FAST);
    CU_ASSERT_EQUAL(row_acl(find(t, "set")), ACL_WRITE | ACL_SLOW);
    CU_ASSERT_EQUAL(row_acl(find(t, "a-b")), ACL_ADMIN | ACL_DANGEROUS | ACL_SLOW);
    CU_ASSERT_EQUAL(row_acl(find(t, "xread")), ACL_READ | ACL_SLOW | ACL_BLOCKING);
    for (unsigned bit = 0; row_acl_name(bit); bit++) {
        if (strcmp(row_acl_name(bit), "scripting") == 0) CU_ASSERT_EQUAL(1u << bit, ACL_SCRIPTING);
        if (strcmp(row_acl_name(bit), "stream") == 0) CU_ASSERT_EQUAL(1u << bit, ACL_STREAM);
        if (strcmp(row_acl_name(bit), "slow") == 0) CU_ASSERT_EQUAL(1u << bit, ACL_SLOW);
    }
    CU_ASSERT_PTR_NULL(row_acl_name(21));
    CU_ASSERT(row_arity_ok(find(t, "get"), 2) && !row_arity_ok(find(t, "get"), 3));
    CU_ASSERT(row_arity_ok(find(t, "set"), 5) && !row_arity_ok(find(t, "set"), 2));
    row_table_free(t);
}

/* True if a table with this row cannot be made: the process ends, so a child tries. */
static bool is_refused(const struct row *row) {
    const struct row rows[] = {*row, {.name = NULL}};
    const struct row *const list[] = {rows, first_rows, NULL};
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stderr)) _exit(2);
        row_table_free(row_table_new(list));
        _exit(0);
    }
    CU_ASSERT_EQUAL_FATAL(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) || WEXITSTATUS(status) != 0;
}

static void refuses_bad_rows(void) {
    static const struct row_arg empty_choice[] = {{.name = "x", .type = ARG_ONEOF}, {.name = NULL}};
    static const struct row good = {.name = "good", .run = run_nothing, .arity = 2, DOCUMENTED};
    static const struct row bad[] = {
        {.name = "Upper", .run = run_nothing, .arity = 2, DOCUMENTED},
        {.name = "get", .run = run_nothing, .arity = 2, DOCUMENTED},
        {.name = "no-handler", .arity = 2, DOCUMENTED},
        {.name = "no-arity", .run = run_nothing, DOCUMENTED},
        {.name = "no-summary", .run = run_nothing, .arity = 2, .since = "1", .complexity = "O(1)"},
        {.name = "write-and-read",
         .run = run_nothing,
         .arity = 2,
         .flags = ROW_WRITE | ROW_READONLY,
         DOCUMENTED},
        {.name = "no-keys-at-all",
         .run = run_nothing,
         .arity = 2,
         .flags = ROW_NO_MANDATORY_KEYS,
         DOCUMENTED},
        {.name = "empty-choice", .run = run_nothing, .arity = 2, .args = empty_choice, DOCUMENTED},
        {.name = "fixed-container", .arity = 2, .subs = object_subs, DOCUMENTED},
        {.name = "key-too-far", .run = run_nothing, .arity = 2, .keys = {KEY_AT(2)}, DOCUMENTED},
        {.name = "key-is-name", .run = run_nothing, .arity = 2, .keys = {KEY_AT(0)}, DOCUMENTED},
        {.name = "gap", .run = run_nothing, .arity = 2, .keys = {[1] = KEY_AT(1)}, DOCUMENTED},
        {.name = "no-key-flags",
         .run = run_nothing,
         .arity = 2,
         .keys = {{.begin = BEGIN_INDEX, .index = 1, .find = FIND_RANGE, .step = 1}},
         DOCUMENTED},
        {.name = "reads-but-writes",
         .run = run_nothing,
         .arity = 2,
         .flags = ROW_READONLY,
         .keys =
             {{.flags = KEY_OW, .begin = BEGIN_INDEX, .index = 1, .find = FIND_RANGE, .step = 1}},
         DOCUMENTED},
    };
    CU_ASSERT(!is_refused(&good));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (!is_refused(&bad[i])) printf("  '%s' was taken\n", bad[i].name);
        CU_ASSERT(is_refused(&bad[i]));
    }
}

int main(void) {
    static const struct suite_test tests[] = {
        {"finds_names_in_any_case", finds_names_in_any_case},
        {"finds_among_many", finds_among_many},
        {"finds_subcommands", finds_subcommands},
        {"renames", renames},
        {"a_second_row", a_second_row},
        {"finds_keys", finds_keys},
        {"key_ranges", key_ranges},
        {"categories", categories},
        {"refuses_bad_rows", refuses_bad_rows},
        {NULL, NULL},
    };
    return suite_main("row", tests);
}
