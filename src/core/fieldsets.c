/* fieldsets.c - see fieldsets.h. */
#include "core/fieldsets.h"

#include <stdlib.h>

#include "base/mem.h"

static int compare_fields(const void *a, const void *b) {
    const struct fieldset_field *x = a, *y = b;
    if (x->text.n != y->text.n) return x->text.n < y->text.n ? -1 : 1;
    return slice_cmp(x->text, y->text);
}

static struct slice copy_text(char **to, struct slice s) {
    char *p = *to;
    if (s.n) memcpy(p, s.p, s.n);
    *to += s.n;
    return slice_of(p, s.n);
}

static struct fieldset *fieldset_new(struct slice name, const struct slice *fields, size_t n) {
    size_t bytes = sizeof(struct fieldset) + n * sizeof(struct fieldset_field) + name.n;
    for (size_t i = 0; i < n; i++) bytes += fields[i].n;
    struct fieldset *f = mem_alloc(bytes);
    *f = (struct fieldset){.bytes = bytes, .count = n};
    char *texts = (char *)(f->fields + n);
    f->name = copy_text(&texts, name);
    for (size_t i = 0; i < n; i++)
        f->fields[i] = (struct fieldset_field){copy_text(&texts, fields[i]), i};
    qsort(f->fields, n, sizeof *f->fields, compare_fields);
    return f;
}

static bool has_twins(const struct fieldset *f) {
    for (size_t i = 1; i < f->count; i++) {
        if (compare_fields(&f->fields[i - 1], &f->fields[i]) == 0) return true;
    }
    return false;
}

bool fieldsets_prepare(struct fieldsets *all, struct slice name, const struct slice *fields,
                       size_t n) {
    struct fieldset *f = fieldset_new(name, fields, n);
    if (has_twins(f)) {
        mem_free(f);
        return false;
    }
    fieldsets_discard(all, name);
    f->next = all->first;
    all->first = f;
    all->bytes += f->bytes;
    return true;
}

const struct fieldset *fieldsets_find(const struct fieldsets *all, struct slice name) {
    const struct fieldset *f = all->first;
    while (f && !slice_eq(f->name, name)) f = f->next;
    return f;
}

bool fieldsets_discard(struct fieldsets *all, struct slice name) {
    struct fieldset **at = &all->first, *f;
    while (*at && !slice_eq((*at)->name, name)) at = &(*at)->next;
    f = *at;
    if (!f) return false;
    *at = f->next;
    all->bytes -= f->bytes;
    mem_free(f);
    return true;
}

size_t fieldsets_discard_all(struct fieldsets *all) {
    size_t n = 0;
    for (struct fieldset *f = all->first, *next; f; f = next, n++) {
        next = f->next;
        mem_free(f);
    }
    *all = (struct fieldsets){0};
    return n;
}
