/* assert.h - assertions and the end of the process on a bug.
 *
 * ASSERT stays on in every build: a false one is a bug of ours, never of a client or
 * of the surroundings. DASSERT is for costly checks, in builds with CHECKS defined.
 * panic() prints one line, then whatever the installed crash reporter adds (stack,
 * command, recent events), and aborts.
 */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

#include <stdbool.h>

/* Never returns. printf-style; the text says what was found, where, and what to do. */
__attribute__((noreturn, cold, format(printf, 3, 4))) void panic(const char *file, int line,
                                                                 const char *fmt, ...);

/* What panic() was told, once it has been called, as one line without its end; otherwise
 * NULL. For the reporter. */
const char *panic_text(void);

/* From now on panic() ends with exit status 1, without a core. */
void panic_set_exit(bool on);

/* `report` is called once, inside panic(), before abort(). It must not allocate. */
void panic_set_reporter(void (*report)(void));

#define ASSERT(x)                                                                                  \
    (__builtin_expect(!!(x), 1) ? (void)0 : panic(__FILE__, __LINE__, "assertion failed: %s", #x))
#ifdef CHECKS
#define DASSERT(x) ASSERT(x)
#else
#define DASSERT(x) ((void)sizeof(x))
#endif

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#endif
