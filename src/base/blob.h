/* blob.h - a counted, growable block of bytes: values and replies too big to copy.
 *
 * A blob with one reference may be written by its holder; with more, it is read-only
 * for all of them (a reply on its way out holds one). The count is atomic, because
 * workers drop references too. Freeing a big block takes the kernel long (some 50 us a MiB), so
 * one that loses its last reference on the loop is set aside for a worker to free (later.h).
 */
#ifndef BASE_BLOB_H
#define BASE_BLOB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blob {
    _Atomic uint32_t refs;
    size_t len; /* bytes in use */
    size_t cap; /* bytes that data can hold */
    char data[];
};

/* A blob with one reference and len 0. blob_try returns NULL when there is no memory;
 * it is the form to use when a peer chose the size. */
struct blob *blob_new(size_t cap);
struct blob *blob_try(size_t cap);
/* blob_try with data of zeros, which takes no time if they are many. */
struct blob *blob_try_zeroed(size_t cap);

struct blob *blob_ref(struct blob *b);

/* Drops a reference. The last one frees, or sets aside what would take the loop long (later.h).
 * Threads: any. */
void blob_unref(struct blob *b);

/* Drops a reference and frees at once, at the cost of that. Threads: any. */
void blob_unref_now(struct blob *b);

/* Takes b, which must have one reference, and returns it with room for cap bytes
 * (it may have moved), or NULL, b untouched, when there is no memory. */
struct blob *blob_try_grow(struct blob *b, size_t cap);

#endif
