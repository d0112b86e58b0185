/*
 * The index of weights that are spread over several safetensors files:
 * {"weight_map": {TENSOR: FILE, ...}, ...}, beside the files.
 */
#ifndef CONVERT_SHARDS_H
#define CONVERT_SHARDS_H

#include "convert/tensors.h"

#define SHARDS_MAX 256
#define SHARDS_INDEX_MAX ((size_t)16 << 20) /* bytes */

struct shards {
    void *index;            /* the JSON */
    char *path[SHARDS_MAX]; /* [n] every file once */
    size_t n;
};

/* By its name: it ends in ".index.json". */
bool shards_is_index(const char *path);
/* File names must be plain: nothing outside the index's directory is opened. */
int shards_read(const char *path, struct shards *ret_shards, struct err *e);
void shards_release(struct shards *s);
/* Every tensor of the index is there, and no other. t is indexed. */
int shards_check(const struct shards *s, const struct tensors *t, struct err *e);

#endif
