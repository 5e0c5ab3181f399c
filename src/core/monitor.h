/* monitor.h - MONITOR: sessions that are told of every command.
 *
 * M1  core->monitors holds exactly the sessions with GATE_MONITOR.
 * Threads: the loop. Specification: Redis 7.2, MONITOR.
 */
#ifndef CORE_MONITOR_H
#define CORE_MONITOR_H

#include <stdbool.h>

struct core;
struct request;
struct session;

/* Makes s a monitor; session_reset and session_fini end that. False if it is one. */
bool monitor_add(struct core *core, struct session *s);

/* Tells the monitors of a command of s, passwords redacted. Its arguments must be good.
 * Cost: the size of the line, which is up to four times the arguments, per monitor. */
void monitor_feed(struct core *core, struct session *s, const struct request *req);

#endif
