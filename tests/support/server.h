/* server.h - starts a server for a test, in a directory of its own, and ends it.
 *
 * The program is $CLEARLANE_SERVER, or build/clearlane-server. Each server gets a new
 * directory under $TMPDIR (removed by server_stop), a free loopback port, and a log file
 * that catches both of its output streams. Servers die with the test that started them.
 * A server that does not start ends the program with status 1 and the tail of its log,
 * as no test can go on without it.
 * Threads: one thread at a time for a server; servers die with the thread that started them.
 */
#ifndef SUPPORT_SERVER_H
#define SUPPORT_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct server;

/* Starts the server under test and returns when it answers PING. `args` is NULL or ends
 * with NULL: {"--maxclients", "10", NULL}. A first argument without leading '-' is a
 * configuration file and stays first. Then come --bind 127.0.0.1, --port and --dir of the
 * helper's choice, and --save "", then the rest of `args`, so that a test can override them; with
 * "--port", "0" the server is reached by the "--unixsocket" that is given. Caller: server_stop. */
struct server *server_start(const char *const args[]);

/* The same with Debian's redis-server ($REDIS_SERVER overrides), without persistence and
 * with the DEBUG command. */
struct server *server_start_oracle(const char *const args[]);

/* Ends the server if it runs and starts it again with other arguments, in the same
 * directory and on the same port. A server killed by server_signal is fine. */
void server_restart(struct server *s, const char *const args[]);

/* The same of one that has ended and that may be killed (SIGKILL) while it starts: false then. */
bool server_restart_mortal(struct server *s, const char *const args[]);

/* Sends SIGTERM (nothing, if server_wait saw the end), waits, removes the directory and
 * frees. 0, or -1 if it did not exit with status 0 in time or if a sanitizer reported;
 * then, as after a failed assertion since server_start, the log's tail is printed. */
int server_stop(struct server *s);

int server_port(const struct server *s);
pid_t server_pid(const struct server *s);
/* Valid until server_stop. */
const char *server_dir(const struct server *s);
/* The path of the unix socket given in the arguments, or NULL. */
const char *server_socket_path(const struct server *s);

/* Sends a signal. After SIGKILL call server_restart or server_wait. */
void server_signal(struct server *s, int signal_number);

/* Waits for the process to end by itself. Its exit status, 128 + n if signal n ended it,
 * -1 if it still runs after wait_ms. */
int server_wait(struct server *s, int wait_ms);

/* Whether the log (both output streams of the process) has the text; waits up to wait_ms
 * for it to appear. */
bool server_log_has(const struct server *s, const char *text, int wait_ms);

/* Prints the end of its log, to stderr. */
void server_print_log(const struct server *s);

/* Runs the server under test to its end with exactly these arguments, as for --version or
 * for a configuration that it must refuse. Both output streams go to `output`, cut to
 * size - 1 bytes and ended by a zero. Exit status as in server_wait; a process that still
 * runs after wait_ms is killed and gives -1. */
int server_run(const char *const args[], char *output, size_t size, int wait_ms);

/* A TCP port that is free on 127.0.0.1 at this moment. */
int server_free_port(void);

/* Milliseconds of the monotonic clock, and a sleep, for tests that must wait. */
long long server_now_ms(void);
void server_sleep_ms(int wait_ms);

#endif
