/* msgpack.c - see msgpack.h. */
#include "wire/msgpack.h"

/* ---- bytes to items ----------------------------------------------------------------- */

static uint64_t big_endian(const char *p, size_t n) {
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) v = v << 8 | (uint8_t)p[i];
    return v;
}

static int64_t sign_extended(uint64_t v, size_t bytes) {
    unsigned shift = 64 - 8 * (unsigned)bytes;
    return (int64_t)(v << shift) >> shift;
}

static double real_of(uint64_t bits, size_t bytes) {
    double d;
    float f;
    uint32_t half = (uint32_t)bits;
    if (bytes == 8) {
        memcpy(&d, &bits, 8);
        return d;
    }
    memcpy(&f, &half, 4);
    return f;
}

/* What stands behind a first byte from 0xc0 to 0xdf: how many bytes of a number. */
static const struct {
    bool known;
    uint8_t type, bytes;
} forms[32] = {
    [0x00] = {true, MSGPACK_NIL, 0},    [0x02] = {true, MSGPACK_BOOL, 0},
    [0x03] = {true, MSGPACK_BOOL, 0},   [0x0a] = {true, MSGPACK_DOUBLE, 4},
    [0x0b] = {true, MSGPACK_DOUBLE, 8}, [0x0c] = {true, MSGPACK_UINT, 1},
    [0x0d] = {true, MSGPACK_UINT, 2},   [0x0e] = {true, MSGPACK_UINT, 4},
    [0x0f] = {true, MSGPACK_UINT, 8},   [0x10] = {true, MSGPACK_INT, 1},
    [0x11] = {true, MSGPACK_INT, 2},    [0x12] = {true, MSGPACK_INT, 4},
    [0x13] = {true, MSGPACK_INT, 8},    [0x19] = {true, MSGPACK_STRING, 1},
    [0x1a] = {true, MSGPACK_STRING, 2}, [0x1b] = {true, MSGPACK_STRING, 4},
    [0x1c] = {true, MSGPACK_ARRAY, 2},  [0x1d] = {true, MSGPACK_ARRAY, 4},
    [0x1e] = {true, MSGPACK_MAP, 2},    [0x1f] = {true, MSGPACK_MAP, 4},
};

/* Fills out from the number behind the first byte, v, of `bytes` bytes. */
static void set_value(struct msgpack_item *out, uint8_t first, uint64_t v, size_t bytes) {
    switch (out->type) {
    case MSGPACK_NIL: break;
    case MSGPACK_BOOL: out->b = first & 1; break;
    case MSGPACK_DOUBLE: out->d = real_of(v, bytes); break;
    case MSGPACK_INT: out->i = sign_extended(v, bytes); break;
    case MSGPACK_STRING: out->s = slice_of(NULL, (size_t)v); break;
    default: out->u = v; break;
    }
}

/* Items of which the first byte holds all of the head. */
static bool get_fixed(uint8_t first, struct msgpack_item *out) {
    if (first < 0x80) {
        *out = (struct msgpack_item){MSGPACK_UINT, {.u = first}};
    } else if (first < 0x90) {
        *out = (struct msgpack_item){MSGPACK_MAP, {.u = first & 15u}};
    } else if (first < 0xa0) {
        *out = (struct msgpack_item){MSGPACK_ARRAY, {.u = first & 15u}};
    } else if (first < 0xc0) {
        *out = (struct msgpack_item){MSGPACK_STRING, {.s = {NULL, first & 31u}}};
    } else if (first >= 0xe0) {
        *out = (struct msgpack_item){MSGPACK_INT, {.i = (int8_t)first}};
    } else {
        return false;
    }
    return true;
}

