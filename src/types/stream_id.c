/* stream_id.c - see stream_id.h. */
#include "types/stream_id.h"

#include <errno.h>
#include <stdlib.h>

#include "base/num.h"

#define TEXT_MAX 127 /* of an ID that is read */

bool stream_id_next(struct stream_id *id) {
    if (id->seq != UINT64_MAX) {
        id->seq++;
    } else if (id->ms != UINT64_MAX) {
        *id = (struct stream_id){id->ms + 1, 0};
    } else {
        return false;
    }
    return true;
}

bool stream_id_prev(struct stream_id *id) {
    if (id->seq) {
        id->seq--;
    } else if (id->ms) {
        *id = (struct stream_id){id->ms - 1, UINT64_MAX};
    } else {
        return false;
    }
    return true;
}

/* A canonical number that is not negative; or else what strtoull takes whole, which allows blanks
 * and a sign in front. */
static bool parse_part(const char *s, uint64_t *v) {
    int64_t canonical;
    if (num_parse_i64(slice_cstr(s), &canonical)) {
        *v = (uint64_t)canonical;
        return canonical >= 0;
    }
    char *end;
    errno = 0;
    *v = strtoull(s, &end, 10);
    return errno != ERANGE && *s && !*end;
}

enum stream_id_form stream_id_parse(struct slice s, uint64_t seq_missing, struct stream_id *id) {
    char text[TEXT_MAX + 1];
    struct stream_id read = {0, seq_missing};
    enum stream_id_form form = STREAM_ID_FULL;
    if (s.n > TEXT_MAX) return STREAM_ID_BAD;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    char *dash = strchr(text, '-');
    if (dash) *dash++ = 0;
    if (!parse_part(text, &read.ms)) return STREAM_ID_BAD;
    if (dash && strcmp(dash, "*") == 0) {
        read.seq = 0;
        form = STREAM_ID_AUTO;
    } else if (dash && !parse_part(dash, &read.seq)) {
        return STREAM_ID_BAD;
    }
    *id = read;
    return form;
}

struct slice stream_id_text(struct stream_id id, char buf[STREAM_ID_TEXT_BYTES]) {
    size_t n = num_format_u64(buf, id.ms);
    buf[n++] = '-';
    return slice_of(buf, n + num_format_u64(buf + n, id.seq));
}
