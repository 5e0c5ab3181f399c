/* check_aof.c - looks through an append log, and cuts off what a crash has left at its end.
 *
 *     check-aof [--fix | --truncate-to-timestamp UNIX_SECONDS] [--key-file KEY] FILE...
 *                                                    FILE: a manifest, or one file of commands
 *
 * Said of each file: what it is, how many commands it has, up to where it is right. With --fix the
 * last file is cut to that, if one asks for it by y. What is damaged in the middle, with something
 * right behind it, is told apart from a torn end; cutting would lose what is behind, and is offered
 * all the same, with the number of bytes. Encrypted files (aof-key-file) are opened with the key,
 * in memory as a whole; offsets are those of the file, where the group begins that is not right.
 * With --truncate-to-timestamp the log ends before what was written after that time, as the lines
 * #TS tell it (aof-timestamp-enabled).
 * Exit status 0 if all is right (now), else 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "persist/key_file.h"
#include "persist/log_in.h"
#include "persist/manifest.h"
#include "wire/aof.h"
#include "wire/rdb_pass.h"

#define PATH_BYTES 4096

struct findings {
    uint64_t size, good_up_to;
    uint64_t commands, groups;
    bool damaged; /* something right is behind what is wrong */
    bool has_rdb;
    uint64_t line; /* of good_up_to, in the part that is commands; the first one is 1 */
    /* The first line #TS of a later time than was asked for, and the line of the group that it lies
     * in: NOWHERE if there is none. */
    uint64_t later, later_group;
    char why[256];
};

#define NOWHERE UINT64_MAX

/* What was asked for. */
struct options {
    bool fix;
    int64_t until_s; /* the log is to end then; 0: it is not to be cut */
    struct key_slot key;
};

/* ---- the RDB at the front ------------------------------------------------------------- */

/* The bytes of the RDB that the file begins with; *ok: whether it is right. */
static uint64_t check_rdb(const char *map, uint64_t size, struct findings *f, bool *ok) {
    struct rdb_reader in;
    struct rdb_record rec;
    rdb_reader_init(&in, slice_of(map, size));
    int err = rdb_get_header(&in);
    while (!err && !(err = rdb_next(&in, &rec)) && rec.kind != RDB_RECORD_END) {
        if (rec.kind != RDB_RECORD_KEY) continue;
        err = rdb_pass_value(&in, rec.key.type);
    }
    uint64_t end = rdb_reader_offset(&in);
    *ok = !err;
    f->has_rdb = true;
    if (err) snprintf(f->why, sizeof f->why, "the RDB is not right (%d)", err);
    rdb_reader_fini(&in);
    return end;
}

/* ---- commands ------------------------------------------------------------------------- */

struct scan {
    const char *begin, *at, *end;
    const char *group, *group_end; /* the last group's line and end */
    int64_t until_s;
    struct slice *argv;
    size_t room;
    const char *multi; /* where the open transaction begins, or NULL */
};

static bool is(const struct scan *s, int argc, const char *word) {
    return argc == 1 && slice_is(s->argv[0], word);
}

/* One command; *good moves behind it unless a transaction is open. */
static enum aof_result scan_command(struct scan *s, struct findings *f, const char **good) {
    int argc;
    const char *from = s->at;
    enum aof_result result = aof_take_command(&s->at, s->end, &s->argv, &s->room, &argc);
    if (result != AOF_GOOD) return result;
    f->commands++;
    if (is(s, argc, "multi")) s->multi = from;
    if (is(s, argc, "exec")) s->multi = NULL;
    if (!s->multi) *good = s->at;
    return AOF_GOOD;
}

/* Whether the comment at s->at tells a later time than the log is to have. */
static bool is_later(const struct scan *s) {
    static const char mark[] = "#TS:";
    const char *from = s->at + strlen(mark),
               *line_end = memchr(s->at, '\r', (size_t)(s->end - s->at));
    int64_t time_s;
    return s->until_s && line_end && line_end > from && memcmp(s->at, mark, strlen(mark)) == 0 &&
           num_parse_i64(slice_of(from, (size_t)(line_end - from)), &time_s) && time_s > s->until_s;
}

