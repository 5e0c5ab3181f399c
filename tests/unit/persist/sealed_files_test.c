/* sealed_files_test.c - files with a key: written and read around the bounds of chunks, through
 * failed writes, ended and left; keys from files.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "persist/file_out.h"
#include "persist/key_file.h"
#include "persist/log_in.h"
#include "persist/outfile.h"
#include "support/suite.h"

#define BYTES_MAX (8 * SEALED_PAYLOAD_USUAL)

static char dir[] = "/tmp/sealed-XXXXXX";
static char path[64], key_path[64];
static char data[BYTES_MAX], back[BYTES_MAX];
static const struct sealed_key key = {{7}};

/* All bytes of the file; their number, or a negative errno. */
static ssize_t read_back(uint64_t offset, struct file_in *in) {
    struct slice next;
    size_t n = 0;
    int got = file_in_open(in, path, offset, &key);
    while (!got && (got = file_in_next(in, &next)) > 0) {
        CU_ASSERT_TRUE_FATAL(n + next.n <= sizeof back);
        memcpy(back + n, next.p, next.n);
        n += next.n;
        got = 0;
    }
    file_in_close(in);
    return got < 0 ? got : (ssize_t)n;
}

static void write_whole(size_t n, size_t step) {
    struct file_out out;
    CU_ASSERT_EQUAL_FATAL(file_out_open(&out, path, "temp", &key), 0);
    for (size_t at = 0; at < n; at += step)
        file_out_write(&out, slice_of(data + at, n - at < step ? n - at : step));
    CU_ASSERT_EQUAL(file_out_commit(&out), 0);
}

static void snapshots_of_every_size_come_back(void) {
    static const size_t around[] = {0, 1, SEALED_PAYLOAD_USUAL, 2 * SEALED_PAYLOAD_USUAL,
                                    7 * SEALED_PAYLOAD_USUAL};
    static const size_t steps[] = {100, 1000, SEALED_PAYLOAD_USUAL, BYTES_MAX};
    for (size_t i = 0; i < sizeof around / sizeof *around; i++) {
        for (int d = -2; d <= 2; d++) {
            if (d < 0 && around[i] < 2) continue;
            size_t n = around[i] + (size_t)d;
            struct file_in in;
            write_whole(n, steps[i % 4]);
            CU_ASSERT_EQUAL(read_back(0, &in), (ssize_t)n);
            CU_ASSERT_EQUAL(memcmp(back, data, n), 0);
            CU_ASSERT_EQUAL(in.given, n);
            size_t skip = n / 3;
            CU_ASSERT_EQUAL(read_back(skip, &in), (ssize_t)(n - skip));
            CU_ASSERT_EQUAL(memcmp(back, data + skip, n - skip), 0);
        }
    }
}

/* Groups of growing sizes; how many. */
static int write_groups(struct outfile *f) {
    int n = 0;
    for (size_t at = 0; at + ((size_t)n + 1) * 900 < BYTES_MAX; n++) {
        size_t bytes = ((size_t)n + 1) * 900;
        struct slice parts[] = {slice_of(data + at, bytes / 3),
                                slice_of(data + at + bytes / 3, bytes - bytes / 3)};
        CU_ASSERT_EQUAL(outfile_write(f, parts, 2), 0);
        at += bytes;
    }
    return n;
}

static struct outfile *open_out(void) {
    struct outfile *f = NULL;
    unlink(path);
    CU_ASSERT_EQUAL_FATAL(outfile_open(path, &key, &f), 0);
    return f;
}

