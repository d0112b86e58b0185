/*
 * What the writer and the reader of a data set's directory agree on; private to dataset*.c.
 */
#ifndef TRAINER_DATASET_FORMAT_H
#define TRAINER_DATASET_FORMAT_H

#include "trainer/dataset.h"

#define DATASET_FORMAT "clipgen-dataset"
#define DATASET_VERSION 1
#define DATASET_MANIFEST "manifest.json"
#define DATASET_PICTURES "pictures.bin"
#define DATASET_MANIFEST_MAX ((size_t)2 << 30)
#define DATASET_PICTURES_MAX ((size_t)1 << 40)

struct dataset_kind_info {
    const char *name;
    int channels; /* of every picture */
};
extern const struct dataset_kind_info dataset_kinds[DATASET_KINDS];

/* Fills kind and items of ds, whose pictures are mapped already. After -1 the items read so far are
 * ds's. */
int dataset_read_manifest(const char *text, size_t n, struct dataset *ds, struct err *e);

#endif
