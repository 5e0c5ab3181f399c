/* arena.c - see arena.h. */
#include "base/arena.h"

#include "base/later.h"
#include "base/mem.h"

#define BLOCK_BYTES (64 * 1024)

struct arena_block {
    struct arena_block *next;
    char bytes[];
};

void arena_free(struct arena *a) {
    for (struct arena_block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        later_free(b, BLOCK_BYTES);
    }
    *a = (struct arena){0};
}

void *arena_alloc(struct arena *a, size_t n) {
    if (n <= a->left) {
        char *p = a->at;
        a->at += n;
        a->left -= n;
        return p;
    }
    size_t room = BLOCK_BYTES - sizeof(struct arena_block);
    if (room < n) room = n;
    struct arena_block *b = mem_alloc(sizeof *b + room);
    b->next = a->blocks;
    a->blocks = b;
    if (room - n > a->left) { /* else what is left of the former block serves longer */
        a->at = b->bytes + n;
        a->left = room - n;
    }
    return b->bytes;
}

struct slice arena_text(struct arena *a, struct slice s) {
    char *p = arena_alloc(a, s.n + 1);
    if (s.n) memcpy(p, s.p, s.n);
    p[s.n] = 0;
    return slice_of(p, s.n);
}
