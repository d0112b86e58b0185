#include "model/nn.h"

#include <math.h>
#include <stdio.h>

#define NN_BLOCK_EPS 1e-5f /* of a transformer block's norms: CLIP and GPT alike */

/* ---- parameters ---- */

void nn_linear_init(struct nn_linear *m, struct param_list *l, int out, int in, bool bias,
                    float std, const char *name)
{
    int64_t w[] = { out, in }, b[] = { out };

    m->w = param_add(l, PARAM_DECAY | PARAM_LINEAR, START_NORMAL, std, 2, w, "%s.weight", name);
    m->b = bias ? param_add(l, 0, START_ZERO, 0, 1, b, "%s.bias", name) : NULL;
}

void nn_norm_init(struct nn_norm *m, struct param_list *l, int width, const char *name)
{
    int64_t dim[] = { width };

    m->g = param_add(l, 0, START_ONE, 0, 1, dim, "%s.weight", name);
    m->b = param_add(l, 0, START_ZERO, 0, 1, dim, "%s.bias", name);
}

void nn_conv_init(struct nn_conv *m, struct param_list *l, int out, int in, int kernel, bool bias,
                  float std, const char *name)
{
    int64_t w[] = { out, kernel, kernel, in }, b[] = { out };
    bool normal = std > 0;
    float scale = normal ? std : 1.0f / sqrtf((float)in * (float)kernel * (float)kernel);

    m->w = param_add(l, PARAM_CONV, normal ? START_NORMAL : START_UNIFORM, scale, 4, w, "%s.weight",
                     name);
    m->b = bias ? param_add(l, 0, normal ? START_ZERO : START_UNIFORM, scale, 1, b, "%s.bias", name)
                : NULL;
}

struct nn_name nn_name(const char *prefix, const char *part)
{
    struct nn_name name;

    snprintf(name.text, sizeof name.text, "%s%s", prefix, part);
    return name;
}

void nn_block_init(struct nn_block *m, struct param_list *l, int width,
                   const struct nn_block_start *start, const struct nn_block_names *n,
                   const char *prefix)
{
    int64_t qkv_w[] = { 3 * (int64_t)width, width }, qkv_b[] = { 3 * (int64_t)width };

    nn_norm_init(&m->ln1, l, width, nn_name(prefix, n->ln1).text);
    m->qkv.w = param_add(l, PARAM_DECAY | PARAM_LINEAR, START_NORMAL, start->qkv, 2, qkv_w, "%s%s",
                         prefix, n->qkv);
    m->qkv.b = param_add(l, 0, START_ZERO, 0, 1, qkv_b, "%s%s", prefix, n->qkv_bias);
    nn_linear_init(&m->proj, l, width, width, true, start->proj, nn_name(prefix, n->proj).text);
    nn_norm_init(&m->ln2, l, width, nn_name(prefix, n->ln2).text);
    nn_linear_init(&m->fc, l, 4 * width, width, true, start->fc, nn_name(prefix, n->fc).text);
    nn_linear_init(&m->fc_out, l, width, 4 * width, true, start->fc_out,
                   nn_name(prefix, n->fc_out).text);
}

/* ---- forward ---- */

struct tensor *nn_linear(struct pass *p, const struct nn_linear *m, const struct tensor *x)
{
    return op_linear(p, x, m->w, m->b);
}

struct tensor *nn_project(struct pass *p, const struct tensor *w, const struct tensor *x)
{
    return op_linear(p, x, op_permute(p, w, (int[]){ 1, 0 }), NULL);
}

struct tensor *nn_layernorm(struct pass *p, const struct nn_norm *m, const struct tensor *x,
                            float eps)
{
    return op_layernorm(p, x, m->g, m->b, eps);
}

static struct conv_pad keep_side(const struct nn_conv *m)
{
    int pad = (int)m->w->dim[1] / 2;

    return (struct conv_pad){ pad, pad, pad, pad };
}

struct tensor *nn_conv(struct pass *p, const struct nn_conv *m, const struct tensor *x)
{
    return op_conv2d(p, x, m->w, m->b, 1, keep_side(m));
}

struct tensor *nn_conv_add(struct pass *p, const struct nn_conv *m, const struct tensor *x,
                           const struct tensor *residual)
{
    return op_conv2d_add(p, x, m->w, m->b, 1, keep_side(m), residual);
}

static struct tensor *mlp_hidden(struct pass *p, const struct nn_linear *fc, const struct tensor *x,
                                 enum nn_mlp mlp)
{
    return mlp == NN_GELU ? op_linear_gelu(p, x, fc->w, fc->b)
                          : op_quick_gelu(p, nn_linear(p, fc, x));
}

/* x plus what the branch h ends in; fused where there is no dropout between. */
static struct tensor *residual(struct pass *p, const struct nn_linear *m, const struct tensor *h,
                               float dropout, const struct tensor *x)
{
    if (p->training && dropout > 0)
        return op_add(p, x, op_dropout(p, nn_linear(p, m, h), dropout));
    return op_linear_add(p, h, m->w, m->b, x);
}

struct tensor *nn_block(struct pass *p, const struct nn_block *m, const struct tensor *x, int heads,
                        bool causal, enum nn_mlp mlp, float dropout, struct kv *kv, int layer)
{
    if (!x)
        return NULL;
    struct nn_scope scope = nn_scope_open(p, x->n_dims, x->dim);
    struct tensor *h, *y; /* [B, T, D] */

    h = nn_layernorm(p, &m->ln1, x, NN_BLOCK_EPS);
    h = op_attention(p, nn_linear(p, &m->qkv, h), heads, causal, kv, layer);
    y = residual(p, &m->proj, h, dropout, x);
    h = nn_layernorm(p, &m->ln2, y, NN_BLOCK_EPS);
    h = mlp_hidden(p, &m->fc, h, mlp); /* [B, T, 4D] */
    nn_scope_last(p, &scope);
    return nn_scope_close(p, &scope, residual(p, &m->fc_out, h, dropout, y));
}

/* ---- working memory ---- */

struct nn_scope nn_scope_open(struct pass *p, int n_dims, const int64_t *dim)
{
    struct nn_scope s = { 0 };

    if (p->tape)
        return s;
    s.result = pass_tensor(p, DTYPE_F32, n_dims, dim);
    s.mark = arena_mark(p->arena);
    return s;
}

void nn_scope_last(struct pass *p, const struct nn_scope *s)
{
    pass_place(p, s->result);
}

struct tensor *nn_scope_close(struct pass *p, const struct nn_scope *s, struct tensor *y)
{
    if (p->tape)
        return y;
    pass_place(p, NULL);
    if (!y || !s->result)
        return NULL;
    if (!tensor_same_shape(y, s->result))
        return pass_fail(p, ERR_INTERNAL, "scope: the result has another shape than announced");
    if (y != s->result && !p->arena->planning && device_copy(p->dev, s->result, y, &p->err))
        return NULL;
    arena_release(p->arena, s->mark);
    return s->result;
}

/* ---- configuration ---- */

int nn_check_limits(const char *network, const struct nn_limit *limits, int n, struct err *e)
{
    for (int i = 0; i < n; i++) {
        const struct nn_limit *l = &limits[i];
        if (l->value < l->min || l->value > l->max)
            return err_set(e, ERR_INVALID, "%s.%s: %d is outside %d..%d", network, l->field,
                           l->value, l->min, l->max);
    }
    return 0;
}
