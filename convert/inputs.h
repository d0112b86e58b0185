/*
 * The checkpoints of a conversion: opened, recognised, and every parameter found in them.
 */
#ifndef CONVERT_INPUTS_H
#define CONVERT_INPUTS_H

#include <stdio.h>

#include "convert/checkpoint.h"
#include "convert/plan.h"
#include "model/condition.h"

struct inputs {
    const struct options *options; /* borrowed */
    struct networks networks;
    struct {
        const char *path; /* borrowed */
        struct checkpoint *checkpoint;
        const struct family *family;
        struct param_list params; /* names and shapes alone */
    } of[N_NETWORKS];
    struct param_list condition;
    struct clip clip;
    struct vqgan *vqgan;
    struct gpt gpt;
    struct condition means;
    struct plan plan;
};

/* Opens the files that the options name, and prints what they are. After a failure too:
 * inputs_close. */
int inputs_open(struct inputs *in, const struct options *o, FILE *out, struct err *e);
/* Finds every parameter; what does not fit is listed in stderr. */
int inputs_plan(struct inputs *in, struct err *e);
void inputs_close(struct inputs *in);

#endif
