/* key_file.c - see key_file.h. */
#include "persist/key_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGITS (2 * SEALED_KEY_BYTES)
#define TEXT_BYTES_MAX (DIGITS + 2)

static unsigned char digit(char c) {
    return (unsigned char)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

static bool parse(const char *text, size_t n, struct sealed_key *key) {
    if (n == SEALED_KEY_BYTES) {
        memcpy(key->bytes, text, n);
        return true;
    }
    if (n > DIGITS && text[n - 1] == '\n') n--;
    if (n > DIGITS && text[n - 1] == '\r') n--;
    if (n != DIGITS) return false;
    for (size_t i = 0; i < n; i++) {
        if (!isxdigit((unsigned char)text[i])) return false;
    }
    for (size_t i = 0; i < SEALED_KEY_BYTES; i++)
        key->bytes[i] = (unsigned char)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
    return true;
}

static bool refuse(char *why, const char *path, const char *text) {
    snprintf(why, KEY_FILE_WHY_BYTES, "the key file %s: %s", path, text);
    return false;
}

/* The open file, if it is one that may hold a key. */
static bool is_private(int fd, const char *path, char *why) {
    struct stat st;
    char text[64];
    if (fstat(fd, &st) < 0) return refuse(why, path, strerror(errno));
    if (!S_ISREG(st.st_mode)) return refuse(why, path, "it is no regular file");
    if (!(st.st_mode & (S_IRWXG | S_IRWXO))) return true;
    snprintf(text, sizeof text, "its permissions %04o are too open, 0600 or 0400 will do",
             st.st_mode & 07777);
    return refuse(why, path, text);
}

bool key_file_read(const char *path, struct sealed_key *key, char why[KEY_FILE_WHY_BYTES]) {
    char text[TEXT_BYTES_MAX + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return refuse(why, path, strerror(errno));
    bool ok = is_private(fd, path, why);
    if (ok) {
        ssize_t n = read(fd, text, sizeof text);
        int err = errno;
        ok = n >= 0 && n <= TEXT_BYTES_MAX && parse(text, (size_t)n, key);
        if (!ok)
            refuse(why, path,
                   n < 0 ? strerror(err) : "it holds neither 32 bytes nor 64 hexadecimal digits");
        OPENSSL_cleanse(text, sizeof text);
    }
    close(fd);
    return ok;
}

bool key_slot_set(struct key_slot *slot, const char *path, char why[KEY_FILE_WHY_BYTES]) {
    struct key_slot next = {.there = *path != 0};
    if (next.there && !key_file_read(path, &next.key, why)) return false;
    *slot = next;
    key_slot_wipe(&next);
    return true;
}

void key_slot_wipe(struct key_slot *slot) {
    sealed_key_wipe(&slot->key);
    slot->there = false;
}
