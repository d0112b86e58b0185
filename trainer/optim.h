/*
 * AdamW over one parameter list: moments, weight average, saving and resuming. Paper: see
 * kernels/update.h.
 */
#ifndef TRAINER_OPTIM_H
#define TRAINER_OPTIM_H

#include "kernels/pass.h"
#include "model/param.h"
#include "model/weights.h"

struct optim_settings {
    float beta1, beta2, eps, decay;
    float clip;    /* largest gradient norm; 0: no clipping */
    float average; /* decay of the weight average; 0: none */
};

struct optim {
    struct optim_settings settings;
    struct param_list *params; /* borrowed; trained parameters only have moments */
    struct device *dev;
    struct tensor *m, *v, *average; /* [params->n]; average: every value, buffers too */
    void *block;                    /* device memory of all three */
};

int optim_init(struct optim *o, const struct optim_settings *s, struct param_list *params,
               struct device *dev, struct err *e);
void optim_release(struct optim *o);

/* One update from the gradients in the list; step counts from 0. Returns the gradient norm, a
 * scalar on the device (NULL when the pass failed). Gradients are left as they are. */
struct tensor *optim_step(struct optim *o, struct pass *p, int64_t step, float rate);

/* Exchanges weights and their average (no effect without one). Twice: as before. */
void optim_swap_average(struct optim *o);

/* Weights, moments and average as PREFIX weight. | adam_m. | adam_v. | average. NAME. */
int optim_save(const struct optim *o, const char *prefix, struct weights_out *out, struct err *e);
int optim_load(struct optim *o, const char *prefix, const struct weights *w, struct err *e);

/* Fills a list that is not trained here from a checkpoint: the average where there is one, else the
 * weights. */
int optim_load_result(struct param_list *params, const char *prefix, const struct weights *w,
                      struct err *e);

#endif
