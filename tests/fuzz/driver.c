/* driver.c - main() of every fuzz target: replays a corpus, then mutates and grows it.
 *
 * A target is one function, `int fuzz_one(const uint8_t *data, size_t size)`, that takes any
 * bytes and must neither crash, nor trip a sanitizer or an ASSERT, nor hang; its result is
 * ignored. The code under test is compiled with -fsanitize-coverage=trace-pc, this file
 * without, so that the edges counted are the target's own.
 *
 * F1  Before each run the input lies in a shared, file-backed mapping and its size in a shared
 *     page: whatever ends the child, the parent still has the input.
 * F2  The target gets a heap copy of the exact size, so that a sanitizer sees any overrun.
 * F3  With the same seed, corpus and number of runs, the same inputs are made.
 * Threads: one. Processes: the child runs inputs, the parent waits and judges.
 * Extended by: a line in mutators[].  See README for use.
 */
#define _GNU_SOURCE /* asprintf */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int fuzz_one(const uint8_t *data, size_t size);

enum {
    INPUT_BYTES_MAX = 1 << 20,
    MAP_SLOTS = 1 << 16,
    TOKEN_BYTES_MAX = 64,
    STACK_MAX = 8, /* mutations of one input */
};

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *fmt, ...) {
    va_list ap;
    fputs("fuzz: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    _exit(2);
}

static uint64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- coverage ---- */

/* How often each edge was taken in this run, and which were taken at all. */
static uint8_t edge_count[MAP_SLOTS];
static uint16_t touched[MAP_SLOTS];
static unsigned touched_count;
static uint32_t last_block;
/* Per edge, the classes of counts seen so far. */
static uint8_t edge_seen[MAP_SLOTS];

void __sanitizer_cov_trace_pc(void);
int main(int argc, char **argv);

/* Addresses count from main's, as the program is loaded elsewhere each time. */
__attribute__((no_sanitize("address", "undefined", "thread"))) void __sanitizer_cov_trace_pc(void) {
    uintptr_t pc = (uintptr_t)__builtin_return_address(0) - (uintptr_t)main;
    uint32_t block = (uint32_t)((pc * UINT64_C(0x9e3779b97f4a7c15)) >> 40);
    uint32_t slot = (block ^ last_block) % MAP_SLOTS;
    last_block = block >> 1;
    if (edge_count[slot] == 0) {
        touched[touched_count++] = (uint16_t)slot;
    }
    if (edge_count[slot] != UINT8_MAX) {
        edge_count[slot]++;
    }
}

/* 1, 2, 3, 4-7, 8-15, 16-31, 32-127 and more times are eight different things to see. */
static uint8_t count_class(uint8_t n) {
    if (n < 4) {
        return (uint8_t)(1 << (n - 1));
    }
    return n < 8 ? 8 : n < 16 ? 16 : n < 32 ? 32 : n < 128 ? 64 : 128;
}

/* Ends a run: whether it saw something new. *edges grows by the new edges. */
static bool coverage_take(uint64_t *edges) {
    bool fresh = false;
    for (unsigned i = 0; i < touched_count; i++) {
        unsigned slot = touched[i];
        uint8_t seen = count_class(edge_count[slot]);
        edge_count[slot] = 0;
        if ((edge_seen[slot] & seen) == 0) {
            *edges += edge_seen[slot] == 0;
            edge_seen[slot] |= seen;
            fresh = true;
        }
    }
    touched_count = 0;
    last_block = 0;
    return fresh;
}

/* ---- inputs ---- */

struct input {
    uint8_t *p;
    size_t n;
};

struct inputs {
    struct input *list;
    size_t count;
    size_t room;
};

static void inputs_add(struct inputs *all, const uint8_t *p, size_t n) {
    if (all->count == all->room) {
        all->room = all->room * 2 + 64;
        all->list = realloc(all->list, all->room * sizeof *all->list);
    }
    uint8_t *copy = malloc(n + 1);
    if (all->list == NULL || copy == NULL) {
        die("no memory for the corpus");
    }
    memcpy(copy, p, n);
    all->list[all->count++] = (struct input){copy, n};
}

static void inputs_free(struct inputs *all) {
    for (size_t i = 0; i < all->count; i++) {
        free(all->list[i].p);
    }
    free(all->list);
}

static void read_file(const char *path, struct inputs *to) {
    static uint8_t bytes[INPUT_BYTES_MAX];
    FILE *f = fopen(path, "rbe");
    if (f == NULL) {
        die("%s: %s", path, strerror(errno));
    }
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    inputs_add(to, bytes, n);
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* A file, or the files of a directory in the order of their names. */
static void read_path(const char *path, struct inputs *to) {
    struct stat st;
    if (stat(path, &st) != 0) {
        die("%s: %s", path, strerror(errno));
    }
    if (!S_ISDIR(st.st_mode)) {
        read_file(path, to);
        return;
    }
    struct dirent **names;
    int count = scandir(path, &names, NULL, by_name);
    for (int i = 0; i < count; i++) {
        char name[PATH_MAX];
        snprintf(name, sizeof name, "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.' && stat(name, &st) == 0 && S_ISREG(st.st_mode)) {
            read_file(name, to);
        }
        free(names[i]);
    }
    free(names);
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

/* The bytes between the first and the last quote of a line, with \xHH \r \n \t \\ \". */
static size_t unquote(const char *line, uint8_t *to) {
    const char *p = strchr(line, '"');
    const char *end = strrchr(line, '"');
    size_t n = 0;
    for (p = p == NULL ? end : p + 1; p < end && n < TOKEN_BYTES_MAX; p++) {
        if (*p != '\\' || p + 1 >= end) {
            to[n++] = (uint8_t)*p;
            continue;
        }
        p++;
        if (*p == 'x' && p + 2 < end + 1 && hex_digit(p[1]) >= 0 && hex_digit(p[2]) >= 0) {
            to[n++] = (uint8_t)(hex_digit(p[1]) * 16 + hex_digit(p[2]));
            p += 2;
        } else {
            to[n++] = (uint8_t)(*p == 'r' ? '\r' : *p == 'n' ? '\n' : *p == 't' ? '\t' : *p);
        }
    }
    return n;
}

/* A dictionary: lines of "token" or name="token"; '#' starts a comment line. */
static void read_dict(const char *path, struct inputs *to) {
    char line[512];
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        die("%s: %s", path, strerror(errno));
    }
    while (fgets(line, sizeof line, f) != NULL) {
        uint8_t token[TOKEN_BYTES_MAX];
        size_t n = line[0] == '#' ? 0 : unquote(line, token);
        if (n > 0) {
            inputs_add(to, token, n);
        }
    }
    fclose(f);
}

/* ---- mutations ---- */

struct mutant {
    uint8_t *p; /* size_max bytes long */
    size_t n;
    size_t size_max;
    uint64_t random;
    const struct inputs *corpus;
    const struct inputs *dict;
};

static uint64_t draw(struct mutant *m, uint64_t bound) {
    uint64_t z = (m->random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return bound == 0 ? 0 : (z ^ (z >> 31)) % bound;
}

/* Puts n bytes in the place of `old` bytes at `at`, as far as the size limit lets it. */
static void replace(struct mutant *m, size_t at, size_t old, const uint8_t *p, size_t n) {
    size_t room = m->size_max - (m->n - old);
    n = n < room ? n : room;
    memmove(m->p + at + n, m->p + at + old, m->n - at - old);
    memcpy(m->p + at, p, n);
    m->n = m->n - old + n;
}

static void put(struct mutant *m, const uint8_t *p, size_t n) {
    size_t at = draw(m, m->n + 1);
    bool over = draw(m, 2) != 0;
    replace(m, at, over ? (n < m->n - at ? n : m->n - at) : 0, p, n);
}

static void flip_bit(struct mutant *m) {
    if (m->n > 0) {
        m->p[draw(m, m->n)] ^= (uint8_t)(1u << draw(m, 8));
    }
}

static void set_byte(struct mutant *m) {
    uint8_t byte = (uint8_t)draw(m, 256);
    put(m, &byte, 1);
}

/* A short run more often than a long one. */
static size_t run_length(struct mutant *m, size_t most) {
    size_t bound = draw(m, 4) == 0 ? most : most < 16 ? most : 16;
    return most == 0 ? 0 : 1 + draw(m, bound);
}

static void drop_run(struct mutant *m) {
    size_t at = draw(m, m->n);
    replace(m, at, run_length(m, m->n - at), m->p, 0);
}

static void copy_run(struct mutant *m) {
    uint8_t run[256];
    size_t at = draw(m, m->n);
    size_t n = run_length(m, m->n - at);
    n = n < sizeof run ? n : sizeof run;
    memcpy(run, m->p + at, n);
    put(m, run, n);
}

static void put_token(struct mutant *m) {
    if (m->dict->count > 0) {
        const struct input *token = &m->dict->list[draw(m, m->dict->count)];
        put(m, token->p, token->n);
    }
}

static const char *odd_number(struct mutant *m) {
    static const char *const odd[] = {"0",
                                      "-0",
                                      "1",
                                      "-1",
                                      "-2",
                                      "00",
                                      "+1",
                                      "10",
                                      "127",
                                      "128",
                                      "255",
                                      "256",
                                      "1023",
                                      "1024",
                                      "32767",
                                      "32768",
                                      "65535",
                                      "65536",
                                      "1048576",
                                      "1048577",
                                      "16777216",
                                      "536870912",
                                      "536870913",
                                      "2147483647",
                                      "2147483648",
                                      "-2147483648",
                                      "4294967295",
                                      "4294967296",
                                      "9223372036854775807",
                                      "9223372036854775808",
                                      "-9223372036854775808",
                                      "-9223372036854775809",
                                      "18446744073709551615",
                                      "18446744073709551616",
                                      "99999999999999999999999",
                                      "1e308",
                                      "1.5",
                                      "-inf",
                                      "nan",
                                      ""};
    return odd[draw(m, sizeof odd / sizeof *odd)];
}

static void put_number(struct mutant *m) {
    const char *text = odd_number(m);
    put(m, (const uint8_t *)text, strlen(text));
}

static void put_binary_number(struct mutant *m) {
    static const uint64_t odd[] = {0,          1,           0x7f,       0x80,
                                   0xff,       0x100,       0x7fff,     0x8000,
                                   0xffff,     0x10000,     0x7fffffff, 0x80000000,
                                   0xffffffff, 0x100000000, INT64_MAX,  UINT64_C(1) << 63,
                                   UINT64_MAX};
    uint64_t v = odd[draw(m, sizeof odd / sizeof *odd)] + draw(m, 3) - 1;
    size_t n = (size_t)1 << draw(m, 4);
    bool big = draw(m, 2) != 0;
    uint8_t bytes[8];
    for (size_t i = 0; i < n; i++) {
        bytes[big ? n - 1 - i : i] = (uint8_t)(v >> (8 * i));
    }
    put(m, bytes, n);
}

/* Another number where one in digits stands. */
static void change_number(struct mutant *m) {
    size_t from = draw(m, m->n);
    while (from < m->n && (m->p[from] < '0' || m->p[from] > '9')) {
        from++;
    }
    size_t to = from;
    while (to < m->n && m->p[to] >= '0' && m->p[to] <= '9') {
        to++;
    }
    const char *text = odd_number(m);
    if (to > from) {
        replace(m, from, to - from, (const uint8_t *)text, strlen(text));
    }
}

/* Line ends come, go, or lose a half. */
static void break_line(struct mutant *m) {
    static const char *const ends[] = {"\r\n", "\r", "\n", "\r\r\n", "\n\r", ""};
    const char *end = ends[draw(m, sizeof ends / sizeof *ends)];
    size_t at = draw(m, m->n);
    const uint8_t *line = m->n == 0 ? NULL : memchr(m->p + at, '\r', m->n - at);
    if (line == NULL || draw(m, 4) == 0) {
        put(m, (const uint8_t *)end, strlen(end));
        return;
    }
    at = (size_t)(line - m->p);
    replace(m, at, m->n - at < 2 ? 1 : 1 + draw(m, 2), (const uint8_t *)end, strlen(end));
}

static void splice_other(struct mutant *m) {
    const struct input *other = &m->corpus->list[draw(m, m->corpus->count)];
    size_t from = draw(m, other->n);
    size_t n = run_length(m, other->n - from);
    size_t at = draw(m, m->n + 1);
    replace(m, at, draw(m, 2) != 0 ? 0 : m->n - at, other->p + from, n);
}

static void cut_end(struct mutant *m) { m->n = draw(m, m->n + 1); }

static void (*const mutators[])(struct mutant *) = {
    flip_bit,   set_byte,          drop_run,      copy_run,   put_token,    put_token,
    put_number, put_binary_number, change_number, break_line, splice_other, cut_end,
};

/* A new input in m->p, made from the corpus, its younger members before the older ones. */
static void mutate(struct mutant *m) {
    size_t a = draw(m, m->corpus->count);
    size_t b = draw(m, m->corpus->count);
    const struct input *from = &m->corpus->list[a > b ? a : b];
    m->n = from->n < m->size_max ? from->n : m->size_max;
    memcpy(m->p, from->p, m->n);
    for (uint64_t i = 1 + draw(m, STACK_MAX); i > 0; i--) {
        mutators[draw(m, sizeof mutators / sizeof *mutators)](m);
    }
}

/* ---- the child: runs inputs ---- */

/* What child and parent share. */
struct shared {
    uint64_t runs;
    uint64_t edges;
    uint64_t finds; /* inputs that mutation added to the corpus */
    uint64_t corpus;
    size_t size; /* of the input that is running */
    bool done;   /* all that was asked for was run */
};

struct job {
    int (*target)(const uint8_t *data, size_t size);
    struct inputs given;
    struct inputs dict;
    double seconds;
    uint64_t runs;
    uint64_t seed;
    size_t size_max;
    unsigned hang_s;
    const char *save; /* directory for the finds, or NULL */
    bool quiet;       /* the child's reports go nowhere */
    char *input_path;
    uint8_t *input; /* INPUT_BYTES_MAX bytes, mapped from input_path */
    struct shared *shared;
};

static bool run_input(struct job *job, const uint8_t *p, size_t n) {
    memcpy(job->input, p, n);
    job->shared->size = n;
    uint8_t *copy = malloc(n);
    if (copy == NULL && n > 0) {
        die("no memory for an input");
    }
    memcpy(copy, p, n);
    coverage_take(&job->shared->edges);
    job->target(copy, n);
    bool fresh = coverage_take(&job->shared->edges);
    free(copy);
    job->shared->runs++;
    return fresh;
}

static uint64_t name_of(const uint8_t *p, size_t n) {
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n; i++) {
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    }
    return h;
}

static void save_find(const struct job *job, const uint8_t *p, size_t n) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%016" PRIx64, job->save, name_of(p, n));
    FILE *f = fopen(path, "wbe");
    if (f == NULL || fwrite(p, 1, n, f) != n || fclose(f) != 0) {
        die("%s: %s", path, strerror(errno));
    }
}

static void run_mutants(struct job *job, struct inputs *corpus) {
    struct mutant m = {.size_max = job->size_max,
                       .random = job->seed,
                       .corpus = corpus,
                       .dict = &job->dict,
                       .p = malloc(job->size_max)};
    uint64_t end = job->seconds > 0 ? now_ms() + (uint64_t)(job->seconds * 1000) : UINT64_MAX;
    uint64_t most = job->runs > 0 ? job->runs : UINT64_MAX;
    if (m.p == NULL) {
        die("no memory for an input");
    }
    for (uint64_t i = 0; i < most && now_ms() < end; i++) {
        mutate(&m);
        if (run_input(job, m.p, m.n)) {
            inputs_add(corpus, m.p, m.n);
            job->shared->finds++;
            job->shared->corpus = corpus->count;
            if (job->save != NULL) {
                save_find(job, m.p, m.n);
            }
        }
    }
    free(m.p);
}

/* The given inputs all belong to the corpus; without one there is the empty input. */
static void child(struct job *job) {
    struct inputs corpus = {0};
    for (size_t i = 0; i < job->given.count; i++) {
        const struct input *in = &job->given.list[i];
        run_input(job, in->p, in->n);
        inputs_add(&corpus, in->p, in->n);
    }
    if (corpus.count == 0) {
        inputs_add(&corpus, (const uint8_t *)"", 0);
        run_input(job, (const uint8_t *)"", 0);
    }
    job->shared->corpus = corpus.count;
    if (job->seconds > 0 || job->runs > 0) {
        run_mutants(job, &corpus);
    }
    job->shared->done = true;
    inputs_free(&corpus);
    inputs_free(&job->given);
    inputs_free(&job->dict);
}

/* ---- the parent: waits and judges ---- */

static void *map_shared(int fd, size_t n) {
    void *p =
        mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
    if (p == MAP_FAILED) {
        die("mmap: %s", strerror(errno));
    }
    return p;
}

static void map_input(struct job *job, const char *program) {
    if (asprintf(&job->input_path, "%s.input-%d", program, (int)getpid()) < 0) {
        die("no memory");
    }
    int fd = open(job->input_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || ftruncate(fd, INPUT_BYTES_MAX) != 0) {
        die("%s: %s", job->input_path, strerror(errno));
    }
    job->input = map_shared(fd, INPUT_BYTES_MAX);
    job->shared = map_shared(-1, sizeof *job->shared);
    close(fd);
}

/* The child's status; a child that makes no progress for hang_s seconds is killed. */
static int wait_child(const struct job *job, pid_t pid, bool *hung) {
    uint64_t runs = 0;
    uint64_t since = now_ms();
    int status;
    *hung = false;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        const volatile uint64_t *seen = &job->shared->runs;
        if (*seen != runs) {
            runs = *seen;
            since = now_ms();
        } else if (now_ms() - since > job->hang_s * 1000ull) {
            *hung = true;
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            break;
        }
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    }
    return status;
}

