/* file_test.c - files and paths in a directory of its own. */
#include "base/file.h"

#include "base/mem.h"
#include "support/suite.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[PATH_MAX / 2];

static const char *in_dir(const char *name) {
    static char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static int files_in_dir(void) {
    DIR *d = opendir(dir);
    int n = 0;
    while (readdir(d)) n++;
    closedir(d);
    return n - 2;
}

static bool holds(const char *path, const char *text) {
    char *content;
    ssize_t n = file_read(path, 1000, &content);
    if (n < 0) return false;
    bool same = (size_t)n == strlen(text) && strcmp(content, text) == 0;
    mem_free(content);
    return same;
}

static mode_t mode_of(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

static void writes_are_whole(void) {
    const char *path = in_dir("a");
    umask(022);
    CU_ASSERT_EQUAL(file_write_atomic(path, slice_cstr("one"), 0666), 0);
    CU_ASSERT(holds(path, "one"));
    CU_ASSERT_EQUAL(mode_of(path), 0644);
    chmod(path, 0600);
    CU_ASSERT_EQUAL(file_write_atomic(path, slice_cstr("two"), 0666), 0);
    CU_ASSERT(holds(path, "two"));
    CU_ASSERT_EQUAL(mode_of(path), 0600);
    CU_ASSERT_EQUAL(file_write_atomic(path, slice_cstr(""), 0666), 0);
    CU_ASSERT(holds(path, ""));
    CU_ASSERT_EQUAL(files_in_dir(), 1);
    unlink(path);
    CU_ASSERT_EQUAL(file_write_atomic(in_dir("none/a"), slice_cstr("x"), 0666), -ENOENT);
    CU_ASSERT_EQUAL(files_in_dir(), 0);
}

static void a_failed_write_leaves_the_old(void) {
    /* A directory cannot be replaced by a file, so the last step fails. */
    mkdir(in_dir("d"), 0700);
    CU_ASSERT(file_write_atomic(in_dir("d"), slice_cstr("x"), 0666) < 0);
    CU_ASSERT_EQUAL(files_in_dir(), 1);
    CU_ASSERT(file_is_dir(in_dir("d")));
    rmdir(in_dir("d"));
}

static void links_are_followed(void) {
    char link[PATH_MAX];
    snprintf(link, sizeof link, "%s/link", dir);
    CU_ASSERT_EQUAL(file_write_atomic(in_dir("real"), slice_cstr("one"), 0600), 0);
    CU_ASSERT_EQUAL_FATAL(symlink("real", link), 0);
    CU_ASSERT_EQUAL(file_write_atomic(link, slice_cstr("two"), 0600), 0);
    CU_ASSERT(holds(in_dir("real"), "two"));
    struct stat st;
    CU_ASSERT(lstat(link, &st) == 0 && S_ISLNK(st.st_mode));
    unlink(link);
    unlink(in_dir("real"));
}

static void reads_are_bounded(void) {
    const char *path = in_dir("b");
    char *big = mem_alloc(100000), *content;
    memset(big, 'x', 100000);
    file_write_atomic(path, slice_of(big, 100000), 0600);
    CU_ASSERT_EQUAL(file_read(path, 99999, &content), -EFBIG);
    CU_ASSERT_EQUAL(file_read(path, 100, &content), -EFBIG);
    CU_ASSERT_EQUAL_FATAL(file_read(path, 100000, &content), 100000);
    CU_ASSERT(memcmp(content, big, 100000) == 0 && content[100000] == 0);
    mem_free(content);
    CU_ASSERT_EQUAL_FATAL(file_read(path, 1 << 20, &content), 100000);
    mem_free(content);
    mem_free(big);
    unlink(path);
    CU_ASSERT_EQUAL(file_read(path, 100, &content), -ENOENT);
    CU_ASSERT_EQUAL(file_read(dir, 100, &content), -EISDIR);
    /* A file whose size is not known beforehand. */
    ssize_t n = file_read("/proc/self/maps", 1 << 24, &content);
    CU_ASSERT_FATAL(n > 0);
    CU_ASSERT_EQUAL(content[n - 1], '\n');
    mem_free(content);
}

static void directories(void) {
    const char *path = in_dir("sub");
    CU_ASSERT_EQUAL(file_make_dir(path, 0755), 0);
    CU_ASSERT_EQUAL(file_make_dir(path, 0755), 0);
    CU_ASSERT(file_is_dir(path));
    rmdir(path);
    CU_ASSERT_FALSE(file_is_dir(path));
    file_write_atomic(path, slice_cstr("x"), 0600);
    CU_ASSERT_EQUAL(file_make_dir(path, 0755), -ENOTDIR);
    CU_ASSERT_FALSE(file_is_dir(path));
    unlink(path);
    CU_ASSERT_EQUAL(file_make_dir(in_dir("x/y"), 0755), -ENOENT);
    CU_ASSERT_EQUAL(file_sync_dir_of(in_dir("x")), 0);
    CU_ASSERT_EQUAL(file_sync_dir_of(in_dir("x/y")), -ENOENT);
    CU_ASSERT_EQUAL(file_sync_dir_of("name"), 0);
}

static void check_absolute(const char *path, const char *expected) {
    char *got = file_absolute(path);
    CU_ASSERT_STRING_EQUAL(got, expected);
    mem_free(got);
}

static void paths(void) {
    check_absolute("/a/b", "/a/b");
    check_absolute("/a//b/", "/a/b");
    check_absolute("/a/./b/../c", "/a/c");
    check_absolute("/../..", "/");
    check_absolute("/..a/...", "/..a/...");
    char old[PATH_MAX], expected[PATH_MAX];
    CU_ASSERT_PTR_NOT_NULL_FATAL(getcwd(old, sizeof old));
    CU_ASSERT_EQUAL_FATAL(chdir(dir), 0);
    snprintf(expected, sizeof expected, "%s/x.conf", dir);
    check_absolute("x.conf", expected);
    check_absolute("./y/../x.conf", expected);
    check_absolute("", dir);
    CU_ASSERT_EQUAL_FATAL(chdir("/usr"), 0);
    check_absolute("../x", "/x");
    check_absolute("..", "/");
    CU_ASSERT_EQUAL_FATAL(chdir(old), 0);
    CU_ASSERT(file_is_basename("dump.rdb"));
    CU_ASSERT(file_is_basename("..x"));
    static const char *const others[] = {"", ".", "..", "a/b", "/a", "a/"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        CU_ASSERT_FALSE(file_is_basename(others[i]));
    }
}

int main(void) {
    static const struct suite_test tests[] = {
        {"writes_are_whole", writes_are_whole},
        {"a_failed_write_leaves_the_old", a_failed_write_leaves_the_old},
        {"links_are_followed", links_are_followed},
        {"reads_are_bounded", reads_are_bounded},
        {"directories", directories},
        {"paths", paths},
        {NULL, NULL},
    };
    const char *tmp = getenv("TMPDIR");
    char made[PATH_MAX / 4];
    snprintf(made, sizeof made, "%s/file-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(made) || !realpath(made, dir)) return 1;
    int rc = suite_main("file", tests);
    rmdir(dir);
    return rc;
}
