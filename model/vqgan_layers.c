#include "model/vqgan_layers.h"

#include <math.h>
#include <stdio.h>

/* ---- parameters ---- */

static void init_res(struct vqgan_res *m, struct param_list *l, int in, int out, const char *prefix)
{
    nn_norm_init(&m->norm1, l, in, nn_name(prefix, "block.0").text);
    nn_conv_init(&m->conv1, l, out, in, 3, true, 0, nn_name(prefix, "block.2").text);
    nn_norm_init(&m->norm2, l, out, nn_name(prefix, "block.3").text);
    nn_conv_init(&m->conv2, l, out, out, 3, true, 0, nn_name(prefix, "block.6").text);
    if (in != out)
        nn_conv_init(&m->shortcut, l, out, in, 1, true, 0, nn_name(prefix, "shortcut").text);
}

/* The standard deviations are those of PyTorch's MultiheadAttention: Xavier for q, k, v together,
 * uniform within 1/sqrt(C) for the output. */
static void init_attn(struct vqgan_attn *m, struct param_list *l, int width, const char *prefix)
{
    int64_t w[] = { 3 * (int64_t)width, width }, b[] = { 3 * (int64_t)width };
    float qkv_std = sqrtf(0.5f / (float)width), proj_std = 1 / sqrtf(3.0f * (float)width);

    nn_norm_init(&m->norm, l, width, nn_name(prefix, "norm").text);
    m->qkv.w =
        param_add(l, PARAM_DECAY, START_NORMAL, qkv_std, 2, w, "%sattn.in_proj_weight", prefix);
    m->qkv.b = param_add(l, 0, START_ZERO, 0, 1, b, "%sattn.in_proj_bias", prefix);
    nn_linear_init(&m->proj, l, width, width, true, proj_std,
                   nn_name(prefix, "attn.out_proj").text);
}

void vqgan_stack_add(struct vqgan_stack *s, struct param_list *l, enum vqgan_kind kind, int in,
                     int out)
{
    struct vqgan_layer *layer = &s->layer[s->n];
    char prefix[48];

    snprintf(prefix, sizeof prefix, "%s.%d.", s->prefix, s->n++);
    layer->kind = kind;
    layer->out = out;
    switch (kind) {
    case VQGAN_RES:
        init_res(&layer->u.res, l, in, out, prefix);
        break;
    case VQGAN_ATTN:
        init_attn(&layer->u.attn, l, in, prefix);
        break;
    case VQGAN_DOWN:
    case VQGAN_UP:
        nn_conv_init(&layer->u.conv, l, out, in, 3, true, 0, nn_name(prefix, "conv").text);
        break;
    }
}

/* ---- forward ---- */

struct tensor *vqgan_norm(struct pass *p, const struct nn_norm *m, const struct vqgan_config *c,
                          const struct tensor *x, bool silu)
{
    return op_groupnorm(p, x, m->g, m->b, c->groups, c->norm_eps, silu);
}

static struct tensor *res_forward(struct pass *p, const struct vqgan_res *m,
                                  const struct vqgan_config *c, const struct tensor *x,
                                  const struct nn_scope *scope)
{
    struct tensor *h;

    h = nn_conv(p, &m->conv1, vqgan_norm(p, &m->norm1, c, x, true));
    h = vqgan_norm(p, &m->norm2, c, h, true);
    x = m->shortcut.w ? nn_conv(p, &m->shortcut, x) : x;
    nn_scope_last(p, scope);
    return nn_conv_add(p, &m->conv2, h, x);
}

/* One head over all positions of the picture. */
static struct tensor *attn_forward(struct pass *p, const struct vqgan_attn *m,
                                   const struct vqgan_config *c, const struct tensor *x,
                                   const struct nn_scope *scope)
{
    int64_t rows[] = { x->dim[0], x->dim[1] * x->dim[2], x->dim[3] };
    struct tensor *h = op_reshape(p, vqgan_norm(p, &m->norm, c, x, false), 3, rows);

    h = op_attention(p, nn_linear(p, &m->qkv, h), 1, false, NULL, 0);
    h = op_reshape(p, nn_linear(p, &m->proj, h), 4, x->dim);
    nn_scope_last(p, scope);
    return op_add(p, x, h);
}

/* Padded at the right and bottom only. */
static struct tensor *down_forward(struct pass *p, const struct nn_conv *m, const struct tensor *x,
                                   const struct nn_scope *scope)
{
    nn_scope_last(p, scope);
    return op_conv2d(p, x, m->w, m->b, 2, (struct conv_pad){ .bottom = 1, .right = 1 });
}

static struct tensor *up_forward(struct pass *p, const struct nn_conv *m, const struct tensor *x,
                                 const struct nn_scope *scope)
{
    nn_scope_last(p, scope);
    return op_upsample2x_conv2d(p, x, m->w, m->b);
}

static struct tensor *layer_ops(struct pass *p, const struct vqgan_layer *layer,
                                const struct vqgan_config *c, const struct tensor *x,
                                const struct nn_scope *scope)
{
    switch (layer->kind) {
    case VQGAN_RES:
        return res_forward(p, &layer->u.res, c, x, scope);
    case VQGAN_ATTN:
        return attn_forward(p, &layer->u.attn, c, x, scope);
    case VQGAN_DOWN:
        return down_forward(p, &layer->u.conv, x, scope);
    case VQGAN_UP:
        return up_forward(p, &layer->u.conv, x, scope);
    }
    return pass_fail(p, ERR_INTERNAL, "vqgan: layer of kind %d", (int)layer->kind);
}

/* Side of a layer's result. */
static int64_t side_after(enum vqgan_kind kind, int64_t side)
{
    return kind == VQGAN_DOWN ? side / 2 : kind == VQGAN_UP ? 2 * side : side;
}

static struct tensor *layer_forward(struct pass *p, const struct vqgan_layer *layer,
                                    const struct vqgan_config *c, const struct tensor *x)
{
    if (!x)
        return NULL;
    int64_t dim[] = { x->dim[0], side_after(layer->kind, x->dim[1]),
                      side_after(layer->kind, x->dim[2]), layer->out };
    struct nn_scope scope = nn_scope_open(p, 4, dim);

    return nn_scope_close(p, &scope, layer_ops(p, layer, c, x, &scope));
}

struct tensor *vqgan_stack_forward(struct pass *p, const struct vqgan_stack *s,
                                   const struct vqgan_config *c, const struct tensor *x)
{
    struct tensor *y = layer_forward(p, &s->layer[0], c, x);

    for (int i = 1; i < s->n; i++)
        y = layer_forward(p, &s->layer[i], c, y);
    return y;
}