/* Keeps the input that was running under a name of its own, in *kept. */
static void keep_input(const struct job *job, const char *program, char **kept) {
    if (asprintf(kept, "%s.crash-%016" PRIx64, program, name_of(job->input, job->shared->size)) <
            0 ||
        truncate(job->input_path, (off_t)job->shared->size) != 0 ||
        rename(job->input_path, *kept) != 0) {
        die("cannot keep the input: %s", strerror(errno));
    }
}

/* Runs the job in a child. 0, or 1 with the failing input's file (the caller's to free) in
 * *kept, or with NULL there if it failed after its last input, as a leak does. */
static int run_job(struct job *job, const char *program, char **kept) {
    bool hung;
    *kept = NULL;
    map_input(job, program);
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        die("fork: %s", strerror(errno));
    }
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (job->quiet && freopen("/dev/null", "w", stderr) == NULL) {
            die("/dev/null: %s", strerror(errno));
        }
        child(job);
        exit(0);
    }
    int status = wait_child(job, pid, &hung);
    if (status != 0) {
        if (WIFSIGNALED(status)) {
            printf("%s after %" PRIu64 " runs", hung ? "hang" : strsignal(WTERMSIG(status)),
                   job->shared->runs);
        } else {
            printf("exit status %d after %" PRIu64 " runs", WEXITSTATUS(status), job->shared->runs);
        }
        if (!job->shared->done) {
            keep_input(job, program, kept);
        }
        printf(", seed %" PRIu64 ", input: %s\n", job->seed, *kept ? *kept : "none (at the end)");
    }
    unlink(job->input_path);
    free(job->input_path);
    munmap(job->input, INPUT_BYTES_MAX);
    return status != 0;
}

