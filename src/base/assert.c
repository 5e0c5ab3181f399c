/* assert.c - the last line of a process that found a bug in itself; see assert.h.
 *
 * P1  Nothing here allocates: the heap may be what is broken.
 * P2  The first panic wins; one inside the reporter, or on another thread, only aborts.
 */
#include "base/assert.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PANIC_TEXT_BYTES_MAX 1024

static void (*installed_reporter)(void);
static char text[PANIC_TEXT_BYTES_MAX];
static atomic_bool panicking, exits;

void panic(const char *file, int line, const char *fmt, ...) {
    if (!atomic_exchange(&panicking, true)) {
        int n = snprintf(text, sizeof text, "panic at %s:%d: ", file, line);
        va_list args;
        va_start(args, fmt);
        vsnprintf(text + n, sizeof text - (size_t)n, fmt, args);
        va_end(args);
        size_t length = strlen(text);
        text[length] = '\n';
        ssize_t written = write(STDERR_FILENO, text, length + 1);
        (void)written;
        text[length] = 0;
        if (installed_reporter) installed_reporter();
    }
    if (exits) _exit(1);
    abort();
}

const char *panic_text(void) { return atomic_load(&panicking) ? text : NULL; }

void panic_set_exit(bool on) { atomic_store(&exits, on); }

void panic_set_reporter(void (*report)(void)) { installed_reporter = report; }