static void a_log_is_read_in_windows(void) {
    struct outfile *f = open_out(), *other = NULL;
    write_groups(f);
    CU_ASSERT_EQUAL(outfile_open(path, &key, &other), -EEXIST);
    CU_ASSERT_EQUAL(outfile_end(f), 0);
    CU_ASSERT_EQUAL(outfile_end(f), 0);
    uint64_t bytes = f->bytes;
    outfile_close(f);
    struct log_in in;
    CU_ASSERT_EQUAL_FATAL(log_in_open(&in, path, &key), 0);
    CU_ASSERT_TRUE(in.sealed && in.bytes == bytes);
    const char *keep = in.begin;
    size_t seen = 0, left = 0;
    while (log_in_more(&in, &keep)) { /* keeps the last 10 bytes of each window */
        size_t n = (size_t)(in.end - in.begin);
        CU_ASSERT_EQUAL(keep, in.begin);
        CU_ASSERT_EQUAL(in.offset, seen - left);
        CU_ASSERT_EQUAL(memcmp(in.begin, data + in.offset, n), 0);
        seen = (size_t)in.offset + n;
        left = n < 10 ? n : 10;
        keep = in.end - left;
    }
    CU_ASSERT_EQUAL(in.err, 0);
    CU_ASSERT_TRUE(log_in_was_ended(&in));
    CU_ASSERT_EQUAL(log_in_place(&in, 0), SEALED_HEAD_BYTES);
    CU_ASSERT_EQUAL(log_in_place(&in, seen), bytes - SEALED_CHUNK_EXTRA_BYTES);
    log_in_close(&in);
}

/* Reads all; whether the chunks were right and the end missing. */
static bool is_left(size_t *seen) {
    struct log_in in;
    CU_ASSERT_EQUAL_FATAL(log_in_open(&in, path, &key), 0);
    const char *keep = in.begin;
    while (log_in_more(&in, &keep)) keep = in.begin;
    *seen = (size_t)(in.end - in.begin);
    bool left = log_in_was_left(&in);
    log_in_close(&in);
    return left;
}

static void a_log_that_was_left_is_ended_once(void) {
    struct outfile *f = open_out();
    bool empty;
    size_t seen, again;
    struct stat before, after;
    CU_ASSERT_TRUE(log_in_is_empty(path));
    write_groups(f);
    outfile_close(f);
    CU_ASSERT_TRUE(is_left(&seen));
    CU_ASSERT_FALSE(log_in_is_empty(path));
    CU_ASSERT_EQUAL(outfile_end_left(path, &(struct sealed_key){{8}}, &empty), -EKEYREJECTED);
    CU_ASSERT_EQUAL(outfile_end_left(path, &key, &empty), 0);
    CU_ASSERT_FALSE(empty);
    CU_ASSERT_FALSE(is_left(&again));
    CU_ASSERT_EQUAL(again, seen);
    stat(path, &before);
    CU_ASSERT_EQUAL(outfile_end_left(path, &key, &empty), 0);
    stat(path, &after);
    CU_ASSERT_EQUAL(after.st_size, before.st_size);
    CU_ASSERT_EQUAL(truncate(path, before.st_size - SEALED_CHUNK_EXTRA_BYTES - 1), 0);
    CU_ASSERT_EQUAL(outfile_end_left(path, &key, &empty), -EBADMSG);
}

/* What does not fit leaves nothing; the same bytes, tried again, are the same chunks. */
static void a_failed_write_is_tried_again_as_it_was(void) {
    struct rlimit tight = {4000, RLIM_INFINITY}, wide = {RLIM_INFINITY, RLIM_INFINITY};
    struct outfile *f = open_out();
    struct slice part = slice_of(data, 100000), small = slice_of(data + 100000, 50);
    struct file_in in;
    struct stat st;
    signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &tight), 0);
    CU_ASSERT_EQUAL(outfile_write(f, &part, 1), -EFBIG);
    char *sealed = mem_dup(f->chunks, f->pending);
    size_t n = f->pending;
    CU_ASSERT_EQUAL(outfile_write(f, &part, 1), -EFBIG);
    stat(path, &st);
    CU_ASSERT_EQUAL(st.st_size, SEALED_HEAD_BYTES);
    CU_ASSERT_EQUAL(f->pending, n);
    CU_ASSERT_EQUAL(memcmp(f->chunks, sealed, n), 0);
    mem_free(sealed);
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &wide), 0);
    CU_ASSERT_EQUAL(outfile_write(f, &part, 1), 0);
    CU_ASSERT_EQUAL(outfile_write(f, &small, 1), 0);
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &tight), 0);
    CU_ASSERT_EQUAL(outfile_end(f), -EFBIG);
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &wide), 0);
    CU_ASSERT_EQUAL(outfile_end(f), 0);
    outfile_close(f);
    CU_ASSERT_EQUAL(read_back(0, &in), 100050);
    CU_ASSERT_EQUAL(memcmp(back, data, 100050), 0);
}

