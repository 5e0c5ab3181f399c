/* err.c - the table behind err.h. */
#include "base/err.h"

#include "base/assert.h"

const char *err_text(int err) {
    static const char *const texts[ERR_COUNT] = {
#define X(id, text) [ERR_POS_##id] = text,
        ERR_LIST(X)
#undef X
    };
    ASSERT(err < 0 && -err < ERR_COUNT);
    return texts[-err];
}
