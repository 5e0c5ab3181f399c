/* crc64_test.c - the checksum against its published value and against one bit at a time. */
#include <stdlib.h>

#include "base/crc64.h"
#include "support/suite.h"

static uint64_t by_bits(uint64_t crc, const unsigned char *p, size_t n) {
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x95ac9329ac4bc9b5u : 0);
    }
    return crc;
}

static void known_values(void) {
    CU_ASSERT_EQUAL(crc64(0, "123456789", 9), 0xe9c6d914c4b8d9cau);
    CU_ASSERT_EQUAL(crc64(0, "", 0), 0);
    CU_ASSERT_EQUAL(crc64(7, NULL, 0), 7);
}

static void agrees_with_bits(void) {
    unsigned char bytes[300];
    srandom(1);
    for (size_t i = 0; i < sizeof(bytes); i++) bytes[i] = (unsigned char)random();
    for (size_t n = 0; n < 280; n++) {
        const unsigned char *p = bytes + n % 9;
        CU_ASSERT_EQUAL(crc64(n, p, n), by_bits(n, p, n));
    }
}

static void in_parts_as_whole(void) {
    unsigned char bytes[256];
    for (size_t i = 0; i < sizeof(bytes); i++) bytes[i] = (unsigned char)(i * 31);
    uint64_t whole = crc64(0, bytes, sizeof(bytes));
    for (size_t cut = 0; cut <= sizeof(bytes); cut++)
        CU_ASSERT_EQUAL(crc64(crc64(0, bytes, cut), bytes + cut, sizeof(bytes) - cut), whole);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"known_values", known_values},
        {"agrees_with_bits", agrees_with_bits},
        {"in_parts_as_whole", in_parts_as_whole},
        {NULL, NULL},
    };
    return suite_main("crc64", tests);
}
