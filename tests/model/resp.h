/* resp.h - a small RESP2 and RESP3 reader of the model test: where a reply ends, what its
 * elements are, and a form of it that does not depend on the order of elements.
 *
 * It is deliberately not the server's own codec: a mistake there must not hide here.
 * Follows the RESP3 specification (https://github.com/redis/redis-specifications).
 * Threads: one.
 */
#ifndef MODEL_RESP_H
#define MODEL_RESP_H

#include "text.h"

/* Bytes of the reply that starts at p: 0 when there must come more, -1 when it is not
 * RESP. A push message in front of the reply counts as part of it. */
long resp_length(const char *p, size_t n);

/* Appends *n+1 spans: the header line, then each element of the aggregate `reply`. A map
 * has an element for each key and for each value. Returns false if it is no aggregate.
 * The caller frees *out with free(). */
bool resp_elements(struct span reply, struct span **out, size_t *n);

/* The integer of a ':' reply. */
bool resp_integer(struct span reply, int64_t *out);

/* The payload of a '$' or '+' reply; false for nil and for all else. */
bool resp_string(struct span reply, struct span *out);

bool resp_is_error(struct span reply);
bool resp_is_nil(struct span reply);

/* Appends the reply with its elements sorted by their bytes, `unit` neighbours at a time.
 * If deep, an aggregate is sorted only if all of its elements are aggregates, and those are
 * treated likewise: lists of records have no order, records and their fields do. */
void resp_sorted(struct text *out, struct span reply, size_t unit, bool deep);

/* Appends the reply with every float, double or string, in one and the same form of 17 digits. */
void resp_plain_floats(struct text *out, struct span reply);

/* Whether two replies of XPENDING or XINFO are the same but for the times of delivery, which may be
 * so far apart. Left out is what 7.2 changed: when consumers were seen and active, and consumers
 * that have nothing pending, since now reading and claiming notes and makes them even where there
 * is nothing to be had. */
bool resp_timed_equal(struct span a, struct span b, int64_t slack_ms);

#endif
