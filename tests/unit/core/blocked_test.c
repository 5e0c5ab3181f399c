/* blocked_test.c - sessions that wait for keys, with commands of the test's own:
 *
 *   put KEY VALUE        makes the key hold a string
 *   take KEY.. MS        replies the value of the first key there is and removes it, or waits
 *   look KEY MS          replies whether the key is there when it has changed
 *   age KEY MS AGAIN     replies its own time when run again at AGAIN, whatever the key holds
 *   hand FROM TO MS      takes the value of FROM and puts it into TO, or waits
 */
#include "core/blocked.h"

#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include "base/mem.h"
#include "base/random.h"
#include "core/config.h"
#include "support/suite.h"

#define SESSIONS 8

static struct config *conf;
static struct work_pool *pool;
static struct core *core;
static struct session sessions[SESSIONS];
static int kicks[SESSIONS];

/* ---- commands ------------------------------------------------------------------------ */

static void put_value(struct ctx *c, struct key k, struct slice value) {
    db_set_text(c->db, k, value, DB_NO_TTL);
    ctx_changed(c, k, FEED_STRING, "put");
}

static void put(struct ctx *c) {
    put_value(c, ctx_key(c, 1), c->argv[2]);
    reply_ok(c->r);
}

static void take(struct ctx *c) {
    int64_t until_ms;
    char digits[ENTRY_DIGITS_MAX];
    if (!blocked_parse_ms(c, c->argc - 1, &until_ms)) return;
    for (int i = 1; i < c->argc - 1; i++) {
        struct key k = ctx_key(c, i);
        const struct entry *e = db_find(c->db, k);
        if (!e) continue;
        reply_bulk(c->r, entry_bytes(e, digits));
        db_delete(c->db, k);
        ctx_changed(c, k, FEED_GENERIC, "del");
        return;
    }
    blocked_wait(c, &(struct blocked_on){.first_key = 1,
                                         .key_count = c->argc - 2,
                                         .type = TYPE_STRING,
                                         .until_ms = until_ms});
}

static void look(struct ctx *c) {
    int64_t until_ms;
    if (!blocked_parse_ms(c, 2, &until_ms)) return;
    if (c->s->waiter) {
        reply_int(c->r, db_exists(c->db, ctx_key(c, 1)));
        return;
    }
    blocked_wait(c, &(struct blocked_on){.first_key = 1,
                                         .key_count = 1,
                                         .type = TYPE_LIST,
                                         .any_change = true,
                                         .until_ms = until_ms});
}

static void age(struct ctx *c) {
    int64_t until_ms, again_ms;
    if (!blocked_parse_ms(c, 2, &until_ms) || !ctx_int(c, 3, &again_ms)) return;
    if (c->core->now_ms >= again_ms && again_ms) {
        reply_int(c->r, c->core->now_ms);
        return;
    }
    blocked_wait(c, &(struct blocked_on){.first_key = 1,
                                         .key_count = 1,
                                         .type = TYPE_STRING,
                                         .any_change = true,
                                         .until_ms = until_ms,
                                         .again_ms = again_ms});
}

static void hand(struct ctx *c) {
    int64_t until_ms;
    char digits[ENTRY_DIGITS_MAX], copy[64];
    struct key from = ctx_key(c, 1);
    if (!blocked_parse_ms(c, 3, &until_ms)) return;
    const struct entry *e = db_find(c->db, from);
    if (!e) {
        blocked_wait(
            c, &(struct blocked_on){
                   .first_key = 1, .key_count = 1, .type = TYPE_STRING, .until_ms = until_ms});
        return;
    }
    struct slice value = entry_bytes(e, digits);
    memcpy(copy, value.p, value.n);
    value.p = copy;
    db_delete(c->db, from);
    put_value(c, ctx_key(c, 2), value);
    ctx_changed(c, from, FEED_GENERIC, "del");
    reply_bulk(c->r, value);
}

#define ROW(name_, run_, arity_)                                                                   \
    {                                                                                              \
        .name = name_, .run = run_, .arity = arity_, .flags = ROW_WRITE, .acl = ACL_STRING,        \
        .keys =                                                                                    \
            {{.flags = KEY_RW, .begin = BEGIN_INDEX, .index = 1, .find = FIND_RANGE, .step = 1}},  \
        .since = "1.0.0", .summary = "Tests.", .complexity = "O(1)"                                \
    }
static const struct row rows[] = {
    ROW("put", put, 3),   ROW("take", take, -3), ROW("look", look, 3),
    ROW("hand", hand, 4), ROW("age", age, 4),    {0},
};

