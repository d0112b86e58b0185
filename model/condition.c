#include "model/condition.h"

#include "model/clip.h"

void condition_init(struct condition *m, bool centred, int embed_dim, struct param_list *l)
{
    int64_t dim[] = { embed_dim };

    *m = (struct condition){ .centred = centred };
    if (!centred)
        return;
    m->image_mean = param_add(l, PARAM_BUFFER, START_ZERO, 0, 1, dim, "image_mean");
    m->text_mean = param_add(l, PARAM_BUFFER, START_ZERO, 0, 1, dim, "text_mean");
}

/* raw [B, E] -> unit(unit(raw) - mean + noise) */
static struct tensor *condition_from(struct pass *p, const struct condition *m,
                                     const struct tensor *raw, const struct tensor *mean,
                                     float noise)
{
    struct tensor *x = op_l2norm(p, raw, CLIP_NORM_EPS);

    if (!m->centred && noise == 0)
        return x;
    if (m->centred)
        x = op_add(p, x, op_scale(p, mean, -1.0f));
    if (noise > 0)
        x = op_add_noise(p, x, noise);
    return op_l2norm(p, x, CLIP_NORM_EPS);
}

struct tensor *condition_from_image(struct pass *p, const struct condition *m,
                                    const struct tensor *raw, float noise)
{
    return condition_from(p, m, raw, m->image_mean, noise);
}

struct tensor *condition_from_text(struct pass *p, const struct condition *m,
                                   const struct tensor *raw)
{
    return condition_from(p, m, raw, m->text_mean, 0);
}
