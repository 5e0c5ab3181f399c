/* resp.h - the door for clients that speak the Redis protocol.
 *
 * Once per turn of the loop the readable connections are drained, what they sent is cut
 * into commands, up to EDGE_BATCH of them across connections are prefetched and run in
 * order, and the replies go out, one system call a connection.
 *
 * N1  A connection's commands run in the order sent; how much of one runs before the others
 *     get their turn is bounded (EDGE_READ_BYTES read, EDGE_RUN_US run, EDGE_SEND_BYTES sent:
 *     base/limits.h).
 * N2  Bytes are kept only of what could not run: a command not all there (in a reader), or commands
 *     of a connection that is held or had its share, or of whom the turn left (in its backlog).
 * N3  No write waits for a peer: what it does not take stays queued, under the limits of
 *     client-output-buffer-limit.
 * N4  Those who sent little the last time go before those who sent much, and after EDGE_TURN_US a
 *     turn is cut off: who asks for one thing does not wait for all who ask for many. If none of
 *     these had a part in it, they go first in the next. What a crowd is told is sent by turns too.
 *
 * Threads: the loop.
 */
#ifndef EDGE_RESP_H
#define EDGE_RESP_H

#include <stdbool.h>
#include <stddef.h>

struct core;
struct edge;
struct net_loop;

struct edge *edge_new(struct net_loop *loop, struct core *core);

/* Closes the listeners and all connections, sending first what is queued and can go at once. */
void edge_free(struct edge *edge);

/* Opens what the configuration says: addresses, port, Unix socket. False with one line in `why`
 * if one of them cannot be opened, or if there is none. */
bool edge_listen(struct edge *edge, char *why, size_t why_bytes);

/* Moves to the addresses and the port that the configuration says now. If that fails, what was
 * open stays when the port was to change, else it is closed, as addresses may overlap; once
 * the configuration is back to what it was, call this again. */
bool edge_relisten(struct edge *edge, char *why, size_t why_bytes);

/* No new connections from now on. */
void edge_stop_listening(struct edge *edge);

/* The way to the end: no new connections, no more commands; each connection is closed when
 * its replies are sent. True while some are left, then call again after a turn of the loop. */
bool edge_drain(struct edge *edge);

/* Serves what the last turn of the loop found. True if there is work left for the next turn
 * even without an event. */
bool edge_turn(struct edge *edge);

/* What the task `clients` does, each CORE_TASK_MS: idle timeouts and output limits, some
 * connections each time, and maxmemory-clients. */
void edge_cron(struct edge *edge);

#endif
