#include "trainer/split.h"

#include "trainer/dataset.h"

/* FNV-1a, 32 bit: over text that continues the text of `hash`. */
static uint32_t fnv1a(uint32_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 16777619u;
    return hash;
}

static const uint32_t FNV_START = 2166136261u;

bool split_object_held_out(const char *key)
{
    return fnv1a(FNV_START, key) % 20 == 0;
}

uint16_t split_backgrounds_held_out(const char *key)
{
    uint32_t prefix = fnv1a(fnv1a(FNV_START, key), "/");
    uint16_t bits = 0;

    for (int b = 1; b < DATASET_BACKGROUNDS; b++) /* 0 is white */
        if (fnv1a(prefix, dataset_backgrounds[b].name) % 10 == 0)
            bits |= (uint16_t)(1u << b);
    return bits;
}
