#include "base/half.h"

#include <string.h>

#define F32_INF 0x7f800000u
#define F16_INF 0x7c00u

static uint32_t bits_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static float float_of(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

float half_from_f16(uint16_t bits)
{
    uint32_t sign = (uint32_t)(bits & 0x8000) << 16;
    uint32_t rest = bits & 0x7fff;

    if (rest >= F16_INF)
        return float_of(sign | F32_INF | (rest & 0x3ff) << 13);
    /* Exponent and mantissa in their f32 places, then the bias 15 -> 127 as a product, which gives
     * subnormal numbers their leading one. */
    return float_of(sign | bits_of(float_of(rest << 13) * 0x1p112f));
}

float half_from_bf16(uint16_t bits)
{
    return float_of((uint32_t)bits << 16);
}

/* u >> shift, rounded to nearest even. */
static uint32_t shift_round(uint32_t u, unsigned shift)
{
    uint32_t odd = u >> shift & 1;
    return (u + (1u << (shift - 1)) - 1 + odd) >> shift;
}

uint16_t half_to_f16(float x)
{
    uint32_t u = bits_of(x), sign = u >> 16 & 0x8000;

    u &= 0x7fffffff;
    if (u > F32_INF)
        return (uint16_t)(sign | 0x7e00); /* NaN */
    if (u >= bits_of(65520.0f))           /* half way from 65504 to the next step */
        return (uint16_t)(sign | F16_INF);
    if (u < bits_of(0x1p-14f)) /* subnormal: adding 1/2 leaves x / 2^-24, rounded, at the bottom */
        return (uint16_t)(sign | (bits_of(float_of(u) + 0.5f) - bits_of(0.5f)));
    return (uint16_t)(sign | shift_round(u - (112u << 23), 13));
}

uint16_t half_to_bf16(float x)
{
    uint32_t u = bits_of(x);

    if ((u & 0x7fffffff) > F32_INF)
        return (uint16_t)(u >> 16 |
                          0x40); /* a NaN whose low bits are cut must not become infinity */
    return (uint16_t)shift_round(u, 16);
}
