/*
 * What a file holds, for people: every tensor with shape, dtype and range.
 */
#ifndef CONVERT_INSPECT_H
#define CONVERT_INSPECT_H

#include <stdio.h>

#include "base/err.h"
#include "convert/view.h"

struct inspect_range {
    double min, max; /* of the numbers; 0 when there are none */
    int64_t n_nan;
};

/* Reads every element; n_nan counts those that are no numbers. */
struct inspect_range inspect_range(const struct view *v);

/* One line a tensor: name, dtype, shape, minimum, maximum, count of NaN. key: as checkpoint_open.
 */
int inspect_file(const char *path, const char *key, FILE *out, struct err *e);

#endif
