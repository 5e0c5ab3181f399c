/* manifest_test.c - manifests: written, read, refused, and how files take each other's place. */
#include "persist/manifest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "support/suite.h"

static char dir[] = "/tmp/manifest-XXXXXX";
static char path[64];

static void write_text(const char *text) {
    FILE *f = fopen(path, "wb");
    fputs(text, f);
    fclose(f);
}

static char *read_text(void) {
    static char text[4096];
    FILE *f = fopen(path, "rb");
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    return text;
}

static void expect_refusal(const char *text, const char *why) {
    struct manifest m;
    char said[MANIFEST_WHY_BYTES];
    write_text(text);
    CU_ASSERT_EQUAL(manifest_read(&m, path, said), -EINVAL);
    CU_ASSERT_STRING_EQUAL(said, why);
}

static void a_manifest_is_read_as_it_was_written(void) {
    static const char text[] = "file \"odd name\\x01\" seq 3 type b\n"
                               "file a.aof.1.incr.aof seq 1 type h\n"
                               "file a.aof.2.incr.aof seq 2 type i\n"
                               "file a.aof.3.incr.aof seq 3 type i\n";
    struct manifest m;
    char why[MANIFEST_WHY_BYTES];
    bool in_place;
    unlink(path);
    CU_ASSERT_EQUAL(manifest_read(&m, path, why), -ENOENT);
    write_text(text);
    CU_ASSERT_EQUAL_FATAL(manifest_read(&m, path, why), 0);
    CU_ASSERT_STRING_EQUAL(m.base.name, "odd name\x01");
    CU_ASSERT_EQUAL(m.incr_count, 2);
    CU_ASSERT_EQUAL(m.history_count, 1);
    CU_ASSERT_EQUAL(manifest_write(&m, path, &in_place), 0);
    CU_ASSERT_STRING_EQUAL(read_text(), text);
    manifest_fini(&m);
    write_text("# a comment\nseq 7 type i file x startoffset 5\n");
    CU_ASSERT_EQUAL_FATAL(manifest_read(&m, path, why), 0);
    CU_ASSERT_EQUAL(m.incr[0].seq, 7);
    manifest_fini(&m);
}

static void what_is_no_manifest_is_refused(void) {
    expect_refusal("", "line 0: Found an empty AOF manifest");
    expect_refusal("file a seq 1\n", "line 1: Invalid AOF manifest file format");
    expect_refusal("file a seq x type i\n", "line 1: Invalid AOF manifest file format");
    expect_refusal("file a seq 1 type z\n", "line 1: Unknown AOF file type");
    expect_refusal("file ../a seq 1 type i\n", "line 1: File can't be a path, just a filename");
    expect_refusal("file a seq 1 type b\nfile b seq 2 type b\n",
                   "line 2: Found duplicate base file information");
    expect_refusal("file a seq 2 type i\nfile b seq 1 type i\n",
                   "line 2: Found a non-monotonic sequence number");
    expect_refusal("file a seq 1 type i", "line 1: The AOF manifest file contains too long line");
    expect_refusal("file a seq 1 type i\n\n", "line 2: Invalid AOF manifest file format");
}

static void a_rewrite_retires_what_was(void) {
    struct manifest m, next;
    bool in_place;
    manifest_init(&m);
    CU_ASSERT_STRING_EQUAL(manifest_next_base(&m, "a", true), "a.1.base.rdb");
    CU_ASSERT_STRING_EQUAL(manifest_next_incr(&m, "a"), "a.1.incr.aof");
    manifest_copy(&next, &m);
    CU_ASSERT_STRING_EQUAL(manifest_next_incr(&next, "a"), "a.2.incr.aof");
    CU_ASSERT_STRING_EQUAL(manifest_next_base(&next, "a", false), "a.2.base.aof");
    manifest_retire_incr(&next, 1);
    CU_ASSERT_EQUAL(manifest_write(&next, path, &in_place), 0);
    CU_ASSERT_STRING_EQUAL(read_text(), "file a.2.base.aof seq 2 type b\n"
                                        "file a.1.base.rdb seq 1 type h\n"
                                        "file a.1.incr.aof seq 1 type h\n"
                                        "file a.2.incr.aof seq 2 type i\n");
    manifest_forget_history(&next);
    CU_ASSERT_EQUAL(next.history_count, 0);
    manifest_fini(&m);
    manifest_fini(&next);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"a_manifest_is_read_as_it_was_written", a_manifest_is_read_as_it_was_written},
        {"what_is_no_manifest_is_refused", what_is_no_manifest_is_refused},
        {"a_rewrite_retires_what_was", a_rewrite_retires_what_was},
        {NULL, NULL},
    };
    mem_thread_init();
    if (!mkdtemp(dir)) return 1;
    snprintf(path, sizeof path, "%s/manifest", dir);
    int status = suite_main("manifest", tests);
    unlink(path);
    rmdir(dir);
    return status;
}
