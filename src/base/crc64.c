/* crc64.c - eight bytes a step, by eight tables.
 *
 * C1  tables[0][b] is the remainder of byte b; tables[k][b] that of b with k zero bytes behind.
 * Threads: the tables are made before main() and are read-only from then on.
 * Specification: M. Kounavis and F. Berry, "A Systematic Approach to Building High
 * Performance Software-based CRC Generators", 2005 (slicing).
 */
#include "base/crc64.h"

#include <endian.h>
#include <string.h>

#define POLYNOMIAL 0x95ac9329ac4bc9b5u /* its bits in reverse order */

static uint64_t tables[8][256];

__attribute__((constructor)) static void make_tables(void) {
    for (unsigned b = 0; b < 256; b++) {
        uint64_t crc = b;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        tables[0][b] = crc;
    }
    for (int k = 1; k < 8; k++) {
        for (unsigned b = 0; b < 256; b++) {
            uint64_t before = tables[k - 1][b];
            tables[k][b] = before >> 8 ^ tables[0][before & 0xff];
        }
    }
}

uint64_t crc64(uint64_t crc, const void *p, size_t n) {
    const uint8_t *at = p, *end = at + n;
    for (; end - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        crc ^= le64toh(word);
        crc = tables[7][crc & 0xff] ^ tables[6][crc >> 8 & 0xff] ^ tables[5][crc >> 16 & 0xff] ^
              tables[4][crc >> 24 & 0xff] ^ tables[3][crc >> 32 & 0xff] ^
              tables[2][crc >> 40 & 0xff] ^ tables[1][crc >> 48 & 0xff] ^ tables[0][crc >> 56];
    }
    for (; at < end; at++) crc = crc >> 8 ^ tables[0][(crc ^ *at) & 0xff];
    return crc;
}