/* ---- the server ---------------------------------------------------------------------- */

static void kick(struct session *s) { kicks[s - sessions]++; }

static void at(int64_t now_ms) {
    core->now_ms = now_ms;
    keyspace_set_now(core->ks, now_ms);
}

static void begin(void) {
    static const struct row *const families[] = {rows, NULL};
    conf = config_new();
    pool = work_pool_new(1);
    core = core_new(conf, families, pool);
    core->clock_stands = true;
    for (int i = 0; i < SESSIONS; i++) {
        session_init(&sessions[i], core);
        sessions[i].kick = kick;
        sessions[i].drop = session_leave;
        kicks[i] = 0;
    }
}

static void end(void) {
    for (int i = 0; i < SESSIONS; i++) session_fini(&sessions[i]);
    struct blocked_counts n = blocked_counts(core->blocked);
    CU_ASSERT(n.sessions == 0 && n.timed == 0 && n.keys == 0 && n.any_keys == 0);
    CU_ASSERT_PTR_NULL(core->feed.on_key);
    work_pool_free(pool);
    core_free(core);
    config_free(conf);
}

/* Runs the words as a command of session i. */
static void run(int i, const char *text) {
    char copy[1000];
    struct slice argv[100];
    struct request req = {.argv = argv};
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        argv[req.argc++] = slice_cstr(word);
    exec_prepare(core, &req, NULL);
    exec_run(core, &sessions[i], &req);
    memset(copy, 'x', sizeof copy); /* arguments are borrowed */
}

/* What session i has been told since the last time. */
static bool told(int i, const char *want) {
    char got[1000];
    size_t n = 0;
    struct iovec pieces[8];
    int count = reply_pieces(&sessions[i].reply, pieces, 8);
    for (int p = 0; p < count; p++) {
        memcpy(got + n, pieces[p].iov_base, pieces[p].iov_len);
        n += pieces[p].iov_len;
    }
    reply_sent(&sessions[i].reply, n);
    got[n] = 0;
    if (strcmp(got, want) != 0) printf("session %d got %s, not %s\n", i, got, want);
    return strcmp(got, want) == 0;
}

static bool waits(int i) {
    return sessions[i].state & SESSION_BLOCKED && sessions[i].waiter && told(i, "");
}

/* ---- tests --------------------------------------------------------------------------- */

static void serves_in_order(void) {
    begin();
    for (int i = 0; i < 3; i++) run(i, "take k 0");
    CU_ASSERT(waits(0) && waits(1) && waits(2));
    run(7, "put other v");
    CU_ASSERT(waits(0));
    run(7, "put k a");
    CU_ASSERT(told(7, "+OK\r\n+OK\r\n") && told(0, "$1\r\na\r\n") && waits(1) && waits(2));
    CU_ASSERT(kicks[0] == 1 && kicks[1] == 0 && !(sessions[0].state & SESSION_BLOCKED));
    run(0, "take k 0");
    run(7, "put k b");
    run(7, "put k c");
    run(7, "put k d");
    CU_ASSERT(told(1, "$1\r\nb\r\n") && told(2, "$1\r\nc\r\n") && told(0, "$1\r\nd\r\n"));
    run(7, "put k e");
    run(0, "take k 0");
    CU_ASSERT(told(0, "$1\r\ne\r\n") && kicks[0] == 2);
    end();
}

static void knows_keys_and_databases(void) {
    begin();
    run(0, "take k l k m 0");
    sessions[1].db = &core->ks->dbs[3];
    run(1, "take l 0");
    CU_ASSERT_EQUAL(blocked_counts(core->blocked).keys, 4);
    run(7, "put m x");
    CU_ASSERT(told(0, "$1\r\nx\r\n") && waits(1));
    CU_ASSERT_EQUAL(blocked_counts(core->blocked).keys, 1);
    sessions[7].db = &core->ks->dbs[3];
    run(7, "put l y");
    CU_ASSERT(told(1, "$1\r\ny\r\n"));
    run(7, "put k z");
    run(0, "take k 0");
    db_swap(&core->ks->dbs[0], &core->ks->dbs[3]);
    blocked_touch_db(core->blocked, 0);
    CU_ASSERT(waits(0));
    run(7, "put other 1"); /* the next command serves */
    CU_ASSERT(told(0, "$1\r\nz\r\n"));
    end();
}

