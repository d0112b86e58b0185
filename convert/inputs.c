#include "convert/inputs.h"

#include "convert/describe.h"

/* ---- opening ---- */

static int open_one(struct inputs *in, enum network n, FILE *out, struct err *e)
{
    const char *key = *in->options->key ? in->options->key : NULL, *path = in->of[n].path;
    struct family_input input = { .path = path, .options = in->options };

    if (!*path)
        return err_set(e, ERR_INVALID, "--%s is missing: a bundle needs --clip, --gpt and --vqgan",
                       family_network_name(n));
    if (checkpoint_open(path, key, &in->of[n].checkpoint, e))
        return -1;
    input.tensors = checkpoint_tensors(in->of[n].checkpoint);
    if (family_recognise(n, input.tensors, &in->of[n].family, e) ||
        in->of[n].family->configure(in->of[n].family, &input, &in->networks, e))
        return err_prefix(e, "%s: ", path);
    describe_input(path, in->of[n].checkpoint, in->of[n].family, &in->networks, out);
    return 0;
}

/* Names and shapes of every parameter that the bundle will have. */
static int name_params(struct inputs *in, struct err *e)
{
    const struct networks *n = &in->networks;

    condition_init(&in->means, n->centred, n->clip.embed_dim, &in->condition);
    if (clip_init(&in->clip, &n->clip, &in->of[NETWORK_CLIP].params, e) ||
        vqgan_new(&n->vqgan, &in->of[NETWORK_VQGAN].params, &in->vqgan, e) ||
        gpt_init(&in->gpt, &n->gpt, &in->of[NETWORK_GPT].params, e))
        return -1;
    return param_list_check(&in->condition, e);
}

int inputs_open(struct inputs *in, const struct options *o, FILE *out, struct err *e)
{
    *in = (struct inputs){ .options = o };
    in->of[NETWORK_CLIP].path = o->clip;
    in->of[NETWORK_GPT].path = o->gpt;
    in->of[NETWORK_VQGAN].path = o->vqgan;
    for (int n = 0; n < N_NETWORKS; n++)
        param_list_init(&in->of[n].params);
    param_list_init(&in->condition);
    plan_init(&in->plan);
    for (int n = 0; n < N_NETWORKS; n++)
        if (open_one(in, (enum network)n, out, e))
            return -1;
    return name_params(in, e);
}

void inputs_close(struct inputs *in)
{
    plan_release(&in->plan);
    clip_release(&in->clip);
    vqgan_free(in->vqgan);
    gpt_release(&in->gpt);
    param_list_release(&in->condition);
    for (int n = 0; n < N_NETWORKS; n++) {
        param_list_release(&in->of[n].params);
        checkpoint_close(in->of[n].checkpoint);
    }
}

/* ---- planning ---- */

/* One network; the means of conditions stand in the transformer's file. */
static int plan_one(struct inputs *in, enum network n, struct err *e)
{
    const struct tensors *t = checkpoint_tensors(in->of[n].checkpoint);
    const struct family *f = in->of[n].family;
    char prefix[16];

    snprintf(prefix, sizeof prefix, "%s.", family_network_name(n));
    if (plan_params(&in->plan, f, &in->networks, t, prefix, "", &in->of[n].params, e))
        return -1;
    if (n == NETWORK_GPT &&
        plan_params(&in->plan, f, &in->networks, t, "condition.", "condition.", &in->condition, e))
        return -1;
    plan_unused(&in->plan, f, t);
    return 0;
}

int inputs_plan(struct inputs *in, struct err *e)
{
    /* As model/bundle_save.c writes them: the same weights are the same file. */
    static const enum network ORDER[] = { NETWORK_CLIP, NETWORK_VQGAN, NETWORK_GPT };
    int before = 0;

    for (int i = 0; i < N_NETWORKS; i++) {
        if (plan_one(in, ORDER[i], e))
            return -1;
        if (in->plan.n_misfits > before)
            fprintf(stderr, "%s:\n%s", in->of[ORDER[i]].path, in->plan.misfits.data);
        buf_clear(&in->plan.misfits);
        before = in->plan.n_misfits;
    }
    if (before)
        return err_set(e, ERR_FORMAT, "%d tensor%s fit; nothing was written", before,
                       before > 1 ? "s do not" : " does not");
    return 0;
}
