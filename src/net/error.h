/* error.h - how net/ says that something did not work.
 *
 * Calls on a hot path return NET_AGAIN or NET_ERROR; calls that set something up fill a
 * net_error with one line for the log. errno stops here: outside net/ the code is looked
 * at by nobody, the text is meant for people.
 * Threads: any.
 */
#ifndef NET_ERROR_H
#define NET_ERROR_H

enum {
    NET_AGAIN = -1, /* nothing can be moved now; wait for the next readable or writable */
    NET_ERROR = -2, /* the thing is broken; its error text says why */
    NET_ERROR_BYTES = 256,
};

struct net_error {
    int code; /* an errno value, or 0 where none applies */
    char text[NET_ERROR_BYTES];
};

/* Keeps `code`, and as text the formatted words, with ": " and the reason behind them
 * if code is not 0. `error` may be NULL. Always NET_ERROR, for `return`. */
__attribute__((format(printf, 3, 4))) int net_error_set(struct net_error *error, int code,
                                                        const char *fmt, ...);

#endif
