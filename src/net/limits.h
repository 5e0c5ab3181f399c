/* limits.h - what the system grants: descriptors and the accept queue.
 * Threads: any; at start.
 */
#ifndef NET_LIMITS_H
#define NET_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Raises this process' limit of open descriptors to `want`, or as far as allowed; never
 * lowers it. Returns the limit now in force. */
uint64_t net_raise_fd_limit(uint64_t want);

/* True when the kernel caps listen queues below `backlog`; then `text` is one line for
 * the log that says so and what to do. */
bool net_backlog_warning(int backlog, char *text, size_t n);

#endif