static void plain_files_stay_plain(void) {
    struct outfile *f = NULL;
    struct slice part = slice_of(data, 1000);
    struct file_in in;
    unlink(path);
    CU_ASSERT_EQUAL_FATAL(outfile_open(path, NULL, &f), 0);
    CU_ASSERT_EQUAL(outfile_write(f, &part, 1), 0);
    CU_ASSERT_EQUAL(outfile_end(f), 0);
    CU_ASSERT_EQUAL(f->bytes, 1000);
    outfile_close(f);
    CU_ASSERT_FALSE(file_in_is_sealed(path));
    CU_ASSERT_EQUAL(read_back(0, &in), 1000); /* with a key, too */
    CU_ASSERT_EQUAL(memcmp(back, data, 1000), 0);
    write_whole(10, 10);
    CU_ASSERT_EQUAL(file_in_open(&in, path, 0, NULL), -ENOKEY);
    CU_ASSERT_TRUE(strstr(file_in_why(&in, -ENOKEY), "there is no key") != NULL);
    file_in_close(&in);
}

static bool key_of(const void *text, size_t n, mode_t mode, struct key_slot *slot) {
    char why[KEY_FILE_WHY_BYTES] = "";
    unlink(key_path);
    FILE *f = fopen(key_path, "wb");
    fwrite(text, 1, n, f);
    fclose(f);
    chmod(key_path, mode);
    bool ok = key_slot_set(slot, key_path, why);
    CU_ASSERT_EQUAL(ok, *why == 0);
    return ok;
}

static void keys_are_read_in_two_forms(void) {
    static const char hex[] =
        "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F\r\n";
    unsigned char raw[SEALED_KEY_BYTES + 1];
    char why[KEY_FILE_WHY_BYTES];
    struct key_slot slot = {0};
    for (size_t i = 0; i < sizeof raw; i++) raw[i] = (unsigned char)i;
    for (size_t n = 64; n <= 66; n++) { /* "\r" alone is no line end, but nobody is hurt */
        key_slot_wipe(&slot);
        CU_ASSERT_TRUE(key_of(hex, n, 0600, &slot));
        CU_ASSERT_EQUAL(memcmp(key_slot_get(&slot)->bytes, raw, SEALED_KEY_BYTES), 0);
    }
    CU_ASSERT_FALSE(key_of(hex, 63, 0600, &slot));
    CU_ASSERT_FALSE(key_of("x00102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F", 64,
                           0600, &slot));
    CU_ASSERT_TRUE(slot.there); /* a refusal leaves what was there */
    raw[31] = '\n';
    CU_ASSERT_TRUE(key_of(raw, 32, 0400, &slot));
    CU_ASSERT_EQUAL(memcmp(slot.key.bytes, raw, SEALED_KEY_BYTES), 0);
    CU_ASSERT_FALSE(key_of(raw, 33, 0400, &slot));
    CU_ASSERT_FALSE(key_of(raw, 32, 0440, &slot));
    CU_ASSERT_FALSE(key_of(raw, 32, 0402, &slot));
    CU_ASSERT_FALSE(key_slot_set(&slot, dir, why));
    CU_ASSERT_TRUE(key_slot_set(&slot, "", why));
    CU_ASSERT_PTR_NULL(key_slot_get(&slot));
}

int main(void) {
    static const struct suite_test tests[] = {
        {"snapshots_of_every_size_come_back", snapshots_of_every_size_come_back},
        {"a_log_is_read_in_windows", a_log_is_read_in_windows},
        {"a_log_that_was_left_is_ended_once", a_log_that_was_left_is_ended_once},
        {"a_failed_write_is_tried_again_as_it_was", a_failed_write_is_tried_again_as_it_was},
        {"plain_files_stay_plain", plain_files_stay_plain},
        {"keys_are_read_in_two_forms", keys_are_read_in_two_forms},
        {NULL, NULL},
    };
    mem_thread_init();
    if (!mkdtemp(dir)) return 1;
    snprintf(path, sizeof path, "%s/file", dir);
    snprintf(key_path, sizeof key_path, "%s/key", dir);
    for (size_t i = 0; i < sizeof data; i++) data[i] = (char)(i * 2654435761u >> 13);
    int status = suite_main("sealed_files", tests);
    unlink(path);
    unlink(key_path);
    rmdir(dir);
    return status;
}
