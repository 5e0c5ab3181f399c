/* cmd_topic_internal.h - what PUBLISH needs of retained topics. */
#ifndef COMMANDS_CMD_TOPIC_INTERNAL_H
#define COMMANDS_CMD_TOPIC_INTERNAL_H

#include "core/exec.h"

/* Whether the first argument names a retained topic. In the midst of a command that goes on it may
 * wait until that may touch a key which it has not told (core/ongoing.h). */
bool topic_find_ring(struct ctx *c);

/* Puts the message of PUBLISH into the ring that topic_find_ring has found, and gives it to the
 * subscribers of the channel and then of the topic: *receivers. c is one of database 0 from then
 * on. False, and nothing was done: there is no memory. */
bool topic_publish(struct ctx *c, int64_t *receivers);

#endif