enum msgpack_state msgpack_get(struct slice *in, struct msgpack_item *out) {
    if (!in->n) return MSGPACK_SHORT;
    uint8_t first = (uint8_t)in->p[0];
    size_t used = 1;
    if (!get_fixed(first, out)) {
        if (!forms[first - 0xc0].known) return MSGPACK_BAD;
        size_t bytes = forms[first - 0xc0].bytes;
        if (in->n - 1 < bytes) return MSGPACK_SHORT;
        out->type = forms[first - 0xc0].type;
        set_value(out, first, big_endian(in->p + 1, bytes), bytes);
        used += bytes;
    }
    if (out->type == MSGPACK_STRING) {
        if (in->n - used < out->s.n) return MSGPACK_SHORT;
        out->s.p = in->p + used;
        used += out->s.n;
    }
    *in = slice_of(in->p + used, in->n - used);
    return MSGPACK_OK;
}

/* ---- items to bytes ----------------------------------------------------------------- */

static size_t put_number(uint8_t *out, uint8_t first, uint64_t v, size_t bytes) {
    out[0] = first;
    for (size_t i = bytes; i; i--, v >>= 8) out[i] = (uint8_t)v;
    return 1 + bytes;
}

static size_t put_uint(uint8_t *out, uint64_t v) {
    if (v < 0x80) return put_number(out, (uint8_t)v, 0, 0);
    if (v <= UINT8_MAX) return put_number(out, 0xcc, v, 1);
    if (v <= UINT16_MAX) return put_number(out, 0xcd, v, 2);
    if (v <= UINT32_MAX) return put_number(out, 0xce, v, 4);
    return put_number(out, 0xcf, v, 8);
}

static size_t put_int(uint8_t *out, int64_t v) {
    if (v >= 0) return put_uint(out, (uint64_t)v);
    if (v >= -32) return put_number(out, (uint8_t)v, 0, 0);
    if (v >= INT8_MIN) return put_number(out, 0xd0, (uint64_t)v, 1);
    if (v >= INT16_MIN) return put_number(out, 0xd1, (uint64_t)v, 2);
    if (v >= INT32_MIN) return put_number(out, 0xd2, (uint64_t)v, 4);
    return put_number(out, 0xd3, (uint64_t)v, 8);
}

static size_t put_double(uint8_t *out, double d) {
    float f = (float)d;
    uint64_t bits;
    uint32_t half;
    memcpy(&bits, &d, 8);
    memcpy(&half, &f, 4);
    return (double)f == d ? put_number(out, 0xca, half, 4) : put_number(out, 0xcb, bits, 8);
}

static size_t put_string_head(uint8_t *out, size_t n) {
    if (n < 32) return put_number(out, (uint8_t)(0xa0 | n), 0, 0);
    if (n <= UINT8_MAX) return put_number(out, 0xd9, n, 1);
    if (n <= UINT16_MAX) return put_number(out, 0xda, n, 2);
    return put_number(out, 0xdb, n, 4);
}

static size_t put_count(uint8_t *out, uint8_t fixed, uint8_t wide, uint64_t n) {
    if (n < 16) return put_number(out, (uint8_t)(fixed | n), 0, 0);
    if (n <= UINT16_MAX) return put_number(out, wide, n, 2);
    return put_number(out, (uint8_t)(wide + 1), n, 4);
}

size_t msgpack_put(uint8_t out[MSGPACK_HEAD_BYTES_MAX], const struct msgpack_item *item) {
    switch (item->type) {
    case MSGPACK_BOOL: return put_number(out, item->b ? 0xc3 : 0xc2, 0, 0);
    case MSGPACK_INT: return put_int(out, item->i);
    case MSGPACK_UINT: return put_uint(out, item->u);
    case MSGPACK_DOUBLE: return put_double(out, item->d);
    case MSGPACK_STRING: return put_string_head(out, item->s.n);
    case MSGPACK_ARRAY: return put_count(out, 0x90, 0xdc, item->u);
    case MSGPACK_MAP: return put_count(out, 0x80, 0xde, item->u);
    default: return put_number(out, 0xc0, 0, 0);
    }
}
