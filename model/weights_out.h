/*
 * What the two files that write safetensors share; private to model/.
 */
#ifndef MODEL_WEIGHTS_OUT_H
#define MODEL_WEIGHTS_OUT_H

#include <jansson.h>

#include "model/weights.h"

struct out_entry {
    char *name; /* owned, as is data */
    enum weights_dtype dtype;
    int n_dims;
    int64_t dim[WEIGHTS_DIMS_MAX];
    size_t bytes, offset;
    void *data;         /* NULL: */
    weights_fill *fill; /* asked for the values */
    void *ctx;
};

struct weights_out {
    json_t *metadata;
    struct out_entry *entry;
    size_t n, cap;
};

/* n values of the dtype; for F16 and BF16 src is float. */
void weights_out_convert(enum weights_dtype t, const void *src, size_t n, void *dst);

#endif
