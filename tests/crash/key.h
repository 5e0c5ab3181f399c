/* key.h - a key file for the crash tests of encrypted files. Threads: the test's. */
#ifndef CRASH_KEY_H
#define CRASH_KEY_H

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

/* Makes the file of this template (mkstemp), which the caller unlinks. */
static inline bool key_make(char *template) {
    static const char key[] = "0123456789abcdef0123456789abcdef";
    int fd = mkstemp(template);
    bool ok = fd >= 0 && write(fd, key, 32) == 32;
    if (fd >= 0) close(fd);
    return ok;
}

#endif
