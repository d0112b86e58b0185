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
    size_t count, bytes, offset;
    void *data;         /* NULL: */
    weights_fill *fill; /* asked for the values */
    void *ctx;
};

struct weights_out {
    json_t *metadata; /* "blocks" too, once there are some */
    struct out_entry *entry;
    size_t n, cap;
};

/* n values of the dtype; for F16, BF16 and blocks src is float. INVALID: one that it cannot hold.
 */
int weights_out_convert(enum weights_dtype t, const void *src, size_t n, void *dst, struct err *e);

#endif
