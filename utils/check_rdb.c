/* check_rdb.c - tells whether a server can load an RDB file, and what is in it.
 *
 * usage: check-rdb [--key-file KEY] FILE
 * An encrypted file (rdb-key-file, aof-key-file) is read with the key, and to its end.
 * Every value is built as loading would build it, so that what this program finds right is loaded.
 * Prints a line a fact; exit status 0: right, 1: damaged or not loadable, 2: it cannot be read.
 * Specification: wire/rdb.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "core/config.h"
#include "core/dump.h"
#include "persist/file_in.h"
#include "persist/key_file.h"

#define SHOWN_BYTES 80 /* of a name or a text */

struct counts {
    uint64_t keys, expires, expired, empty, functions, databases;
    uint64_t of[TYPE_COUNT];
};

struct check {
    struct rdb_reader r;
    struct config *config;
    struct counts counts;
    int64_t now_ms;
    uint64_t db;
    uint64_t key_at; /* the offset of the record that is read */
    char key[SHOWN_BYTES * 4 + 1];
    bool in_key;
};

static int refill(void *ctx, struct slice *next) { return file_in_next(ctx, next); }

/* The first bytes of a text that may hold anything. */
static const char *shown(struct slice s, char out[SHOWN_BYTES * 4 + 1]) {
    size_t n = 0;
    for (size_t i = 0; i < s.n && i < SHOWN_BYTES; i++) {
        unsigned char b = (unsigned char)s.p[i];
        if (b >= ' ' && b < 127 && b != '\\') {
            out[n++] = (char)b;
        } else {
            n += (size_t)sprintf(out + n, "\\x%02x", b);
        }
    }
    out[n] = 0;
    return out;
}

static bool check_key(struct check *c, const struct rdb_key *key) {
    struct dump_value value;
    shown(key->name, c->key);
    c->in_key = true;
    int err = dump_get_value(&c->r, key->type, c->config, &value);
    if (err && err != RDB_EMPTY) return rdb_reader_fail(&c->r, err, "no memory for a value");
    c->in_key = false;
    c->counts.keys++;
    c->counts.expires += key->expire_ms != RDB_NO_EXPIRY;
    c->counts.expired += key->expire_ms != RDB_NO_EXPIRY && key->expire_ms < c->now_ms;
    c->counts.empty += err == RDB_EMPTY;
    if (!err) c->counts.of[value.type]++;
    dump_value_free(&value);
    return true;
}

static void tell_aux(const struct rdb_record *rec) {
    char name[SHOWN_BYTES * 4 + 1], text[SHOWN_BYTES * 4 + 1];
    printf("aux %s: %s\n", shown(rec->name, name), shown(rec->text, text));
}

/* False at the end and after a failure. */
static bool check_record(struct check *c) {
    struct rdb_record rec;
    c->key_at = rdb_reader_offset(&c->r);
    if (rdb_next(&c->r, &rec)) return false;
    switch (rec.kind) {
    case RDB_RECORD_AUX: tell_aux(&rec); break;
    case RDB_RECORD_FUNCTION: c->counts.functions++; break;
    case RDB_RECORD_MODULE_AUX: return rdb_reader_fail(&c->r, RDB_UNSUPPORTED, "data of a module");
    case RDB_RECORD_SELECT_DB:
        c->db = rec.index;
        if (c->counts.databases <= c->db) c->counts.databases = c->db + 1;
        break;
    case RDB_RECORD_KEY: return check_key(c, &rec.key);
    case RDB_RECORD_END: return false;
    default: break;
    }
    return true;
}

static void tell_counts(const struct counts *n) {
    printf("keys: %" PRIu64 "\n", n->keys);
    for (int t = 0; t < TYPE_COUNT; t++) {
        if (n->of[t]) printf("  %s: %" PRIu64 "\n", entry_type_name((enum entry_type)t), n->of[t]);
    }
    if (n->empty) printf("  without elements, passed over in loading: %" PRIu64 "\n", n->empty);
    printf("keys with an expiry: %" PRIu64 "\n", n->expires);
    printf("of those, already expired: %" PRIu64 "\n", n->expired);
    printf("libraries of functions: %" PRIu64 "\n", n->functions);
    printf("databases: up to number %" PRIu64 "\n", n->databases ? n->databases - 1 : 0);
}

static void tell_failure(const struct check *c, const struct file_in *in, const char *path) {
    const struct rdb_reader *r = &c->r;
    bool of_file = r->err > RDB_SHORT;
    if (in->fault) {
        printf("damaged: %s\n", in->why);
    } else {
        printf("%s: offset %" PRIu64 ": %s\n",
               r->err == RDB_UNSUPPORTED ? "not loadable" : "damaged", r->err_at,
               of_file ? strerror(-r->err) : r->reason);
    }
    if (c->in_key)
        printf("in the value of key '%s' of database %" PRIu64 ", which begins at offset %" PRIu64
               "\n",
               c->key, c->db, c->key_at);
    printf("%" PRIu64 " keys before it are right: %s\n", c->counts.keys, path);
}

/* What there is behind the RDB; a sealed file must be right to its end. */
static int read_rest(const struct check *c, struct file_in *in, uint64_t *bytes) {
    struct slice rest;
    int got;
    while ((got = file_in_next(in, &rest)) > 0) continue;
    *bytes = in->given - rdb_reader_offset(&c->r);
    return got;
}

static int check(struct file_in *in, const char *path) {
    struct check c = {.config = config_new(), .now_ms = clock_unix_ms()};
    rdb_reader_init_refill(&c.r, refill, in);
    if (!rdb_get_header(&c.r)) {
        printf("RDB version: %d\n", c.r.version);
        while (check_record(&c)) continue;
    }
    tell_counts(&c.counts);
    uint64_t left = 0;
    int err = c.r.err ? 0 : read_rest(&c, in, &left);
    if (err) rdb_reader_fail(&c.r, err, "the file cannot be read");
    if (c.r.err) {
        tell_failure(&c, in, path);
    } else {
        printf("bytes: %" PRIu64 "\n", rdb_reader_offset(&c.r));
        if (left) printf("behind the end: %" PRIu64 " bytes\n", left);
        printf("right: %s\n", path);
    }
    int status = c.r.err != 0;
    rdb_reader_fini(&c.r);
    config_free(c.config);
    return status;
}

int main(int argc, char **argv) {
    struct file_in in;
    struct key_slot key = {0};
    char why[KEY_FILE_WHY_BYTES];
    bool with_key = argc > 2 && strcmp(argv[1], "--key-file") == 0;
    const char *path = argv[with_key ? 3 : 1];
    if (argc != (with_key ? 4 : 2) || *path == '-') {
        fprintf(stderr, "usage: check-rdb [--key-file KEY] FILE\n");
        return 2;
    }
    mem_thread_init();
    if (with_key && !key_slot_set(&key, argv[2], why)) {
        fprintf(stderr, "check-rdb: %s\n", why);
        return 2;
    }
    clock_init();
    hash_init(0);
    int err = file_in_open(&in, path, 0, key_slot_get(&key));
    if (err) {
        fprintf(stderr, "check-rdb: %s: %s\n", path,
                err == -ENOKEY ? "it is encrypted, and needs --key-file" : file_in_why(&in, err));
    }
    int status = err ? 2 : check(&in, path);
    file_in_close(&in);
    key_slot_wipe(&key);
    return status;
}
