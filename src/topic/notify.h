/* notify.h - keyspace notifications: changes of keys as messages of topics.
 *
 * What notify-keyspace-events asks for is published when it happens, within the command that does
 * it: to __keyspace@<db>__:<key> with the event's name, then to __keyevent@<db>__:<event> with the
 * key's. Keys that expire or are evicted are told at that moment, before the command that found
 * them gone goes on.
 *
 * While the directive is empty the feed tells nothing, and the store does not tell of new and
 * missing keys (classes n and m) unless those are asked for.
 * Threads: the loop. Specification: Redis 7.2's keyspace notifications; the names of events are
 * those that handlers give to ctx_changed.
 */
#ifndef TOPIC_NOTIFY_H
#define TOPIC_NOTIFY_H

#include "core/core.h"

/* Follows the directive from now on; topics_new comes before. */
void notify_new(struct core *core);
void notify_free(struct core *core);

#endif
