/*
 * Which tensor of a checkpoint becomes which parameter of ours. Everything is compared before
 * anything is read: what is missing, too many or of another shape is listed by name.
 */
#ifndef CONVERT_PLAN_H
#define CONVERT_PLAN_H

#include "base/buf.h"
#include "convert/family.h"
#include "model/param.h"

struct plan_step {
    char name[160];            /* as in the bundle: "clip.visual.proj" */
    const struct param *param; /* borrowed */
    int n_dims;
    int64_t dim[TENSOR_DIMS_MAX];                /* as in files */
    struct view part[RENAME_PARTS_MAX];          /* joined along the first dimension */
    const struct view *origin[RENAME_PARTS_MAX]; /* of each, in the checkpoint */
    int n_parts;
};

struct plan {
    struct plan_step *step; /* [n] */
    size_t n, cap;
    struct buf misfits; /* a line each; empty: everything fits */
    int n_misfits;
};

void plan_init(struct plan *p);
void plan_release(struct plan *p);
/* Steps for every parameter of the list (which outlives them), called prefix + name in the bundle.
 * their_prefix: in front
 * of the family's names ("condition." in a transformer's file). */
int plan_params(struct plan *p, const struct family *f, const struct networks *n,
                const struct tensors *t, const char *prefix, const char *their_prefix,
                const struct param_list *l, struct err *e);
/* Lists the tensors of a file that no step so far reads and that the family does not ignore. */
void plan_unused(struct plan *p, const struct family *f, const struct tensors *t);

/* weights_fill of a step (ctx): every value must be finite. */
int plan_fill(void *ctx, int64_t first, size_t n, float *dst, struct err *e);
/* Gives the pages of a step's tensors back. */
void plan_forget(const struct plan_step *s);

#endif
