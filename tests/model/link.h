/* link.h - a raw connection to one server, and the exchange of a batch with both.
 *
 * The same bytes go to the oracle and to Clearlane; replies are read from both while the
 * rest is still being written, so that neither side can stall the other.
 * Threads: one.
 */
#ifndef MODEL_LINK_H
#define MODEL_LINK_H

#include "text.h"

struct link {
    int fd; /* -1 when closed */
    struct text in;
    size_t *ends; /* where each reply of the last exchange ends in `in` */
    size_t n_replies;
    size_t room;
    bool closed; /* the server closed */
    bool bad;    /* what came is not RESP */
};

enum { ORACLE, OURS, SIDES };

/* 127.0.0.1:port; false when nobody answers. */
bool link_open(struct link *l, int port);
void link_close(struct link *l);
void link_fini(struct link *l);

/* Sends `out[side]` in pieces of at most piece_bytes and collects `replies` replies from each
 * link; with until_close everything up to the end of the connections instead, after closing
 * the sending half. Returns false when the deadline passed. Sets closed and bad. */
struct exchange {
    struct span out[SIDES];
    size_t piece_bytes;
    size_t replies;
    bool until_close;
    int deadline_ms;
};
bool link_exchange(struct link *links[SIDES], const struct exchange *x);

/* The same with one server only, which gets out[0]. */
bool link_ask(struct link *l, const struct exchange *x);

/* Reply i of the last exchange. */
struct span link_reply(const struct link *l, size_t i);

/* Appends a command in RESP. */
void link_encode(struct text *out, size_t argc, const struct span *argv);

/* One command of C strings (NULL at the end) to one server; its reply, empty on trouble. */
struct span link_command(struct link *l, const char *const words[]);

int64_t model_now_ms(void);

#endif
