/*
 * Key/value cache of all layers and slots in one slab of keys and one of values: [layer][slot], and
 * in a slot positions of D numbers, in an order that is the device's business. A slot is one
 * sequence being generated. Slots at different positions share one step.
 */
#ifndef KERNELS_KV_H
#define KERNELS_KV_H

#include "base/err.h"
#include "kernels/device.h"
#include "kernels/tensor.h"

struct kv {
    struct device *dev; /* borrowed */
    int layers, slots, positions, width;
    struct tensor keys,
        values; /* [layers, slots, positions, width]; the dtype of the cache, F32 or F16 */
    /* Set by the caller for each pass; device tensors, so that a recorded step can be replayed. */
    const struct tensor *slot; /* I32 [B]: the slot of each row of the batch; distinct */
    const struct tensor *pos;  /* I32 [B]: position of each row's first new token */
};

/* The shapes of a cache without its memory, which plans passes through it. dtype: F32, or F16,
 * which halves what a step reads and rounds keys and values to 11 bits. */
int kv_plan(struct kv *kv, enum dtype dtype, int layers, int slots, int positions, int width,
            struct err *e);
size_t kv_bytes(const struct kv *kv);
/* The same with memory, zeroed. */
int kv_init(struct kv *kv, struct device *dev, enum dtype dtype, int layers, int slots,
            int positions, int width, struct err *e);
void kv_release(struct kv *kv);

#endif
