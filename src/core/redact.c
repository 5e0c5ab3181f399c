/* redact.c - see redact.h. */
#include "core/redact.h"

#include "core/config.h"

static const struct {
    const char *command;
    enum redact_rule rule;
} rules[] = {
    {"auth", REDACT_ALL},
    {"hello", REDACT_AFTER_AUTH},
    {"config|set", REDACT_SECRET_VALUE},
};

enum redact_rule redact_rule(const struct row_table *rows, const struct row *row) {
    char buf[ROW_FULL_NAME_BYTES_MAX];
    const char *name = row_full_name(rows, row, buf);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (strcmp(name, rules[i].command) == 0) return rules[i].rule;
    }
    return REDACT_NOTHING;
}

static bool hides(enum redact_rule rule, const struct slice *argv, int i) {
    switch (rule) {
    case REDACT_ALL: return i >= 1;
    case REDACT_AFTER_AUTH:
        return (i >= 2 && slice_is(argv[i - 1], "auth")) ||
               (i >= 3 && slice_is(argv[i - 2], "auth"));
    case REDACT_SECRET_VALUE: return i >= 3 && i % 2 && config_is_secret(argv[i - 1]);
    default: return false;
    }
}

struct slice redact_argument(enum redact_rule rule, const struct slice *argv, int i) {
    return hides(rule, argv, i) ? slice_cstr(REDACT_TEXT) : argv[i];
}