/* ---- a case that must fail ---- */

static int faulty_abort(const uint8_t *data, size_t size) {
    if (size > 4 && data[0] == '*' && memchr(data, '\r', size) != NULL) {
        abort();
    }
    return 0;
}

static int faulty_hang(const uint8_t *data, size_t size) {
    for (const volatile uint8_t *p = data; size > 2 && *p == '*';) {
    }
    return 0;
}

#ifdef __SANITIZE_ADDRESS__
static int faulty_overrun(const uint8_t *data, size_t size) {
    const volatile uint8_t *end = data + size;
    return size > 2 ? *end : 0;
}
#endif

/* Whether mutation finds the fault of a target, and the input that is kept shows it again. */
static bool finds_fault(const char *program, int (*target)(const uint8_t *data, size_t size)) {
    struct job search = {
        .target = target, .runs = 1000000, .seed = 1, .size_max = 64, .hang_s = 1, .quiet = true};
    struct job replay = {.target = target, .seed = 1, .size_max = 64, .hang_s = 1, .quiet = true};
    char *kept;
    char *again = NULL;
    inputs_add(&search.given, (const uint8_t *)"*1", 2);
    if (run_job(&search, program, &kept) != 0 && kept != NULL) {
        read_file(kept, &replay.given);
        run_job(&replay, program, &again);
        unlink(kept);
    }
    bool found = again != NULL;
    free(kept);
    free(again);
    inputs_free(&search.given);
    inputs_free(&replay.given);
    return found;
}

