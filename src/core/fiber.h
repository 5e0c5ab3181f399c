/* fiber.h - a function on a stack of its own, which can stop in its midst and go on later.
 *
 * Lua's own coroutines cannot leave a script from within pcall, a metamethod or a callback of C
 * code; a stack of its own can. A fiber runs one function after another; the memory that its
 * stack touches at the deepest stays.
 *
 * F1  A fiber is started from outside of all fibers, and again only when its function is over.
 * Threads: the one that made it. Cost: a switch is some 10 instructions on x86-64, two system
 * calls elsewhere (ucontext).
 */
#ifndef CORE_FIBER_H
#define CORE_FIBER_H

#include <stdbool.h>
#include <stddef.h>

struct fiber;

/* With a stack of so many bytes (address space, behind a page that faults); NULL without memory. */
struct fiber *fiber_new(size_t stack_bytes);
/* Its function may be stopped in its midst; what that holds is lost. */
void fiber_free(struct fiber *f);

/* Runs fn(arg) until it returns (true) or stops (false). */
bool fiber_start(struct fiber *f, void (*fn)(void *arg), void *arg);

/* Goes on with one that has stopped; likewise. */
bool fiber_resume(struct fiber *f);

/* Stops the function that runs on f, which calls this. */
void fiber_stop(struct fiber *f);

#endif
