/*
 * Writes a data set's directory, picture by picture.
 *
 *     dataset_out_open(dir, DATASET_EMOJI, sources, n_sources, &out, e)
 *     dataset_out_add(out, &item, e)          for each
 *     dataset_out_commit(out, e)              now the directory holds the set
 *     dataset_out_close(out);                 always; without commit nothing is left behind
 */
#ifndef TRAINER_DATASET_OUT_H
#define TRAINER_DATASET_OUT_H

#include "base/err.h"
#include "trainer/dataset.h"

/* Where data comes from, for the manifest. */
struct dataset_source {
    const char *package, *version, *file, *licence;
};

struct dataset_out;

int dataset_out_open(const char *dir, enum dataset_kind kind, const struct dataset_source *sources,
                     int n_sources, struct dataset_out **ret_out, struct err *e);
/* Writes a picture: the strings, flippable and image of item (RGBA for emoji, RGB for a folder, no
 * side over DATASET_SIDE_MAX). The mean colour and the splits follow from these. INVALID, with
 * nothing written: an unfit picture or text that is not UTF-8. */
int dataset_out_add(struct dataset_out *out, const struct dataset_item *item, struct err *e);
int dataset_out_commit(struct dataset_out *out, struct err *e);
void dataset_out_close(struct dataset_out *out);

#endif