/* Looks through [s->at, s->end); returns up to where all is right. */
static const char *scan_all(struct scan *s, struct findings *f) {
    const char *good = s->at;
    while (s->at < s->end) {
        struct aof_group g;
        const char *body = s->at;
        if (aof_take_group(&body, s->end, &g)) {
            if (!aof_group_is_right(&g, body, s->end)) {
                snprintf(f->why, sizeof f->why,
                         g.bytes > (uint64_t)(s->end - body) ? "a group of commands is cut short"
                                                             : "the checksum of a group is wrong");
                return good;
            }
            f->groups++;
            s->group = s->at;
            s->group_end = body + g.bytes;
            s->at = body;
        } else if (*s->at == '#') {
            if (is_later(s) && f->later == NOWHERE) {
                f->later = (uint64_t)(s->at - s->begin);
                if (s->at < s->group_end) f->later_group = (uint64_t)(s->group - s->begin);
            }
            enum aof_result result = aof_take_comment(&s->at, s->end);
            if (result != AOF_GOOD) {
                snprintf(f->why, sizeof f->why,
                         result == AOF_SHORT ? "a comment is cut short"
                                             : "the line of a group is damaged");
                return good;
            }
            if (!s->multi) good = s->at;
        } else {
            enum aof_result result = scan_command(s, f, &good);
            if (result != AOF_GOOD) {
                snprintf(f->why, sizeof f->why, "%s",
                         result == AOF_SHORT ? "a command is cut short" : "this is no command");
                return good;
            }
        }
    }
    if (s->multi) snprintf(f->why, sizeof f->why, "a transaction has no end");
    return good;
}

static uint64_t lines_in(const char *at, const char *end) {
    uint64_t n = 0;
    for (; at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++) n++;
    return n;
}

static void check_bytes(struct slice log, int64_t until_s, struct findings *f) {
    bool ok = true;
    uint64_t from = 0;
    if (log.n >= 5 && memcmp(log.p, "REDIS", 5) == 0) from = check_rdb(log.p, log.n, f, &ok);
    f->good_up_to = from;
    if (!ok) return;
    struct scan s = {.begin = log.p, .at = log.p + from, .end = log.p + log.n, .until_s = until_s};
    const char *good = scan_all(&s, f);
    f->good_up_to = (uint64_t)(good - log.p);
    f->line = 1 + lines_in(log.p + from, good);
    if (f->good_up_to < log.n) f->damaged = aof_right_group_behind(s.at + 1, s.end);
    mem_free(s.argv);
}

/* The chunks of an encrypted file; `last`: of its log, so that its end may be missing. */
static void check_chunks(struct log_in *in, bool last, struct findings *f) {
    uint64_t good = log_in_place(in, f->good_up_to);
    bool lacks_end = log_in_was_left(in) && !last;
    if (in->err && (lacks_end || !log_in_was_left(in))) {
        snprintf(f->why, sizeof f->why, "%s", log_in_why(in, in->err));
        f->damaged = in->damaged;
    } else if (!f->why[0]) {
        good = f->size;
    }
    f->good_up_to = good;
}

/* False if the file cannot be read. */
static bool check_file(const char *path, bool last, const struct options *o, struct findings *f) {
    struct log_in in;
    *f = (struct findings){.later = NOWHERE, .later_group = NOWHERE};
    int err = log_in_open(&in, path, key_slot_get(&o->key));
    if (err) {
        printf("Cannot open file %s: %s\n", path,
               err == -ENOKEY ? "it is encrypted, and needs --key-file" : log_in_why(&in, err));
    } else if (in.sealed && o->until_s) {
        printf("Cannot cut the encrypted file %s to a time\n", path);
        err = -EINVAL;
    } else {
        const char *all = in.begin;
        while (log_in_more(&in, &all)) continue;
        f->size = in.bytes;
        if (in.begin < in.end)
            check_bytes(slice_of(in.begin, (size_t)(in.end - in.begin)), o->until_s, f);
        if (in.sealed) check_chunks(&in, last, f);
    }
    log_in_close(&in);
    return !err;
}

