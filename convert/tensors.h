/*
 * A list of named views: what a checkpoint holds.
 */
#ifndef CONVERT_TENSORS_H
#define CONVERT_TENSORS_H

#include "convert/view.h"

#define TENSORS_MAX 65536
#define TENSORS_NAME_MAX 255 /* bytes */

struct tensors_item {
    char *name; /* owned */
    struct view view;
};

struct tensors {
    struct tensors_item *item; /* [n], in the order added */
    size_t n, cap;
    const struct tensors_item **by_name; /* [n] once indexed */
};

void tensors_release(struct tensors *t);
/* Names have at most TENSORS_NAME_MAX bytes, and no control characters: they are printed. */
int tensors_add(struct tensors *t, const char *name, const struct view *v, struct err *e);
/* Takes a prefix off every name, if all of them have it. */
void tensors_strip(struct tensors *t, const char *prefix);
/* After the last change: sorts names for tensors_find, refuses double ones. */
int tensors_index(struct tensors *t, struct err *e);
/* NULL if there is none. */
const struct view *tensors_find(const struct tensors *t, const char *name);

#endif
