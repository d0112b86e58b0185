#include "model/disc.h"

#include <stdio.h>

#define DISC_STD 0.02f
#define DISC_SLOPE 0.2f
#define DISC_MULT_MAX 8 /* channels double a layer up to this times ch */
#define BN_MOMENTUM 0.1f
#define BN_EPS 1e-5f

static void init_batchnorm(struct disc_norm *m, struct param_list *l, int width, const char *name)
{
    int64_t dim[] = { width };

    m->g = param_add(l, 0, START_ONE, 0, 1, dim, "%s.weight", name);
    m->b = param_add(l, 0, START_ZERO, 0, 1, dim, "%s.bias", name);
    m->mean = param_add(l, PARAM_BUFFER, START_ZERO, 0, 1, dim, "%s.running_mean", name);
    m->var = param_add(l, PARAM_BUFFER, START_ONE, 0, 1, dim, "%s.running_var", name);
}

/* Layer i >= 1: convolution at features.(3i - 1), norm at features.3i (the third is the
 * activation). */
static void init_layer(struct disc *m, struct param_list *l, int i, int out, int in)
{
    char name[64];

    snprintf(name, sizeof name, "discriminator.features.%d", 3 * i - 1);
    nn_conv_init(&m->conv[i], l, out, in, 4, false, DISC_STD, name);
    snprintf(name, sizeof name, "discriminator.features.%d", 3 * i);
    init_batchnorm(&m->norm[i], l, out, name);
}

int disc_init(struct disc *m, const struct disc_config *c, struct param_list *l, struct err *e)
{
    const struct nn_limit limits[] = {
        { "ch", c->ch, 1, 1024 },
        { "layers", c->layers, 1, DISC_LAYERS_MAX },
    };
    int width = c->ch;

    *m = (struct disc){ .config = *c };
    if (nn_check_limits("disc", limits, 2, e))
        return -1;
    nn_conv_init(&m->conv[0], l, width, 3, 4, true, DISC_STD, "discriminator.features.0");
    for (int i = 1; i <= c->layers; i++) {
        int mult = 1 << i < DISC_MULT_MAX ? 1 << i : DISC_MULT_MAX;
        init_layer(m, l, i, c->ch * mult, width);
        width = c->ch * mult;
    }
    nn_conv_init(&m->head, l, 1, width, 4, true, DISC_STD, "discriminator.head");
    return param_list_check(l, e);
}

static struct tensor *conv4(struct pass *p, const struct nn_conv *m, const struct tensor *x,
                            int stride)
{
    return op_conv2d(p, x, m->w, m->b, stride, (struct conv_pad){ 1, 1, 1, 1 });
}

struct tensor *disc_forward(struct pass *p, const struct disc *m, const struct tensor *x)
{
    struct tensor *h = op_leaky_relu(p, conv4(p, &m->conv[0], x, 2), DISC_SLOPE);

    for (int i = 1; i <= m->config.layers; i++) {
        const struct disc_norm *n = &m->norm[i];
        h = conv4(p, &m->conv[i], h, i < m->config.layers ? 2 : 1);
        h = op_batchnorm(p, h, n->g, n->b, n->mean, n->var, BN_MOMENTUM, BN_EPS);
        h = op_leaky_relu(p, h, DISC_SLOPE);
    }
    return conv4(p, &m->head, h, 1); /* [B, h, w, 1] */
}
