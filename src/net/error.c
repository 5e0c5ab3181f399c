/* error.c - error lines: what was tried, and why it failed. */
#include "net/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int net_error_set(struct net_error *error, int code, const char *fmt, ...) {
    if (!error) {
        return NET_ERROR;
    }
    error->code = code;
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(error->text, sizeof error->text, fmt, args);
    va_end(args);
    if (code != 0 && n >= 0 && (size_t)n < sizeof error->text) {
        snprintf(error->text + n, sizeof error->text - (size_t)n, ": %s", strerror(code));
    }
    return NET_ERROR;
}
