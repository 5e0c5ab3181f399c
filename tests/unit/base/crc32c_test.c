/* crc32c_test.c - the checksum against its known values, and against itself in pieces. */
#include "base/crc32c.h"

#include <string.h>

#include "support/suite.h"

static void known_values(void) {
    unsigned char zeros[32] = {0};
    CU_ASSERT_EQUAL(crc32c(0, "123456789", 9), 0xe3069283);
    CU_ASSERT_EQUAL(crc32c(0, zeros, sizeof zeros), 0x8a9136aa); /* RFC 3720, B.4 */
    CU_ASSERT_EQUAL(crc32c(0, "", 0), 0);
}

static void pieces_add_up(void) {
    unsigned char bytes[300];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 7 + i / 13);
    uint32_t whole = crc32c(0, bytes, sizeof bytes);
    for (size_t cut = 0; cut <= sizeof bytes; cut++) {
        CU_ASSERT_EQUAL(crc32c(crc32c(0, bytes, cut), bytes + cut, sizeof bytes - cut), whole);
    }
}

int main(void) {
    static const struct suite_test tests[] = {
        {"known_values", known_values},
        {"pieces_add_up", pieces_add_up},
        {NULL, NULL},
    };
    return suite_main("crc32c", tests);
}