/* ---- what is said and done -------------------------------------------------------------- */

static bool cut(const char *path, const struct findings *f) {
    char answer[8] = "";
    printf("This will shrink the AOF %s from %llu bytes, with %llu bytes, to %llu bytes\n", path,
           (unsigned long long)f->size, (unsigned long long)(f->size - f->good_up_to),
           (unsigned long long)f->good_up_to);
    printf("Continue? [y/N]: ");
    fflush(stdout);
    if (!fgets(answer, sizeof answer, stdin) || (*answer != 'y' && *answer != 'Y')) {
        printf("Aborting...\n");
        return false;
    }
    if (truncate(path, (off_t)f->good_up_to) < 0) {
        printf("Failed to truncate AOF %s: %s\n", path, strerror(errno));
        return false;
    }
    printf("Successfully truncated AOF %s\n", path);
    return true;
}

/* A group that is cut is one no more: its line becomes another comment. */
static bool cut_there(const char *path, const struct findings *f) {
    int fd = open(path, O_RDWR | O_CLOEXEC);
    bool done = fd >= 0 && ftruncate(fd, (off_t)f->later) == 0;
    if (done && f->later_group != NOWHERE) done = pwrite(fd, "#cut", 4, (off_t)f->later_group) == 4;
    if (fd >= 0) close(fd);
    return done;
}

/* Lets the file end where a later time begins. */
static bool cut_to_time(const char *path, bool last, const struct findings *f,
                        const struct options *o) {
    long long until_s = o->until_s;
    if (f->later == NOWHERE) {
        printf("Truncate nothing in AOF %s to timestamp %lld\n", path, until_s);
    } else if (f->later == 0 || f->later_group == 0) {
        printf("AOF %s has nothing before timestamp %lld, aborting...\n", path, until_s);
        return false;
    } else if (!last) {
        printf(
            "Failed to truncate AOF %s to timestamp %lld to offset %llu because it is not the last "
            "file.\n",
            path, until_s, (unsigned long long)f->later);
        return false;
    } else if (!cut_there(path, f)) {
        printf("Failed to truncate AOF %s to timestamp %lld: %s\n", path, until_s, strerror(errno));
        return false;
    } else {
        printf("Successfully truncated AOF %s to timestamp %lld\n", path, until_s);
    }
    return true;
}

static void tell(const char *path, const struct findings *f) {
    if (f->has_rdb && f->line) printf("RDB preamble is OK, proceeding with AOF tail...\n");
    printf("AOF analyzed: filename=%s, size=%llu, ok_up_to=%llu, ok_up_to_line=%llu, diff=%llu, "
           "commands=%llu, groups=%llu\n",
           path, (unsigned long long)f->size, (unsigned long long)f->good_up_to,
           (unsigned long long)f->line, (unsigned long long)(f->size - f->good_up_to),
           (unsigned long long)f->commands, (unsigned long long)f->groups);
}

static bool check(const char *path, const char *kind, bool last, const struct options *o) {
    struct findings f;
    bool base = *kind == 'B';
    if (!check_file(path, last && !base, o, &f)) return false;
    if (o->until_s) return cut_to_time(path, last, &f, o);
    tell(path, &f);
    if (f.good_up_to == f.size && !f.why[0]) {
        printf("%s %s is valid\n", kind, path);
        return true;
    }
    printf("%s %s is not valid at offset %llu: %s%s\n", kind, path,
           (unsigned long long)f.good_up_to, f.why,
           f.damaged ? "; what is behind it is right, so that this is damage, not a torn end" : "");
    if (!o->fix) {
        printf("Use the --fix option to try fixing it.\n");
        return false;
    }
    if (!last) {
        printf("Failed to truncate AOF %s because it is not the last file\n", path);
        return false;
    }
    return cut(path, &f);
}

static bool is_manifest(const char *path) {
    size_t n = strlen(path), suffix = strlen(".manifest");
    return n > suffix && strcmp(path + n - suffix, ".manifest") == 0;
}

