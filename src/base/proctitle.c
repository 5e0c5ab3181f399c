/* proctitle.c - see proctitle.h. */
#define _GNU_SOURCE /* environ */
#include "base/proctitle.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

/* The bytes that the kernel shows: [area, area_end), the last of them stays zero. */
static char *area, *area_end;

/* The strings of a list lie one behind the other, as far as nobody replaced any. */
static char *end_of(char **strings, char *end) {
    for (; *strings; strings++) {
        if (*strings == end) end = *strings + strlen(*strings) + 1;
    }
    return end;
}

void proctitle_init(int argc, char **argv) {
    if (argc < 1) return;
    area = argv[0];
    area_end = end_of(environ, end_of(argv, area));
    size_t n = 0;
    while (environ[n]) n++;
    char **moved = mem_alloc((n + 1) * sizeof *moved);
    for (size_t i = 0; i < n; i++) moved[i] = mem_dup(environ[i], strlen(environ[i]));
    moved[n] = NULL;
    environ = moved; /* for as long as the process lives */
}

void proctitle_set(const char *title) {
    if (!area) return;
    size_t room = (size_t)(area_end - area), n = strlen(title);
    if (n > room - 1) n = room - 1;
    memcpy(area, title, n);
    memset(area + n, 0, room - n);
}
