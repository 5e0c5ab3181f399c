/* shebang.c - the first line of a script, "#!lua name=value ...", as words. */
#include "script/run.h"
#include "wire/words.h"

enum shebang_result shebang_parse(struct slice text, struct shebang *out) {
    out->count = 0;
    out->bytes = 0;
    if (text.n < 2 || memcmp(text.p, "#!", 2)) return SHEBANG_NONE;
    const char *end = memchr(text.p, '\n', text.n), *at = text.p;
    if (!end) return SHEBANG_NO_LINE_END;
    out->bytes = (size_t)(end - text.p);
    if (out->bytes > sizeof out->storage) return SHEBANG_BAD;
    char *to = out->storage;
    for (int n = -1; words_more(&at, end); n++) {
        char *start = to;
        if (n == (int)(sizeof out->words / sizeof *out->words)) return SHEBANG_BAD;
        if (!words_take(&at, end, &to)) return SHEBANG_BAD;
        struct slice word = slice_of(start, (size_t)(to - start));
        if (n < 0) {
            out->engine = slice_of(word.p + 2, word.n - 2);
        } else {
            out->words[out->count++] = word;
        }
    }
    return SHEBANG_OK;
}
