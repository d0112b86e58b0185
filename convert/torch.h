/*
 * What torch.save means by its pickles: tensors are calls of torch._utils._rebuild_tensor_v2 on a
 * persistent storage, modules are objects whose state holds tensors and modules. Everything here
 * only reads the values that convert/pickle.h made.
 */
#ifndef CONVERT_TORCH_H
#define CONVERT_TORCH_H

#include "convert/pickle.h"
#include "convert/tensors.h"

#define TORCH_KEY_MAX 64 /* bytes: torch writes numbers */

/* The storage that a persistent value names. */
struct torch_storage {
    struct pickle_text key;
    enum weights_dtype dtype;
    size_t numel;              /* elements */
    const unsigned char *data; /* torch_storage_of leaves it NULL */
};

/* Reads ('storage', type, key, location, numel, ...). */
int torch_storage_of(const struct pickle *persistent, struct torch_storage *ret_storage,
                     struct err *e);

/* Fills in data, which must have numel elements of the dtype. */
typedef int torch_locate(void *ctx, struct torch_storage *s, struct err *e);

/*
 * Every tensor of the state dictionary in root: root itself, or what it holds under `key`
 * ("ema", "a.b"), or with key NULL under "state_dict", "model", "module" or "ema", whichever comes
 * first in that order. Names of nested dictionaries and modules are joined by dots.
 */
int torch_collect(const struct pickle *root, const char *key, torch_locate *locate, void *ctx,
                  struct tensors *out, struct err *e);

#endif
