/* arity_test.c - cases generated from what the server says of its own commands.
 *
 * COMMAND tells each command's and subcommand's arity: one word less, and one more where
 * the number is fixed, has to give the arity error and to do nothing. COMMAND DOCS tells
 * the arguments: from them one valid call per command is made, and run against a key of
 * every other type, which has to give WRONGTYPE.
 * A new family needs nothing here but, for a new type, a row in `types`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "replies.h"
#include "support/client.h"
#include "support/suite.h"

#define WORDS_MAX 64
#define WORD_BYTES 64

static struct server *server;
static redisContext *c;

struct call {
    char words[WORDS_MAX][WORD_BYTES];
    size_t n;
};

static void add_word(struct call *call, const char *word) {
    CU_ASSERT_FATAL(call->n < WORDS_MAX);
    snprintf(call->words[call->n++], WORD_BYTES, "%s", word);
}

static redisReply *run(const struct call *call) {
    const char *argv[WORDS_MAX];
    for (size_t i = 0; i < call->n; i++) argv[i] = call->words[i];
    redisReply *r = redisCommandArgv(c, (int)call->n, argv, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    return r;
}

static void print_call(const struct call *call, const redisReply *r) {
    char *text = client_text(r);
    for (size_t i = 0; i < call->n; i++) fprintf(stderr, "%s ", call->words[i]);
    fprintf(stderr, "-> %.200s\n", text);
    free(text);
}

/* The command's name as words ("config|get" is two), filled up with n words in all. */
static void make_call(struct call *call, const char *name, size_t n) {
    char part[WORD_BYTES];
    call->n = 0;
    snprintf(part, sizeof part, "%s", name);
    char *bar = strchr(part, '|');
    if (bar) *bar = 0;
    add_word(call, part);
    if (bar) add_word(call, bar + 1);
    while (call->n < n) add_word(call, "k");
}

/* Arity */

static void expect_arity_error(const char *name, size_t words) {
    struct call call;
    char want[200];
    make_call(&call, name, words);
    if (call.n != words) return;
    redisReply *r = run(&call);
    snprintf(want, sizeof want, "ERR wrong number of arguments for '%s' command", name);
    /* EXEC says it in an error that ends the transaction. */
    bool ok = r->type == REDIS_REPLY_ERROR && strstr(r->str, want + strlen("ERR ")) &&
              (!strcmp(r->str, want) || !strcmp(name, "exec"));
    if (!ok) print_call(&call, r);
    CU_ASSERT(ok);
    freeReplyObject(r);
}

/* `info` is one element of COMMAND's reply; its last holds the subcommands. */
static size_t check_arity(const redisReply *info) {
    const char *name = info->element[0]->str;
    long long arity = info->element[1]->integer;
    size_t least = (size_t)(arity < 0 ? -arity : arity);
    size_t checked = 1;
    CU_ASSERT(least >= 1);
    if (least > 1) expect_arity_error(name, least - 1);
    if (arity > 0) expect_arity_error(name, least + 1);
    const redisReply *subcommands = info->element[9];
    for (size_t i = 0; i < subcommands->elements; i++)
        checked += check_arity(subcommands->element[i]);
    return checked;
}

static void arity_of_all_commands(void) {
    expect_ok(c, "FLUSHALL");
    expect_ok(c, "SET k v");
    redisReply *all = cmd(c, "COMMAND");
    size_t checked = 0;
    for (size_t i = 0; i < all->elements; i++) checked += check_arity(all->element[i]);
    CU_ASSERT(checked > 100);
    freeReplyObject(all);
    expect_int(c, 1, "DBSIZE");
    expect_str(c, "v", "GET k");
    expect_int(c, -1, "TTL k");
}

static void unknown_names(void) {
    expect_err(c, "ERR unknown command 'nosuch', with args beginning with: 'a' 'b' ", "nosuch a b");
    expect_err(c, "ERR unknown command 'nosuch', with args beginning with: ", "nosuch");
    redisReply *all = cmd(c, "COMMAND");
    for (size_t i = 0; i < all->elements; i++) {
        const redisReply *info = all->element[i];
        if (info->element[9]->elements == 0) continue;
        char want[200];
        const char *name = info->element[0]->str;
        char upper[WORD_BYTES] = "";
        for (size_t k = 0; name[k] && k + 1 < sizeof upper; k++)
            upper[k] = name[k] >= 'a' && name[k] <= 'z' ? (char)(name[k] - 32) : name[k];
        snprintf(want, sizeof want, "ERR unknown subcommand 'nosuch'. Try %s HELP.", upper);
        expect_err(c, want, "%s nosuch", name);
        if (strcmp(name, "himport") == 0) { /* which has no HELP in Redis either */
            expect_err(c, "ERR unknown subcommand 'HELP'. Try HIMPORT HELP.", "HIMPORT HELP");
            continue;
        }
        redisReply *help = cmd(c, "%s HELP", name);
        bool off = help->type == REDIS_REPLY_ERROR && strstr(help->str, "support disabled");
        CU_ASSERT(off || (help->type == REDIS_REPLY_ARRAY && help->elements > 2));
        freeReplyObject(help);
    }
    freeReplyObject(all);
}

