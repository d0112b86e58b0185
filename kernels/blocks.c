#include "kernels/blocks.h"

#include <string.h>

static void round_q8_0(const float *x, void *block)
{
    struct q8_0 b;
    q8_0_round(x, &b);
    memcpy(block, &b, sizeof b);
}

static void round_q4_0(const float *x, void *block)
{
    struct q4_0 b;
    q4_0_round(x, &b);
    memcpy(block, &b, sizeof b);
}

static void read_q8_0(const void *block, float x[BLOCK_NUMBERS])
{
    struct q8_0 b;
    memcpy(&b, block, sizeof b);
    q8_0_read(&b, x);
}

static void read_q4_0(const void *block, float x[BLOCK_NUMBERS])
{
    struct q4_0 b;
    memcpy(&b, block, sizeof b);
    q4_0_read(&b, x);
}

static const struct format {
    size_t bytes;
    void (*round)(const float *x, void *block);
    void (*read)(const void *block, float x[BLOCK_NUMBERS]);
} FORMATS[] = {
    [DTYPE_Q8_0] = { sizeof(struct q8_0), round_q8_0, read_q8_0 },
    [DTYPE_Q4_0] = { sizeof(struct q4_0), round_q4_0, read_q4_0 },
};

size_t blocks_bytes(enum dtype t)
{
    return (size_t)t < sizeof FORMATS / sizeof *FORMATS ? FORMATS[t].bytes : 0;
}

void blocks_round(enum dtype t, const float *x, size_t n, void *blocks)
{
    for (size_t i = 0; i < n; i++)
        FORMATS[t].round(x + i * BLOCK_NUMBERS, (char *)blocks + i * FORMATS[t].bytes);
}

void blocks_read(enum dtype t, const void *blocks, size_t first, size_t n, float *dst)
{
    while (n) {
        float x[BLOCK_NUMBERS];
        size_t at = first % BLOCK_NUMBERS, some = BLOCK_NUMBERS - at < n ? BLOCK_NUMBERS - at : n;
        FORMATS[t].read((const char *)blocks + first / BLOCK_NUMBERS * FORMATS[t].bytes, x);
        memcpy(dst, x + at, some * sizeof *dst);
        first += some;
        dst += some;
        n -= some;
    }
}
