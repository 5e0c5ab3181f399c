/* run.h - a script that runs, and what all of script/ shares. Private to this directory.
 *
 * A command's work with an interpreter is a body: it pushes, calls and replies. If Lua code takes
 * longer than a slice it stops and the command goes on in later turns (core/ongoing.h); a body must
 * not use its command's arguments after that. Within EXEC it is a part of that command.
 *
 * R1  A script that touches a key which it has not declared tells core/ongoing before
 *     (ongoing_stray). Keys are compared by their hashes, as lanes do.
 */
#ifndef SCRIPT_RUN_H
#define SCRIPT_RUN_H

#include "base/list.h"
#include "base/table.h"
#include "script/scripts.h"
#include "script/vm.h"

/* What a script declares of itself, the flags of "#!lua flags=". */
enum script_flag {
    SCRIPT_NO_WRITES = 1 << 0,
    SCRIPT_ALLOW_OOM = 1 << 1,
    SCRIPT_ALLOW_STALE = 1 << 2,
    SCRIPT_NO_CLUSTER = 1 << 3,
    SCRIPT_ALLOW_CROSS_SLOT = 1 << 4,
    SCRIPT_COMPAT = 1 << 5, /* declares nothing: no shebang */
};

#define SCRIPT_NAME_BYTES_MAX 256

struct run {
    struct scripts *sc;
    struct vm *vm;
    void (*body)(struct run *r);
    void *arg; /* the body's */
    struct reply *r;
    const struct script_call *call;
    const struct request *within; /* EXEC's, of which this is a part; NULL: a command of its own */
    uint64_t begun;               /* ticks */
    uint64_t load_deadline;       /* ticks; 0: no library is being loaded */
    uint64_t *declared;           /* hashes of the keys, in order */
    size_t declared_count, declared_room;
    uint32_t flags;      /* script_flag */
    bool read_only;      /* may not write */
    bool out_of_memory;  /* maxmemory was exceeded when it began */
    const char *no_disk; /* why writes were refused then, or NULL */
    bool written;
    bool killed;
    int ref; /* of the Lua function */
    char name[SCRIPT_NAME_BYTES_MAX];
};

/* The others have their turn if it is theirs. */
void run_rest(struct run *r);

/* Whether the script that runs is being ended, so that no more of its code is to run. */
bool run_is_ending(const struct vm *vm);

struct library;

struct scripts {
    struct core *core;
    struct vm *eval, *functions; /* NULL until used */
    struct session inner;        /* runs the commands of scripts */
    struct reply_place inner_start;
    struct undo *undo; /* NULL until script-rollback is used */
    struct run run;    /* run.vm->run points here while it runs */
    struct table by_text, by_sha;
    struct list recent;        /* scripts that only EVAL brought, the one longest unused first */
    struct library *libraries; /* chained; see library.c */
    struct table by_function;  /* their functions, by lower-case name */
    struct library *loading;
};

extern const struct table_ops eval_text_ops, eval_sha_ops, function_ops;

/* For tables whose items have no expiry. */

/* The interpreters, made on demand. */
struct vm *scripts_eval_vm(struct scripts *sc);
struct vm *scripts_function_vm(struct scripts *sc);

/* Frees an interpreter on a worker. */
void scripts_discard_vm(struct scripts *sc, struct vm *vm);

/* Runs a body, to its end or beyond the handler's. What else run_call sets in sc->run is there. */
void run_body(struct scripts *sc, struct ctx *c, struct vm *vm, void (*body)(struct run *r),
              void *arg);

/* Runs the Lua function `ref` with the call's keys and arguments as a command's only work. `name`
 * is what errors call it by. Checks first whether the flags let it; replies. */
struct run_call {
    struct slice name;
    int ref;
    uint32_t flags;
};
void run_call(struct scripts *sc, struct ctx *c, struct vm *vm, const struct run_call *f,
              const struct script_call *call);

/* Calls what vm_compile left (or any function and its argc arguments) and returns Lua's status;
 * the result, or the error table, is left. For bodies. */
int run_protected(struct run *r, int argc);

/* What others are told if they are refused for its sake. */
const char *run_busy_text(const struct run *r);

/* Whether the command touches only keys that the script has declared. Cost: about nothing for one
 * key. */
bool run_declares(struct run *r, const struct request *req);

/* Parses "#!lua key=value ...\n". See shebang.c. */
struct shebang {
    struct slice engine;
    struct slice words[8]; /* key=value */
    int count;
    size_t bytes; /* up to the line's end */
    char storage[1024];
};
enum shebang_result { SHEBANG_NONE, SHEBANG_OK, SHEBANG_NO_LINE_END, SHEBANG_BAD };
enum shebang_result shebang_parse(struct slice text, struct shebang *out);

/* The flag of a name, 0 if there is none; the name of the i-th flag, NULL behind the last. */
uint32_t script_flag_of(struct slice name);
const char *script_flag_name(unsigned i);

/* Frees the script cache's items; library.c's likewise. */
void eval_drop_all(struct scripts *sc);
void library_drop_all(struct scripts *sc);

#endif
