/* undo.c - see undo.h.
 *
 * What keys held lies in a database of no number, under the number of the key as its name.
 */
#include "core/undo.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"

#define CHAINS_MIN 64 /* power of two */
#define KEYS_HERE 16  /* of a command, without memory of their own for positions */

/* A key that may have been changed. */
struct undo_key {
    size_t next; /* in its chain, plus one; 0: none */
    uint64_t hash;
    int db;
    bool was_there;
    uint8_t uses; /* of what is kept of it: enum feed_use */
    size_t n;
    char *name;
};

/* What would have been told of a key. */
struct undo_note {
    size_t key; /* its number */
    const char *event;
    char class;
    uint8_t uses;
};

struct undo {
    struct core *core;
    struct db *values;
    struct undo_key *keys;
    size_t count, room;
    size_t *chains, mask;    /* numbers of keys, plus one */
    struct undo_note *notes; /* in order */
    size_t note_count, note_room;
    size_t bytes; /* of what is kept */
    bool on, lost;
    struct effects_place told; /* when the script began */
};

struct undo *undo_new(struct core *core) {
    struct undo *u = mem_calloc(sizeof *u);
    u->core = core;
    u->values = db_aside_new(core->ks);
    return u;
}

static void forget(struct undo *u) {
    for (size_t i = 0; i < u->count; i++) mem_free(u->keys[i].name);
    mem_free(u->keys);
    mem_free(u->chains);
    mem_free(u->notes);
    u->keys = NULL;
    u->chains = NULL;
    u->notes = NULL;
    u->count = u->room = u->mask = u->bytes = u->note_count = u->note_room = 0;
    db_flush(u->values);
}

void undo_free(struct undo *u) {
    if (!u) return;
    forget(u);
    db_aside_free(u->values);
    mem_free(u);
}

/* ---- keys --------------------------------------------------------------------------- */

static size_t *chain_of(const struct undo *u, int db, uint64_t hash) {
    return &u->chains[(hash ^ (uint64_t)db) & u->mask];
}

/* Of the hash, from the one behind `k` on, or the first if that is NULL. */
static struct undo_key *find(const struct undo *u, const struct undo_key *k, int db,
                             uint64_t hash) {
    if (!u->chains) return NULL;
    for (size_t at = k ? k->next : *chain_of(u, db, hash); at; at = u->keys[at - 1].next) {
        struct undo_key *found = &u->keys[at - 1];
        if (found->hash == hash && found->db == db) return found;
    }
    return NULL;
}

static void chain_all(struct undo *u, size_t chain_count) {
    mem_free(u->chains);
    u->chains = mem_calloc(chain_count * sizeof *u->chains);
    u->mask = chain_count - 1;
    for (size_t i = 0; i < u->count; i++) {
        size_t *chain = chain_of(u, u->keys[i].db, u->keys[i].hash);
        u->keys[i].next = *chain;
        *chain = i + 1;
    }
}

static struct undo_key *add(struct undo *u, int db, struct key k) {
    if (u->count == u->room) {
        u->room = u->room ? 2 * u->room : CHAINS_MIN;
        u->keys = mem_realloc(u->keys, u->room * sizeof *u->keys);
        chain_all(u, u->room);
    }
    size_t *chain = chain_of(u, db, k.hash);
    struct undo_key *made = &u->keys[u->count++];
    *made = (struct undo_key){*chain, k.hash, db, false, 0, k.n, mem_dup(k.p, k.n)};
    *chain = u->count;
    return made;
}

static struct key value_key(const struct undo *u, const struct undo_key *k, size_t *number) {
    *number = (size_t)(k - u->keys);
    return key_of(slice_of((const char *)number, sizeof *number));
}

static void note_key(struct undo *u, struct db *db, struct slice name) {
    struct key key = key_of(name);
    struct undo_key *k = NULL;
    while ((k = find(u, k, db->id, key.hash))) {
        if (slice_eq(slice_of(k->name, k->n), name)) return;
    }
    const struct entry *e = db_peek(db, key);
    size_t bytes = e ? entry_memory(e) : 0;
    bool shared = e && entry_encoding(e) != ENC_OBJECT && e->vlen == ENTRY_ELSEWHERE;
    if (shared) bytes = 0;
    u->bytes += bytes + sizeof *k + name.n;
    u->lost = bytes > UNDO_KEY_BYTES_MAX || u->bytes > UNDO_BYTES_MAX;
    if (u->lost) return;
    k = add(u, db->id, key);
    k->was_there = e;
    size_t number;
    if (e) db_copy(db, key, u->values, value_key(u, k, &number));
}

