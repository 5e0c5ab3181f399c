/* scripts.h - what commands ask of scripts: EVAL's cache, libraries of functions, who runs.
 *
 * The texts of errors and the forms of replies are made here where the running of a script makes
 * them; arguments are parsed by commands/.
 * Threads: the loop; what is flushed is freed by a worker.
 */
#ifndef SCRIPT_SCRIPTS_H
#define SCRIPT_SCRIPTS_H

#include "core/exec.h"

struct scripts;

/* Interpreters are made when the first script comes. */
struct scripts *scripts_new(struct core *core);
void scripts_free(struct scripts *sc);

/* -- running ---------------------------------------------------------------------------- */

/* The arguments of a call: keys first, then the others. */
struct script_call {
    const struct slice *argv; /* keys */
    int keys, args;           /* args follow the keys */
    bool read_only;           /* one of the _RO commands */
};

/* Runs a text, compiled or found. Replies, now or in a later turn. */
void scripts_eval(struct ctx *c, struct slice text, const struct script_call *call);
#define SCRIPT_SHA_BYTES 40
/* By SHA1 digits; replies NOSCRIPT if it is not there. */
void scripts_evalsha(struct ctx *c, struct slice sha, const struct script_call *call);
/* Whether there is a function of the name; replies that there is none. */
bool scripts_has_function(struct ctx *c, struct slice name);
/* A function of a library, which is there. */
void scripts_fcall(struct ctx *c, struct slice name, const struct script_call *call);

/* Whether it says of itself that it writes nothing (no-writes): a text, which may be unknown; a
 * script by its digits; a function. False if there is none. */
bool scripts_text_only_reads(struct scripts *sc, struct slice text);
bool scripts_sha_only_reads(struct scripts *sc, struct slice sha);
bool scripts_function_only_reads(struct scripts *sc, struct slice name);

/* SCRIPT KILL, FUNCTION KILL. */
void scripts_kill(struct ctx *c, bool function);

/* -- the cache of EVAL ------------------------------------------------------------------- */

void scripts_load(struct ctx *c, struct slice text);
bool scripts_exists(struct scripts *sc, struct slice sha);
/* The text of a script, NULL p if it is not there. */
struct slice scripts_text(struct scripts *sc, struct slice sha);
void scripts_flush(struct scripts *sc);

/* -- libraries ---------------------------------------------------------------------------- */

void functions_load(struct ctx *c, struct slice code, bool replace);
/* False if there is none of the name. */
bool functions_delete(struct scripts *sc, struct slice library);
/* pattern.p NULL: all. */
void functions_list(struct ctx *c, struct slice pattern, bool with_code);
void functions_stats(struct ctx *c);
void functions_flush(struct scripts *sc);
void functions_dump(struct ctx *c);
enum functions_policy { FUNCTIONS_APPEND, FUNCTIONS_FLUSH, FUNCTIONS_REPLACE };
void functions_restore(struct ctx *c, struct slice payload, enum functions_policy policy);

#endif
