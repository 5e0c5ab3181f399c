/* list.h - a doubly linked list through links inside the members.
 *
 * I1  A link is in one list at most; out of every list it points to itself
 *     (list_link_init) and list_linked is false.
 * I2  The list is a ring through its head: no operation has a special case or a NULL.
 * A list owns nothing. A member may be unlinked while a loop that took its `next`
 * beforehand stands on it. Threads: its owner's. Cost: O(1) each.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_link {
    struct list_link *prev;
    struct list_link *next;
};

struct list {
    struct list_link head;
};

/* The member that holds `link` as its field `field`. */
#define LIST_MEMBER(link, type, field) ((type *)(void *)((char *)(link)-offsetof(type, field)))

static inline void list_link_init(struct list_link *l) { l->prev = l->next = l; }

static inline bool list_linked(const struct list_link *l) { return l->next != l; }

static inline void list_init(struct list *l) { list_link_init(&l->head); }

static inline bool list_empty(const struct list *l) { return l->head.next == &l->head; }

/* Puts an unlinked `l` behind `at`, which is a member or the head. */
static inline void list_insert_after(struct list_link *at, struct list_link *l) {
    l->prev = at;
    l->next = at->next;
    at->next->prev = l;
    at->next = l;
}

static inline void list_push_front(struct list *list, struct list_link *l) {
    list_insert_after(&list->head, l);
}

static inline void list_push_back(struct list *list, struct list_link *l) {
    list_insert_after(list->head.prev, l);
}

/* Takes `l` out; harmless when it is in no list. */
static inline void list_unlink(struct list_link *l) {
    l->prev->next = l->next;
    l->next->prev = l->prev;
    list_link_init(l);
}

/* Walking: NULL at either end. */
static inline struct list_link *list_next(const struct list *list, const struct list_link *l) {
    return l->next == &list->head ? NULL : l->next;
}

static inline struct list_link *list_prev(const struct list *list, const struct list_link *l) {
    return l->prev == &list->head ? NULL : l->prev;
}

static inline struct list_link *list_first(const struct list *list) {
    return list_next(list, &list->head);
}

static inline struct list_link *list_last(const struct list *list) {
    return list_prev(list, &list->head);
}

/* Takes the first out and returns it; NULL when empty. */
static inline struct list_link *list_pop_front(struct list *list) {
    struct list_link *l = list_first(list);
    if (l) list_unlink(l);
    return l;
}

/* Appends all of `from` to `to`, in order; `from` is empty afterwards. */
static inline void list_splice_back(struct list *to, struct list *from) {
    if (list_empty(from)) return;
    struct list_link *first = from->head.next, *last = from->head.prev;
    first->prev = to->head.prev;
    to->head.prev->next = first;
    last->next = &to->head;
    to->head.prev = last;
    list_init(from);
}

#endif