static void passes_on(void) {
    begin();
    run(0, "hand a b 0");
    run(1, "hand b c 0");
    run(2, "take c 0");
    run(3, "take b 0");
    run(7, "put a v");
    CU_ASSERT(told(0, "$1\r\nv\r\n") && told(1, "$1\r\nv\r\n") && told(2, "$1\r\nv\r\n"));
    CU_ASSERT(waits(3));
    run(0, "hand a a 0");
    run(7, "put a w");
    CU_ASSERT(told(0, "$1\r\nw\r\n") && db_exists(sessions[0].db, key_of(slice_cstr("a"))));
    end();
}

static void minds_the_type_or_nothing(void) {
    begin();
    run(0, "take k 0");
    run(1, "look k 0");
    CU_ASSERT_EQUAL(blocked_counts(core->blocked).any_keys, 1);
    run(7, "put k v");
    CU_ASSERT(told(0, "$1\r\nv\r\n") && told(1, ":0\r\n"));
    run(0, "take k 0");
    run(1, "look k 0");
    struct ctx c = {.core = core, .db = sessions[7].db};
    ctx_changed(&c, key_of(slice_cstr("k")), FEED_GENERIC, "del");
    exec_after(core);
    CU_ASSERT(waits(0) && told(1, ":0\r\n"));
    end();
}

static void ends_in_time(void) {
    begin();
    at(1000000);
    run(0, "take k 50");
    run(1, "take k 20");
    run(2, "take k 0");
    run(3, "take k -1");
    run(4, "take k x");
    run(5, "take k 9223372036854775807");
    CU_ASSERT(told(3, "-ERR timeout is negative\r\n"));
    CU_ASSERT(told(4, "-ERR timeout is not an integer or out of range\r\n"));
    CU_ASSERT(told(5, "-ERR timeout is out of range\r\n"));
    CU_ASSERT_EQUAL(blocked_counts(core->blocked).timed, 2);
    CU_ASSERT(blocked_next_ms(core->blocked) <= 1000020);
    at(1000019);
    CU_ASSERT(!blocked_expire(core) && waits(1));
    at(1000025);
    CU_ASSERT(blocked_expire(core) && told(1, "*-1\r\n") && kicks[1] == 1 && waits(0));
    run(7, "put k v");
    CU_ASSERT(told(0, "$1\r\nv\r\n"));
    at(1000100);
    CU_ASSERT(!blocked_expire(core) && waits(2));
    CU_ASSERT_EQUAL(blocked_next_ms(core->blocked), INT64_MAX);
    end();
}

/* Runs again those whose time for that has come, in the order in which they came. */
static void runs_again_in_time(void) {
    begin();
    at(1000000);
    run(0, "age k 0 1000200");
    run(1, "age k 0 1000100");
    run(2, "age k 150 1000300");
    run(3, "age k 0 0");
    CU_ASSERT(blocked_next_ms(core->blocked) <= 1000100);
    at(1000099);
    CU_ASSERT(!blocked_expire(core) && !core->after_due);
    at(1000105);
    CU_ASSERT(!blocked_expire(core) && core->after_due);
    exec_after(core);
    CU_ASSERT(waits(0) && told(1, ":1000105\r\n") && kicks[1] == 1 && waits(2) && waits(3));
    at(1000155);
    CU_ASSERT(blocked_expire(core) && told(2, "*-1\r\n") && waits(0));
    at(1000300);
    CU_ASSERT(!blocked_expire(core));
    exec_after(core);
    CU_ASSERT(told(0, ":1000300\r\n") && waits(3));
    CU_ASSERT_EQUAL(blocked_next_ms(core->blocked), INT64_MAX);
    end();
}

/* Changes that give nothing are not told, keys that leave by themselves are. */
static void hears_what_matters(void) {
    begin();
    at(1000000);
    run(0, "look k 0");
    struct ctx c = {.core = core, .db = sessions[7].db};
    struct key k = key_of(slice_cstr("k"));
    ctx_changed_calmly(&c, k, FEED_GENERIC, "moved");
    CU_ASSERT(!core->after_due && waits(0));
    db_set_text(c.db, k, slice_cstr("v"), 1000010);
    at(1000020);
    while (keyspace_expire_step(core->ks, 1000000)) continue;
    CU_ASSERT(core->after_due);
    exec_after(core);
    CU_ASSERT(told(0, ":0\r\n"));
    end();
}

