/*
 * From a request's inputs to its prompts: the embedding of every input, the condition made of it,
 * and for every prompt the two mixed by weight. One input a call, on the device thread, so that a
 * request with many never holds up the others.
 */
#ifndef SERVER_PROMPTS_H
#define SERVER_PROMPTS_H

#include <stdbool.h>

#include "base/err.h"
#include "server/engine.h"
#include "server/request.h"

struct prompts {
    int looked;             /* inputs so far */
    float *memory;          /* owned; the others point into it */
    float *embeds, *conds;  /* of inputs [n_inputs, E] */
    float *targets, *means; /* of prompts [n_prompts, E]: unit embedding, condition */
    float *negative;        /* condition [E] that guidance leads away from; NULL: none is given */
};

int prompts_init(struct prompts *p, const struct gen_request *r, int embed_dim, struct err *e);
void prompts_release(struct prompts *p);

/* Every prompt is ready. */
bool prompts_ready(const struct prompts *p, const struct gen_request *r);
/* Looks at the next input; after the last one, mixes. INVALID: inputs of a prompt cancel each
 * other. Device thread. */
int prompts_look(struct prompts *p, const struct gen_request *r, struct engine *g, struct err *e);

#endif