static int must_fail(const char *program) {
    static const struct {
        const char *name;
        int (*target)(const uint8_t *data, size_t size);
    } cases[] = {
        {"abort", faulty_abort},
        {"hang", faulty_hang},
#ifdef __SANITIZE_ADDRESS__
        {"overrun", faulty_overrun},
#endif
    };
    int missed = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool found = finds_fault(program, cases[i].target);
        printf("must fail: %s: %s\n", cases[i].name, found ? "found and reproduced" : "MISSED");
        missed += !found;
    }
    return missed > 0;
}

/* ---- command line ---- */

static void print_help(const char *program) {
    printf("usage: %s [FILE|DIRECTORY ...] [options]\n"
           "Runs the given inputs, then, with --seconds or --runs, mutations of them.\n"
           "  --seconds N, --runs N  how long, how many\n"
           "  --seed N               the same inputs again (default: from the clock)\n"
           "  --dict FILE            tokens, one \"quoted\" a line\n"
           "  --max-len N            bytes of an input (4096)\n"
           "  --timeout N            seconds after which a run hangs (20)\n"
           "  --save DIR             keep there the inputs that reach something new\n"
           "  --must-fail            check that faults are found\n"
           "A failing input is kept beside the program, under the name that is printed.\n",
           program);
}