/* What COMMAND and COMMAND DOCS say must go together. */

/* hiredis 0.14 gives up on replies as deep as those of COMMAND DOCS: they come over a plain
 * stream of their own, into the same structure. */
static FILE *docs_stream;

static redisReply *read_reply(void) {
    char line[4096];
    redisReply *r = calloc(1, sizeof *r);
    CU_ASSERT_PTR_NOT_NULL_FATAL(fgets(line, sizeof line, docs_stream));
    long long n = atoll(line + 1);
    line[strcspn(line, "\r\n")] = 0;
    if (*line == ':') {
        r->type = REDIS_REPLY_INTEGER;
        r->integer = n;
    } else if (*line == '*') {
        r->type = REDIS_REPLY_ARRAY;
        r->elements = (size_t)n;
        r->element = calloc(r->elements + 1, sizeof *r->element);
        for (size_t i = 0; i < r->elements; i++) r->element[i] = read_reply();
    } else if (*line == '$') {
        r->type = REDIS_REPLY_STRING;
        r->len = (size_t)n;
        r->str = calloc(1, r->len + 3);
        CU_ASSERT_EQUAL_FATAL(fread(r->str, 1, r->len + 2, docs_stream), r->len + 2);
        r->str[r->len] = 0;
    } else {
        r->type = *line == '-' ? REDIS_REPLY_ERROR : REDIS_REPLY_STATUS;
        r->str = strdup(line + 1);
        r->len = strlen(r->str);
    }
    return r;
}

static redisReply *docs_of(const char *name) {
    fprintf(docs_stream, "COMMAND DOCS %s\r\n", name);
    fflush(docs_stream);
    return read_reply();
}

static const redisReply *doc_field(const redisReply *doc, const char *field) {
    for (size_t i = 0; i + 1 < doc->elements; i += 2)
        if (!strcmp(doc->element[i]->str, field)) return doc->element[i + 1];
    return NULL;
}

static void every_command_is_documented(void) {
    redisReply *all = cmd(c, "COMMAND");
    for (size_t i = 0; i < all->elements; i++) {
        const char *name = all->element[i]->element[0]->str;
        redisReply *docs = docs_of(name);
        CU_ASSERT_EQUAL_FATAL(docs->elements, 2);
        CU_ASSERT_STRING_EQUAL(docs->element[0]->str, name);
        const redisReply *doc = docs->element[1];
        static const char *const fields[] = {"summary", "since", "group"};
        for (size_t k = 0; k < 3; k++) {
            const redisReply *v = doc_field(doc, fields[k]);
            if (!v || v->len == 0) fprintf(stderr, "%s has no %s\n", name, fields[k]);
            CU_ASSERT(v && v->len > 0);
        }
        const redisReply *subs = doc_field(doc, "subcommands");
        CU_ASSERT_EQUAL(subs ? subs->elements / 2 : 0, all->element[i]->element[9]->elements);
        freeReplyObject(docs);
    }
    freeReplyObject(all);
}

/* Types */

static const struct {
    const char *type;
    const char *make;
} types[] = {
    {"string", "SET wrong v"}, {"list", "RPUSH wrong v"},  {"hash", "HSET wrong f v"},
    {"set", "SADD wrong v"},   {"zset", "ZADD wrong 1 v"}, {"stream", "XADD wrong * f v"},
};

static const struct {
    const char *group;
    const char *type;
} groups[] = {
    {"string", "string"},   {"bitmap", "string"}, {"hyperloglog", "string"},
    {"list", "list"},       {"hash", "hash"},     {"set", "set"},
    {"sorted-set", "zset"}, {"geo", "zset"},      {"stream", "stream"},
};

/* Commands that take a key of any type, or say it in words of their own. */
static bool takes_any_type(const char *name) {
    static const char *const names[] = {
        "set",        "setnx",       "setex",       "psetex",     "mset",           "msetnx",
        "mget",       "msetex",      "delex",       "lcs",        "bitop",          "pfmerge",
        "pfdebug",    "sunionstore", "sinterstore", "sdiffstore", "geosearchstore", "zrangestore",
        "zdiffstore", "zinterstore", "zunionstore",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i])) return true;
    return false;
}

