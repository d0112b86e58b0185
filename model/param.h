/*
 * The parameters of a network: one list names every parameter once, and everything that walks over
 * parameters (allocate, initialise, load, save, count, optimise, compare) walks over this list.
 *
 *     struct param_list l;
 *     param_list_init(&l);
 *     gpt_init(&gpt, &config, &l);                names and shapes; gpt.* point into the list
 *     if (param_list_alloc(&l, dev, true, e)) ... device memory, gradients too
 *     if (param_list_reset(&l, seed, e)) ...      random start, or weights_load_params()
 */
#ifndef MODEL_PARAM_H
#define MODEL_PARAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "kernels/device.h"
#include "kernels/tensor.h"

enum {
    PARAM_DECAY = 1,  /* weight decay applies (matrices of linear layers) */
    PARAM_CONV = 2,   /* in files [O, I, kh, kw]; in memory [O, kh, kw, I] */
    PARAM_LINEAR = 8, /* a matrix [O, I] that op_linear alone reads: may be packed */
    PARAM_BUFFER = 4, /* not trained: batch norm statistics, condition means */
};

enum param_start { START_ZERO, START_ONE, START_NORMAL, START_UNIFORM, START_CONSTANT };

/* How matrices marked PARAM_LINEAR are held: packed (kernels/device.h), in one of the formats, or
 * plain rows of f32, as training and saving need them. AUTO leaves it to the file that they come
 * from (bundle.h). */
enum param_format {
    PARAM_AUTO,
    PARAM_F32,
    PARAM_F16,
    PARAM_BF16,
    PARAM_Q8_0,
    PARAM_Q4_0,
    PARAM_PLAIN
};
#define PARAM_FORMATS "auto|f32|f16|bf16|q8_0|q4_0" /* in order, without PLAIN */

/* "auto", "f32", ...; "plain". */
const char *param_format_name(enum param_format format);

struct param {
    char name[96];       /* as in files, without the network's prefix */
    struct tensor value; /* F32, or packed */
    struct tensor grad;  /* data NULL without gradients */
    unsigned flags;
    enum param_start start;
    float scale; /* standard deviation (NORMAL), half width (UNIFORM) or the value (CONSTANT) */
};

struct param_list {
    struct param **item; /* stable addresses */
    int n;
    size_t cap;
    struct device *dev;
    void *values, *grads; /* one block each */
    struct err err;       /* sticky: param_add failed (memory, name too long, double name) */
};

void param_list_init(struct param_list *l);
void param_list_release(struct param_list *l);

/* Adds one parameter and returns its tensor (no memory yet); NULL when the list has failed. */
struct tensor *param_add(struct param_list *l, unsigned flags, enum param_start start, float scale,
                         int n_dims, const int64_t *dim, const char *name_fmt, ...)
    __attribute__((format(printf, 7, 8)));

/* 0, or -1 with the reason why an earlier param_add failed. */
int param_list_check(const struct param_list *l, struct err *e);

/* Device memory for all values (and, with_grads, for gradients of all but buffers, zeroed). */
int param_list_alloc(struct param_list *l, struct device *dev, bool with_grads, struct err *e);
/* Shapes, and how many bytes they would take: for planning. UNSUPPORTED: the device has not the
 * format. */
int param_list_plan_packed(struct param_list *l, const struct device *dev, enum param_format format,
                           size_t *ret_bytes, struct err *e);
/* The same with memory: values without gradients, matrices in a format. */
int param_list_alloc_packed(struct param_list *l, struct device *dev, enum param_format format,
                            struct err *e);
/* Gives a parameter of the list all its values, in the order of its dimensions. */
int param_set(struct param_list *l, struct param *p, const float *values, struct err *e);
/* Starting values from (seed, position in the list): the same on every device. */
int param_list_reset(struct param_list *l, uint64_t seed, struct err *e);
int param_list_zero_grads(struct param_list *l, struct err *e);
/* Switches gradients for all parameters (a frozen network inside a trained one); buffers never want
 * any. */
void param_list_want_grads(struct param_list *l, bool on);
/* NULL if there is none. */
struct param *param_find(const struct param_list *l, const char *name);
/* The shape of a parameter in files, value.n_dims long: convolutions are [O, I, kh, kw] there. */
void param_file_dims(const struct param *p, int64_t ret_dim[TENSOR_DIMS_MAX]);
/* Number of values, buffers left out. */
int64_t param_list_count(const struct param_list *l);

#endif
