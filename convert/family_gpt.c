/*
 * The transformer of HFAiLab/clip-gen, whose names are ours; clipgen-convert --export adds a null
 * condition and the means of conditions where a bundle has them.
 */
#include "convert/family.h"

int family_gpt_configure(const struct family *f, const struct family_input *in,
                         struct networks *ret, struct err *e)
{
    struct view tokens, positions, cond;
    const struct tensors *t = in->tensors;
    struct gpt_config *c = &ret->gpt;

    if (family_need(f, t, "tok_emb.weight", &tokens, e) ||
        family_need(f, t, "pos_emb", &positions, e) ||
        family_need(f, t, "cond_proj.weight", &cond, e))
        return -1;
    *c = (struct gpt_config){
        .layers = family_count(f, t, "blocks.", ".encoder.norm1.weight"),
        .width = family_dim(&tokens, 1),
        .tokens = family_dim(&positions, 1),
        .vocab = family_dim(&tokens, 0),
        .cond_dim = family_dim(&cond, 1),
        .null_cond = tensors_find(t, "null_cond"),
    };
    ret->centred = tensors_find(t, "condition.image_mean");
    if (family_heads("gpt-heads", in->options->gpt_heads, c->width, &c->heads, e))
        return -1;
    return gpt_config_check(c, e);
}
