#include "bench/work.h"

static double square(double x)
{
    return x * x;
}

struct work work_times(struct work w, int n)
{
    return (struct work){ n * w.flops, n * w.weight_bytes, n * w.cache_bytes };
}

/* ---- transformers ---- */

/* Matrices of one block: q, k, v, the projection, and the two of the MLP. */
static double block_weights(double width)
{
    return (3 + 1 + 4 + 4) * square(width);
}

/* T positions through all blocks; attention is two products of [T, T, W] */
static double blocks_flops(double layers, double width, double positions, bool causal)
{
    double attention = 2 * 2 * square(positions) * width / (causal ? 2 : 1);
    return layers * (2 * positions * block_weights(width) + attention);
}

static double gpt_weights(const struct gpt_config *c)
{
    return c->layers * block_weights(c->width) + (double)c->width * c->vocab;
}

static double gpt_flops(const struct gpt_config *c)
{
    double t = c->tokens;
    return blocks_flops(c->layers, c->width, t, true) + 2 * t * c->width * c->vocab +
           2.0 * c->cond_dim * c->width;
}

struct work work_decode(const struct gpt_config *c, int n, double bits, int cache_size)
{
    double before = c->tokens * (c->tokens - 1.0) / 2; /* positions that are read, over all steps */
    return (struct work){
        .flops = n * gpt_flops(c),
        .weight_bytes = c->tokens * gpt_weights(c) * bits / 8,
        .cache_bytes = n * before * 2 * c->width * c->layers * cache_size,
    };
}

struct work work_sample(const struct gpt_config *c, int n)
{
    return (struct work){ .cache_bytes = (double)n * c->tokens * c->vocab * sizeof(float) };
}

struct work work_train_gpt(const struct gpt_config *c, int pictures)
{
    double unwanted = 2.0 * c->cond_dim * c->width; /* of the condition */
    return (struct work){ .flops = pictures * (3 * gpt_flops(c) - unwanted) };
}

struct work work_clip_text(const struct clip_config *c)
{
    double projection = 2.0 * c->text.width * c->embed_dim;
    return (struct work){ .flops = projection + blocks_flops(c->text.layers, c->text.width,
                                                             c->text.context, true) };
}

struct work work_clip_image(const struct clip_config *c)
{
    double patches = square(c->image.size / c->image.patch); /* whole ones */
    double embed = 2 * patches * 3 * square(c->image.patch) * c->image.width;
    double projection = 2.0 * c->image.width * c->embed_dim;
    return (struct work){ .flops =
                              embed + projection +
                              blocks_flops(c->image.layers, c->image.width, 1 + patches, false) };
}

/* ---- VQGAN ---- */

/* To a picture of this side. */
static double conv(double kernel, double side, double in, double out)
{
    return 2 * square(kernel) * square(side) * in * out;
}

static double res(double side, double in, double out)
{
    return conv(3, side, in, out) + conv(3, side, out, out) +
           (in != out ? conv(1, side, in, out) : 0);
}

/* One head over all positions. */
static double attention(double side, double width)
{
    return conv(1, side, width, 4 * width) + 2 * 2 * square(side * side) * width;
}

static double middle(double side, double width)
{
    return 2 * res(side, width, width) + attention(side, width);
}

static double width_at(const struct vqgan_config *c, int level)
{
    return (double)c->ch * c->mult[level];
}

/* n blocks of one level, from `in` channels. */
static double level_blocks(const struct vqgan_config *c, int level, int n, double in)
{
    int side = c->resolution >> level;
    double out = width_at(c, level);
    double attn = side == c->attn_resolution ? n * attention(side, out) : 0;
    return res(side, in, out) + (n - 1) * res(side, out, out) + attn;
}

struct work work_vqgan_encode(const struct vqgan_config *c)
{
    double z = c->z_channels, flops = conv(3, c->resolution, 3, c->ch), in = c->ch;
    for (int level = 0; level < c->levels; level++) {
        flops += level_blocks(c, level, c->res_blocks, in);
        in = width_at(c, level);
        if (level < c->levels - 1)
            flops += conv(3, c->resolution >> (level + 1), in, in);
    }
    double grid = vqgan_grid(c);
    return (struct work){ .flops = flops + middle(grid, in) + conv(3, grid, in, z) +
                                   conv(1, grid, z, vqgan_code_dim(c)) };
}

struct work work_vqgan_decode(const struct vqgan_config *c)
{
    double z = c->z_channels, grid = vqgan_grid(c), in = width_at(c, c->levels - 1);
    double flops = conv(1, grid, vqgan_code_dim(c), z) + conv(3, grid, z, in) + middle(grid, in);
    for (int level = c->levels - 1; level >= 0; level--) {
        flops += level_blocks(c, level, c->res_blocks + 1, in);
        in = width_at(c, level);
        if (level > 0)
            flops += conv(3, c->resolution >> (level - 1), in, in);
    }
    return (struct work){ .flops = flops + conv(3, c->resolution, in, 3) };
}

struct work work_train_vqgan(const struct vqgan_config *c, int pictures)
{
    double networks = work_vqgan_encode(c).flops + work_vqgan_decode(c).flops;
    double nearest = 2.0 * square(vqgan_grid(c)) * c->codebook * vqgan_code_dim(c);
    double unwanted = conv(3, c->resolution, 3, c->ch); /* of the pixels */
    return (struct work){ .flops = pictures * (3 * networks - unwanted + nearest) };
}