static double number(const char *text, double most) {
    char *end;
    double n = strtod(text, &end);
    if (end == text || *end != '\0' || !(n > 0 && n <= most)) {
        die("not a number above 0 and up to %.0f: %s", most, text);
    }
    return n;
}

/* Whether the faults that must be found are asked for instead of a run. */
static bool parse(struct job *job, int argc, char **argv) {
    static const struct option longs[] = {
        {"seconds", required_argument, NULL, 's'}, {"runs", required_argument, NULL, 'r'},
        {"seed", required_argument, NULL, 'e'},    {"dict", required_argument, NULL, 'd'},
        {"max-len", required_argument, NULL, 'm'}, {"timeout", required_argument, NULL, 't'},
        {"save", required_argument, NULL, 'o'},    {"must-fail", no_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
    bool failing = false;
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        switch (c) {
        case 's': job->seconds = number(optarg, 1e9); break;
        case 'r': job->runs = (uint64_t)number(optarg, 1e15); break;
        case 'e': job->seed = (uint64_t)number(optarg, 1e15); break;
        case 'd': read_dict(optarg, &job->dict); break;
        case 'm': job->size_max = (size_t)number(optarg, INPUT_BYTES_MAX); break;
        case 't': job->hang_s = (unsigned)number(optarg, 86400); break;
        case 'o': job->save = optarg; break;
        case 'f': failing = true; break;
        case 'h': print_help(argv[0]); exit(0);
        default: exit(2);
        }
    }
    for (int i = optind; i < argc; i++) {
        read_path(argv[i], &job->given);
    }
    return failing;
}

int main(int argc, char **argv) {
    struct job job = {.target = fuzz_one,
                      .seed = (uint64_t)time(NULL) * 1000 + (uint64_t)getpid() % 1000,
                      .size_max = 4096,
                      .hang_s = 20};
    char *kept;
    if (parse(&job, argc, argv)) {
        return must_fail(argv[0]);
    }
    uint64_t start = now_ms();
    int status = run_job(&job, argv[0], &kept);
    const struct shared *s = job.shared;
    double seconds = (double)(now_ms() - start) / 1000;
    printf("%s: runs=%" PRIu64 " runs_per_s=%.0f seed=%" PRIu64 " corpus=%" PRIu64 " finds=%" PRIu64
           " edges=%" PRIu64 "\n",
           argv[0], s->runs, (double)s->runs / (seconds > 0.001 ? seconds : 0.001), job.seed,
           s->corpus, s->finds, s->edges);
    if (kept != NULL) {
        printf("again: %s %s\n", argv[0], kept);
    }
    free(kept);
    inputs_free(&job.given);
    inputs_free(&job.dict);
    return status;
}
