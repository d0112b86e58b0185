/*
 * Golden fixtures: what the reference PyTorch code computes for tiny networks (what is in them and
 * the tolerances: tests/data/golden/README.md), and the bench that a network stands on in a test:
 * device, arena, tape, pass. Fixtures keep pictures and filters channels-first; values are
 * converted on their way in and out. Whatever goes wrong fails the test.
 */
#ifndef TESTS_MODEL_GOLDEN_H
#define TESTS_MODEL_GOLDEN_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/pass.h"
#include "kernels/tape.h"
#include "model/param.h"
#include "model/weights.h"

#define GOLDEN_FORWARD 1e-4 /* of the largest magnitude in the tensor */
#define GOLDEN_LOGITS 2e-5  /* GPT logits and CLIP embeddings */

enum golden_layout { GOLDEN_AS_STORED, GOLDEN_CHANNELS_FIRST };

struct golden {
    struct weights *file;
    struct device *dev;
    struct arena arena;
    struct tape *tape;
    struct pass pass;
};

/* name: of a file in tests/data/golden */
void golden_open(struct golden *g, const char *name);
void golden_close(struct golden *g);

/* A fresh pass; everything of the pass before is gone. */
struct pass *golden_pass(struct golden *g, bool with_tape);
/* Fails the test with the pass's error, if it has one. */
void golden_finish(struct golden *g);
/* From the loss through the whole tape. */
void golden_backward(struct golden *g, const struct tensor *loss);

/* ---- what a fixture holds ---- */

/* A whole number of __metadata__. */
int golden_int(const struct golden *g, const char *key);
double golden_number(const struct golden *g, const char *name);
/* mem_free; ret_n may be NULL. */
float *golden_floats(const struct golden *g, const char *name, int64_t *ret_n);
int32_t *golden_ints(const struct golden *g, const char *name, int64_t *ret_n);
/* In the present pass. */
struct tensor *golden_input(struct golden *g, const char *name, enum golden_layout layout);
struct tensor *golden_ids(struct golden *g, const char *name, int n_dims, const int64_t *dim);
/* Memory (with gradients) and values for every parameter of the list. */
void golden_load(struct golden *g, struct param_list *l);

/* ---- comparing ---- */

/* The values of a tensor; mem_free. */
float *golden_download(struct golden *g, const struct tensor *t);
/* Largest difference over the largest magnitude. */
double golden_error(struct golden *g, const char *name, const struct tensor *t,
                    enum golden_layout layout);
void golden_check(struct golden *g, const char *name, const struct tensor *t,
                  enum golden_layout layout, double tolerance);
/* Within 1e-4 of the number. */
void golden_check_number(const struct golden *g, const char *name, double value);
void golden_check_scalar(struct golden *g, const char *name, const struct tensor *t);
void golden_check_ids(struct golden *g, const char *name, const struct tensor *t);
/* Gradients stored as KIND.NAME or KIND_every13.NAME, and their norms. Returns how many parameters
 * of the list the fixture has gradients for. */
int golden_check_grads(struct golden *g, const struct param_list *l, const char *kind);
/* The same of one tensor that is no parameter, stored whole and channels-first under `name`. */
void golden_check_grad_of(struct golden *g, const char *name, const struct tensor *t);

/* Fails the test if rc is not 0. */
void golden_ok(int rc, const struct err *e);

#endif
