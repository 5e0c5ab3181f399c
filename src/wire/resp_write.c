/* resp_write.c - headers of replies; see resp.h. */
#include "base/num.h"
#include "wire/resp.h"

char *resp_put_header(char *to, char type, uint64_t n) {
    *to++ = type;
    if (n < 10) {
        *to++ = (char)('0' + n);
    } else if (n < 100) {
        memcpy(to, num_two_digits + n * 2, 2);
        to += 2;
    } else {
        to += num_format_u64(to, n);
    }
    return resp_put_line_end(to);
}

char *resp_put_int(char *to, int64_t v) {
    *to++ = ':';
    return resp_put_line_end(to + num_format_i64(to, v));
}
