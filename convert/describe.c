#include "convert/describe.h"

static void describe_clip(const struct networks *n, FILE *out)
{
    const struct clip_config *c = &n->clip;

    fprintf(
        out,
        "       image %d, patch %d, width %d, %d layers, %d heads; text %d of %d entries, width "
        "%d, %d layers, %d heads; embedding %d\n",
        c->image.size, c->image.patch, c->image.width, c->image.layers, c->image.heads,
        c->text.context, c->text.vocab, c->text.width, c->text.layers, c->text.heads, c->embed_dim);
    fprintf(out, "       %s (as %s says), pictures resized %s\n",
            c->quick_gelu ? "QuickGELU" : "exact GELU", n->activation_from,
            c->bilinear ? "bilinear" : "bicubic");
}

static void describe_gpt(const struct networks *n, FILE *out)
{
    const struct gpt_config *c = &n->gpt;

    fprintf(
        out,
        "       %d layers, width %d, %d heads; %d tokens a picture of %d codes; condition %d%s%s\n",
        c->layers, c->width, c->heads, c->tokens, c->vocab, c->cond_dim,
        c->null_cond ? ", null condition for guidance" : "",
        n->centred ? ", centred conditions" : "");
}

static void describe_vqgan(const struct networks *n, FILE *out)
{
    const struct vqgan_config *c = &n->vqgan;

    fprintf(out, "       pictures %d, channels", c->resolution);
    for (int i = 0; i < c->levels; i++)
        fprintf(out, "%s%d", i ? "-" : " ", c->ch * c->mult[i]);
    fprintf(out, ", %d blocks, attention at %d; %d codes of %d%s\n", c->res_blocks,
            c->attn_resolution, c->codebook, vqgan_code_dim(c),
            c->unit_codes ? " at unit length" : "");
    fprintf(out, "       pixels in %s, group norm of %d groups with epsilon %g%s\n",
            c->unit_range ? "[0, 1]" : "[-1, 1]", c->groups, (double)c->norm_eps,
            c->decoder_only ? ", no encoder" : "");
}

void describe_input(const char *path, const struct checkpoint *c, const struct family *f,
                    const struct networks *n, FILE *out)
{
    static void (*const DESCRIBE[])(const struct networks *n, FILE *out) = {
        [NETWORK_CLIP] = describe_clip,
        [NETWORK_GPT] = describe_gpt,
        [NETWORK_VQGAN] = describe_vqgan,
    };

    fprintf(out, "%-6s %s: %s, %s, %zu tensors\n", family_network_name(f->network), path,
            checkpoint_container(c), f->name, checkpoint_tensors(c)->n);
    DESCRIBE[f->network](n, out);
}
