#include "server/prompts.h"

#include <string.h>

#include "base/mem.h"
#include "model/mix.h"

static bool has_negative(const struct gen_request *r)
{
    for (int i = 0; i < r->n_inputs; i++)
        if (r->inputs[i].prompt == INPUT_NEGATIVE)
            return true;
    return false;
}

int prompts_init(struct prompts *p, const struct gen_request *r, int embed_dim, struct err *e)
{
    size_t dim = (size_t)embed_dim;
    size_t inputs = dim * (size_t)r->n_inputs, prompts = dim * (size_t)r->n_prompts;

    *p = (struct prompts){ .memory = mem_alloc(2 * inputs + 2 * prompts + dim, sizeof *p->memory) };
    if (!p->memory)
        return err_set(e, ERR_NOMEM, "prompts: out of memory");
    p->embeds = p->memory;
    p->conds = p->embeds + inputs;
    p->targets = p->conds + inputs;
    p->means = p->targets + prompts;
    p->negative = has_negative(r) ? p->means + prompts : NULL;
    return 0;
}

void prompts_release(struct prompts *p)
{
    mem_free(p->memory);
}

bool prompts_ready(const struct prompts *p, const struct gen_request *r)
{
    return p->looked == r->n_inputs;
}

static int embed(const struct input *in, struct engine *g, float *ret_embed, struct err *e)
{
    switch (in->kind) {
    case INPUT_TEXT:
        return g->calls->embed_text(g, in->ids, in->end, ret_embed, e);
    case INPUT_IMAGE:
        return g->calls->embed_image(g, &in->image, ret_embed, e);
    default:
        memcpy(ret_embed, in->given, (size_t)g->info.embed_dim * sizeof *ret_embed);
        return 0;
    }
}

static enum gen_source source_of(const struct input *in)
{
    static const enum gen_source SOURCES[] = { [INPUT_TEXT] = GEN_TEXT, [INPUT_IMAGE] = GEN_IMAGE };

    return in->kind == INPUT_EMBEDDING ? in->source : SOURCES[in->kind];
}

/* The inputs of one prompt, given their vectors [n_inputs, E], as one vector. */
static int mix(const struct gen_request *r, int prompt, const float *vectors, int dim, float *ret,
               struct err *e)
{
    const float *v[REQUEST_INPUTS_MAX];
    float weight[REQUEST_INPUTS_MAX];
    int n = 0;

    for (int i = 0; i < r->n_inputs; i++) {
        if (r->inputs[i].prompt != prompt)
            continue;
        v[n] = vectors + (size_t)i * (size_t)dim;
        weight[n++] = r->inputs[i].weight;
    }
    return mix_unit(v, weight, n, dim, ret, e) ? err_prefix(e, "mix: ") : 0;
}

static int mix_all(struct prompts *p, const struct gen_request *r, int dim, struct err *e)
{
    for (int i = 0; i < r->n_prompts; i++) {
        size_t at = (size_t)i * (size_t)dim;
        if (mix(r, i, p->embeds, dim, p->targets + at, e) ||
            mix(r, i, p->conds, dim, p->means + at, e))
            return -1;
    }
    return p->negative ? mix(r, INPUT_NEGATIVE, p->conds, dim, p->negative, e) : 0;
}

int prompts_look(struct prompts *p, const struct gen_request *r, struct engine *g, struct err *e)
{
    const struct input *in = &r->inputs[p->looked];
    int dim = g->info.embed_dim;
    size_t at = (size_t)p->looked * (size_t)dim;

    if (embed(in, g, p->embeds + at, e))
        return -1;
    if (r->n_prompts && g->calls->condition(g, p->embeds + at, source_of(in), p->conds + at, e))
        return -1;
    p->looked++;
    return prompts_ready(p, r) ? mix_all(p, r, dim, e) : 0;
}
