/* wheel.c - see wheel.h. */
#include "base/wheel.h"

#include <stddef.h>
#include <string.h>

#define SLOT_MASK (WHEEL_SLOTS - 1)

void wheel_init(struct wheel *w, int64_t now_ms) {
    memset(w, 0, sizeof *w);
    w->due_end = &w->due;
    w->tick = now_ms / WHEEL_TICK_MS;
}

static void put(struct wheel_node **list, struct wheel_node *node) {
    node->next = *list;
    node->link = list;
    if (*list) (*list)->link = &node->next;
    *list = node;
}

static void put_due(struct wheel *w, struct wheel_node *node) {
    node->next = NULL;
    node->link = w->due_end;
    *w->due_end = node;
    w->due_end = &node->next;
}

/* The first tick at whose end the deadline has surely passed. */
static int64_t due_tick(int64_t due_ms) {
    return due_ms <= 0 ? 0 : (due_ms - 1) / WHEEL_TICK_MS + 1;
}

static void place(struct wheel *w, struct wheel_node *node) {
    int64_t tick = due_tick(node->due_ms), away = tick - w->tick;
    if (away < 0) {
        put_due(w, node);
        return;
    }
    int level = 0;
    while (level < WHEEL_LEVELS - 1 && away >> ((level + 1) * WHEEL_BITS)) level++;
    int64_t reach = (int64_t)1 << (WHEEL_LEVELS * WHEEL_BITS);
    if (away >= reach) tick = w->tick + reach - 1;
    int slot = (int)(tick >> (level * WHEEL_BITS)) & SLOT_MASK;
    put(&w->slots[level][slot], node);
    w->used[level][slot / 64] |= (uint64_t)1 << slot % 64;
}

void wheel_drop(struct wheel *w, struct wheel_node *node) {
    if (!node->link) return;
    *node->link = node->next; /* a slot's bit stays until the slot is looked at */
    if (node->next) node->next->link = node->link;
    if (w->due_end == &node->next) w->due_end = node->link;
    node->link = NULL;
}

void wheel_set(struct wheel *w, struct wheel_node *node, int64_t due_ms) {
    wheel_drop(w, node);
    node->due_ms = due_ms;
    place(w, node);
}

static void place_all(struct wheel *w, struct wheel_node *node) {
    while (node) {
        struct wheel_node *next = node->next;
        place(w, node);
        node = next;
    }
}

/* Empties a slot, placing its nodes anew. */
static void spill(struct wheel *w, int level, int slot) {
    struct wheel_node *first = w->slots[level][slot];
    w->slots[level][slot] = NULL;
    w->used[level][slot / 64] &= ~((uint64_t)1 << slot % 64);
    place_all(w, first);
}

/* The clock was set back: all nodes are placed as seen from the earlier tick, for which those
 * that were due may be early. */
static void go_back(struct wheel *w, int64_t tick) {
    struct wheel_node *first = w->due;
    w->due = NULL;
    w->due_end = &w->due;
    w->tick = tick;
    place_all(w, first);
    for (int level = 0; level < WHEEL_LEVELS; level++) {
        for (int slot = 0; slot < WHEEL_SLOTS; slot++) {
            if (w->slots[level][slot]) spill(w, level, slot);
        }
    }
}

/* The first used slot of a level at or after `from` (cyclic): its distance, or -1. */
static int next_used(const struct wheel *w, int level, int from) {
    for (int i = 0; i <= WHEEL_SLOTS / 64; i++) {
        int word = (from / 64 + i) % (WHEEL_SLOTS / 64);
        uint64_t bits = w->used[level][word];
        if (i == 0) bits &= ~(uint64_t)0 << from % 64;
        if (i == WHEEL_SLOTS / 64) bits &= ~(~(uint64_t)0 << from % 64);
        if (bits) return (word * 64 + __builtin_ctzll(bits) - from) & SLOT_MASK;
    }
    return -1;
}

/* The first tick, from w->tick on, at which a slot has to be looked at; -1 if all are empty. */
static int64_t next_tick(const struct wheel *w) {
    int64_t best = -1;
    for (int level = 0; level < WHEEL_LEVELS; level++) {
        int shift = level * WHEEL_BITS;
        int64_t unit = w->tick >> shift;
        if (w->tick & (((int64_t)1 << shift) - 1)) unit++; /* this unit was spilled at its start */
        int away = next_used(w, level, (int)unit & SLOT_MASK);
        if (away < 0) continue;
        int64_t at = (unit + away) << shift;
        if (best < 0 || at < best) best = at;
    }
    return best;
}

struct wheel_node *wheel_due(struct wheel *w, int64_t now_ms) {
    int64_t now_tick = now_ms / WHEEL_TICK_MS;
    if (now_tick + 1 < w->tick) go_back(w, now_tick);
    while (!w->due && w->tick <= now_tick) {
        int64_t at = next_tick(w);
        if (at < 0 || at > now_tick) {
            w->tick = now_tick;
            break;
        }
        w->tick = at;
        for (int level = WHEEL_LEVELS - 1; level > 0; level--) {
            int shift = level * WHEEL_BITS;
            if ((at & (((int64_t)1 << shift) - 1)) == 0)
                spill(w, level, (int)(at >> shift) & SLOT_MASK);
        }
        w->tick = at + 1;
        spill(w, 0, (int)at & SLOT_MASK);
    }
    struct wheel_node *node = w->due;
    if (node) wheel_drop(w, node);
    return node;
}

#define PICK_STEPS 16 /* into a slot's list */

struct wheel_node *wheel_pick(const struct wheel *w, uint64_t random) {
    const unsigned all = WHEEL_LEVELS * WHEEL_SLOTS;
    struct wheel_node *node = w->due;
    unsigned at = (unsigned)(random >> 32) % all;
    for (unsigned i = 0; i < all; i++, at = at + 1 == all ? 0 : at + 1) {
        if (!w->slots[at / WHEEL_SLOTS][at % WHEEL_SLOTS]) continue;
        node = w->slots[at / WHEEL_SLOTS][at % WHEEL_SLOTS];
        break;
    }
    for (unsigned steps = random % PICK_STEPS; node && node->next && steps; steps--)
        node = node->next;
    return node;
}

int64_t wheel_next(const struct wheel *w) {
    if (w->due) return 0;
    int64_t at = next_tick(w);
    return at < 0 ? INT64_MAX : at * WHEEL_TICK_MS;
}
