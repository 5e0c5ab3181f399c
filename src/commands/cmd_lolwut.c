/* cmd_lolwut.c - LOLWUT: a drawing that is never the same, and the version.
 *
 * Lanes run down the page; now and then one swerves to a free column beside it, so that no two
 * ever meet.
 * LOLWUT [VERSION n [columns [rows [lanes]]]]; the version is read and makes no difference.
 * Threads: the loop.
 */
#include <stdio.h>

#include "base/assert.h"
#include "base/random.h"
#include "commands/cmd_server_internal.h"
#include "core/version.h"

#define COLUMNS_MAX 200
#define ROWS_MAX 200

struct drawing {
    int columns, rows, lanes;
};

/* Moves a lane a column to the left or right, if that is free; its character in this row. */
static char drive(char *now, char *next, int columns, int at) {
    int side = random_below(4) ? 0 : random_below(2) ? 1 : -1, to = at + side;
    bool free_there = to >= 0 && to < columns && now[to] == ' ' && next[to] == ' ';
    if (!side || !free_there) {
        next[at] = '|';
        return '|';
    }
    next[to] = '|';
    return side > 0 ? '\\' : '/';
}

static void draw(const struct drawing *d, FILE *out) {
    char now[COLUMNS_MAX], next[COLUMNS_MAX], line[COLUMNS_MAX];
    memset(now, ' ', sizeof now);
    for (int i = 0; i < d->lanes; i++) now[random_below((uint64_t)d->columns)] = '|';
    for (int row = 0; row < d->rows; row++) {
        memset(next, ' ', sizeof next);
        memset(line, ' ', sizeof line);
        for (int at = 0; at < d->columns; at++) {
            if (now[at] == '|') line[at] = drive(now, next, d->columns, at);
        }
        fprintf(out, "%.*s\n", d->columns, line);
        memcpy(now, next, sizeof now);
    }
}

/* Argument i, if it is there, moved into 1..max. False: the error is replied. */
static bool option(struct ctx *c, int i, int max, int *v) {
    int64_t number;
    if (i >= c->argc) return true;
    if (!ctx_int(c, i, &number)) return false;
    *v = number < 1 ? 1 : number > max ? max : (int)number;
    return true;
}

void server_lolwut(struct ctx *c) {
    struct drawing d = {.columns = 66, .rows = 12, .lanes = 16};
    int64_t version;
    bool sized = c->argc >= 3 && slice_is(c->argv[1], "version");
    if (sized && !(ctx_int(c, 2, &version) && option(c, 3, COLUMNS_MAX, &d.columns) &&
                   option(c, 4, ROWS_MAX, &d.rows) && option(c, 5, COLUMNS_MAX, &d.lanes)))
        return;
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    ASSERT(out);
    draw(&d, out);
    fputs("\nThe lanes are clear. Redis ver. " REDIS_VERSION "\n", out);
    fclose(out);
    server_reply_text(c, text, bytes);
}
