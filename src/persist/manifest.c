/* manifest.c - see manifest.h. */
#include "persist/manifest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "wire/words.h"

#define LINE_BYTES_MAX 1024
#define FILE_BYTES_MAX (16 * 1024 * 1024)
#define NAME_BYTES_MAX 1024

#define WRONG_FORMAT "Invalid AOF manifest file format"

void manifest_init(struct manifest *m) { *m = (struct manifest){0}; }

static void free_files(struct manifest_file *files, size_t n) {
    for (size_t i = 0; i < n; i++) mem_free(files[i].name);
    mem_free(files);
}

void manifest_fini(struct manifest *m) {
    mem_free(m->base.name);
    free_files(m->incr, m->incr_count);
    free_files(m->history, m->history_count);
    manifest_init(m);
}

static void add(struct manifest_file **files, size_t *n, const char *name, int64_t seq, char type) {
    *files = mem_realloc(*files, (*n + 1) * sizeof **files);
    (*files)[(*n)++] = (struct manifest_file){mem_dup(name, strlen(name)), seq, type};
}

void manifest_copy(struct manifest *to, const struct manifest *from) {
    manifest_init(to);
    if (from->base.name) {
        to->base = from->base;
        to->base.name = mem_dup(from->base.name, strlen(from->base.name));
    }
    for (size_t i = 0; i < from->incr_count; i++)
        add(&to->incr, &to->incr_count, from->incr[i].name, from->incr[i].seq, 'i');
    for (size_t i = 0; i < from->history_count; i++)
        add(&to->history, &to->history_count, from->history[i].name, from->history[i].seq, 'h');
    to->base_seq = from->base_seq;
    to->incr_seq = from->incr_seq;
}

/* ---- reading ------------------------------------------------------------------------ */

/* The words of a line, in pairs of key and value; a text that says what is wrong, or NULL. */
static const char *parse_line(char *line, size_t n, struct manifest_file *f) {
    const char *at = line, *end = line + n;
    *f = (struct manifest_file){NULL, 0, 0};
    char *words[LINE_BYTES_MAX / 2];
    size_t count = 0;
    static char room[2 * LINE_BYTES_MAX];
    char *to = room;
    while (words_more(&at, end)) {
        words[count++] = to;
        if (!words_take(&at, end, &to)) return WRONG_FORMAT;
        *to++ = 0;
    }
    if (count < 6 || count % 2) return WRONG_FORMAT;
    for (size_t i = 0; i < count; i += 2) {
        struct slice key = slice_cstr(words[i]);
        if (slice_is(key, "file")) {
            f->name = words[i + 1];
            if (!file_is_basename(f->name)) return "File can't be a path, just a filename";
        } else if (slice_is(key, "seq")) {
            if (!num_parse_i64(slice_cstr(words[i + 1]), &f->seq)) return WRONG_FORMAT;
        } else if (slice_is(key, "type")) {
            f->type = words[i + 1][0];
        }
    }
    return f->name && f->seq && f->type ? NULL : WRONG_FORMAT;
}

static const char *take_file(struct manifest *m, const struct manifest_file *f) {
    switch (f->type) {
    case 'b':
        if (m->base.name) return "Found duplicate base file information";
        m->base = (struct manifest_file){mem_dup(f->name, strlen(f->name)), f->seq, 'b'};
        m->base_seq = f->seq;
        return NULL;
    case 'h': add(&m->history, &m->history_count, f->name, f->seq, 'h'); return NULL;
    case 'i':
        if (f->seq <= m->incr_seq) return "Found a non-monotonic sequence number";
        add(&m->incr, &m->incr_count, f->name, f->seq, 'i');
        m->incr_seq = f->seq;
        return NULL;
    default: return "Unknown AOF file type";
    }
}

