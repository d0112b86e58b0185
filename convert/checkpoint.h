/*
 * A checkpoint in any container that is read: named tensors, where they lie in mapped files.
 *
 *     struct checkpoint *c;
 *     if (checkpoint_open("gpt_coco.pt", NULL, &c, e)) ...
 *     const struct view *v = tensors_find(checkpoint_tensors(c), "tok_emb.weight");
 *     view_read_f32(v, 0, n, values);
 *     checkpoint_close(c);                         views are gone then
 *
 * Containers: torch.save since 1.6 and before, TorchScript archives, safetensors alone or in shards
 * with an index. A prefix that all names have from wrapping ("module.", "_orig_mod.") is taken off.
 */
#ifndef CONVERT_CHECKPOINT_H
#define CONVERT_CHECKPOINT_H

#include "base/sha256.h"
#include "convert/tensors.h"

#define CHECKPOINT_FILES_MAX 256

struct checkpoint;

/* path: a file, or a directory with one of the usual names in it. key?: which dictionary of a
 * torch file holds the weights ("ema"); NULL: as torch_collect finds it. */
int checkpoint_open(const char *path, const char *key, struct checkpoint **ret_checkpoint,
                    struct err *e);
/* One file in memory, which must outlive it (fuzzing, tests). */
int checkpoint_open_memory(const void *data, size_t size, const char *key,
                           struct checkpoint **ret_checkpoint, struct err *e);
void checkpoint_close(struct checkpoint *c);

const char *checkpoint_container(const struct checkpoint *c); /* "torch archive" */
const struct tensors *checkpoint_tensors(const struct checkpoint *c);
/* The files that it was read from, as they were named. */
size_t checkpoint_n_files(const struct checkpoint *c);
const char *checkpoint_file(const struct checkpoint *c, size_t i);
/* SHA-256 of the bytes that the tensors lie in, whatever stands under the name by now. */
void checkpoint_digest(const struct checkpoint *c, size_t i, char ret_text[SHA256_TEXT_BYTES]);

#endif
