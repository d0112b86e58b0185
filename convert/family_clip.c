/*
 * CLIP in OpenAI's names (OpenAI, HFAiLab, OpenCLIP) and in Hugging Face's. Everything but heads,
 * activation and preprocessing is read off the tensors.
 */
#include <math.h>
#include <string.h>

#include "convert/family.h"
#include "convert/hints.h"

/* OpenAI's, which OpenCLIP and Hugging Face kept. */
static const float MEAN[] = { 0.48145466f, 0.4578275f, 0.40821073f };
static const float STD[] = { 0.26862954f, 0.26130258f, 0.27577711f };

/* Widths, sizes and tables. */
static int read_sizes(const struct family *f, const struct tensors *t, struct clip_config *c,
                      struct err *e)
{
    struct view patch, positions, proj, tokens, context;

    if (family_need(f, t, "visual.conv1.weight", &patch, e) ||
        family_need(f, t, "visual.positional_embedding", &positions, e) ||
        family_need(f, t, "visual.proj", &proj, e) ||
        family_need(f, t, "token_embedding.weight", &tokens, e) ||
        family_need(f, t, "positional_embedding", &context, e))
        return -1;
    c->embed_dim = family_dim(&proj, 1);
    c->image.width = family_dim(&patch, 0);
    c->image.patch = family_dim(&patch, 3);
    c->image.size = c->image.patch * (int)lround(sqrt(family_dim(&positions, 0) - 1));
    c->image.layers = family_count(f, t, "visual.transformer.resblocks.", ".ln_1.weight");
    c->text.width = family_dim(&tokens, 1);
    c->text.vocab = family_dim(&tokens, 0);
    c->text.context = family_dim(&context, 0);
    c->text.layers = family_count(f, t, "transformer.resblocks.", ".ln_1.weight");
    return 0;
}

/* Options first, then files beside the weights, then what is usual. */
static int read_heads(const struct options *o, const struct hints *h, struct clip_config *c,
                      struct err *e)
{
    int64_t image = o->clip_heads ? o->clip_heads : h->image_heads;
    int64_t text = o->clip_text_heads ? o->clip_text_heads : h->text_heads;

    return family_heads("clip-heads", image, c->image.width, &c->image.heads, e) ||
                   family_heads("clip-text-heads", text, c->text.width, &c->text.heads, e)
               ? -1
               : 0;
}

/* OpenAI's own archives have these numbers beside the weights, and QuickGELU. */
static bool is_openai_archive(const struct tensors *t)
{
    return tensors_find(t, "input_resolution") && tensors_find(t, "context_length");
}

/* The same tensors run with either activation, and only one of them is right. */
static int read_activation(const struct family_input *in, const struct hints *h,
                           struct networks *ret, struct err *e)
{
    const struct {
        enum hints_activation activation;
        const char *from;
    } voices[] = {
        { (enum hints_activation)in->options->clip_activation, "--clip-activation" },
        { is_openai_archive(in->tensors) ? HINTS_ACT_QUICK_GELU : HINTS_ACT_UNKNOWN,
          "an archive of OpenAI" },
        { h->activation, "the configuration beside it" },
        { hints_of_name(in->path), "its name" },
    };

    for (size_t i = 0; i < sizeof voices / sizeof *voices; i++)
        if (voices[i].activation) {
            ret->clip.quick_gelu = voices[i].activation == HINTS_ACT_QUICK_GELU;
            ret->activation_from = voices[i].from;
            return 0;
        }
    return err_set(e, ERR_INVALID,
                   "no tensor tells the activation: give --clip-activation quick_gelu (weights of "
                   "OpenAI, also HFAiLab's copy) or gelu (most of OpenCLIP)");
}

static void read_pixels(const struct hints *h, struct clip_config *c)
{
    memcpy(c->mean, h->pixels ? h->mean : MEAN, sizeof c->mean);
    memcpy(c->std, h->pixels ? h->std : STD, sizeof c->std);
    c->bilinear = h->bilinear;
}

int family_clip_configure(const struct family *f, const struct family_input *in,
                          struct networks *ret, struct err *e)
{
    bool hf = tensors_find(in->tensors, "vision_model.embeddings.class_embedding");
    struct hints h;

    if ((hf ? hints_read_hf : hints_read_open_clip)(in->path, &h, e) ||
        read_sizes(f, in->tensors, &ret->clip, e) || read_heads(in->options, &h, &ret->clip, e) ||
        read_activation(in, &h, ret, e))
        return -1;
    read_pixels(&h, &ret->clip);
    return clip_config_check(&ret->clip, e);
}