static const char *type_of_group(const char *group) {
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (!strcmp(group, groups[i].group)) return groups[i].type;
    return NULL;
}

static bool has_flag(const redisReply *argument, const char *flag) {
    const redisReply *flags = doc_field(argument, "flags");
    for (size_t i = 0; flags && i < flags->elements; i++)
        if (!strcmp(flags->element[i]->str, flag)) return true;
    return false;
}

/* An end of a range of members. */
static bool is_bound(const redisReply *argument) {
    const char *name = doc_field(argument, "name")->str;
    return !strcmp(name, "min") || !strcmp(name, "max");
}

/* Appends what an argument needs at least. */
static void add_argument(struct call *call, const redisReply *argument) {
    if (has_flag(argument, "optional")) return;
    const char *type = doc_field(argument, "type")->str;
    const redisReply *token = doc_field(argument, "token");
    const redisReply *inner = doc_field(argument, "arguments");
    if (token && strcmp(type, "oneof")) add_word(call, token->str[0] ? token->str : "\"\"");
    if (!strcmp(type, "key"))
        add_word(call, "wrong");
    else if (!strcmp(type, "integer") || !strcmp(type, "double") || !strcmp(type, "unix-time"))
        add_word(call, "1");
    else if (!strcmp(type, "string") || !strcmp(type, "pattern"))
        add_word(call, is_bound(argument) ? "[1" : "1");
    else if (!strcmp(type, "oneof") && inner)
        add_argument(call, inner->element[0]);
    else if (!strcmp(type, "block") && inner)
        for (size_t i = 0; i < inner->elements; i++) add_argument(call, inner->element[i]);
}

static void expect_wrongtype(const char *name, const redisReply *arguments, const char *make) {
    struct call call = {.n = 0};
    add_word(&call, name);
    for (size_t i = 0; i < arguments->elements; i++) add_argument(&call, arguments->element[i]);
    freeReplyObject(cmd(c, "DEL wrong"));
    freeReplyObject(cmd(c, make));
    redisReply *r = run(&call);
    bool ok = r->type == REDIS_REPLY_ERROR && !strncmp(r->str, "WRONGTYPE ", 10);
    if (!ok) print_call(&call, r);
    CU_ASSERT(ok);
    freeReplyObject(r);
    expect_int(c, 1, "EXISTS wrong");
}

static bool is_served(const char *make) {
    freeReplyObject(cmd(c, "DEL wrong"));
    redisReply *r = cmd(c, make);
    bool yes = r->type != REDIS_REPLY_ERROR;
    freeReplyObject(r);
    return yes;
}

/* One command against every type that is not its own. */
static size_t check_types(const redisReply *info, const bool *served) {
    const char *name = info->element[0]->str;
    size_t checked = 0;
    redisReply *docs = docs_of(name);
    const redisReply *doc = docs->elements == 2 ? docs->element[1] : NULL;
    const redisReply *arguments = doc ? doc_field(doc, "arguments") : NULL;
    const char *type = doc ? type_of_group(doc_field(doc, "group")->str) : NULL;
    bool fits = arguments && type && info->element[3]->integer == 1 && !takes_any_type(name);
    for (size_t i = 0; fits && i < sizeof types / sizeof *types; i++) {
        if (!served[i] || !strcmp(types[i].type, type)) continue;
        expect_wrongtype(name, arguments, types[i].make);
        checked++;
    }
    freeReplyObject(docs);
    return checked;
}

static void wrong_types(void) {
    bool served[sizeof types / sizeof *types];
    size_t n_served = 0;
    size_t checked = 0;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        n_served += served[i] = is_served(types[i].make);
    redisReply *all = cmd(c, "COMMAND");
    for (size_t i = 0; i < all->elements; i++) checked += check_types(all->element[i], served);
    freeReplyObject(all);
    CU_ASSERT(n_served >= 1);
    CU_ASSERT(n_served == 1 || checked > 10);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"arity_of_all_commands", arity_of_all_commands},
        {"unknown_names", unknown_names},
        {"every_command_is_documented", every_command_is_documented},
        {"wrong_types", wrong_types},
        {NULL, NULL},
    };
    server = server_start(NULL);
    c = client_open(server);
    docs_stream = fdopen(client_open_raw(server), "r+");
    int status = suite_main("arity", tests);
    fclose(docs_stream);
    redisFree(c);
    return server_stop(server) ? 1 : status;
}