static void may_be_ended(void) {
    begin();
    run(0, "take k 0");
    run(1, "take k 1000");
    CU_ASSERT(blocked_end(&sessions[0], true) && blocked_end(&sessions[1], false));
    CU_ASSERT(told(0, "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n") && told(1, "*-1\r\n"));
    CU_ASSERT(!blocked_end(&sessions[0], true) && told(0, ""));
    /* One that leaves takes nothing with it. */
    run(0, "take k 1000");
    run(1, "take k 0");
    session_kill(&sessions[0], NULL);
    CU_ASSERT(blocked_counts(core->blocked).sessions == 1);
    run(7, "put k v");
    CU_ASSERT(told(1, "$1\r\nv\r\n"));
    end();
}

static void stays_silent(void) {
    begin();
    sessions[0].gates |= GATE_REPLY_OFF;
    run(0, "take k 0");
    run(1, "take k 0");
    run(7, "put k a");
    CU_ASSERT(told(0, "") && kicks[0] == 1);
    sessions[1].gates |= GATE_REPLY_SKIP;
    run(7, "put k b");
    CU_ASSERT(told(1, "$1\r\nb\r\n"));
    run(1, "take k 0");
    CU_ASSERT(blocked_end(&sessions[1], false) && told(1, ""));
    end();
}

/* Beside a model: queues of sessions for each key. */
static void agrees_with_queues(void) {
    begin();
    struct random rnd;
    random_seed(&rnd, 42);
    enum { KEYS = 3 };
    int queue[SESSIONS], queued = 0; /* in the order of waiting */
    unsigned mask[SESSIONS] = {0};   /* the keys that a session waits for */
    for (int step = 0; step < 20000; step++) {
        int i = (int)random_next_below(&rnd, SESSIONS - 1);
        unsigned key = (unsigned)random_next_below(&rnd, KEYS);
        char text[50];
        if (mask[i] == 0) {
            unsigned other = (unsigned)random_next_below(&rnd, KEYS);
            snprintf(text, sizeof text, "take k%u k%u 0", key, other);
            run(i, text);
            mask[i] = 1u << key | 1u << other;
            queue[queued++] = i;
            CU_ASSERT_FATAL(waits(i));
        } else if (random_next_below(&rnd, 10) == 0) {
            CU_ASSERT_FATAL(blocked_end(&sessions[i], false) && told(i, "*-1\r\n"));
        } else {
            snprintf(text, sizeof text, "put k%u v", key);
            run(SESSIONS - 1, text);
            CU_ASSERT_FATAL(told(SESSIONS - 1, "+OK\r\n"));
            int q = 0;
            while (q < queued && !(mask[queue[q]] & 1u << key)) q++;
            i = q < queued ? queue[q] : -1;
            if (i < 0) {
                snprintf(text, sizeof text, "take k%u 0", key);
                run(SESSIONS - 1, text);
            }
            CU_ASSERT_FATAL(told(i < 0 ? SESSIONS - 1 : i, "$1\r\nv\r\n"));
        }
        if (i < 0 || sessions[i].waiter) continue;
        mask[i] = 0;
        for (int q = 0, to = 0, n = queued; q < n; q++) {
            queued = to;
            if (queue[q] != i) queue[to++] = queue[q];
            queued = to;
        }
    }
    end();
}

static void serves_many(void) {
    enum { MANY = 20000 };
    begin();
    struct session *many = mem_calloc(MANY * sizeof *many);
    for (int i = 0; i < MANY; i++) {
        struct slice argv[] = {slice_cstr("take"), slice_cstr("k"), slice_cstr("100000")};
        struct request req = {.argv = argv, .argc = 3};
        session_init(&many[i], core);
        exec_prepare(core, &req, NULL);
        exec_run(core, &many[i], &req);
    }
    CU_ASSERT_EQUAL(blocked_counts(core->blocked).sessions, MANY);
    for (int i = 0; i < MANY; i++) session_fini(&many[i]);
    mem_free(many);
    end();
}

int main(void) {
    static const struct suite_test tests[] = {
        {"serves_in_order", serves_in_order},
        {"knows_keys_and_databases", knows_keys_and_databases},
        {"passes_on", passes_on},
        {"minds_the_type_or_nothing", minds_the_type_or_nothing},
        {"ends_in_time", ends_in_time},
        {"runs_again_in_time", runs_again_in_time},
        {"hears_what_matters", hears_what_matters},
        {"may_be_ended", may_be_ended},
        {"stays_silent", stays_silent},
        {"agrees_with_queues", agrees_with_queues},
        {"serves_many", serves_many},
        {NULL, NULL},
    };
    return suite_main("blocked", tests);
}
