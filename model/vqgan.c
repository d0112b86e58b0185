#include "model/vqgan.h"

#include "base/mem.h"
#include "model/vqgan_layers.h"

#define UNIT_EPS 1e-12f

struct vqgan {
    struct vqgan_config config;
    struct {
        struct nn_conv conv_in;
        struct vqgan_stack down, mid;
        struct nn_norm norm_out;
        struct nn_conv conv_out, quant_conv;
    } encoder;
    struct {
        struct nn_conv quant_conv_in, conv_in;
        struct vqgan_stack mid, up;
        struct nn_norm norm_out;
        struct nn_conv conv_out;
    } decoder;
    struct tensor *codebook; /* [K, D] */
};

/* ---- configuration ---- */

int vqgan_grid(const struct vqgan_config *c)
{
    return c->resolution >> (c->levels - 1);
}

int vqgan_code_dim(const struct vqgan_config *c)
{
    return c->code_dim ? c->code_dim : c->z_channels;
}

static int check_groups(const struct vqgan_config *c, const char *field, int channels,
                        struct err *e)
{
    if (channels % c->groups)
        return err_set(e, ERR_INVALID, "vqgan.%s: %d channels are no multiple of vqgan.groups %d",
                       field, channels, c->groups);
    return 0;
}

static int check_levels(const struct vqgan_config *c, struct err *e)
{
    for (int i = 0; i < c->levels; i++) {
        const struct nn_limit limit = { "mult", c->mult[i], 1, 64 };
        if (nn_check_limits("vqgan", &limit, 1, e) ||
            check_groups(c, "mult", c->ch * c->mult[i], e))
            return -1;
    }
    return 0;
}

int vqgan_config_check(const struct vqgan_config *c, struct err *e)
{
    const struct nn_limit limits[] = {
        { "resolution", c->resolution, 1, 2048 },
        { "ch", c->ch, 1, 1024 },
        { "levels", c->levels, 1, VQGAN_LEVELS_MAX },
        { "res_blocks", c->res_blocks, 1, VQGAN_BLOCKS_MAX },
        { "attn_resolution", c->attn_resolution, 0, 2048 },
        { "z_channels", c->z_channels, 1, 1024 },
        { "code_dim", c->code_dim, 0, 1024 },
        { "codebook", c->codebook, 2, 1 << 20 },
        { "groups", c->groups, 1, 1024 },
    };

    if (nn_check_limits("vqgan", limits, (int)(sizeof limits / sizeof *limits), e) ||
        check_groups(c, "ch", c->ch, e) || check_levels(c, e))
        return -1;
    if (c->resolution % (1 << (c->levels - 1)))
        return err_set(e, ERR_INVALID, "vqgan.resolution: %d cannot be halved %d times",
                       c->resolution, c->levels - 1);
    if (!(c->norm_eps > 0 && c->norm_eps < 1))
        return err_set(e, ERR_INVALID, "vqgan.norm_eps: %g is outside 0..1", (double)c->norm_eps);
    return 0;
}

/* ---- parameters ---- */

/* n residual blocks of one level, each followed by attention where the side asks for it; returns
 * the channels after them. */
static int add_blocks(struct vqgan_stack *s, struct param_list *l, const struct vqgan_config *c,
                      int level, int n, int in)
{
    int out = c->ch * c->mult[level];
    bool attn = c->resolution >> level == c->attn_resolution;

    for (int i = 0; i < n; i++) {
        vqgan_stack_add(s, l, VQGAN_RES, i ? out : in, out);
        if (attn)
            vqgan_stack_add(s, l, VQGAN_ATTN, out, out);
    }
    return out;
}

static void add_middle(struct vqgan_stack *s, struct param_list *l, int width)
{
    vqgan_stack_add(s, l, VQGAN_RES, width, width);
    vqgan_stack_add(s, l, VQGAN_ATTN, width, width);
    vqgan_stack_add(s, l, VQGAN_RES, width, width);
}

static void init_encoder(struct vqgan *m, struct param_list *l)
{
    const struct vqgan_config *c = &m->config;
    int width = c->ch;

    nn_conv_init(&m->encoder.conv_in, l, width, 3, 3, true, 0, "encoder.conv_in");
    m->encoder.down.prefix = "encoder.down";
    for (int level = 0; level < c->levels; level++) {
        width = add_blocks(&m->encoder.down, l, c, level, c->res_blocks, width);
        if (level < c->levels - 1)
            vqgan_stack_add(&m->encoder.down, l, VQGAN_DOWN, width, width);
    }
    m->encoder.mid.prefix = "encoder.mid";
    add_middle(&m->encoder.mid, l, width);
    nn_norm_init(&m->encoder.norm_out, l, width, "encoder.final.0");
    nn_conv_init(&m->encoder.conv_out, l, c->z_channels, width, 3, true, 0, "encoder.final.2");
    nn_conv_init(&m->encoder.quant_conv, l, vqgan_code_dim(c), c->z_channels, 1, true, 0,
                 "encoder.final.3");
}

static void init_decoder(struct vqgan *m, struct param_list *l)
{
    const struct vqgan_config *c = &m->config;
    int width = c->ch * c->mult[c->levels - 1];

    nn_conv_init(&m->decoder.quant_conv_in, l, c->z_channels, vqgan_code_dim(c), 1, true, 0,
                 "decoder.quant_conv_in");
    nn_conv_init(&m->decoder.conv_in, l, width, c->z_channels, 3, true, 0, "decoder.conv_in");
    m->decoder.mid.prefix = "decoder.mid";
    add_middle(&m->decoder.mid, l, width);
    m->decoder.up.prefix = "decoder.up";
    for (int level = c->levels - 1; level >= 0; level--) {
        width = add_blocks(&m->decoder.up, l, c, level, c->res_blocks + 1, width);
        if (level > 0)
            vqgan_stack_add(&m->decoder.up, l, VQGAN_UP, width, width);
    }
    nn_norm_init(&m->decoder.norm_out, l, width, "decoder.final.0");
    nn_conv_init(&m->decoder.conv_out, l, 3, width, 3, true, 0, "decoder.final.2");
}

