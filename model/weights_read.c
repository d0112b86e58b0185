/*
 * Values of an entry, converted. Data is unaligned and little endian, which every machine that we
 * build for is too.
 */
#include "model/weights_read.h"

#include <string.h>

#include "base/half.h"
#include "kernels/blocks.h"
#include "model/weights_dtype.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "weights are read as they lie in files");

static uint16_t load_u16(const unsigned char *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static double load_f64(const unsigned char *p)
{
    double v;
    memcpy(&v, p, sizeof v);
    return v;
}

int64_t weights_load_int(enum weights_dtype t, const unsigned char *p)
{
    int64_t i64;
    int32_t i32;
    int16_t i16;

    switch (t) {
    case W_I64:
        memcpy(&i64, p, sizeof i64);
        return i64;
    case W_I32:
        memcpy(&i32, p, sizeof i32);
        return i32;
    case W_I16:
        memcpy(&i16, p, sizeof i16);
        return i16;
    case W_I8:
        return (signed char)*p;
    default:
        return *p;
    }
}

void weights_convert_f32(enum weights_dtype t, const void *data, size_t first, size_t n, float *dst)
{
    const unsigned char *src = (const unsigned char *)data + first * weights_dtype_size(t);

    switch (t) {
    case W_F64:
        for (size_t i = 0; i < n; i++)
            dst[i] = (float)load_f64(src + 8 * i);
        break;
    case W_F16:
        for (size_t i = 0; i < n; i++)
            dst[i] = half_from_f16(load_u16(src + 2 * i));
        break;
    case W_BF16:
        for (size_t i = 0; i < n; i++)
            dst[i] = half_from_bf16(load_u16(src + 2 * i));
        break;
    case W_Q8_0:
    case W_Q4_0:
        blocks_read(weights_dtype_device(t), data, first, n, dst);
        break;
    default:
        memcpy(dst, src, n * sizeof *dst);
    }
}

int weights_read_f32(const struct weights_entry *entry, float *dst, struct err *e)
{
    if (!weights_is_real(entry->dtype))
        return err_set(e, ERR_FORMAT, "tensor %.96s: dtype is %s, wanted are real numbers",
                       entry->name, weights_dtype_name(entry->dtype));
    weights_convert_f32(entry->dtype, entry->data, 0, (size_t)weights_entry_count(entry), dst);
    return 0;
}

int weights_read_i32(const struct weights_entry *entry, int32_t *dst, struct err *e)
{
    const unsigned char *src = entry->data;
    size_t size = weights_dtype_size(entry->dtype), n = (size_t)weights_entry_count(entry);

    if (weights_is_real(entry->dtype))
        return err_set(e, ERR_FORMAT,
                       "tensor %.96s: dtype is %s, wanted I64, I32, I16, I8, U8 or BOOL",
                       entry->name, weights_dtype_name(entry->dtype));
    for (size_t i = 0; i < n; i++) {
        int64_t v = weights_load_int(entry->dtype, src + i * size);
        if (v < INT32_MIN || v > INT32_MAX)
            return err_set(e, ERR_FORMAT, "tensor %.96s: element %zu is %lld, outside 32 bits",
                           entry->name, i, (long long)v);
        dst[i] = (int32_t)v;
    }
    return 0;
}
