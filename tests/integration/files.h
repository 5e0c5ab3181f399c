/* files.h - what tests of persistence do with the files in a server's directory.
 *
 * Names are relative to the directory. Failures are CUnit's.
 */
#ifndef INTEGRATION_FILES_H
#define INTEGRATION_FILES_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/client.h"
#include "support/suite.h"

#define PATH_BYTES 512
#define FILE_BYTES_MAX (1024 * 1024)

static inline void path_of(const struct server *s, const char *name, char path[PATH_BYTES]) {
    snprintf(path, PATH_BYTES, "%s/%s", server_dir(s), name);
}

/* At most FILE_BYTES_MAX bytes; how many. */
static inline size_t read_file(const struct server *s, const char *name, char *out) {
    char path[PATH_BYTES];
    path_of(s, name, path);
    FILE *f = fopen(path, "rb");
    if (!f) return 0;
    size_t n = fread(out, 1, FILE_BYTES_MAX, f);
    fclose(f);
    return n;
}

static inline void write_file(const struct server *s, const char *name, const char *bytes,
                              size_t n) {
    char path[PATH_BYTES];
    path_of(s, name, path);
    FILE *f = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fwrite(bytes, 1, n, f);
    fclose(f);
}

static inline bool has_file(const struct server *s, const char *name) {
    char path[PATH_BYTES];
    path_of(s, name, path);
    return access(path, F_OK) == 0;
}

/* Ends the server as a crash does. */
static inline void stop_hard(struct server *s, redisContext *c) {
    redisFree(c);
    server_signal(s, SIGKILL);
    server_wait(s, 5000);
}

static inline redisContext *again(struct server *s, const char *const args[]) {
    server_restart(s, args);
    return client_open(s);
}

/* Starts the server in the directory of s; it must refuse, and say so. */
static inline void expect_refusal(struct server *s, const char *const more[], const char *text) {
    char output[16384], port[16];
    snprintf(port, sizeof port, "%d", server_free_port());
    const char *args[32] = {"--dir", server_dir(s), "--port", port};
    size_t n = 4;
    while (more && *more) args[n++] = *more++;
    args[n] = NULL;
    CU_ASSERT_EQUAL(server_run(args, output, sizeof output, 10000), 1);
    if (!strstr(output, text)) printf("wanted: %s\nis: %s\n", text, output);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, text));
}

/* Runs a program that lies beside the server, with `answer` as its input. The exit status; *said:
 * what it prints, the caller frees. */
static inline int run_beside(const char *program, const char *options, const char *answer,
                             char **said) {
    char line[8 * PATH_BYTES];
    const char *server = getenv("CLEARLANE_SERVER");
    if (!server) server = "build/clearlane-server";
    const char *slash = strrchr(server, '/');
    snprintf(line, sizeof line, "echo %s | %.*s/%s %s 2>&1", answer, (int)(slash - server), server,
             program, options);
    FILE *out = popen(line, "r");
    *said = calloc(1, FILE_BYTES_MAX);
    CU_ASSERT_TRUE(fread(*said, 1, FILE_BYTES_MAX - 1, out) > 0);
    return pclose(out);
}

/* DEBUG DIGEST; the caller frees. */
static inline char *digest(redisContext *c) {
    redisReply *r = cmd(c, "DEBUG DIGEST");
    char *text = strdup(r->str);
    freeReplyObject(r);
    return text;
}

/* `want` is freed. */
static inline void expect_digest(redisContext *c, char *want) {
    char *have = digest(c);
    CU_ASSERT_STRING_EQUAL(have, want);
    free(have);
    free(want);
}

/* A figure of INFO persistence. */
static inline bool info_has(redisContext *c, const char *line) {
    redisReply *r = cmd(c, "INFO persistence");
    bool has = strstr(r->str, line) != NULL;
    freeReplyObject(r);
    return has;
}

static inline bool info_becomes(redisContext *c, const char *line) {
    for (int i = 0; i < 2000; i++) {
        if (info_has(c, line)) return true;
        server_sleep_ms(5);
    }
    return false;
}

#endif
