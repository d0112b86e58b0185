/*
 * VQGANs. Where names tell levels and blocks, they are counted; where layers are counted through,
 * they are walked. The side of a picture is in no tensor: tokens of a picture come from the
 * transformer.
 */
#include <math.h>
#include <stdio.h>

#include "convert/family.h"

/* Widths of the levels, as they are found. */
struct shape {
    int levels, width[VQGAN_LEVELS_MAX];
    int res_blocks;  /* of the encoder */
    int attn_level;  /* -1: attention in the middle only */
    int attn_levels; /* how many levels have any */
};

/* ---- what all have ---- */

static int side_of(int tokens)
{
    int side = (int)lround(sqrt(tokens));

    return side * side == tokens ? side : 0;
}

/* Pictures have as many tokens as the transformer has positions. */
static int read_resolution(const struct networks *n, const struct shape *s, int *ret, struct err *e)
{
    int tokens = n->gpt.tokens, side = side_of(tokens);

    if (!side)
        return err_set(e, ERR_INVALID, "the transformer draws %d tokens, which are no square",
                       tokens);
    *ret = side << (s->levels - 1);
    return 0;
}

static int gcd(int a, int b)
{
    return b ? gcd(b, a % b) : a;
}

/* Widths are ch times a whole number; ch_given 0: the largest that all are multiples of. */
static int read_widths(const struct shape *s, int ch_given, struct vqgan_config *c, struct err *e)
{
    int ch = ch_given;

    for (int i = 0; !ch_given && i < s->levels; i++)
        ch = gcd(ch, s->width[i]);
    c->ch = ch;
    c->levels = s->levels;
    for (int i = 0; i < s->levels; i++) {
        if (!ch || s->width[i] % ch)
            return err_set(e, ERR_FORMAT, "level %d has %d channels, no multiple of %d", i,
                           s->width[i], ch);
        c->mult[i] = s->width[i] / ch;
    }
    return 0;
}

static int read_traits(const struct family *f, const struct family_input *in, const struct shape *s,
                       struct networks *ret, struct err *e)
{
    static const bool UNIT[] = { [OPTIONS_RANGE_SIGNED] = false, [OPTIONS_RANGE_UNIT] = true };
    const struct options *o = in->options;
    struct vqgan_config *c = &ret->vqgan;

    if (s->attn_levels > 1)
        return err_set(e, ERR_UNSUPPORTED, "%d levels have attention, at most one is built",
                       s->attn_levels);
    if (read_resolution(ret, s, &c->resolution, e))
        return -1;
    c->res_blocks = s->res_blocks;
    c->attn_resolution = s->attn_level < 0 ? 0 : c->resolution >> s->attn_level;
    c->groups = (int)o->vqgan_groups;
    c->norm_eps = o->vqgan_eps > 0 ? (float)o->vqgan_eps : f->norm_eps;
    c->unit_codes = o->vqgan_unit_codes ? o->vqgan_unit_codes == OPTIONS_YES : f->unit_codes;
    c->unit_range = o->vqgan_range ? UNIT[o->vqgan_range] : f->unit_range;
    c->decoder_only = f->decoder_only;
    return vqgan_config_check(c, e);
}

/* Codebook and the two convolutions around it; and ch, where the encoder's first one tells it. */
static int read_ends(const struct family *f, const struct tensors *t, struct vqgan_config *c,
                     int *ret_ch, struct err *e)
{
    struct view codes, conv_in, first;

    if (family_need(f, t, "quantizer.embedding.weight", &codes, e) ||
        family_need(f, t, "decoder.conv_in.weight", &conv_in, e))
        return -1;
    c->codebook = family_dim(&codes, 0);
    c->z_channels = family_dim(&conv_in, 1);
    c->code_dim = family_dim(&codes, 1) == c->z_channels ? 0 : family_dim(&codes, 1);
    *ret_ch = 0;
    if (f->decoder_only)
        return 0;
    if (family_need(f, t, "encoder.conv_in.weight", &first, e))
        return -1;
    *ret_ch = family_dim(&first, 0);
    return 0;
}

/* ---- names with levels and blocks ---- */

static bool find_layer(const struct rename_rules *r, const struct tensors *t, const char *side,
                       int level, const char *layer, struct view *ret_view)
{
    char name[64];

    snprintf(name, sizeof name, "%s.%d.%s", side, level, layer);
    return rename_find(r, t, name, ret_view);
}

/* Level 0 is the largest picture; flipped: the file counts from the smallest. */
static void read_levels(const struct rename_rules *r, const struct tensors *t, const char *side,
                        bool flipped, struct shape *s)
{
    struct view v;

    while (s->levels < VQGAN_LEVELS_MAX &&
           find_layer(r, t, side, s->levels, "res.0.block.2.weight", &v))
        s->levels++;
    for (int i = 0; i < s->levels; i++) {
        int level = flipped ? s->levels - 1 - i : i;
        find_layer(r, t, side, level, "res.0.block.2.weight", &v);
        s->width[i] = family_dim(&v, 0);
        if (find_layer(r, t, side, level, "attn.0.norm.weight", &v)) {
            s->attn_level = i;
            s->attn_levels++;
        }
    }
}

int family_vqgan_configure(const struct family *f, const struct family_input *in,
                           struct networks *ret, struct err *e)
{
    const char *side = f->decoder_only ? "decoder" : "encoder";
    struct shape s = { .attn_level = -1 };
    char blocks[32];
    int ch;

    read_levels(&f->rules, in->tensors, side, f->decoder_only && f->decoder_from_bottom, &s);
    if (!s.levels)
        return err_set(e, ERR_FORMAT, "no level of the %s is there", side);
    snprintf(blocks, sizeof blocks, "%s.0.res.", side);
    s.res_blocks = family_count(f, in->tensors, blocks, ".block.0.weight") - f->decoder_only;
    if (read_ends(f, in->tensors, &ret->vqgan, &ch, e) || read_widths(&s, ch, &ret->vqgan, e))
        return -1;
    return read_traits(f, in, &s, ret, e);
}

/* ---- names that count ---- */

static bool has(const struct tensors *t, int layer, const char *part, struct view *ret_view)
{
    char name[64];

    snprintf(name, sizeof name, "encoder.down.%d.%s", layer, part);
    return rename_find(&RENAME_SAME, t, name, ret_view);
}

/* A residual block, attention behind it, or the end of a level; false behind the last layer. */
static bool walk_layer(const struct tensors *t, int layer, struct shape *s)
{
    int level = s->levels - 1;
    struct view v;

    if (has(t, layer, "block.2.weight", &v)) {
        s->width[level] = family_dim(&v, 0);
        s->res_blocks += level == 0;
    } else if (has(t, layer, "norm.weight", &v)) {
        s->attn_levels += s->attn_level != level;
        s->attn_level = level;
    } else if (has(t, layer, "conv.weight", &v) && s->levels < VQGAN_LEVELS_MAX) {
        s->levels++;
    } else {
        return false;
    }
    return true;
}

int family_vqgan_configure_counted(const struct family *f, const struct family_input *in,
                                   struct networks *ret, struct err *e)
{
    struct shape s = { .levels = 1, .attn_level = -1 };
    int ch;

    for (int layer = 0; walk_layer(in->tensors, layer, &s);)
        layer++;
    if (read_ends(f, in->tensors, &ret->vqgan, &ch, e) || read_widths(&s, ch, &ret->vqgan, e))
        return -1;
    return read_traits(f, in, &s, ret, e);
}