int vqgan_new(const struct vqgan_config *c, struct param_list *l, struct vqgan **ret_model,
              struct err *e)
{
    int64_t codebook[] = { c->codebook, vqgan_code_dim(c) };

    if (vqgan_config_check(c, e))
        return -1;
    struct vqgan *m = mem_alloc(1, sizeof *m);
    if (!m)
        return err_set(e, ERR_NOMEM, "vqgan: no memory for its layers");
    m->config = *c;
    if (!c->decoder_only)
        init_encoder(m, l);
    init_decoder(m, l);
    m->codebook = param_add(l, 0, START_UNIFORM, 1.0f / (float)c->codebook, 2, codebook,
                            "quantizer.embedding.weight");
    if (param_list_check(l, e)) {
        vqgan_free(m);
        return -1;
    }
    *ret_model = m;
    return 0;
}

void vqgan_free(struct vqgan *m)
{
    mem_free(m);
}

const struct vqgan_config *vqgan_config(const struct vqgan *m)
{
    return &m->config;
}

struct tensor *vqgan_codebook(const struct vqgan *m)
{
    return m->codebook;
}

struct nn_conv vqgan_last_conv(const struct vqgan *m)
{
    return m->decoder.conv_out;
}

/* ---- forward ---- */

/* scale x + shift */
static struct tensor *affine(struct pass *p, const struct tensor *x, float scale, float shift)
{
    const float shifts[] = { shift, shift, shift };
    int64_t rgb[] = { 3 };

    return op_add(p, op_scale(p, x, scale), pass_upload(p, DTYPE_F32, 1, rgb, shifts));
}

struct tensor *vqgan_encode(struct pass *p, const struct vqgan *m, const struct tensor *x)
{
    const struct vqgan_config *c = &m->config;
    struct tensor *h;

    if (c->decoder_only)
        return pass_fail(p, ERR_UNSUPPORTED, "vqgan: this model has no encoder");
    h = nn_conv(p, &m->encoder.conv_in, c->unit_range ? affine(p, x, 0.5f, 0.5f) : x);
    h = vqgan_stack_forward(p, &m->encoder.down, c, h);
    h = vqgan_stack_forward(p, &m->encoder.mid, c, h);
    h = nn_conv(p, &m->encoder.conv_out, vqgan_norm(p, &m->encoder.norm_out, c, h, true));
    return nn_conv(p, &m->encoder.quant_conv, h); /* [B, h, w, D] */
}

struct tensor *vqgan_decode_features(struct pass *p, const struct vqgan *m,
                                     const struct tensor *z_q)
{
    const struct vqgan_config *c = &m->config;
    struct tensor *h = nn_conv(p, &m->decoder.quant_conv_in, z_q);

    h = nn_conv(p, &m->decoder.conv_in, h);
    h = vqgan_stack_forward(p, &m->decoder.mid, c, h);
    h = vqgan_stack_forward(p, &m->decoder.up, c, h);
    return vqgan_norm(p, &m->decoder.norm_out, c, h, true);
}

struct tensor *vqgan_decode_last(struct pass *p, const struct vqgan *m,
                                 const struct tensor *features)
{
    struct tensor *x = nn_conv(p, &m->decoder.conv_out, features);

    return m->config.unit_range ? affine(p, x, 2, -1) : x;
}

struct tensor *vqgan_decode(struct pass *p, const struct vqgan *m, const struct tensor *z_q)
{
    return vqgan_decode_last(p, m, vqgan_decode_features(p, m, z_q));
}

/* ---- quantiser ---- */

const struct tensor *vqgan_comparable(struct pass *p, const struct vqgan *m, const struct tensor *x)
{
    return m->config.unit_codes ? op_l2norm(p, x, UNIT_EPS) : x;
}

struct tensor *vqgan_lookup(struct pass *p, const struct vqgan *m, const struct tensor *ids,
                            int64_t batch)
{
    int64_t side = vqgan_grid(&m->config);
    int64_t dim[] = { batch, side, side, vqgan_code_dim(&m->config) };

    return op_reshape(p, op_embedding(p, vqgan_comparable(p, m, m->codebook), ids), 4, dim);
}

struct tensor *vqgan_quantize(struct pass *p, const struct vqgan *m, const struct tensor *z,
                              struct tensor **ret_ids, struct tensor **ret_rows)
{
    const struct tensor *zc = vqgan_comparable(p, m, z),
                        *codes = vqgan_comparable(p, m, m->codebook);
    struct tensor *ids, *rows;

    if (!zc)
        return NULL;
    ids = op_nearest_code(p, op_reshape(p, zc, 2, (int64_t[]){ -1, vqgan_code_dim(&m->config) }),
                          codes);
    rows = op_reshape(p, op_embedding(p, codes, ids), 4, zc->dim);
    *ret_ids = ids;
    if (ret_rows)
        *ret_rows = rows;
    return op_straight_through(p, zc, rows);
}

struct tensor *vqgan_quantizer_loss(struct pass *p, const struct vqgan *m, const struct tensor *z,
                                    const struct tensor *rows, float beta)
{
    const struct tensor *zc = vqgan_comparable(p, m, z);
    struct tensor *commitment = op_l2(p, zc, op_detach(p, rows));
    struct tensor *codebook = op_l2(p, op_detach(p, zc), rows);

    return op_add(p, commitment, op_scale(p, codebook, beta));
}
