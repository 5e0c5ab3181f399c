/* err.h - the errors that functions return, and their text on the wire.
 *
 * A function that can fail returns 0 or one of these, negative. The text is what a
 * Redis client gets, prefix included, without the leading '-' and the line end.
 * To add one: a line in ERR_LIST. Extended by: nothing else.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define ERR_LIST(X)                                                                                \
    X(WRONGTYPE, "WRONGTYPE Operation against a key holding the wrong kind of value")              \
    X(NOT_HLL, "WRONGTYPE Key is not a valid HyperLogLog string value.")                           \
    X(CORRUPT_HLL, "INVALIDOBJ Corrupted HLL object detected")                                     \
    X(BUSY_KEY, "BUSYKEY Target key name already exists.")                                         \
    X(SYNTAX, "ERR syntax error")                                                                  \
    X(NOT_INT, "ERR value is not an integer or out of range")                                      \
    X(NOT_FLOAT, "ERR value is not a valid float")                                                 \
    X(OVERFLOW, "ERR increment or decrement would overflow")                                       \
    X(NAN_OR_INF, "ERR increment would produce NaN or Infinity")                                   \
    X(RANGE_POSITIVE, "ERR value is out of range, must be positive")                               \
    X(OUT_OF_RANGE, "ERR value is out of range")                                                   \
    X(INDEX_RANGE, "ERR index out of range")                                                       \
    X(OFFSET_RANGE, "ERR offset is out of range")                                                  \
    X(STRING_LIMIT, "ERR string exceeds maximum allowed size (proto-max-bulk-len)")                \
    X(HASH_NOT_INT, "ERR hash value is not an integer")                                            \
    X(HASH_NOT_FLOAT, "ERR hash value is not a float")                                             \
    X(VALUE_NAN_OR_INF, "ERR value is NaN or Infinity")                                            \
    X(NO_KEY, "ERR no such key")                                                                   \
    X(SAME_OBJECT, "ERR source and destination objects are the same")                              \
    X(BAD_DB, "ERR DB index is out of range")                                                      \
    X(BIT_OFFSET, "ERR bit offset is not an integer or out of range")                              \
    X(BIT_VALUE, "ERR bit is not an integer or out of range")                                      \
    X(OOM, "OOM command not allowed when used memory > 'maxmemory'.")                              \
    X(NOAUTH, "NOAUTH Authentication required.")                                                   \
    X(LOADING, "LOADING Redis is loading the dataset in memory")                                   \
    X(NO_MEMORY, "ERR not enough memory for this value")                                           \
    X(SAVING, "ERR Background save already in progress")

enum err {
    ERR_NONE = 0,
#define X(id, text) ERR_POS_##id,
    ERR_LIST(X)
#undef X
        ERR_COUNT,
#define X(id, text) ERR_##id = -ERR_POS_##id,
    ERR_LIST(X)
#undef X
};

/* The wire text of a negative ERR_ code. */
const char *err_text(int err);

#endif
