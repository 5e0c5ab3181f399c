/* proctitle.h - the line that ps shows for this process.
 *
 * The kernel shows the memory of the arguments and of the environment behind them; a title is
 * written over both, so the environment moves to the heap first.
 * Threads: the main thread; proctitle_init before others start, as it moves environ.
 */
#ifndef BASE_PROCTITLE_H
#define BASE_PROCTITLE_H

/* Takes the arguments of main, which are good until the first proctitle_set. Pointers that getenv
 * gave out before are good until then, too. Call once. */
void proctitle_init(int argc, char **argv);

/* Shows `title`, cut to the room that the arguments and the environment had. Nothing happens
 * without proctitle_init. */
void proctitle_set(const char *title);

#endif
