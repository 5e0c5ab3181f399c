/* key_file.h - the file that holds a key (rdb-key-file, aof-key-file).
 *
 * 32 bytes as they are, or 64 hexadecimal digits, with a line end or without. Only its owner may
 * have access to it, as OpenSSH asks of its keys. Threads: any.
 */
#ifndef PERSIST_KEY_FILE_H
#define PERSIST_KEY_FILE_H

#include "wire/sealed.h"

#define KEY_FILE_WHY_BYTES 512

/* False, with the reason in one line: there is no key in it, or others could read it. */
bool key_file_read(const char *path, struct sealed_key *key, char why[KEY_FILE_WHY_BYTES]);

/* A key that may be there or not. */
struct key_slot {
    bool there;
    struct sealed_key key;
};

/* What a directive says: "" takes the key away. False as above, the slot as it was. */
bool key_slot_set(struct key_slot *slot, const char *path, char why[KEY_FILE_WHY_BYTES]);
void key_slot_wipe(struct key_slot *slot);

/* The key, borrowed, or NULL. */
static inline const struct sealed_key *key_slot_get(const struct key_slot *slot) {
    return slot->there ? &slot->key : NULL;
}

#endif