void undo_note(struct undo *u, struct db *db, const struct request *req) {
    if (!u->on || u->lost) return;
    const struct row *row = req->row;
    int index_here[KEYS_HERE], *index = index_here;
    uint16_t flags_here[KEYS_HERE], *flags = flags_here;
    bool many = req->argc > KEYS_HERE, only_read = true;
    if (many) {
        index = mem_alloc((size_t)req->argc * sizeof *index);
        flags = mem_alloc((size_t)req->argc * sizeof *flags);
    }
    int n = row_keys(row, req->argv, req->argc, index, flags, req->argc);
    if (n == 0 || row_hides(row, req->argv, req->argc) == HIDES_DATABASE) u->lost = true;
    for (int i = 0; i < n; i++) only_read = only_read && flags[i] & KEY_RO;
    for (int i = 0; i < n && !u->lost; i++) {
        /* What only has keys that it reads changes something beside their values: XREADGROUP. */
        if (only_read || !(flags[i] & KEY_RO)) note_key(u, db, req->argv[index[i]]);
    }
    if (many) {
        mem_free(index);
        mem_free(flags);
    }
}

/* ---- the feed ------------------------------------------------------------------------ */

static void tell_all(struct undo *u) {
    for (size_t i = 0; i < u->note_count; i++) {
        const struct undo_note *n = &u->notes[i];
        const struct undo_key *k = &u->keys[n->key];
        feed_tell(&u->core->feed, &(struct feed_note){.key = {k->name, k->n, k->hash},
                                                      .event = n->event,
                                                      .db = k->db,
                                                      .class = n->class,
                                                      .uses = n->uses});
    }
    u->note_count = 0;
}

/* While nobody wants the events, once is enough for a key. False: so much is kept that the script
 * cannot be taken back any more, and all of that is told. */
static bool keep(struct undo *u, struct undo_key *k, const struct feed_note *note) {
    uint8_t uses = note->uses;
    if (!(u->core->feed.heard & FEED_TELLS)) uses &= (uint8_t)~k->uses;
    if (!uses) return true;
    k->uses |= uses;
    u->bytes += sizeof *u->notes;
    if (u->bytes > UNDO_BYTES_MAX) {
        u->lost = true;
        tell_all(u);
        return false;
    }
    if (u->note_count == u->note_room) {
        u->note_room = u->note_room ? 2 * u->note_room : CHAINS_MIN;
        u->notes = mem_realloc(u->notes, u->note_room * sizeof *u->notes);
    }
    u->notes[u->note_count++] =
        (struct undo_note){(size_t)(k - u->keys), note->event, note->class, uses};
    return true;
}

/* Of what the script does, and nobody else, nothing is told now. */
static bool hold(void *ctx, const struct feed_note *note) {
    struct undo *u = ctx;
    if (!u->core->ongoing.inside || u->lost) return false;
    struct undo_key *k = find(u, NULL, note->db, note->key.hash);
    while (k && !slice_eq(slice_of(k->name, k->n), key_slice(note->key)))
        k = find(u, k, note->db, note->key.hash);
    return k && keep(u, k, note);
}

void undo_begin(struct undo *u) {
    u->on = true;
    u->lost = false;
    u->told = effects_here(u->core);
    effects_keep_left(u->core);
    feed_hold(&u->core->feed, hold, u);
}

bool undo_is_lost(const struct undo *u) { return !u->on || u->lost; }

/* A key that left, evicted, after it was noted. */
static bool is_back(void *ctx, int db, struct slice name) {
    const struct undo *u = ctx;
    const struct undo_key *k = NULL;
    uint64_t hash = hash_bytes(name.p, name.n);
    while ((k = find(u, k, db, hash))) {
        if (slice_eq(slice_of(k->name, k->n), name)) return k->was_there;
    }
    return false;
}

static void stop(struct undo *u) {
    u->on = false;
    feed_hold(&u->core->feed, NULL, NULL);
}

void undo_end(struct undo *u) {
    if (!u->on) return;
    stop(u);
    tell_all(u);
    effects_let_left_go(u->core);
    forget(u);
}

void undo_roll_back(struct undo *u) {
    if (!u->on || u->lost) {
        undo_end(u);
        return;
    }
    stop(u);
    for (size_t i = 0; i < u->count; i++) {
        struct undo_key *k = &u->keys[i];
        struct db *db = &u->core->ks->dbs[k->db];
        struct key name = {k->name, k->n, k->hash};
        size_t number;
        if (k->was_there) {
            db_rename(u->values, value_key(u, k, &number), db, name);
        } else {
            db_delete(db, name);
        }
    }
    effects_back_to(u->core, u->told);
    effects_tell_left(u->core, is_back, u);
    effects_let_left_go(u->core);
    forget(u);
}
