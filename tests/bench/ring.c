/* ring.c - commands made ahead of time, so that sending them costs nothing.
 *
 * G1  Each family has key names of its own, so that one workload never meets another's type
 *     or value length.
 * Random numbers: splitmix64, seeded, so that two servers get the same requests.
 */
#include "ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stats.h"

enum { WORDS_MAX = 256, PIECES_MAX = 8, COMMANDS_MAX = 8, KEY_DIGITS = 12, NUMBER_MAX = 24 };

static const struct workload workloads[] = {
    {.name = "ping", .words = "PING", .heads = "+"},
    {.name = "get", .words = "GET key:%k", .heads = "$_", .fill = "set", .gives_value = true},
    {.name = "set", .words = "SET key:%k %v", .heads = "+", .fill = "set"},
    {.name = "incr", .words = "INCR ctr:%k", .heads = ":", .fill = "incr"},
    {.name = "mset", .words = "MSET key:%k %v", .repeat = 10, .heads = "+", .fill = "set"},
    {.name = "mget",
     .words = "MGET key:%k",
     .repeat = 10,
     .heads = "*",
     .fill = "set",
     .gives_value = true,
     .gives_elements = true},
    {.name = "setbit", .words = "SETBIT bit:%k %b 1", .heads = ":", .fill = "setbit"},
    {.name = "append", .words = "APPEND app:%k %v", .heads = ":", .fill = "append"},
    {.name = "getex",
     .words = "GETEX key:%k EX 100000",
     .heads = "$_",
     .fill = "set",
     .gives_value = true},
    {.name = "del", .words = "SET del:%k %v;DEL del:%s", .heads = "+:"},
    {.name = "expire", .words = "EXPIRE key:%k 100000", .heads = ":", .fill = "set"},
    {.name = "hset", .words = "HSET hash:%k field %v", .heads = ":", .fill = "hset"},
    {.name = "hget", .words = "HGET hash:%k field", .heads = "$_", .fill = "hset"},
};

const struct workload *workload_find(const char *name) {
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++) {
        if (strcmp(workloads[i].name, name) == 0) {
            return &workloads[i];
        }
    }
    return NULL;
}

char *workload_names(void) {
    char *names = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&names, &size);
    for (size_t i = 0; f != NULL && i < sizeof workloads / sizeof *workloads; i++) {
        fprintf(f, "%s%s", i > 0 ? " " : "", workloads[i].name);
    }
    if (f == NULL || fclose(f) != 0) {
        die("no memory");
    }
    return names;
}

/* A piece is literal bytes, or, with n == 0, the letter of what is drawn. */
struct piece {
    const char *p;
    size_t n;
    char draw;
};

struct word {
    struct piece pieces[PIECES_MAX];
    int count;
};

struct command {
    struct word *words;
    int count;
};

struct maker {
    struct make_from from;
    char *text;  /* the words; the literals point into it */
    char *value; /* from.value_bytes long */
    struct command commands[COMMANDS_MAX];
    int command_count;
    int turn;
    uint64_t random;
    uint64_t next_key;
    uint64_t key;
    size_t bytes_max;
};