static const char *parse(struct manifest *m, char *text, size_t n, int *line_number) {
    char *end = text + n;
    if (!n) return "Found an empty AOF manifest";
    for (*line_number = 1; text < end; ++*line_number) {
        char *stop = memchr(text, '\n', (size_t)(end - text));
        if (!stop) return "The AOF manifest file contains too long line";
        size_t length = (size_t)(stop - text);
        if (length >= LINE_BYTES_MAX) return "The AOF manifest file contains too long line";
        if (length == 0) return WRONG_FORMAT;
        struct manifest_file f;
        const char *wrong = *text == '#' ? NULL : parse_line(text, length, &f);
        if (!wrong && *text != '#') wrong = take_file(m, &f);
        if (wrong) return wrong;
        text = stop + 1;
    }
    return NULL;
}

int manifest_read(struct manifest *m, const char *path, char why[MANIFEST_WHY_BYTES]) {
    char *text = NULL;
    int line = 0;
    manifest_init(m);
    ssize_t n = file_read(path, FILE_BYTES_MAX, &text);
    if (n < 0) {
        snprintf(why, MANIFEST_WHY_BYTES, "%s", strerror((int)-n));
        return (int)n;
    }
    const char *wrong = parse(m, text, (size_t)n, &line);
    mem_free(text);
    if (!wrong) return 0;
    snprintf(why, MANIFEST_WHY_BYTES, "line %d: %s", line, wrong);
    manifest_fini(m);
    return -EINVAL;
}

/* ---- writing ------------------------------------------------------------------------ */

static bool plain(const char *name) {
    for (; *name; name++) {
        if (*name <= ' ' || *name == '"' || *name == '\'' || *name == '\\' || *name > '~')
            return false;
    }
    return true;
}

static void put_line(FILE *out, const struct manifest_file *f) {
    fputs("file ", out);
    if (plain(f->name)) {
        fputs(f->name, out);
    } else {
        size_t n = strlen(f->name);
        char *quoted = mem_alloc(4 * n + 2);
        fwrite(quoted, 1, words_quote(quoted, slice_of(f->name, n)), out);
        mem_free(quoted);
    }
    fprintf(out, " seq %lld type %c\n", (long long)f->seq, f->type);
}

int manifest_write(const struct manifest *m, const char *path, bool *in_place) {
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    if (m->base.name) put_line(out, &m->base);
    for (size_t i = 0; i < m->history_count; i++) put_line(out, &m->history[i]);
    for (size_t i = 0; i < m->incr_count; i++) put_line(out, &m->incr[i]);
    fclose(out);
    int rc = file_replace(path, slice_of(text, n), 0644, in_place);
    free(text);
    return rc;
}

/* ---- changes ------------------------------------------------------------------------ */

const char *manifest_next_base(struct manifest *m, const char *name, bool rdb) {
    char file[NAME_BYTES_MAX];
    if (m->base.name) {
        add(&m->history, &m->history_count, m->base.name, m->base.seq, 'h');
        mem_free(m->base.name);
    }
    snprintf(file, sizeof file, "%s.%lld.base.%s", name, (long long)++m->base_seq,
             rdb ? "rdb" : "aof");
    m->base = (struct manifest_file){mem_dup(file, strlen(file)), m->base_seq, 'b'};
    return m->base.name;
}

const char *manifest_next_incr(struct manifest *m, const char *name) {
    char file[NAME_BYTES_MAX];
    snprintf(file, sizeof file, "%s.%lld.incr.aof", name, (long long)++m->incr_seq);
    add(&m->incr, &m->incr_count, file, m->incr_seq, 'i');
    return m->incr[m->incr_count - 1].name;
}

void manifest_retire_incr(struct manifest *m, size_t keep) {
    if (m->incr_count <= keep) return;
    size_t n = m->incr_count - keep;
    for (size_t i = 0; i < n; i++) {
        add(&m->history, &m->history_count, m->incr[i].name, m->incr[i].seq, 'h');
        mem_free(m->incr[i].name);
    }
    m->incr_count -= n;
    memmove(m->incr, m->incr + n, m->incr_count * sizeof *m->incr);
}

void manifest_forget_history(struct manifest *m) {
    free_files(m->history, m->history_count);
    m->history = NULL;
    m->history_count = 0;
}

void manifest_adopt_base(struct manifest *m, const char *file) {
    m->base = (struct manifest_file){mem_dup(file, strlen(file)), 1, 'b'};
    m->base_seq = 1;
}
