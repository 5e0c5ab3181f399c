/* crc64.h - the checksum of RDB files and DUMP payloads.
 *
 * The Jones polynomial 0xad93d23594c935a9, reflected, first value 0, no final inversion;
 * of "123456789" it is 0xe9c6d914c4b8d9ca.
 * Threads: any. Specification: Redis' RDB format.
 */
#ifndef BASE_CRC64_H
#define BASE_CRC64_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of bytes whose checksum is crc (0 of none), followed by the n bytes at p.
 * Cost: about 0.7 ns a byte; cold, 16 KiB of tables. */
uint64_t crc64(uint64_t crc, const void *p, size_t n);

#endif