static uint64_t draw(struct maker *m) {
    uint64_t z = (m->random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t draw_below(struct maker *m, uint64_t bound) {
    return (uint64_t)(((unsigned __int128)draw(m) * bound) >> 64);
}

static void parse_word(struct word *w, const char *p, size_t n) {
    size_t i = 0;
    while (i < n) {
        if (w->count == PIECES_MAX) {
            die("too many parts in the word %.*s", (int)n, p);
        }
        struct piece *piece = &w->pieces[w->count++];
        if (p[i] == '%') {
            if (i + 1 == n || strchr("ksvbt", p[i + 1]) == NULL) {
                die("unknown placeholder in the word %.*s", (int)n, p);
            }
            piece->draw = p[i + 1];
            i += 2;
            continue;
        }
        piece->p = p + i;
        while (i < n && p[i] != '%') {
            piece->n++;
            i++;
        }
    }
}

/* The words of one command, those after the first `repeat` times. */
static void parse_command(struct command *c, char *text, int repeat) {
    c->words = calloc(WORDS_MAX, sizeof *c->words);
    if (c->words == NULL) {
        die("no memory");
    }
    char *rest = NULL;
    for (char *w = strtok_r(text, " ", &rest); w != NULL; w = strtok_r(NULL, " ", &rest)) {
        if (c->count == WORDS_MAX) {
            die("too many words in a command");
        }
        parse_word(&c->words[c->count++], w, strlen(w));
    }
    int once = c->count - 1;
    for (int i = 1; i < repeat; i++) {
        for (int k = 0; k < once; k++) {
            if (c->count == WORDS_MAX) {
                die("too many words in a command");
            }
            c->words[c->count++] = c->words[1 + k];
        }
    }
    if (c->count == 0) {
        die("an empty command");
    }
}

static size_t piece_bytes_max(const struct maker *m, const struct piece *p) {
    if (p->n > 0) {
        return p->n;
    }
    return p->draw == 'v' ? m->from.value_bytes : NUMBER_MAX;
}

static size_t command_bytes_max(const struct maker *m, const struct command *c) {
    size_t n = NUMBER_MAX;
    for (int i = 0; i < c->count; i++) {
        n += NUMBER_MAX + 4;
        for (int k = 0; k < c->words[i].count; k++) {
            n += piece_bytes_max(m, &c->words[i].pieces[k]);
        }
    }
    return n;
}

struct maker *maker_new(const char *words, int repeat, const struct make_from *from) {
    struct maker *m = calloc(1, sizeof *m);
    if (m == NULL || (m->text = strdup(words)) == NULL ||
        (m->value = malloc(from->value_bytes + 1)) == NULL) {
        die("no memory");
    }
    m->from = *from;
    m->random = from->seed;
    for (uint64_t i = 0; i < from->value_bytes; i++) {
        m->value[i] = (char)('a' + i % 26);
    }
    char *rest = NULL;
    for (char *c = strtok_r(m->text, ";", &rest); c != NULL; c = strtok_r(NULL, ";", &rest)) {
        if (m->command_count == COMMANDS_MAX) {
            die("too many commands in a workload");
        }
        struct command *command = &m->commands[m->command_count++];
        parse_command(command, c, repeat);
        size_t bytes = command_bytes_max(m, command);
        m->bytes_max = bytes > m->bytes_max ? bytes : m->bytes_max;
    }
    if (m->command_count == 0) {
        die("an empty workload");
    }
    return m;
}

void maker_free(struct maker *m) {
    for (int i = 0; i < m->command_count; i++) {
        free(m->commands[i].words);
    }
    free(m->text);
    free(m->value);
    free(m);
}

size_t maker_bytes_max(const struct maker *m) { return m->bytes_max; }

/* Decimal digits of n, at least `digits` of them. Returns how many. */
static size_t put_number(char *to, uint64_t n, size_t digits) {
    char back[NUMBER_MAX];
    size_t count = 0;
    do {
        back[count++] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0 || count < digits);
    for (size_t i = 0; i < count; i++) {
        to[i] = back[count - 1 - i];
    }
    return count;
}

static size_t put_draw(struct maker *m, char what, char *to) {
    switch (what) {
    case 'k':
        m->key = m->from.seed != 0 ? draw_below(m, m->from.keys) : m->next_key++ % m->from.keys;
        return put_number(to, m->key, KEY_DIGITS);
    case 's': return put_number(to, m->key, KEY_DIGITS);
    case 'b':
        return put_number(to, draw_below(m, m->from.value_bytes * 8 + (m->from.value_bytes == 0)),
                          1);
    case 't': {
        uint64_t spread = m->from.time_spread_ms > 0 ? (uint64_t)m->from.time_spread_ms : 1;
        return put_number(to, (uint64_t)m->from.time_ms + m->key % spread, 1);
    }
    default: memcpy(to, m->value, m->from.value_bytes); return m->from.value_bytes;
    }
}

/* A word of one piece can be written after its length only once that is known, so numbers go
 * to the side first; a value goes straight to its place. */
static size_t put_word(struct maker *m, const struct word *w, char *to) {
    char drawn[PIECES_MAX][NUMBER_MAX];
    size_t size[PIECES_MAX];
    size_t all = 0;
    for (int i = 0; i < w->count; i++) {
        const struct piece *p = &w->pieces[i];
        if (p->n > 0) {
            size[i] = p->n;
        } else if (p->draw == 'v') {
            size[i] = m->from.value_bytes;
        } else {
            size[i] = put_draw(m, p->draw, drawn[i]);
        }
        all += size[i];
    }
    char *start = to;
    *to++ = '$';
    to += put_number(to, all, 1);
    *to++ = '\r';
    *to++ = '\n';
    for (int i = 0; i < w->count; i++) {
        const struct piece *p = &w->pieces[i];
        if (p->n == 0 && p->draw == 'v') {
            to += put_draw(m, 'v', to);
        } else {
            memcpy(to, p->n > 0 ? p->p : drawn[i], size[i]);
            to += size[i];
        }
    }
    *to++ = '\r';
    *to++ = '\n';
    return (size_t)(to - start);
}

size_t maker_next(struct maker *m, char *to) {
    const struct command *c = &m->commands[m->turn];
    m->turn = m->turn + 1 == m->command_count ? 0 : m->turn + 1;
    char *start = to;
    *to++ = '*';
    to += put_number(to, (uint64_t)c->count, 1);
    *to++ = '\r';
    *to++ = '\n';
    for (int i = 0; i < c->count; i++) {
        to += put_word(m, &c->words[i], to);
    }
    return (size_t)(to - start);
}

void ring_init(struct ring *r, struct maker *m, size_t count) {
    size_t size = 0;
    size_t used = 0;
    r->count = count;
    r->bytes = NULL;
    r->at = malloc((count + 1) * sizeof *r->at);
    if (r->at == NULL) {
        die("no memory for %zu commands", count);
    }
    for (size_t i = 0; i < count; i++) {
        if (used + maker_bytes_max(m) > size) {
            size = size * 2 + maker_bytes_max(m);
            r->bytes = realloc(r->bytes, size);
            if (r->bytes == NULL) {
                die("no memory for %zu commands", count);
            }
        }
        r->at[i] = used;
        used += maker_next(m, r->bytes + used);
    }
    r->at[count] = used;
}

void ring_fini(struct ring *r) {
    free(r->bytes);
    free(r->at);
}
