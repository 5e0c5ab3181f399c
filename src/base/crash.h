/* crash.h - what is printed when the process dies of a bug.
 *
 * On SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT and on panic() one report goes to the log:
 * version, signal and address, program counter, stack, then every registered section;
 * then the signal is raised again with its default action, so that a core is dumped.
 * X1  Nothing on the way allocates, locks or calls stdio: write(2) only.
 * X2  One report per process: a second thread that crashes waits for the first; a crash
 *     inside the report ends the process at once.
 * Threads: crash_init and crash_add_section from the main thread, before others start.
 */
#ifndef BASE_CRASH_H
#define BASE_CRASH_H

#include <stddef.h>
#include <stdint.h>

#define CRASH_SECTIONS_MAX 16

/* Installs the handlers, on a stack of their own for this thread, and the reporter of
 * panic(). `version` is printed first; it is borrowed for ever. */
void crash_init(const char *version);

/* Back to the default actions (crash-log-enabled no); crash_init may follow. */
void crash_fini(void);

/* `section` runs in the signal handler: async-signal-safe calls only, no secrets. Sections
 * run in the order in which they were added. */
void crash_add_section(void (*section)(int fd));

/* Printing for sections. Errors of writing are ignored: there is nobody to tell. */
void crash_write(int fd, const char *text);
void crash_write_bytes(int fd, const void *p, size_t n);
void crash_write_i64(int fd, int64_t v);
void crash_write_hex(int fd, uint64_t v); /* with 0x in front */

/* The calling thread's stack, one frame a line. */
void crash_write_stack(int fd);

#endif
