/* collate.c - see collate.h. */
#include "core/collate.h"

#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"

struct known {
    struct known *next;
    locale_t locale;
    char name[];
};

static struct known *first; /* those that have been in use */
static _Atomic(locale_t) now;

static locale_t locale_of(const char *name) {
    return newlocale(LC_COLLATE_MASK, name, (locale_t)0);
}

bool collate_is_known(const char *name) {
    locale_t l = locale_of(name);
    if (l) freelocale(l);
    return l;
}

static const struct known *find(const char *name) {
    struct known *k = first;
    while (k && strcmp(k->name, name) != 0) k = k->next;
    if (k) return k;
    locale_t locale = locale_of(name);
    if (!locale) return NULL;
    size_t n = strlen(name) + 1;
    k = mem_alloc(sizeof *k + n);
    *k = (struct known){first, locale};
    memcpy(k->name, name, n);
    first = k;
    return k;
}

void collate_set(const char *name) {
    const struct known *k = find(name);
    if (!k && !collate_now()) k = find("C"); /* the environment names one that is not there */
    if (k) atomic_store_explicit(&now, k->locale, memory_order_release);
}

locale_t collate_now(void) { return atomic_load_explicit(&now, memory_order_acquire); }
