/* resp.h - the Redis protocol: requests out of bytes, headers of replies into bytes.
 *
 * Two ways to a request. resp_cut takes a whole well-formed command out of a buffer, as
 * slices of it, without state: the way of nearly all. What it does not take (a command that is not
 * all there, inline commands, errors, very many arguments) goes to a resp_reader, which takes bytes
 * as they come and keeps what it has seen.
 *
 * P1  resp_cut takes complete and well-formed commands only; it never errs.
 * P2  Of one command, a reader reads each byte once, however the bytes are cut up.
 * P3  Arguments of RESP_BLOB_BYTES_MIN and more lie in a blob of their own size, into which the
 *     caller can read directly (resp_reader_room).
 * Threads: the caller's. Specification: RESP2 and RESP3, requests; inline commands and
 * error texts as of Redis 7.2.
 */
#ifndef WIRE_RESP_H
#define WIRE_RESP_H

#include "base/blob.h"
#include "base/bytes.h"
#include "base/limits.h"

/* ---- requests ----------------------------------------------------------------------- */

#define RESP_LINE_BYTES_MAX (64 * 1024)
#define RESP_ERROR_BYTES 64

/* At a peer that has not authenticated. */
#define RESP_UNAUTH_ARGS_MAX 10
#define RESP_UNAUTH_BULK_BYTES_MAX 16384

struct resp_limits {
    size_t bulk_bytes_max;
    size_t request_bytes_max; /* all arguments of one command, and the list of them */
    bool unauthenticated;
};

/* A command as it lies in the buffer. */
struct resp_command {
    const struct slice *argv;
    const char *end; /* behind it */
    int argc;
    bool same_name; /* as the command cut before it by the same cutter */
};

/* What stands before the second argument, "*2\r\n$3\r\nGET\r\n": commands come in runs of one
 * name, and the head of the last one is recognised as a whole. */
#define RESP_HEAD_WORDS 3
struct resp_cutter {
    uint64_t words[RESP_HEAD_WORDS], masks[RESP_HEAD_WORDS];
    size_t head_bytes;
    size_t argc, name_at, name_bytes;
    size_t args; /* taken of argv; set to 0 to begin a new batch */
    struct slice argv[RESP_CUT_ARGS_MAX];
};

void resp_cutter_init(struct resp_cutter *k);

/* Cuts up to max whole commands off [*p, end), which moves; returns how many. It stops before one
 * that it does not take; if that is the first and no argument is in use, it never will: the command
 * is for a reader. Bulks from RESP_BLOB_BYTES_MIN on are left to a reader. Cost: some 25
 * instructions an argument. */
int resp_cut(struct resp_cutter *k, const char **p, const char *end, struct resp_command *out,
             int max);

enum resp_state {
    RESP_MORE,    /* all bytes taken; the command is not complete */
    RESP_COMMAND, /* argv, argc, blobs are good until the next call */
    RESP_NOTHING, /* an empty line or a null array: nothing to run, go on */
    RESP_FAILED,  /* error holds the text behind "Protocol error: "; close the connection */
};

struct resp_chunk;

struct resp_reader {
    int64_t args_left; /* -1: at the start of a command; -2: in an inline one */
    int64_t bulk_left; /* bytes of the current argument, line end included, still to come; -1: its
                          header */
    int skip;          /* bytes to pass over: the second of a header's line end */
    int argc, cap;
    struct slice *argv;        /* in a chunk, a blob, or, of an inline command, the line */
    struct blob **blobs;       /* NULL while no argument is a blob */
    size_t blob_bytes;         /* of all of them */
    struct resp_chunk *chunks; /* the newest first */
    char *room, *room_end;     /* what is left of it */
    size_t chunk_bytes;        /* of all of them */
    char *line;                /* the current one */
    size_t line_len, line_size;
    size_t request_bytes;
    bool done;      /* the last call gave a command: begin anew */
    bool too_large; /* it failed because of request_bytes_max */
    char error[RESP_ERROR_BYTES];
};

struct resp_reader *resp_reader_new(void);
void resp_reader_free(struct resp_reader *r);

/* Takes bytes from p; *used says how many. */
enum resp_state resp_reader_feed(struct resp_reader *r, const char *p, size_t n,
                                 const struct resp_limits *limits, size_t *used);

/* Where to read the rest of a big argument to, and how much (never more than the argument);
 * n is 0 when there is none. resp_reader_filled tells what was read; the closing line end
 * goes through resp_reader_feed again. */
struct resp_room {
    char *p;
    size_t n;
};
struct resp_room resp_reader_room(const struct resp_reader *r);
void resp_reader_filled(struct resp_reader *r, size_t n);

/* Nothing of a command is in it: it can be freed without loss. */
bool resp_reader_idle(const struct resp_reader *r);

/* Bytes that it holds. */
size_t resp_reader_memory(const struct resp_reader *r);

/* ---- replies ------------------------------------------------------------------------ */

#define RESP_HEADER_BYTES_MAX 24

static inline char *resp_put_line_end(char *to) {
    memcpy(to, "\r\n", 2);
    return to + 2;
}

/* Writes type, n, CR LF ("$11\r\n", "*2\r\n", ":-7\r\n" with the signed form); returns the end. */
char *resp_put_header(char *to, char type, uint64_t n);
char *resp_put_int(char *to, int64_t v);

#endif
