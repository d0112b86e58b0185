/*
 * Elementary functions that a compiler can turn into vector code: no branches, no tables, no calls.
 * Inside a plain loop over floats each becomes a few dozen vector instructions. Errors against the
 * true value are at most 3 units in the last place (tests/kernels/test_vmath.c); NaN stays NaN.
 *
 * The polynomials interpolate at Chebyshev nodes of the interval named beside them.
 */
#ifndef KERNELS_CPU_VMATH_H
#define KERNELS_CPU_VMATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float vm_from_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static inline uint32_t vm_to_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

/* e^x; 0 below the smallest normal number (so also for -inf), inf above the largest. */
static inline float vm_exp(float x)
{
    const float lo = -87.33654f, hi = 88.72283f;
    float c = x < lo ? lo : x;
    c = c > hi ? hi : c;
    /* 1.5 * 2^23 pushes the fraction out: the low bits of t are the whole number n. */
    float t = c * 1.44269504f + 12582912.0f, n = t - 12582912.0f;
    float r = c - n * 0.693145752f; /* ln 2 in two parts; n times the first is exact */
    r = r - n * 1.42860677e-6f;
    float q = 0.00139261818f; /* (e^r - 1 - r) / r^2, |r| <= ln 2 / 2 */
    q = q * r + 0.00836317763f;
    q = q * r + 0.0416665546f;
    q = q * r + 0.16666577f;
    q = q * r + 0.5f;
    float e = 1.0f + (r + q * (r * r));
    float y = vm_from_bits(vm_to_bits(e) + (vm_to_bits(t) << 23));
    y = x < lo ? 0.0f : y;
    return x > hi ? INFINITY : y;
}

/* ln x, of normal x > 0 */
static inline float vm_log(float x)
{
    /* x = 2^n (1 + f), 1 + f from the root of a half to that of two */
    uint32_t up = vm_to_bits(x) - 0x003504f3u; /* 0x3f3504f3: the root of a half; n + 126 >= 0 */
    float n = (float)((int32_t)(up >> 23) - 126);
    float f = vm_from_bits(vm_to_bits(x) - ((up >> 23) << 23) + (126u << 23)) - 1.0f;
    float q = -0.0790274377f; /* (ln(1 + f) - f + f^2 / 2) / f^3 */
    q = q * f + 0.126223198f;
    q = q * f - 0.129981838f;
    q = q * f + 0.142144959f;
    q = q * f - 0.166412815f;
    q = q * f + 0.200010451f;
    q = q * f - 0.250003064f;
    q = q * f + 0.333333307f;
    float z = f * f;
    /* ln 2 in two parts; n times the first is exact */
    return n * 0.693145752f + (f + (n * 1.42860677e-6f + (z * (f * q) - 0.5f * z)));
}

/* 1 / (1 + e^-x) */
static inline float vm_sigmoid(float x)
{
    return 1.0f / (1.0f + vm_exp(-x));
}

static inline float vm_tanh(float x)
{
    float z = x * x, q = -0.0060451651f; /* (tanh x / x - 1) / x^2 in x^2 <= 0.4 */
    q = q * z + 0.0209613291f;
    q = q * z - 0.0538432632f;
    q = q * z + 0.133327188f;
    q = q * z - 0.333333284f;
    float small = x + x * (z * q);
    float a = fabsf(x);
    float large = copysignf(1.0f - 2.0f / (vm_exp(2.0f * a) + 1.0f), x);
    return a < 0.63f ? small : large;
}

static inline float vm_erf(float x)
{
    float a = fabsf(x), z = x * x;
    float p = 7.87587504e-5f; /* erf(x) / x - 1 in x^2 <= 1 */
    p = p * z - 0.000801686428f;
    p = p * z + 0.00518908742f;
    p = p * z - 0.026854212f;
    p = p * z + 0.112835947f;
    p = p * z - 0.376126267f;
    p = p * z + 0.128379166f;
    float small = x + x * p;
    float c = a > 4.0f ? 4.0f : a; /* erf(4) is 1 in fp32 */
    float q = 1.63715142e-6f;      /* log(1 - erf(x)), 1 <= x <= 4 */
    q = q * c - 4.60580427e-5f;
    q = q * c + 0.000596805626f;
    q = q * c - 0.00475959629f;
    q = q * c + 0.026421136f;
    q = q * c - 0.110080083f;
    q = q * c - 0.631826052f;
    q = q * c - 1.13023343f;
    q = q * c + 0.00032013805f;
    float large = copysignf(1.0f - vm_exp(q), x);
    return a > 1.0f ? large : small;
}

/* x Phi(x) and its derivative Phi(x) + x phi(x). */
static inline float vm_gelu(float x)
{
    return 0.5f * x * (1.0f + vm_erf(x * 0.707106781f));
}

static inline float vm_gelu_grad(float x)
{
    float phi = 0.398942280f * vm_exp(-0.5f * x * x);
    return 0.5f * (1.0f + vm_erf(x * 0.707106781f)) + x * phi;
}

/* x sigmoid(x) and its derivative. */
static inline float vm_silu(float x)
{
    return x * vm_sigmoid(x);
}

static inline float vm_silu_grad(float x)
{
    float s = vm_sigmoid(x);
    return s + x * s * (1.0f - s);
}

#endif
