/*
 * Key/value cache of all layers and slots in one slab: [layer][slot][position][D], keys then
 * values. A slot is one sequence being generated. Slots at different positions share one step.
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
        values; /* [layers, slots, positions, width]; the dtype of the cache (F32) */
    /* Set by the caller for each pass; device tensors, so that a recorded step can be replayed. */
    const struct tensor *slot; /* I32 [B]: the slot of each row of the batch; distinct */
    const struct tensor *pos;  /* I32 [B]: position of each row's first new token */
};

int kv_init(struct kv *kv, struct device *dev, int layers, int slots, int positions, int width,
            struct err *e);
void kv_release(struct kv *kv);

#endif
