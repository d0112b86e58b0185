/*
 * From a CLIP embedding to the transformer's condition, closing the gap between image embeddings
 * (training) and text embeddings (prompts): C3, arXiv 2401.08567, model.md section 7. With
 * centring, e = unit(unit(x) - mean of its own modality); without, e = unit(x).
 */
#ifndef MODEL_CONDITION_H
#define MODEL_CONDITION_H

#include "kernels/op.h"
#include "model/param.h"

struct condition {
    bool centred;
    struct tensor *image_mean,
        *text_mean; /* [E], buffers `image_mean`, `text_mean`; means of unit embeddings */
};

void condition_init(struct condition *m, bool centred, int embed_dim, struct param_list *l);
/* raw features [B, E] -> condition [B, E], unit rows. noise: standard deviation a dimension, added
 * before the last normalisation (training only; 0: none). */
struct tensor *condition_from_image(struct pass *p, const struct condition *m,
                                    const struct tensor *raw, float noise);
struct tensor *condition_from_text(struct pass *p, const struct condition *m,
                                   const struct tensor *raw);

#endif