/* A file lies beside its manifest. */
static void member_path(const char *manifest, const char *name, char path[PATH_BYTES]) {
    const char *slash = strrchr(manifest, '/');
    snprintf(path, PATH_BYTES, "%.*s%s", slash ? (int)(slash - manifest + 1) : 0, manifest, name);
}

static bool check_member(const char *manifest, const char *name, const char *kind, bool last,
                         const struct options *o) {
    char path[PATH_BYTES];
    member_path(manifest, name, path);
    return check(path, kind, last, o);
}

/* As a start sees it: files to which nothing was written are behind the last one. */
static bool is_empty_member(const char *manifest, const char *name) {
    char path[PATH_BYTES];
    member_path(manifest, name, path);
    return log_in_is_empty(path);
}

/* By how it begins; what is encrypted is told by its name. */
static bool is_rdb_member(const char *manifest, const char *name) {
    char path[PATH_BYTES], begin[8] = "";
    member_path(manifest, name, path);
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(begin, 1, sizeof begin, f) : 0;
    if (f) fclose(f);
    if (n >= 5 && memcmp(begin, "REDIS", 5) == 0) return true;
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, ".rdb") == 0;
}

static bool check_manifest(const char *path, const struct options *o) {
    struct manifest m;
    char why[MANIFEST_WHY_BYTES];
    bool ok = true;
    printf("Start checking Multi Part AOF\n");
    if (manifest_read(&m, path, why)) {
        printf("Cannot read the manifest %s: %s\n", path, why);
        return false;
    }
    if (m.base.name) {
        printf("Start to check BASE AOF (%s format).\n",
               is_rdb_member(path, m.base.name) ? "RDB" : "RESP");
        ok = check_member(path, m.base.name, "BASE AOF", !m.incr_count, o);
    }
    if (ok && m.incr_count) printf("Start to check INCR files.\n");
    size_t written = m.incr_count;
    while (written && is_empty_member(path, m.incr[written - 1].name)) written--;
    for (size_t i = 0; ok && i < m.incr_count; i++) {
        ok = check_member(path, m.incr[i].name, "INCR AOF", i + 1 >= written, o);
    }
    if (ok) printf("All AOF files and manifest are valid\n");
    manifest_fini(&m);
    return ok;
}

/* The number of the first file; 0: the arguments make no sense, or the key cannot be read. */
static int take_options(int argc, char **argv, struct options *o) {
    char why[KEY_FILE_WHY_BYTES];
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--fix") == 0) {
            o->fix = true;
        } else if (strcmp(argv[i], "--truncate-to-timestamp") == 0 && i + 1 < argc) {
            if (num_parse_i64(slice_cstr(argv[++i]), &o->until_s) && o->until_s > 0) continue;
            fprintf(stderr, "%s: Invalid timestamp, aborting...\n", argv[0]);
            return 0;
        } else if (strcmp(argv[i], "--key-file") == 0 && i + 1 < argc) {
            if (key_slot_set(&o->key, argv[++i], why)) continue;
            fprintf(stderr, "%s: %s\n", argv[0], why);
            return 0;
        } else {
            break;
        }
    }
    if (i < argc && argv[i][0] != '-') return i;
    fprintf(stderr,
            "usage: %s [--fix|--truncate-to-timestamp <seconds>] [--key-file <file>] "
            "<file.manifest|file.aof>...\n",
            argv[0]);
    return 0;
}

static bool check_alone(const char *path, const struct options *o) {
    printf("Start checking Old-Style AOF\n");
    return check(path, "AOF", true, o);
}

int main(int argc, char **argv) {
    struct options o = {0};
    bool ok = true;
    mem_thread_init();
    int first = take_options(argc, argv, &o);
    if (!first) return 1;
    for (int i = first; i < argc; i++) {
        bool good = is_manifest(argv[i]) ? check_manifest(argv[i], &o) : check_alone(argv[i], &o);
        ok = ok && good;
    }
    key_slot_wipe(&o.key);
    return ok ? 0 : 1;
}
