/*
 * The two files that torch.save writes: a ZIP archive since 1.6 (TorchScript archives too), and
 * before that pickles followed by the storages. Both give the tensors of their state dictionary as
 * views into the bytes, which must outlive them.
 */
#ifndef CONVERT_TORCH_FILE_H
#define CONVERT_TORCH_FILE_H

#include "convert/tensors.h"

#define TORCH_PICKLE_MAX ((size_t)64 << 20)  /* bytes of a pickle */
#define TORCH_VALUES_MAX ((size_t)512 << 20) /* memory for its values */
#define TORCH_STORAGES_MAX 65536

/* key: as torch_collect. *ret_script: whether it is a TorchScript archive. */
int torch_zip_read(const void *data, size_t size, const char *key, struct tensors *out,
                   bool *ret_script, struct err *e);

/* Whether the bytes begin like a file of torch before 1.6. */
bool torch_legacy_looks_like(const void *data, size_t size);
int torch_legacy_read(const void *data, size_t size, const char *key, struct tensors *out,
                      struct err *e);

#endif
