/*
 * What an op leaves behind so that its gradient can be found: adjoint, inputs, output, saved
 * values. Records live in the pass's arena; a tape is a list of pointers to them and is good until
 * the arena is released.
 *
 *     tape_clear(t);
 *     loss = ...;                                   ops append
 *     tape_seed(&p, loss, 1.0f);
 *     tape_backward(&p, 0, tape_mark(t));           adjoints run in reverse; they always add
 *
 * A range of the tape can be run back alone: that is how the adaptive GAN weight is found without
 * an extra pass.
 */
#ifndef KERNELS_TAPE_H
#define KERNELS_TAPE_H

#include <stddef.h>

#include "base/err.h"
#include "kernels/pass.h"

#define TAPE_INPUTS_MAX 4
#define TAPE_SAVED_MAX 3

struct tape_node;
/* Adds to the gradients of node->in[] what node->out's gradient says. Errors go into the pass. */
typedef void tape_adjoint(struct pass *p, struct tape_node *node);

struct tape_node {
    tape_adjoint *adjoint;
    const struct tensor *in[TAPE_INPUTS_MAX]; /* NULL where absent */
    struct tensor *out;
    struct tensor *saved[TAPE_SAVED_MAX];
    int64_t iarg[6]; /* the op's own numbers */
    float farg[2];
};

struct tape;
struct tape *tape_new(void); /* NULL when memory is out */
void tape_free(struct tape *t);
void tape_clear(struct tape *t);
/* Number of records so far. */
size_t tape_mark(const struct tape *t);

/* For ops: a zeroed record appended to the pass's tape when there is one and any of the n inputs
 * wants a gradient (out->wants_grad is set then); NULL otherwise. */
struct tape_node *tape_append(struct pass *p, tape_adjoint *adjoint, struct tensor *out, int n,
                              const struct tensor *const *in);

/* The gradient of t, allocated and zeroed on first use; NULL if t is NULL or wants none (or the
 * pass failed). That of an op's output is used up when its record has run back: its memory may
 * have become the gradient of the op's input. */
struct tensor *tape_grad(struct pass *p, const struct tensor *t);
/* Puts grad (t's shape, or NULL) in place of t's gradient. */
void tape_set_grad(const struct tensor *t, struct tensor *grad);
/* Sets every element of t's gradient to value. */
void tape_seed(struct pass *p, const struct tensor *t, float value);
/* t's gradient += s * grad, which has t's shape. */
void tape_add_grad(struct pass *p, const struct tensor *t, const struct tensor *grad, float s);
/* Runs the adjoints of records [from, to) from last to first; those whose output got no gradient
 * are passed over. */
void tape_backward(struct pass *p, size_t from, size_t to);

#endif
