/* loading.h - the time in which the data comes in from files, and the loop turns now and then.
 *
 * Between loading_begin and loading_end commands without ROW_LOADING are answered LOADING; nothing
 * is evicted and nothing expires by itself. Whoever loads calls loading_progress often: from time
 * to time it lets the loop turn, so that INFO is answered. The first turn comes with the first
 * loading-process-events-interval-bytes, or half a second: clients that connect to a server with
 * little data wait for it, and are not told LOADING by chance.
 * Threads: the loop.
 */
#ifndef CORE_LOADING_H
#define CORE_LOADING_H

#include "core/core.h"

/* total_bytes of all that will be loaded, for INFO. */
void loading_begin(struct core *core, uint64_t total_bytes);

/* So many bytes are in. Cost: reading a counter, unless it is time for a turn. */
void loading_progress(struct core *core, uint64_t loaded_bytes);

void loading_end(struct core *core);

/* Who may turn the loop meanwhile; NULL: nobody, as within a command. */
void loading_set_turn(struct core *core, void (*turn)(void *ctx), void *ctx);

#endif
