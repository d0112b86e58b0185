#include "convert/card.h"

static void write_networks(const struct bundle_config *c, struct buf *out)
{
    buf_printf(out, "| network | size |\n| --- | --- |\n");
    buf_printf(out, "| CLIP | pictures %d, patches %d, embedding %d, %s |\n", c->clip.image.size,
               c->clip.image.patch, c->clip.embed_dim,
               c->clip.quick_gelu ? "QuickGELU" : "exact GELU");
    buf_printf(out, "| transformer | %d layers of %d, %d tokens a picture |\n", c->gpt.layers,
               c->gpt.width, c->gpt.tokens);
    buf_printf(out, "| VQGAN | pictures %d, %d codes of %d, group norm epsilon %g |\n\n",
               c->vqgan.resolution, c->vqgan.codebook, vqgan_code_dim(&c->vqgan),
               (double)c->vqgan.norm_eps);
}

static void write_sources(const struct bundle_config *c, struct buf *out)
{
    buf_puts(out, "| for | file | whose names | SHA-256 |\n| --- | --- | --- | --- |\n");
    for (int i = 0; i < c->n_sources; i++)
        buf_printf(out, "| %s | %s | %s | %s |\n", c->source[i].network, c->source[i].file,
                   c->source[i].family, c->source[i].sha256);
}

void card_write(const struct bundle_config *c, enum weights_dtype dtype, bool licence_file,
                struct buf *out)
{
    buf_printf(out, "# %s\n\nA bundle for clipgend that clipgen-convert made; %s %s.\n\n", c->name,
               weights_in_blocks(dtype) ? "weights are F32, matrices of CLIP and of the transformer"
                                        : "weights are",
               weights_dtype_name(dtype));
    write_networks(c, out);
    buf_puts(out, "## Where it comes from\n\n");
    write_sources(c, out);
    buf_printf(out, "\n## Licence\n\n%s%s\n",
               c->licence[0] ? c->licence : "Not given by who converted it; ask the publishers.",
               licence_file ? "\n\nThe text is in LICENCE." : "");
}
