/*
 * What the op files share. Private to kernels/. An op reads:
 *
 *     struct tensor *op_silu(struct pass *p, const struct tensor *x)
 *     {
 *         if (!INPUTS(p, x))
 *             return NULL;
 *         struct tensor *y = op_like(p, x);
 *         CALL(p, act, ACT_SILU, 0, x, y);
 *         RECORD(p, silu_adjoint, y, x);
 *         return op_result(p, y);
 *     }
 *
 * After the first failure every step does nothing, so one question at the end is enough.
 */
#ifndef KERNELS_OP_IMPL_H
#define KERNELS_OP_IMPL_H

#include "kernels/device_impl.h"
#include "kernels/op.h"
#include "kernels/pass.h"
#include "kernels/tape.h"

/* Runs an entry of the device table; nothing on a failed or planned pass. An optional entry that
 * the device has not got fails the pass by name. */
#define CALL(p, entry, ...)                                                                        \
    do {                                                                                           \
        const struct device *call_dev = op_device(p);                                              \
        if (call_dev && !call_dev->backend->entry)                                                 \
            pass_fail(p, ERR_UNSUPPORTED, "%s: the %s backend has no " #entry, __func__,           \
                      call_dev->backend->name);                                                    \
        else if (call_dev)                                                                         \
            call_dev->backend->entry(call_dev->ctx, __VA_ARGS__, &(p)->err);                       \
    } while (0)

#define TENSOR_LIST(...) ((const struct tensor *const[]){ __VA_ARGS__ })
#define TENSOR_LIST_SIZE(...)                                                                      \
    ((int)(sizeof(TENSOR_LIST(__VA_ARGS__)) / sizeof(const struct tensor *)))

/* True when the pass is fine and every input is there and F32. */
#define INPUTS(p, ...)                                                                             \
    op_inputs(p, __func__, TENSOR_LIST_SIZE(__VA_ARGS__), TENSOR_LIST(__VA_ARGS__))
/* Fails with both shapes (b may be NULL) and the rule that they break; NULL. */
#define MISFIT(p, a, b, rule) op_misfit(p, __func__, a, b, rule)
/* Whether RECORD would record: some adjoints need values that inference need not keep. */
#define RECORDS(p, ...) op_records(p, TENSOR_LIST_SIZE(__VA_ARGS__), TENSOR_LIST(__VA_ARGS__))
/* Appends to the tape; the record, or NULL when there is none to make. */
#define RECORD(p, adjoint, out, ...)                                                               \
    tape_append(p, adjoint, out, TENSOR_LIST_SIZE(__VA_ARGS__), TENSOR_LIST(__VA_ARGS__))

/* The device to call; NULL on a failed or planned pass. */
const struct device *op_device(const struct pass *p);
bool op_inputs(struct pass *p, const char *op, int n, const struct tensor *const *in);
struct tensor *op_misfit(struct pass *p, const char *op, const struct tensor *a,
                         const struct tensor *b, const char *rule);
bool op_records(const struct pass *p, int n, const struct tensor *const *in);

/* F32 [n]? dtype and these dimensions? */
bool op_is_vector(const struct tensor *t, int64_t n);
bool op_is(const struct tensor *t, enum dtype dtype, int n_dims, const int64_t *dim);

/* F32 memory for a result: fresh, or the pass's place where that has this shape. */
struct tensor *op_new(struct pass *p, int n_dims, const int64_t *dim);
/* The same in x's shape. */
struct tensor *op_like(struct pass *p, const struct tensor *x);
/* x's memory in another shape of as many elements. */
struct tensor *op_view(struct pass *p, const struct tensor *x, int n_dims, const int64_t *dim);
/* x seen as a matrix of rows: no record, no arena. */
struct tensor op_as_rows(const struct tensor *x);
/* y, or NULL after a failure. */
struct tensor *op_result(const struct pass *p, struct tensor *y);

/* ---- for adjoints ---- */

/* in's gradient, to be written (*ret_fresh: it has no value yet, and memory is uninitialised) or
 * added to. NULL if unwanted. Spares the clearing where an adjoint can write. */
struct tensor *grad_target(struct pass *p, const struct tensor *in, bool *ret_fresh);
/* in's gradient += s * dy, where both have as many elements. */
void grad_add(struct pass *p, const struct tensor *in, float s, const struct tensor *dy);
/* The same with s = 1 and dy the gradient of the op's output, once every other use of dy is done:
 * where in has no gradient yet, it takes over dy's memory instead of copying it. */
void grad_pass_on(struct pass *p, const struct tensor *in, const struct tensor *dy);

#endif
