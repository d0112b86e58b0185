#include "kernels/sample.h"

#include "kernels/op_impl.h"

static bool column_fits(struct pass *p, const struct tensor *t, const char *name, enum dtype dtype,
                        int64_t n)
{
    char shape[80];
    if (!t)
        return pass_fail(p, ERR_INTERNAL, "sample: %s is missing", name);
    if (!op_is(t, dtype, 1, &n))
        return pass_fail(p, ERR_INTERNAL, "sample: %s is %s, must be %s[%d]", name,
                         tensor_describe(t, shape, sizeof shape), dtype_name(dtype), (int)n);
    return true;
}

/* N, or 0 after a failure. */
static int64_t check_rows(struct pass *p, const struct sample_rows *r)
{
    if (!INPUTS(p, r->logits, r->guidance))
        return 0;
    const struct tensor *logits = r->logits;
    int64_t n = tensor_count(r->guidance);
    if (logits->n_dims != 2 || logits->dim[0] < n)
        MISFIT(p, logits, r->guidance, "logits [R, V] for [N] sequences must have R >= N");
    if (!r->seed || !op_is(r->seed, DTYPE_I32, 2, (int64_t[]){ n, 2 }))
        pass_fail(p, ERR_INTERNAL, "sample: seed must be i32[%d, 2]", (int)n);
    bool fit = column_fits(p, r->cond_row, "cond_row", DTYPE_I32, n) &&
               column_fits(p, r->uncond_row, "uncond_row", DTYPE_I32, n) &&
               column_fits(p, r->guidance, "guidance", DTYPE_F32, n) &&
               column_fits(p, r->temperature, "temperature", DTYPE_F32, n) &&
               column_fits(p, r->top_k, "top_k", DTYPE_I32, n) &&
               column_fits(p, r->top_p, "top_p", DTYPE_F32, n) &&
               column_fits(p, r->position, "position", DTYPE_I32, n);
    return fit && !pass_failed(p) ? n : 0;
}

struct tensor *sample_draw(struct pass *p, const struct sample_rows *rows)
{
    int64_t n = check_rows(p, rows);
    if (!n)
        return NULL;
    struct tensor *tokens = pass_tensor(p, DTYPE_I32, 1, &n);
    CALL(p, sample_draw, rows, tokens);
    return op_result(p, tokens);
}

struct tensor *sample_probs(struct pass *p, const struct sample_rows *rows)
{
    int64_t n = check_rows(p, rows);
    if (!n)
        return NULL;
    struct tensor *probs =
        pass_tensor(p, DTYPE_F32, 2, (int64_t[]){ n, tensor_cols(rows->logits) });
    CALL(p, sample_probs, rows, probs);
    return op_result(p, probs);
}
