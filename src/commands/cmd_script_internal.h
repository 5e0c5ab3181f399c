/* cmd_script_internal.h - what the commands of scripts and of functions share. */
#ifndef COMMANDS_CMD_SCRIPT_INTERNAL_H
#define COMMANDS_CMD_SCRIPT_INTERNAL_H

#include "script/scripts.h"

/* The number of keys in argument 2 and what follows; replies `not_int`, or another error, and
 * returns false if it is none. */
bool script_parse_call(struct ctx *c, const char *not_int, bool read_only,
                       struct script_call *call);

#define SCRIPT_KEYS_NOTE(verb)                                                                     \
    "What a script does to its keys is not known: " verb " is assumed of all of them"

#define SCRIPT_KEYS(text, bits)                                                                    \
    {                                                                                              \
        .notes = text, .flags = bits, .begin = BEGIN_INDEX, .index = 2, .find = FIND_KEYNUM,       \
        .keynum = 0, .first_key = 1, .key_step = 1                                                 \
    }

#define SCRIPT_FLAGS                                                                               \
    (ROW_NOSCRIPT | ROW_STALE | ROW_SKIP_MONITOR | ROW_NO_MANDATORY_KEYS | ROW_MOVABLEKEYS |       \
     ROW_NOT_BESIDE)

#endif
